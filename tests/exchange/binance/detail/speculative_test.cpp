// tests/exchange/binance/detail/speculative_test.cpp: every shape, whole, cut short and with every byte changed, and
// all captured messages, against a parser of the test's own over simdjson's DOM.
#include <foxtrot/exchange/binance/detail/speculative.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/market/level_builder.hpp>
#include <support/captures.hpp>
#include <support/sanitizer.hpp>

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot::binance::detail;

constexpr std::size_t padding = 64;

std::vector<isa> forms() {
  std::vector<isa> usable;
  for (const isa each : {isa::portable, isa::sse41, isa::avx2}) {
    if (each <= best_isa()) usable.push_back(each);
  }
  return usable;
}

// --- what was read, as text: the same from fields and from the DOM ---

void put(std::string& out, char name, std::int64_t mantissa, int exponent) {
  out += ' ';
  out += name;
  out += '=' + std::to_string(mantissa) + 'e' + std::to_string(exponent);
}
template <class Integer>
void put(std::string& out, char name, Integer value) {
  out += ' ';
  out += name;
  out += '=' + std::to_string(value);
}
void put_name(std::string& out, std::string_view value) { out.append(" ").append(value); }

void write_fields(std::string& out, const book_ticker_fields& f) {
  out += "book";
  put(out, 'u', f.update_id);
  put_name(out, f.symbol);
  put(out, 'b', f.bid_price, f.price_exponent);
  put(out, 'B', f.bid_quantity, f.quantity_exponent);
  put(out, 'a', f.ask_price, f.price_exponent);
  put(out, 'A', f.ask_quantity, f.quantity_exponent);
  put(out, 'T', f.transaction_us);
  put(out, 'E', f.event_us);
}

void write_fields(std::string& out, const trade_fields& f) {
  out += "trade";
  put(out, 't', f.trade_id);
  put_name(out, f.symbol);
  put(out, 'p', f.price, f.price_exponent);
  put(out, 'q', f.quantity, f.quantity_exponent);
  put(out, 'T', f.trade_us);
  put(out, 'E', f.event_us);
  put(out, 'm', int{f.buyer_is_maker});
  put_name(out, f.execution);
}

void write_fields(std::string& out, const aggregate_trade_fields& f) {
  out += "aggregate";
  put(out, 'a', f.aggregate_id);
  put(out, 'f', f.first_trade_id);
  put(out, 'l', f.last_trade_id);
  put_name(out, f.symbol);
  put(out, 'p', f.price, f.price_exponent);
  put(out, 'q', f.quantity, f.quantity_exponent);
  if (f.has_normal_quantity) put(out, 'n', f.normal_quantity, f.normal_quantity_exponent);
  put(out, 'T', f.trade_us);
  put(out, 'E', f.event_us);
  put(out, 'm', int{f.buyer_is_maker});
}

void write_fields(std::string& out, const mark_price_fields& f) {
  out += "mark";
  put_name(out, f.symbol);
  put(out, 'p', f.mark, f.mark_exponent);
  if (f.has_average) put(out, 'v', f.average, f.average_exponent);
  if (f.has_index) put(out, 'i', f.index, f.index_exponent);
  put(out, 'P', f.settlement, f.settlement_exponent);
  put(out, 'r', f.funding_rate, f.funding_rate_exponent);
  put(out, 'T', f.next_funding_us);
  put(out, 'E', f.event_us);
}

void write_fields(std::string& out, const depth_fields& f) {
  out += f.is_update ? "update" : "book";
  put_name(out, f.symbol);
  put(out, 'U', f.first_id);
  put(out, 'u', f.last_id);
  if (f.has_previous_id) put(out, 'p', f.previous_id);
  put(out, 'T', f.transaction_us);
  put(out, 'E', f.event_us);
  put(out, 'b', f.bids);
  put(out, 'a', f.asks);
  for (const raw_level& level : f.levels) {
    put(out, '-', level.price, f.price_exponent);
    put(out, '-', level.quantity, f.quantity_exponent);
  }
}

// --- the slow parser ---

