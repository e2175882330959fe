// tests/exchange/binance/poll_plan_test.cpp: each request byte for byte, with the weight that the venue counts for it.
#include <foxtrot/exchange/binance/poll_plan.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/feed/poll_request.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot::binance;
using strings = std::vector<std::string>;

std::vector<poll_request> plan(market where, const strings& streams) { return poll_plan{where}.requests(streams); }

// "2 /api/v3/klines?..."
strings lines(const std::vector<poll_request>& requests) {
  strings all;
  for (const poll_request& each : requests) all.push_back(std::to_string(each.weight) + " " + each.target);
  return all;
}
strings lines(market where, const strings& streams) { return lines(plan(where, streams)); }

strings many(std::size_t count, std::string_view what) {
  strings all;
  for (std::size_t i = 0; i < count; ++i) all.push_back("s" + std::to_string(1000 + i) + "@" + std::string{what});
  return all;
}

TEST_CASE("poll_plan: spot, one symbol") {
  const auto one = [](const char* stream) { return lines(market::spot, {stream}); };
  CHECK(one("btcusdt@bookTicker") == strings{"2 /api/v3/ticker/bookTicker?symbol=BTCUSDT"});
  CHECK(one("btcusdt@trade") == strings{"25 /api/v3/trades?symbol=BTCUSDT&limit=1000"});
  CHECK(one("btcusdt@aggTrade") == strings{"4 /api/v3/aggTrades?symbol=BTCUSDT&limit=1000"});
  CHECK(one("btcusdt@ticker") == strings{"2 /api/v3/ticker/24hr?symbol=BTCUSDT"});
  CHECK(one("btcusdt@miniTicker") == strings{"2 /api/v3/ticker/24hr?symbol=BTCUSDT"});
  CHECK(one("btcusdt@avgPrice") == strings{"2 /api/v3/avgPrice?symbol=BTCUSDT"});
  CHECK(one("btcusdt@kline_1m") == strings{"2 /api/v3/klines?symbol=BTCUSDT&interval=1m&limit=2"});
  CHECK(one("btcusdt@kline_1M") == strings{"2 /api/v3/klines?symbol=BTCUSDT&interval=1M&limit=2"});
  CHECK(one("btcusdt@kline_1d@+08:00").empty());  // candles of other hours
  CHECK(one("btcusdt@depth") == strings{"5 /api/v3/depth?symbol=BTCUSDT&limit=100"});
  CHECK(one("btcusdt@depth@100ms") == strings{"5 /api/v3/depth?symbol=BTCUSDT&limit=100"});
  CHECK(one("btcusdt@depth5") == strings{"5 /api/v3/depth?symbol=BTCUSDT&limit=5"});
  CHECK(one("btcusdt@depth10@100ms") == strings{"5 /api/v3/depth?symbol=BTCUSDT&limit=10"});
  CHECK(one("btcusdt@depth20") == strings{"5 /api/v3/depth?symbol=BTCUSDT&limit=20"});
}

