// tests/exchange/binance/exchange_info_test.cpp: bodies of three markets, recorded, written by hand, and broken.
#include <foxtrot/exchange/binance/exchange_info.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/decimal_literals.hpp>
#include <foxtrot/exchange/binance/streams_of.hpp>
#include <support/allocation_counter.hpp>
#include <support/captures.hpp>

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot::literals;
using namespace std::chrono_literals;
using binance::exchange_info;
using binance::rate_limit_type;
using binance::streams_of;
using binance::symbol_rules;
using binance::symbol_status;
using strings = std::vector<std::string>;

const std::string weight = R"({"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000})";
const std::string price = R"({"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000",)"
                          R"("tickSize":"0.01000000"})";

std::string body_of(const std::string& symbols, const std::string& limits = weight) {
  return R"({"timezone":"UTC","serverTime":1790000000123,"rateLimits":[)" + limits +
         R"(],"exchangeFilters":[],"symbols":[)" + symbols + "]}";
}
std::string symbol_of(const std::string& name, const std::string& filters = price, const std::string& more = {}) {
  return R"({"symbol":")" + name + R"(","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[)" +
         filters + "]" + more + "}";
}

exchange_info parsed(const std::string& body) {
  auto made = exchange_info::parse(body);
  if (!made) FAIL(made.error().message() << ": " << body);
  return std::move(*made);
}
/// The error of a whole document.
std::error_code refusal(const std::string& body) {
  const auto made = exchange_info::parse(body);
  return made.error();
}
/// The error of a document's only symbol, next to which a good one is read.
std::error_code rejection(const std::string& symbol) {
  const exchange_info info = parsed(body_of(symbol_of("BEFORE") + "," + symbol + "," + symbol_of("ZBEHIND")));
  CHECK(info.size() == 2);
  CHECK(info.find("ZBEHIND") != nullptr);
  REQUIRE(info.rejected().size() == 1);
  return make_error_code(info.rejected().front().error);
}

TEST_CASE("exchange_info: spot") {
  const exchange_info info = parsed(body_of(
      R"({"symbol":"ETHBTC","status":"BREAK","baseAsset":"ETH","baseAssetPrecision":8,"quoteAsset":"BTC",
       "quotePrecision":7,"quoteAssetPrecision":8,"orderTypes":["LIMIT"],"icebergAllowed":true,"filters":[
       {"filterType":"PRICE_FILTER","minPrice":"0.00000000","maxPrice":"922327.00000000","tickSize":"0.00001000"},
       {"minQty":"0.00010000","filterType":"LOT_SIZE","stepSize":"0.00010000","maxQty":"100000.00000000"},
       {"filterType":"ICEBERG_PARTS","limit":10},
       {"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"2729.89","stepSize":"0.00000000"},
       {"filterType":"NOTIONAL","minNotional":"0.00010000","applyMinToMarket":true,"maxNotional":"9000000.0",
        "applyMaxToMarket":false,"avgPriceMins":5}],"permissionSets":[["SPOT",["deep",{}]]]} , )" +
          symbol_of("BTCUSDT"),
      weight + R"(, {"rateLimitType":"ORDERS","interval":"DAY","intervalNum":2,"limit":200000},
                    {"rateLimitType":"TEA","interval":"FORTNIGHT","intervalNum":1,"limit":1,"new":[1]})"));
  CHECK(info.server_time().time_since_epoch() == 1'790'000'000'123ms);
  REQUIRE(info.size() == 2);
  CHECK(info.begin()->name == "BTCUSDT");
  CHECK(info.rejected().empty());
  const symbol_rules* const eth = info.find("ETHBTC");
  REQUIRE(eth != nullptr);
  CHECK(eth->status == symbol_status::in_break);
  CHECK_FALSE(eth->trading());
  CHECK(eth->base_asset == "ETH");
  CHECK(eth->quote_asset == "BTC");
  CHECK(eth->base_precision == 8);
  CHECK(eth->quote_precision == 8);
  CHECK_FALSE(eth->price_precision);
  CHECK_FALSE(eth->price.least);
  CHECK(*eth->price.most == "922327"_dec);
  CHECK(*eth->tick_size() == "0.00001"_dec);
  CHECK(*eth->quantity.least == "0.0001"_dec);
  CHECK(*eth->lot_size() == "0.0001"_dec);
  CHECK_FALSE(eth->market_quantity.least);
  CHECK_FALSE(eth->market_quantity.step);
  CHECK(*eth->market_quantity.most == "2729.89"_dec);
  CHECK(*eth->min_notional == "0.0001"_dec);
  CHECK(*eth->max_notional == "9000000"_dec);
  CHECK(eth->min_notional_for_market);
  CHECK_FALSE(eth->max_notional_for_market);
  CHECK(eth->contract_type.empty());
  CHECK_FALSE(eth->contract_size);

  REQUIRE(info.rate_limits().size() == 3);
  CHECK(info.rate_limits()[0].type == rate_limit_type::request_weight);
  CHECK(info.rate_limits()[0].limit == 6000);
  CHECK(info.rate_limits()[0].window() == 60s);
  CHECK(info.rate_limits()[1].type == rate_limit_type::orders);
  CHECK(info.rate_limits()[1].window() == 48h);
  CHECK(info.rate_limits()[2].type == rate_limit_type::other);
  CHECK(info.rate_limits()[2].type_text == "TEA");
  CHECK(info.rate_limits()[2].interval_text == "FORTNIGHT");
  CHECK_FALSE(info.rate_limits()[2].window());
}

