// tests/exchange/binance/rest_decoder_test.cpp: REST bodies say what the stream's messages say, and what is wrong with
// them is never a tick.
#include <foxtrot/exchange/binance/rest_decoder.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/exchange/binance/codec.hpp>
#include <support/described_tick.hpp>
#include <support/plain_tick.hpp>
#include <support/rest_request.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using binance::codec;
using binance::market;
using binance::rest_decoder;
using foxtrot_test::rest_request;
using strings = std::vector<std::string>;

constexpr std::int64_t received = 1'786'171'884'700'123'456;

/// A tick in words, without its source.
std::string words_of(const event& told) {
  if (auto words = foxtrot_test::described(told)) return *words;
  std::ostringstream out;
  auto tick = foxtrot_test::plain(told);
  if (!tick) return "?";
  tick->how = source::http;
  out << *tick;
  return out.str();
}

/// Both decoders with one consumer behind them. Every body stands in memory of its own, followed by exactly the bytes
/// that may be read, and those hold what would do most harm.
struct reader {
  explicit reader(market which = market::spot, bool follow = false)
      : stream{which}, rest{which}, where{venue_of(which)} {
    out.follow_ids(follow);
  }

  template <class Wanted>
  errc read(rest_request what, std::string_view body, Wanted wanted, std::int64_t at = received) {
    memory.assign(body.size() + 64, '}');
    std::ranges::copy(body, memory.begin());
    errc failed{};
    {
      publisher::batch batch{out};
      failed = read_rest(rest, what, {memory.data(), body.size()}, at, batch, wanted);
    }
    collect(source::http);
    return failed;
  }
  errc read(rest_request what, std::string_view body, std::int64_t at = received) {
    return read(
        what, body, [](tick_kind, symbol_id) { return true; }, at);
  }
  message_type read_message(std::string_view text) {
    memory.assign(text.size() + 64, '}');
    std::ranges::copy(text, memory.begin());
    message_type type{};
    {
      publisher::batch batch{out};
      type = stream.decode({memory.data(), text.size()}, received, batch);
    }
    collect(source::websocket);
    return type;
  }

  void collect(source how) {
    told.clear();
    queue.poll(4096, [&](const event& each) {
      each.visit(
          [&](const status& s) {
            told.push_back(std::string{s.name()} + " " + std::to_string(s.from()) + "-" + std::to_string(s.to()));
          },
          [&](const auto& tick) {
            CHECK(tick.source() == how);
            CHECK(tick.venue() == where);
            CHECK(tick.received().time_since_epoch().count() == received);
            told.push_back(words_of(each));
          });
    });
  }

  symbol_table symbols;
  publisher out{symbols};
  subscription queue{out.subscribe({.capacity = 4096}).value()};
  codec stream;
  rest_decoder rest;
  venue where;
  std::vector<char> memory;
  strings told;
};

/// A body, the message of a stream that says the same, and what may be missing or be anything: what nobody decodes, and
/// what is told to be absent.
struct sample {
  market where;
  rest_request what;
  std::string body;
  std::string message;
  std::string optional;
};

