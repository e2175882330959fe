// tests/feed/publisher_test.cpp: every event to every consumer that wants it, in order, whatever the others do.
#include <foxtrot/feed/publisher.hpp>

#include <catch2/catch.hpp>

#include <support/eventually.hpp>
#include <support/sanitizer.hpp>
#include <support/thread_state.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace {

using namespace foxtrot;
using strings = std::vector<std::string>;

/// A publisher, and the words in which the tests speak of events: "Q5 BTC", "T7 BTC", "D1-3 BTC 2+1", "gap 8-9",
/// "connected".
struct scene {
  symbol_table symbols;
  publisher out{symbols};

  symbol_id id(const char* name) { return symbols.intern(name).value(); }

  static void write_quote(publisher::batch& batch, std::uint64_t number, symbol_id symbol) {
    auto& record = batch.begin().payload->emplace<book_ticker_record>();
    record = {};
    record.update_id = number;
    record.symbol = symbol;
    batch.publish({.kind = tick_kind::book_ticker, .where = venue::binance_spot}, symbol);
  }
  static void write_trade(publisher::batch& batch, std::uint64_t number, symbol_id symbol) {
    auto& record = batch.begin().payload->emplace<trade_record>();
    record = {};
    record.trade_id = number;
    record.symbol = symbol;
    batch.publish({.kind = tick_kind::trade, .where = venue::binance_spot}, symbol);
  }
  static void write_depth(publisher::batch& batch, std::uint64_t first, std::uint64_t last, symbol_id symbol,
                          std::uint16_t bids, std::uint16_t asks) {
    const auto draft = batch.begin(64);
    for (std::size_t i = 0; i < std::size_t{bids} + asks; ++i)
      draft.levels[i] = {static_cast<std::int64_t>(first * 100 + i), static_cast<std::int64_t>(i)};
    auto& record = draft.payload->emplace<depth_record>();
    record = {};
    record.first_id = first;
    record.last_id = last;
    record.bids = bids;
    record.asks = asks;
    record.symbol = symbol;
    batch.publish({.kind = tick_kind::depth_update, .where = venue::binance_spot}, symbol, std::size_t{bids} + asks);
  }
  void quote(std::uint64_t number, const char* symbol = "BTC") {
    publisher::batch batch{out};
    write_quote(batch, number, id(symbol));
  }
  void trade(std::uint64_t number, const char* symbol = "BTC") {
    publisher::batch batch{out};
    write_trade(batch, number, id(symbol));
  }
  void depth(std::uint64_t first, std::uint64_t last, std::uint16_t bids = 2, std::uint16_t asks = 1) {
    publisher::batch batch{out};
    write_depth(batch, first, last, id("BTC"), bids, asks);
  }
  void tell(status_code code, std::error_code error = {}) {
    publisher::batch batch{out};
    batch.publish_status(make_status(code, 1, error), venue::binance_spot);
  }
};

std::string word(const event& told) {
  std::string text;
  told.visit(
      [&](const status& s) {
        text = s.name();
        if (s.code() == status_code::gap) text += " " + std::to_string(s.from()) + "-" + std::to_string(s.to());
        if (s.code() == status_code::dropped) text += " " + std::to_string(s.count());
      },
      [&](const book_ticker& t) { text = "Q" + std::to_string(t.update_id()) + " " + std::string{t.symbol().name()}; },
      [&](const trade& t) { text = "T" + std::to_string(t.trade_id()) + " " + std::string{t.symbol().name()}; },
      [&](const depth_update& t) {
        text = "D" + std::to_string(t.first_id()) + "-" + std::to_string(t.last_id()) + " " +
               std::string{t.symbol().name()} + " " + std::to_string(t.bids().size()) + "+" +
               std::to_string(t.asks().size());
        std::size_t i = 0;
        for (const auto& side : {t.bids(), t.asks()})
          for (const price_level& level : side)
            if (level.price != decimal{static_cast<std::int64_t>(t.first_id() * 100 + i++), 0}) text += " wrong level";
      },
      [&](const depth_snapshot&) { text = "S"; });
  return text;
}

strings drain(subscription& queue) {
  strings all;
  while (queue.poll(64, [&](const event& told) { all.push_back(word(told)); }) != 0) {
  }
  return all;
}

constexpr overflow lossless[] = {overflow::drop_oldest, overflow::drop_newest, overflow::block};

