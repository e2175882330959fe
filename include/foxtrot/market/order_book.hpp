// foxtrot/market/order_book.hpp: one symbol's order book, built from the changes of its levels.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/int128.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/book_levels.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/detail/sorted_levels.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/levels.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace foxtrot::inline v0 {

enum class book_side : std::uint8_t { bids, asks };

struct order_book_settings {
  std::size_t reserve{4'096};  ///< levels a side with room made for them at once; more are allocated when they come
  std::size_t max_levels{0};   ///< levels a side to keep, the best ones, after each change; 0: all
};

/// Every level is a pair of integers; prices share one exponent and quantities another. When a finer one comes, all are
/// re-scaled, exactly. Changes cost a logarithmic search each, and together one pass over levels up to the best price
/// at most. With a cap, levels beyond it are forgotten, and are missing where better ones go. No allocation within the
/// reserved room, which holds for the levels of one message, too. One thread.
class order_book : private live_object<order_book> {
 public:
  explicit order_book(const order_book_settings& settings = {}) : max_levels_{settings.max_levels} {
    bids_.reserve(settings.reserve);
    asks_.reserve(settings.reserve);
    scratch_.reserve(settings.reserve);
  }

  /// Makes the changes. errc::number_out_of_range, and the book as it was, where no common exponent holds all numbers.
  [[nodiscard]] errc apply(const level_changes& changes) {
    if (changes.price_exponent != price_exponent_ || changes.quantity_exponent != quantity_exponent_) [[unlikely]] {
      if (const errc bad = agree(changes); bad != errc::none) return bad;
    }
    change(bids_, changes.bids, changes);
    change(asks_, changes.asks, changes);
    return errc::none;
  }
  [[nodiscard]] errc apply(const depth_update& update) { return apply(level_changes::of(update)); }

  /// Becomes the book that a snapshot shows, each price once. Best prices first is the order that costs least.
  void assign(const level_changes& snapshot) {
    clear();
    price_exponent_ = snapshot.price_exponent;
    quantity_exponent_ = snapshot.quantity_exponent;
    fill(bids_, snapshot.bids);
    fill(asks_, snapshot.asks);
  }
  void assign(const depth_snapshot& snapshot) { assign(level_changes::of(snapshot)); }

  /// No levels; the room stays.
  void clear() noexcept {
    bids_.clear();
    asks_.clear();
  }

  // --- the best prices, in constant time ---

  [[nodiscard]] std::optional<price_level> best_bid() const noexcept { return best(bids_); }
  [[nodiscard]] std::optional<price_level> best_ask() const noexcept { return best(asks_); }

  /// The best bid is not below the best ask: no market looks like that, so changes are missing.
  [[nodiscard]] bool crossed() const noexcept {
    return !bids_.empty() && !asks_.empty() && bids_.best().price >= asks_.best().price;
  }

  /// The best `count` levels, fewer if there are not as many; best first.
  [[nodiscard]] book_levels top(book_side side, std::size_t count) const noexcept {
    const auto raw = all(side);
    return {raw.last(std::min(count, raw.size())), price_exponent_, quantity_exponent_};
  }
  [[nodiscard]] book_levels bids() const noexcept { return top(book_side::bids, bids_.size()); }
  [[nodiscard]] book_levels asks() const noexcept { return top(book_side::asks, asks_.size()); }

  /// Levels of one side.
  [[nodiscard]] std::size_t size(book_side side) const noexcept { return all(side).size(); }
  [[nodiscard]] bool empty() const noexcept { return bids_.empty() && asks_.empty(); }

  // --- quantities, all exact ---

  /// What stands at that price; 0 where nothing does. Logarithmic.
  [[nodiscard]] decimal quantity_at(book_side side, const decimal& price) const noexcept {
    if (const auto mantissa = price.mantissa_at(price_exponent_)) {
      const auto raw = all(side);
      const std::size_t at = find(side, *mantissa);
      if (at < raw.size() && raw[at].price == *mantissa) return {raw[at].quantity, quantity_exponent_};
    }
    return {0, quantity_exponent_};
  }

  /// What stands at that price and at better ones. Linear in the levels it adds up.
  [[nodiscard]] wide_decimal depth_to(book_side side, const decimal& price) const noexcept {
    int128 total = 0;
    const auto raw = all(side);
    for (std::size_t i = raw.size(); i-- > 0;) {
      const auto order = decimal{raw[i].price, price_exponent_} <=> price;
      if (side == book_side::bids ? order < 0 : order > 0) break;
      total += raw[i].quantity;
    }
    return {total, quantity_exponent_};
  }

  /// The sum of price x quantity for taking that quantity from this side, best price first: exact. Nothing where the
  /// side does not hold as much, or where 128 bits do not suffice. Linear in the levels taken.
  [[nodiscard]] std::optional<wide_decimal> cost(book_side side, const decimal& quantity) const noexcept;

  /// The average price for taking that quantity from this side: cost / quantity, as a double.
  [[nodiscard]] std::optional<double> vwap(book_side side, const decimal& quantity) const noexcept {
    const auto total = cost(side, quantity);
    if (!total || quantity.is_zero()) return std::nullopt;
    return total->to_double() / quantity.to_double();
  }