TEST_CASE("poll_plan: the futures, one symbol") {
  const auto usdm = [](const char* stream) { return lines(market::usdm, {stream}); };
  const auto coinm = [](const char* stream) { return lines(market::coinm, {stream}); };
  CHECK(usdm("btcusdt@bookTicker") == strings{"2 /fapi/v1/ticker/bookTicker?symbol=BTCUSDT"});
  CHECK(usdm("btcusdt@trade") == strings{"5 /fapi/v1/trades?symbol=BTCUSDT&limit=1000"});
  CHECK(usdm("btcusdt@aggTrade") == strings{"20 /fapi/v1/aggTrades?symbol=BTCUSDT&limit=1000"});
  CHECK(usdm("btcusdt@ticker") == strings{"1 /fapi/v1/ticker/24hr?symbol=BTCUSDT"});
  CHECK(usdm("btcusdt@miniTicker") == strings{"1 /fapi/v1/ticker/24hr?symbol=BTCUSDT"});
  CHECK(usdm("btcusdt@kline_5m") == strings{"1 /fapi/v1/klines?symbol=BTCUSDT&interval=5m&limit=2"});
  CHECK(usdm("btcusdt@markPrice") == strings{"1 /fapi/v1/premiumIndex?symbol=BTCUSDT"});
  CHECK(usdm("btcusdt@markPrice@1s") == strings{"1 /fapi/v1/premiumIndex?symbol=BTCUSDT"});
  CHECK(usdm("btcusdt@depth@0ms") == strings{"5 /fapi/v1/depth?symbol=BTCUSDT&limit=100"});
  CHECK(usdm("btcusdt@depth5") == strings{"2 /fapi/v1/depth?symbol=BTCUSDT&limit=5"});
  CHECK(usdm("btcusdt@depth20@500ms") == strings{"2 /fapi/v1/depth?symbol=BTCUSDT&limit=20"});
  CHECK(coinm("btcusd_perp@bookTicker") == strings{"2 /dapi/v1/ticker/bookTicker?symbol=BTCUSD_PERP"});
  CHECK(coinm("btcusd_perp@trade") == strings{"5 /dapi/v1/trades?symbol=BTCUSD_PERP&limit=1000"});
  CHECK(coinm("btcusd_perp@aggTrade") == strings{"20 /dapi/v1/aggTrades?symbol=BTCUSD_PERP&limit=1000"});
  CHECK(coinm("btcusd_perp@ticker") == strings{"1 /dapi/v1/ticker/24hr?symbol=BTCUSD_PERP"});
  CHECK(coinm("btcusd_perp@kline_1h") == strings{"1 /dapi/v1/klines?symbol=BTCUSD_PERP&interval=1h&limit=2"});
  CHECK(coinm("btcusd_perp@depth10") == strings{"2 /dapi/v1/depth?symbol=BTCUSD_PERP&limit=10"});
  // for one as for all, unlike USD-M
  CHECK(coinm("btcusd_perp@markPrice") == strings{"10 /dapi/v1/premiumIndex?symbol=BTCUSD_PERP"});
}

TEST_CASE("poll_plan: what no request stands in for is left out") {
  const strings nothing;
  const strings never{"",
                      "btcusdt",
                      "btcusdt@",
                      "btcusdt@bogus",
                      "!miniTicker@arr",
                      "!ticker@arr",
                      "!bookTicker",
                      "!ticker_1h@arr",
                      "!markPrice@arr",
                      "btcusdt@ticker_1h",
                      "btcusdt@ticker_4h",
                      "btcusdt@ticker_1d",
                      "btcusdt@referencePrice",
                      "btcusdt@blockTrade",
                      "btcusdt@forceOrder",
                      "!forceOrder@arr",
                      "btcusdt_perpetual@continuousKline_1m",
                      "defiusdt@compositeIndex"};
  for (const market where : {market::spot, market::usdm, market::coinm}) {
    CHECK(lines(where, never) == nothing);
    for (const std::string& each : never) {
      INFO(each);
      CHECK_FALSE(poll_body_of(each, where));
    }
  }
  CHECK(lines(market::spot, {"btcusdt@markPrice"}) == nothing);
  CHECK(lines(market::usdm, {"btcusdt@avgPrice"}) == nothing);
  CHECK(lines(market::coinm, {"btcusd_perp@avgPrice"}) == nothing);
  CHECK(lines(market::spot, {}) == nothing);
}

TEST_CASE("poll_plan: two symbols of spot go into one request, in order") {
  CHECK(lines(market::spot, {"ethusdt@bookTicker", "btcusdt@bookTicker"}) ==
        strings{"4 /api/v3/ticker/bookTicker?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D"});
  CHECK(lines(market::spot, {"ethusdt@ticker", "btcusdt@miniTicker"}) ==
        strings{"2 /api/v3/ticker/24hr?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D"});
  // what has a symbol of its own in each request does not
  CHECK(lines(market::spot, {"ethusdt@avgPrice", "btcusdt@avgPrice"}) ==
        strings{"2 /api/v3/avgPrice?symbol=BTCUSDT", "2 /api/v3/avgPrice?symbol=ETHUSDT"});
}

