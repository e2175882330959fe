#include <foxtrot/market/kline.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <type_traits>

using namespace foxtrot;

static_assert(std::is_trivially_copyable_v<kline>);

namespace {

constexpr std::int64_t received = 1'787'000'000'123'456'789;

kline made(const kline_body& body) {
  static symbol_table table;
  std::array<raw_level, units_of<kline_body>> room;
  write_body<kline_body>(room, body);
  const auto record = make_wide_record<kline_body>(received, time_offset::between(received, received / 1000 - 20),
                                                   table.intern("PEPEUSDT").value());
  return {record, room, {.kind = tick_kind::kline, .where = venue::binance_spot}, table};
}

}  // namespace

TEST_CASE("kline: says what its body holds, after the body is gone", "[market]") {
  kline_body body;
  body.open = decimal{1042, -8};
  body.close = decimal{105, -7};
  body.high = decimal{11, -6};
  body.low = decimal{1000, -8};
  body.base_volume = wide_decimal::parse("98765432109876543210.12").value();
  body.quote_volume = decimal{123456789, -2};
  body.taker_buy_base_volume = wide_decimal::parse("44444444444444444444.5").value();
  body.taker_buy_quote_volume = decimal{1, 0};
  body.open_time = venue_time{1'785'542'400'000'000};
  body.close_time = venue_time{1'788'220'799'999'999};
  body.first_trade_id = 0;
  body.last_trade_id = 99;
  body.trade_count = 100;
  body.interval = kline_interval::mo1;
  body.closed = 1;
  const kline month = made(body);
  CHECK(month.symbol().name() == "PEPEUSDT");
  CHECK(month.open().str() == "0.00001042");
  CHECK(month.close().str() == "0.0000105");
  CHECK(month.high().str() == "0.000011");
  CHECK(month.low().str() == "0.00001");
  CHECK(month.base_volume().str() == "98765432109876543210.12");
  CHECK(month.quote_volume().str() == "1234567.89");
  CHECK(month.taker_buy_base_volume().str() == "44444444444444444444.5");
  CHECK(month.taker_buy_quote_volume() == wide_decimal{1, 0});
  CHECK(month.open_time() == timestamp{std::chrono::microseconds{1'785'542'400'000'000}});
  CHECK(month.close_time() == timestamp{std::chrono::microseconds{1'788'220'799'999'999}});
  CHECK(month.first_trade_id() == 0U);
  CHECK(month.last_trade_id() == 99U);
  CHECK(month.trade_count() == 100);
  CHECK(month.interval() == kline_interval::mo1);
  CHECK(month.closed());
  CHECK(month.event_time() == timestamp{std::chrono::microseconds{received / 1000 - 20}});
  CHECK(month.received() == timestamp{std::chrono::nanoseconds{received}});
}

TEST_CASE("kline: an interval without trades has no ids", "[market]") {
  kline_body body;
  body.interval = kline_interval::s1;
  const kline quiet = made(body);
  CHECK_FALSE(quiet.first_trade_id());
  CHECK_FALSE(quiet.last_trade_id());
  CHECK(quiet.trade_count() == 0);
  CHECK_FALSE(quiet.closed());
  CHECK_FALSE(quiet.open_time());
  CHECK(quiet.base_volume().is_zero());
}