const std::vector<sample>& samples() {
  static const std::vector<sample>
      all{
          {market::spot, rest_request::book_tickers,
           R"({"symbol":"BTCUSDT","bidPrice":"4.00000000","bidQty":"431.00000000","askPrice":"4.00000200","askQty":"9.00000000"})",
           R"({"u":0,"s":"BTCUSDT","b":"4.00000000","B":"431.00000000","a":"4.00000200","A":"9.00000000"})", ""},
          {market::usdm, rest_request::book_tickers,
           R"({"symbol":"BTCUSDT","bidPrice":"64990.10","bidQty":"4.310","askPrice":"64990.20","askQty":"9.001","time":1786171884471})",
           R"({"e":"bookTicker","u":0,"s":"BTCUSDT","b":"64990.10","B":"4.310","a":"64990.20","A":"9.001","T":1786171884471,"E":1786171884624})",
           "time"},
          {market::usdm, rest_request::book_tickers,
           R"({"lastUpdateId":5123107852948,"symbol":"BTCUSDT","bidPrice":"64990.10","bidQty":"4.310","askPrice":"64990.20","askQty":"9.001","time":1786171884471})",
           R"({"e":"bookTicker","u":5123107852948,"s":"BTCUSDT","b":"64990.10","B":"4.310","a":"64990.20","A":"9.001","T":1786171884471,"E":1786171884624})",
           "time lastUpdateId"},
          {market::coinm, rest_request::book_tickers,
           R"([{"lastUpdateId":1027024,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bidPrice":"9650.1","bidQty":"16","askPrice":"9650.3","askQty":"7","time":1786171884471}])",
           R"({"u":1027024,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"9650.1","B":"16","a":"9650.3","A":"7","T":1786171884471,"E":1786171884624})",
           "pair time lastUpdateId"},
          {market::spot, rest_request::trades,
           R"([{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1786171884471,"isBuyerMaker":true,"isBestMatch":true}])",
           R"({"e":"trade","E":1786171884624,"s":"BTCUSDT","t":28457,"p":"4.00000100","q":"12.00000000","T":1786171884471,"m":true,"M":true})",
           "quoteQty isBestMatch"},
          {market::coinm, rest_request::trades,
           R"([{"id":595103,"price":"9642.2","qty":"1","baseQty":"0.01037108","time":1786171884471,"isBuyerMaker":false}])",
           R"({"e":"trade","E":1786171884624,"T":1786171884471,"s":"BTCUSDT","t":595103,"p":"9642.2","q":"1","X":"MARKET","m":false})",
           "baseQty"},
          {market::spot, rest_request::aggregate_trades,
           R"([{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27783,"T":1786171884471,"m":true,"M":true}])",
           R"({"e":"aggTrade","E":1786171884624,"s":"BTCUSDT","a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27783,"T":1786171884471,"m":true,"M":true})",
           "M"},
          {market::spot, rest_request::tickers,
           R"({"symbol":"BTCUSDT","priceChange":"-94.99999800","priceChangePercent":"-95.960","weightedAvgPrice":"0.29628482","prevClosePrice":"0.10002000","lastPrice":"4.00000200","lastQty":"200.00000000","bidPrice":"4.00000000","bidQty":"100.00000000","askPrice":"4.00000200","askQty":"100.00000000","openPrice":"99.00000000","highPrice":"100.00000000","lowPrice":"0.10000000","volume":"8913.30000000","quoteVolume":"92233720368547758080.07","openTime":1786085484624,"closeTime":1786171884624,"firstId":28385,"lastId":28460,"count":76})",
           R"({"e":"24hrTicker","E":1786171884624,"s":"BTCUSDT","p":"-94.99999800","P":"-95.960","w":"0.29628482","x":"0.10002000","c":"4.00000200","Q":"200","b":"4","B":"100","a":"4.000002","A":"100","o":"99","h":"100","l":"0.1","v":"8913.3","q":"92233720368547758080.07","O":1786085484624,"C":1786171884624,"F":28385,"L":28460,"n":76})",
           "prevClosePrice lastQty bidPrice bidQty askPrice askQty"},
          {market::usdm, rest_request::tickers,
           R"({"symbol":"BTCUSDT","priceChange":"213.70","priceChangePercent":"0.740","weightedAvgPrice":"28973.36","lastPrice":"29093.90","lastQty":"0.017","openPrice":"28880.20","highPrice":"29265.70","lowPrice":"28755.00","volume":"173254.241","quoteVolume":"5019757418.36","openTime":1786085484624,"closeTime":1786171884348,"firstId":-1,"lastId":-1,"count":0})",
           R"({"e":"24hrTicker","E":1786171884624,"s":"BTCUSDT","p":"213.70","P":"0.740","w":"28973.36","c":"29093.90","Q":"0.017","o":"28880.20","h":"29265.70","l":"28755.00","v":"173254.241","q":"5019757418.36","O":1786085484624,"C":1786171884348,"F":-1,"L":-1,"n":0})",
           "lastQty"},
          {market::coinm, rest_request::tickers,
           R"([{"symbol":"BTCUSD_PERP","pair":"BTCUSD","priceChange":"238.2","priceChangePercent":"0.827","weightedAvgPrice":"28943.21988874","lastPrice":"29031.8","lastQty":"83","openPrice":"28793.6","highPrice":"29222.8","lowPrice":"28728.4","volume":"12229247","baseVolume":"42252.54497257","openTime":1786085484624,"closeTime":1786171884348,"firstId":5,"lastId":9,"count":5}])",
           R"({"e":"24hrTicker","E":1786171884624,"s":"BTCUSD_PERP","ps":"BTCUSD","p":"238.2","P":"0.827","w":"28943.21988874","c":"29031.8","Q":"83","o":"28793.6","h":"29222.8","l":"28728.4","v":"12229247","q":"42252.54497257","O":1786085484624,"C":1786171884348,"F":5,"L":9,"n":5})",
           "pair lastQty"},
          {market::spot,
           rest_request::mini_tickers, R"({"symbol":"BTCUSDT","openPrice":"99.00000000","highPrice":"100.00000000","lowPrice":"0.10000000","lastPrice":"4.00000200","volume":"8913.30000000","quoteVolume":"15.30000000","openTime":1786085484624,"closeTime":1786171884624,"firstId":28385,"lastId":28460,"count":76})", R"({"e":"24hrMiniTicker","E":1786171884624,"s":"BTCUSDT","c":"4.00000200","o":"99","h":"100","l":"0.10000000","v":"8913.30000000","q":"15.30000000"})",
           "openTime closeTime firstId lastId count"},
          {market::spot, rest_request::average_price,
           R"({"mins":5,"price":"25776.86000000","closeTime":1786150000059})",
           R"({"e":"avgPrice","E":1786171884624,"s":"BTCUSDT","i":"5m","w":"25776.86000000","T":1786150000059})", ""},
          {market::usdm, rest_request::mark_prices,
           R"({"symbol":"BTCUSDT","markPrice":"11793.63104562","indexPrice":"11781.80495970","estimatedSettlePrice":"11781.16138815","lastFundingRate":"-0.00038246","interestRate":"0.00010000","nextFundingTime":1786176000000,"time":1786171884002})",
           R"({"e":"markPriceUpdate","E":1786171884002,"s":"BTCUSDT","p":"11793.63104562","P":"11781.16138815","i":"11781.80495970","r":"-0.00038246","T":1786176000000})",
           "indexPrice estimatedSettlePrice lastFundingRate interestRate nextFundingTime"},
          {market::coinm, rest_request::mark_prices,
           R"([{"symbol":"BTCUSD_261225","pair":"BTCUSD","markPrice":"12077.01343750","indexPrice":"10979.10312500","estimatedSettlePrice":"10981.74168236","lastFundingRate":"","interestRate":"","nextFundingTime":0,"time":1786171884000}])",
           R"({"e":"markPriceUpdate","E":1786171884000,"s":"BTCUSD_261225","p":"12077.01343750","P":"10981.74168236","i":"10979.10312500","r":"","T":0})",
           "pair indexPrice estimatedSettlePrice lastFundingRate interestRate nextFundingTime"},
      };
  return all;
}

