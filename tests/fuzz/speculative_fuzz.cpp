// tests/fuzz/speculative_fuzz.cpp: what the speculative parser accepts, a strict parser accepts as well, with the same
// values; all its forms agree, whatever stands behind the message and whatever they read before.
#include <foxtrot/exchange/binance/detail/speculative.hpp>

#include <support/fuzzing.hpp>
#include <support/message_mutator.hpp>

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot::binance::detail;
using foxtrot_test::insist;
using simdjson::dom::element;

constexpr std::size_t padding = 64;

using any_fields = std::variant<std::monostate, book_ticker_fields, trade_fields, aggregate_trade_fields, depth_fields,
                                mark_price_fields>;

// --- the slow reader: the document is right as a whole, and each value is what its characters say ---

/// Digits with at most one point among them, perhaps negative: exactly this number, digit by digit.
FOXTROT_TEST_UNSEEN void expect_amount(element value, std::int64_t mantissa, int exponent, bool negative = false) {
  std::string_view text;
  insist(value.get(text) == simdjson::SUCCESS);
  std::string digits;
  int decimals = -1;
  for (const char c : text) {
    if (decimals >= 0) ++decimals;
    if (c == '.') {
      insist(decimals < 0 && !digits.empty());
      decimals = 0;
    } else {
      insist((c >= '0' && c <= '9') || (c == '-' && negative && digits.empty()));
      digits += c;
    }
  }
  std::int64_t expected = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), expected);
  insist(failed == std::errc{} && end == digits.data() + digits.size());
  insist(decimals != 0 && exponent == -std::max(decimals, 0) && mantissa == expected);
}

/// The members of a message, each asked for once.
class members {
 public:
  FOXTROT_TEST_UNSEEN explicit members(element object) : object_{object} { insist(object.is_object()); }

