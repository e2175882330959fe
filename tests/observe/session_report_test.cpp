// tests/observe/session_report_test.cpp: what a consumer saw, as numbers, as JSON and as a table.
#include <foxtrot/observe/session_report.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/observe/tick_statistics.hpp>

#include <support/every_tick.hpp>

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

/// A few events of known times through a publisher into the statistics.
struct scene {
  void trade(const char* name, std::uint64_t id, std::chrono::nanoseconds age, std::chrono::microseconds delay) {
    publisher::batch batch{out};
    auto& record = batch.begin().payload->emplace<trade_record>();
    record = {};
    record.trade_id = id;
    record.received_ns = epoch_clock::now_ns() - age.count();
    record.event_time = time_offset::between(record.received_ns, record.received_ns / 1000 - delay.count());
    record.symbol = symbols.intern(name).value();
    batch.publish({.kind = tick_kind::trade}, record.symbol);
  }
  void read() {
    queue.poll(1000, [this](const event& told) { seen.record(told); });
  }

  symbol_table symbols;
  publisher out{symbols};
  subscription queue{out.subscribe({.when_full = overflow::drop_newest, .capacity = 8}).value()};
  tick_statistics seen;
};

TEST_CASE("tick_statistics: counts by kind and symbol, latencies, delays, losses") {
  scene s;
  s.trade("BTC", 1, 1ms, 5000us);
  s.trade("BTC", 2, 1ms, 5000us);
  s.trade("\"odd\"", 1, 1ms, -3000us);
  s.read();
  CHECK(s.seen.ticks() == 3);
  CHECK(s.seen.kinds()[static_cast<std::size_t>(tick_kind::trade)] == 3);
  REQUIRE(s.seen.symbols().size() == 2);
  CHECK(s.seen.symbols()[0].name == "BTC");
  CHECK(s.seen.symbols()[0].kinds[static_cast<std::size_t>(tick_kind::trade)] == 2);
  CHECK(s.seen.latency().count() == 3);
  CHECK(s.seen.latency().min() >= 900'000);
  CHECK(s.seen.venue_delay().count() == 3);
  CHECK(s.seen.venue_delay().max() >= 4'600'000);
  CHECK(s.seen.venue_delay().min() <= -2'800'000);
  for (std::uint64_t i = 3; i < 23; ++i) s.trade("BTC", i, 0ms, 0us);
  s.read();
  s.trade("BTC", 40, 0ms, 0us);
  s.read();
  CHECK(s.seen.dropped() == s.queue.dropped());
  CHECK(s.seen.dropped() > 0);
  CHECK(s.seen.count_of(status_code::gap) == 1);
}

TEST_CASE("tick_statistics: counts every kind, and those without a symbol in sum") {
  scene s;
  auto all =
      s.out
          .subscribe(
              {.kinds = kind_set::all() | tick_kind::unknown_event, .when_full = overflow::drop_newest, .capacity = 64})
          .value();
  for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
    const auto made = foxtrot_test::make_tick(kind, 1, s.symbols.intern("BTC").value());
    publisher::batch batch{s.out};
    const auto draft = batch.begin(made.body.size());
    *draft.payload = made.line;
    std::copy(made.body.begin(), made.body.end(), draft.levels.begin());
    batch.publish(made.tag, made.symbol, made.body.size());
  }
  all.poll(1000, [&](const event& told) { s.seen.record(told); });
  CHECK(s.seen.ticks() == tick_kind_count - 1);
  REQUIRE(s.seen.symbols().size() == 1);
  for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
    const auto index = static_cast<std::size_t>(kind);
    CHECK(s.seen.kinds()[index] == 1);
    CHECK(s.seen.symbols()[0].kinds[index] == (kind == tick_kind::unknown_event ? 0 : 1));
  }
  const session_report report{.seen = s.seen, .feed = s.out.counters()};
  for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
    CHECK(report.table().find(to_string(kind)) != std::string::npos);
    CHECK(report.json().find('"' + std::string{to_string(kind)} + "\":1") != std::string::npos);
  }
}

TEST_CASE("session_report: the JSON can be parsed and says what was counted") {
  scene s;
  s.trade("BTC", 1, 1ms, 5000us);
  s.trade("\"odd\\", 5, 1ms, 5000us);
  s.read();
  s.out.counters().messages.add(12);
  s.out.counters().answers.add(2);
  s.out.counters().unknown.add(3);
  s.out.counters().rejected.add(4);
  s.out.counters().connects.add(3);
  s.out.counters().count(errc::timeout);
  const session_report report{.seen = s.seen, .feed = s.out.counters(), .seconds = 1.5, .shutdown_ms = 0.25};
  CHECK(report.data_messages() == 10);
  CHECK(report.reconnects() == 2);
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  const std::string text = report.json();
  INFO(text);
  REQUIRE(parser.parse(text).get(json) == simdjson::SUCCESS);
  const auto number = [&](const char* pointer) { return std::int64_t{json.at_pointer(pointer)}; };
  CHECK(number("/messages") == 10);
  CHECK(number("/ticks/trade") == 2);
  CHECK(number("/ticks/book_ticker") == 0);
  CHECK(number("/symbols/BTC/trade") == 1);
  CHECK(number("/unknown") == 3);
  CHECK(number("/rejected") == 4);
  CHECK(number("/gaps") == 0);
  CHECK(number("/dropped") == 0);
  CHECK(number("/reconnects") == 2);
  CHECK(number("/errors/timeout") == 1);
  CHECK(number("/latency_ns/p50") >= 900'000);
  CHECK(number("/venue_delay_ns/p99") >= 4'600'000);
  CHECK(double{json["shutdown_ms"]} == 0.25);
  CHECK(double{json["seconds"]} == 1.5);
  CHECK(json["symbols"].get_object().size() == 2);
}

TEST_CASE("session_report: nothing at all is a report, too") {
  const tick_statistics seen;
  const feed_counters feed;
  const session_report report{.seen = seen, .feed = feed};
  simdjson::dom::parser parser;
  CHECK(parser.parse(report.json()).error() == simdjson::SUCCESS);
  CHECK(report.reconnects() == 0);
  CHECK(report.table().find("0 messages in 0.0 s") != std::string::npos);
}

TEST_CASE("session_report: the table has a row for each symbol, one for all, and the totals") {
  scene s;
  s.trade("BTCUSDT", 1, 1ms, 5000us);
  s.trade("ETHUSDT", 1, 1ms, 5000us);
  s.read();
  const session_report report{.seen = s.seen, .feed = s.out.counters(), .seconds = 2};
  const std::string text = report.table();
  for (const char* part :
       {"symbol ", "BTCUSDT ", "ETHUSDT ", "all ", "book_ticker", "read to strategy: p50 ", "shutdown: "})
    CHECK(text.find(part) != std::string::npos);
  CHECK(text.find("kline") == std::string::npos);  // there were none
}

}  // namespace