TEST_CASE("poll_plan: two symbols of the futures are asked for with everybody's") {
  CHECK(lines(market::usdm, {"ethusdt@bookTicker", "btcusdt@bookTicker"}) == strings{"5 /fapi/v1/ticker/bookTicker"});
  CHECK(lines(market::usdm, {"ethusdt@ticker", "btcusdt@ticker"}) == strings{"40 /fapi/v1/ticker/24hr"});
  CHECK(lines(market::usdm, {"ethusdt@markPrice", "btcusdt@markPrice"}) == strings{"10 /fapi/v1/premiumIndex"});
  CHECK(lines(market::coinm, {"a@bookTicker", "b@bookTicker"}) == strings{"5 /dapi/v1/ticker/bookTicker"});
  CHECK(lines(market::coinm, {"a@ticker", "b@ticker"}) == strings{"40 /dapi/v1/ticker/24hr"});
  CHECK(lines(market::coinm, {"a@markPrice", "b@markPrice"}) == strings{"10 /dapi/v1/premiumIndex"});
}

TEST_CASE("poll_plan: the weights of lists, and where everybody's begins") {
  const auto weight = [](std::size_t symbols, const char* what) {
    const auto made = plan(market::spot, many(symbols, what));
    REQUIRE(made.size() == 1);
    CHECK(made.front().streams.size() == symbols);
    return made.front().weight;
  };
  CHECK(weight(20, "ticker") == 2);
  CHECK(weight(21, "ticker") == 40);
  CHECK(weight(100, "ticker") == 40);
  CHECK(weight(101, "ticker") == 80);
  CHECK(weight(1024, "ticker") == 80);
  CHECK(weight(1, "bookTicker") == 2);
  CHECK(weight(100, "bookTicker") == 4);
  CHECK(weight(1024, "bookTicker") == 4);

  std::string list = "/api/v3/ticker/bookTicker?symbols=%5B";
  for (int i = 0; i < 100; ++i) list += (i == 0 ? "%22S1" : ",%22S1") + std::to_string(i + 1000).substr(1) + "%22";
  CHECK(plan(market::spot, many(100, "bookTicker")).front().target == list + "%5D");
  CHECK(plan(market::spot, many(101, "bookTicker")).front().target == "/api/v3/ticker/bookTicker");
  CHECK(plan(market::spot, many(101, "ticker")).front().target == "/api/v3/ticker/24hr");
}

TEST_CASE("poll_plan: streams that one answer serves share it") {
  const auto made =
      plan(market::spot, {"btcusdt@ticker", "btcusdt@miniTicker", "btcusdt@depth", "btcusdt@depth@100ms",
                          "btcusdt@depth20", "btcusdt@depth20@100ms", "btcusdt@kline_1m", "btcusdt@kline_5m"});
  CHECK(lines(made) == strings{"2 /api/v3/ticker/24hr?symbol=BTCUSDT",
                               "2 /api/v3/klines?symbol=BTCUSDT&interval=1m&limit=2",
                               "2 /api/v3/klines?symbol=BTCUSDT&interval=5m&limit=2",
                               "5 /api/v3/depth?symbol=BTCUSDT&limit=100", "5 /api/v3/depth?symbol=BTCUSDT&limit=20"});
  CHECK(made.front().streams == strings{"btcusdt@ticker", "btcusdt@miniTicker"});
  CHECK(made.back().streams == strings{"btcusdt@depth20", "btcusdt@depth20@100ms"});
  for (const poll_request& each : made) CHECK(poll_body_of(each.streams.front(), market::spot) == poll_body{each.what});
}

TEST_CASE("poll_plan: levels that no stream has are not asked for: they would weigh more than they are counted") {
  for (const char* const odd : {"btcusdt@depth5000", "btcusdt@depth7", "btcusdt@depth0", "btcusdt@depth-5",
                                "btcusdt@depth99999999999999999999999", "btcusdt@depthX"}) {
    INFO(odd);
    CHECK(poll_plan::levels_of(odd) == 100);
  }
  CHECK(poll_plan::levels_of("") == 100);
  CHECK(poll_plan::levels_of("btcusdt@trade") == 100);
}