  FOXTROT_TEST_UNSEEN bool has(const char* key) const { return object_[key].error() == simdjson::SUCCESS; }
  FOXTROT_TEST_UNSEEN element at(const char* key) const {
    element value;
    insist(object_[key].get(value) == simdjson::SUCCESS);
    return value;
  }
  FOXTROT_TEST_UNSEEN void number(const char* key, std::uint64_t found) const {
    std::uint64_t value = 0;
    insist(at(key).get(value) == simdjson::SUCCESS && value == found);
  }
  FOXTROT_TEST_UNSEEN void name(const char* key, std::string_view found) const {
    std::string_view value;
    insist(at(key).get(value) == simdjson::SUCCESS && value == found && !value.empty());
  }
  FOXTROT_TEST_UNSEEN void flag(const char* key, bool found) const {
    bool value = false;
    insist(at(key).get(value) == simdjson::SUCCESS && value == found);
  }
  FOXTROT_TEST_UNSEEN void amount(const char* key, std::int64_t mantissa, int exponent) const {
    expect_amount(at(key), mantissa, exponent);
  }
  FOXTROT_TEST_UNSEEN void time(const char* key, std::int64_t found) const {
    constexpr std::int64_t milli = 1'000'000'000'000;  // the first of 13 digits
    std::int64_t value = 0;
    insist(at(key).get(value) == simdjson::SUCCESS);
    const bool in_milliseconds = value >= milli && value < 10 * milli;
    insist(in_milliseconds || (value >= 1000 * milli && value < 10'000 * milli));
    insist(found == (in_milliseconds ? value * 1000 : value));
  }
  FOXTROT_TEST_UNSEEN void optional_time(const char* key, std::int64_t found) const {
    if (found == no_time) return insist(!has(key));
    time(key, found);
  }
  FOXTROT_TEST_UNSEEN void event(std::string_view wanted) const {
    if (has("e")) return name("e", wanted);
    insist(wanted.empty());
  }

 private:
  element object_;
};

FOXTROT_TEST_UNSEEN void expect(const members& m, const book_ticker_fields& f) {
  m.event(m.has("e") ? "bookTicker" : "");
  m.number("u", f.update_id);
  m.name("s", f.symbol);
  m.amount("b", f.bid_price, f.price_exponent);
  m.amount("B", f.bid_quantity, f.quantity_exponent);
  m.amount("a", f.ask_price, f.price_exponent);
  m.amount("A", f.ask_quantity, f.quantity_exponent);
  m.optional_time("T", f.transaction_us);
  m.optional_time("E", f.event_us);
}

FOXTROT_TEST_UNSEEN void expect(const members& m, const trade_fields& f) {
  m.event("trade");
  m.number("t", f.trade_id);
  m.name("s", f.symbol);
  m.amount("p", f.price, f.price_exponent);
  m.amount("q", f.quantity, f.quantity_exponent);
  m.time("T", f.trade_us);
  m.time("E", f.event_us);
  m.flag("m", f.buyer_is_maker);
  insist(m.has("X") == !f.execution.empty());
  if (m.has("X")) m.name("X", f.execution);
}

FOXTROT_TEST_UNSEEN void expect(const members& m, const aggregate_trade_fields& f) {
  m.event("aggTrade");
  m.number("a", f.aggregate_id);
  m.number("f", f.first_trade_id);
  m.number("l", f.last_trade_id);
  m.name("s", f.symbol);
  m.amount("p", f.price, f.price_exponent);
  m.amount("q", f.quantity, f.quantity_exponent);
  insist(m.has("nq") == f.has_normal_quantity);
  if (f.has_normal_quantity) m.amount("nq", f.normal_quantity, f.normal_quantity_exponent);
  m.time("T", f.trade_us);
  m.time("E", f.event_us);
  m.flag("m", f.buyer_is_maker);
}

FOXTROT_TEST_UNSEEN void expect(const members& m, const mark_price_fields& f) {
  m.event("markPriceUpdate");
  m.name("s", f.symbol);
  m.amount("p", f.mark, f.mark_exponent);
  insist(m.has("ap") == f.has_average && m.has("i") == f.has_index);
  if (f.has_average) m.amount("ap", f.average, f.average_exponent);
  if (f.has_index) m.amount("i", f.index, f.index_exponent);
  m.amount("P", f.settlement, f.settlement_exponent);
  expect_amount(m.at("r"), f.funding_rate, f.funding_rate_exponent, true);
  m.time("T", f.next_funding_us);
  m.time("E", f.event_us);
}

FOXTROT_TEST_UNSEEN void expect_side(element side, std::span<const raw_level> levels, const depth_fields& f) {
  simdjson::dom::array all;
  insist(side.get(all) == simdjson::SUCCESS && all.size() == levels.size());
  std::size_t next = 0;
  for (const element each : all) {
    simdjson::dom::array pair;
    insist(each.get(pair) == simdjson::SUCCESS && pair.size() == 2);
    const raw_level& level = levels[next++];
    expect_amount(pair.at(0).value_unsafe(), level.price, f.price_exponent);
    expect_amount(pair.at(1).value_unsafe(), level.quantity, f.quantity_exponent);
  }
}

FOXTROT_TEST_UNSEEN void expect(const members& m, const depth_fields& f) {
  m.event(f.is_update ? "depthUpdate" : "");
  m.number(f.is_update ? "u" : "lastUpdateId", f.last_id);
  if (f.is_update) {
    m.name("s", f.symbol);
    m.number("U", f.first_id);
    m.time("E", f.event_us);
  } else {
    insist(f.symbol.empty() && f.first_id == 0 && !f.has_previous_id);
    m.optional_time("E", f.event_us);
  }
  m.optional_time("T", f.transaction_us);
  insist(f.first_id <= f.last_id);
  std::int64_t previous = -1;
  if (m.has("pu")) insist(m.at("pu").get(previous) == simdjson::SUCCESS);
  insist(f.has_previous_id ? previous >= 0 && f.previous_id == static_cast<std::uint64_t>(previous) : previous == -1);
  insist(f.levels.size() == std::size_t{f.bids} + f.asks);
  expect_side(m.at(f.is_update ? "b" : "bids"), f.levels.first(f.bids), f);
  expect_side(m.at(f.is_update ? "a" : "asks"), f.levels.subspan(f.bids), f);
}

FOXTROT_TEST_UNSEEN void expect_strict(std::string_view message, std::string_view stream, const any_fields& fields) {
  static simdjson::dom::parser parser;
  element all;
  insist(parser.parse(message.data(), message.size()).get(all) == simdjson::SUCCESS);
  if (!stream.empty()) {
    const members outer{all};
    outer.name("stream", stream);
    all = outer.at("data");
  }
  std::visit(
      [&](const auto& read) {
        if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(read)>, std::monostate>) expect(members{all}, read);
      },
      fields);
}

// --- what the fast one read, as a hash: the same from every form ---

FOXTROT_TEST_UNSEEN void put(foxtrot_test::running_hash& hash, std::string_view value) { hash.add(value); }
template <class Integer>
  requires std::is_integral_v<Integer>
FOXTROT_TEST_UNSEEN void put(foxtrot_test::running_hash& hash, Integer value) {
  hash.add(static_cast<std::uint64_t>(value));
}
template <class... Values>
FOXTROT_TEST_UNSEEN void put_all(foxtrot_test::running_hash& hash, const Values&... values) {
  (put(hash, values), ...);
}

FOXTROT_TEST_UNSEEN void put(foxtrot_test::running_hash&, const std::monostate&) {}
FOXTROT_TEST_UNSEEN void put(foxtrot_test::running_hash& hash, const book_ticker_fields& f) {
  put_all(hash, f.update_id, f.bid_price, f.bid_quantity, f.ask_price, f.ask_quantity, f.transaction_us, f.event_us,
          f.symbol, f.price_exponent, f.quantity_exponent);
}
FOXTROT_TEST_UNSEEN void put(foxtrot_test::running_hash& hash, const trade_fields& f) {
  put_all(hash, f.trade_id, f.price, f.quantity, f.trade_us, f.event_us, f.symbol, f.execution, f.price_exponent,
          f.quantity_exponent, f.buyer_is_maker);
}
FOXTROT_TEST_UNSEEN void put(foxtrot_test::running_hash& hash, const aggregate_trade_fields& f) {
  put_all(hash, f.aggregate_id, f.first_trade_id, f.last_trade_id, f.price, f.quantity, f.normal_quantity, f.trade_us,
          f.event_us, f.symbol, f.price_exponent, f.quantity_exponent, f.normal_quantity_exponent,
          f.has_normal_quantity, f.buyer_is_maker);
}
FOXTROT_TEST_UNSEEN void put(foxtrot_test::running_hash& hash, const mark_price_fields& f) {
  put_all(hash, f.mark, f.average, f.index, f.settlement, f.funding_rate, f.next_funding_us, f.event_us, f.symbol,
          f.mark_exponent, f.average_exponent, f.index_exponent, f.settlement_exponent, f.funding_rate_exponent,
          f.has_average, f.has_index);
}
FOXTROT_TEST_UNSEEN void put(foxtrot_test::running_hash& hash, const depth_fields& f) {
  put_all(hash, f.first_id, f.last_id, f.previous_id, f.transaction_us, f.event_us, f.symbol, f.levels.size(), f.bids,
          f.asks, f.price_exponent, f.quantity_exponent, f.has_previous_id, f.is_update);
  for (const raw_level& level : f.levels) put_all(hash, level.price, level.quantity);
}

// --- the fast one ---

/// What a parser made of a message; the levels are in its room.
struct outcome {
  any_fields fields{};  // none where it gave up
  std::string_view stream{};

