#include <foxtrot/market/liquidation.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>

using namespace foxtrot;

TEST_CASE("liquidation: says what its body holds", "[market]") {
  symbol_table table;
  liquidation_body body;
  body.side = order_side::sell;
  REQUIRE(body.order_type.assign("TRAILING_STOP_MARKET"));
  REQUIRE(body.time_in_force.assign("IOC"));
  REQUIRE(body.order_status.assign("PARTIALLY_FILLED"));
  body.original_quantity = decimal{14, -3};
  body.price = decimal{9910, 0};
  body.average_price = decimal{991050, -2};
  body.last_filled_quantity = decimal{4, -3};
  body.filled_quantity = decimal{10, -3};
  body.trade_time = venue_time{1'568'014'460'893'000};
  std::array<raw_level, units_of<liquidation_body>> room;
  write_body<liquidation_body>(room, body);
  const auto record = make_wide_record<liquidation_body>(5, {}, table.intern("BTCUSDT").value());
  const liquidation forced{record, room, {.kind = tick_kind::liquidation}, table};
  room = {};
  const liquidation copy = forced;
  CHECK(copy.side() == order_side::sell);
  CHECK(to_string(copy.side()) == "sell");
  CHECK(copy.order_type() == "TRAILING_STOP_MARKET");
  CHECK(copy.time_in_force() == "IOC");
  CHECK(copy.order_status() == "PARTIALLY_FILLED");
  CHECK(copy.original_quantity().str() == "0.014");
  CHECK(copy.price().str() == "9910");
  CHECK(copy.average_price().str() == "9910.5");
  CHECK(copy.last_filled_quantity().str() == "0.004");
  CHECK(copy.filled_quantity().str() == "0.01");
  CHECK(copy.trade_time() == timestamp{std::chrono::microseconds{1'568'014'460'893'000}});
  CHECK(copy.symbol() == "BTCUSDT");
}

TEST_CASE("order_side: both have names", "[market]") {
  CHECK(to_string(order_side::buy) == "buy");
  CHECK(liquidation_body{}.side == order_side::buy);
}
