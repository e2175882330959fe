// tests/exchange/binance/codec_test.cpp: every shape the venue sends, and what must never become a tick.
#include <foxtrot/exchange/binance/codec.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/capture/reader.hpp>
#include <support/captures.hpp>
#include <support/plain_tick.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using binance::codec;
using binance::market;
using binance::parsing;
using foxtrot_test::plain_level;
using foxtrot_test::plain_tick;
using foxtrot_test::read_number;

constexpr std::int64_t received = 1'672'515'782'136'123'456;  // 2022-12-31 19:43:02.136

/// A codec with a queue behind it. Every message stands in memory of its own, followed by exactly the bytes that may be
/// read, and those hold what would do most harm.
struct bench {
  explicit bench(market where = market::spot, parsing how = parsing::fastest) : decoder{where, how} {
    out.follow_ids(false);  // the same message comes again and again
  }

  struct outcome {
    message_type type{};
    std::vector<plain_tick> ticks;
  };

  outcome decode(std::string_view text, std::int64_t at = received, std::string_view asked = {}, char behind = '}') {
    memory.assign(text.size() + 64, behind);
    std::copy(text.begin(), text.end(), memory.begin());
    const std::string_view message{memory.data(), text.size()};
    outcome made;
    {
      publisher::batch batch{out};
      made.type = asked.empty() ? decoder.decode(message, at, batch) : decoder.decode_depth(message, asked, at, batch);
      event_name = decoder.last_event();
    }
    queue.poll(16, [&](const event& told) {
      if (auto tick = foxtrot_test::plain(told)) made.ticks.push_back(std::move(*tick));
    });
    return made;
  }

  /// The tick in this message; a failure where there is not exactly one.
  plain_tick tick(std::string_view text, std::int64_t at = received, std::string_view asked = {}) {
    INFO(text);
    outcome made = decode(text, at, asked);
    INFO("error: " << make_error_code(decoder.last_error()).message());
    REQUIRE(made.type == message_type::tick);
    REQUIRE(made.ticks.size() == 1);
    return made.ticks.front();
  }

  symbol_table symbols;
  publisher out{symbols};
  subscription queue{out.subscribe({.capacity = 16}).value()};
  codec decoder;
  std::vector<char> memory;
  std::string event_name;
};

plain_level level(std::string_view price, std::string_view quantity) {
  return {read_number(price), read_number(quantity)};
}

constexpr const char* spot_quote =
    R"({"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"})";
constexpr const char* spot_trade =
    R"({"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100","T":1672515782134,"m":true,"M":true})";
constexpr const char* spot_diff =
    R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"],["0.0023","0"]],"a":[["0.0026","100"]]})";

plain_tick expected_quote() {
  plain_tick made;
  made.kind = tick_kind::book_ticker;
  made.symbol = "BNBUSDT";
  made.id = 400900217;
  made.bids = {level("25.3519", "31.21")};
  made.asks = {level("25.3652", "40.66")};
  return made;
}

plain_tick expected_trade() {
  plain_tick made;
  made.kind = tick_kind::trade;
  made.symbol = "BNBBTC";
  made.id = 12345;
  made.event_us = 1'672'515'782'136'000;
  made.transaction_us = 1'672'515'782'134'000;
  made.buyer_is_maker = true;
  made.bids = {level("0.001", "100")};
  return made;
}

plain_tick expected_diff() {
  plain_tick made;
  made.kind = tick_kind::depth_update;
  made.symbol = "BNBBTC";
  made.first_id = 157;
  made.id = 160;
  made.event_us = 1'672'515'782'136'000;
  made.bids = {level("0.0024", "10"), level("0.0023", "0")};
  made.asks = {level("0.0026", "100")};
  return made;
}

TEST_CASE("codec: book tickers of spot and of both futures") {
  bench spot;
  CHECK(spot.tick(spot_quote) == expected_quote());
  CHECK(spot.tick(R"({"stream":"bnbusdt@bookTicker","data":)" + std::string{spot_quote} + "}") == expected_quote());

  bench usdm{market::usdm};
  plain_tick right = expected_quote();
  right.transaction_us = 1'672'515'782'130'000;
  CHECK(usdm.tick(R"({"e":"bookTicker","u":400900217,"s":"BNBUSDT","b":"25.3519","B":"31.21","a":"25.3652",)"
                  R"("A":"40.66","T":1672515782130,"E":1672515782136})") == right);
  right.symbol = "BNBUSD_PERP";
  CHECK(usdm.tick(R"({"u":400900217,"e":"bookTicker","s":"BNBUSD_PERP","ps":"BNBUSD","b":"25.3519","B":"31.21",)"
                  R"("a":"25.3652","A":"40.66","T":1672515782130,"E":1672515782136})") == right);
}