/// What the stream's message says, but for the time that only streams tell.
strings expected(const sample& from) {
  reader r{from.where};
  REQUIRE(r.read_message(from.message) == message_type::tick);
  if (from.what == rest_request::mark_prices) return r.told;
  for (std::string& each : r.told) {
    if (const std::size_t at = each.find(", E "); at != std::string::npos) {
      each.replace(at, each.find(',', at + 2) - at, ", E -1");
    } else if (const std::size_t word = each.find(" E="); word != std::string::npos) {
      each.erase(word, each.find(' ', word + 1) - word);
    }
  }
  return r.told;
}

struct member {
  std::string key;
  std::size_t begin;
  std::size_t value;
  std::size_t end;
};
std::vector<member> members_of(std::string_view text) {
  std::vector<member> made;
  for (std::size_t at = 0; (at = text.find("\":", at)) != std::string_view::npos; ++at) {
    member each;
    each.value = at + 2;
    each.begin = text.rfind('"', at - 1);
    each.key = text.substr(each.begin + 1, at - each.begin - 1);
    each.end = text[each.value] == '"' ? text.find('"', each.value + 1) + 1 : text.find_first_of(",}", each.value);
    made.push_back(each);
  }
  return made;
}

bool is_one_of(std::string_view words, std::string_view word) {
  return (" " + std::string{words} + " ").find(" " + std::string{word} + " ") != std::string::npos;
}