TEST_CASE("publisher: one queue, several, and none get the same events in the same order") {
  const std::size_t consumers = GENERATE(0U, 1U, 2U, 3U, 4U);
  const std::size_t first_policy = GENERATE(0U, 1U, 2U);
  scene s;
  std::vector<subscription> queues;
  for (std::size_t i = 0; i < consumers; ++i) {
    queues.push_back(s.out.subscribe({.when_full = lossless[(first_policy + i / 2) % 3]}).value());
  }
  s.tell(status_code::connected);
  s.quote(1);
  s.trade(7);
  s.depth(10, 12);
  s.depth(13, 13, 0, 5);
  s.trade(8, "ETH");
  for (auto& queue : queues)
    CHECK(drain(queue) == strings{"connected", "Q1 BTC", "T7 BTC", "D10-12 BTC 2+1", "D13-13 BTC 0+5", "T8 ETH"});
  CHECK(s.out.counters().ticks[static_cast<std::size_t>(tick_kind::trade)].get() == 2);
  CHECK(s.out.counters().ticks[static_cast<std::size_t>(tick_kind::depth_update)].get() == 2);
}

TEST_CASE("publisher: filters by kind and symbol; status always comes") {
  for (const overflow policy : lossless)
    for (const bool alone : {true, false}) {
      scene s;
      auto trades = s.out.subscribe({.kinds = tick_kind::trade, .symbols = {"ETH"}, .when_full = policy}).value();
      std::optional<subscription> other;
      if (!alone) other.emplace(s.out.subscribe({}).value());
      s.tell(status_code::connected);
      s.trade(1, "BTC");
      s.trade(2, "ETH");
      s.quote(3, "ETH");
      s.depth(1, 2);
      s.tell(status_code::disconnected, errc::closed);
      CHECK(drain(trades) == strings{"connected", "T2 ETH", "disconnected"});
      if (other) CHECK(drain(*other).size() == 6);
    }
  scene s;
  CHECK(s.out.subscribe({.symbols = {""}}).error() == errc::bad_argument);
  CHECK(s.out.subscribe_inline({.symbols = {""}}, [](const event&) {}).error() == errc::bad_argument);
}

TEST_CASE("publisher: a gap is told before the tick behind it, in place and from scratch") {
  for (const overflow policy : lossless)
    for (const int consumers : {1, 2}) {
      scene s;
      std::vector<subscription> queues;
      for (int i = 0; i < consumers; ++i) queues.push_back(s.out.subscribe({.when_full = policy}).value());
      s.trade(5);
      s.trade(9);
      s.depth(1, 10);
      s.depth(14, 20, 3, 4);
      s.trade(10);
      for (auto& queue : queues)
        CHECK(drain(queue) ==
              strings{"T5 BTC", "gap 6-8", "T9 BTC", "D1-10 BTC 2+1", "gap 11-13", "D14-20 BTC 3+4", "T10 BTC"});
      CHECK(s.out.counters().gaps.get() == 2);
    }
}

TEST_CASE("publisher: a filter hides the tick, not the gap before it") {
  scene s;
  auto quotes = s.out.subscribe({.kinds = tick_kind::book_ticker}).value();
  s.trade(5);
  s.trade(9);
  s.quote(1);
  CHECK(drain(quotes) == strings{"gap 6-8", "Q1 BTC"});
}

TEST_CASE("publisher: a newcomer hears first how the connection stands") {
  const overflow policy = lossless[GENERATE(0U, 1U, 2U)];
  scene s;
  auto first = s.out.subscribe({.when_full = policy}).value();
  s.quote(1);
  auto early = s.out.subscribe({.when_full = policy}).value();
  s.tell(status_code::connected);
  s.quote(2);
  auto late = s.out.subscribe({.when_full = policy}).value();
  s.quote(3);
  s.tell(status_code::disconnected, errc::closed);
  s.tell(status_code::reconnecting);
  s.tell(status_code::resynchronised);  // no state of the connection
  auto last = s.out.subscribe({.when_full = policy}).value();
  s.tell(status_code::connected);
  CHECK(drain(first) == strings{"Q1 BTC", "connected", "Q2 BTC", "Q3 BTC", "disconnected", "reconnecting",
                                "resynchronised", "connected"});
  CHECK(drain(early) ==
        strings{"connected", "Q2 BTC", "Q3 BTC", "disconnected", "reconnecting", "resynchronised", "connected"});
  CHECK(drain(late) == strings{"connected", "Q3 BTC", "disconnected", "reconnecting", "resynchronised", "connected"});
  CHECK(drain(last) == strings{"reconnecting", "connected"});
}

