// tests/live_objects/live_objects_test.cpp: in a program that counts its objects, none is left when the feeds are gone,
// in whatever order things went.
#include <foxtrot/core/live_object.hpp>

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/market/order_book.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/thread/shutdown_coordinator.hpp>
#include <foxtrot/thread/signal_guard.hpp>
#include <foxtrot/thread/supervisor.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <support/live_feed.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using binance::market_data;
using binance::market_data_settings;

static_assert(counts_live_objects);

/// The types of which objects are alive, with their numbers; empty where all is well.
std::string left() {
  std::string all;
  for (const live_count& each : live_objects()) {
    if (each.alive != 0) all += std::string{each.type} + ": " + std::to_string(each.alive) + "\n";
  }
  return all;
}
/// Whether an object of a type whose name holds this was ever made.
bool made(std::string_view name) {
  const auto all = live_objects();
  return std::any_of(all.begin(), all.end(),
                     [name](const live_count& each) { return each.type.find(name) != each.type.npos; });
}

exchange_settings busy() {
  exchange_settings settings;
  settings.events_per_second = 2'000;
  settings.levels = 100;
  settings.limits.messages_per_second = 0;
  return settings;
}
const std::vector<std::string> streams{"btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms"};

/// A consumer of each kind, a book, and a handler that holds something.
struct consumers {
  explicit consumers(market_data& feed) {
    for (const overflow policy : {overflow::drop_newest, overflow::block, overflow::conflate}) {
      queues.push_back(feed.subscribe({.when_full = policy, .capacity = 64, .level_capacity = 4096}).value());
    }
    queues.push_back(feed.subscribe());
    queues.push_back(feed.subscribe());
    handlers.push_back(feed.subscribe_inline({}, [held = std::make_shared<order_book>(book)](const event&) {}).value());
    handlers.push_back(feed.subscribe_inline({}, [this](const event&) { ++calls; }).value());
  }
  consumers(const consumers&) = delete;
  consumers& operator=(const consumers&) = delete;

  void read() {
    for (subscription& each : queues) (void)each.poll(1000, [](const event&) {});
  }

  std::atomic<int> calls{0};
  order_book book;
  std::vector<subscription> queues;
  std::vector<inline_subscription> handlers;
};

/// Life as it is: data, streams that come and go, a snapshot that is asked for, a connection that is lost.
void use(market_data& feed, consumers& all) {
  const std::uint64_t before = feed.connection_info().connects;
  if (feed.connect()) throw std::runtime_error{"no thread"};
  const auto has_ticks = [&] {
    all.read();
    return feed.connection_info().connects > before && published_ticks(feed.counters()) > 50;
  };
  if (!eventually(has_ticks)) throw std::runtime_error{"no ticks"};
  (void)feed.request_snapshot("BTCUSDT");
  (void)feed.subscribe_streams({"ethusdt@trade"});
  (void)feed.drop_connection();
  const auto is_back = [&] {
    all.read();
    return feed.connection_info().connects > before + 1;
  };
  if (!eventually(is_back)) throw std::runtime_error{"no reconnect"};
  (void)feed.unsubscribe_streams({"ethusdt@trade"});
}

/// A program: an exchange, a feed, its consumers; `end` says in what order they go.
using ending = std::function<void(std::optional<market_data>&, std::optional<consumers>&, std::optional<exchange>&)>;
void run(const ending& end) {
  {
    std::optional<exchange> venue{std::in_place, busy()};
    REQUIRE(venue->start());
    std::optional<market_data> feed{std::in_place, feed_settings(*venue, streams)};
    std::optional<consumers> all{std::in_place, *feed};
    use(*feed, *all);
    end(feed, all, venue);
  }
  CHECK(left() == "");
}

/// Attempts that come no further than: nobody, no TLS, a certificate, a name.
void fail_at(int stage) {
  {
    exchange_settings settings = busy();
    settings.tls = stage != 1;
    if (stage == 2) settings.certificate = certificate_kind::expired;
    exchange venue{settings};
    REQUIRE(venue.start());
    auto wanted = feed_settings(venue, streams);
    if (stage == 0) wanted.websocket_url = wanted.rest_url = "wss://127.0.0.1:1";
    if (stage == 0) wanted.rest_url = "https://127.0.0.1:1";
    if (stage == 3) wanted.websocket_url = "wss://nowhere.invalid:443";
    wanted.session.errors = hasty();
    wanted.dial.lookup = [](const std::string&, std::uint16_t) { return result<endpoints>{errc::resolve_failed}; };
    market_data feed{wanted};
    consumers all{feed};
    REQUIRE_FALSE(feed.connect());
    CHECK(eventually([&] { return feed.counters().failed_attempts.get() > 1; }));
  }
  INFO("stage " << stage);
  CHECK(eventually([] { return lookups_under_way() == 0; }));
  CHECK(eventually([] { return left().empty(); }));  // the look-up's thread ends by itself
  CHECK(left() == "");
}

}  // namespace