TEST_CASE("rest_decoder: each body is the tick that the stream's message is, alone and in lists") {
  for (const sample& each : samples()) {
    INFO(each.body);
    reader r{each.where};
    const strings right = expected(each);
    REQUIRE(right.size() == 1);
    CHECK(r.read(each.what, each.body) == errc::none);
    CHECK(r.told == right);
    const bool one_only = each.what == rest_request::average_price;
    const std::string object = each.body.front() == '[' ? each.body.substr(1, each.body.size() - 2) : each.body;
    const errc of_list = r.read(each.what, " [ " + object + " , " + object + "\n]\n");
    CHECK(of_list == (one_only ? errc::wrong_type : errc::none));
    if (!one_only) CHECK(r.told == strings{right[0], right[0]});
    const bool list_only = each.what == rest_request::trades || each.what == rest_request::aggregate_trades;
    CHECK(r.read(each.what, object) == (list_only ? errc::wrong_type : errc::none));
    CHECK(r.told.size() == (list_only ? 0 : 1));
    CHECK(r.read(each.what, "[]") == (one_only ? errc::wrong_type : errc::none));
    CHECK(r.told.empty());
  }
}

TEST_CASE("rest_decoder: a ticker's body is both kinds where both are asked for") {
  const sample& full = samples()[7];
  reader r;
  CHECK(r.read(rest_request::both_tickers, full.body) == errc::none);
  REQUIRE(r.told.size() == 2);
  CHECK(r.told[0] == expected(full)[0]);
  CHECK(r.told[1] == "mini_ticker BTCUSDT c=4.000002 o=99 h=100 l=0.1 v=8913.3 q=92233720368547758080.07");
  // one of type=MINI is no ticker, and is not told in part
  CHECK(r.read(rest_request::both_tickers, samples()[10].body) == errc::missing_field);
  CHECK(r.told.empty());
  publisher::batch batch{r.out};
  CHECK(r.rest.tickers(
            full.body + std::string(64, ' '), received, batch, [](tick_kind, symbol_id) { return true; }, kind_set{}) ==
        errc::none);
}