TEST_CASE("publisher: a consumer that left is forgotten, the others are not disturbed") {
  const overflow policy = lossless[GENERATE(0U, 1U, 2U)];
  scene s;
  auto stays = s.out.subscribe({.when_full = policy}).value();
  {
    auto goes = s.out.subscribe({.when_full = policy}).value();
    s.quote(1);
    CHECK(drain(goes) == strings{"Q1 BTC"});
  }
  s.quote(2);
  auto other = s.out.subscribe({.when_full = policy}).value();
  s.quote(3);
  other.cancel();
  s.quote(4);
  CHECK(drain(stays) == strings{"Q1 BTC", "Q2 BTC", "Q3 BTC", "Q4 BTC"});
}

TEST_CASE("publisher: a full queue loses the newest, counts them and says so in order; others lose nothing") {
  scene s;
  auto small = s.out.subscribe({.when_full = overflow::drop_newest, .capacity = 8}).value();
  auto large = s.out.subscribe({}).value();
  const std::size_t room = small.capacity();
  for (std::uint64_t i = 1; i <= room + 5; ++i) s.quote(i);
  CHECK(small.dropped() == 5);
  strings seen = drain(small);  // the loss, too: nothing comes behind it yet
  s.quote(99);
  for (const std::string& each : drain(small)) seen.push_back(each);
  REQUIRE(seen.size() == room + 2);
  CHECK(strings{seen.begin() + static_cast<std::ptrdiff_t>(room), seen.end()} == strings{"dropped 5", "Q99 BTC"});
  CHECK(drain(large).size() == room + 6);
  CHECK(large.dropped() == 0);
}

TEST_CASE("publisher: without room for the levels, alone or not, the update is lost and told") {
  for (const bool alone : {true, false}) {
    scene s;
    auto small = s.out.subscribe({.when_full = overflow::drop_newest, .capacity = 64, .level_capacity = 64}).value();
    std::optional<subscription> other;
    if (!alone) other.emplace(s.out.subscribe({}).value());
    for (std::uint64_t i = 1; i <= 10; ++i) s.depth(i, i, 10, 10);
    s.depth(11, 11, 1, 1);
    std::uint64_t told_lost = 0;
    strings seen;
    small.poll(64, [&](const event& told) {
      told.visit([&](const status& st) { told_lost += st.count(); }, [&](const auto&) { seen.push_back(word(told)); });
    });
    CHECK(seen == strings{"D1-1 BTC 10+10", "D2-2 BTC 10+10", "D3-3 BTC 10+10", "D11-11 BTC 1+1"});
    CHECK(told_lost == 7);
    CHECK(small.dropped() == 7);
    if (other) CHECK(drain(*other).size() == 11);
  }
}

TEST_CASE("publisher: inline handlers see everything at once, and their exceptions are counted") {
  scene s;
  auto queue = s.out.subscribe({}).value();
  strings seen;
  std::uint64_t calls = 0;
  auto bad = s.out.subscribe_inline({}, [&](const event&) {
    if (++calls % 100 == 0) throw std::runtime_error{"strategy"};
  });
  auto good =
      s.out.subscribe_inline({.kinds = tick_kind::trade}, [&](const event& told) { seen.push_back(word(told)); });
  REQUIRE(bad);
  REQUIRE(good);
  s.tell(status_code::connected);
  for (std::uint64_t i = 1; i <= 1000; ++i) s.trade(i);
  CHECK(calls == 1001);
  CHECK(s.out.counters().handler_failures.get() == 10);
  CHECK(seen.size() == 1001);
  CHECK(seen.front() == "connected");
  CHECK(drain(queue).size() == 1001);
}

TEST_CASE("publisher: an inline handler may deregister itself, add others, and subscribe") {
  scene s;
  strings seen;
  inline_subscription once;
  inline_subscription added;
  std::optional<subscription> queue;
  once = s.out
             .subscribe_inline(
                 {},
                 [&](const event& told) {
                   seen.push_back("once " + word(told));
                   added =
                       s.out.subscribe_inline({}, [&](const event& e) { seen.push_back("added " + word(e)); }).value();
                   queue.emplace(s.out.subscribe({}).value());
                   once.cancel();
                 })
             .value();
  {
    publisher::batch batch{s.out};
    scene::write_quote(batch, 1, s.id("BTC"));
    scene::write_quote(batch, 2, s.id("BTC"));
  }
  s.quote(3);
  CHECK(std::count_if(seen.begin(), seen.end(), [](const auto& w) { return w.starts_with("once"); }) == 1);
  CHECK(seen.front() == "once Q1 BTC");
  CHECK(seen.back() == "added Q3 BTC");
  CHECK(drain(*queue) == strings{"Q3 BTC"});
  added.cancel();
  added.cancel();
  s.quote(4);
  CHECK(seen.back() == "added Q3 BTC");
}

