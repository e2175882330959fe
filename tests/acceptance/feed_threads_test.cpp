// tests/acceptance/feed_threads_test.cpp: a live feed, its monitor and its coordinator: what consumers hear of threads,
// and how a feed ends politely, by force, and with everything else.
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/feed/shutdown_component.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;
using real = std::chrono::steady_clock;

struct live_venue {
  live_venue() {
    const auto started = exchange.start();
    REQUIRE(started);
    host = "127.0.0.1:" + std::to_string(*started);
  }
  [[nodiscard]] binance::market_data_settings settings() {
    binance::market_data_settings made;
    made.streams = {"btcusdt@trade", "btcusdt@bookTicker"};
    made.websocket_url = "wss://" + host;
    made.rest_url = "https://" + host;
    made.ca_pem = exchange.ca_pem();
    return made;
  }

  foxtrot::exchange exchange{exchange_settings{.events_per_second = 2000}};
  std::string host;
};

/// Reads until a status of that kind; nothing after half a minute without one.
std::optional<std::string> next_of(subscription& ticks, status_code wanted) {
  std::optional<std::string> name;
  const auto limit = real::now() + 30s;
  for (const event& each : ticks.until({}, 5s)) {
    each.visit(
        [&](const status& s) {
          if (s.code() == wanted) name = s.thread_name();
        },
        [](const trade&) {});
    if (name || real::now() > limit) break;
  }
  return name;
}

}  // namespace

TEST_CASE("feeds: the crash of any watched thread is told among the ticks", "[acceptance]") {
  live_venue v;
  thread_monitor monitor;
  auto settings = v.settings();
  settings.monitor = &monitor;
  binance::market_data feed{settings};
  auto ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  CHECK(next_of(ticks, status_code::connected) == "");
  CHECK(monitor.watched() == 1);
  const worker strategy = monitor.start(
      {.name = "strategy"}, [](const std::stop_token&) { throw std::runtime_error{"a strategy's mistake"}; });
  CHECK(next_of(ticks, status_code::thread_crashed) == "strategy");
  CHECK_FALSE(feed.disconnect());
  CHECK(monitor.watched() == 1);  // the strategy
}

TEST_CASE("feeds: a network thread that a handler holds up is stalled, and says so when it gets on", "[acceptance]") {
  live_venue v;
  thread_monitor monitor{{.scan_every = 5ms}};
  std::atomic<bool> stalled{false};
  const auto listening = monitor.on_event([&stalled](const thread_event& event) {
    if (event.kind == thread_event_kind::stalled && event.name == "net") stalled = true;
  });
  auto settings = v.settings();
  settings.monitor = &monitor;
  settings.watch.threshold = bound(150ms);
  binance::market_data feed{settings};
  auto ticks = feed.subscribe();
  std::atomic<bool> held{false};
  auto slow = feed.subscribe_inline({}, [&](const event& each) {
    if (each.kind() != tick_kind::trade || held.exchange(true)) return;
    while (!stalled) std::this_thread::yield();
  });
  REQUIRE(slow);
  REQUIRE_FALSE(feed.connect());
  CHECK(next_of(ticks, status_code::thread_stalled) == "net");
  CHECK(next_of(ticks, status_code::thread_recovered) == "net");
}

TEST_CASE("feeds: quiet or busy, a network thread is not called stalled", "[acceptance]") {
  for (const idle waiting : {idle::block, idle::adaptive, idle::spin}) {
    live_venue v;
    thread_monitor monitor{{.scan_every = 5ms}};
    std::atomic<int> events{0};
    const auto listening = monitor.on_event([&events](const thread_event&) { ++events; });
    auto settings = v.settings();
    settings.monitor = &monitor;
    settings.network.idle = waiting;
    settings.watch.threshold = bound(400ms);
    binance::market_data feed{settings};
    auto ticks = feed.subscribe();
    REQUIRE_FALSE(feed.connect());
    CHECK(next_of(ticks, status_code::connected) == "");
    v.exchange.pause();
    const auto end = real::now() + 1200ms;
    for (const event& each : ticks.until({}, 1200ms)) {
      if (each.kind() != tick_kind::status && real::now() > end) break;
    }
    CHECK(events.load() == 0);
    CHECK(monitor.all_well());
  }
}

TEST_CASE("feeds: a coordinator ends them all, and the report says so", "[acceptance]") {
  live_venue v;
  std::atomic<int> exits{0};
  shutdown_coordinator coordinator{shutdown_settings{.exit = [&exits](int) { ++exits; }}};
  std::deque<binance::market_data> feeds;
  for (int i = 0; i < 4; ++i) feeds.emplace_back(v.settings());
  binance::market_data single{v.settings()};
  const auto all = add_feeds(coordinator, "feeds", feeds);
  const auto one = add_feed(coordinator, "single", single);
  for (auto& each : feeds) REQUIRE_FALSE(each.connect());
  REQUIRE_FALSE(single.connect());
  auto ticks = single.subscribe();
  CHECK(next_of(ticks, status_code::connected) == "");
  CHECK(coordinator.shutdown("test") == to_status(exit_code::clean));
  for (auto& each : feeds) {
    CHECK(each.connection_info().state == session_state::disconnected);
    CHECK(each.tasks().empty());
  }
  CHECK(single.connection_info().state == session_state::disconnected);
  CHECK(exits.load() == 0);
}

TEST_CASE("feeds: abort cuts off a goodbye that the venue does not answer", "[acceptance][alone]") {
  live_venue v;
  auto settings = v.settings();
  settings.session.close_timeout = 60s;
  binance::market_data feed{settings};
  std::atomic<bool> held{true};
  std::atomic<bool> in_handler{false};
  auto ticks = feed.subscribe();
  // the goodbye waits behind a handler that holds the network thread: nothing else can make our own venue silent
  auto slow = feed.subscribe_inline({}, [&](const event& each) {
    if (each.kind() != tick_kind::trade) return;
    in_handler = true;
    while (held) std::this_thread::yield();
  });
  REQUIRE_FALSE(feed.connect());
  while (!in_handler) std::this_thread::yield();
  std::jthread leaver{[&feed] { (void)feed.disconnect(); }};
  feed.abort();  // returns although somebody else waits inside disconnect()
  feed.abort();
  CHECK_FALSE(feed.tasks().empty());
  held = false;
  const auto before = real::now();
  leaver.join();
  CHECK(real::now() - before < bound(5s));
  CHECK_FALSE(feed.disconnect());
  CHECK(feed.tasks().empty());
  CHECK_FALSE(feed.connect());  // and it can be had again
  CHECK(next_of(ticks, status_code::connected) == "");
}

TEST_CASE("feeds: abort alone ends a connection, a connection attempt, and nothing where there is none",
          "[acceptance]") {
  live_venue v;
  binance::market_data feed{v.settings()};
  feed.abort();
  feed.start_disconnect();
  for (int round = 0; round < 20; ++round) {
    auto ticks = feed.subscribe();
    REQUIRE_FALSE(feed.connect());
    if (round % 2 == 0) CHECK(next_of(ticks, status_code::connected) == "");
    feed.abort();
    if (round % 3 == 0) continue;  // connect() ends what is left of it
    CHECK_FALSE(feed.disconnect());
    CHECK(feed.connection_info().state == session_state::disconnected);
  }
}