TEST_CASE("exchange_info: USD-M and COIN-M") {
  const exchange_info usdm = parsed(body_of(
      R"({"symbol":"BTCUSDT","pair":"BTCUSDT","contractType":"PERPETUAL","status":"SETTLING","baseAsset":"BTC",
       "quoteAsset":"USDT","marginAsset":"USDT","pricePrecision":2,"quantityPrecision":3,"baseAssetPrecision":8,
       "quotePrecision":7,"filters":[{"filterType":"MIN_NOTIONAL","notional":"100"},
       {"tickSize":"0.10","maxPrice":"4529764","filterType":"PRICE_FILTER","minPrice":"556.80"}]})"));
  const symbol_rules* one = usdm.find("BTCUSDT");
  REQUIRE(one != nullptr);
  CHECK(one->status == symbol_status::settling);
  CHECK(one->contract_type == "PERPETUAL");
  CHECK(one->pair == "BTCUSDT");
  CHECK(one->margin_asset == "USDT");
  CHECK(one->price_precision == 2);
  CHECK(one->quantity_precision == 3);
  CHECK(one->quote_precision == 7);
  CHECK(*one->min_notional == "100"_dec);
  CHECK_FALSE(one->max_notional);
  CHECK_FALSE(one->lot_size());
  CHECK(one->is_valid_price("61837.7"_dec));

  const exchange_info coinm = parsed(body_of(
      R"({"filters":[{"filterType":"LOT_SIZE","stepSize":"1","maxQty":"1000000","minQty":"1"}],"symbol":"BTCUSD_PERP",
       "pair":"BTCUSD","contractType":"","contractStatus":"PRE_DELIVERING","contractSize":100,"quoteAsset":"USD",
       "baseAsset":"BTC","marginAsset":"BTC","pricePrecision":1,"quantityPrecision":0,"status":null})"));
  one = coinm.find("BTCUSD_PERP");
  REQUIRE(one != nullptr);
  CHECK(one->status == symbol_status::pre_delivering);
  CHECK(one->contract_size == 100);
  CHECK(one->contract_type.empty());
  CHECK(one->quantity_precision == 0);
  CHECK(*one->lot_size() == "1"_dec);
  CHECK_FALSE(one->min_notional);
}

TEST_CASE("exchange_info: a status that nobody knows keeps its word; escapes and other alphabets are read") {
  const exchange_info info = parsed(
      body_of(R"({"symbol":"\u5e01USDT","status":"ON_STRIKE","baseAsset":"币","quoteAsset":"USDT","filters":[]})"));
  const symbol_rules* const one = info.find("币USDT");
  REQUIRE(one != nullptr);
  CHECK(one->status == symbol_status::other);
  CHECK(one->status_text == "ON_STRIKE");
  CHECK(one->base_asset == "币");
}