  [[nodiscard]] bool accepted() const noexcept { return fields.index() != 0; }
  [[nodiscard]] FOXTROT_TEST_UNSEEN std::uint64_t hash() const {
    foxtrot_test::running_hash made;
    if (accepted()) made.add(stream);
    made.add(fields.index());
    std::visit([&](const auto& read) { put(made, read); }, fields);
    return made.value();
  }
};

template <class Fields, class... Room>
FOXTROT_TEST_UNSEEN void read_into(speculative_parser& parser, const speculative_parser::opening& opened,
                                   outcome& found, Room... room) {
  Fields fields;
  if (parser.read(opened, room..., fields)) found.fields = fields;
}

FOXTROT_TEST_UNSEEN outcome read(speculative_parser& parser, std::string_view message, std::span<raw_level> room) {
  const auto opened = parser.open(message);
  outcome found;
  found.stream = opened.stream;
  switch (opened.kind) {
    case shape::book_ticker: read_into<book_ticker_fields>(parser, opened, found); break;
    case shape::trade: read_into<trade_fields>(parser, opened, found); break;
    case shape::aggregate_trade: read_into<aggregate_trade_fields>(parser, opened, found); break;
    case shape::mark_price: read_into<mark_price_fields>(parser, opened, found); break;
    case shape::depth: read_into<depth_fields>(parser, opened, found, room); break;
    case shape::unknown: break;
  }
  return found;
}

constexpr std::array<std::string_view, 20> samples{
    R"({"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"})",
    R"({"e":"bookTicker","u":1553205153844,"s":"BALUSDT","b":"6.718","B":"16.2","a":"6.719","A":"3.7","T":1653812037547,"E":1653812037552})",
    R"({"u":462118190224,"e":"bookTicker","s":"XMRUSD_PERP","ps":"XMRUSD","b":"172.74","B":"86","a":"172.81","A":"25","T":1653811915499,"E":1653811915502})",
    R"({"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100.00000000","T":1672515782134,"m":true,"M":true})",
    R"({"e":"trade","E":1622363903670,"s":"BTCUSDT","t":860000001,"p":"35743.98000000","q":"0.00150000","b":6100000001,"a":6100000002,"T":1622363903669,"m":false,"M":true})",
    R"({"e":"trade","E":1672515782136001,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100.00000000","T":1672515782134999,"m":false,"M":false})",
    R"({"e":"trade","E":1723075200123,"T":1723075200120,"s":"BTCUSDT","t":5289000001,"p":"55012.30","q":"0.002","X":"MARKET","m":true})",
    R"({"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.00100000","q":"100.00000000","f":100,"l":105,"T":1672515782136,"m":true,"M":true})",
    R"({"e":"aggTrade","E":1616202009196,"a":389551486,"s":"BTCUSDT","p":"58665.00","q":"0.043","f":621622993,"l":621622994,"T":1616202009188,"m":false})",
    R"({"e":"aggTrade","E":1786171884624,"a":3404749954,"s":"BTCUSDT","p":"64990.90","q":"0.002","nq":"0.001","f":7960913511,"l":7960913511,"T":1786171884471,"m":true,"st":1})",
    R"({"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.00240000","10.00000000"],["0.00230000","0.00000000"],["0.00220000","123.40000000"]],"a":[["0.00260000","100.00000000"]]})",
    R"({"e":"depthUpdate","E":1622371244693,"T":1622371244687,"s":"BTCUSDT","U":475776377463,"u":475776380184,"pu":475776377452,"b":[["35729.77","1.600"],["35750.00","5.106"]],"a":[["35819.20","0.211"],["35820.31","1234567890123.001"]]})",
    R"({"e":"depthUpdate","E":1622370862564,"T":1622370862553,"s":"BTCUSD_PERP","ps":"BTCUSD","U":127559587191,"u":127559588177,"pu":-1,"b":[["35365.9","1400"],["99999.9","1234567890123456"]],"a":[["35817.8","7885"],["35818.7","307"]]})",
    R"({"lastUpdateId":160,"bids":[["1782.00000000","6.48300000"],["1781.95000000","0.03000000"]],"asks":[["1782.01000000","15.46080000"]]})",
    R"({"lastUpdateId":1570223094073,"E":1654231622340,"T":1654231622320,"bids":[["30564.6","0.024"]],"asks":[["30569.5","0.141"],["30569.6","10.004"]]})",
    R"({"e":"markPriceUpdate","E":1786171884000,"s":"BTCUSDT","p":"64991.37858696","ap":"64991.37858697","P":"64980.01344384","i":"65016.05673913","r":"-0.00003936","T":1786176000000,"st":1})",
    R"({"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","i":"11784.62659091","P":"11784.25641265","r":"0.00038167","T":1562306400000})",
    R"({"e":"markPriceUpdate","E":1617309477000,"s":"BTCUSD_PERP","p":"59012.56007222","P":"58896.00503145","r":"0.00073689","T":1617321600000})",
    R"({"stream":"btcusdt@bookTicker","data":{"u":400900217,"s":"BTCUSDT","b":"25351.90000000","B":"31.21000000","a":"25365.20000000","A":"40.66000000"}})",
    R"({"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1672515782136,"s":"BTCUSDT","U":157,"u":160,"b":[],"a":[["26.00000000","100.00000000"],["127.00000000","1.50000000"]]}})",
};

