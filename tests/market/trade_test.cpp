#include <foxtrot/market/trade.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>

using namespace foxtrot;

TEST_CASE("trade: says what its record holds", "[market]") {
  constexpr std::int64_t received = 1'709'164'800'123'456'789;
  symbol_table table;
  const auto eth = table.intern("ETHUSDT");
  REQUIRE(eth);
  trade_record record{};
  record.trade_id = 12345;
  record.price = 338012;
  record.quantity = -1;
  record.received_ns = received;
  record.symbol = *eth;
  record.price_exponent = -2;
  record.quantity_exponent = 3;
  record.trade_time = time_offset::between(received, received / 1000 - 2000);
  const trade passive{record, {.kind = tick_kind::trade, .where = venue::binance_spot}, table};
  CHECK(passive.trade_id() == 12345);
  CHECK(passive.price().str() == "3380.12");
  CHECK(passive.quantity() == decimal{-1000, 0});
  CHECK_FALSE(passive.buyer_is_maker());
  CHECK(passive.symbol().name() == "ETHUSDT");
  CHECK(passive.venue() == venue::binance_spot);
  CHECK(passive.trade_time() == timestamp{std::chrono::microseconds{received / 1000 - 2000}});
  CHECK_FALSE(passive.event_time());

  record.event_time = time_offset::between(received, received / 1000 + 7);
  const trade sold{record, {.kind = tick_kind::trade, .flags = trade::buyer_is_maker_flag}, table};
  CHECK(sold.buyer_is_maker());
  CHECK(sold.event_time() == timestamp{std::chrono::microseconds{received / 1000 + 7}});
  CHECK_FALSE(sold.is_filled());
  const trade fetched{record, {.kind = tick_kind::trade, .how = source::http, .flags = filled_flag}, table};
  CHECK(fetched.is_filled());
  CHECK_FALSE(fetched.buyer_is_maker());
}