  [[nodiscard]] int price_exponent() const noexcept { return price_exponent_; }
  [[nodiscard]] int quantity_exponent() const noexcept { return quantity_exponent_; }

 private:
  [[nodiscard]] std::span<const raw_level> all(book_side side) const noexcept {
    return side == book_side::bids ? bids_.all() : asks_.all();
  }
  [[nodiscard]] std::size_t find(book_side side, std::int64_t price) const noexcept {
    return side == book_side::bids ? bids_.find(price) : asks_.find(price);
  }
  template <class Side>
  [[nodiscard]] std::optional<price_level> best(const Side& side) const noexcept {
    if (side.empty()) return std::nullopt;
    return price_level{{side.best().price, price_exponent_}, {side.best().quantity, quantity_exponent_}};
  }

  template <class Side>
  void change(Side& side, std::span<const raw_level> levels, const level_changes& of) {
    if (of.price_exponent == price_exponent_ && of.quantity_exponent == quantity_exponent_) [[likely]] {
      side.apply(levels, scratch_);
    } else {
      for (const raw_level& level : levels) side.set(*converted(level, of));
    }
    if (max_levels_ != 0) side.keep(max_levels_);
  }

  // From the worst price, where a snapshot is in its usual order: each level goes to the end.
  template <class Side>
  void fill(Side& side, std::span<const raw_level> levels) {
    for (std::size_t i = levels.size(); i-- > 0;) side.set(levels[i]);
    if (max_levels_ != 0) side.keep(max_levels_);
  }

  [[nodiscard]] std::optional<raw_level> converted(const raw_level& level, const level_changes& of) const noexcept {
    const auto price = decimal{level.price, of.price_exponent}.mantissa_at(price_exponent_);
    const auto quantity = decimal{level.quantity, of.quantity_exponent}.mantissa_at(quantity_exponent_);
    if (!price || !quantity) return std::nullopt;
    return raw_level{*price, *quantity};
  }

  // Common exponents for the book and the changes: the finer ones, if every level can have them.
  [[nodiscard]] errc agree(const level_changes& changes) noexcept;
  [[nodiscard]] bool try_exponents(int price, int quantity, const level_changes& changes) noexcept;

  detail::sorted_levels<true> bids_;
  detail::sorted_levels<false> asks_;
  std::vector<detail::level_edit> scratch_;
  std::size_t max_levels_;
  int price_exponent_{0};
  int quantity_exponent_{0};
};

inline bool order_book::try_exponents(int price, int quantity, const level_changes& changes) noexcept {
  const level_changes now{{}, {}, price_exponent_, quantity_exponent_};
  const bool rescale = price != price_exponent_ || quantity != quantity_exponent_;
  price_exponent_ = price;
  quantity_exponent_ = quantity;
  const auto all_fit = [this](std::span<const raw_level> levels, const level_changes& of) {
    return std::ranges::all_of(levels, [&](const raw_level& level) { return converted(level, of).has_value(); });
  };
  if (!(all_fit(changes.bids, changes) && all_fit(changes.asks, changes) &&
        (!rescale || (all_fit(bids_.all(), now) && all_fit(asks_.all(), now))))) {
    price_exponent_ = now.price_exponent;
    quantity_exponent_ = now.quantity_exponent;
    return false;
  }
  if (rescale) {
    for (raw_level& level : bids_.all()) level = *converted(level, now);
    for (raw_level& level : asks_.all()) level = *converted(level, now);
  }
  return true;
}

inline errc order_book::agree(const level_changes& changes) noexcept {
  const bool fresh = empty();
  const int price = fresh ? changes.price_exponent : std::min(price_exponent_, changes.price_exponent);
  const int quantity = fresh ? changes.quantity_exponent : std::min(quantity_exponent_, changes.quantity_exponent);
  // zeros at the end of what came may be all that makes it finer
  const bool agreed =
      try_exponents(price, quantity, changes) || try_exponents(price_exponent_, quantity_exponent_, changes);
  return agreed ? errc::none : errc::number_out_of_range;
}

inline std::optional<wide_decimal> order_book::cost(book_side side, const decimal& quantity) const noexcept {
  const decimal wanted = quantity.normalized();
  const int unit = std::min(wanted.exponent(), quantity_exponent_);
  const auto mantissa = wide_decimal{wanted}.mantissa_at(unit);
  const int exponent = price_exponent_ + unit;
  if (!mantissa || *mantissa < 0 || exponent < std::numeric_limits<std::int8_t>::min()) return std::nullopt;
  int128 left = *mantissa;
  int128 total = 0;
  const auto raw = all(side);
  for (std::size_t i = raw.size(); i-- > 0 && left != 0;) {
    // a level that does not fit this unit holds more than is left
    const int128 there = wide_decimal{raw[i].quantity, quantity_exponent_}.mantissa_at(unit).value_or(left);
    const int128 taken = std::min(there, left);
    int128 paid = 0;
    if (__builtin_mul_overflow(int128{raw[i].price}, taken, &paid) || __builtin_add_overflow(total, paid, &total))
      return std::nullopt;
    left -= taken;
  }
  if (left != 0) return std::nullopt;
  return wide_decimal{total, exponent};
}

}  // namespace foxtrot::inline v0
