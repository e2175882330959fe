// foxtrot/core/decimal_rounding.hpp: decimals brought to a tick or lot size, in a direction that the caller names.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/decimal_arithmetic.hpp>
#include <foxtrot/core/int128.hpp>

#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

/// Which multiple of the step: the one below or above (towards minus or plus infinity), or the nearer one, of two
/// equally near the one farther from zero.
enum class rounding : std::uint8_t { down, up, nearest };

namespace detail {

/// value / step as a whole number of steps and a remainder, `of` being the step in the remainder's unit.
struct division {
  bool overflow{false};  // the step is beyond 128 bits of the value's unit: the value is less than half of it
  uint128 whole{0};      // known where the step is the coarser one
  uint128 rest{0};
  uint128 of{1};
};

// x + y modulo m, for x and y below m.
[[nodiscard]] constexpr uint128 add_modulo(uint128 x, uint128 y, uint128 m) noexcept {
  return x >= m - y ? x - (m - y) : x + y;
}

[[nodiscard]] constexpr division divide(const signed_magnitude& value, const signed_magnitude& step) noexcept {
  division found{.of = step.magnitude};
  if (value.exponent < step.exponent) {
    for (int at = step.exponent; at > value.exponent; --at) {
      if (__builtin_mul_overflow(found.of, uint128{10}, &found.of)) return {.overflow = true, .rest = value.magnitude};
    }
    found.whole = value.magnitude / found.of;
    found.rest = value.magnitude % found.of;
    return found;
  }
  found.rest = value.magnitude % found.of;
  for (int at = value.exponent; at > step.exponent && found.rest != 0; --at) {  // times ten, never past 128 bits
    const uint128 two = add_modulo(found.rest, found.rest, found.of);
    const uint128 four = add_modulo(two, two, found.of);
    found.rest = add_modulo(add_modulo(four, four, found.of), two, found.of);
  }
  return found;
}

}  // namespace detail

/// The multiple of `step` next to `value` in that direction; `value` itself where it is one. Exact: nothing where the
/// mantissa cannot hold the outcome, or where the step is not above zero.
template <class Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> round_to_step(const basic_decimal<Mantissa>& value,
                                                                             const basic_decimal<Mantissa>& step,
                                                                             rounding direction) noexcept {
  if (step.mantissa() <= 0) return std::nullopt;
  const detail::signed_magnitude number{value};
  const detail::signed_magnitude unit{step};
  const detail::division found = detail::divide(number, unit);
  if (found.rest == 0) return value;
  const bool away_from_zero = direction == rounding::nearest ? !found.overflow && found.rest >= found.of - found.rest
                                                             : (direction == rounding::up) != number.negative;
  if (value.exponent() < step.exponent()) {
    return detail::product<Mantissa>({number.negative, found.whole + (away_from_zero ? 1 : 0), 0}, unit);
  }
  const uint128 distance = away_from_zero ? found.of - found.rest : found.rest;
  return detail::sum<Mantissa>(number, {number.negative == away_from_zero, distance, step.exponent()});
}

}  // namespace foxtrot::inline v0