/// What may stand behind a message: what would make numbers, names, levels and messages go on.
constexpr std::array<std::string_view, 6> neighbours{
    std::string_view{"\0", 1}, "9", "\"", "}", "\"],[\"1.00000000\",\"1.00000000", "]}},\"m\":true}"};

/// Exactly what a parser may read: the message and what must be readable behind it.
class buffer {
 public:
  explicit buffer(std::string_view message)
      : size_{message.size()}, memory_{std::make_unique<char[]>(size_ + padding)} {
    message.copy(memory_.get(), size_);
  }
  FOXTROT_TEST_UNSEEN void surround(std::string_view with) {
    for (std::size_t i = 0; i < padding; ++i) memory_[size_ + i] = with[i % with.size()];
  }
  [[nodiscard]] std::string_view message() const noexcept { return {memory_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> memory_;
};

/// Reads the message with a parser that is new, then with the same again, then after another message.
template <class Check>
FOXTROT_TEST_UNSEEN void read_often(isa form, std::string_view message, std::span<raw_level> room, std::size_t turn,
                                    Check check) {
  static const std::array<buffer, samples.size()> others = [] {
    return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      return std::array<buffer, samples.size()>{buffer{samples[Index]}...};
    }(std::make_index_sequence<samples.size()>{});
  }();
  std::array<raw_level, 8> nobody_asks{};
  speculative_parser parser{form};
  check(read(parser, message, room));
  check(read(parser, message, room));
  (void)read(parser, others[turn % others.size()].message(), nobody_asks);
  check(read(parser, message, room));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  buffer bytes{{reinterpret_cast<const char*>(data), size}};
  foxtrot_test::running_hash of_input;
  of_input.add(bytes.message());
  const auto turn = static_cast<std::size_t>(of_input.value() >> 8U);

  const std::size_t most = size / 10 + 1;  // no level is shorter
  const auto memory = std::make_unique<raw_level[]>(most);
  std::optional<std::uint64_t> first;
  std::size_t levels = 0;
  for (const std::string_view neighbour : neighbours) {
    bytes.surround(neighbour);
    for (const isa form : {isa::portable, isa::sse41, isa::avx2}) {
      if (form > best_isa()) continue;
      read_often(form, bytes.message(), {memory.get(), most}, turn, [&](const outcome& found) {
        if (!first) {
          if (found.accepted()) expect_strict(bytes.message(), found.stream, found.fields);
          if (const auto* depth = std::get_if<depth_fields>(&found.fields)) levels = depth->levels.size();
          first = found.hash();
        }
        insist(found.hash() == *first);
      });
      if (levels == 0) continue;
      // with just enough room, and with too little
      const auto exact = std::make_unique<raw_level[]>(levels);
      const auto scarce = std::make_unique<raw_level[]>(levels - 1);
      speculative_parser parser{form};
      insist(read(parser, bytes.message(), {exact.get(), levels}).hash() == *first);
      insist(!read(parser, bytes.message(), {scarce.get(), levels - 1}).accepted());
    }
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" FOXTROT_TEST_UNSEEN std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                                                   std::size_t max_size, unsigned seed) {
  foxtrot_test::message_mutator mutator{seed, samples};
  if (mutator.random(4) == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string text{reinterpret_cast<const char*>(data), size};
  for (std::size_t changes = 1 + mutator.random(3); changes != 0; --changes) mutator.change(text);
  size = std::min(text.size(), max_size);
  std::memcpy(data, text.data(), size);
  return size;
}
