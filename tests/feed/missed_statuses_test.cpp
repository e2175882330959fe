// tests/feed/missed_statuses_test.cpp: who comes late, or has lost events, hears that a feed is in fallback, once.
#include <foxtrot/feed/publisher.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/market/subscription.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using strings = std::vector<std::string>;

struct scene {
  symbol_table symbols;
  publisher out{symbols, {.capacity = 16, .level_capacity = 64}};
  symbol_id btc = symbols.intern("BTCUSDT").value();
  symbol_id eth = symbols.intern("ETHUSDT").value();
  std::uint64_t trades{0};

  void tell(const status_record& record) {
    publisher::batch batch{out};
    batch.publish_status(record, venue::binance_spot);
  }
  void tell(status_code code) { tell(make_status(code, epoch_clock::now_ns())); }
  void tell(status_code code, symbol_id symbol) { tell(make_symbol_status(code, epoch_clock::now_ns(), symbol)); }
  void trade_of(symbol_id symbol) {
    publisher::batch batch{out};
    auto& record = batch.begin().payload->emplace<trade_record>();
    record = {};
    record.trade_id = ++trades;
    record.received_ns = epoch_clock::now_ns();
    record.symbol = symbol;
    batch.publish({.kind = tick_kind::trade, .where = venue::binance_spot}, symbol);
  }
  [[nodiscard]] subscription join(overflow policy, strings names = {}, std::size_t capacity = 16) {
    subscription_settings wanted;
    wanted.when_full = policy;
    wanted.symbols = std::move(names);
    wanted.capacity = capacity;
    return out.subscribe(wanted).value();
  }
};

// "fallback_started", "stale BTCUSDT", "trade", "dropped"
strings read(subscription& from) {
  strings all;
  from.poll(10'000, [&](const event& each) {
    each.visit(
        [&](const status& s) { all.push_back(s.name() + (s.symbol() ? " " + std::string{s.symbol().c_str()} : "")); },
        [&](const trade&) { all.emplace_back("trade"); });
  });
  return all;
}
std::ptrdiff_t count(const strings& all, const char* what) { return std::ranges::count(all, what); }

TEST_CASE("missed statuses: who joins a feed that is in fallback hears of it before the first tick, once") {
  const overflow policy = GENERATE(overflow::drop_oldest, overflow::drop_newest, overflow::conflate);
  const bool filtered = GENERATE(false, true);
  scene s;
  s.tell(status_code::connected);
  s.tell(status_code::fallback_started);
  auto late = s.join(policy, filtered ? strings{"ETHUSDT"} : strings{});
  s.trade_of(s.eth);
  const strings first = read(late);
  CHECK(count(first, "fallback_started") == 1);
  REQUIRE(count(first, "trade") == 1);
  CHECK(std::ranges::find(first, "fallback_started") < std::ranges::find(first, "trade"));
  s.trade_of(s.eth);
  CHECK(read(late) == strings{"trade"});
  s.tell(status_code::fallback_ended);
  CHECK(read(late) == strings{"fallback_ended"});
  s.trade_of(s.eth);
  CHECK(read(late) == strings{"trade"});
}

TEST_CASE("missed statuses: who joins after the fallback hears nothing of it") {
  const overflow policy = GENERATE(overflow::drop_oldest, overflow::drop_newest, overflow::conflate);
  scene s;
  s.tell(status_code::connected);
  s.tell(status_code::fallback_started);
  s.tell(status_code::fallback_ended);
  auto late = s.join(policy);
  s.trade_of(s.btc);
  const strings all = read(late);
  CHECK(count(all, "fallback_started") + count(all, "fallback_ended") == 0);
}

TEST_CASE("missed statuses: who sees it happen hears it once") {
  const overflow policy = GENERATE(overflow::drop_oldest, overflow::drop_newest, overflow::conflate);
  scene s;
  s.tell(status_code::connected);
  auto reader = s.join(policy, {"BTCUSDT"});
  s.trade_of(s.btc);
  (void)read(reader);
  s.tell(status_code::fallback_started);
  CHECK(read(reader) == strings{"fallback_started"});
  s.trade_of(s.btc);
  CHECK(read(reader) == strings{"trade"});
  s.tell(status_code::fallback_ended);
  s.trade_of(s.btc);
  const strings all = read(reader);
  CHECK(count(all, "fallback_ended") == 1);
  CHECK(count(all, "trade") == 1);
}

TEST_CASE("missed statuses: who was lapped hears that the feed has fallen back, or is back, once") {
  const bool filtered = GENERATE(false, true);
  scene s;
  s.tell(status_code::connected);
  auto slow = s.join(overflow::drop_oldest, filtered ? strings{"ETHUSDT"} : strings{});
  s.trade_of(s.eth);
  (void)read(slow);
  s.tell(status_code::fallback_started);
  for (int i = 0; i < 100; ++i) s.trade_of(s.eth);
  strings all = read(slow);
  REQUIRE(count(all, "dropped") == 1);
  CHECK(count(all, "fallback_started") == 1);
  CHECK(std::ranges::find(all, "fallback_started") < std::ranges::find(all, "trade"));
  s.trade_of(s.eth);
  CHECK(read(slow) == strings{"trade"});

  s.tell(status_code::fallback_ended);
  for (int i = 0; i < 100; ++i) s.trade_of(s.eth);
  all = read(slow);
  REQUIRE(count(all, "dropped") == 1);
  CHECK(count(all, "fallback_ended") == 1);
  CHECK(count(all, "fallback_started") == 0);

  // both were lost: nothing has changed
  s.tell(status_code::fallback_started);
  s.tell(status_code::fallback_ended);
  for (int i = 0; i < 100; ++i) s.trade_of(s.eth);
  all = read(slow);
  CHECK(count(all, "fallback_started") + count(all, "fallback_ended") == 0);
  s.trade_of(s.eth);
  CHECK(read(slow) == strings{"trade"});
}

TEST_CASE("missed statuses: the feed's fallback and symbols' silence are told apart; a filter hides symbols alone") {
  scene s;
  s.tell(status_code::connected);
  s.tell(status_code::fallback_started);
  s.tell(status_code::stale, s.btc);
  s.tell(status_code::stale, s.eth);
  auto all = s.join(overflow::drop_oldest);
  auto some = s.join(overflow::drop_oldest, {"ETHUSDT"});
  s.trade_of(s.eth);
  strings heard = read(all);
  CHECK(count(heard, "stale BTCUSDT") == 1);
  CHECK(count(heard, "stale ETHUSDT") == 1);
  CHECK(count(heard, "fallback_started") == 1);
  heard = read(some);
  CHECK(count(heard, "stale BTCUSDT") == 0);
  CHECK(count(heard, "stale ETHUSDT") == 1);
  CHECK(count(heard, "fallback_started") == 1);
}

}  // namespace
