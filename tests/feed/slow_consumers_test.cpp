// tests/feed/slow_consumers_test.cpp: what each policy does to a consumer that does not keep up, and to nobody else.
#include <foxtrot/feed/publisher.hpp>

#include <catch2/catch.hpp>

#include <support/every_tick.hpp>
#include <support/sanitizer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::repetitions;
using strings = std::vector<std::string>;

constexpr overflow every_policy[] = {overflow::drop_oldest, overflow::drop_newest, overflow::block, overflow::conflate};
constexpr ring_settings small_ring{.capacity = 8, .level_capacity = 64};

/// A publisher and the words in which the tests speak of its events: "T7 BTC", "S9 BTC 2+2", "stale ETH", "dropped 3".
struct scene {
  symbol_table symbols;
  publisher out;

  explicit scene(const ring_settings& ring = small_ring) : out{symbols, ring} {}
  symbol_id id(const char* name) { return symbols.intern(name).value(); }

  static void write_trade(publisher::batch& batch, std::uint64_t number, symbol_id symbol) {
    auto& record = batch.begin().payload->emplace<trade_record>();
    record = {};
    record.trade_id = number;
    record.symbol = symbol;
    record.price = static_cast<std::int64_t>(number * 3);
    batch.publish({.kind = tick_kind::trade, .where = venue::binance_spot}, symbol);
  }
  void trade(std::uint64_t number, const char* symbol = "BTC") {
    publisher::batch batch{out};
    write_trade(batch, number, id(symbol));
  }
  void quote(std::uint64_t number, const char* symbol = "BTC") {
    publisher::batch batch{out};
    auto& record = batch.begin().payload->emplace<book_ticker_record>();
    record = {};
    record.update_id = number;
    record.symbol = id(symbol);
    batch.publish({.kind = tick_kind::book_ticker, .where = venue::binance_spot}, record.symbol);
  }
  void book(tick_kind kind, std::uint64_t last, std::uint16_t side, const char* symbol = "BTC") {
    publisher::batch batch{out};
    const auto draft = batch.begin(std::size_t{2} * side);
    for (std::size_t i = 0; i < std::size_t{2} * side; ++i) {
      draft.levels[i] = {static_cast<std::int64_t>(last * 1000 + i), static_cast<std::int64_t>(i)};
    }
    auto& record = draft.payload->emplace<depth_record>();
    record = {};
    record.first_id = record.last_id = last;
    record.bids = record.asks = side;
    record.symbol = id(symbol);
    batch.publish({.kind = kind, .where = venue::binance_spot}, record.symbol, std::size_t{2} * side);
  }
  void snapshot(std::uint64_t last, std::uint16_t side = 2, const char* symbol = "BTC") {
    book(tick_kind::depth_snapshot, last, side, symbol);
  }
  void update(std::uint64_t last, std::uint16_t side = 2, const char* symbol = "BTC") {
    book(tick_kind::depth_update, last, side, symbol);
  }
  void any(tick_kind kind, std::uint64_t number, const char* symbol = "BTC") {
    const auto made = foxtrot_test::make_tick(kind, number, id(symbol));
    publisher::batch batch{out};
    const auto draft = batch.begin(made.body.size());
    *draft.payload = made.line;
    std::copy(made.body.begin(), made.body.end(), draft.levels.begin());
    batch.publish(made.tag, made.symbol, made.body.size());
  }
  void tell(status_code code, const char* symbol = nullptr) {
    publisher::batch batch{out};
    status_record record = make_status(code, 1);
    if (symbol != nullptr) record.symbol = id(symbol);
    batch.publish_status(record, venue::binance_spot);
  }
};

std::string levels_word(const depth_tick& tick, std::uint64_t last) {
  std::size_t i = 0;
  for (const auto& side : {tick.bids(), tick.asks()}) {
    for (const raw_level& level : side.raw()) {
      if (level != raw_level{static_cast<std::int64_t>(last * 1000 + i), static_cast<std::int64_t>(i)}) return " wrong";
      ++i;
    }
  }
  return " " + std::to_string(tick.bids().size()) + "+" + std::to_string(tick.asks().size());
}

