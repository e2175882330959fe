#include <foxtrot/market/ticker.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <set>
#include <string_view>

using namespace foxtrot;

namespace {

ticker made(const ticker_body& body) {
  static symbol_table table;
  std::array<raw_level, units_of<ticker_body>> room;
  write_body<ticker_body>(room, body);
  return {make_wide_record<ticker_body>(5, {}, symbol_id::none), room, {.kind = tick_kind::ticker}, table};
}

}  // namespace

TEST_CASE("ticker_window: every one has a name of its own", "[market]") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < ticker_window_count; ++i) names.insert(to_string(static_cast<ticker_window>(i)));
  CHECK(names.size() == ticker_window_count);
  CHECK(names.count("?") == 0);
  CHECK(to_string(static_cast<ticker_window>(9)) == "?");
}

TEST_CASE("ticker: says what its body holds, falling prices included", "[market]") {
  ticker_body body;
  body.price_change = decimal{-15, -4};
  body.percent_change = decimal{-25012, -3};
  body.weighted_average = decimal{18, -4};
  body.previous_close = decimal{1, -3};
  body.last_price = decimal{25, -4};
  body.last_quantity = decimal{10, 0};
  body.bid_price = decimal{24, -4};
  body.bid_quantity = decimal{11, 0};
  body.ask_price = decimal{26, -4};
  body.ask_quantity = decimal{100, 0};
  body.open = decimal{4, -3};
  body.high = decimal{5, -3};
  body.low = decimal{2, -3};
  body.base_volume = wide_decimal::parse("10000000000000000000000").value();
  body.quote_volume = decimal{18, 0};
  body.open_time = venue_time{1'000'000};
  body.close_time = venue_time{86'400'000'000};
  body.first_trade_id = 0;
  body.last_trade_id = 18150;
  body.trade_count = 18151;
  const ticker day = made(body);
  CHECK(day.window() == ticker_window::h24);
  CHECK(day.price_change().str() == "-0.0015");
  CHECK(day.percent_change().str() == "-25.012");
  CHECK(day.weighted_average().str() == "0.0018");
  CHECK(day.previous_close() == decimal{1, -3});
  CHECK(day.last_price().str() == "0.0025");
  CHECK(day.last_quantity() == decimal{10, 0});
  CHECK(day.bid_price() == decimal{24, -4});
  CHECK(day.bid_quantity() == decimal{11, 0});
  CHECK(day.ask_price() == decimal{26, -4});
  CHECK(day.ask_quantity() == decimal{100, 0});
  CHECK(day.open().str() == "0.004");
  CHECK(day.high().str() == "0.005");
  CHECK(day.low().str() == "0.002");
  CHECK(day.base_volume().str() == "10000000000000000000000");
  CHECK(day.quote_volume() == wide_decimal{18, 0});
  CHECK(day.open_time() == timestamp{std::chrono::seconds{1}});
  CHECK(day.close_time() == timestamp{std::chrono::hours{24}});
  CHECK(day.first_trade_id() == 0U);
  CHECK(day.last_trade_id() == 18150U);
  CHECK(day.trade_count() == 18151);
}

TEST_CASE("ticker: what a rolling window and a quiet symbol do not have is absent, not 0", "[market]") {
  ticker_body body;
  body.window = ticker_window::h4;
  const ticker rolling = made(body);
  CHECK(rolling.window() == ticker_window::h4);
  CHECK_FALSE(rolling.previous_close());
  CHECK_FALSE(rolling.last_quantity());
  CHECK_FALSE(rolling.bid_price());
  CHECK_FALSE(rolling.bid_quantity());
  CHECK_FALSE(rolling.ask_price());
  CHECK_FALSE(rolling.ask_quantity());
  CHECK_FALSE(rolling.first_trade_id());
  CHECK_FALSE(rolling.last_trade_id());
  CHECK_FALSE(rolling.open_time());
  CHECK_FALSE(rolling.close_time());
  CHECK_FALSE(rolling.event_time());
}