TEST_CASE("codec: the venue and the source ride with the tick") {
  for (const market where : {market::spot, market::usdm}) {
    bench b{where};
    const std::string text = std::string{spot_quote} + std::string(64, ' ');
    const std::string book = R"({"lastUpdateId":7,"bids":[],"asks":[]})" + std::string(64, ' ');
    {
      publisher::batch batch{b.out};
      REQUIRE(b.decoder.decode(std::string_view{text}.substr(0, text.size() - 64), received, batch) ==
              message_type::tick);
      REQUIRE(b.decoder.decode_depth(std::string_view{book}.substr(0, book.size() - 64), "BNBUSDT", received, batch) ==
              message_type::tick);
    }
    std::vector<std::pair<venue, source>> seen;
    b.queue.poll(8, [&](const event& told) {
      told.visit([](const status&) {}, [&](const auto& tick) { seen.emplace_back(tick.venue(), tick.source()); });
    });
    const venue right = binance::venue_of(where);
    CHECK(seen == std::vector<std::pair<venue, source>>{{right, source::websocket}, {right, source::http}});
  }
}

TEST_CASE("codec: trades of every year") {
  bench b;
  CHECK(b.tick(spot_trade) == expected_trade());
  // 2020: with the orders' ids; futures: with the order type; 2026: with keys nobody knows yet
  CHECK(b.tick(R"({"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100.00","b":88,"a":50,)"
               R"("T":1672515782134,"m":true,"M":true})") == expected_trade());
  CHECK(b.tick(R"({"e":"trade","E":1672515782136,"T":1672515782134,"s":"BNBBTC","t":12345,"p":"0.001","q":"100",)"
               R"("X":"MARKET","m":true})") == expected_trade());
  CHECK(
      b.tick(R"({"e":"trade","E":1672515782136,"st":1,"nq":"100","s":"BNBBTC","t":12345,"p":"0.001","q":"100",)"
             R"("T":1672515782134,"m":true,"new":{"p":"5","deep":[1,[2,{"t":3}]]},"none":null,"list":[{"q":"9"}]})") ==
      expected_trade());
  plain_tick sold = expected_trade();
  sold.buyer_is_maker = false;
  CHECK(b.tick(R"({"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782134,)"
               R"("m":false,"M":true})") == sold);
}

TEST_CASE("codec: depth updates and partial books") {
  bench b;
  CHECK(b.tick(spot_diff) == expected_diff());

  plain_tick futures = expected_diff();
  futures.previous_id = 149;
  futures.transaction_us = 1'672'515'782'130'000;
  CHECK(b.tick(R"({"e":"depthUpdate","E":1672515782136,"T":1672515782130,"s":"BNBBTC","ps":"BNB","U":157,"u":160,)"
               R"("pu":149,"b":[["0.0024","10"],["0.0023","0"]],"a":[["0.0026","100"]]})") == futures);
  futures.previous_id.reset();
  CHECK(b.tick(R"({"e":"depthUpdate","E":1672515782136,"T":1672515782130,"s":"BNBBTC","U":157,"u":160,"pu":-1,)"
               R"("b":[["0.0024","10"],["0.0023","0"]],"a":[["0.0026","100"]]})") == futures);

  plain_tick partial;
  partial.kind = tick_kind::depth_snapshot;
  partial.symbol = "BNBBTC";
  partial.id = 160;
  partial.bids = {level("0.0024", "10")};
  partial.asks = {level("0.0026", "100"), level("0.0027", "1")};
  CHECK(b.tick(R"({"stream":"bnbbtc@depth20@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],)"
               R"("asks":[["0.0026","100"],["0.0027","1"]]}})") == partial);
  CHECK(b.tick(R"({"data":{"asks":[["0.0026","100"],["0.0027","1"]],"bids":[["0.0024","10"]],"lastUpdateId":160},)"
               R"("stream":"bnbbtc@depth5"})") == partial);
  partial.event_us = 1'672'515'782'136'000;
  CHECK(b.tick(R"({"stream":"bnbbtc@depth5","data":{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,)"
               R"("pu":149,"b":[["0.0024","10"]],"a":[["0.0026","100"],["0.0027","1"]]}})") == partial);
}

