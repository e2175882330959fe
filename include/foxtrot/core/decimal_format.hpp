// foxtrot/core/decimal_format.hpp: std::format of decimals, where the standard library has it.
#pragma once

#include <foxtrot/core/decimal.hpp>

#include <version>

#ifdef __cpp_lib_format
#include <array>
#include <cstddef>
#include <format>

/// "{}" writes the shortest exact text. There is nothing to specify: whatever else stands in the braces is refused.
template <foxtrot::decimal_mantissa Mantissa>
struct std::formatter<foxtrot::basic_decimal<Mantissa>, char> {
  template <class Context>
  constexpr typename Context::iterator parse(Context& context) const {
    return context.begin();  // std::format itself insists on the closing brace
  }

  template <class Context>
  typename Context::iterator format(const foxtrot::basic_decimal<Mantissa>& value, Context& context) const {
    std::array<char, foxtrot::basic_decimal<Mantissa>::max_chars> text{};
    const std::size_t length = value.to_chars(text);
    auto out = context.out();
    for (std::size_t i = 0; i < length; ++i) *out++ = text[i];
    return out;
  }
};
#endif
