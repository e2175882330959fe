// tests/market/key_numbers_test.cpp: keys as small numbers.
#include <foxtrot/market/detail/key_numbers.hpp>

#include <catch2/catch.hpp>

#include <cstdint>

using foxtrot::detail::key_numbers;

TEST_CASE("key_numbers: only known keys are found, and none by looking", "[market]") {
  constexpr std::uint32_t most = 3;
  key_numbers numbers{most};
  CHECK(numbers.find(0) == most);
  for (std::uint32_t key = 0; key < most; ++key) {
    CHECK(numbers.find(key) == most);
    CHECK(numbers.of(key) == key);
    CHECK(numbers.find(key) == key);
  }
  CHECK(numbers.of(9) == most);
  CHECK(numbers.find(9) == most);
  CHECK(key_numbers{0}.find(7) == 0);
}

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
