// examples/support/micro_price.hpp: where the next trade is to be expected: the middle, weighted by size.
#pragma once

#include "exact.hpp"
#include "quote_board.hpp"

#include <cstdint>
#include <optional>

namespace example {

/// (bid x ask size + ask x bid size) / (bid size + ask size): nearer to the side that is about to run out. With so many
/// digits behind the point, cut off; nothing without sizes.
[[nodiscard]] inline std::optional<wide_decimal> micro_price(const quote& now, int decimals) {
  const wide_decimal weighted = plus(times(now.bid, now.ask_quantity), times(now.ask, now.bid_quantity));
  return quotient(weighted, plus(now.bid_quantity, now.ask_quantity), decimals);
}

/// Whether the micro-price foresees which way the middle moves next. One thread.
class micro_price_record {
 public:
  void on(const wide_decimal& middle, const wide_decimal& micro) {
    if (last_ && middle != last_->middle && last_->micro != last_->middle) {
      const bool expected_up = last_->micro > last_->middle;
      ++(expected_up == (middle > last_->middle) ? right_ : wrong_);
    }
    last_ = {middle, micro};
  }
  /// The next quote does not follow the last one.
  void forget() { last_.reset(); }

  [[nodiscard]] std::uint64_t right() const { return right_; }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }

 private:
  struct pair {
    wide_decimal middle, micro;
  };
  std::optional<pair> last_;
  std::uint64_t right_{0};
  std::uint64_t wrong_{0};
};

}  // namespace example
