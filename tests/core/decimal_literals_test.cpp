#include <foxtrot/core/decimal_literals.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>

using namespace foxtrot::literals;

TEST_CASE("decimal literals: are the numbers they look like", "[core]") {
  static_assert("61837.63"_dec == foxtrot::decimal{6183763, -2});
  static_assert("-0.50"_dec.mantissa() == -50);
  static_assert("-9223372036854775808"_dec.mantissa() == std::numeric_limits<std::int64_t>::min());
  static_assert("9223372036854775808"_wide_dec.mantissa() == foxtrot::int128{1} << 63);
  static_assert(std::is_same_v<decltype("1"_dec), foxtrot::decimal>);
  static_assert(std::is_same_v<decltype("1"_wide_dec), foxtrot::wide_decimal>);
  CHECK("61837.630"_dec.str() == "61837.63");
}