TEST_CASE("publisher: a new inline handler hears once how the connection stands, before anything else") {
  scene s;
  s.tell(status_code::connected);
  strings seen;
  auto handler = s.out.subscribe_inline({}, [&](const event& told) { seen.push_back(word(told)); }).value();
  s.quote(1);
  s.quote(2);
  s.tell(status_code::disconnected, errc::closed);
  CHECK(seen == strings{"connected", "Q1 BTC", "Q2 BTC", "disconnected"});
  strings first_news;
  auto other = s.out.subscribe_inline({}, [&](const event& told) { first_news.push_back(word(told)); }).value();
  s.tell(status_code::reconnecting);
  CHECK(first_news == strings{"disconnected", "reconnecting"});
}

TEST_CASE("publisher: a handler that destroys another's registration ends it at once") {
  scene s;
  int other_calls = 0;
  std::optional<inline_subscription> other;
  auto killer = s.out.subscribe_inline({}, [&](const event&) { other.reset(); }).value();
  other.emplace(s.out.subscribe_inline({}, [&](const event&) { ++other_calls; }).value());
  s.quote(1);
  s.quote(2);
  CHECK(other_calls == 0);
}

TEST_CASE("publisher: inline handlers and queues outlive the publisher") {
  std::optional<scene> s{std::in_place};
  auto handler = s->out.subscribe_inline({}, [](const event&) {}).value();
  s->quote(1);
  publisher* const out = &s->out;
  out->close();
  CHECK(out->subscribe({}).error() == errc::closed);
  s.reset();
  handler.cancel();
}

TEST_CASE("publisher: closing lets consumers read what is there, and then they see the end") {
  scene s;
  auto queue = s.out.subscribe({}).value();
  s.quote(1);
  s.out.close();
  s.out.close();
  CHECK_FALSE(queue.closed());
  CHECK(drain(queue) == strings{"Q1 BTC"});
  CHECK(queue.closed());
}

TEST_CASE("publisher: interrupt ends a wait for room, and what does not fit is counted") {
  scene s;
  auto queue = s.out.subscribe({.when_full = overflow::block, .capacity = 8}).value();
  const std::size_t room = queue.capacity();
  std::atomic<std::uint64_t> published{0};
  std::jthread network{[&] {
    for (std::uint64_t i = 1; i <= room + 3; ++i) {
      s.quote(i);
      published.store(i);
    }
  }};
  while (published.load() < room) std::this_thread::yield();
  s.out.interrupt();
  network.join();
  CHECK(queue.dropped() == 3);
  s.out.interrupt(false);
  strings seen = drain(queue);
  s.quote(50);
  for (const std::string& each : drain(queue)) seen.push_back(each);
  REQUIRE(seen.size() == room + 2);
  CHECK(strings{seen.begin() + static_cast<std::ptrdiff_t>(room), seen.end()} == strings{"dropped 3", "Q50 BTC"});
}

