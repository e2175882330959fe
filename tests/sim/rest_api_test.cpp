// tests/sim/rest_api_test.cpp: the REST requests that stand in for streams: their shapes, weights and refusals over
// real TLS, and that they tell what the streams tell.
#include <foxtrot/sim/rest_api.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/sim/generator_source.hpp>
#include <support/allocation_counter.hpp>
#include <support/exchange_client.hpp>

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::exchange_client;
using foxtrot_test::rest_client;
using simdjson::dom::element;

struct running_exchange : exchange {
  explicit running_exchange(sim_market market, std::size_t symbols = 4)
      : exchange{[&] {
          exchange_settings settings;
          settings.market = market;
          settings.symbols = default_symbols(market, symbols);
          settings.events_per_second = 20'000;
          settings.levels = 200;
          return settings;
        }()} {
    const auto port = start();
    if (!port) FAIL("start: " << port.error().message());
  }
};

/// One market's requests, parsed.
struct market_client {
  explicit market_client(const exchange& venue, sim_market market)
      : rest{venue},
        base{market == sim_market::spot   ? "/api/v3/"
             : market == sim_market::usdm ? "/fapi/v1/"
                                          : "/dapi/v1/"},
        bitcoin{market == sim_market::coinm ? "BTCUSD_PERP" : "BTCUSDT"} {}

  element get(const std::string& target, int status = 200) {
    http_response answer = rest.get(base + target);
    INFO(target << ": " << answer.body);
    CHECK(answer.status == status);
    const std::string used{answer.headers.find("X-MBX-USED-WEIGHT-1M").value_or("0")};
    const std::uint64_t before = std::exchange(weight, std::strtoull(used.c_str(), nullptr, 10));
    cost = weight < before ? weight : weight - before;  // a new minute begins with nothing
    text = std::move(answer.body);
    element body;
    REQUIRE(parser.parse(text).get(body) == simdjson::SUCCESS);
    return body;
  }
  std::int64_t refusal(const std::string& target) { return std::int64_t{get(target, 400)["code"]}; }

  rest_client rest;
  std::string base;
  std::string bitcoin;
  std::string text;
  std::uint64_t weight{0};
  std::uint64_t cost{0};
  simdjson::dom::parser parser;
};

std::vector<std::string> keys_of(element object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.get_object()) keys.emplace_back(key);
  return keys;
}
using words = std::vector<std::string>;

double number(element text) { return std::stod(std::string{std::string_view{text}}); }