TEST_CASE("codec: REST snapshots of both markets") {
  bench b;
  plain_tick right;
  right.kind = tick_kind::depth_snapshot;
  right.how = source::http;
  right.symbol = "BNBBTC";
  right.id = 1027024;
  right.bids = {level("4", "431")};
  right.asks = {level("4.000002", "12")};
  CHECK(
      b.tick(R"({"lastUpdateId":1027024,"bids":[["4.00000000","431.00000000"]],"asks":[["4.00000200","12.00000000"]]})",
             received, "BNBBTC") == right);
  right.event_us = 1'672'515'782'136'000;
  right.transaction_us = 1'672'515'782'130'000;
  CHECK(b.tick(R"({"lastUpdateId":1027024,"E":1672515782136,"T":1672515782130,"bids":[["4.00","431"]],)"
               R"("asks":[["4.000002","12"]]})",
               received, "BNBBTC") == right);
  // levels of spot once had an empty array behind them
  right.event_us = right.transaction_us = std::nullopt;
  CHECK(b.tick(R"({"lastUpdateId":1027024,"bids":[["4.0","431.0",[]]],"asks":[["4.000002","12.0",[]]]})", received,
               "BNBBTC") == right);
}

TEST_CASE("codec: an empty book has no levels, and a side may be empty") {
  bench b;
  plain_tick one_side = expected_diff();
  one_side.bids.clear();
  CHECK(b.tick(R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[],"a":[["0.0026","100"]]})") ==
        one_side);
  one_side.asks.clear();
  CHECK(b.tick(R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[],"a":[]})") == one_side);
}

TEST_CASE("codec: microseconds are told from milliseconds by their size") {
  bench b;
  plain_tick right = expected_trade();
  right.event_us = 1'672'515'782'136'321;
  right.transaction_us = 1'672'515'782'134'007;
  CHECK(b.tick(R"({"e":"trade","E":1672515782136321,"s":"BNBBTC","t":12345,"p":"0.001","q":"100",)"
               R"("T":1672515782134007,"m":true,"M":true})") == right);
}

TEST_CASE("codec: a time too far from the receive time is absent and counted") {
  bench b;
  plain_tick right = expected_trade();
  right.event_us = right.transaction_us = std::nullopt;
  CHECK(b.tick(spot_trade, received + 3'600'000'000'000) == right);
  CHECK(b.out.counters().absent_times.get() == 2);
}

// "key":value pairs of a flat object, as text.
using members = std::vector<std::pair<std::string, std::string>>;
std::string object_of(const members& all, std::string_view gap) {
  std::string text{gap};
  text += '{';
  for (const auto& [key, value] : all) {
    if (text.back() != '{') text += ',';
    text.append(gap).append("\"" + key + "\"").append(gap).append(":").append(gap).append(value).append(gap);
  }
  return text.append(gap).append("}").append(gap);
}

TEST_CASE("codec: neither the order of the keys nor white space matters") {
  const members quote{{"u", "400900217"},  {"s", R"("BNBUSDT")"},     {"b", R"("25.35190000")"},
                      {"B", R"("31.21")"}, {"a", R"("25.36520000")"}, {"A", R"("40.66")"}};
  const members trade{{"e", R"("trade")"}, {"E", "1672515782136"}, {"s", R"("BNBBTC")"}, {"t", "12345"},
                      {"p", R"("0.001")"}, {"q", R"("100")"},      {"b", "8"},           {"T", "1672515782134"},
                      {"m", "true"},       {"M", "true"}};
  const members diff{{"e", R"("depthUpdate")"},
                     {"E", "1672515782136"},
                     {"s", R"("BNBBTC")"},
                     {"U", "157"},
                     {"u", "160"},
                     {"b", "[ [ \"0.0024\" ,\t\"10\" ] , [\"0.0023\",\"0\"]\n]"},
                     {"a", "[\r[\"0.0026\",\"100\"]]"}};
  const std::vector<std::pair<members, plain_tick>> all{
      {quote, expected_quote()}, {trade, expected_trade()}, {diff, expected_diff()}};
  bench b;
  std::mt19937 random{7};
  for (auto [fields, right] : all) {
    for (int round = 0; round < 200; ++round) {
      const std::string_view gap =
          std::array<std::string_view, 3>{"", " ", " \r\n\t "}[static_cast<std::size_t>(round % 3)];
      const std::string text = object_of(fields, gap);
      CHECK(b.tick(text) == right);
      const std::string stream = round % 2 == 0 ? R"("x@y")" : R"( "x@y" )";
      members outer{{"stream", stream}, {"data", text}};
      if (round % 4 == 1) std::swap(outer[0], outer[1]);
      CHECK(b.tick(object_of(outer, gap)) == right);
      std::shuffle(fields.begin(), fields.end(), random);
    }
  }
}