TEST_CASE("live_objects: the feed goes before its consumers") {
  run([](auto& feed, auto& all, auto& venue) {
    feed.reset();
    all.reset();
    venue.reset();
  });
}

TEST_CASE("live_objects: consumers go before the feed") {
  run([](auto& feed, auto& all, auto& venue) {
    all.reset();
    feed.reset();
    venue.reset();
  });
}

TEST_CASE("live_objects: the exchange goes first, and the feed in the middle of its attempts") {
  run([](auto& feed, auto& all, auto& venue) {
    venue.reset();
    CHECK(eventually([&] { return feed->counters().failed_attempts.get() > 2; }));
    feed.reset();
    all->read();
    all.reset();
  });
}

TEST_CASE("live_objects: disconnected first, connected again, and then gone") {
  run([](auto& feed, auto& all, auto&) {
    CHECK_FALSE(feed->disconnect());
    use(*feed, *all);
    CHECK_FALSE(feed->disconnect());
  });
}

TEST_CASE("live_objects: a feed goes while it fetches what is missing") {
  for (const gap_repair mode : {gap_repair::before, gap_repair::after}) {
    {
      exchange venue{busy()};
      REQUIRE(venue.start());
      market_data_settings settings = feed_settings(venue, {"btcusdt@trade", "ethusdt@aggTrade"});
      settings.gap_repair.mode = mode;
      market_data feed{settings};
      REQUIRE_FALSE(feed.connect());
      REQUIRE(eventually([&] { return published_ticks(feed.counters()) > 20; }));
      fault stall;
      stall.kind = fault_kind::rest_stall;
      venue.inject(stall);
      fault drop;
      drop.kind = fault_kind::drop;
      drop.one_in = 20;
      venue.inject(drop);
      REQUIRE(eventually([&] { return venue.statistics().answers_withheld > 0; }));
      CHECK(made("gap_repairer"));
    }
    CHECK(left() == "");
  }
}

TEST_CASE("live_objects: everything goes by an exception") {
  {
    exchange venue{busy()};
    REQUIRE(venue.start());
    const auto strategy = [&venue] {
      market_data feed{feed_settings(venue, streams)};
      consumers all{feed};
      use(feed, all);
      const std::stop_token never;
      for (const event& told : all.queues.back().until(never, 20s))
        throw std::runtime_error{told.kind() == tick_kind::status ? "status" : "tick"};
    };
    CHECK_THROWS_AS(strategy(), std::runtime_error);
  }
  CHECK(left() == "");
}

TEST_CASE("live_objects: handlers that cancel themselves and others, and disconnect") {
  run([](auto& feed, auto& all, auto&) {
    std::atomic<bool> ready{false};  // the handler finds its own registration
    std::atomic<bool> done{false};
    std::atomic<bool> refused{false};
    inline_subscription last;
    std::optional<subscription> extra;
    last = feed->subscribe_inline({},
                                  [&](const event&) {
                                    if (!ready || done) return;
                                    all->handlers.clear();
                                    extra.emplace(feed->subscribe());
                                    extra.reset();
                                    refused = static_cast<bool>(feed->disconnect());
                                    last.cancel();
                                    done = true;
                                  })
               .value();
    ready = true;
    CHECK(eventually([&] { return done.load(); }));
    CHECK_FALSE(refused);
    CHECK_FALSE(feed->disconnect());
  });
}

TEST_CASE("live_objects: a strategy that its own handler keeps alive goes with the feed") {
  run([](auto& feed, auto& all, auto&) {
    struct strategy {
      inline_subscription registration;
      subscription ticks;
    };
    auto held = std::make_shared<strategy>();
    held->ticks = feed->subscribe();
    held->registration = feed->subscribe_inline({}, [held](const event&) { (void)held->ticks.dropped(); }).value();
    held.reset();
    feed.reset();
    all.reset();
  });
}

TEST_CASE(
    "live_objects: attempts that fail at every stage: nobody listens, no TLS, a wrong certificate, no such name") {
  for (const int stage : {0, 1, 2, 3}) fail_at(stage);
}

