// examples/support/paper_trading.hpp: orders that nobody sees, what would have filled them, and the money they make.
#pragma once

#include "exact.hpp"

#include <algorithm>
#include <deque>
#include <optional>

namespace example {

enum class side { buy, sell };

struct order {
  decimal price, quantity;
};

/// Our two quotes. Nobody knows our place in the queue at a price, so only a trade beyond it is sure to have filled us:
/// one below our bid, one above our ask. One thread.
class paper_quotes {
 public:
  struct fill {
    side what{side::buy};
    decimal price, quantity;
  };

  void set(side which, std::optional<order> to) {
    (which == side::buy ? bid_ : ask_) = to && !to->quantity.is_zero() ? to : std::nullopt;
  }
  void cancel() { bid_ = ask_ = std::nullopt; }
  [[nodiscard]] bool working() const { return bid_ || ask_; }
  [[nodiscard]] const std::optional<order>& bid() const { return bid_; }
  [[nodiscard]] const std::optional<order>& ask() const { return ask_; }

  /// The market has traded: what that did to us, at our price and no more than was traded.
  [[nodiscard]] std::optional<fill> on_trade(const decimal& price, const decimal& quantity) {
    if (bid_ && price < bid_->price) return take(side::buy, bid_, quantity);
    if (ask_ && price > ask_->price) return take(side::sell, ask_, quantity);
    return std::nullopt;
  }

 private:
  [[nodiscard]] static fill take(side what, std::optional<order>& from, const decimal& traded) {
    const fill made{what, from->price, std::min(from->quantity, traded)};
    const auto left = subtract(from->quantity, made.quantity);
    if (left && !left->is_zero()) {
      from->quantity = *left;
    } else {
      from.reset();
    }
    return made;
  }

  std::optional<order> bid_;
  std::optional<order> ask_;
};

/// A position and what it has earned, first in first out: exact, without a division. One thread.
class paper_account {
 public:
  /// `fee`: a share of what is paid or received.
  void trade(side what, const decimal& price, const decimal& quantity, const decimal& fee) {
    fees_ = plus(fees_, times(times(price, quantity), fee));
    wide_decimal left = quantity;
    while (left > wide_decimal{} && !lots_.empty() && side_ != what) {
      lot& oldest = lots_.front();
      const wide_decimal closed = std::min(left, oldest.quantity);
      const wide_decimal gain = side_ == side::buy ? minus(price, oldest.price) : minus(oldest.price, price);
      realised_ = plus(realised_, times(gain, closed));
      left = minus(left, closed);
      oldest.quantity = minus(oldest.quantity, closed);
      if (oldest.quantity.is_zero()) lots_.pop_front();
    }
    if (left.is_zero()) return;
    side_ = what;
    lots_.push_back({price, left});
  }

  /// Above 0 where we are long.
  [[nodiscard]] wide_decimal position() const {
    wide_decimal total;
    for (const lot& each : lots_) total = side_ == side::buy ? plus(total, each.quantity) : minus(total, each.quantity);
    return total;
  }
  /// Of what has been closed, fees not taken off.
  [[nodiscard]] const wide_decimal& realised() const { return realised_; }
  [[nodiscard]] const wide_decimal& fees() const { return fees_; }
  /// Of what is open, if it were closed at that price.
  [[nodiscard]] wide_decimal unrealised(const wide_decimal& mark) const {
    wide_decimal total;
    for (const lot& each : lots_) {
      const wide_decimal gain = side_ == side::buy ? minus(mark, each.price) : minus(each.price, mark);
      total = plus(total, times(gain, each.quantity));
    }
    return total;
  }
  [[nodiscard]] wide_decimal profit(const wide_decimal& mark) const {
    return minus(plus(realised_, unrealised(mark)), fees_);
  }

 private:
  struct lot {
    wide_decimal price, quantity;
  };

  side side_{side::buy};  // of all lots
  std::deque<lot> lots_;  // the oldest first
  wide_decimal realised_;
  wide_decimal fees_;
};

}  // namespace example