TEST_CASE("exchange_info: names are found without an allocation, and only they") {
  std::string all;
  for (int i = 0; i < 500; ++i) all += (i == 0 ? "" : ",") + symbol_of("S" + std::to_string(i * 7 % 500) + "USDT");
  const exchange_info info = parsed(body_of(all));
  REQUIRE(info.size() == 500);
  CHECK(std::is_sorted(info.begin(), info.end(), [](const auto& a, const auto& b) { return a.name < b.name; }));
  strings names;
  for (int i = 0; i < 500; ++i) names.push_back("S" + std::to_string(i) + "USDT");
  std::size_t found = 0;
  const std::size_t before = foxtrot_test::allocations();
  for (const std::string& name : names) found += info.find(name) != nullptr && info.find(name)->name == name;
  const std::size_t used = foxtrot_test::allocations() - before;
  CHECK(used == 0);
  CHECK(found == 500);
  CHECK(info.find("S500USDT") == nullptr);
  CHECK(info.find("s1usdt") == nullptr);
  CHECK(info.find("") == nullptr);
  CHECK(info.trading_symbols().size() == 500);
}

TEST_CASE("exchange_info: one odd symbol is left out and listed, with what is wrong with it") {
  CHECK(rejection("7") == errc::wrong_type);
  CHECK(rejection(R"("BTCUSDT")") == errc::wrong_type);
  CHECK(rejection("[[{}]]") == errc::wrong_type);
  CHECK(rejection("{}") == errc::missing_field);
  CHECK(rejection(symbol_of("")) == errc::missing_field);
  CHECK(rejection(R"({"symbol":"A","status":"TRADING","baseAsset":"B","quoteAsset":"C"})") == errc::missing_field);
  CHECK(rejection(R"({"symbol":"A","baseAsset":"B","quoteAsset":"C","filters":[]})") == errc::missing_field);
  CHECK(rejection(R"({"symbol":"A","status":"TRADING","quoteAsset":"C","filters":[]})") == errc::missing_field);
  CHECK(rejection(R"({"symbol":["A",{"b":1}],"status":"T","baseAsset":"B","quoteAsset":"C","filters":[]})") ==
        errc::wrong_type);
  CHECK(rejection(R"({"symbol":"\ud800","status":"T","baseAsset":"B","quoteAsset":"C","filters":[]})") ==
        errc::wrong_type);
  CHECK(rejection(R"({"symbol":"A","status":1,"baseAsset":"B","quoteAsset":"C","filters":[]})") == errc::wrong_type);
  CHECK(rejection(R"({"symbol":"A","status":"T","baseAsset":"B","quoteAsset":"C","filters":{"a":[1]}})") ==
        errc::wrong_type);
  CHECK(rejection(symbol_of("A", "7," + price)) == errc::wrong_type);
  CHECK(rejection(symbol_of("A", "{}," + price)) == errc::missing_field);
  CHECK(rejection(symbol_of("A", price + "," + price)) == errc::malformed_message);
  CHECK(rejection(symbol_of("A", price, R"(,"symbol":"B")")) == errc::malformed_message);
  CHECK(rejection(symbol_of("A", price, R"(,"filters":[])")) == errc::malformed_message);
  CHECK(rejection(symbol_of("A", price, R"(,"pricePrecision":-1)")) == errc::number_out_of_range);
  CHECK(rejection(symbol_of("A", price, R"(,"pricePrecision":99999999999)")) == errc::number_out_of_range);
  CHECK(rejection(symbol_of("A", price, R"(,"pricePrecision":2.5)")) == errc::wrong_type);
  CHECK(rejection(symbol_of("A", price, R"(,"contractSize":"100")")) == errc::wrong_type);
  const auto tick = [](const std::string& value) {
    return rejection(symbol_of("A", R"({"filterType":"PRICE_FILTER","tickSize":)" + value + "}"));
  };
  CHECK(tick("0.01") == errc::wrong_type);
  CHECK(tick("true") == errc::wrong_type);
  CHECK(tick("[]") == errc::wrong_type);
  CHECK(tick(R"("")") == errc::malformed_message);
  CHECK(tick(R"("NaN")") == errc::malformed_message);
  CHECK(tick(R"("1e-2")") == errc::malformed_message);
  CHECK(tick(R"("-0.01")") == errc::number_out_of_range);
  CHECK(tick('"' + std::string(40, '7') + '"') == errc::number_out_of_range);
}