TEST_CASE("publisher: block loses nothing between two threads, with two queues and a handler") {
  scene s;
  const auto total = static_cast<std::uint64_t>(foxtrot_test::repetitions(100'000));
  auto one = s.out.subscribe({.when_full = overflow::block, .capacity = 16}).value();
  auto two = s.out.subscribe({.when_full = overflow::block, .capacity = 64}).value();
  std::uint64_t handled = 0;
  auto handler = s.out.subscribe_inline({}, [&](const event&) { ++handled; }).value();
  std::jthread network{[&] {
    const symbol_id btc = s.id("BTC");
    for (std::uint64_t i = 1; i <= total;) {
      publisher::batch batch{s.out};
      for (int n = 0; n < 10 && i <= total; ++n, ++i) scene::write_trade(batch, i, btc);
    }
    s.out.close();
  }};
  const auto read = [](subscription& queue, std::uint64_t& next) {
    const std::stop_token never;
    for (const event& told : queue.until(never)) {
      told.visit([](const status&) {}, [&](const trade& t) { next = t.trade_id() == next + 1 ? next + 1 : next; });
    }
  };
  std::uint64_t last_one = 0, last_two = 0;
  std::jthread reader{[&] { read(two, last_two); }};
  read(one, last_one);
  reader.join();
  network.join();
  CHECK(last_one == total);
  CHECK(last_two == total);
  CHECK(handled == total);
}

TEST_CASE("publisher: who sleeps is woken by the first tick of a drain, not by its end") {
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_newest, overflow::block, overflow::conflate}) {
    scene s;
    const symbol_id btc = s.id("BTC");
    auto queue = s.out.subscribe({.when_full = policy, .capacity = 16}).value();
    std::atomic<pid_t> reader_id{0};
    std::atomic<std::uint64_t> seen{0};
    std::jthread reader{[&](const std::stop_token& stop) {
      reader_id.store(foxtrot_test::this_thread());
      for (const event& told : queue.until(stop)) told.visit([](const status&) {}, [&](const book_ticker&) { ++seen; });
    }};
    while (reader_id.load() == 0) std::this_thread::yield();
    REQUIRE(foxtrot_test::falls_asleep(reader_id.load()));
    {
      publisher::batch drain{s.out};
      scene::write_quote(drain, 1, btc);
      CHECK(foxtrot_test::eventually([&] { return seen.load() == 1; }));
    }
    s.out.close();
  }
}

TEST_CASE("publisher: consumers and handlers come and go while it publishes") {
  scene s;
  std::atomic<bool> done{false};
  std::jthread network{[&] {
    const symbol_id btc = s.id("BTC");
    std::uint64_t i = 0;
    while (!done.load()) {
      publisher::batch batch{s.out};
      scene::write_quote(batch, ++i, btc);
    }
  }};
  const std::size_t rounds = foxtrot_test::repetitions(2000);
  std::size_t alive_calls = 0;
  std::size_t late_calls = 0;
  for (std::size_t i = 0; i < rounds; ++i) {
    constexpr overflow policies[] = {overflow::drop_oldest, overflow::drop_newest, overflow::conflate};
    auto queue = s.out.subscribe({.when_full = policies[i % 3], .capacity = 16}).value();
    std::atomic<bool> alive{true};
    std::atomic<std::size_t> calls{0}, late{0};
    {
      auto handler = s.out
                         .subscribe_inline({},
                                           [&](const event&) {
                                             ++calls;
                                             if (!alive.load()) ++late;
                                           })
                         .value();
      while (calls.load() == 0) std::this_thread::yield();
      const std::stop_token never;
      CHECK(queue.wait(never, std::chrono::seconds{20}));
    }
    alive.store(false);
    alive_calls += calls.load() != 0;
    late_calls += late.load();
  }
  done.store(true);
  network.join();
  CHECK(alive_calls == rounds);
  CHECK(late_calls == 0);
}

}  // namespace

TEST_CASE("publisher: a batch knows what somebody wants, whatever the way it is read") {
  scene s;
  const auto wants = [&s](tick_kind kind) { return publisher::batch{s.out}.wants(kind); };
  CHECK_FALSE(wants(tick_kind::trade));
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_newest, overflow::conflate}) {
    INFO(to_string(policy));
    auto quotes = s.out.subscribe({.kinds = tick_kind::book_ticker, .when_full = policy}).value();
    CHECK((wants(tick_kind::book_ticker) && !wants(tick_kind::trade) && wants(tick_kind::status)));
    auto trades = s.out.subscribe({.kinds = tick_kind::trade, .symbols = {"BTC"}, .when_full = policy}).value();
    CHECK((wants(tick_kind::book_ticker) && wants(tick_kind::trade)));
    quotes = {};
    CHECK((!wants(tick_kind::book_ticker) && wants(tick_kind::trade)));
    trades = {};
    CHECK((!wants(tick_kind::book_ticker) && !wants(tick_kind::trade)));
    auto everything = s.out.subscribe({.when_full = policy}).value();
    CHECK((wants(tick_kind::liquidation) && !wants(tick_kind::unknown_event)));
  }
  {
    const auto handler = s.out.subscribe_inline({.kinds = tick_kind::unknown_event}, [](const event&) {});
    CHECK((wants(tick_kind::unknown_event) && !wants(tick_kind::trade)));
  }
  CHECK_FALSE(wants(tick_kind::unknown_event));
}
