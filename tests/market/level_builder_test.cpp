#include <foxtrot/market/level_builder.hpp>

#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string_view>
#include <vector>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

decimal number(std::string_view text) {
  decimal value;
  REQUIRE(decimal::parse_into(text, value) == errc::none);
  return value;
}

levels built(const level_builder& from, const std::array<raw_level, 8>& room) {
  return {std::span{room}.first(from.size()), from.price_exponent(), from.quantity_exponent()};
}

}  // namespace

TEST_CASE("level_builder: the venue's usual levels keep its exponents", "[market]") {
  std::array<raw_level, 8> room{};
  level_builder side{room};
  CHECK(side.add(number("61837.63000000"), number("1.50000")) == errc::none);
  CHECK(side.add(number("61837.00000000"), number("0.00000")) == errc::none);
  CHECK(side.size() == 2);
  CHECK(side.price_exponent() == -8);
  CHECK(side.quantity_exponent() == -5);
  CHECK(room[0] == raw_level{6183763000000, 150000});
  CHECK(room[1] == raw_level{6183700000000, 0});
}

TEST_CASE("level_builder: levels with other exponents are brought to a common one", "[market]") {
  std::array<raw_level, 8> room{};
  level_builder side{room};
  const std::array<std::array<std::string_view, 2>, 5> texts{
      {{"100", "5"}, {"100.5", "0"}, {"99.25", "0.001"}, {"0.000", "7.0000000"}, {"98", "1"}}};
  for (const auto& [price, quantity] : texts) REQUIRE(side.add(number(price), number(quantity)) == errc::none);
  const levels all = built(side, room);
  REQUIRE(all.size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CHECK(all[i].price == number(texts[i][0]));
    CHECK(all[i].quantity == number(texts[i][1]));
  }
}

TEST_CASE("level_builder: a coarser exponent saves what the finer one cannot hold", "[market]") {
  std::array<raw_level, 8> room{};
  level_builder side{room};
  REQUIRE(side.add(number("100.00000000"), number("1")) == errc::none);
  REQUIRE(side.add(decimal{most, 0}, number("1")) == errc::none);
  CHECK(side.price_exponent() == 0);
  CHECK(room[0].price == 100);
  CHECK(room[1].price == most);
}

TEST_CASE("level_builder: where no exponent suits all, nothing is changed", "[market]") {
  std::array<raw_level, 8> room{};
  level_builder side{room};
  REQUIRE(side.add(number("0.00000001"), number("1")) == errc::none);
  CHECK(side.add(decimal{most, 0}, number("2")) == errc::number_out_of_range);
  CHECK(side.add(number("3"), decimal{most, 0}) == errc::none);
  CHECK(side.add(number("4"), number("0.5")) == errc::number_out_of_range);
  const levels all = built(side, room);
  REQUIRE(all.size() == 2);
  CHECK(all[0] == price_level{number("0.00000001"), number("1")});
  CHECK(all[1] == price_level{number("3"), decimal{most, 0}});
}

TEST_CASE("level_builder: a refused quantity leaves the levels before it as they were", "[market]") {
  std::array<raw_level, 8> room{};
  level_builder side{room};
  REQUIRE(side.add(number("100"), decimal{most, 0}) == errc::none);
  CHECK(side.add(number("100.5"), number("0.1")) == errc::number_out_of_range);  // its price had changed the exponent
  REQUIRE(side.add(number("101"), number("2")) == errc::none);
  const levels all = built(side, room);
  REQUIRE(all.size() == 2);
  CHECK(all[0] == price_level{number("100"), decimal{most, 0}});
  CHECK(all[1] == price_level{number("101"), number("2")});
}

TEST_CASE("level_builder: no level beyond its room", "[market]") {
  std::array<raw_level, 1> room{};
  level_builder side{room};
  CHECK(side.add(number("1"), number("1")) == errc::none);
  CHECK(side.add(number("2"), number("2")) == errc::number_out_of_range);
  CHECK(side.size() == 1);
  level_builder none;
  CHECK(none.add(number("1"), number("1")) == errc::number_out_of_range);
}

TEST_CASE("level_builder: sides are swapped in order", "[market]") {
  std::array<raw_level, 8> room{};
  level_builder side{room};
  for (const std::string_view price : {"1", "2", "3", "4", "5"})
    REQUIRE(side.add(number(price), number("1")) == errc::none);
  side.swap_sides(2);
  const std::array<std::int64_t, 5> expected{3, 4, 5, 1, 2};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(room[i].price == expected[i]);
  side.swap_sides(0);
  side.swap_sides(5);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(room[i].price == expected[i]);
}

TEST_CASE("level_builder: random levels are exact or refused", "[market]") {
  std::mt19937_64 random{11};
  std::size_t refused = 0;
  for (std::size_t round = 0; round < repetitions(20'000); ++round) {
    std::array<raw_level, 8> room{};
    level_builder side{room};
    std::vector<price_level> expected;
    for (int i = 0; i < 8; ++i) {
      const auto make = [&] {
        return decimal{static_cast<std::int64_t>(random() >> (1 + random() % 63)), -static_cast<int>(random() % 9)};
      };
      const price_level level{make(), make()};
      if (side.add(level.price, level.quantity) == errc::none) {
        expected.push_back(level);
      } else {
        ++refused;
      }
    }
    const levels all = built(side, room);
    if (all.size() != expected.size()) FAIL(round);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (all[i] != expected[i]) FAIL(round << ": level " << i);
    }
  }
  CHECK(refused > 0);
}