std::string word(const event& told) {
  std::string text;
  const auto named = [&](const char* kind, std::uint64_t number, const auto& tick) {
    text = kind + std::to_string(number) + " " + std::string{tick.symbol().name()};
  };
  told.visit(
      [&](const status& s) {
        text = s.name();
        if (s.code() == status_code::gap && s.to() != 0) {
          text += " " + std::to_string(s.from()) + "-" + std::to_string(s.to());
        }
        if (s.code() == status_code::dropped) text += " " + std::to_string(s.count());
        if (s.symbol()) text += " " + std::string{s.symbol().name()};
      },
      [&](const trade& t) { named("T", t.trade_id(), t); }, [&](const book_ticker& t) { named("Q", t.update_id(), t); },
      [&](const depth_snapshot& t) {
        named("S", t.last_id(), t);
        text += levels_word(t, t.last_id());
      },
      [&](const depth_update& t) {
        named("D", t.last_id(), t);
        text += levels_word(t, t.last_id());
      });
  return text;
}

strings drain(subscription& queue) {
  strings all;
  while (queue.poll(64, [&](const event& told) { all.push_back(word(told)); }) != 0) {
  }
  return all;
}

// The same for events of any kind.
strings drain_any(subscription& queue) {
  strings all;
  while (queue.poll(64, [&](const event& told) { all.push_back(foxtrot_test::told_of_any(told)); }) != 0) {
  }
  return all;
}
constexpr kind_set really_all = kind_set::all() | tick_kind::unknown_event;

}  // namespace

TEST_CASE("drop_oldest: a consumer that was lapped hears how much it lost, how things stand, and goes on") {
  scene s;
  auto slow = s.out.subscribe({}).value();
  auto quick = s.out.subscribe({}).value();
  CHECK(slow.capacity() == 8);
  s.tell(status_code::connected);
  strings all = drain(quick);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    s.trade(i);
    for (auto& each : drain(quick)) all.push_back(std::move(each));
  }
  // 21 events: the last four are whole for sure
  CHECK(drain(slow) == strings{"dropped 17", "connected", "T17 BTC", "T18 BTC", "T19 BTC", "T20 BTC"});
  CHECK(slow.dropped() == 17);
  CHECK(all.size() == 21);
  CHECK(quick.dropped() == 0);
  s.trade(21);
  CHECK(drain(slow) == strings{"T21 BTC"});
}

TEST_CASE("drop_oldest: a state that is still to be heard is not told twice after a loss") {
  scene s;
  auto slow = s.out.subscribe({}).value();
  s.tell(status_code::connected);
  for (std::uint64_t i = 1; i <= 8; ++i) s.trade(i);
  s.tell(status_code::disconnected);
  s.trade(9);
  CHECK(drain(slow) == strings{"dropped 7", "T7 BTC", "T8 BTC", "disconnected", "T9 BTC"});
}

TEST_CASE("drop_oldest: silent symbols and broken books are told after a loss and to newcomers") {
  scene s;
  auto slow = s.out.subscribe({}).value();
  s.tell(status_code::connected);
  s.tell(status_code::stale, "ETH");
  s.tell(status_code::stale, "SOL");
  s.tell(status_code::fresh, "ETH");
  s.update(5);
  s.update(9);  // and before it a gap
  for (std::uint64_t i = 1; i <= 20; ++i) s.trade(i, "XRP");
  auto late = s.out.subscribe({}).value();
  auto narrow = s.out.subscribe({.symbols = {"ETH", "BTC"}}).value();
  CHECK(drain(slow) ==
        strings{"dropped 23", "connected", "stale SOL", "gap BTC", "T17 XRP", "T18 XRP", "T19 XRP", "T20 XRP"});
  CHECK(drain(late) == strings{"connected", "stale SOL", "gap BTC"});
  CHECK(drain(narrow) == strings{"connected", "gap BTC"});
  s.snapshot(10);  // may be too old
  s.tell(status_code::resynchronised, "BTC");
  auto last = s.out.subscribe({}).value();
  CHECK(drain(last) == strings{"connected", "stale SOL"});
}