TEST_CASE("codec: levels with different decimals are exact") {
  bench b;
  plain_tick right = expected_diff();
  right.bids = {level("0.1", "1"), level("12345", "0.00000001"), level("0.00000001", "3")};
  right.asks = {level("7", "0"), level("7.5", "2.25")};
  CHECK(b.tick(R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.1","1"],)"
               R"(["12345","0.00000001"],["0.00000001","3.0"]],"a":[["7","0.000"],["7.50","2.25"]]})") == right);
  plain_tick quote = expected_quote();
  quote.bids = {level("1.1", "3")};
  quote.asks = {level("1.123", "0.5")};
  CHECK(b.tick(R"({"u":400900217,"s":"BNBUSDT","b":"1.1","B":"3","a":"1.123","A":"0.5000"})") == quote);
}

TEST_CASE("codec: quantities of cheap coins do not fit 1e-8 and need not") {
  bench b;
  plain_tick right = expected_diff();
  right.bids = {level("0.00000001", "354345435345"), level("0.00000002", "1.5")};
  right.asks = {level("0.00000003", "92233720368547758.07")};
  CHECK(
      b.tick(
          R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.00000001",)"
          R"("354345435345.00000000"],["0.00000002","1.50000000"]],"a":[["0.00000003","92233720368547758.07000000"]]})") ==
      right);
  plain_tick quote = expected_quote();
  quote.bids = {level("0.00000001", "354345435345")};
  quote.asks = {level("0.00000002", "12.5")};
  CHECK(
      b.tick(
          R"({"u":400900217,"s":"BNBUSDT","b":"0.00000001","B":"354345435345.00000000","a":"0.00000002","A":"12.50000000"})") ==
      quote);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("codec: what is not a tick is never one, and the next one is right") {
  const std::string quote = spot_quote;
  const std::string trade = spot_trade;
  const std::string diff = spot_diff;
  const auto with_price = [&](std::string_view price) { return replaced(trade, R"("0.00100000")", price); };
  const std::string deep(2000, '[');
  const std::string shallow(2000, ']');
  std::vector<std::pair<std::string, errc>> bad{
      {"", errc::malformed_message},
      {" ", errc::malformed_message},
      {"null", errc::wrong_type},
      {"17", errc::wrong_type},
      {"\"text\"", errc::wrong_type},
      {"[7]", errc::wrong_type},
      {"[[]]", errc::wrong_type},
      {"not json", errc::none},
      {"{", errc::malformed_message},
      {"{\"u\"}", errc::malformed_message},
      {"{\"u\":}", errc::malformed_message},
      {"\xEF\xBB\xBF" + quote, errc::none},
      {quote + quote, errc::malformed_message},
      {quote + "}", errc::malformed_message},
      {quote + ",", errc::malformed_message},
      {quote + " x", errc::malformed_message},
      {quote + std::string(1, '\0'), errc::malformed_message},
      {replaced(quote, "{", "{,"), errc::malformed_message},
      {replaced(quote, ",\"b\"", ",,\"b\""), errc::malformed_message},
      {replaced(quote, ",\"b\"", " \"b\""), errc::malformed_message},
      {replaced(quote, "\"b\":", "\"b\" "), errc::malformed_message},
      {replaced(quote, "}", ",}"), errc::malformed_message},
      {replaced(quote, "\"b\":", "\"u\":1,\"b\":"), errc::malformed_message},  // twice
      {replaced(quote, "\"b\":", "\"b\":\"1.0\",\"b\":"), errc::malformed_message},
      {replaced(diff, "\"a\":", "\"b\":[],\"a\":"), errc::malformed_message},
      {replaced(diff, "\"a\":", "\"bids\":[],\"a\":"), errc::malformed_message},
      {with_price("NaN"), errc::malformed_message},
      {with_price("\"NaN\""), errc::malformed_message},
      {with_price("1e400"), errc::wrong_type},
      {with_price("\"1e4\""), errc::malformed_message},
      {with_price("\"1e400\""), errc::malformed_message},
      {with_price("\"\""), errc::malformed_message},
      {with_price("\" 1\""), errc::malformed_message},
      {with_price("\"1 \""), errc::malformed_message},
      {with_price("\"+1\""), errc::malformed_message},
      {with_price("\".5\""), errc::malformed_message},
      {with_price("\"5.\""), errc::malformed_message},
      {with_price("\"1.2.3\""), errc::malformed_message},
      {with_price("\"0x10\""), errc::malformed_message},
      {with_price("\"1,5\""), errc::malformed_message},
      {with_price("\"Infinity\""), errc::malformed_message},
      {with_price("\"1\\u0030\""), errc::malformed_message},
      {with_price("\"-1.0\""), errc::number_out_of_range},
      {with_price("\"1234567890123456789012345678901234567890\""), errc::number_out_of_range},
      {with_price("\"0.1234567890123456789012345678901234567890\""), errc::number_out_of_range},
      {with_price("0.001"), errc::wrong_type},
      {with_price("null"), errc::wrong_type},
      {with_price("true"), errc::wrong_type},
      {with_price("{}"), errc::missing_field},
      {with_price("[]"), errc::missing_field},
      {with_price(deep + shallow), errc::malformed_message},
      {with_price("\"0.001\"x"), errc::malformed_message},
      {replaced(trade, R"("100")", R"("100000000000000000000000.0")"), errc::number_out_of_range},
      {replaced(trade, "12345", "\"12345\""), errc::wrong_type},
      {replaced(trade, "12345", "-1"), errc::wrong_type},
      {replaced(trade, "12345", "012345"), errc::malformed_message},
      {replaced(trade, "12345", "12345."), errc::malformed_message},
      {replaced(trade, "12345", "+12345"), errc::malformed_message},
      {replaced(trade, "12345", "0x3039"), errc::malformed_message},
      {replaced(trade, "\"M\":true", "\"M\":tru"), errc::malformed_message},  // even where nobody asks for it
      {replaced(trade, "\"M\":true", "\"M\":NaN"), errc::malformed_message},
      {replaced(trade, "\"M\":true", "\"M\":[1,01]"), errc::malformed_message},
      {replaced(trade, "\"M\":true", "\"M\":{\"x\":{\"y\":-}}"), errc::malformed_message},
      {replaced(trade, "\"M\":true", "\"M\":[1,]"), errc::malformed_message},
      {replaced(trade, "\"M\":true", "\"M\":\"\\x\""), errc::malformed_message},
      {replaced(trade, "\"M\":true", "\"M\":\"\\u12g4\""), errc::malformed_message},
      {replaced(trade, "12345", "1.5"), errc::wrong_type},
      {replaced(trade, "12345", "1e3"), errc::wrong_type},
      {replaced(trade, "12345", "18446744073709551616"), errc::number_out_of_range},
      {replaced(trade, "12345", "12345678901234567890123456789012345678901"), errc::number_out_of_range},
      {replaced(trade, "\"m\":true", "\"m\":1"), errc::wrong_type},
      {replaced(trade, "\"m\":true", "\"m\":tru"), errc::malformed_message},
      {replaced(trade, "\"m\":true", "\"m\":truee"), errc::malformed_message},
      {replaced(trade, "1672515782136", "\"1672515782136\""), errc::wrong_type},
      {replaced(trade, "1672515782136", "-5"), errc::number_out_of_range},
      {replaced(trade, "1672515782136", "99999999999999999999"), errc::number_out_of_range},
      {replaced(trade, "BNBBTC", ""), errc::malformed_message},
      {replaced(trade, "BNBBTC", std::string(47, 'B')), errc::malformed_message},
      {replaced(trade, "BNBBTC", "BNB\\u0042TC"), errc::malformed_message},
      {replaced(trade, "\"BNBBTC\"", "5"), errc::wrong_type},
      {replaced(trade, "BNBBTC", "B\xff\xfe"), errc::malformed_message},
      {replaced(trade, "BNBBTC", "B\xc0\x80"), errc::malformed_message},
      {replaced(trade, "BNBBTC", "BNB\n"), errc::malformed_message},
      {replaced(trade, "\"trade\"", "5"), errc::wrong_type},
      {replaced(trade, "\"trade\"", "null"), errc::wrong_type},
      {replaced(diff, "[\"0.0023\",\"0\"]", "[\"0.0023\"]"), errc::missing_field},
      {replaced(diff, "[\"0.0023\",\"0\"]", "[]"), errc::missing_field},
      {replaced(diff, "[\"0.0023\",\"0\"]", "{}"), errc::wrong_type},
      {replaced(diff, "[\"0.0023\",\"0\"]", "7"), errc::wrong_type},
      {replaced(diff, "\"0.0023\"", "0.0023"), errc::wrong_type},
      {replaced(diff, "\"0.0023\"", "null"), errc::wrong_type},
      {replaced(diff, "\"0.0023\"", "\"-0.0023\""), errc::number_out_of_range},
      {replaced(diff, "\"0.0023\"", "\"\""), errc::malformed_message},
      {replaced(diff, "\"10\"", "\"123456789012345678901234\""), errc::number_out_of_range},
      {replaced(diff, "[\"0.0023\",\"0\"]", "[\"0.0023\",\"0\"],"), errc::none},
      {replaced(diff, "\"a\":[[\"0.0026\",\"100\"]]", "\"a\":[[\"0.0026\",\"100\"}]"), errc::none},
      {replaced(diff, "\"a\":[[\"0.0026\",\"100\"]]", "\"a\":" + deep + shallow), errc::malformed_message},
      {replaced(diff, "\"a\":[[\"0.0026\",\"100\"]]", "\"a\":null"), errc::missing_field},
      {replaced(diff, "\"u\":160", "\"pu\":\"x\",\"u\":160"), errc::wrong_type},
      {R"({"stream":5,"data":)" + quote + "}", errc::wrong_type},
      {R"({"stream":"x@bookTicker","data":)" + quote, errc::malformed_message},
      {R"({"stream":"x@bookTicker","data":)" + quote + "]", errc::malformed_message},
      {R"({"lastUpdateId":1,"bids":[],"asks":[]})", errc::missing_field},  // of which symbol?
      {deep + shallow, errc::malformed_message},
  };
  // a field at a time is missing
  for (const char* field : {"\"s\":\"BNBBTC\",", "\"t\":12345,", "\"p\":\"0.00100000\",", "\"q\":\"100\",",
                            "\"E\":1672515782136,", "\"T\":1672515782134,", "\"m\":true,"})
    bad.emplace_back(replaced(trade, field, ""), errc::missing_field);
  for (const char* field : {"\"s\":\"BNBBTC\",", "\"U\":157,", "\"u\":160,"})
    bad.emplace_back(replaced(diff, field, ""), errc::none);
  for (const char* field : {"\"s\":\"BNBUSDT\",", "\"b\":\"25.35190000\",", "\"a\":\"25.36520000\","})
    bad.emplace_back(replaced(quote, field, ""), errc::missing_field);

  const parsing ways[] = {parsing::fastest, parsing::portable, parsing::general};
  int turn = 0;
  for (const char behind : {'}', ']', '"', '0', ' ', '\0', ','}) {
    bench b{market::spot, ways[turn++ % 3]};
    for (const auto& [text, why] : bad) {
      INFO("behind it: " << static_cast<int>(behind) << "; " << text.substr(0, 300));
      const bench::outcome made = b.decode(text, received, {}, behind);
      CHECK(made.type == message_type::rejected);
      CHECK(made.ticks.empty());
      CHECK(b.decoder.last_error() != errc::none);
      if (why != errc::none) CHECK(make_error_code(b.decoder.last_error()) == why);
      const auto next = b.decode(spot_quote, received, {}, behind);
      REQUIRE(next.ticks.size() == 1);
      CHECK(next.ticks.front() == expected_quote());
    }
  }
}

TEST_CASE("codec: a message cut anywhere is no tick") {
  const std::string diff = R"({"stream":"bnbbtc@depth","data":)" + std::string{spot_diff} + "}";
  for (const std::string& whole : {std::string{spot_quote}, std::string{spot_trade}, diff}) {
    bench b;
    for (const char behind : {'}', ']', '"', '0', ' ', '\0', ','}) {
      for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO("behind it: " << static_cast<int>(behind) << "; " << whole.substr(0, size));
        const auto made = b.decode(std::string_view{whole}.substr(0, size), received, {}, behind);
        CHECK(made.type == message_type::rejected);
        CHECK(made.ticks.empty());
      }
      CHECK(b.decode(whole, received, {}, behind).ticks.size() == 1);
    }
  }
}

