// tests/exchange/binance/market_test.cpp: which path serves which stream.
#include <foxtrot/exchange/binance/market.hpp>

#include <catch2/catch.hpp>

#include <string_view>
#include <vector>

namespace {

using namespace foxtrot::binance;
using views = std::vector<std::string_view>;

// USD-M's two endpoints; 0 and 1 are places in paths_of().
constexpr std::string_view of_public[] = {
    "btcusdt@bookTicker",
    "!bookTicker",
    "btcusdt@depth",
    "btcusdt@depth@0ms",
    "btcusdt@depth@100ms",
    "btcusdt@depth@250ms",
    "btcusdt@depth@500ms",
    "btcusdt@depth5",
    "btcusdt@depth10",
    "btcusdt@depth20",
    "btcusdt@depth5@100ms",
    "btcusdt@depth20@500ms",
    "btcusdt@trade",
    "btcusdt@rpiDepth@500ms",
    "ethusdt_260925@bookTicker",
};
constexpr std::string_view of_market[] = {
    "btcusdt@aggTrade",   "btcusdt@markPrice",     "btcusdt@markPrice@1s",    "!markPrice@arr",
    "!markPrice@arr@1s",  "btcusdt@kline_1m",      "btcusdt@kline_1M",        "btcusdt_perpetual@continuousKline_1m",
    "btcusdt@miniTicker", "!miniTicker@arr",       "btcusdt@ticker",          "!ticker@arr",
    "btcusdt@forceOrder", "!forceOrder@arr",       "defiusdt@compositeIndex", "!contractInfo",
    "!assetIndex@arr",    "btcusd@assetIndex",
    "tradingusdt@ticker",  // the symbol says nothing
    "depthusdt@aggTrade", "bookTickerusdt@ticker",
};

TEST_CASE("market: USD-M serves quotes, depth and trades under one path, everything else under the other") {
  CHECK(paths_of(market::usdm) == views{"/public/stream", "/market/stream"});
  for (const std::string_view stream : of_public) {
    INFO(stream);
    CHECK(route_of(market::usdm, stream) == 0);
  }
  for (const std::string_view stream : of_market) {
    INFO(stream);
    CHECK(route_of(market::usdm, stream) == 1);
  }
}

TEST_CASE("market: the others have one path") {
  for (const market which : {market::spot, market::coinm}) {
    CHECK(paths_of(which) == views{"/stream"});
    for (const std::string_view stream : of_public) CHECK(route_of(which, stream) == 0);
    for (const std::string_view stream : of_market) CHECK(route_of(which, stream) == 0);
  }
}

TEST_CASE("market: a name that is none has a route, too") {
  for (const std::string_view stream : {"", "@", "!", "!@", "btcusdt", "btcusdt@", "@trade"}) {
    CHECK(route_of(market::usdm, stream) < paths_of(market::usdm).size());
    CHECK(route_of(market::spot, stream) == 0);
  }
}

}  // namespace