TEST_CASE("poll_plan: a symbol stays one parameter, whatever it is made of") {
  CHECK(lines(market::spot, {"币@trade"}) == strings{"25 /api/v3/trades?symbol=%E5%B8%81&limit=1000"});
  CHECK(lines(market::spot, {"a&limit=1+%@avgPrice"}) == strings{"2 /api/v3/avgPrice?symbol=A%26LIMIT%3D1%2B%25"});
  CHECK(lines(market::spot, {"币@bookTicker", "b,c@bookTicker"}) ==
        strings{"4 /api/v3/ticker/bookTicker?symbols=%5B%22B%2CC%22,%22%E5%B8%81%22%5D"});
}

TEST_CASE("poll_plan: what an address may spend") {
  CHECK(poll_plan{market::spot}.weight_per_minute() == 6'000);
  CHECK(poll_plan{market::usdm}.weight_per_minute() == 2'400);
  CHECK(poll_plan{market::coinm}.weight_per_minute() == 2'400);
}

TEST_CASE("poll_plan: a request for several symbols is halved, one for a single symbol is not") {
  const poll_plan spot{market::spot};
  const auto halves = spot.halves(plan(market::spot, many(5, "bookTicker")).front());
  CHECK(lines(halves) == strings{"4 /api/v3/ticker/bookTicker?symbols=%5B%22S1000%22,%22S1001%22,%22S1002%22%5D",
                                 "4 /api/v3/ticker/bookTicker?symbols=%5B%22S1003%22,%22S1004%22%5D"});
  CHECK(spot.halves(plan(market::spot, {"btcusdt@ticker", "btcusdt@miniTicker"}).front()).empty());
  CHECK(spot.halves(plan(market::spot, {"btcusdt@trade"}).front()).empty());
  CHECK(spot.halves({}).empty());
}

TEST_CASE("poll_plan: halves are smaller, whoever has how many streams, down to single symbols") {
  std::mt19937 random{7};
  const strings kinds[] = {{"ticker", "miniTicker"}, {"markPrice", "markPrice@1s"}, {"bookTicker"}};
  for (int round = 0; round < 300; ++round) {
    const market where = std::array{market::spot, market::usdm, market::coinm}[random() % 3];
    const strings& kind = kinds[random() % 3];
    strings streams;
    std::set<std::string> symbols;
    for (std::size_t i = 0, count = 1 + random() % 130; i < count; ++i) {
      const std::string symbol = "s" + std::to_string(100 + i);
      const std::size_t which = random() % 3;
      for (std::size_t k = 0; k < kind.size(); ++k) {
        if (which == 2 || which % kind.size() == k) streams.push_back(symbol + "@" + kind[k]);
      }
    }
    auto open = plan(where, streams);
    if (open.empty()) continue;  // spot has no mark prices
    REQUIRE(open.size() == 1);
    const poll_plan of{where};
    strings ended;
    for (int steps = 0; !open.empty(); ++steps) {
      REQUIRE(steps < 1'000);
      const poll_request each = open.back();
      open.pop_back();
      auto smaller = of.halves(each);
      if (smaller.empty()) {
        std::set<std::string> one;
        for (const std::string& stream : each.streams) one.insert(binance::detail::symbol_of_stream(stream));
        CHECK(one.size() == 1);
        ended.insert(ended.end(), each.streams.begin(), each.streams.end());
        continue;
      }
      std::size_t served = 0;
      for (poll_request& half : smaller) {
        CHECK(half.streams.size() < each.streams.size());
        served += half.streams.size();
        open.push_back(std::move(half));
      }
      CHECK(served == each.streams.size());
    }
    std::sort(streams.begin(), streams.end());
    std::sort(ended.begin(), ended.end());
    CHECK(ended == streams);
  }
}

}  // namespace