TEST_CASE("codec: levels in a message that should have none do not confuse it") {
  bench b{market::usdm};
  const std::string quote = R"({"e":"bookTicker",)" + std::string{spot_quote}.substr(1);
  const std::string extra = R"(,"bids":[["1","2"],["3","4"]],"asks":[["5","6"]]})";
  for (int round = 0; round < 40; ++round) {  // more levels in all than the queue's arena could lose unnoticed
    CHECK(b.tick(std::string{spot_trade}.substr(0, std::string_view{spot_trade}.size() - 1) + extra) ==
          expected_trade());
    CHECK(b.tick(quote.substr(0, quote.size() - 1) + extra) == expected_quote());
    CHECK(b.tick(spot_diff) == expected_diff());
  }
}

TEST_CASE("codec: any change of a byte gives a tick, a rejection or an unknown event, and nothing else") {
  std::mt19937 random{11};
  bench b;
  const std::string diff = R"({"stream":"bnbbtc@depth","data":)" + std::string{spot_diff} + "}";
  std::size_t ticks = 0;
  for (const std::string& whole : {std::string{spot_quote}, std::string{spot_trade}, diff}) {
    for (int round = 0; round < 20'000; ++round) {
      std::string text = whole;
      for (std::size_t changes = 1 + random() % 3; changes != 0; --changes) {
        constexpr std::string_view harmful = "{}[]\",:\\0-.9 \n\xff\x01";
        text[random() % text.size()] = harmful[random() % harmful.size()];
      }
      const auto made = b.decode(text, received, {}, round % 2 == 0 ? '}' : '"');
      CHECK(made.ticks.size() == (made.type == message_type::tick ? 1U : 0U));
      ticks += made.ticks.size();
    }
    CHECK(b.tick(spot_quote) == expected_quote());
  }
  CHECK(ticks != 0);
}