TEST_CASE("every policy: a newcomer hears which symbols are silent and which books broken") {
  for (const overflow policy : every_policy) {
    INFO(to_string(policy));
    scene s;
    s.tell(status_code::connected);
    s.tell(status_code::stale, "ETH");
    s.update(5);
    s.update(9);
    auto queue = s.out.subscribe({.when_full = policy}).value();
    s.trade(1);
    strings seen = drain(queue);
    REQUIRE(seen.size() == 4);
    std::sort(seen.begin(), seen.end());
    CHECK(seen == strings{"T1 BTC", "connected", "gap BTC", "stale ETH"});
  }
}

TEST_CASE("every policy: a state that was lost is told after the loss, good news as well as bad") {
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_newest}) {
    INFO(to_string(policy));
    scene s;
    auto slow = s.out.subscribe({.when_full = policy, .capacity = 8}).value();
    s.tell(status_code::connected);
    s.tell(status_code::stale, "ETH");
    s.tell(status_code::gap);
    CHECK(drain(slow) == strings{"connected", "stale ETH", "gap"});
    for (std::uint64_t i = 1; i <= 10; ++i) s.trade(i);
    s.tell(status_code::fresh, "ETH");
    s.tell(status_code::stale, "SOL");
    for (std::uint64_t i = 11; i <= 30; ++i) s.trade(i);
    const strings seen = drain(slow);
    CHECK(std::count(seen.begin(), seen.end(), "stale SOL") == 1);
    CHECK(std::count(seen.begin(), seen.end(), "fresh ETH") == 1);
    CHECK(drain(slow).empty());
    CHECK(std::count(seen.begin(), seen.end(), "stale ETH") == 0);
  }
}

TEST_CASE("a book that is whole again while nobody reads is not told as broken") {
  scene s;
  {
    auto first = s.out.subscribe({}).value();
  }
  s.update(5);
  s.update(9);
  s.tell(status_code::resynchronised, "BTC");
  for (const overflow policy : every_policy) {
    auto late = s.out.subscribe({.when_full = policy}).value();
    CHECK(drain(late).empty());
  }
}

TEST_CASE("levels that never fit are lost to those who want them, and to nobody else") {
  scene s;
  auto books = s.out.subscribe({}).value();
  auto trades = s.out.subscribe({.kinds = tick_kind::trade}).value();
  s.update(1, 40);
  s.trade(1);
  CHECK(drain(books) == strings{"dropped 1", "T1 BTC"});
  CHECK(books.dropped() == 1);
  CHECK(drain(trades) == strings{"T1 BTC"});
  CHECK(trades.dropped() == 0);
}

TEST_CASE("every policy: every kind arrives as it was published, alone and beside others") {
  for (const overflow policy : every_policy) {
    for (const bool alone : {true, false}) {
      INFO(to_string(policy) << (alone ? ", alone" : ", with another and a handler"));
      scene s{{.capacity = 64, .level_capacity = 256}};
      auto queue =
          s.out.subscribe({.kinds = really_all, .when_full = policy, .capacity = 64, .level_capacity = 4096}).value();
      std::optional<subscription> other;
      std::optional<inline_subscription> handler;
      strings handled;
      if (!alone) {
        other = s.out.subscribe({.kinds = really_all, .when_full = overflow::drop_newest, .capacity = 64}).value();
        handler = s.out
                      .subscribe_inline({.kinds = really_all},
                                        [&](const event& told) { handled.push_back(foxtrot_test::told_of_any(told)); })
                      .value();
      }
      for (std::uint64_t number = 1; number <= 20; ++number) {
        strings published;
        strings latest;  // what a table has a place for
        for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
          s.any(kind, number);
          published.push_back(foxtrot_test::told_of_made(kind, number));
          if (kind != tick_kind::depth_update && kind != tick_kind::unknown_event) latest.push_back(published.back());
        }
        strings seen = drain_any(queue);
        if (policy == overflow::conflate) {
          std::sort(seen.begin(), seen.end());
          std::sort(latest.begin(), latest.end());
          CHECK(seen == latest);
        } else {
          CHECK(seen == published);
        }
        if (!alone) {
          CHECK(drain_any(*other) == published);
          CHECK(std::exchange(handled, {}) == published);
        }
      }
      CHECK(queue.dropped() == 0);
    }
  }
}