TEST_CASE("rest_api: the shapes of each market") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm, sim_market::coinm);
  const bool spot = market == sim_market::spot;
  const bool coinm = market == sim_market::coinm;
  running_exchange venue{market};
  market_client client{venue, market};
  const std::string symbol = "symbol=" + client.bitcoin;
  {
    exchange_client streams{venue, (market == sim_market::usdm ? "/ws/" : "/ws/") +
                                       (coinm ? std::string{"btcusd_perp@trade"} : "btcusdt@trade")};
    REQUIRE(streams.read_messages(20));  // there have been trades
  }

  element body = client.get("trades?limit=5&" + symbol);
  REQUIRE(body.get_array().size() == 5);
  words keys{"id", "price", "qty", coinm ? "baseQty" : "quoteQty", "time", "isBuyerMaker"};
  if (spot) keys.emplace_back("isBestMatch");
  CHECK(keys_of(body.at(0)) == keys);
  CHECK(client.cost == (spot ? 25 : 5));
  const double price = number(body.at(0)["price"]);
  const double quantity = number(body.at(0)["qty"]);
  const double worth = number(body.at(0)[coinm ? "baseQty" : "quoteQty"]);
  CHECK(worth == Approx(coinm ? quantity * 100 / price : quantity * price).margin(1e-8));

  body = client.get("aggTrades?limit=5&" + symbol);
  REQUIRE(body.get_array().size() == 5);
  keys = {"a", "p", "q", "f", "l", "T", "m"};
  if (spot) keys.emplace_back("M");
  CHECK(keys_of(body.at(0)) == keys);
  CHECK(client.cost == (spot ? 4 : 20));

  body = client.get("ticker/24hr?" + symbol);
  if (coinm) {
    REQUIRE(body.get_array().size() == 1);
    body = body.at(0);
  }
  keys = {"symbol", "priceChange", "priceChangePercent", "weightedAvgPrice", "lastPrice", "lastQty"};
  if (coinm) keys.insert(keys.begin() + 1, "pair");
  if (spot) {
    keys.insert(keys.begin() + 4, "prevClosePrice");
    for (const char* each : {"bidPrice", "bidQty", "askPrice", "askQty"}) keys.emplace_back(each);
  }
  for (const char* each : {"openPrice", "highPrice", "lowPrice", "volume", coinm ? "baseVolume" : "quoteVolume",
                           "openTime", "closeTime", "firstId", "lastId", "count"})
    keys.emplace_back(each);
  CHECK(keys_of(body) == keys);
  CHECK(client.cost == (spot ? 2 : 1));
  const double low = number(body["lowPrice"]);
  const double high = number(body["highPrice"]);
  CHECK(low > 0);
  CHECK(number(body["lastPrice"]) >= low);
  CHECK(number(body["lastPrice"]) <= high);
  CHECK(number(body["weightedAvgPrice"]) == Approx((low + high) / 2).epsilon(0.05));
  CHECK(number(body["priceChange"]) == Approx(number(body["lastPrice"]) - number(body["openPrice"])).margin(1e-6));
  CHECK(std::uint64_t{body["lastId"]} - std::uint64_t{body["firstId"]} + 1 == std::uint64_t{body["count"]});
  CHECK(client.get("ticker/24hr").get_array().size() == 4);
  CHECK(client.cost == (spot ? 80 : 40));

  body = client.get("klines?interval=1m&limit=3&" + symbol);
  REQUIRE(body.get_array().size() >= 1);
  CHECK(body.at(0).get_array().size() == 12);
  CHECK(client.cost == (spot ? 2 : 1));
  const element last = body.at(body.get_array().size() - 1);
  CHECK(std::int64_t{last.at(6)} - std::int64_t{last.at(0)} == 59'999);
  CHECK(std::int64_t{last.at(0)} % 60'000 == 0);
  CHECK(number(last.at(3)) <= number(last.at(4)));
  CHECK(number(last.at(4)) <= number(last.at(2)));

  body = client.get("ticker/bookTicker?" + symbol);
  if (coinm) body = body.at(0);
  keys = {"symbol", "bidPrice", "bidQty", "askPrice", "askQty"};
  if (coinm) keys.insert(keys.begin() + 1, "pair");
  if (!spot) keys.insert(keys.begin(), "lastUpdateId"), keys.emplace_back("time");
  CHECK(keys_of(body) == keys);
  CHECK(client.cost == 2);
  CHECK(client.get("ticker/bookTicker").get_array().size() == 4);
  CHECK(client.cost == (spot ? 4 : 5));

  if (spot) {
    CHECK(keys_of(client.get("avgPrice?" + symbol)) == words{"mins", "price", "closeTime"});
    CHECK(client.cost == 2);
    CHECK(keys_of(client.get("ticker/24hr?type=MINI&" + symbol)) ==
          words{"symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime",
                "closeTime", "firstId", "lastId", "count"});
    const std::string two = "symbols=%5B%22BTCUSDT%22,%22SOLUSDT%22%5D";
    CHECK(client.get("ticker/24hr?" + two).get_array().size() == 2);
    CHECK(client.cost == 2);
    CHECK(client.get("ticker/bookTicker?" + two).get_array().size() == 2);
    CHECK(client.cost == 4);
    CHECK(client.get("klines?interval=1s&" + symbol).get_array().size() >= 1);
    CHECK(client.rest.get("/api/v3/premiumIndex").status == 404);
  } else {
    body = client.get("premiumIndex?" + symbol);
    CHECK(client.cost == (coinm ? 10 : 1));
    if (coinm) body = body.at(0);
    keys = {"symbol",          "markPrice",    "indexPrice",      "estimatedSettlePrice",
            "lastFundingRate", "interestRate", "nextFundingTime", "time"};
    if (coinm) keys.insert(keys.begin() + 1, "pair");
    CHECK(keys_of(body) == keys);
    CHECK(client.get("premiumIndex").get_array().size() == 4);
    CHECK(client.rest.get(client.base + "avgPrice?" + symbol).status == 404);
    if (coinm) CHECK(client.get("ticker/24hr?pair=ETHUSD").get_array().size() == 1);
  }
}

TEST_CASE("rest_api: refusals are the venue's, by code") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm, sim_market::coinm);
  const bool spot = market == sim_market::spot;
  running_exchange venue{market};
  market_client client{venue, market};
  const std::string symbol = "symbol=" + client.bitcoin;
  for (const std::string name : {"trades", "aggTrades", "klines"}) {
    INFO(name);
    CHECK(client.refusal(name) == -1102);
    CHECK(client.text.find("Mandatory parameter 'symbol' was not sent") != std::string::npos);
    CHECK(client.refusal(name + "?symbol=") == -1102);
    CHECK(client.refusal(name + "?symbol=NOPE") == -1121);
    for (const std::string limit : {"0", "-1", "x", "5x", "", "99999999999999999999999"})
      CHECK(client.refusal(name + "?" + symbol + "&limit=" + limit) == -1130);
    if (!spot) CHECK(client.refusal(name + "?" + symbol + "&limit=1501") == -1130);
  }
  CHECK(client.refusal("klines?" + symbol) == -1102);
  CHECK(client.text.find("'interval'") != std::string::npos);
  CHECK(client.refusal("klines?interval=7m&" + symbol) == -1120);
  CHECK(client.refusal("aggTrades?fromId=x&" + symbol) == -1130);
  for (const std::string name : {"ticker/24hr", "ticker/bookTicker", spot ? "avgPrice" : "premiumIndex"})
    CHECK(client.refusal(name + "?symbol=NOPE") == -1121);
  if (!spot) return;
  CHECK(client.refusal("avgPrice") == -1102);
  CHECK(client.refusal("ticker/24hr?type=HALF") == -1139);
  CHECK(client.refusal("ticker/24hr?symbols=%5B%22NOPE%22%5D") == -1121);
  CHECK(client.refusal("ticker/24hr?symbols=x") == -1100);
  CHECK(client.get("trades?limit=5000&" + symbol).get_array().size() <= 1'000);
}

