#include <foxtrot/market/levels.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <iterator>
#include <vector>

using namespace foxtrot;

TEST_CASE("levels: a view with common exponents", "[market]") {
  const std::array<raw_level, 3> raw{raw_level{6183763, 150}, {6183700, 0}, {6183500, 7}};
  const levels side{raw, -2, -3};
  REQUIRE(side.size() == 3);
  CHECK_FALSE(side.empty());
  CHECK(side[0] == price_level{decimal{6183763, -2}, decimal{150, -3}});
  CHECK(side[1].quantity.is_zero());
  CHECK(side[2].price.str() == "61835");
  CHECK(side.raw().data() == raw.data());

  std::vector<price_level> seen;
  for (const price_level each : side) seen.push_back(each);
  REQUIRE(seen.size() == 3);
  for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == side[i]);
}

TEST_CASE("levels: an empty side", "[market]") {
  const levels none;
  CHECK(none.empty());
  CHECK(none.size() == 0);
  CHECK(none.begin() == none.end());
}

TEST_CASE("levels: iterators are input iterators", "[market]") {
  static_assert(std::input_iterator<levels::iterator>);
  const std::array<raw_level, 2> raw{raw_level{1, 2}, {3, 4}};
  const levels side{raw, 0, 0};
  auto at = side.begin();
  const auto before = at++;
  CHECK((*before).price == decimal{1, 0});
  CHECK((*at).price == decimal{3, 0});
  CHECK(++at == side.end());
}
