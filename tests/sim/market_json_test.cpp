// tests/sim/market_json_test.cpp: the venue's text: exact bytes for small cases, a JSON parser's opinion for the rest.
#include <foxtrot/sim/market_json.hpp>

#include <catch2/catch.hpp>

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace foxtrot;
using kind = market_event::kind;
using namespace std::string_literals;

const symbol_spec spot_btc{"BTCUSDT", 6183763, 1, 2, 5, 20000};
const symbol_spec usdm_btc{"BTCUSDT", 618002, 10, 2, 3, 800};

market_event sample() {
  static constexpr std::array<sim_level, 2> bids{{{6183763, 378826}, {6182099, 0}}};
  market_event event;
  event.at_ns = 1'723'161'255'343'456'789;
  event.update_id = 50093239212;
  event.bid = {6183763, 378826};
  event.ask = {6183764, 154698};
  event.fill = {3735683259, {6183763, 2000}};
  event.buyer_is_maker = true;
  event.diff = {50093239208, 50093239224, 50093239201, bids, {}};
  return event;
}

template <class Write>
std::string text(Write write) {
  std::string out = "kept";
  write(out);
  REQUIRE(out.starts_with("kept"));
  return out.substr(4);
}

TEST_CASE("market_json: spot messages are the venue's, byte for byte") {
  const market_json json{sim_market::spot, spot_btc};
  const market_event event = sample();
  const auto ms = time_unit::milliseconds;
  CHECK(
      text([&](std::string& out) { json.book_ticker(out, event, ms); }) ==
      R"({"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"})");
  CHECK(
      text([&](std::string& out) { json.trade(out, event, ms); }) ==
      R"({"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255343,"m":true,"M":true})");
  CHECK(
      text([&](std::string& out) { json.trade(out, event, time_unit::microseconds); }) ==
      R"({"e":"trade","E":1723161255343456,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255343156,"m":true,"M":true})");
  CHECK(
      text([&](std::string& out) { json.agg_trade(out, event, ms); }) ==
      R"({"e":"aggTrade","E":1723161255343,"s":"BTCUSDT","a":3735683259,"p":"61837.63000000","q":"0.02000000","f":3735683259,"l":3735683259,"T":1723161255343,"m":true,"M":true})");
  CHECK(
      text([&](std::string& out) { json.depth(out, event, ms); }) ==
      R"({"e":"depthUpdate","E":1723161255343,"s":"BTCUSDT","U":50093239208,"u":50093239224,"b":[["61837.63000000","3.78826000"],["61820.99000000","0.00000000"]],"a":[]})");
}

TEST_CASE("market_json: USD-M messages are the venue's, byte for byte") {
  const market_json json{sim_market::usdm, usdm_btc};
  market_event event = sample();
  event.bid = {618002, 2507};
  event.ask = {618003, 2510};
  event.fill = {5266583935, {618003, 6}};
  event.buyer_is_maker = false;
  static constexpr std::array<sim_level, 1> asks{{{618003, 0}}};
  event.diff = {8, 9, 5, {}, asks};
  const auto ms = time_unit::milliseconds;
  CHECK(
      text([&](std::string& out) { json.book_ticker(out, event, ms); }) ==
      R"({"e":"bookTicker","u":50093239212,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161255343,"E":1723161255343})");
  CHECK(
      text([&](std::string& out) { json.trade(out, event, ms); }) ==
      R"({"e":"trade","E":1723161255343,"T":1723161255343,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false})");
  CHECK(
      text([&](std::string& out) { json.agg_trade(out, event, ms); }) ==
      R"({"e":"aggTrade","E":1723161255343,"a":5266583935,"s":"BTCUSDT","p":"61800.30","q":"0.006","nq":"0.006","f":5266583935,"l":5266583935,"T":1723161255343,"m":false,"st":1})");
  CHECK(
      text([&](std::string& out) { json.depth(out, event, ms); }) ==
      R"({"e":"depthUpdate","E":1723161255343,"T":1723161255343,"s":"BTCUSDT","U":8,"u":9,"pu":5,"b":[],"a":[["61800.30","0.000"]]})");
  CHECK(
      text([&](std::string& out) { json.mark_price(out, event, ms); }) ==
      R"({"e":"markPriceUpdate","E":1723161255343,"s":"BTCUSDT","p":"61800.25000000","ap":"61800.25000000","P":"61800.25000000","i":"61800.25000000","r":"0.00010000","T":1723161600000,"st":1})");
}

