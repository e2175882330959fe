#include <foxtrot/market/average_price.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>

using namespace foxtrot;
using namespace std::chrono_literals;

TEST_CASE("average_price: says what its record holds, however long ago the last trade was", "[market]") {
  constexpr std::int64_t received = 1'787'000'000'123'456'789;
  symbol_table table;
  average_price_record record{};
  record.price = 25776862;
  record.price_exponent = -4;
  record.interval_minutes = 5;
  record.received_ns = received;
  record.event_time = time_offset::between(received, received / 1000 - 1);
  record.symbol = table.intern("ABCBTC").value();
  const average_price silent{record, {.kind = tick_kind::average_price}, table};
  CHECK(silent.price().str() == "2577.6862");
  CHECK(silent.interval() == 5min);
  CHECK_FALSE(silent.last_trade_time());
  CHECK(silent.event_time() == timestamp{std::chrono::microseconds{received / 1000 - 1}});
  CHECK(silent.symbol().name() == "ABCBTC");

  const std::int64_t yesterday = received / 1000 - 86'400'000'000;
  record.last_trade = venue_time{yesterday};
  record.event_time = {};
  const average_price traded{record, {.kind = tick_kind::average_price}, table};
  CHECK(traded.last_trade_time() == timestamp{std::chrono::microseconds{yesterday}});
  CHECK_FALSE(traded.event_time());
}