TEST_CASE("codec: answers and errors in both shapes") {
  bench b;
  const auto answer = [&](std::string_view text) {
    INFO(text);
    const auto made = b.decode(text);
    CHECK(made.type == message_type::answer);
    CHECK(made.ticks.empty());
    return b.decoder.last_answer();
  };
  control_answer got = answer(R"({"result":null,"id":312})");
  CHECK(got.id == 312);
  CHECK(got.error.empty());
  got = answer(R"({"id":3,"result":["btcusdt@aggTrade","b@depth"]})");
  CHECK(got.id == 3);
  CHECK(got.error.empty());
  got = answer(R"({"result":true,"id":2})");
  CHECK(got.id == 2);
  got = answer(R"({"code":2,"msg":"Invalid request: missing field `method`","id":9})");
  CHECK(got.id == 9);
  CHECK(got.error_code == 2);
  CHECK(got.error == "Invalid request: missing field `method`");
  got = answer(R"({"code":0,"msg":"Unknown property","id":10})");
  CHECK(got.error == "Unknown property");
  got = answer(R"({"error":{"code":2,"msg":"Invalid request: unknown variant `FOO`"},"id":20})");
  CHECK(got.id == 20);
  CHECK(got.error_code == 2);
  CHECK(got.error == "Invalid request: unknown variant `FOO`");
  got = answer(R"({"error":{"code":3,"msg":"say \"what\""},"id":21})");
  CHECK_FALSE(got.error.empty());
  CHECK(got.error_code == 3);
  got = answer(R"({"error":{"msg":"say \"what\""},"id":21})");
  CHECK_FALSE(got.error.empty());
  got = answer(R"({"error":{},"id":22})");
  CHECK_FALSE(got.error.empty());
  got = answer(R"({"error":"text","id":23})");
  CHECK_FALSE(got.error.empty());
  CHECK(answer(R"({"result":null,"id":"abc"})").id == -1);
  CHECK(answer(R"({"result":null,"id":null})").id == -1);
  CHECK(answer(R"({"result":null})").id == -1);
}

