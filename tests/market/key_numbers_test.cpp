// tests/market/key_numbers_test.cpp: keys as small numbers.
#include <foxtrot/market/detail/key_numbers.hpp>

#include <catch2/catch.hpp>

#include <cstdint>

using foxtrot::detail::key_numbers;

TEST_CASE("key_numbers: numbers in order of arrival, the same ever after, up to the limit", "[market]") {
  constexpr std::uint32_t most = 1000;
  key_numbers numbers{most};
  for (std::uint32_t i = 0; i < most; ++i) CHECK(numbers.of(i * 65'536 + 7) == i);
  CHECK(numbers.of(3) == most);
  for (std::uint32_t i = 0; i < most; ++i) CHECK(numbers.of(i * 65'536 + 7) == i);
  CHECK(numbers.of(0xffffffff) == most);
  key_numbers none{0};
  CHECK(none.of(0) == 0);
}
