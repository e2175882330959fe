// foxtrot/market/level_builder.hpp: price levels read one by one, brought to common exponents.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/market/levels.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace foxtrot::inline v0 {

/// One exponent for numbers that arrive one at a time. A venue writes the same number of decimals everywhere, so the
/// common case costs a comparison; else the mantissas so far are rewritten.
class common_exponent {
 public:
  [[nodiscard]] int get() const noexcept { return exponent_; }

  /// The mantissa of `value` under the common exponent. Where that has to change first, `mantissa_of(i)` for i below
  /// `count` names those already converted. errc::number_out_of_range where no exponent suits all.
  template <class MantissaOf>
  [[nodiscard]] errc convert(const decimal& value, std::size_t count, MantissaOf&& mantissa_of,
                             std::int64_t& converted) noexcept {
    if (count == 0) exponent_ = value.exponent();
    if (value.exponent() == exponent_) [[likely]] {
      converted = value.mantissa();
      return errc::none;
    }
    if (const auto fits = value.mantissa_at(exponent_)) {
      converted = *fits;
      return errc::none;
    }
    // the coarsest exponent that is exact for all of them
    int wanted = value.is_zero() ? exponent_ : value.normalized().exponent();
    for (std::size_t i = 0; i < count; ++i) {
      if (const decimal old{mantissa_of(i), exponent_}; !old.is_zero())
        wanted = std::min(wanted, old.normalized().exponent());
    }
    const auto last = value.mantissa_at(wanted);
    for (std::size_t i = 0; i < count; ++i) {
      if (!decimal{mantissa_of(i), exponent_}.mantissa_at(wanted)) return errc::number_out_of_range;
    }
    if (!last) return errc::number_out_of_range;
    for (std::size_t i = 0; i < count; ++i) mantissa_of(i) = *decimal{mantissa_of(i), exponent_}.mantissa_at(wanted);
    exponent_ = wanted;
    converted = *last;
    return errc::none;
  }

 private:
  int exponent_{0};
};

/// Fills a depth event's body, in place.
class level_builder {
 public:
  level_builder() noexcept = default;
  explicit level_builder(std::span<raw_level> room) noexcept : room_{room} {}

  /// errc::number_out_of_range where a mantissa or the room does not suffice.
  [[nodiscard]] errc add(const decimal& price, const decimal& quantity) noexcept {
    if (count_ == room_.size()) return errc::number_out_of_range;
    raw_level& level = room_[count_];
    const auto price_of = [this](std::size_t i) -> std::int64_t& { return room_[i].price; };
    const auto quantity_of = [this](std::size_t i) -> std::int64_t& { return room_[i].quantity; };
    if (const errc bad = price_.convert(price, count_, price_of, level.price); bad != errc::none) return bad;
    if (const errc bad = quantity_.convert(quantity, count_, quantity_of, level.quantity); bad != errc::none)
      return bad;
    ++count_;
    return errc::none;
  }

  /// Exchanges the first `count` levels with those after them.
  void swap_sides(std::size_t count) noexcept {
    std::rotate(room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(count),
                room_.begin() + static_cast<std::ptrdiff_t>(count_));
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::int8_t price_exponent() const noexcept { return static_cast<std::int8_t>(price_.get()); }
  [[nodiscard]] std::int8_t quantity_exponent() const noexcept { return static_cast<std::int8_t>(quantity_.get()); }

 private:
  std::span<raw_level> room_;
  std::size_t count_{0};
  common_exponent price_;
  common_exponent quantity_;
};

}  // namespace foxtrot::inline v0
