// foxtrot/core/impl/decimal_text.hpp: what detail/decimal_text.hpp declares.
#pragma once

#include <foxtrot/core/detail/decimal_text.hpp>
#include <foxtrot/core/int128.hpp>

#include <array>
#include <charconv>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL double nearest_double(bool negative, uint128 magnitude, int exponent) noexcept {
  const digits all{magnitude};
  std::array<char, digits::most + 8> text{};  // a sign, the digits, 'e' and an exponent of four characters
  char* end = text.data();
  if (negative) *end++ = '-';
  if (all.count() == 0) *end++ = '0';
  for (const char digit : all) *end++ = digit;
  *end++ = 'e';
  end = std::to_chars(end, text.data() + text.size(), exponent).ptr;
  double value = 0;
  std::from_chars(text.data(), end, value);
  return value;
}

}  // namespace foxtrot::inline v0::detail