TEST_CASE("rest_api: the weight of a list grows with it") {
  running_exchange venue{sim_market::spot, 101};
  market_client client{venue, sim_market::spot};
  const auto specs = default_symbols(sim_market::spot, 101);
  for (const auto& [count, cost] :
       {std::pair{1, 2}, std::pair{20, 2}, std::pair{21, 40}, std::pair{100, 40}, std::pair{101, 80}}) {
    std::string list = "%5B";
    for (int i = 0; i < count; ++i) list += (i > 0 ? ",%22" : "%22") + specs[static_cast<std::size_t>(i)].name + "%22";
    CHECK(client.get("ticker/24hr?symbols=" + list + "%5D").get_array().size() == static_cast<std::size_t>(count));
    CHECK(client.cost == static_cast<std::uint64_t>(cost));
  }
}

TEST_CASE("rest_api: trades polled and trades streamed are one sequence") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm, sim_market::coinm);
  running_exchange venue{market};
  market_client client{venue, market};
  const std::string stream = market == sim_market::coinm ? "btcusd_perp" : "btcusdt";
  const std::string symbol = "symbol=" + client.bitcoin;
  exchange_client trades{venue, "/ws/" + stream + "@trade"};
  exchange_client aggregates{venue, (market == sim_market::usdm ? "/market/ws/" : "/ws/") + stream + "@aggTrade"};
  REQUIRE(trades.read_messages(50));
  REQUIRE(aggregates.read_messages(50));
  using fill = std::tuple<std::string, std::string, std::int64_t, bool>;
  simdjson::dom::parser parser;
  const auto text = [](element from) { return std::string{std::string_view{from}}; };
  std::map<std::uint64_t, fill> polled, polled_aggregates;
  for (const element one : client.get("trades?limit=1000&" + symbol).get_array()) {
    const std::uint64_t id = one["id"];
    if (!polled.empty()) CHECK(id == polled.rbegin()->first + 1);
    polled[id] = {text(one["price"]), text(one["qty"]), std::int64_t{one["time"]}, bool{one["isBuyerMaker"]}};
  }
  for (const element one : client.get("aggTrades?limit=1000&" + symbol).get_array()) {
    CHECK(std::uint64_t{one["f"]} == std::uint64_t{one["l"]});
    polled_aggregates[std::uint64_t{one["a"]}] = {text(one["p"]), text(one["q"]), std::int64_t{one["T"]},
                                                  bool{one["m"]}};
  }
  // until the streams have told the last of them
  const auto told = [&](exchange_client& from, const char* key, std::map<std::uint64_t, fill>& into) {
    into.clear();
    for (const std::string& message : from.messages()) {
      const element one = parser.parse(message);
      into[std::uint64_t{one[key]}] = {text(one["p"]), text(one["q"]), std::int64_t{one["T"]}, bool{one["m"]}};
    }
  };
  const auto compare = [&](exchange_client& from, const char* key, const std::map<std::uint64_t, fill>& rest) {
    std::map<std::uint64_t, fill> streamed;
    REQUIRE_FALSE(rest.empty());
    REQUIRE(from.read_until([&] {
      if (!from.messages().empty()) {
        const element last = parser.parse(from.messages().back());
        if (std::uint64_t{last[key]} >= rest.rbegin()->first) return true;
      }
      return false;
    }));
    told(from, key, streamed);
    std::size_t both = 0;
    for (const auto& [id, one] : rest) {
      const auto found = streamed.find(id);
      if (found == streamed.end()) continue;
      ++both;
      CHECK(found->second == one);
    }
    CHECK(both >= 50);
  };
  compare(trades, "t", polled);
  compare(aggregates, "a", polled_aggregates);

  // from an id on: as many as asked for, that one first
  venue.pause();
  const std::uint64_t from = client.get("aggTrades?limit=100&" + symbol).at(50)["a"];
  const element some = client.get("aggTrades?limit=7&fromId=" + std::to_string(from) + "&" + symbol);
  REQUIRE(some.get_array().size() == 7);
  CHECK(std::uint64_t{some.at(0)["a"]} == from);
  CHECK(std::uint64_t{some.at(6)["a"]} == from + 6);
  CHECK(client.get("aggTrades?fromId=99999999999999&" + symbol).get_array().size() == 0);
  const std::string by_id = "historicalTrades?limit=7&fromId=" + std::to_string(from) + "&" + symbol;
  if (market == sim_market::spot) {
    const element old = client.get(by_id);
    CHECK(client.cost == 25);
    REQUIRE(old.get_array().size() == 7);
    CHECK(std::uint64_t{old.at(0)["id"]} == from);
    CHECK(std::uint64_t{old.at(6)["id"]} == from + 6);
    CHECK(client.get("historicalTrades?limit=7&" + symbol).get_array().size() == 7);
    CHECK(client.get("historicalTrades?fromId=99999999999999&" + symbol).get_array().size() == 0);
    CHECK(client.refusal("historicalTrades?fromId=x&" + symbol) == -1130);
    CHECK(client.refusal("historicalTrades?fromId=1") == -1102);
  } else {
    CHECK(std::int64_t{client.get(by_id, 401)["code"]} == -2014);  // that needs a key
    CHECK(client.cost == 20);
  }
  // the latest, whatever the id
  CHECK(std::uint64_t{client.get("trades?limit=1&fromId=" + std::to_string(from) + "&" + symbol).at(0)["id"]} > from);
}

