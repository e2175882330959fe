#include <foxtrot/market/book_levels.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <iterator>

using namespace foxtrot;

TEST_CASE("book levels: best first, though the best one stands last", "[market]") {
  const std::array<raw_level, 3> raw{raw_level{100, 7}, {101, 8}, {102, 9}};
  const book_levels bids{raw, -1, -2};
  REQUIRE(bids.size() == 3);
  CHECK(bids[0] == price_level{{102, -1}, {9, -2}});
  CHECK(bids[2] == price_level{{100, -1}, {7, -2}});
  std::size_t at = 0;
  for (const price_level each : bids) CHECK(each == bids[at++]);
  CHECK(at == 3);
  CHECK(bids.raw().data() == raw.data());
  CHECK(bids.price_exponent() == -1);
  CHECK(bids.quantity_exponent() == -2);
}

TEST_CASE("book levels: an iterator outlives the view, not the levels", "[market]") {
  static_assert(std::input_iterator<book_levels::iterator>);
  const std::array<raw_level, 2> raw{raw_level{1, 2}, {3, 4}};
  auto at = book_levels{raw, 0, 0}.begin();
  const auto end = book_levels{raw, 0, 0}.end();
  const auto before = at++;
  CHECK((*before).price == decimal{3, 0});
  CHECK((*at).price == decimal{1, 0});
  CHECK(++at == end);
}

TEST_CASE("book levels: an empty side", "[market]") {
  const book_levels none;
  CHECK(none.empty());
  CHECK(none.begin() == none.end());
}
