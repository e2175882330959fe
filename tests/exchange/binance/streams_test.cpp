// tests/exchange/binance/streams_test.cpp: every public stream, in every form the venue sends it, against a reader that
// shares nothing with the library's.
#include <foxtrot/exchange/binance/codec.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/capture/reader.hpp>
#include <support/captures.hpp>
#include <support/described_tick.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace foxtrot;
using binance::codec;
using binance::market;
using binance::parsing;
using foxtrot_test::describe_all;
using foxtrot_test::described;
using strings = std::vector<std::string>;

constexpr std::int64_t received = 1'786'171'884'700'123'456;

/// A codec with a consumer of everything behind it.
struct reader {
  explicit reader(parsing how = parsing::fastest) : decoder{market::spot, how} {
    out.follow_ids(false);  // the same message comes again and again
  }

  message_type read(std::string_view text, std::int64_t at = received) {
    memory.assign(text.size() + 64, '"');
    std::ranges::copy(text, memory.begin());
    {
      publisher::batch batch{out};
      type = decoder.decode({memory.data(), text.size()}, at, batch);
    }
    told.clear();
    queue.poll(4096, [&](const event& each) {
      if (auto words = described(each)) told.push_back(std::move(*words));
    });
    return type;
  }

  symbol_table symbols;
  publisher out{symbols};
  subscription queue{out.subscribe({.kinds = kind_set::all() | tick_kind::unknown_event, .capacity = 4096}).value()};
  codec decoder;
  std::vector<char> memory;
  message_type type{};
  strings told;
};

struct sample {
  const char* stream;
  const char* data;
};

