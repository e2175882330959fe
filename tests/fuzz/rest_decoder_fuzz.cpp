// tests/fuzz/rest_decoder_fuzz.cpp: any bytes are an error, or ticks that are what they claim to be; what is told of
// them is JSON as a whole, and the same whatever stands behind it.
#include <foxtrot/exchange/binance/rest_decoder.hpp>

#include <support/fuzzing.hpp>
#include <support/message_mutator.hpp>
#include <support/rest_request.hpp>

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
using binance::market;
using binance::rest_decoder;
using foxtrot_test::insist;
using foxtrot_test::rest_request;
using foxtrot_test::running_hash;

constexpr std::size_t padding = 64;
constexpr std::int64_t received = 1'786'171'884'700'123'456;

struct outcome {
  errc error{};
  running_hash told;
  std::uint64_t ticks{0};

  bool operator==(const outcome&) const = default;
};

FOXTROT_TEST_UNSEEN bool is_kind_of(rest_request what, tick_kind kind) {
  switch (what) {
    case rest_request::book_tickers: return kind == tick_kind::book_ticker;
    case rest_request::trades: return kind == tick_kind::trade;
    case rest_request::aggregate_trades: return kind == tick_kind::aggregate_trade;
    case rest_request::tickers: return kind == tick_kind::ticker;
    case rest_request::mini_tickers: return kind == tick_kind::mini_ticker;
    case rest_request::both_tickers: return kind == tick_kind::ticker || kind == tick_kind::mini_ticker;
    case rest_request::klines: return kind == tick_kind::kline;
    case rest_request::average_price: return kind == tick_kind::average_price;
    case rest_request::mark_prices: return kind == tick_kind::mark_price;
  }
  return false;
}

/// Prices are there and not negative.
FOXTROT_TEST_UNSEEN void check(const event& told) {
  told.visit(
      [](const book_ticker& t) {
        insist(t.bid_price().mantissa() >= 0 && t.ask_price().mantissa() >= 0);
        insist(t.bid_quantity().mantissa() >= 0 && t.ask_quantity().mantissa() >= 0);
      },
      [](const trade& t) { insist(t.price().mantissa() >= 0 && !t.event_time()); },
      [](const aggregate_trade& t) { insist(t.last_trade_id() >= t.first_trade_id() && !t.event_time()); },
      [](const ticker& t) { insist(t.body().last_price.present() && t.body().quote_volume.present()); },
      [](const mini_ticker& t) { insist(t.body().close.present() && t.body().quote_volume.present()); },
      [](const kline& t) { insist(t.body().close.present() && t.interval() == kline_interval::m1); },
      [](const average_price& t) { insist(t.price().mantissa() >= 0 && t.interval().count() > 0); },
      [](const mark_price& t) { insist(t.body().mark.present()); }, [](const status&) { insist(false); },
      [](const auto&) { insist(false); });
}

FOXTROT_TEST_UNSEEN void add(running_hash& to, const event& told) {
  to.add(static_cast<std::uint64_t>(told.kind()));
  told.visit([&](const auto& tick) {
    auto record = tick.record();
    if constexpr (requires { record.body; }) record.body = 0;  // where the queue keeps it
    to.add(std::string_view{reinterpret_cast<const char*>(&record), sizeof record});
    insist(tick.source() == source::http);
    if constexpr (requires { tick.buyer_is_maker(); }) to.add(std::uint64_t{tick.buyer_is_maker()});
    if constexpr (requires { tick.body(); }) {
      to.add(std::string_view{reinterpret_cast<const char*>(&tick.body()), sizeof tick.body()});
    }
  });
}

symbol_table& symbols() {
  static symbol_table table;
  return table;
}

outcome read(rest_decoder& decoder, rest_request what, std::string_view body) {
  outcome made;
  publisher out{symbols()};
  out.follow_ids(false);  // that is about streams, and takes memory for each symbol
  auto handler = out.subscribe_inline({}, [&](const event& told) {
    insist(is_kind_of(what, told.kind()));
    check(told), add(made.told, told), ++made.ticks;
  });
  publisher::batch batch{out};
  made.error = read_rest(decoder, what, body, received, batch, [](tick_kind, symbol_id) { return true; });
  return made;
}