TEST_CASE("rest_decoder: candles are told one by one; the last one is open until it must be over") {
  const auto row = [](std::int64_t minute) {
    const std::string open = std::to_string(minute * 60'000);
    const std::string close = std::to_string(minute * 60'000 + 59'999);
    return "[" + open + R"(,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",)" + close +
           R"(,"2434.19055334",308,"1756.87402397","28.46694368","17928899.62484339"])";
  };
  const std::int64_t minute = received / 60'000'000'000;
  const auto words = [](std::int64_t opened, bool closed) {
    return "kline BTCUSDT i=1m t=" + std::to_string(opened * 60'000'000) +
           " T=" + std::to_string(opened * 60'000'000 + 59'999'000) +
           " o=0.0163479 c=0.015771 h=0.8 l=0.015758 v=148976.11427815 n=308 x=" + (closed ? "true" : "false") +
           " q=2434.19055334 V=1756.87402397 Q=28.46694368";
  };
  reader r;
  CHECK(r.read(rest_request::klines, "[" + row(minute - 2) + "," + row(minute - 1) + "," + row(minute) + "]") ==
        errc::none);
  CHECK(r.told == strings{words(minute - 2, true), words(minute - 1, true), words(minute, false)});
  CHECK(r.read(rest_request::klines, "[" + row(minute - 2) + "]") == errc::none);
  CHECK(r.told == strings{words(minute - 2, true)});
  // it ended 24 seconds ago, and 4 seconds ago: while the answer may have been under way
  CHECK(r.read(rest_request::klines, "[" + row(minute - 1) + "]") == errc::none);
  CHECK(r.told == strings{words(minute - 1, true)});
  {
    reader late;
    std::string body = "[" + row(minute - 1) + "]";
    publisher::batch batch{late.out};
    body.append(64, ' ');
    const std::int64_t just_after = minute * 60'000'000'000 + 4'000'000'000;
    const auto any = [](tick_kind, symbol_id) { return true; };
    CHECK(late.rest.klines({body.data(), body.size() - 64}, "BTCUSDT", "1m", just_after, batch, any) == errc::none);
    CHECK(late.rest.klines({body.data(), body.size() - 64}, "BTCUSDT", "7m", just_after, batch, any) ==
          errc::bad_argument);
    strings closed;
    late.queue.poll(16, [&](const event& told) { closed.push_back(words_of(told)); });
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].find("x=false") != std::string::npos);
  }
  // each column in turn
  const std::array<std::string_view, 12> columns{"1786171860000", R"("1")",        R"("2")",   R"("0.5")", R"("1.5")",
                                                 R"("100")",      "1786171919999", R"("150")", "3",        R"("50")",
                                                 R"("75")",       R"("0")"};
  const auto joined = [&](std::size_t but, std::string_view instead) {
    std::string text = "[";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string_view value = i == but ? instead : columns[i];
      if (!value.empty()) text.append(text.size() > 1 ? "," : "").append(value);
    }
    return text + "]";
  };
  const std::string good = joined(12, "");
  for (std::size_t i = 0; i < 11; ++i) {
    for (const std::string_view bad :
         {"null", "true", "{}", "[]", "[1]", "\"\"", "\"x\"", "\"-1\"", "\"1e4\"", "-5", "1e400", "1.5",
          "99999999999999999999999999999999999999999", "\"9999999999999999999999999999999999999999999.5\""}) {
      const std::string text = "[" + joined(i, bad) + "," + good + "]";
      INFO(text);
      CHECK(r.read(rest_request::klines, text) != errc::none);
      CHECK(r.told.size() == 1);
    }
    std::string cut = "[";
    for (std::size_t k = 0; k < i; ++k) cut.append(k > 0 ? "," : "").append(columns[k]);
    CHECK(r.read(rest_request::klines, "[" + cut + "]]") == errc::missing_field);
    CHECK(r.told.empty());
  }
  CHECK(r.read(rest_request::klines, "[" + good + ",7,{}," + good + "]") == errc::wrong_type);
  CHECK(r.told.size() == 2);
  CHECK(r.read(rest_request::klines, R"({"code":-1121,"msg":"Invalid symbol."})") == errc::wrong_type);
}

TEST_CASE("rest_decoder: a field that is missing is never invented") {
  int rejected = 0;
  for (const sample& each : samples()) {
    reader r{each.where};
    for (const member& field : members_of(each.body)) {
      std::string without = each.body;
      const bool last = without[field.end] == '}';
      const std::size_t from = last ? without.rfind(',', field.begin) : field.begin;
      without.erase(from, field.end - from + (last ? 0 : 1));
      INFO(without);
      const bool may = is_one_of(each.optional, field.key);
      CHECK(r.read(each.what, without) == (may ? errc::none : errc::missing_field));
      CHECK(r.told.size() == (may ? 1 : 0));
      rejected += may ? 0 : 1;
    }
  }
  CHECK(rejected > 90);
}