// One of each, with the keys in the venue's order; prices, ids and times are made up.
constexpr std::array samples{
    sample{
        "btcusdt@aggTrade",
        R"({"e":"aggTrade","E":1786171884624,"s":"BTCUSDT","a":5933014,"p":"64990.90000000","q":"0.00200000","f":100,"l":105,"T":1786171884471,"m":true,"M":true})"},
    sample{
        "btcusdt@aggTrade",
        R"({"e":"aggTrade","E":1786171884624,"a":26129,"s":"BTCUSDT","p":"64990.90","q":"0.002","nq":"0.001","f":18446744073709551000,"l":18446744073709551615,"T":1786171884471,"m":false,"st":1})"},
    sample{
        "btcusdt@blockTrade",
        R"({"e":"blockTrade","E":1786171884624,"s":"BTCUSDT","t":77,"p":"64990.90000000","q":"55.00200000","T":1786171884471,"m":false})"},
    sample{
        "btcusdt@kline_1m",
        R"({"e":"kline","E":1786171884624,"s":"BTCUSDT","k":{"t":1786171860000,"T":1786171919999,"s":"BTCUSDT","i":"1m","f":100,"L":200,"o":"64990.10","c":"64991.20","h":"64999.99","l":"64980.00","v":"1000.5","n":100,"x":false,"q":"65000000.00000001","V":"500","Q":"0.500","B":"0"}})"},
    sample{
        "btcusdt@kline_1s@+08:00",
        R"({"e":"kline","E":1786171884624,"s":"BTCUSDT","k":{"t":1786171884000, "T":1786171884999, "s":"BTCUSDT", "i":"1s", "f":-1, "L":-1, "o":"64990.10", "c":"64991.20", "h":"64999.99", "l":"64980.00", "v":"0", "n":0, "x":true, "q":"0.00000000", "V":"0", "Q":"0.000", "B":"0"}})"},
    sample{
        "shibusdt@kline_1M",
        R"({"e":"kline","E":1786171884624,"s":"SHIBUSDT","k":{"t":1785542400000,"T":1788220799999,"s":"SHIBUSDT","i":"1M","f":1,"L":99999999999,"o":"0.00000817","c":"0.00001","h":"0.00001234","l":"0.00000111","v":"123456789012345678901.12345678","n":99999999999,"x":false,"q":"92233720368547758080.07","V":"99999999999999999999.99999999","Q":"1.5","B":"0"}})"},
    sample{
        "btcusdt@miniTicker",
        R"({"e":"24hrMiniTicker","E":1786171884624,"s":"BTCUSDT","c":"64990.25","o":"64000.10","h":"65000.25","l":"63999","v":"10000.12345678","q":"654321000000000000.18"})"},
    sample{
        "btcusdt@ticker",
        R"({"e":"24hrTicker","E":1786171884624,"s":"BTCUSDT","p":"-0.0015","P":"-250.00","w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","O":1786085484624,"C":1786171884624,"F":0,"L":18150,"n":18151})"},
    sample{
        "btcusdt@ticker",
        R"({"e":"24hrTicker","E":1786171884624,"s":"BTCUSDT","p":"213.70","P":"0.740","w":"28973.36","c":"29093.90","Q":"0.017","o":"28880.20","h":"29265.70","l":"28755.00","v":"173254.241","q":"5019757418.36","O":1653727500000,"C":1653813900348,"F":2299852977,"L":2301666553,"n":1813560})"},
    sample{
        "btcusd_perp@ticker",
        R"({"e":"24hrTicker","E":1786171884624,"s":"BTCUSD_PERP","ps":"BTCUSD","p":"238.2","P":"0.827","w":"28943.21988874","c":"29031.8","Q":"83","o":"28793.6","h":"29222.8","l":"28728.4","v":"12229247","q":"42252.54497257","O":1653728580000,"C":1653815020145,"F":-1,"L":-1,"n":0})"},
    sample{
        "btcusdt@ticker_1h",
        R"({"e":"1hTicker","E":1786171884624,"s":"BTCUSDT","p":"0.0015","P":"250.00","o":"0.0010","h":"0.0025","l":"0.0010","c":"0.0025","w":"0.0018","v":"10000","q":"18","O":1786168284624,"C":1786171884624,"F":0,"L":18150,"n":18151})"},
    sample{"btcusdt@ticker_4h",
           R"({"e":"4hTicker","E":1786171884624,"s":"BTCUSDT","p":"0.0015","P":"250.00","o":"0.0010","h":"0.0025","l":"0.0010","c":"0.0025","w":"0.0018","v":"10000","q":"18","O":1786157484624,"C":1786171884624,"F":0,"L":18150,"n":18151})"},
    sample{
        "btcusdt@ticker_1d",
        R"({"e":"1dTicker","E":1786171884624,"s":"BTCUSDT","p":"0.0015","P":"250.00","o":"0.0010","h":"0.0025","l":"0.0010","c":"0.0025","w":"0.0018","v":"10000","q":"18","O":1786085484624,"C":1786171884624,"F":0,"L":18150,"n":18151})"},
    sample{"btcusdt@avgPrice",
           R"({"e":"avgPrice","E":1786171884624,"s":"BTCUSDT","i":"5m","w":"25776.86000000","T":1786150000059})"},
    sample{"btcusdt@referencePrice", R"({"e":"referencePrice","s":"BTCUSDT","r":"86699.09224517","t":1786171884012})"},
    sample{"btcusdt@referencePrice", R"({"e":"referencePrice","s":"BTCUSDT","r":null,"t":1786171884012})"},
    sample{
        "btcusdt@markPrice@1s",
        R"({"e":"markPriceUpdate","E":1786171884000,"s":"BTCUSDT","p":"11794.15000000","ap":"11794.15000001","P":"11784.25641265","i":"11784.62659091","r":"-0.00038167","T":1786176000000,"st":1})"},
    sample{
        "btcusdt@markPrice",
        R"({"e":"markPriceUpdate","E":1786171884000,"s":"BTCUSDT","p":"11794.15000000","i":"11784.62659091","P":"11784.25641265","r":"0.00038167","T":1786176000000})"},
    sample{
        "btcusd_perp@markPrice",
        R"({"e":"markPriceUpdate","E":1786171884000,"s":"BTCUSD_PERP","p":"59012.56007222","P":"58896.00503145","r":"0.00073689","T":1786176000000})"},
    sample{
        "btcusd_261225@markPrice",
        R"({"e":"markPriceUpdate","E":1786171884000,"s":"BTCUSD_261225","p":"59012.56007222","P":"58896.00503145","r":"","T":0})"},
    sample{
        "btcusdt@forceOrder",
        R"({"e":"forceOrder","E":1786171884624,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9910.5","X":"FILLED","l":"0.014","z":"0.014","T":1786171884606}})"},
    sample{
        "!forceOrder@arr",
        R"({"e":"forceOrder","E":1786171884624,"o":{"s":"STGUSDT","S":"BUY","o":"LIMIT","f":"IOC","q":"5","p":"0.1336000","ap":"0","X":"NEW","l":"0","z":"0","T":1786171884606,"ps":"STGUSDT","st":1}})"},
};