struct refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A message that a strict parser takes, described as above. Throws where it is not one of the shapes.
class plain_parser {
 public:
  [[nodiscard]] std::string describe(std::string_view message) {
    simdjson::dom::element all;
    if (parser_.parse(message.data(), message.size()).get(all)) throw refused{"not JSON"};
    std::string_view stream;
    if (!all["stream"].get(stream)) {
      simdjson::dom::element inner;
      if (all["data"].get(inner)) throw refused{"no data"};
      all = inner;
    }
    if (!all.is_object()) throw refused{"no object"};
    if (all["pair"].error() == simdjson::SUCCESS) throw refused{"an answer of COIN-M"};
    data_ = all;
    std::string out{stream};
    out += '|';
    std::string_view event;
    if (data_["e"].get(event)) {
      event = has("lastUpdateId") ? "book" : has("u") && has("B") ? "bookTicker" : "";
    }
    kind_ = event;
    if (event == "bookTicker") {
      book_ticker_fields f;
      f.update_id = number("u");
      f.symbol = name("s");
      std::array<raw_level, 2> sides{};
      level_builder both{sides};
      if (both.add(amount("b"), amount("B")) != errc::none || both.add(amount("a"), amount("A")) != errc::none) {
        throw refused{"range"};
      }
      f.bid_price = sides[0].price;
      f.bid_quantity = sides[0].quantity;
      f.ask_price = sides[1].price;
      f.ask_quantity = sides[1].quantity;
      f.price_exponent = both.price_exponent();
      f.quantity_exponent = both.quantity_exponent();
      f.transaction_us = optional_time("T");
      f.event_us = optional_time("E");
      write_fields(out, f);
    } else if (event == "trade") {
      trade_fields f;
      f.trade_id = number("t");
      f.symbol = name("s");
      take(amount("p"), f.price, f.price_exponent);
      take(amount("q"), f.quantity, f.quantity_exponent);
      f.trade_us = time("T");
      f.event_us = time("E");
      f.buyer_is_maker = flag("m");
      if (has("X")) f.execution = name("X");
      write_fields(out, f);
    } else if (event == "aggTrade") {
      aggregate_trade_fields f;
      f.aggregate_id = number("a");
      f.first_trade_id = number("f");
      f.last_trade_id = number("l");
      f.symbol = name("s");
      take(amount("p"), f.price, f.price_exponent);
      take(amount("q"), f.quantity, f.quantity_exponent);
      f.has_normal_quantity = has("nq");
      if (f.has_normal_quantity) take(amount("nq"), f.normal_quantity, f.normal_quantity_exponent);
      f.trade_us = time("T");
      f.event_us = time("E");
      f.buyer_is_maker = flag("m");
      write_fields(out, f);
    } else if (event == "markPriceUpdate") {
      mark_price_fields f;
      f.symbol = name("s");
      take(amount("p"), f.mark, f.mark_exponent);
      f.has_average = has("ap");
      if (f.has_average) take(amount("ap"), f.average, f.average_exponent);
      f.has_index = has("i");
      if (f.has_index) take(amount("i"), f.index, f.index_exponent);
      take(amount("P"), f.settlement, f.settlement_exponent);
      take(amount("r", true), f.funding_rate, f.funding_rate_exponent);
      f.next_funding_us = time("T");
      f.event_us = time("E");
      write_fields(out, f);
    } else if (event == "depthUpdate" || event == "book") {
      depth_fields f;
      f.is_update = event == "depthUpdate";
      f.last_id = number(f.is_update ? "u" : "lastUpdateId");
      if (f.is_update) {
        f.symbol = name("s");
        f.first_id = number("U");
        if (f.first_id > f.last_id) throw refused{"ids"};
      }
      std::int64_t previous = -1;
      if (has("pu") && data_["pu"].get(previous)) throw refused{"pu"};
      f.has_previous_id = previous >= 0;
      if (f.has_previous_id) f.previous_id = static_cast<std::uint64_t>(previous);
      f.transaction_us = optional_time("T");
      f.event_us = optional_time("E");
      room_.resize(message.size());
      level_builder levels{room_};
      f.bids = side(f.is_update ? "b" : "bids", levels);
      f.asks = side(f.is_update ? "a" : "asks", levels);
      f.levels = std::span{room_}.first(levels.size());
      f.price_exponent = levels.price_exponent();
      f.quantity_exponent = levels.quantity_exponent();
      write_fields(out, f);
    } else {
      throw refused{"another event"};
    }
    return out;
  }

  /// The event of the last message.
  [[nodiscard]] const std::string& kind() const noexcept { return kind_; }