TEST_CASE("every policy: what a full queue loses of any kind is counted and told, and the rest is whole") {
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_newest}) {
    for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
      INFO(to_string(policy) << ", " << to_string(kind));
      scene s{{.capacity = 16, .level_capacity = 64}};
      auto queue =
          s.out.subscribe({.kinds = really_all, .when_full = policy, .capacity = 16, .level_capacity = 64}).value();
      constexpr std::uint64_t count = 50;
      for (std::uint64_t number = 1; number <= count; ++number) s.any(kind, number);
      std::uint64_t ticks = 0;
      std::uint64_t lost = 0;
      queue.poll(1000, [&](const event& told) {
        if (told.kind() == kind) {
          ++ticks;
          CHECK(foxtrot_test::told_of_any(told).find("wrong") == std::string::npos);
        }
        told.visit([&](const status& each) { lost += each.code() == status_code::dropped ? each.count() : 0; });
      });
      CHECK(ticks > 0);
      CHECK(ticks + lost == count);
      CHECK(queue.dropped() == lost);
    }
  }
}

TEST_CASE("block: waits for room for bodies of any kind, two threads", "[stress]") {
  scene s;
  const std::uint64_t count = repetitions(20'000);
  auto queue = s.out
                   .subscribe({.kinds = really_all,
                               .when_full = overflow::block,
                               .capacity = 16,
                               .level_capacity = 64,
                               .waiting = idle::adaptive})
                   .value();
  const auto& kinds = foxtrot_test::every_tick_kind();
  std::uint64_t seen = 0;
  std::uint64_t faults = 0;
  std::jthread reader{[&] {
    for (const auto& each : queue.until({})) {
      if (each.kind() == tick_kind::status) continue;  // gaps of ids, as kinds take turns
      const tick_kind kind = kinds[static_cast<std::size_t>(seen++ % kinds.size())];
      if (foxtrot_test::told_of_any(each) != foxtrot_test::told_of_made(kind, seen)) ++faults;
    }
  }};
  for (std::uint64_t number = 0; number < count; ++number) {
    s.any(kinds[static_cast<std::size_t>(number % kinds.size())], number + 1);
  }
  s.out.close();
  reader.join();
  CHECK(seen == count);
  CHECK(faults == 0);
  CHECK(queue.dropped() == 0);
}

TEST_CASE("unknown events come only to who asks for them, and then whatever the symbols") {
  scene s;
  auto everything = s.out.subscribe({.when_full = overflow::drop_newest, .capacity = 8}).value();
  auto raw = s.out.subscribe({.kinds = tick_kind::unknown_event, .symbols = {"ETH"}}).value();
  s.any(tick_kind::unknown_event, 1);
  s.any(tick_kind::kline, 2, "BTC");
  s.any(tick_kind::kline, 3, "ETH");
  CHECK(drain_any(everything) == strings{"kline 2", "kline 3"});
  CHECK(drain_any(raw) == strings{foxtrot_test::told_of_made(tick_kind::unknown_event, 1)});
}

TEST_CASE("every policy: cancelling in the middle of a loop ends it") {
  for (const overflow policy : every_policy) {
    INFO(to_string(policy));
    scene s;
    auto queue = s.out.subscribe({.when_full = policy}).value();
    s.trade(1);
    s.quote(2);
    int seen = 0;
    for ([[maybe_unused]] const auto& each : queue.until({}, std::chrono::seconds{5})) {
      queue.cancel();
      s.trade(static_cast<std::uint64_t>(++seen) + 10);
      if (seen > 10) break;
    }
    CHECK(seen == 1);
  }
}

TEST_CASE("every policy: a handler may destroy its own subscription") {
  for (const overflow policy : every_policy) {
    scene s;
    auto queue = std::make_unique<subscription>(s.out.subscribe({.when_full = policy}).value());
    s.trade(1);
    s.quote(2);
    int seen = 0;
    CHECK(queue->poll(10, [&](const event&) {
      ++seen;
      queue.reset();
    }) == 1);
    CHECK(seen == 1);
  }
}

TEST_CASE("every policy: within an event there is no other") {
  for (const overflow policy : every_policy) {
    INFO(to_string(policy));
    scene s;
    auto queue = s.out.subscribe({.when_full = policy}).value();
    s.trade(1);
    s.quote(2);
    strings seen;
    for (const auto& each : queue.until({}, std::chrono::milliseconds{1})) {
      seen.push_back(word(each));
      CHECK(queue.poll(10, [&](const event& other) { seen.push_back("within: " + word(other)); }) == 0);
      CHECK_FALSE(queue.wait(std::stop_token{}));
    }
    std::sort(seen.begin(), seen.end());
    CHECK(seen == strings{"Q2 BTC", "T1 BTC"});
    CHECK(queue.dropped() == 0);
  }
}

namespace {

/// Memory that takes as long as it is told to.
class slow_memory : public std::pmr::memory_resource {
 public:
  std::atomic<bool> asked{false};
  std::atomic<bool> granted{false};

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    asked.store(true);
    while (!granted.load()) std::this_thread::yield();
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace

TEST_CASE("making a queue holds nobody up, however long it takes") {
  for (const overflow policy : every_policy) {
    INFO(to_string(policy));
    slow_memory memory;
    ring_settings ring = small_ring;
    ring.memory = &memory;
    scene s{ring};
    auto other = s.out.subscribe({.when_full = overflow::block, .capacity = 64}).value();
    s.trade(1);
    subscription made;
    {
      std::jthread joins{[&] { made = s.out.subscribe({.when_full = policy, .memory = &memory}).value(); }};
      while (!memory.asked.load()) std::this_thread::yield();
      for (std::uint64_t i = 2; i <= 10; ++i) s.trade(i);  // would hang here
      memory.granted.store(true);
    }
    s.trade(11);
    CHECK(drain(other).size() == 11);
    CHECK(drain(made) == strings{"T11 BTC"});
    made.cancel();
    other.cancel();
    s.out.close();  // before its memory goes
  }
}

TEST_CASE("conflate: no tick is shown after a status that came later, two threads", "[stress]") {
  const std::uint64_t count = repetitions(100'000);
  scene s;
  auto latest = s.out.subscribe({.when_full = overflow::conflate}).value();
  std::atomic<std::uint64_t> told_up_to{0};
  std::uint64_t too_late = 0;
  std::jthread reader{[&] {
    std::uint64_t last = 0;
    while (!latest.closed()) {
      latest.poll(8, [&](const event& told) {
        told.visit(
            [&](const status& each) {
              last = each.from();
              told_up_to.store(last, std::memory_order_release);
            },
            [&](const trade& each) {
              if (each.trade_id() <= last) ++too_late;
            },
            [](const auto&) {});
      });
    }
  }};
  const symbol_id symbol = s.id("BTC");
  for (std::uint64_t i = 1; i <= count; ++i) {
    {
      publisher::batch batch{s.out};
      scene::write_trade(batch, i, symbol);
      status_record record = make_status(status_code::disconnected, 1);
      record.first = i;
      batch.publish_status(record, venue::binance_spot);
    }
    // most often the reader has just heard of the last one, and looks at nothing
    for (std::uint64_t turns = 0; told_up_to.load(std::memory_order_acquire) != i && turns < 10'000; ++turns)
      cpu_relax();
    for (std::uint64_t k = 0; k < i % 97; ++k) cpu_relax();
  }
  s.out.close();
  reader.join();
  CHECK(too_late == 0);
}

TEST_CASE("drop_oldest: levels that were overwritten before the event itself are a loss") {
  scene s{{.capacity = 64, .level_capacity = 64}};
  auto slow = s.out.subscribe({}).value();
  s.tell(status_code::connected);
  s.trade(1);
  for (std::uint64_t i = 1; i <= 6; ++i) s.update(i, 10);  // 20 levels each: three fit
  s.trade(2);
  CHECK(drain(slow) == strings{"connected", "T1 BTC", "dropped 1", "connected", "dropped 1", "connected", "dropped 1",
                               "connected", "D4 BTC 10+10", "D5 BTC 10+10", "D6 BTC 10+10", "T2 BTC"});
  CHECK(slow.dropped() == 3);
  s.update(7, 40);  // more than the store holds
  CHECK(drain(slow) == strings{"dropped 1", "connected"});
}

TEST_CASE("drop_oldest: nobody reads, nothing is written but statuses; who comes later is told them") {
  scene s;
  {
    auto gone = s.out.subscribe({}).value();
  }
  s.tell(status_code::connected);
  for (std::uint64_t i = 1; i <= 100; ++i) s.trade(i);
  auto late = s.out.subscribe({}).value();
  s.trade(101);
  CHECK(drain(late) == strings{"connected", "T101 BTC"});
  CHECK(late.dropped() == 0);
}

TEST_CASE("drop_oldest: the end of the feed is seen after everything else, by whoever is left") {
  scene s;
  auto one = s.out.subscribe({}).value();
  auto two = s.out.subscribe({}).value();
  s.trade(1);
  one.cancel();
  s.out.close();
  CHECK_FALSE(two.closed());
  CHECK(drain(two) == strings{"T1 BTC"});
  CHECK(two.closed());
  CHECK(one.closed());
  CHECK(s.out.subscribe({}).error() == errc::closed);
}

TEST_CASE("conflate: the latest of each symbol and kind, however late") {
  scene s;
  auto latest = s.out.subscribe({.when_full = overflow::conflate}).value();
  s.tell(status_code::connected);
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    s.trade(i, i % 2 == 0 ? "BTC" : "ETH");
    s.quote(i, "BTC");
    s.snapshot(i, 20);
    s.update(i);  // never comes: a change is worth nothing alone
  }
  strings seen = drain(latest);
  REQUIRE(seen.size() >= 5);
  // statuses keep their place: the gaps that every second trade id leaves are told before the ticks behind them
  CHECK(seen.front() == "connected");
  strings ticks;
  for (const auto& each : seen) {
    if (each.front() == 'T' || each.front() == 'Q' || each.front() == 'S') ticks.push_back(each);
  }
  std::sort(ticks.begin(), ticks.end());
  CHECK(ticks == strings{"Q1000 BTC", "S1000 BTC 20+20", "T1000 BTC", "T999 ETH"});
  CHECK(drain(latest).empty());
  s.quote(2000, "ETH");
  CHECK(drain(latest) == strings{"Q2000 ETH"});
}

TEST_CASE("conflate: a tick is never shown after a status that came later, nor before one that came earlier") {
  scene s;
  auto latest = s.out.subscribe({.when_full = overflow::conflate}).value();
  s.tell(status_code::connected);
  s.quote(1, "BTC");
  s.quote(1, "ETH");
  s.tell(status_code::disconnected);
  s.tell(status_code::connected);
  s.quote(2, "ETH");
  s.quote(1, "SOL");
  // ETH's first quote is gone; BTC's is older than the loss of the connection and comes before it
  CHECK(drain(latest) == strings{"connected", "Q1 BTC", "disconnected", "connected", "Q2 ETH", "Q1 SOL"});
}

TEST_CASE("conflate: what has no place in the tables is counted and told") {
  scene s;
  auto latest = s.out.subscribe({.when_full = overflow::conflate, .capacity = 4}).value();
  CHECK(latest.capacity() == 4);
  for (const char* symbol : {"A", "B", "C", "D", "E"}) s.trade(1, symbol);
  s.snapshot(3, 21, "A");  // deeper than any partial book
  CHECK(latest.dropped() == 2);
  const strings seen = drain(latest);
  CHECK(seen == strings{"dropped 2", "T1 A", "T1 B", "T1 C", "T1 D"});
}

TEST_CASE("conflate: room is for as many symbols as were asked for, whatever their numbers") {
  scene s;
  for (int i = 0; i < 100; ++i) (void)s.id(("X" + std::to_string(i)).c_str());
  auto latest = s.out.subscribe({.symbols = {"X77", "X99"}, .when_full = overflow::conflate}).value();
  CHECK(latest.capacity() == 2);
  s.trade(1, "X99");
  s.trade(1, "X77");
  s.trade(1, "X1");
  CHECK(latest.dropped() == 0);
  CHECK(drain(latest) == strings{"T1 X99", "T1 X77"});
}

TEST_CASE("conflate: the latest of each kind and symbol, of klines for each interval") {
  scene s;
  auto latest = s.out.subscribe({.when_full = overflow::conflate, .capacity = 16, .level_capacity = 4096}).value();
  const auto kline_of = [&](std::uint64_t number, kline_interval interval) {
    auto made = foxtrot_test::make_tick(tick_kind::kline, number, s.id("BTC"));
    auto body = read_body<kline_body>(made.body);
    body.interval = interval;
    publisher::batch batch{s.out};
    const auto draft = batch.begin(made.body.size());
    *draft.payload = made.line;
    write_body(draft.levels, body);
    batch.publish(made.tag, made.symbol, made.body.size());
  };
  for (std::uint64_t number = 1; number <= 10; ++number) {
    kline_of(number, kline_interval::m1);
    kline_of(number + 100, kline_interval::h1);
    s.any(tick_kind::mini_ticker, number, "BTC");
    s.any(tick_kind::mini_ticker, number + 1, "ETH");
    s.any(tick_kind::aggregate_trade, number, "BTC");
  }
  strings seen;
  while (latest.poll(64, [&](const event& told) {
    told.visit([](const status&) {},
               [&](const kline& each) {
                 std::uint64_t number = 0;
                 std::memcpy(&number, &each.body(), sizeof number);
                 seen.push_back(std::string{to_string(each.interval())} + " " + std::to_string(number));
               },
               [&](const auto&) { seen.push_back(foxtrot_test::told_of_any(told)); });
  }) != 0) {
  }
  std::sort(seen.begin(), seen.end());
  CHECK(seen == strings{"1h 110", "1m 10", "aggregate_trade 10", "mini_ticker 10", "mini_ticker 11"});
}

TEST_CASE("conflate: wide ticks have as much room as levels were asked for, and what has none is told") {
  scene s;
  auto latest = s.out
                    .subscribe({.kinds = tick_kind::ticker | tick_kind::mark_price,
                                .when_full = overflow::conflate,
                                .capacity = 8,
                                .level_capacity = 60})
                    .value();
  CHECK(latest.capacity() == 8);
  s.any(tick_kind::ticker, 1, "A");
  s.any(tick_kind::mark_price, 2, "A");
  s.any(tick_kind::ticker, 3, "B");
  s.any(tick_kind::ticker, 4, "C");
  s.any(tick_kind::mark_price, 5, "A");
  CHECK(latest.dropped() == 1);
  CHECK(drain_any(latest) == strings{"status dropped", "ticker 1", "mark_price 5", "ticker 3"});
}

TEST_CASE("conflate: wide ticks are whole and none is older than the one before, two threads", "[stress]") {
  scene s;
  const std::uint64_t count = repetitions(20'000);
  auto latest =
      s.out
          .subscribe(
              {.kinds = kind_set::all(), .when_full = overflow::conflate, .capacity = 16, .waiting = idle::adaptive})
          .value();
  const auto& kinds = foxtrot_test::every_tick_kind();
  std::array<std::uint64_t, tick_kind_count> last{};
  std::uint64_t faults = 0;
  std::jthread reader{[&] {
    for (const auto& each : latest.until({})) {
      if (each.kind() == tick_kind::status) continue;
      const std::string text = foxtrot_test::told_of_any(each);
      const std::uint64_t number = std::stoull(text.substr(text.find(' ')));
      auto& before = last[static_cast<std::size_t>(each.kind())];
      if (text.find("wrong") != std::string::npos || number <= before) ++faults;
      before = number;
    }
  }};
  for (std::uint64_t number = 1; number <= count; ++number) {
    for (const tick_kind kind : kinds) s.any(kind, number);
  }
  s.out.close();
  reader.join();
  CHECK(faults == 0);
  for (const tick_kind kind : kinds) {
    INFO(to_string(kind));
    const bool comes = kind != tick_kind::depth_update && kind != tick_kind::unknown_event;
    CHECK(last[static_cast<std::size_t>(kind)] == (comes ? count : 0));
  }
}

TEST_CASE("conflate: a newcomer hears first how the connection stands, and the end last") {
  scene s;
  auto other = s.out.subscribe({}).value();
  s.tell(status_code::connected);
  auto latest = s.out.subscribe({.when_full = overflow::conflate}).value();
  s.trade(1);
  s.trade(2);
  CHECK(drain(latest) == strings{"connected", "T2 BTC"});
  s.trade(3);
  s.out.close();
  CHECK_FALSE(latest.closed());
  CHECK(drain(latest) == strings{"T3 BTC"});
  CHECK(latest.closed());
}

namespace {

/// Reads until the feed ends. Every trade is whole and newer than the one before; what is missing has been told.
struct account {
  std::uint64_t read{0};
  std::uint64_t told_lost{0};
  std::uint64_t statuses{0};
  std::uint64_t last{0};
  std::uint64_t faults{0};

  void enter(const event& told, bool consecutive) {
    told.visit(
        [&](const status& each) {
          ++statuses;
          if (each.code() == status_code::dropped) told_lost += each.count();
        },
        [&](const trade& each) {
          ++read;
          const bool whole = each.record().price == static_cast<std::int64_t>(each.trade_id() * 3);
          const bool follows = consecutive ? each.trade_id() == last + 1 : each.trade_id() > last;
          if (!whole || !follows) ++faults;
          last = each.trade_id();
        },
        [&](const auto&) { ++faults; });
  }
};

}  // namespace

TEST_CASE("one paused consumer keeps nobody else from anything, and hears exactly what it lost", "[stress]") {
  const std::uint64_t count = repetitions(200'000);
  scene s{{.capacity = 1024, .level_capacity = 64}};
  auto paused = s.out.subscribe({}).value();
  auto first = s.out.subscribe({.when_full = overflow::block, .capacity = 256}).value();  // paces the network thread
  auto second = s.out.subscribe({.waiting = idle::spin}).value();
  std::atomic<std::uint64_t> second_at{0};
  account seen_first;
  account seen_second;
  std::jthread reads_first{[&] {
    // not further ahead than the ring is long, so that the second one could keep up
    for (const auto& each : first.until({})) {
      seen_first.enter(each, true);
      while (seen_first.last > second_at.load(std::memory_order_acquire) + 256) std::this_thread::yield();
    }
  }};
  std::jthread reads_second{[&] {
    for (const auto& each : second.until({})) {
      seen_second.enter(each, true);
      second_at.store(seen_second.last, std::memory_order_release);
    }
  }};
  const symbol_id symbol = s.id("BTC");
  for (std::uint64_t i = 1; i <= count;) {
    publisher::batch batch{s.out};
    for (int k = 0; k < 50 && i <= count; ++k, ++i) scene::write_trade(batch, i, symbol);
  }
  s.out.close();
  reads_first.join();
  reads_second.join();
  account seen_paused;
  paused.poll(10'000, [&](const event& each) { seen_paused.enter(each, false); });
  CHECK((seen_first.read == count && seen_first.told_lost == 0 && seen_first.faults == 0));
  CHECK((seen_second.read == count && seen_second.told_lost == 0 && seen_second.faults == 0));
  CHECK((seen_paused.read == 512 && seen_paused.last == count && seen_paused.faults == 0));
  CHECK(seen_paused.told_lost == count - 512);
  CHECK(paused.dropped() == count - 512);
}

TEST_CASE("every policy accounts for every event, at any pace, two threads", "[stress]") {
  const std::uint64_t count = repetitions(60'000);
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_newest, overflow::block, overflow::conflate}) {
    for (const idle way : {idle::block, idle::adaptive, idle::yield}) {
      INFO(to_string(policy) << ", " << to_string(way));
      scene s{{.capacity = 64, .level_capacity = 64}};
      auto queue = s.out.subscribe({.when_full = policy, .capacity = 64, .waiting = way}).value();
      account seen;
      std::jthread reader{[&] {
        std::minstd_rand random{7};
        for (const auto& each : queue.until({})) {
          seen.enter(each, policy == overflow::block);
          if (random() % 1000 == 0) std::this_thread::yield();
        }
      }};
      const symbol_id symbol = s.id("BTC");
      std::minstd_rand random{11};
      for (std::uint64_t i = 1; i <= count;) {
        publisher::batch batch{s.out};
        for (auto k = random() % 100; k > 0 && i <= count; --k, ++i) scene::write_trade(batch, i, symbol);
      }
      s.out.close();
      reader.join();
      CHECK(seen.faults == 0);
      if (policy == overflow::conflate) {
        CHECK(seen.read <= count);
        CHECK(seen.told_lost == 0);
      } else {
        CHECK(seen.read + seen.told_lost == count);
      }
      if (policy != overflow::drop_newest) CHECK(seen.last == count);  // the newest is never what is lost
      CHECK(queue.dropped() == seen.told_lost);
    }
  }
}