TEST_CASE("rest_decoder: a value of the wrong kind is never a tick, and says what is wrong") {
  using wrong = std::pair<std::string_view, errc>;  // what a price is told to be
  const std::vector<wrong> values{{"null", errc::wrong_type},
                                  {"true", errc::wrong_type},
                                  {"{}", errc::wrong_type},
                                  {"[]", errc::wrong_type},
                                  {R"({"a":[{"b":1}]})", errc::wrong_type},
                                  {"5", errc::wrong_type},
                                  {"1e400", errc::wrong_type},
                                  {"NaN", errc::malformed_message},
                                  {"01", errc::malformed_message},
                                  {"\"\"", errc::malformed_message},
                                  {"\"x\"", errc::malformed_message},
                                  {"\"NaN\"", errc::malformed_message},
                                  {"\"1e4\"", errc::malformed_message},
                                  {"\"1\\u0030\"", errc::malformed_message},
                                  {"\"\xff\"", errc::malformed_message},
                                  {"\"-1\"", errc::number_out_of_range},
                                  {"\"1234567890123456789012345678901234567890\"", errc::number_out_of_range}};
  for (const sample& each : samples()) {
    reader r{each.where};
    for (const member& field : members_of(each.body)) {
      const bool is_price = field.key == "price" || field.key == "p" || field.key == "bidPrice" ||
                            field.key == "lastPrice" || field.key == "markPrice";
      for (const auto& [value, error] : values) {
        std::string spoiled = each.body;
        spoiled.replace(field.value, field.end - field.value, value);
        INFO(spoiled);
        const errc failed = r.read(each.what, spoiled);
        if (failed != errc::none) {
          CHECK(r.told.empty());
          CHECK(make_error_code(failed) == condition::bad_data);
        } else {
          const bool number_of_trades = field.key == "count" && value == "5";
          const bool id = (field.key.find("Id") != std::string::npos || field.key == "id" || field.key == "a" ||
                           field.key == "f" || field.key == "l") &&
                          value == "5";
          const bool time = (field.key.find("ime") != std::string::npos || field.key == "T") && value == "5";
          const bool flag = (field.key == "isBuyerMaker" || field.key == "m") && value == "true";
          const bool change = field.key.starts_with("priceChange") && value == "\"-1\"";
          const bool name = field.key == "symbol" && value.starts_with('"');
          CHECK((is_one_of(each.optional, field.key) || number_of_trades || id || time || flag || change || name ||
                 (field.key == "mins" && value == "5")));
        }
        if (is_price && !is_one_of(each.optional, field.key)) CHECK(failed == error);
      }
    }
    CHECK(r.read(each.what, each.body) == errc::none);
    CHECK(r.told == expected(each));
  }
}

TEST_CASE("rest_decoder: what is no JSON is not told in part, wherever it is cut") {
  for (const sample& each : samples()) {
    reader r{each.where};
    const std::string object = each.body.front() == '[' ? each.body.substr(1, each.body.size() - 2) : each.body;
    const bool one_only = each.what == rest_request::average_price;
    const std::string text = one_only ? object : "[" + object + "," + object + "]";
    for (std::size_t size = 0; size < text.size(); ++size) {
      INFO(text.substr(0, size));
      CHECK(r.read(each.what, text.substr(0, size)) == errc::malformed_message);
      CHECK(r.told.empty());
    }
    for (const std::string& bad : {text + "x", text + text, "\xEF\xBB\xBF" + text, std::string(2000, '['),
                                   std::string(100, '[') + std::string(100, ']'), std::string{"7"}, std::string{"nul"},
                                   std::string{"\"\""}, std::string{"{"}}) {
      CHECK(r.read(each.what, bad) != errc::none);
      CHECK(r.told.empty());
    }
    CHECK(r.read(each.what, R"({"code":-1121,"msg":"Invalid symbol."})") != errc::none);
    CHECK(r.told.empty());
    CHECK(r.read(each.what, text) == errc::none);
  }
}

TEST_CASE("rest_decoder: a bad element does not hide the others, and the first error is told") {
  reader r;
  const std::string good = R"({"symbol":"BTCUSDT","bidPrice":"4","bidQty":"431","askPrice":"5","askQty":"9"})";
  const std::string unnamed = R"({"bidPrice":"4","bidQty":"431","askPrice":"5","askQty":"9"})";
  const std::string negative = R"({"symbol":"BTCUSDT","bidPrice":"-4","bidQty":"431","askPrice":"5","askQty":"9"})";
  const std::string twice = R"({"symbol":"A","bidPrice":"4","bidPrice":"4","bidQty":"1","askPrice":"5","askQty":"9"})";
  const std::string nested = R"({"symbol":"A","bidPrice":{"x":[1,2,{"y":"]}"}]},"bidQty":[["1"]],"askPrice":"5"})";
  for (const auto& [bad, error] :
       {std::pair{unnamed, errc::missing_field}, std::pair{negative, errc::number_out_of_range},
        std::pair{twice, errc::malformed_message}, std::pair{nested, errc::wrong_type},
        std::pair{std::string{"7"}, errc::wrong_type}, std::pair{std::string{"[{}]"}, errc::wrong_type}}) {
    INFO(bad);
    CHECK(r.read(rest_request::book_tickers, "[" + bad + "," + good + ",null," + good + "]") == error);
    CHECK(r.told.size() == 2);
    CHECK(r.read(rest_request::book_tickers, bad) != errc::none);
    CHECK(r.told.empty());
  }
}