std::string combined(std::string_view stream, std::string_view data) {
  return R"({"stream":")" + std::string{stream} + R"(","data":)" + std::string{data} + "}";
}

strings right_of(const std::string& text) {
  simdjson::dom::parser parser;
  return describe_all(parser.parse(text));
}

/// Every key of the object, and of the one inside of it, with its value: where each stands in the text.
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
    if (text[each.value] == '{') continue;
    each.end = text[each.value] == '"' ? text.find('"', each.value + 1) + 1 : text.find_first_of(",}", each.value);
    made.push_back(each);
  }
  return made;
}

TEST_CASE("streams: each is read right, alone, combined and in lists, however it is read") {
  for (const parsing how : {parsing::fastest, parsing::portable, parsing::general}) {
    reader r{how};
    std::string list = "[";
    strings all;
    for (const sample& each : samples) {
      INFO(each.data);
      const strings right = right_of(each.data);
      REQUIRE(right.size() == 1);
      CHECK(r.read(each.data) == message_type::tick);
      CHECK(r.told == right);
      CHECK(r.read(combined(each.stream, each.data)) == message_type::tick);
      CHECK(r.told == right);
      CHECK(r.read(std::string{R"({"data":)"} + each.data + R"(,"stream":"x@y"})") == message_type::tick);
      CHECK(r.told == right);
      list.append(list.size() > 1 ? "," : "").append(each.data);
      all.push_back(right.front());
    }
    list += "]";
    CHECK(r.read(list) == message_type::tick);
    CHECK(r.told == all);
    CHECK(r.read(combined("!ticker@arr", list)) == message_type::tick);
    CHECK(r.told == all);
    CHECK(r.read(combined("!ticker@arr", "[]")) == message_type::tick);
    CHECK(r.told.empty());
    CHECK(r.out.counters().rejected.get() == 0);
    CHECK(r.out.counters().unknown_events.total() == 0);
  }
}

TEST_CASE("streams: microseconds and milliseconds") {
  reader r;
  for (const sample& each : samples) {
    std::string text = each.data;
    for (const member& field : members_of(each.data)) {
      const std::string value = text.substr(field.value, field.end - field.value);
      if (value.size() != 13 || value.find_first_not_of("0123456789") != std::string::npos) continue;
      text.replace(field.value, 13, value + "007");
      INFO(text);
      const strings right = right_of(text);
      CHECK(r.read(text) == message_type::tick);
      CHECK(r.told == right);
      text = each.data;
    }
  }
}

TEST_CASE("streams: a field that is missing is never invented") {
  // what some markets do not send; the venue's own inner copy of the symbol; what nobody decodes
  const std::string optional = "xQbBaA ap ps nq st M B P i r";
  for (const parsing how : {parsing::fastest, parsing::general}) {
    reader r{how};
    int rejected = 0;
    for (const sample& each : samples) {
      const std::string text = each.data;
      for (const member& field : members_of(text)) {
        std::string without = text;
        const bool last = text[field.end] == '}';
        const std::size_t from = last ? text.rfind(',', field.begin) : field.begin;
        without.erase(from, field.end - from + (last ? 0 : 1));
        INFO(without);
        const message_type type = r.read(without);
        const std::string key = field.key;
        if (key == "e") {
          CHECK((type == message_type::unknown || type == message_type::rejected));
        } else if (type == message_type::tick) {
          // then it was one of those, or stands twice in the message, and what is left is told as it is
          CHECK((optional.find(key) != std::string::npos || key == "s" || key == "T"));
          if (key != "s") CHECK(r.told == right_of(without));
        } else {
          CHECK(type == message_type::rejected);
          CHECK(make_error_code(r.decoder.last_error()) == errc::missing_field);
          CHECK(r.told.empty());
          ++rejected;
        }
      }
    }
    CHECK(rejected > 150);
  }
}