TEST_CASE("market_json: numbers without a fraction have no point, unless padded") {
  market_event event = sample();
  event.bid = {5, 297};
  event.ask = {12345, 1};
  const symbol_spec whole{"X", 5, 100, 4, 0, 1};
  CHECK(text([&](std::string& out) {
          market_json{sim_market::usdm, whole}.book_ticker(out, event, {});
        }).find(R"("b":"0.0500","B":"297","a":"123.4500","A":"1")") != std::string::npos);
  CHECK(text([&](std::string& out) {
          market_json{sim_market::spot, whole}.book_ticker(out, event, {});
        }).find(R"("b":"0.05000000","B":"297.00000000","a":"123.45000000","A":"1.00000000")") != std::string::npos);
}

TEST_CASE("market_json: everything a generator can say is JSON, and says what the event says") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm);
  generator_settings settings;
  settings.market = market;
  settings.symbols = default_symbols(market, 10);
  settings.events_per_second = 3'000;
  market_generator generator{settings};
  std::vector<market_json> json;
  for (const symbol_spec& spec : generator.symbols()) json.emplace_back(market, spec);
  simdjson::dom::parser parser;
  std::string out;
  std::size_t wrong = 0;
  for (int i = 0; i < 40'000; ++i) {
    const market_event& event = generator.next();
    const market_json& write = json[event.symbol];
    const auto parsed = [&](auto member, auto&&... arguments) {
      out.clear();
      (write.*member)(out, event, arguments...);
      simdjson::dom::element document;
      wrong += parser.parse(out).get(document) != simdjson::SUCCESS;
      return document;
    };
    const auto unit = time_unit::milliseconds;
    if (event.what == kind::book_ticker) {
      wrong += std::uint64_t{parsed(&market_json::book_ticker, unit)["u"]} != event.update_id;
    } else if (event.what == kind::trade) {
      wrong += std::uint64_t{parsed(&market_json::trade, unit)["t"]} != event.fill.trade_id;
      wrong += std::uint64_t{parsed(&market_json::agg_trade, unit)["a"]} != event.fill.trade_id;
    } else if (event.what == kind::mark_price) {
      wrong += std::string_view{parsed(&market_json::mark_price, unit)["e"]} != "markPriceUpdate";
    } else {
      const auto diff = parsed(&market_json::depth, unit);
      wrong += std::uint64_t{diff["u"]} != event.diff.last_id;
      wrong += diff["b"].get_array().size() != event.diff.bids.size();
      wrong += diff["a"].get_array().size() != event.diff.asks.size();
      out.clear();
      write.partial_depth(out, event, generator.book(event.symbol), 20, unit);
      simdjson::dom::element partial;
      wrong += parser.parse(out).get(partial) != simdjson::SUCCESS;
      wrong += partial[market == sim_market::spot ? "bids" : "b"].get_array().size() != 20;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("market_json: REST bodies") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm);
  generator_settings settings;
  settings.market = market;
  market_generator generator{settings};
  const market_json json{market, generator.symbols()[0]};
  simdjson::dom::parser parser;
  std::string out;
  json.snapshot(out, generator.book(0), 50, 1'723'161'255'343'000'000);
  simdjson::dom::element body;
  REQUIRE(parser.parse(out).get(body) == simdjson::SUCCESS);
  CHECK(std::uint64_t{body["lastUpdateId"]} == generator.book(0).update_id);
  CHECK(body["bids"].get_array().size() == 50);
  CHECK(body["asks"].get_array().size() == 50);
  CHECK((body["E"].error() == simdjson::SUCCESS) == (market == sim_market::usdm));

  out.clear();
  json.rest_book_ticker(out, generator.book(0), 1'723'161'255'343'000'000);
  REQUIRE(parser.parse(out).get(body) == simdjson::SUCCESS);
  CHECK(std::string_view{body["symbol"]} == "BTCUSDT");
  CHECK((body["time"].error() == simdjson::SUCCESS) == (market == sim_market::usdm));
}

TEST_CASE("market_json: a warm buffer is not enlarged again") {
  generator_settings settings;
  market_generator generator{settings};
  const market_json json{sim_market::spot, generator.symbols()[0]};
  std::string out;
  json.snapshot(out, generator.book(0), 5'000, 0);
  out.clear();
  const std::size_t capacity = out.capacity();
  for (int i = 0; i < 10'000; ++i) {
    const market_event& event = generator.next();
    out.clear();
    if (event.what == kind::depth) json.depth(out, event, {});
    if (event.what == kind::book_ticker) json.book_ticker(out, event, {});
  }
  CHECK(out.capacity() == capacity);
}

}  // namespace