TEST_CASE("exchange_info: of two symbols with one name neither is there") {
  const exchange_info info = parsed(body_of(symbol_of("A") + "," + symbol_of("B") + "," + symbol_of("A", "")));
  CHECK(info.size() == 1);
  CHECK(info.find("A") == nullptr);
  REQUIRE(info.rejected().size() == 1);
  CHECK(info.rejected().front().name == "A");
}

TEST_CASE("exchange_info: a document that is none leaves nothing behind") {
  const std::string good = body_of(symbol_of("BTCUSDT") + "," + symbol_of("ETHUSDT"));
  REQUIRE(parsed(good).size() == 2);
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto cut = exchange_info::parse(std::string_view{good}.substr(0, length));
    if (cut || cut.error() != condition::bad_data) FAIL("cut at " << length << ": " << cut.error().message());
  }
  CHECK(refusal(good + "}") == errc::malformed_message);
  CHECK(refusal(good + "{}") == errc::malformed_message);
  CHECK(refusal("\xEF\xBB\xBF" + good) == errc::malformed_message);
  CHECK(refusal(body_of(symbol_of("A\xFF"))) == errc::malformed_message);
  CHECK(refusal(body_of(symbol_of("A", price, R"(,"x":NaN)"))) == errc::malformed_message);
  CHECK(refusal(body_of(symbol_of("A", price, R"(,"pricePrecision":nul)"))) == errc::malformed_message);
  CHECK(refusal("[]") == errc::wrong_type);
  CHECK(refusal("7").category() == make_error_code(errc::none).category());
  CHECK(refusal("{}") == errc::missing_field);
  CHECK(refusal(R"({"code":-1121,"msg":"Invalid symbol."})") == errc::missing_field);
  CHECK(refusal(R"({"serverTime":1,"rateLimits":[]})") == errc::missing_field);
  CHECK(refusal(R"({"serverTime":1,"symbols":[]})") == errc::missing_field);
  CHECK(refusal(R"({"rateLimits":[],"symbols":[]})") == errc::missing_field);
  CHECK(refusal(R"({"serverTime":"1","rateLimits":[],"symbols":[]})") == errc::wrong_type);
  CHECK(refusal(R"({"serverTime":-1,"rateLimits":[],"symbols":[]})") == errc::number_out_of_range);
  CHECK(refusal(R"({"serverTime":1,"rateLimits":{},"symbols":[]})") == errc::wrong_type);
  CHECK(refusal(R"({"serverTime":1,"rateLimits":[1],"symbols":[]})") == errc::wrong_type);
  CHECK(refusal(R"({"serverTime":1,"rateLimits":[{}],"symbols":[]})") == errc::missing_field);
  CHECK(refusal(R"({"serverTime":1,"rateLimits":[],"symbols":{}})") == errc::wrong_type);
  CHECK(refusal(R"({"serverTime":1,"rateLimits":[],"symbols":[],"symbols":[]})") == errc::malformed_message);
  CHECK(refusal(R"({"serverTime":1,"serverTime":1,"rateLimits":[],"symbols":[]})") == errc::malformed_message);
}