TEST_CASE("streams: a value of the wrong kind is never a tick") {
  const strings wrong{"null",
                      "true",
                      "{}",
                      "[]",
                      "\"\"",
                      "\"x\"",
                      "-5",
                      "1e400",
                      "\"-\"",
                      "\"1e4\"",
                      "99999999999999999999999999999999999999999",
                      "\"99999999999999999999999999999999999999999999\""};
  for (const parsing how : {parsing::fastest, parsing::general}) {
    reader r{how};
    for (const sample& each : samples) {
      const std::string text = each.data;
      for (const member& field : members_of(text)) {
        for (const std::string& value : wrong) {
          std::string spoiled = text;
          spoiled.replace(field.value, field.end - field.value, value);
          INFO(spoiled);
          const message_type type = r.read(spoiled);
          if (type == message_type::tick) {
            // nobody decodes it, or it is one of the ways to say that there is none
            simdjson::dom::parser parser;
            simdjson::dom::element message;
            const bool readable = parser.parse(spoiled).get(message) == simdjson::SUCCESS;
            CHECK((r.told == right_of(text) || (readable && r.told == describe_all(message))));
          } else if (type == message_type::rejected) {
            CHECK(r.told.empty());
          }
        }
      }
      CHECK(r.read(text) == message_type::tick);
      CHECK(r.told == right_of(text));
    }
  }
}

TEST_CASE("streams: one bad object does not hide the others of its list, and is told") {
  reader r;
  const std::string good = samples[6].data;
  const std::string bad = R"({"e":"24hrMiniTicker","E":1786171884624,"s":"X","c":"64990.25"})";
  CHECK(r.read("[" + good + "," + bad + "," + good + "]") == message_type::rejected);
  CHECK(r.told.size() == 2);
  CHECK(make_error_code(r.decoder.last_error()) == errc::missing_field);
  CHECK(r.read("[" + good + "," + good + ",7]") == message_type::rejected);
  // what is no JSON is not told in part
  for (const std::string& text : {"[" + good + "," + good, "[" + good + R"(,{"a":}])",
                                  R"({"data":[)" + good + R"(],"x":{"y":}})", "[" + good + "]x"}) {
    INFO(text);
    CHECK(r.read(text) == message_type::rejected);
    CHECK(r.told.empty());
  }
  // a list is of many symbols: its stream names none
  std::string nameless = good;
  nameless.erase(nameless.find(R"("s":)"), std::string_view{R"("s":"BTCUSDT",)"}.size());
  CHECK(r.read(combined("!miniTicker@arr", "[" + nameless + "]")) == message_type::rejected);
  CHECK(make_error_code(r.decoder.last_error()) == errc::missing_field);
  CHECK(r.told.empty());
  CHECK(r.read(combined("everything", nameless)) == message_type::rejected);
  CHECK(r.read(good) == message_type::tick);
}

