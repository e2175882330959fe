#include <foxtrot/market/aggregate_trade.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>

using namespace foxtrot;

TEST_CASE("aggregate_trade: says what its record holds", "[market]") {
  constexpr std::int64_t received = 1'787'000'000'123'456'789;
  symbol_table table;
  aggregate_trade_record record{};
  record.aggregate_id = 3'000'000'000'001;
  record.price = 6183763;
  record.quantity = 15;
  record.first_trade_id = 5'000'000'000'100;
  record.trade_count = 3;
  record.received_ns = received;
  record.symbol = table.intern("BTCUSDT").value();
  record.price_exponent = -2;
  record.quantity_exponent = -3;
  record.trade_time = time_offset::between(received, received / 1000 - 9000);
  const aggregate_trade bought{record, {.kind = tick_kind::aggregate_trade, .where = venue::binance_usdm}, table};
  CHECK(bought.aggregate_id() == 3'000'000'000'001);
  CHECK(bought.price().str() == "61837.63");
  CHECK(bought.quantity().str() == "0.015");
  CHECK(bought.first_trade_id() == 5'000'000'000'100);
  CHECK(bought.last_trade_id() == 5'000'000'000'102);
  CHECK(bought.trade_count() == 3);
  CHECK_FALSE(bought.buyer_is_maker());
  CHECK(bought.symbol().name() == "BTCUSDT");
  CHECK(bought.venue() == venue::binance_usdm);
  CHECK(bought.trade_time() == timestamp{std::chrono::microseconds{received / 1000 - 9000}});
  CHECK_FALSE(bought.event_time());

  record.trade_count = 1;
  record.event_time = time_offset::between(received, received / 1000 - 5);
  const aggregate_trade sold{
      record, {.kind = tick_kind::aggregate_trade, .flags = aggregate_trade::buyer_is_maker_flag}, table};
  CHECK(sold.buyer_is_maker());
  CHECK_FALSE(sold.is_filled());
  CHECK(aggregate_trade{record, {.kind = tick_kind::aggregate_trade, .flags = filled_flag}, table}.is_filled());
  CHECK(sold.last_trade_id() == sold.first_trade_id());
  CHECK(sold.event_time() == timestamp{std::chrono::microseconds{received / 1000 - 5}});
}