TEST_CASE("exchange_info: depth is no danger") {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const auto passed_over = exchange_info::parse(body_of(symbol_of("A", price, R"(,"x":)" + deep)));
  if (passed_over) CHECK(passed_over->size() == 1);
  if (!passed_over) CHECK(passed_over.error() == errc::malformed_message);
  CHECK(refusal(deep) == condition::bad_data);
  CHECK(refusal(std::string(100'000, '{')) == condition::bad_data);
  CHECK(refusal(body_of(std::string(100'000, '['))) == condition::bad_data);
}

TEST_CASE("exchange_info: times in microseconds are times, too") {
  CHECK(parsed(R"({"serverTime":1790000000123456,"rateLimits":[],"symbols":[]})").server_time().time_since_epoch() ==
        1'790'000'000'123'456us);
}

TEST_CASE("streams_of: the streams of what trades, of all, of a quote asset, of one's own choice") {
  const auto symbol = [](const std::string& name, const std::string& quote, const std::string& status) {
    return R"({"symbol":")" + name + R"(","status":")" + status + R"(","baseAsset":"X","quoteAsset":")" + quote +
           R"(","filters":[]})";
  };
  const exchange_info info =
      parsed(body_of(symbol("ETHBTC", "BTC", "TRADING") + "," + symbol("BTCUSDT", "USDT", "TRADING") + "," +
                     symbol("LUNAUSDT", "USDT", "BREAK") + "," + symbol("BTCUSD_PERP", "USD", "TRADING") + "," +
                     symbol("A B", "USDT", "TRADING")));
  CHECK(streams_of(info, "@bookTicker") ==
        strings{"btcusdt@bookTicker", "btcusd_perp@bookTicker", "ethbtc@bookTicker"});
  CHECK(streams_of(info, "@depth@100ms", "USDT") == strings{"btcusdt@depth@100ms"});
  CHECK(streams_of(info, "@trade", [](const symbol_rules& one) { return one.name.size() == 6; }) ==
        strings{"ethbtc@trade"});
  CHECK(streams_of(info, "@trade", "EUR").empty());
}

// --- recorded ---

std::optional<decimal> limit_of(simdjson::dom::element filter, std::string_view key) {
  std::string_view text;
  if (filter[key].get(text) != simdjson::SUCCESS) return std::nullopt;
  const decimal value = decimal::parse(text).value();
  return value.is_zero() ? std::nullopt : std::optional{value};
}

TEST_CASE("exchange_info: every symbol of a recorded answer says what another parser reads") {
  const auto path = foxtrot_test::capture_path("spot/rest_exchangeInfo_us.json");
  if (!path) return;
  simdjson::padded_string text;
  REQUIRE(simdjson::padded_string::load(*path).get(text) == simdjson::SUCCESS);
  const exchange_info info = parsed(std::string{std::string_view{text}});
  simdjson::dom::parser parser;
  const simdjson::dom::element body = parser.parse(text);
  const simdjson::dom::array symbols = body["symbols"];
  CHECK(info.size() == symbols.size());
  CHECK(info.rejected().empty());
  CHECK(info.rate_limits().size() == body["rateLimits"].get_array().size());
  CHECK(info.server_time().time_since_epoch() == std::chrono::milliseconds{std::int64_t{body["serverTime"]}});
  std::size_t filters = 0, trading = 0;
  for (const simdjson::dom::element symbol : symbols) {
    const std::string_view name = symbol["symbol"];
    const symbol_rules* const one = info.find(name);
    REQUIRE(one != nullptr);
    CHECK(one->status_text == std::string_view{symbol["status"]});
    CHECK(one->status != symbol_status::other);
    CHECK(one->base_asset == std::string_view{symbol["baseAsset"]});
    CHECK(one->quote_asset == std::string_view{symbol["quoteAsset"]});
    CHECK(*one->base_precision == std::int64_t{symbol["baseAssetPrecision"]});
    trading += one->trading();
    for (const simdjson::dom::element filter : symbol["filters"].get_array()) {
      const std::string_view type = filter["filterType"];
      filters += type == "PRICE_FILTER" || type == "LOT_SIZE" || type == "MARKET_LOT_SIZE" || type == "MIN_NOTIONAL";
      if (type == "PRICE_FILTER") {
        CHECK(one->price.least == limit_of(filter, "minPrice"));
        CHECK(one->price.most == limit_of(filter, "maxPrice"));
        CHECK(one->price.step == limit_of(filter, "tickSize"));
        CHECK(one->is_valid_price(*one->price.least));
      } else if (type == "LOT_SIZE" || type == "MARKET_LOT_SIZE") {
        const auto& rule = type == "LOT_SIZE" ? one->quantity : one->market_quantity;
        CHECK(rule.least == limit_of(filter, "minQty"));
        CHECK(rule.most == limit_of(filter, "maxQty"));
        CHECK(rule.step == limit_of(filter, "stepSize"));
        if (type == "LOT_SIZE") CHECK(one->is_valid_quantity(*rule.least));
      } else if (type == "MIN_NOTIONAL") {
        CHECK(one->min_notional == limit_of(filter, "minNotional"));
        CHECK(one->min_notional_for_market == bool{filter["applyToMarket"]});
      }
    }
  }
  CHECK(filters > 3 * symbols.size());
  CHECK(streams_of(info, "@trade").size() == trading);
}

}  // namespace
