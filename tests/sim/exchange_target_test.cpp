// tests/sim/exchange_target_test.cpp: paths and queries of the venue's two markets.
#include <foxtrot/sim/exchange_target.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using names = std::vector<std::string>;

TEST_CASE("exchange_target: raw and combined paths") {
  const auto raw = websocket_target::parse("/ws/btcusdt@trade/ethusdt@depth@100ms", sim_market::spot);
  REQUIRE(raw.has_value());
  CHECK_FALSE(raw->combined);
  CHECK(raw->streams == names{"btcusdt@trade", "ethusdt@depth@100ms"});
  CHECK(raw->unit == time_unit::milliseconds);

  const auto combined =
      websocket_target::parse("/stream?streams=btcusdt@trade/ethusdt@trade&timeUnit=MICROSECOND", sim_market::spot);
  REQUIRE(combined.has_value());
  CHECK(combined->combined);
  CHECK(combined->streams == names{"btcusdt@trade", "ethusdt@trade"});
  CHECK(combined->unit == time_unit::microseconds);

  const auto escaped = websocket_target::parse("/stream?streams=btcusdt%40trade%2Fethusdt%40trade", sim_market::spot);
  REQUIRE(escaped.has_value());
  CHECK(escaped->streams == names{"btcusdt@trade", "ethusdt@trade"});

  CHECK(websocket_target::parse("/ws", sim_market::spot)->streams.empty());
  CHECK(websocket_target::parse("/stream", sim_market::spot)->streams.empty());
  CHECK_FALSE(websocket_target::parse("/", sim_market::spot).has_value());
  CHECK_FALSE(websocket_target::parse("/wsx", sim_market::spot).has_value());
  CHECK_FALSE(websocket_target::parse("/public/ws", sim_market::spot).has_value());
}

TEST_CASE("exchange_target: USD-M routes decide what is served") {
  const auto route = [](std::string_view path) { return websocket_target::parse(path, sim_market::usdm)->route; };
  CHECK(route("/ws/btcusdt@trade") == stream_route::quotes);
  CHECK(route("/public/stream?streams=a") == stream_route::quotes);
  CHECK(route("/market/ws") == stream_route::market);
  CHECK(route("/private/ws") == stream_route::nothing);
  CHECK(serves(stream_route::quotes, sim_message::depth));
  CHECK_FALSE(serves(stream_route::quotes, sim_message::agg_trade));
  CHECK(serves(stream_route::market, sim_message::mark_price));
  CHECK_FALSE(serves(stream_route::market, sim_message::book_ticker));
  CHECK_FALSE(serves(stream_route::nothing, sim_message::trade));
  CHECK(serves(stream_route::all, sim_message::agg_trade));
}

TEST_CASE("exchange_target: queries are unescaped, broken escapes left alone") {
  const request_target target = request_target::parse("/p%61th?a=1&b=%5B%22X%22%5D&c&d=50%&e=%zz");
  CHECK(target.path == "/path");
  CHECK(target.parameter("a") == "1");
  CHECK(target.parameter("b") == "[\"X\"]");
  CHECK(target.parameter("c") == "");
  CHECK(target.parameter("d") == "50%");
  CHECK(target.parameter("e") == "%zz");
  CHECK_FALSE(target.parameter("f").has_value());
}

}  // namespace