TEST_CASE("streams: what has no tick is counted by name and can be had as it came") {
  reader r;
  const std::string info = R"({"e":"contractInfo","E":1786171884624,"s":"IOTAUSDT","ps":"IOTAUSDT","bks":[{"bs":1}]})";
  const std::string assets =
      combined("!assetIndex@arr", R"([{"e":"assetIndexUpdate","E":1,"s":"ADAUSD"},{"e":"assetIndexUpdate"}])");
  CHECK(r.read(info) == message_type::unknown);
  CHECK(r.told == strings{"unknown contractInfo E=1786171884624000 text=" + info});
  CHECK(r.read(info) == message_type::unknown);
  CHECK(r.read(assets) == message_type::unknown);
  CHECK(r.told == strings{"unknown assetIndexUpdate text=" + assets});
  CHECK(r.read(R"({"x":1})") == message_type::unknown);
  CHECK(r.told == strings{R"(unknown  text={"x":1})"});
  const named_counters& counted = r.out.counters().unknown_events;
  CHECK(counted.total() == 4);
  const std::string good = samples[6].data;
  for (const std::string& text : {R"([{"e":"novelty"},)" + good + "]", "[" + good + R"(,{"e":"novelty"}])"}) {
    CHECK(r.read(text) == message_type::unknown);
    REQUIRE(r.told.size() == 2);
    CHECK(r.told.back() == "unknown novelty text=" + text);
  }
  CHECK(counted.get("novelty") == 2);
  // "a" and "b" need not be sides of a book
  const std::string lettered = R"({"e":"novelty","E":1786171884624,"b":["x"],"a":[[],{"c":7}]})";
  CHECK(r.read(lettered) == message_type::unknown);
  CHECK(r.told == strings{"unknown novelty E=1786171884624000 text=" + lettered});
  CHECK(r.read(R"({"e":"novelty","b":["x",],"a":[]})") == message_type::rejected);
  // a book of another kind must not pass for the book
  const std::string other = combined("btcusdt@rpiDepth@500ms",
                                     R"({"e":"depthUpdate","E":1786171884624,"T":1786171884471,"s":"BTCUSDT","U":157,)"
                                     R"("u":160,"pu":149,"b":[["0.0024","10"]],"a":[]})");
  CHECK(r.read(other) == message_type::unknown);
  CHECK(counted.get("depthUpdate") == 1);
  CHECK(counted.get("contractInfo") == 2);
  CHECK(counted.get("assetIndexUpdate") == 1);
  CHECK(counted.get("") == 1);

  auto others = r.out.subscribe({}).value();
  CHECK(r.read(info) == message_type::unknown);
  CHECK(others.poll(8, [](const event&) {}) == 0);  // only who asks for them gets them
}

TEST_CASE("streams: what nobody asked for is counted, and takes no room from others") {
  reader r;
  publisher out{r.symbols, {.capacity = 64, .level_capacity = 16}};
  auto others = out.subscribe({}).value();
  {
    publisher::batch batch{out};
    for (const char* text :
         {R"({"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]})",
          R"({"e":"contractInfo","text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"})",
          R"({"e":"contractInfo","text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"})",
          R"({"e":"contractInfo","text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"})"}) {
      std::string padded = text + std::string(64, '"');
      const std::string_view message{padded.data(), padded.size() - 64};
      (void)(message.starts_with("{\"last") ? r.decoder.decode_depth(message, "BTCUSDT", received, batch)
                                            : r.decoder.decode(message, received, batch));
    }
  }
  std::vector<tick_kind> kinds;
  others.poll(8, [&](const event& each) { kinds.push_back(each.kind()); });
  CHECK(kinds == std::vector<tick_kind>{tick_kind::depth_snapshot});
  CHECK(others.dropped() == 0);
  CHECK(out.counters().unknown_events.get("contractInfo") == 3);
  CHECK(out.counters().ticks[static_cast<std::size_t>(tick_kind::unknown_event)].get() == 3);
}

TEST_CASE("streams: only messages of a known kind in another shape are fallbacks, and are counted by stream") {
  reader r;
  for (const sample& each : samples) (void)r.read(combined(each.stream, each.data));
  CHECK(r.out.counters().fallbacks.get("btcusd_261225@markPrice") == 1);  // no funding rate
  CHECK(r.out.counters().fallbacks.total() == 1);
  std::string spaced = combined("btcusdt@aggTrade", samples[0].data);
  spaced.replace(spaced.find("\"E\":"), 4, "\"E\": ");
  for (int i = 0; i < 3; ++i) CHECK(r.read(spaced) == message_type::tick);
  CHECK(r.out.counters().fallbacks.get("btcusdt@aggTrade") == 3);
  CHECK(r.read(spaced.substr(0, spaced.size() - 1)) == message_type::rejected);
  CHECK(r.out.counters().fallbacks.total() == 4);
}

