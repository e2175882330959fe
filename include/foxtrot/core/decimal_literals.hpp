// foxtrot/core/decimal_literals.hpp: decimals in source code: "61837.63"_dec.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>

#include <cstddef>
#include <string_view>

namespace foxtrot::inline v0 {

namespace detail {

// Not constexpr: to get here while compiling is the error, and its name is the message.
inline void text_is_not_a_decimal_that_fits() {}

template <class Decimal>
consteval Decimal literal(std::string_view text) {
  Decimal value;
  if (Decimal::parse_into(text, value) != errc::none) text_is_not_a_decimal_that_fits();
  return value;
}

}  // namespace detail

inline namespace literals {

/// A number as the venue writes it; any other text does not compile, nor does one that 64 bits cannot hold.
consteval decimal operator""_dec(const char* text, std::size_t length) {
  return detail::literal<decimal>({text, length});
}
/// The same with 128 bits.
consteval wide_decimal operator""_wide_dec(const char* text, std::size_t length) {
  return detail::literal<wide_decimal>({text, length});
}

}  // namespace literals

}  // namespace foxtrot::inline v0