 private:
  [[nodiscard]] bool has(const char* key) const { return data_[key].error() == simdjson::SUCCESS; }
  [[nodiscard]] std::uint64_t number(const char* key) const {
    std::uint64_t value = 0;
    if (data_[key].get(value)) throw refused{key};
    return value;
  }
  [[nodiscard]] std::string_view name(const char* key) const {
    std::string_view value;
    if (data_[key].get(value)) throw refused{key};
    return value;
  }
  [[nodiscard]] bool flag(const char* key) const {
    bool value = false;
    if (data_[key].get(value)) throw refused{key};
    return value;
  }
  [[nodiscard]] std::int64_t time(const char* key) const {
    const auto value = static_cast<std::int64_t>(number(key));
    return value < 100'000'000'000'000 ? value * 1000 : value;
  }
  [[nodiscard]] std::int64_t optional_time(const char* key) const { return has(key) ? time(key) : no_time; }
  [[nodiscard]] decimal amount(const char* key, bool may_be_negative = false) const {
    return parse(name(key), may_be_negative);
  }
  [[nodiscard]] static decimal parse(std::string_view digits, bool may_be_negative = false) {
    const auto value = decimal::parse(digits);
    if (!value || (value->mantissa() < 0 && !may_be_negative)) throw refused{"amount"};
    return *value;
  }
  static void take(const decimal& value, std::int64_t& mantissa, std::int8_t& exponent) {
    mantissa = value.mantissa();
    exponent = static_cast<std::int8_t>(value.exponent());
  }
  [[nodiscard]] std::uint32_t side(const char* key, level_builder& levels) const {
    const std::size_t before = levels.size();
    simdjson::dom::array all;
    if (data_[key].get(all)) throw refused{key};
    for (const simdjson::dom::element each : all) {
      simdjson::dom::array pair;
      std::string_view price;
      std::string_view quantity;
      if (each.get(pair) || pair.size() != 2 || pair.at(0).get(price) || pair.at(1).get(quantity)) {
        throw refused{"level"};
      }
      if (levels.add(parse(price), parse(quantity)) != errc::none) throw refused{"range"};
    }
    return static_cast<std::uint32_t>(levels.size() - before);
  }

  simdjson::dom::parser parser_;
  simdjson::dom::element data_;
  std::vector<raw_level> room_;
  std::string kind_;
};

/// The fast one: what it read, or nothing.
class subject {
 public:
  explicit subject(isa form) : parser_{form} {}

  [[nodiscard]] std::optional<std::string> describe(std::string_view message) {
    const auto opened = parser_.open(message);
    std::string out{opened.stream};
    out += '|';
    switch (opened.kind) {
      case shape::book_ticker: return read<book_ticker_fields>(opened, out);
      case shape::trade: return read<trade_fields>(opened, out);
      case shape::aggregate_trade: return read<aggregate_trade_fields>(opened, out);
      case shape::mark_price: return read<mark_price_fields>(opened, out);
      case shape::depth: {
        const std::size_t most = message.size() / 10 + 1;
        if (room_.size() < most) room_.resize(most);
        depth_fields fields;
        if (!parser_.read(opened, std::span{room_}.first(most), fields)) return std::nullopt;
        write_fields(out, fields);
        return out;
      }
      case shape::unknown: break;
    }
    return std::nullopt;
  }

 private:
  template <class Fields>
  [[nodiscard]] std::optional<std::string> read(const speculative_parser::opening& opened, std::string& out) {
    Fields fields;
    if (!parser_.read(opened, fields)) return std::nullopt;
    write_fields(out, fields);
    return out;
  }

  speculative_parser parser_;
  std::vector<raw_level> room_;
};

