// tests/exchange/binance/detail/trade_history_test.cpp: each request for missing trades byte for byte, with its weight.
#include <foxtrot/exchange/binance/detail/trade_history.hpp>

#include <catch2/catch.hpp>

#include <support/loop_fixture.hpp>

#include <string>
#include <utility>

namespace {

using namespace foxtrot;
using binance::market;

struct scene : foxtrot_test::loop_fixture {
  explicit scene(market where, std::string rest_url = {})
      : settings{[&] {
          binance::market_data_settings given;
          given.market = where;
          given.rest_url = std::move(rest_url);
          auto made = binance::detail::checked_settings::make(std::move(given));
          REQUIRE(made);
          return std::move(*made);
        }()} {}
  [[nodiscard]] std::string line(tick_kind kind, const char* symbol = "BTCUSDT") const {
    const repair_request made = history.plan(kind, symbol, 123456789, 42);
    CHECK((made.kind == kind && made.symbol == symbol && made.first == 123456789 && made.count == 42));
    return std::to_string(made.weight) + " " + made.target;
  }

  binance::detail::checked_settings settings;
  binance::detail::trade_history history{timers, settings};
};

TEST_CASE("trade_history: spot has all by id, where it is not the host for market data alone") {
  const scene full{market::spot, "https://api.binance.com"};
  CHECK(full.line(tick_kind::trade) == "25 /api/v3/historicalTrades?symbol=BTCUSDT&fromId=123456789&limit=42");
  CHECK(full.line(tick_kind::aggregate_trade) == "4 /api/v3/aggTrades?symbol=BTCUSDT&fromId=123456789&limit=42");
  CHECK(full.history.weight_per_minute() == 6'000);
  const scene usual{market::spot};
  CHECK(usual.line(tick_kind::trade) == "25 /api/v3/trades?symbol=BTCUSDT&limit=1000");
  CHECK(usual.line(tick_kind::aggregate_trade) == "4 /api/v3/aggTrades?symbol=BTCUSDT&fromId=123456789&limit=42");
}

TEST_CASE("trade_history: the futures have aggregate trades by id, and the latest trades") {
  const scene usdm{market::usdm};
  CHECK(usdm.line(tick_kind::trade) == "5 /fapi/v1/trades?symbol=BTCUSDT&limit=1000");
  CHECK(usdm.line(tick_kind::aggregate_trade) == "20 /fapi/v1/aggTrades?symbol=BTCUSDT&fromId=123456789&limit=42");
  CHECK(usdm.history.weight_per_minute() == 2'400);
  const scene coinm{market::coinm};
  CHECK(coinm.line(tick_kind::trade, "BTCUSD_PERP") == "5 /dapi/v1/trades?symbol=BTCUSD_PERP&limit=1000");
  CHECK(coinm.line(tick_kind::aggregate_trade, "BTCUSD_PERP") ==
        "20 /dapi/v1/aggTrades?symbol=BTCUSD_PERP&fromId=123456789&limit=42");
}

TEST_CASE("trade_history: trades of whatever alphabet, and nothing but trades") {
  const scene s{market::spot};
  CHECK(s.line(tick_kind::aggregate_trade, "\xE5\xB8\x81USDT") ==
        "4 /api/v3/aggTrades?symbol=%E5%B8%81USDT&fromId=123456789&limit=42");
  CHECK(s.history.has(tick_kind::trade));
  CHECK(s.history.has(tick_kind::aggregate_trade));
  CHECK_FALSE(s.history.has(tick_kind::depth_update));
  CHECK_FALSE(s.history.has(tick_kind::book_ticker));
}

}  // namespace
