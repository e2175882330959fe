// examples/support/exact.hpp: arithmetic of strategies: exact sums and products, quotients rounded once.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/decimal_arithmetic.hpp>
#include <foxtrot/core/decimal_literals.hpp>
#include <foxtrot/core/decimal_rounding.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

namespace example {

using foxtrot::decimal;
using foxtrot::wide_decimal;

namespace detail {

[[nodiscard]] inline wide_decimal or_throw(const std::optional<wide_decimal>& value) {
  if (!value) throw std::overflow_error{"a number that 128 bits cannot hold"};
  return *value;
}

}  // namespace detail

// Exact, or std::overflow_error: a strategy that cannot count must not go on.
[[nodiscard]] inline wide_decimal plus(const wide_decimal& a, const wide_decimal& b) {
  return detail::or_throw(add(a, b));
}
[[nodiscard]] inline wide_decimal minus(const wide_decimal& a, const wide_decimal& b) {
  return detail::or_throw(subtract(a, b));
}
[[nodiscard]] inline wide_decimal times(const wide_decimal& a, const wide_decimal& b) {
  return detail::or_throw(multiply(a, b));
}

/// a / b with so many digits behind the point; what is left is cut off. Nothing where b is 0.
[[nodiscard]] inline std::optional<wide_decimal> quotient(const wide_decimal& a, const wide_decimal& b, int decimals) {
  if (b.is_zero()) return std::nullopt;
  const int shift = a.exponent() - b.exponent() + decimals;
  const auto above = wide_decimal{a.mantissa(), std::max(shift, 0)}.mantissa_at(0);
  const auto below = wide_decimal{b.mantissa(), std::max(-shift, 0)}.mantissa_at(0);
  if (!above || !below) throw std::overflow_error{"a quotient that 128 bits cannot hold"};
  return wide_decimal{*above / *below, -decimals};
}

/// For a reader: rounded to so many digits behind the point.
[[nodiscard]] inline std::string shown(const wide_decimal& value, int decimals) {
  const auto rounded = round_to_step(value, wide_decimal{1, -decimals}, foxtrot::rounding::nearest);
  return rounded.value_or(value).str();
}

/// (a + b) / 2.
[[nodiscard]] inline wide_decimal middle(const wide_decimal& a, const wide_decimal& b) {
  using namespace foxtrot::literals;
  return times(plus(a, b), "0.5"_dec);
}

}  // namespace example