/// A message in memory that ends where the contract says.
class padded {
 public:
  explicit padded(std::string_view message)
      : size_{message.size()}, memory_{std::make_unique<char[]>(size_ + padding)} {
    message.copy(memory_.get(), size_);
  }
  [[nodiscard]] std::string_view view() const { return {memory_.get(), size_}; }
  [[nodiscard]] char& operator[](std::size_t at) { return memory_[at]; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> memory_;
};

// --- the shapes ---

const std::vector<std::string>& raw_samples() {
  static const std::vector<std::string> samples{
      // bookTicker: spot, USD-M, COIN-M
      R"({"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"})",
      R"({"u":400900218,"s":"1000SATSUSDT","b":"0.00002535","B":"123456789.00000000","a":"0.00002536","A":"7.00000000"})",
      R"({"e":"bookTicker","u":1553205153844,"s":"BALUSDT","b":"6.718","B":"16.2","a":"6.719","A":"3.7","T":1653812037547,"E":1653812037552})",
      R"({"u":462118190224,"e":"bookTicker","s":"XMRUSD_PERP","ps":"XMRUSD","b":"172.74","B":"86","a":"172.81","A":"25","T":1653811915499,"E":1653811915502})",
      // trade: spot today, with order ids, in microseconds; USD-M
      R"({"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100.00000000","T":1672515782134,"m":true,"M":true})",
      R"({"e":"trade","E":1622363903670,"s":"BTCUSDT","t":860000001,"p":"35743.98000000","q":"0.00150000","b":6100000001,"a":6100000002,"T":1622363903669,"m":false,"M":true})",
      R"({"e":"trade","E":1672515782136001,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100.00000000","T":1672515782134999,"m":false,"M":false})",
      R"({"e":"trade","E":1723075200123,"T":1723075200120,"s":"BTCUSDT","t":5289000001,"p":"55012.30","q":"0.002","X":"MARKET","m":true})",
      // aggTrade: spot, USD-M, USD-M with nq and st
      R"({"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.00100000","q":"100.00000000","f":100,"l":105,"T":1672515782136,"m":true,"M":true})",
      R"({"e":"aggTrade","E":1616202009196,"a":389551486,"s":"BTCUSDT","p":"58665.00","q":"0.043","f":621622993,"l":621622994,"T":1616202009188,"m":false})",
      R"({"e":"aggTrade","E":1786171884624,"a":3404749954,"s":"BTCUSDT","p":"64990.90","q":"0.002","nq":"0.001","f":7960913511,"l":7960913511,"T":1786171884471,"m":true,"st":1})",
      // depth: spot, one side empty, both; USD-M; COIN-M
      R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.00240000","10.00000000"],["0.00230000","0.00000000"],["0.00220000","123.40000000"]],"a":[["0.00260000","100.00000000"]]})",
      R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[],"a":[["26.00000000","100.00000000"],["127.00000000","1.50000000"]]})",
      R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":160,"u":160,"b":[],"a":[]})",
      R"({"e":"depthUpdate","E":1622371244693,"T":1622371244687,"s":"BTCUSDT","U":475776377463,"u":475776380184,"pu":475776377452,"b":[["35729.77","1.600"],["35750.00","5.106"]],"a":[["35819.20","0.211"],["35820.31","1234567890123.001"]]})",
      R"({"e":"depthUpdate","E":1622370862564,"T":1622370862553,"s":"BTCUSD_PERP","ps":"BTCUSD","U":127559587191,"u":127559588177,"pu":127559587113,"b":[["35365.9","1400"],["35425.8","561"],["99999.9","1234567890123456"]],"a":[["35817.8","7885"],["35818.7","307"]]})",
      R"({"e":"depthUpdate","E":1648006221596,"T":1648006221340,"s":"RUNEUSD_PERP","ps":"RUNEUSD","U":395028983849,"u":395028983849,"pu":-1,"b":[],"a":[["8.4400","2"]]})",
      // partial and requested books
      R"({"lastUpdateId":160,"bids":[["1782.00000000","6.48300000"],["1781.95000000","0.03000000"]],"asks":[["1782.01000000","15.46080000"],["1782.02000000","0.00780000"]]})",
      R"({"lastUpdateId":1570223094073,"E":1654231622340,"T":1654231622320,"bids":[["30564.6","0.024"],["30561.1","0.003"]],"asks":[["30569.5","0.141"],["30569.6","10.004"]]})",
      // markPriceUpdate: USD-M of two years and the documented order, COIN-M
      R"({"e":"markPriceUpdate","E":1617308820003,"s":"BTCUSDT","p":"58940.14924532","P":"58905.14663658","i":"58857.26693664","r":"0.00058455","T":1617321600000})",
      R"({"e":"markPriceUpdate","E":1786171884000,"s":"BTCUSDT","p":"64991.37858696","ap":"64991.37858697","P":"64980.01344384","i":"65016.05673913","r":"-0.00003936","T":1786176000000,"st":1})",
      R"({"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","i":"11784.62659091","P":"11784.25641265","r":"0.00038167","T":1562306400000})",
      R"({"e":"markPriceUpdate","E":1617309477000,"s":"BTCUSD_PERP","p":"59012.56007222","P":"58896.00503145","r":"0.00073689","T":1617321600000})",
  };
  return samples;
}