/// What is told is JSON for a strict parser as well, but for numbers that it cannot hold and halves of surrogate pairs.
FOXTROT_TEST_UNSEEN void expect_json(std::string_view body) {
  static simdjson::dom::parser parser;
  const auto failed = parser.parse(simdjson::padded_string{body}).error();
  const bool odd_text = body.find("\\u") != std::string_view::npos && failed == simdjson::STRING_ERROR;
  insist(failed == simdjson::SUCCESS || failed == simdjson::NUMBER_ERROR || odd_text);
}

constexpr std::array<std::string_view, 10> samples{
    R"(0{"symbol":"BTCUSDT","bidPrice":"4.00000000","bidQty":"431.00000000","askPrice":"4.00000200","askQty":"9.00000000"})",
    R"(0[{"lastUpdateId":1027024,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bidPrice":"9650.1","bidQty":"16","askPrice":"9650.3","askQty":"7","time":1786171884471},{"symbol":"B"}])",
    R"(1[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1786171884471,"isBuyerMaker":true,"isBestMatch":true}])",
    R"(2[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27783,"T":1786171884471,"m":true,"M":true}])",
    R"(3{"symbol":"BTCUSDT","priceChange":"-94.99999800","priceChangePercent":"-95.960","weightedAvgPrice":"0.29628482","prevClosePrice":"0.10002000","lastPrice":"4.00000200","lastQty":"200.00000000","bidPrice":"4","bidQty":"1","askPrice":"4","askQty":"1","openPrice":"99.00000000","highPrice":"100.00000000","lowPrice":"0.10000000","volume":"8913.30000000","quoteVolume":"15.30000000","openTime":1786085484624,"closeTime":1786171884624,"firstId":28385,"lastId":28460,"count":76})",
    R"(4[{"symbol":"BTCUSDT","openPrice":"99","highPrice":"100","lowPrice":"0.1","lastPrice":"4.000002","volume":"8913.3","quoteVolume":"15.3"}])",
    R"(6[[1786171860000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1786171919999,"2434.19055334",308,"1756.87402397","28.46694368","0"],[1786171860000,"1","1","1","1","1",1786171919999,"1",3,"1","1","0"]])",
    R"(7{"mins":5,"price":"25776.86000000","closeTime":1786150000059})",
    R"(8[{"symbol":"BTCUSD_261225","pair":"BTCUSD","markPrice":"12077.01343750","indexPrice":"10979.10312500","estimatedSettlePrice":"10981.74168236","lastFundingRate":"","interestRate":"","nextFundingTime":0,"time":1786171884000}])",
    R"(0{"code":-1121,"msg":"Invalid symbol."})",
};

}  // namespace

/// The first byte chooses the request; the others are the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static rest_decoder usdm{market::usdm};
  static rest_decoder coinm{market::coinm};

  foxtrot_test::fuzz_input input{data, size};
  const std::uint8_t choice = input.choice();
  const auto what = static_cast<rest_request>(choice % 16 % foxtrot_test::rest_request_count);
  rest_decoder& decoder = choice % 128 < 64 ? usdm : coinm;
  // memory that ends where reading must end
  const std::string_view rest = input.rest();
  const auto bytes = std::make_unique<char[]>(rest.size() + padding);
  if (!rest.empty()) std::memcpy(bytes.get(), rest.data(), rest.size());
  const std::string_view body{bytes.get(), rest.size()};
  std::fill_n(bytes.get() + body.size(), padding, '"');
  const outcome first = read(decoder, what, body);
  insist(first.error == errc::none || first.error == errc::symbol_table_full ||
         make_error_code(first.error) == condition::bad_data);
  if (first.error == errc::none || first.ticks != 0) expect_json(body);
  for (const char behind : {'}', ']', '0', '\0'}) {
    std::fill_n(bytes.get() + body.size(), padding, behind);
    insist(read(decoder, what, body) == first);
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