TEST_CASE("rest_api: quotes and mark prices are those of the book that the streams tell") {
  running_exchange venue{sim_market::usdm};
  market_client client{venue, sim_market::usdm};
  exchange_client quotes{venue, "/ws/btcusdt@bookTicker"};
  REQUIRE(quotes.read_messages(1));
  venue.pause();
  const element quote = client.get("ticker/bookTicker?symbol=BTCUSDT");
  const std::uint64_t id = quote["lastUpdateId"];
  const std::string bid{std::string_view{quote["bidPrice"]}};
  const std::string ask{std::string_view{quote["askPrice"]}};
  const element mark = client.get("premiumIndex?symbol=BTCUSDT");
  CHECK(number(mark["markPrice"]) == Approx((std::stod(bid) + std::stod(ask)) / 2));
  CHECK(quotes.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":2})") == R"({"result":["btcusdt@bookTicker"],"id":2})");
  venue.resume();
  REQUIRE(quotes.read_messages(quotes.messages().size() + 5));
  simdjson::dom::parser parser;
  std::string before;
  bool newer = false;
  for (const std::string& message : quotes.messages()) {
    std::uint64_t update = 0;
    const element one = parser.parse(message);
    if (one["u"].get(update) != simdjson::SUCCESS) continue;
    newer = newer || update > id;
    if (!newer) before = std::string{std::string_view{one["b"]}} + " " + std::string{std::string_view{one["a"]}};
  }
  CHECK(newer);
  CHECK(before == bid + " " + ask);
}