TEST_CASE("codec: events without a tick are unknown, by name; a shutdown is one") {
  bench b;
  const auto name_of = [&](std::string_view text) {
    INFO(text);
    const auto made = b.decode(text);
    CHECK(made.type == message_type::unknown);
    CHECK(made.ticks.empty());
    return b.event_name;
  };
  CHECK(name_of(R"({"e":"contractInfo","E":1672515782136,"s":"BNBBTC","bks":[{"bs":1}]})") == "contractInfo");
  CHECK(name_of(R"({"stream":"!assetIndex@arr","data":[{"e":"assetIndexUpdate","E":1}]})") == "assetIndexUpdate");
  CHECK(name_of("{}").empty());
  CHECK(name_of(R"({"symbol":"BTCUSDT","openInterest":"84617.188","time":1654336844754})").empty());
  CHECK(b.decode(R"({"e":"serverShutdown","E":1770123456789})").type == message_type::shutdown);
  CHECK(b.decode(R"({"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}})").type ==
        message_type::shutdown);
}

TEST_CASE("codec: 20,000 levels in one message") {
  bench b;
  std::string text = R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[)";
  plain_tick right = expected_diff();
  right.bids.clear();
  for (int i = 1; i <= 20'000; ++i) {
    const std::string price = std::to_string(i) + ".50";
    text += (i == 1 ? "[\"" : ",[\"") + price + "\",\"1\"]";
    right.bids.push_back(level(price, "1"));
  }
  CHECK((b.tick(text + R"(],"a":[["0.0026","100"]]})") == right));
  CHECK(b.tick(spot_diff) == expected_diff());
}

