#include <foxtrot/core/decimal_format.hpp>

#include <catch2/catch.hpp>

#ifdef __cpp_lib_format
TEST_CASE("decimal format: writes the shortest text", "[core]") {
  CHECK(std::format("{} and {}", foxtrot::decimal{6183763000000, -8}, foxtrot::wide_decimal{-5, -1}) ==
        "61837.63 and -0.5");
}
#else
TEST_CASE("decimal format: is left out where the library has no std::format", "[core]") { SUCCEED(); }
#endif
