#include <foxtrot/market/mark_price.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>

using namespace foxtrot;

namespace {

mark_price made(const mark_price_body& body) {
  static symbol_table table;
  std::array<raw_level, units_of<mark_price_body>> room;
  write_body<mark_price_body>(room, body);
  return {make_wide_record<mark_price_body>(5, {}, symbol_id::none), room, {.kind = tick_kind::mark_price}, table};
}

}  // namespace

TEST_CASE("mark_price: says what its body holds, negative funding included", "[market]") {
  mark_price_body body;
  body.mark = decimal{1179452, -2};
  body.average = decimal{1179400, -2};
  body.index = decimal{1178477, -2};
  body.settlement = decimal{1178400, -2};
  body.funding_rate = decimal{-38167, -8};
  body.next_funding_time = venue_time{1'787'011'200'000'000};
  const mark_price future = made(body);
  CHECK(future.mark().str() == "11794.52");
  CHECK(future.average() == decimal{11794, 0});
  CHECK(future.index() == decimal{1178477, -2});
  CHECK(future.settlement() == decimal{11784, 0});
  REQUIRE(future.funding_rate());
  CHECK(future.funding_rate()->str() == "-0.00038167");
  CHECK(future.next_funding_time() == timestamp{std::chrono::microseconds{1'787'011'200'000'000}});
}

TEST_CASE("mark_price: a delivery contract has a price and nothing else", "[market]") {
  mark_price_body body;
  body.mark = decimal{1, 0};
  const mark_price delivery = made(body);
  CHECK(delivery.mark() == decimal{1, 0});
  CHECK_FALSE(delivery.average());
  CHECK_FALSE(delivery.index());
  CHECK_FALSE(delivery.settlement());
  CHECK_FALSE(delivery.funding_rate());
  CHECK_FALSE(delivery.next_funding_time());
}