/// Compares a line with the test's own decoder, where that knows a tick for it.
void compare(bench& b, simdjson::dom::parser& parser, const std::string& line, std::map<std::string, int>& seen) {
  INFO(line.substr(0, 400));
  simdjson::dom::element message = parser.parse(line);
  const bool snapshot = message["lastUpdateId"].error() == simdjson::SUCCESS;
  const auto right = foxtrot_test::read_message(message, snapshot ? "BTCUSDT" : "");
  std::int64_t at = received;
  if (right && (right->event_us || right->transaction_us))
    at = (right->event_us ? *right->event_us : *right->transaction_us) * 1000 + 456;
  const auto made = b.decode(line, at, snapshot ? "BTCUSDT" : "");
  CHECK(made.type != message_type::rejected);
  CHECK(made.ticks.size() == (right ? 1U : 0U));
  if (right && !made.ticks.empty()) CHECK(made.ticks.front() == *right);
  ++seen[right ? std::string{to_string(right->kind)} : "none"];
}

TEST_CASE("codec: single lines of many years and kinds") {
  const auto folder = foxtrot_test::captures();
  if (!folder) return;
  bench b{market::usdm};
  simdjson::dom::parser parser;
  std::map<std::string, int> seen;
  for (const char* name : {"binance_mixed.jsonl", "spot_202609.jsonl", "usdm_202608.jsonl"}) {
    std::ifstream file{*folder / "singles" / name};
    REQUIRE(file);
    for (std::string line; std::getline(file, line);) compare(b, parser, line, seen);
  }
  CHECK(seen["book_ticker"] == 6);
  CHECK(seen["depth_update"] == 7);
  CHECK(seen["depth_snapshot"] == 12);
}

TEST_CASE("codec: REST bodies as recorded") {
  const auto folder = foxtrot_test::captures();
  if (!folder) return;
  bench b;
  simdjson::dom::parser parser;
  std::map<std::string, int> seen;
  for (const char* name : {"spot/rest_depth_NKNUSDT_1000.json", "usdm/rest_depth_AKROUSDT_1000.json"}) {
    std::ifstream file{*folder / name};
    REQUIRE(file);
    std::stringstream text;
    text << file.rdbuf();
    compare(b, parser, text.str(), seen);
  }
  CHECK(seen["depth_snapshot"] == 2);
}

TEST_CASE("codec: smaller captures of many symbols") {
  bench b;
  simdjson::dom::parser parser;
  std::map<std::string, int> seen;
  for (const char* name : {"spot/four_symbols_202110.txt.gz", "usdm/many_symbols_202107.txt.gz"}) {
    const auto path = foxtrot_test::capture_path(name);
    if (!path) return;
    auto reader = capture_reader::open(*path);
    if (!reader && reader.error() == errc::no_gzip_support) return foxtrot_test::skip("built without zlib");
    REQUIRE(reader);
    capture_record record;
    while (reader->next(record)) compare(b, parser, std::string{record.payload}, seen);
    CHECK_FALSE(reader->error());
  }
  CHECK(seen["book_ticker"] + seen["depth_update"] > 1000);
}

}  // namespace