std::vector<std::string> samples() {
  std::vector<std::string> all = raw_samples();
  for (const std::string& raw : raw_samples()) {
    all.push_back(R"({"stream":"btcusdt_perp@someStream@100ms","data":)" + raw + "}");
  }
  return all;
}

/// Rejected, or the same values as the slow parser finds.
[[nodiscard]] bool sound(const std::optional<std::string>& read, plain_parser& slow, std::string_view message) {
  if (!read) return true;
  try {
    return *read == slow.describe(message);
  } catch (const refused&) {
    return false;
  }
}

}  // namespace

TEST_CASE("speculative: every shape in every form", "[binance][speculative]") {
  plain_parser slow;
  for (const std::string& sample : samples()) {
    CAPTURE(sample);
    const padded message{sample};
    const std::string expected = slow.describe(message.view());
    for (const isa form : forms()) {
      CAPTURE(static_cast<int>(form));
      const auto found = subject{form}.describe(message.view());
      REQUIRE(found);
      CHECK(*found == expected);
    }
  }
}

TEST_CASE("speculative: what was read before changes nothing", "[binance][speculative]") {
  plain_parser slow;
  std::vector<std::pair<padded, std::string>> messages;
  for (const std::string& sample : samples()) {
    padded message{sample};
    std::string expected = slow.describe(message.view());
    messages.emplace_back(std::move(message), std::move(expected));
  }
  for (const isa form : forms()) {
    CAPTURE(static_cast<int>(form));
    subject fast{form};
    for (const auto& [before, ignored] : messages) {
      for (const auto& [message, expected] : messages) {
        (void)fast.describe(before.view());
        if (fast.describe(message.view()) != expected) FAIL(message.view() << " after " << before.view());
        if (fast.describe(message.view()) != expected) FAIL(message.view() << " after itself");
      }
    }
  }
}

TEST_CASE("speculative: the values of a book ticker, a trade and a book", "[binance][speculative]") {
  for (const isa form : forms()) {
    speculative_parser parser{form};
    const padded quote{
        R"({"stream":"bnbusdt@bookTicker","data":{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}})"};
    const auto opened = parser.open(quote.view());
    CHECK(opened.stream == "bnbusdt@bookTicker");
    REQUIRE(opened.kind == shape::book_ticker);
    book_ticker_fields ticker;
    REQUIRE(parser.read(opened, ticker));
    CHECK(ticker.update_id == 400900217);
    CHECK(ticker.symbol == "BNBUSDT");
    CHECK(ticker.bid_price == 2535190000);
    CHECK(ticker.ask_quantity == 4066000000);
    CHECK(ticker.price_exponent == -8);
    CHECK(ticker.transaction_us == no_time);

    const padded deal{
        R"({"e":"trade","E":1723075200123,"T":1723075200120,"s":"BTCUSDT","t":5289000001,"p":"55012.30","q":"0.002","X":"MARKET","m":true})"};
    trade_fields trade;
    REQUIRE(parser.read(parser.open(deal.view()), trade));
    CHECK(trade.price == 5501230);
    CHECK(trade.price_exponent == -2);
    CHECK(trade.quantity == 2);
    CHECK(trade.trade_us == 1723075200120000);
    CHECK(trade.execution == "MARKET");
    CHECK(trade.buyer_is_maker);

    const padded book{R"({"lastUpdateId":160,"bids":[["2.5","10.0"]],"asks":[["2.6","100.0"],["2.7","9.9"]]})"};
    std::array<raw_level, 3> room{};
    depth_fields depth;
    REQUIRE(parser.read(parser.open(book.view()), room, depth));
    CHECK_FALSE(depth.is_update);
    CHECK(depth.bids == 1);
    CHECK(depth.asks == 2);
    CHECK(depth.levels.data() == room.data());
    CHECK(depth.levels[2] == raw_level{27, 99});
    CHECK(depth.price_exponent == -1);
    // one level too many
    CHECK_FALSE(parser.read(parser.open(book.view()), std::span{room}.first(2), depth));
  }
}

