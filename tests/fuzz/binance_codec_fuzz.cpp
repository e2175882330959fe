// tests/fuzz/binance_codec_fuzz.cpp: however the codec reads a message, it tells the same, or refuses it for the same
// reason; and what it takes is JSON.
#include <foxtrot/exchange/binance/codec.hpp>

#include <support/fuzzing.hpp>
#include <support/message_mutator.hpp>

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace foxtrot;
using binance::codec;
using binance::market;
using binance::parsing;
using foxtrot_test::insist;
using foxtrot_test::running_hash;

constexpr std::size_t padding = 64;
constexpr std::int64_t received = 1'786'171'884'700'123'456;

struct outcome {
  message_type type{};
  errc error{};
  running_hash told;
  std::uint64_t ticks{0};
  std::uint64_t absent_times{0};

  bool operator==(const outcome&) const = default;
};

/// Records in full, but for where the queue keeps their bodies.
template <class Tick>
FOXTROT_TEST_UNSEEN void add_record(running_hash& to, const Tick& tick) {
  auto record = tick.record();
  if constexpr (requires { record.body; }) record.body = 0;
  to.add(std::string_view{reinterpret_cast<const char*>(&record), sizeof record});
  to.add(static_cast<std::uint64_t>(tick.source()));
}

FOXTROT_TEST_UNSEEN void add_levels(running_hash& to, const levels& side) {
  to.add(side.size());
  for (const price_level& level : side) {
    to.add(static_cast<std::uint64_t>(level.price.mantissa()));
    to.add(static_cast<std::uint64_t>(level.quantity.mantissa()));
  }
}

FOXTROT_TEST_UNSEEN void add(running_hash& to, const event& told) {
  to.add(static_cast<std::uint64_t>(told.kind()));
  told.visit([&](const unknown_event& tick) { add_record(to, tick), to.add(tick.name()), to.add(tick.text()); },
             [&](const depth_tick& tick) {
               add_record(to, tick);
               add_levels(to, tick.bids());
               add_levels(to, tick.asks());
             },
             [&](const auto& tick) {
               add_record(to, tick);
               if constexpr (requires { tick.buyer_is_maker(); }) to.add(std::uint64_t{tick.buyer_is_maker()});
               if constexpr (requires { tick.body(); }) {
                 to.add(std::string_view{reinterpret_cast<const char*>(&tick.body()), sizeof tick.body()});
               }
             });
}

/// One way to read; a new one for each message, but for what it has learned of the venue.
class way {
 public:
  explicit way(parsing how) : decoder_{market::usdm, how} {}

  outcome read(std::string_view message, bool asked) {
    outcome made;
    publisher out{symbols()};
    out.follow_ids(false);  // that is about streams, and takes memory for each symbol
    {
      auto handler = out.subscribe_inline({.kinds = kind_set::all() | tick_kind::unknown_event},
                                          [&made](const event& told) { add(made.told, told), ++made.ticks; });
      publisher::batch batch{out};
      made.type = asked ? decoder_.decode_depth(message, "BTCUSDT", received, batch)
                        : decoder_.decode(message, received, batch);
    }
    if (made.type == message_type::rejected) made.error = decoder_.last_error();
    made.absent_times = out.counters().absent_times.get();
    return made;
  }

 private:
  static symbol_table& symbols() {
    static symbol_table table;
    return table;
  }
  codec decoder_;
};

/// What the codec takes, a strict parser takes, but for numbers that it cannot hold and halves of surrogate pairs.
FOXTROT_TEST_UNSEEN void expect_json(std::string_view message) {
  static simdjson::dom::parser parser;
  const auto failed = parser.parse(simdjson::padded_string{message}).error();
  const bool odd_text = message.find("\\u") != std::string_view::npos && failed == simdjson::STRING_ERROR;
  insist(failed == simdjson::SUCCESS || failed == simdjson::NUMBER_ERROR || odd_text);
}

constexpr std::array<std::string_view, 12> samples{
    R"({"stream":"btcusdt@bookTicker","data":{"u":400900217,"s":"BTCUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}})",
    R"({"e":"bookTicker","u":400900217,"s":"BTCUSDT","b":"25.3519","B":"31.21","a":"25.3652","A":"40.66","T":1786171884471,"E":1786171884624})",
    R"({"e":"trade","E":1786171884624,"s":"BTCUSDT","t":12345,"p":"0.00100000","q":"100","T":1786171884471,"m":true,"M":true})",
    R"({"e":"aggTrade","E":1786171884624,"a":26129,"s":"BTCUSDT","p":"64990.90","q":"0.002","nq":"0.001","f":100,"l":105,"T":1786171884471,"m":false,"st":1})",
    R"({"e":"depthUpdate","E":1786171884624,"T":1786171884471,"s":"BTCUSDT","U":157,"u":160,"pu":149,"b":[["0.0024","10"],["0.0023","0"]],"a":[["0.0026","100"]]})",
    R"({"stream":"btcusdt@depth20","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}})",
    R"({"e":"kline","E":1786171884624,"s":"BTCUSDT","k":{"t":1786171860000, "T":1786171919999,"s":"BTCUSDT","i":"1m","f":100,"L":200,"o":"64990.10","c":"64991.20","h":"64999.99","l":"64980.00","v":"1000.5","n":100,"x":false,"q":"65000000.00000001","V":"500","Q":"0.500","B":"0"}})",
    R"([{"e":"24hrMiniTicker","E":1786171884624,"s":"BTCUSDT","c":"64990.25","o":"64000.10","h":"65000.25","l":"63999","v":"10000.12","q":"654321.18"}])",
    R"({"stream":"!markPrice@arr","data":[{"e":"markPriceUpdate","E":1786171884000,"s":"BTCUSDT","p":"11794.15","P":"11784.25","i":"11784.62","r":"-0.00038167","T":1786176000000},{"e":"x"}]})",
    R"({"e":"24hrTicker","E":1786171884624,"s":"BTCUSDT","p":"-0.0015","P":"-250.00","w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","O":1786085484624,"C":1786171884624,"F":0,"L":18150,"n":18151})",
    R"({"e":"forceOrder","E":1786171884624,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9910.5","X":"FILLED","l":"0.014","z":"0.014","T":1786171884606}})",
    R"({"error":{"code":2,"msg":"Invalid request"},"id":20})",
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static way fastest{parsing::fastest};
  static way portable{parsing::portable};
  static way general{parsing::general};

  // memory that ends where reading must end
  const auto bytes = std::make_unique<char[]>(size + padding);
  if (size != 0) std::memcpy(bytes.get(), data, size);
  const std::string_view message{bytes.get(), size};
  const bool asked = message.starts_with("{\"lastUpdateId\"");
  std::fill_n(bytes.get() + size, padding, '"');
  const outcome first = general.read(message, asked);
  insist((first.type == message_type::rejected) == (first.error != errc::none));
  insist(first.type != message_type::unknown || first.ticks != 0);
  if (first.type != message_type::rejected || first.ticks != 0) expect_json(message);
  for (const char behind : {'}', '0', '\0'}) {
    std::fill_n(bytes.get() + size, padding, behind);
    insist(fastest.read(message, asked) == first);
    insist(portable.read(message, asked) == first);
  }
  insist(general.read(message, asked) == first);
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