TEST_CASE("live_objects: two feeds whose handlers cancel each other's") {
  {
    exchange venue{busy()};
    REQUIRE(venue.start());
    market_data one{feed_settings(venue, streams)};
    market_data other{feed_settings(venue, streams)};
    inline_subscription of_one, of_other;
    std::atomic<int> done{0};
    of_one = one.subscribe_inline({}, [&](const event&) { of_other.cancel(), ++done; }).value();
    of_other = other.subscribe_inline({}, [&](const event&) { ++done; }).value();
    CHECK_FALSE(one.connect());
    CHECK_FALSE(other.connect());
    CHECK(eventually([&] { return done > 10; }));
    of_one.cancel();
  }
  CHECK(left() == "");
}

TEST_CASE("live_objects: a signal guard and a worker") {
  {
    const signal_guard signals;
    worker busy_one{{.name = "busy"}, [](const std::stop_token& stop) {
                      while (!stop.stop_requested()) std::this_thread::yield();
                    }};
  }
  CHECK(left() == "");
}

TEST_CASE("live_objects: what is left behind is named") {
  struct holder {
    std::shared_ptr<holder> itself;
    order_book book;
  };
  auto cycle = std::make_shared<holder>();
  cycle->itself = cycle;
  const std::weak_ptr<holder> seen = cycle;
  cycle.reset();
  CHECK(left().find("order_book: 1") != std::string::npos);
  seen.lock()->itself.reset();
  CHECK(left() == "");

  std::optional<symbol_table> symbols{std::in_place};
  auto leaked = std::make_unique<publisher>(*symbols);
  auto ticks = leaked->subscribe({.when_full = overflow::block}).value();
  ticks = {};
  const std::string names = left();
  CHECK(names.find("publisher: 1") != std::string::npos);
  CHECK(names.find("channel: 1") != std::string::npos);  // until the network thread next looks
  CHECK(names.find("spsc_ring<") != std::string::npos);
  leaked.reset();
  CHECK(left() != "");  // `ticks` itself
}

TEST_CASE("live_objects: all that owns something is counted") {
  run([](auto&, auto&, auto&) {});
  fail_at(3);
  {
    signal_guard signals;
    shutdown_coordinator coordinator{signals};
    thread_monitor monitor;
    supervisor keeper{
        monitor, {{.where = {.name = "child"}, .body = [](const std::stop_token&) {}, .watch = {.may_return = true}}}};
    worker watched = monitor.start({.name = "watched"}, [](const std::stop_token&) {}, {.may_return = true});
    const auto handler = monitor.on_event([](const thread_event&) {});
    const auto part = coordinator.add(watched);
    watched.join();
  }
  CHECK(left() == "");
  for (const std::string_view name : {"market_data",
                                      "subscription",
                                      "inline_subscription",
                                      "inline_registry",
                                      "inline_entry",
                                      "publisher",
                                      "outlets",
                                      "outlet",
                                      "inbox",
                                      "channel",
                                      "conflated_channel",
                                      "feed_ring",
                                      "feed_cursor",
                                      "status_board",
                                      "order_book",
                                      "book_keeper",
                                      "book_synchroniser",
                                      "engine",
                                      "depth_fetcher",
                                      "command_queue<",
                                      "websocket_manager<",
                                      "live_connection<",
                                      "websocket_stream<",
                                      "basic_tls_stream<",
                                      "tcp_stream",
                                      "tls_engine",
                                      "tls_context",
                                      "tls_session_store",
                                      "http_client",
                                      "async_thread_bridge",
                                      "loop_calls",
                                      "loop_ticket",
                                      "poller_list",
                                      "task_scope",
                                      "task_scope::state",
                                      "task_entry",
                                      "thread_monitor",
                                      "watched_thread",
                                      "watched_entry",
                                      "supervisor",
                                      "shutdown_coordinator",
                                      "registered_component",
                                      "timer_core",
                                      "timer_queue",
                                      "timer",
                                      "async_event",
                                      "lookup_job",
                                      "worker",
                                      "signal_guard",
                                      "spsc_ring<",
                                      "broadcast_ring<",
                                      "payload_arena<",
                                      "overwriting_arena<",
                                      "conflating_table<",
                                      "mpmc_queue<",
                                      "exchange",
                                      "exchange_server",
                                      "exchange_connection",
                                      "generator_source"}) {
    INFO(name);
    CHECK(made(name));
  }
}
