// foxtrot/core/impl/decimal.hpp: what decimal.hpp declares.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

namespace foxtrot::inline v0 {

template <decimal_mantissa Mantissa>
result<std::string> basic_decimal<Mantissa>::fixed(int fraction_digits) const {
  if (fraction_digits < 0) return errc::bad_argument;
  std::string text(max_chars + static_cast<std::size_t>(fraction_digits), '\0');
  const auto [end, failed] = to_chars(text.data(), text.data() + text.size(), fraction_digits);
  if (failed != std::errc{}) return errc::number_out_of_range;
  text.resize(static_cast<std::size_t>(end - text.data()));
  return text;
}

#ifdef FOXTROT_SOURCE
template result<std::string> basic_decimal<std::int64_t>::fixed(int) const;
template result<std::string> basic_decimal<int128>::fixed(int) const;
#endif

}  // namespace foxtrot::inline v0
