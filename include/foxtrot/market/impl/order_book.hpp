// foxtrot/market/impl/order_book.hpp: what order_book.hpp declares.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/int128.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/order_book.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace foxtrot::inline v0 {

template <class Side>
void order_book::change(Side& side, std::span<const raw_level> levels, const level_changes& of) {
  if (of.price_exponent == price_exponent_ && of.quantity_exponent == quantity_exponent_) [[likely]] {
    side.apply(levels, scratch_);
  } else {
    for (const raw_level& level : levels) side.set(*converted(level, of));
  }
  if (max_levels_ != 0) side.keep(max_levels_);
}

// From the worst price, where a snapshot is in its usual order: each level goes to the end.
template <class Side>
void order_book::fill(Side& side, std::span<const raw_level> levels) {
  for (std::size_t i = levels.size(); i-- > 0;) side.set(levels[i]);
  if (max_levels_ != 0) side.keep(max_levels_);
}

FOXTROT_DECL bool order_book::try_exponents(int price, int quantity, const level_changes& changes) noexcept {
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

FOXTROT_DECL errc order_book::agree(const level_changes& changes) noexcept {
  const bool fresh = empty();
  const int price = fresh ? changes.price_exponent : std::min(price_exponent_, changes.price_exponent);
  const int quantity = fresh ? changes.quantity_exponent : std::min(quantity_exponent_, changes.quantity_exponent);
  // zeros at the end of what came may be all that makes it finer
  const bool agreed =
      try_exponents(price, quantity, changes) || try_exponents(price_exponent_, quantity_exponent_, changes);
  return agreed ? errc::none : errc::number_out_of_range;
}

FOXTROT_DECL std::optional<wide_decimal> order_book::cost(book_side side, const decimal& quantity) const noexcept {
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

FOXTROT_DECL order_book::order_book(const order_book_settings& settings) : max_levels_{settings.max_levels} {
  bids_.reserve(settings.reserve);
  asks_.reserve(settings.reserve);
  scratch_.reserve(settings.reserve);
}

FOXTROT_DECL errc order_book::apply(const level_changes& changes) {
  if (changes.price_exponent != price_exponent_ || changes.quantity_exponent != quantity_exponent_) [[unlikely]] {
    if (const errc bad = agree(changes); bad != errc::none) return bad;
  }
  change(bids_, changes.bids, changes);
  change(asks_, changes.asks, changes);
  return errc::none;
}

FOXTROT_DECL errc order_book::apply(const depth_update& update) { return apply(level_changes::of(update)); }

FOXTROT_DECL void order_book::assign(const level_changes& snapshot) {
  clear();
  price_exponent_ = snapshot.price_exponent;
  quantity_exponent_ = snapshot.quantity_exponent;
  fill(bids_, snapshot.bids);
  fill(asks_, snapshot.asks);
}

FOXTROT_DECL void order_book::assign(const depth_snapshot& snapshot) { assign(level_changes::of(snapshot)); }

FOXTROT_DECL void order_book::clear() noexcept {
  bids_.clear();
  asks_.clear();
}

FOXTROT_DECL decimal order_book::quantity_at(book_side side, const decimal& price) const noexcept {
  if (const auto mantissa = price.mantissa_at(price_exponent_)) {
    const auto raw = all(side);
    const std::size_t at = find(side, *mantissa);
    if (at < raw.size() && raw[at].price == *mantissa) return {raw[at].quantity, quantity_exponent_};
  }
  return {0, quantity_exponent_};
}

FOXTROT_DECL wide_decimal order_book::depth_to(book_side side, const decimal& price) const noexcept {
  int128 total = 0;
  const auto raw = all(side);
  for (std::size_t i = raw.size(); i-- > 0;) {
    const auto order = decimal{raw[i].price, price_exponent_} <=> price;
    if (side == book_side::bids ? order < 0 : order > 0) break;
    total += raw[i].quantity;
  }
  return {total, quantity_exponent_};
}

FOXTROT_DECL std::optional<double> order_book::vwap(book_side side, const decimal& quantity) const noexcept {
  const auto total = cost(side, quantity);
  if (!total || quantity.is_zero()) return std::nullopt;
  return total->to_double() / quantity.to_double();
}

FOXTROT_DECL std::size_t order_book::find(book_side side, std::int64_t price) const noexcept {
  return side == book_side::bids ? bids_.find(price) : asks_.find(price);
}

FOXTROT_DECL std::optional<raw_level> order_book::converted(const raw_level& level,
                                                            const level_changes& of) const noexcept {
  const auto price = decimal{level.price, of.price_exponent}.mantissa_at(price_exponent_);
  const auto quantity = decimal{level.quantity, of.quantity_exponent}.mantissa_at(quantity_exponent_);
  if (!price || !quantity) return std::nullopt;
  return raw_level{*price, *quantity};
}

}  // namespace foxtrot::inline v0