TEST_CASE("speculative: nothing that is cut short is accepted", "[binance][speculative]") {
  for (const isa form : forms()) {
    subject fast{form};
    for (const std::string& sample : samples()) {
      for (std::size_t size = 0; size < sample.size(); ++size) {
        // memory ends 64 bytes behind the end: zeros there, or what would have followed
        const padded alone{sample.substr(0, size)};
        padded followed{sample.substr(0, size)};
        for (std::size_t i = 0; i < padding && size + i < sample.size(); ++i) followed[size + i] = sample[size + i];
        if (fast.describe(alone.view()) || fast.describe(followed.view())) FAIL(sample.substr(0, size));
      }
      padded longer{sample + "}"};
      CHECK_FALSE(fast.describe(longer.view()));
      longer[sample.size()] = ' ';
      CHECK_FALSE(fast.describe(longer.view()));
    }
  }
}

TEST_CASE("speculative: a message with any byte changed is rejected or means what it says", "[binance][speculative]") {
  plain_parser slow;
  const auto usable = forms();
  std::vector<subject> fast;
  for (const isa form : usable) fast.emplace_back(form);
  std::size_t accepted = 0;
  const std::size_t step = foxtrot_test::sanitized ? 7 : 1;
  for (const std::string& sample : samples()) {
    padded message{sample};
    for (std::size_t at = 0; at < sample.size(); ++at) {
      for (std::size_t byte = at % step; byte < 256; byte += step) {
        message[at] = static_cast<char>(byte);
        const auto first = fast.front().describe(message.view());
        for (std::size_t i = 1; i < fast.size(); ++i) {
          if (fast[i].describe(message.view()) != first) FAIL("forms differ: " << message.view());
        }
        accepted += first ? 1 : 0;
        if (!sound(first, slow, message.view())) FAIL(message.view() << " read as " << *first);
      }
      message[at] = sample[at];
    }
  }
  CHECK(accepted > 1000);
}

TEST_CASE("speculative: a byte more or less is rejected or means what it says", "[binance][speculative]") {
  plain_parser slow;
  const auto usable = forms();
  constexpr std::string_view inserted = "0129.-\"\\,:[]{} x";
  const std::size_t step = foxtrot_test::sanitized ? 5 : 1;
  for (const std::string& sample : samples()) {
    for (std::size_t at = 0; at < sample.size(); at += step) {
      std::vector<std::string> changed{std::string{sample}.erase(at, 1)};
      for (const char c : inserted) changed.push_back(std::string{sample}.insert(at, 1, c));
      for (const std::string& text : changed) {
        const padded message{text};
        const auto first = subject{usable.front()}.describe(message.view());
        for (const isa form : usable) {
          if (subject{form}.describe(message.view()) != first) FAIL("forms differ: " << text);
        }
        if (!sound(first, slow, message.view())) FAIL(text << " read as " << *first);
      }
    }
  }
}

TEST_CASE("speculative: levels of all widths, whatever came before", "[binance][speculative]") {
  plain_parser slow;
  const auto usable = forms();
  std::vector<subject> fast;
  for (const isa form : usable) fast.emplace_back(form);
  std::uint64_t state = 7;
  const auto random = [&state](std::uint64_t below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % below;
  };
  const auto number = [&](std::size_t whole, std::size_t decimals) {
    std::string text;
    for (std::size_t i = 0; i < whole + decimals; ++i) {
      if (i == whole) text += '.';
      text += static_cast<char>('0' + random(10));
    }
    return text;
  };
  std::size_t accepted = 0;
  for (std::size_t round = 0; round < foxtrot_test::repetitions(4000); ++round) {
    const std::size_t price_decimals = random(9);
    const std::size_t quantity_decimals = random(9);
    std::array<std::string, 2> sides;
    const std::size_t price_whole = 1 + random(6);
    for (std::string& side : sides) {
      for (std::size_t count = random(8); count != 0; --count) {
        const std::size_t quantity_whole = 1 + (round % 3 == 0 ? random(16) : random(3));
        const std::size_t odd = random(200) == 0 ? 1 : 0;
        side += (side.empty() ? "[\"" : ",[\"") + number(price_whole + random(2) * (round % 2), price_decimals) +
                "\",\"" + number(quantity_whole, quantity_decimals + odd) + "\"]";
      }
    }
    const padded message{R"({"lastUpdateId":1,"bids":[)" + sides[0] + R"(],"asks":[)" + sides[1] + "]}"};
    const auto first = fast.front().describe(message.view());
    for (subject& each : fast) {
      if (each.describe(message.view()) != first) FAIL("forms differ: " << message.view());
    }
    accepted += first ? 1 : 0;
    if (!sound(first, slow, message.view())) FAIL(message.view() << " read as " << *first);
  }
  CHECK(accepted > foxtrot_test::repetitions(2000));
}