TEST_CASE("rest_api: candles add up, without holes, and agree with the trades") {
  running_exchange venue{sim_market::spot};
  market_client client{venue, sim_market::spot};
  exchange_client stream{venue, "/ws/btcusdt@trade"};
  const auto rows = [&] { return client.get("klines?interval=1s&symbol=BTCUSDT"); };
  REQUIRE(stream.read_until([&] { return rows().get_array().size() >= 4; }));
  venue.pause();
  const element ticker = client.get("ticker/24hr?symbol=BTCUSDT");
  const double volume = number(ticker["volume"]);
  const double turnover = number(ticker["quoteVolume"]);
  const std::uint64_t count = ticker["count"];
  const double close = number(ticker["lastPrice"]);
  double sum = 0, worth = 0;
  std::uint64_t trades = 0;
  std::int64_t last = 0;
  double last_close = 0;
  for (const element row : rows().get_array()) {
    if (last != 0) CHECK(std::int64_t{row.at(0)} == last + 1'000);
    last = row.at(0);
    sum += number(row.at(5));
    worth += number(row.at(7));
    trades += std::uint64_t{row.at(8)};
    last_close = number(row.at(4));
    CHECK(number(row.at(9)) <= number(row.at(5)));
  }
  CHECK(trades == count);
  CHECK(sum == Approx(volume));
  CHECK(worth == Approx(turnover));
  CHECK(last_close == close);
  CHECK(client.get("klines?interval=1s&limit=2&symbol=BTCUSDT").get_array().size() == 2);
}

TEST_CASE("symbol_history: ten thousand trades are kept, and nothing is allocated for them") {
  generator_settings settings;
  settings.symbols = default_symbols(sim_market::spot, 1);
  market_generator generator{settings};
  symbol_history history{sim_market::spot, generator.symbols()[0]};
  CHECK(history.sums().last.price == generator.symbols()[0].price);
  std::uint64_t last = 0, first = 0, count = 0;
  std::size_t allocated = 0;
  while (count < 13'456) {
    const market_event& event = generator.next();
    const std::size_t before = foxtrot_test::allocations();
    history.add(event);
    allocated += foxtrot_test::allocations() - before;
    if (event.what != market_event::kind::trade) continue;
    last = event.fill.trade_id;
    if (count++ == 0) first = last;
    REQUIRE(history.size() == std::min<std::uint64_t>(count, 10'000));
    REQUIRE(history.at(history.size() - 1).id == last);
    REQUIRE(history.at(0).id == last - history.size() + 1);
  }
  CHECK(history.sums().first_id == first);
  CHECK(history.sums().trades == 13'456);
  CHECK(allocated == 0);
}

TEST_CASE("candle_series: intervals begin where the venue's do") {
  using enum kline_interval;
  constexpr std::int64_t second = 1'000'000'000;
  const std::int64_t at = 1'786'171'884 * second + 123;  // Saturday, 2026-08-08 06:51:24
  CHECK(open_of(s1, at) == 1'786'171'884 * second);
  CHECK(open_of(m1, at) == 1'786'171'860 * second);
  CHECK(open_of(h12, at) == 1'786'147'200 * second);
  CHECK(open_of(d1, at) == 1'786'147'200 * second);
  CHECK(open_of(w1, at) == 1'785'715'200 * second);   // Monday, August 3
  CHECK(open_of(mo1, at) == 1'785'542'400 * second);  // August 1
  CHECK(next_open_of(mo1, open_of(mo1, at)) == 1'788'220'800 * second);
  for (std::size_t i = 0; i < kline_interval_count; ++i) {
    const auto interval = static_cast<kline_interval>(i);
    const std::int64_t open = open_of(interval, at);
    const std::int64_t next = next_open_of(interval, open);
    CHECK(open <= at);
    CHECK(next > at);
    CHECK(open_of(interval, open) == open);
    CHECK(open_of(interval, next - 1) == open);
    CHECK(open_of(interval, next) == next);
  }
  candle_series series{s1, 77};
  series.advance(at);
  for (int i = 0; i < 200; ++i) series.add(at + i * 3 * second, {100 + i, 2}, 5, i % 2 == 0);
  CHECK(series.size() == candle_series::most);
  CHECK(series.at(0).open_ns == open_of(s1, at) + 597 * second);
  CHECK(series.at(0).close == 299);
  CHECK(series.at(1).trades == 0);
  CHECK(series.at(1).open == 298);
  CHECK(series.at(3).taker_buy_volume == 0);
}

}  // namespace