TEST_CASE("streams: what stood in another field's place before makes no digit of what is none") {
  reader r;
  const std::string with =
      R"({"e":"aggTrade","E":1786171884624,"a":20619,"s":"BTCUSDT","p":"8.90","q":"5.001","nq":"10.0","f":1000,)"
      R"("l":1999,"T":1786171884471,"m":false,"st":8})";
  std::string without = with;
  without.erase(without.find(R"(,"nq":"10.0")"), std::string_view{R"(,"nq":"10.0")"}.size());
  for (const char odd : {'\\', '"', '/', ':', ' ', '.', 'e', '-'}) {
    std::string bad = without;
    bad[bad.find("1000") + 2] = odd;
    INFO(bad);
    CHECK(r.read(with) == message_type::tick);
    CHECK(r.read(bad) == message_type::rejected);
    CHECK(r.told.empty());
    CHECK(r.read(without) == message_type::tick);
    CHECK(r.told == right_of(without));
  }
}

/// Compares a recorded message with the test's own reading of it.
void compare(reader& r, const std::string& line, std::map<std::string, int>& seen) {
  INFO(line.substr(0, 400));
  simdjson::dom::parser parser;
  simdjson::dom::element message = parser.parse(line);
  const strings right = describe_all(message);
  std::int64_t sent = 0;
  simdjson::dom::element data = message;
  if (message.is_object() && message["data"].error() == simdjson::SUCCESS) data = message["data"];
  if (data.is_array() && data.get_array().value().size() != 0) data = data.at(0);
  if (!data.is_object() || data["E"].get(sent)) sent = 1'790'134'512'214;
  (void)r.read(line, sent * 1'000'000);
  for (const std::string& each : right) ++seen[each.substr(0, each.find(' '))];
  if (!right.empty()) {
    CHECK(r.type == message_type::tick);
    CHECK(r.told == right);
  } else {
    CHECK((r.told.empty() || r.told.front().starts_with("unknown")));
  }
}

TEST_CASE("streams: recorded lines of many years and kinds") {
  const auto folder = foxtrot_test::captures();
  if (!folder) return;
  reader r;
  std::map<std::string, int> seen;
  for (const char* name : {"binance_mixed.jsonl", "spot_202609.jsonl", "usdm_202608.jsonl"}) {
    std::ifstream file{*folder / "singles" / name};
    REQUIRE(file);
    for (std::string line; std::getline(file, line);) compare(r, line, seen);
  }
  CHECK(seen["aggregate_trade"] == 6);
  CHECK(seen["mark_price"] == 7);
  CHECK(seen["ticker"] == 10);
  CHECK(seen["kline"] == 6);
  CHECK(seen["reference_price"] == 1);
  CHECK(seen["liquidation"] == 1);
}

TEST_CASE("streams: nothing in the captures falls back or is unknown") {
  for (const char* name :
       {"spot/btcusdt_20240808.txt.gz", "spot/ethusdt_20240808.txt.gz", "usdm/btcusdt_20240808.txt.gz",
        "spot/four_symbols_202110.txt.gz", "usdm/many_symbols_202107.txt.gz"}) {
    const auto path = foxtrot_test::capture_path(name);
    if (!path) return;
    auto file = capture_reader::open(*path);
    if (!file && file.error() == errc::no_gzip_support) return foxtrot_test::skip("built without zlib");
    REQUIRE(file);
    reader r;
    capture_record record;
    std::uint64_t messages = 0;
    std::uint64_t ticks = 0;
    while (file->next(record)) {
      ++messages;
      ticks += r.read(record.payload, 1'723'117'000'000'000'000) == message_type::tick ? 1U : 0U;
    }
    INFO(name << ": " << messages << " messages");
    CHECK_FALSE(file->error());
    CHECK(messages > 30);
    CHECK(messages - ticks <= 1);  // a snapshot that came over HTTP: it names no symbol
    CHECK(r.out.counters().fallbacks.total() == 0);
  }
}

}  // namespace
