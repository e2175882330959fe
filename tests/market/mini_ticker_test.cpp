#include <foxtrot/market/mini_ticker.hpp>

#include <catch2/catch.hpp>

#include <array>

using namespace foxtrot;

TEST_CASE("mini_ticker: says what its body holds", "[market]") {
  symbol_table table;
  mini_ticker_body body;
  body.close = decimal{25, -4};
  body.open = decimal{1, -3};
  body.high = decimal{26, -4};
  body.low = decimal{9, -4};
  body.base_volume = wide_decimal::parse("340282366920938463463374607431.768").value();
  body.quote_volume = decimal{18, 0};
  std::array<raw_level, units_of<mini_ticker_body>> room;
  write_body<mini_ticker_body>(room, body);
  const auto record = make_wide_record<mini_ticker_body>(5, {}, table.intern("BNBBTC").value());
  const mini_ticker day{record, room, {.kind = tick_kind::mini_ticker, .how = source::http}, table};
  CHECK(day.close().str() == "0.0025");
  CHECK(day.open().str() == "0.001");
  CHECK(day.high().str() == "0.0026");
  CHECK(day.low().str() == "0.0009");
  CHECK(day.base_volume().str() == "340282366920938463463374607431.768");
  CHECK(day.quote_volume() == wide_decimal{18, 0});
  CHECK(day.symbol() == "BNBBTC");
  CHECK(day.source() == source::http);
  CHECK_FALSE(day.event_time());
}