TEST_CASE("rest_decoder: what is not wanted is neither published nor looked at") {
  reader r;
  const std::string bitcoin = R"({"symbol":"BTCUSDT","bidPrice":"4","bidQty":"431","askPrice":"5","askQty":"9"})";
  const std::string ether = R"({"symbol":"ETHUSDT","bidPrice":"4","bidQty":"x","askPrice":"5","askQty":"9"})";
  const symbol_id wanted = r.symbols.intern("BTCUSDT").value();
  std::vector<std::pair<tick_kind, symbol_id>> asked;
  const auto only_bitcoin = [&](tick_kind kind, symbol_id symbol) {
    asked.emplace_back(kind, symbol);
    return symbol == wanted;
  };
  CHECK(r.read(rest_request::book_tickers, "[" + ether + "," + bitcoin + "]", only_bitcoin) == errc::none);
  CHECK(r.told.size() == 1);
  REQUIRE(asked.size() == 2);
  CHECK(asked[1] == std::pair{tick_kind::book_ticker, wanted});
  for (const sample& each : samples()) {
    INFO(each.body);
    asked.clear();
    CHECK(r.read(each.what, each.body, [&](tick_kind kind, symbol_id symbol) {
      asked.emplace_back(kind, symbol);
      return false;
    }) == errc::none);
    CHECK(r.told.empty());
    CHECK(asked.size() == 1);
  }
}