TEST_CASE("speculative: what looks like a shape and is none", "[binance][speculative]") {
  for (const isa form : forms()) {
    subject fast{form};
    for (const std::string_view text : {
             "",
             "{",
             "{}",
             "[]",
             "null",
             R"({"stream":)",
             R"({"stream":"x"})",
             R"({"stream":"x","data":{}})",
             R"({"result":null,"id":1})",
             R"({"e":"kline","E":1653818762502,"s":"BTCUSDT"})",
             // no names, updates that end before they begin, bytes beyond ASCII, escapes
             R"({"u":1,"s":"","b":"1.0","B":"1.0","a":"1.0","A":"1.0"})",
             R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":161,"u":160,"b":[],"a":[]})",
             R"({"u":1,"s":"币安USDT","b":"1.0","B":"1.0","a":"1.0","A":"1.0"})",
             R"({"u":1,"s":"A\u0042","b":"1.0","B":"1.0","a":"1.0","A":"1.0"})",
             // prices that differ in their decimals: another parser brings them together
             R"({"u":1,"s":"AB","b":"1.0","B":"1.0","a":"1.00","A":"1.0"})",
         }) {
      CAPTURE(text);
      CHECK_FALSE(fast.describe(padded{text}.view()));
    }
  }
}

// --- captured messages ---

namespace {

struct tally {
  std::size_t all{0};
  std::size_t accepted{0};
};

class golden {
 public:
  void add(std::string_view payload) {
    const padded message{payload};
    std::optional<std::string> expected;
    try {
      expected = slow_.describe(message.view());
    } catch (const refused&) {
    }
    const auto found = fast_.back().describe(message.view());
    if (!expected) {
      CHECK_FALSE(found);
      return;
    }
    tally& of = tallies_[slow_.kind()];
    ++of.all;
    if (!found) {
      UNSCOPED_INFO(payload.substr(0, 400));
      return;
    }
    ++of.accepted;
    if (*found != *expected) FAIL(payload);
    for (subject& other : fast_) {
      if (other.describe(message.view()) != found) FAIL("forms differ: " << payload);
    }
  }

  [[nodiscard]] const std::map<std::string, tally>& tallies() const { return tallies_; }

 private:
  static std::vector<subject> subjects() {
    std::vector<subject> made;
    for (const isa form : forms()) made.emplace_back(form);
    return made;
  }

  plain_parser slow_;
  std::vector<subject> fast_ = subjects();
  std::map<std::string, tally> tallies_;
};

/// Each captured message of a known shape is accepted.
void check(const golden& all) {
  for (const auto& [kind, of] : all.tallies()) {
    CAPTURE(kind, of.all);
    CHECK(of.accepted == of.all);
  }
}

void check_capture(const char* name) {
  const auto path = foxtrot_test::capture_path(name);
  if (!path) return;
  auto reader = capture_reader::open(*path);
  if (!reader && reader.error() == errc::no_gzip_support) return foxtrot_test::skip("built without zlib");
  REQUIRE(reader);
  golden all;
  capture_record record;
  while (reader->next(record)) all.add(record.payload);
  REQUIRE_FALSE(reader->error());
  CHECK_FALSE(all.tallies().empty());
  check(all);
}

}  // namespace

TEST_CASE("speculative: captured spot messages", "[binance][speculative]") {
  for (const char* name :
       {"spot/btcusdt_20240808.txt.gz", "spot/ethusdt_20240808.txt.gz", "spot/four_symbols_202110.txt.gz"}) {
    CAPTURE(name);
    check_capture(name);
  }
}

TEST_CASE("speculative: captured futures messages", "[binance][speculative]") {
  for (const char* name : {"usdm/btcusdt_20240808.txt.gz", "usdm/many_symbols_202107.txt.gz"}) {
    CAPTURE(name);
    check_capture(name);
  }
}

TEST_CASE("speculative: single captured messages", "[binance][speculative]") {
  for (const char* name : {"singles/spot_202609.jsonl", "singles/usdm_202608.jsonl", "singles/binance_mixed.jsonl"}) {
    const auto path = foxtrot_test::capture_path(name);
    if (!path) return;
    CAPTURE(name);
    std::ifstream lines{*path};
    golden all;
    for (std::string line; std::getline(lines, line);) all.add(line);
    check(all);
  }
}