TEST_CASE("rest_decoder: trades that a stream has told are not told again, and holes are told") {
  const auto rest_trades = [](std::uint64_t from, std::uint64_t to) {
    std::string body;
    for (std::uint64_t id = from; id <= to; ++id) {
      body +=
          (body.empty() ? R"([{"id":)" : R"(,{"id":)") + std::to_string(id) +
          R"(,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.0","time":1786171884471,"isBuyerMaker":true})";
    }
    return body + "]";
  };
  const auto rest_aggregates = [](std::uint64_t from, std::uint64_t to) {
    std::string body;
    for (std::uint64_t id = from; id <= to; ++id) {
      body += (body.empty() ? R"([{"a":)" : R"(,{"a":)") + std::to_string(id) +
              R"(,"p":"4.00000100","q":"12","f":7,"l":7,"T":1786171884471,"m":true})";
    }
    return body + "]";
  };
  const auto stream_trade = [](std::uint64_t id) {
    return R"({"e":"trade","E":1786171884624,"s":"BTCUSDT","t":)" + std::to_string(id) +
           R"(,"p":"4.00000100","q":"12","T":1786171884471,"m":true,"M":true})";
  };
  const auto stream_aggregate = [](std::uint64_t id) {
    return R"({"e":"aggTrade","E":1786171884624,"s":"BTCUSDT","a":)" + std::to_string(id) +
           R"(,"p":"4.00000100","q":"12","f":7,"l":7,"T":1786171884471,"m":true,"M":true})";
  };
  const auto check = [](rest_request what, auto rest, auto stream) {
    reader r{market::spot, true};
    for (std::uint64_t id = 8; id <= 12; ++id) REQUIRE(r.read_message(stream(id)) == message_type::tick);
    CHECK(r.read(what, rest(10, 14)) == errc::none);
    CHECK(r.told.size() == 2);
    CHECK(r.out.counters().duplicates.get() == 3);
    CHECK(r.read(what, rest(10, 14)) == errc::none);
    CHECK(r.told.empty());
    REQUIRE(r.read_message(stream(14)) == message_type::tick);
    CHECK(r.told.empty());
    CHECK(r.out.counters().gaps.get() == 0);
    CHECK(r.read(what, rest(20, 22)) == errc::none);
    REQUIRE(r.told.size() == 4);
    CHECK(r.told[0] == "gap 15-19");
    REQUIRE(r.read_message(stream(24)) == message_type::tick);
    REQUIRE(r.told.size() == 2);
    CHECK(r.told[0] == "gap 23-23");
  };
  // a symbol that is not traded, polled for minutes: no new numbering
  reader quiet{market::spot, true};
  const std::string list = rest_trades(1, 300);
  for (std::int64_t poll = 0; poll < 100; ++poll) {
    CHECK(quiet.read(rest_request::trades, list, received + poll * 2'000'000'000) == errc::none);
    if (poll == 0) continue;
    CHECK(quiet.told.empty());
  }
  CHECK(quiet.out.counters().renumbered.get() == 0);
  CHECK(quiet.out.counters().duplicates.get() == 29'700);
  check(rest_request::trades, rest_trades, stream_trade);
  check(rest_request::aggregate_trades, rest_aggregates, stream_aggregate);
}

TEST_CASE("rest_decoder: a quote with an id takes its place among the stream's, one without is always told") {
  reader r{market::usdm, true};
  const auto rest = [](std::uint64_t id) {
    return R"({"lastUpdateId":)" + std::to_string(id) +
           R"(,"symbol":"BTCUSDT","bidPrice":"4","bidQty":"1","askPrice":"5","askQty":"9","time":1786171884471})";
  };
  const auto stream = [](std::uint64_t id) {
    return R"({"e":"bookTicker","u":)" + std::to_string(id) +
           R"(,"s":"BTCUSDT","b":"4","B":"1","a":"5","A":"9","T":1786171884471,"E":1786171884624})";
  };
  REQUIRE(r.read_message(stream(100)) == message_type::tick);
  CHECK(r.read(rest_request::book_tickers, rest(99)) == errc::none);
  CHECK(r.told.empty());
  CHECK(r.read(rest_request::book_tickers, rest(105)) == errc::none);
  CHECK(r.told.size() == 1);
  REQUIRE(r.read_message(stream(104)) == message_type::tick);
  CHECK(r.told.empty());

  reader spot{market::spot, true};
  for (int i = 0; i < 2; ++i) {
    CHECK(spot.read(rest_request::book_tickers, samples()[0].body) == errc::none);
    CHECK(spot.told.size() == 1);
  }
}

TEST_CASE("rest_decoder: a symbol that cannot be kept is an error, and a time too far away is absent") {
  reader r;
  const std::string one = R"({"symbol":"NEWUSDT","bidPrice":"4","bidQty":"1","askPrice":"5","askQty":"9"})";
  const std::string long_name = std::string(60, 'A');
  std::string other = one;
  other.replace(other.find("NEWUSDT"), 7, long_name);
  CHECK(r.read(rest_request::book_tickers, other) == errc::malformed_message);
  CHECK(r.read(rest_request::book_tickers,
               R"({"symbol":"","bidPrice":"4","bidQty":"1","askPrice":"5","askQty":"9"})") == errc::malformed_message);
  // far from now, and in microseconds
  CHECK(r.read(rest_request::trades, R"([{"id":1,"price":"4","qty":"1","time":1499865549590,"isBuyerMaker":true}])") ==
        errc::none);
  CHECK(r.told.size() == 1);
  CHECK(r.out.counters().absent_times.get() == 1);
  CHECK(r.read(rest_request::trades,
               R"([{"id":2,"price":"4","qty":"1","time":1786171884471007,"isBuyerMaker":true}])") == errc::none);
  REQUIRE(r.told.size() == 1);
  CHECK(r.told[0].find("T 1786171884471007") != std::string::npos);

  for (std::size_t i = r.symbols.size(); i < symbol_table::max_symbols; ++i)
    REQUIRE(r.symbols.intern("S" + std::to_string(i)));
  for (const sample& each : samples()) {
    std::string body = each.body;
    if (const std::size_t at = body.find(R"("symbol":"BTC)"); at != std::string::npos) body.replace(at + 10, 3, "XYZ");
    if (body == each.body) continue;
    INFO(body);
    CHECK(r.read(each.what, body) == errc::symbol_table_full);
    CHECK(r.told.empty());
  }
  CHECK(r.read(rest_request::klines, "[]") == errc::none);  // BTCUSDT is known
}

}  // namespace
