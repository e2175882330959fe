// tests/acceptance/network_threads_test.cpp: a feed on several network threads is one feed: every stream is heard, in
// order, with the statuses of one connection; it ends as one, and leaves nothing behind.
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <support/child_exchange.hpp>
#include <support/live_feed.hpp>
#include <support/open_files.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using binance::market_data;
using strings = std::vector<std::string>;

constexpr std::size_t symbol_count = 30;

exchange_settings thirty_symbols() {
  exchange_settings settings;
  settings.symbols = default_symbols(sim_market::spot, symbol_count);
  settings.events_per_second = sanitized ? 600 : 3'000;
  settings.levels = 50;
  settings.limits.messages_per_second = 0;
  settings.limits.weight_per_minute = 1'000'000'000;
  return settings;
}

strings streams_of_all(const strings& kinds) {
  strings streams;
  for (const symbol_spec& each : default_symbols(sim_market::spot, symbol_count)) {
    for (const std::string& kind : kinds) streams.push_back(each.lower_name() + kind);
  }
  return streams;
}

template <class Venue>
binance::market_data_settings three_threads(const Venue& venue, strings streams) {
  auto settings = feed_settings(venue, std::move(streams));
  settings.ring = {.capacity = 64 * 1024, .level_capacity = 512 * 1024};
  settings.network.threads = 3;
  return settings;
}

/// Of this process, by name.
std::multiset<std::string> thread_names() {
  std::multiset<std::string> names;
  for (const auto& each : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{each.path() / "comm"};
    std::string name;
    if (std::getline(file, name)) names.insert(name);
  }
  return names;
}

/// Reads as a strategy does, and checks what it sees.
struct witness {
  explicit witness(subscription from) : ticks{std::move(from)} {}

  void note(const event& each) {
    each.visit(
        [this](const status& s) {
          if (s.code() != status_code::gap && s.code() != status_code::resynchronised) statuses.push_back(s.code());
        },
        [this](const trade& t) { follow(t.symbol().name(), "trade", t.trade_id()); },
        [this](const book_ticker& t) {
          if (t.source() == source::http) {
            heard.insert({std::string{t.symbol().name()}, "quote"});  // without an id
          } else {
            follow(t.symbol().name(), "quote", t.record().update_id);
          }
        },
        [this](const depth_update& t) { follow(t.symbol().name(), "depth", t.last_id()); },
        [this](const depth_snapshot& t) { ++snapshots[std::string{t.symbol().name()}]; });
  }
  template <class Predicate>
  bool read_until(Predicate enough) {
    const auto end = std::chrono::steady_clock::now() + bound(30s);
    if (enough()) return true;
    for (const event& each : ticks.until({}, bound(20s))) {
      note(each);
      if (enough()) return true;
      if (std::chrono::steady_clock::now() > end) return false;
    }
    return false;
  }
  /// Of each kind and symbol, a new one.
  bool read_all(std::size_t streams) {
    heard.clear();
    return read_until([&] { return heard.size() == streams; });
  }
  bool read_status(status_code wanted) {
    const auto count = [&] { return std::count(statuses.begin(), statuses.end(), wanted); };
    const auto before = count();
    return read_until([&] { return count() > before; });
  }

  subscription ticks;
  std::vector<status_code> statuses;
  std::map<std::string, int> snapshots;
  std::set<std::pair<std::string, std::string>> heard;
  std::map<std::pair<std::string, std::string>, std::uint64_t> last;
  std::size_t disorder{0};

 private:
  void follow(std::string_view symbol, const char* kind, std::uint64_t id) {
    const std::pair<std::string, std::string> key{symbol, kind};
    heard.insert(key);
    disorder += id <= std::exchange(last[key], id) ? 1U : 0U;
  }
};

struct running_exchange : exchange {
  explicit running_exchange(exchange_settings settings = thirty_symbols()) : exchange{std::move(settings)} {
    const auto started = start();
    if (!started) FAIL("start: " << started.error().message());
  }
};

using codes = std::vector<status_code>;
using enum status_code;

}  // namespace

TEST_CASE("network threads: thirty symbols on three threads are one feed", "[acceptance]") {
  running_exchange venue;
  market_data feed{three_threads(venue, streams_of_all({"@trade", "@bookTicker", "@depth@100ms"}))};
  witness ring{feed.subscribe()};
  witness queue{feed.subscribe({.when_full = overflow::drop_newest}).value()};
  auto latest = feed.subscribe({.when_full = overflow::conflate}).value();
  std::mutex guard;
  std::map<std::string, std::set<std::thread::id>> threads_of_symbol;
  codes told_inline;
  const auto handler = feed.subscribe_inline({}, [&](const event& each) {
    const std::lock_guard lock{guard};
    each.visit(
        [&](const status& s) { told_inline.push_back(s.code()); },
        [&](const trade& t) { threads_of_symbol[std::string{t.symbol().name()}].insert(std::this_thread::get_id()); });
  });
  REQUIRE(handler);
  REQUIRE_FALSE(feed.connect());
  const auto names = thread_names();
  for (const char* name : {"net", "net-2", "net-3"}) CHECK(names.count(name) == 1);

  CHECK(ring.read_all(3 * symbol_count));
  CHECK(ring.read_until([&] { return !ring.statuses.empty(); }));
  CHECK(queue.read_all(3 * symbol_count));
  CHECK(ring.statuses == codes{connected});
  CHECK(queue.statuses == codes{connected});
  CHECK(ring.disorder + queue.disorder == 0);
  CHECK(ring.ticks.dropped() + queue.ticks.dropped() == 0);
  for (const symbol_spec& each : default_symbols(sim_market::spot, symbol_count)) {
    CHECK(latest.latest<book_ticker>(each.name));
    CHECK(feed.request_snapshot(each.name) == std::error_code{});
  }
  CHECK(feed.request_snapshot("NOSUCH") == errc::bad_argument);
  CHECK(ring.read_until([&] { return ring.snapshots.size() == symbol_count; }));
  {
    const std::lock_guard lock{guard};
    std::map<std::thread::id, std::size_t> symbols_of_thread;
    for (const auto& [symbol, its] : threads_of_symbol) {
      CHECK(its.size() == 1);
      ++symbols_of_thread[*its.begin()];
    }
    CHECK(threads_of_symbol.size() == symbol_count);
    CHECK(symbols_of_thread.size() == 3);
    for (const auto& [thread, count] : symbols_of_thread) CHECK(count == symbol_count / 3);
    CHECK(std::count(told_inline.begin(), told_inline.end(), connected) == 1);
  }
  CHECK(feed.counters().connects.get() == 3);
  CHECK(feed.counters().ticks[static_cast<std::size_t>(tick_kind::trade)].get() >= symbol_count);
  const auto info = feed.connection_info();
  CHECK(info.state == session_state::connected);
  CHECK(info.connects == 3);
  CHECK(info.connected_for > 0ns);
  CHECK_FALSE(feed.tasks().empty());

  witness late{feed.subscribe()};
  CHECK(late.read_all(symbol_count));
  CHECK(late.statuses == codes{connected});

  CHECK_FALSE(feed.disconnect());
  (void)ring.read_until([&] { return ring.statuses.back() == disconnected; });
  ring.ticks.poll(1'000'000, [&](const event& each) { ring.note(each); });
  CHECK(ring.statuses == codes{connected, disconnected});
  CHECK(ring.disorder == 0);
  CHECK(feed.tasks().empty());
  CHECK(thread_names().count("net-2") == 0);
}

TEST_CASE("network threads: lost connections are told, and the feed is connected again with the last", "[acceptance]") {
  running_exchange venue;
  market_data feed{three_threads(venue, streams_of_all({"@bookTicker"}))};
  witness seen{feed.subscribe()};
  REQUIRE_FALSE(feed.connect());
  CHECK(seen.read_status(connected));
  for (int round = 1; round <= 5; ++round) {
    const std::size_t before = seen.statuses.size();
    CHECK_FALSE(feed.drop_connection());
    CHECK(seen.read_status(connected));
    const codes since{seen.statuses.begin() + static_cast<std::ptrdiff_t>(before), seen.statuses.end()};
    // Each of the three is told; one may be back before another is lost.
    CHECK(std::count(since.begin(), since.end(), disconnected) >= 1);
    CHECK(since.back() == connected);
    CHECK(seen.read_all(symbol_count));
    CHECK(eventually([&] {
      return feed.counters().connects.get() == static_cast<std::uint64_t>(3 + 3 * round) &&
             feed.connection_info().state == session_state::connected;
    }));
    seen.ticks.poll(1'000'000, [&](const event& each) { seen.note(each); });
    CHECK(seen.statuses.back() == connected);
  }
  CHECK(seen.disorder == 0);
}

TEST_CASE("network threads: streams come and go on their threads", "[acceptance]") {
  running_exchange venue;
  auto settings = three_threads(venue, {});
  market_data feed{settings};
  witness seen{feed.subscribe()};
  REQUIRE_FALSE(feed.connect());
  const strings quotes = streams_of_all({"@bookTicker"});
  const strings first{quotes.begin(), quotes.begin() + 10};
  const strings rest{quotes.begin() + 10, quotes.end()};
  CHECK_FALSE(feed.subscribe_streams(first));
  CHECK(seen.read_all(10));
  CHECK_FALSE(feed.subscribe_streams(rest));
  CHECK(seen.read_all(symbol_count));
  CHECK_FALSE(feed.unsubscribe_streams(first));
  CHECK(seen.read_all(symbol_count - 10));
  CHECK_FALSE(feed.subscribe_streams(first));
  CHECK(seen.read_all(symbol_count));
  CHECK(seen.disorder == 0);
  CHECK(seen.statuses == codes{connected});
}

TEST_CASE("network threads: polling stands in for all, and is told once", "[acceptance]") {
  running_exchange venue;
  auto settings = three_threads(venue, streams_of_all({"@bookTicker"}));
  settings.fallback = true;
  settings.session.errors = hasty();
  settings.breaker.failure_threshold = 2;
  settings.breaker.recovery_timeout = bound(300ms);
  settings.polling.interval = 50ms;
  settings.polling.weight_per_minute = 1'000'000;
  market_data feed{settings};
  witness seen{feed.subscribe()};
  REQUIRE_FALSE(feed.connect());
  CHECK(seen.read_status(connected));
  fault refusal;
  refusal.kind = fault_kind::upgrade;
  refusal.code = 503;
  venue.inject(refusal);
  venue.reset_connections();
  CHECK(seen.read_status(fallback_started));
  CHECK(eventually([&] { return feed.connection_info().polled_streams == symbol_count; }));
  CHECK(seen.read_all(symbol_count));
  venue.clear_faults();
  CHECK(seen.read_status(fallback_ended));
  CHECK(eventually([&] { return feed.connection_info().polled_streams == 0; }));
  CHECK(seen.read_all(symbol_count));
  const auto count = [&](status_code code) { return std::count(seen.statuses.begin(), seen.statuses.end(), code); };
  CHECK(count(fallback_started) == 1);
  CHECK(count(fallback_ended) == 1);
  CHECK(seen.disorder == 0);
}

TEST_CASE("network threads: more of them than symbols, polled or streamed, are connected all the same",
          "[acceptance]") {
  running_exchange venue;
  for (const bool polled : {false, true}) {
    auto settings = three_threads(venue, {"btcusdt@bookTicker", "ethusdt@bookTicker"});
    if (polled) settings.websocket = binance::websocket_choice::none();
    settings.polling.interval = 20ms;
    settings.polling.weight_per_minute = 1'000'000;
    market_data feed{settings};
    witness seen{feed.subscribe()};
    REQUIRE_FALSE(feed.connect());
    CHECK(seen.read_status(connected));
    CHECK(seen.read_all(2));
    CHECK(seen.statuses == codes{connected});
  }
}

TEST_CASE("network threads: fifty connects and disconnects leave no thread and no descriptor", "[acceptance][alone]") {
  const child_exchange venue{thirty_symbols()};
  symbol_table symbols;
  auto settings = three_threads(venue, streams_of_all({"@bookTicker", "@depth@100ms"}));
  settings.symbols = &symbols;
  settings.ring = {.capacity = 1024, .level_capacity = 4096};
  const std::size_t threads_before = settled_threads();
  {
    market_data feed{settings};
    std::size_t files = 0;
    for (int i = 0; i < 50; ++i) {
      {
        auto ticks = feed.subscribe();
        auto queue = feed.subscribe({.when_full = overflow::drop_newest, .capacity = 64, .level_capacity = 1024});
        std::atomic<std::size_t> handled{0};
        const auto handler = feed.subscribe_inline({}, [&handled](const event&) { ++handled; });
        CHECK_FALSE(feed.connect());
        CHECK(read_tick(ticks));
        if (i % 5 == 4) feed.abort();
        CHECK_FALSE(feed.disconnect());
      }
      CHECK(threads_are(threads_before));
      if (i == 0) files = open_files();
      CHECK(open_files() == files);
    }
    CHECK(feed.counters().connects.get() >= 50);
  }
  CHECK(threads_are(threads_before));
  CHECK(eventually([&] { return venue.open_connections() == 0; }));
}

TEST_CASE("network threads: a handler may use its feed, and end it, while other threads begin", "[acceptance]") {
  running_exchange venue;
  auto settings = three_threads(venue, streams_of_all({"@bookTicker"}));
  market_data feed{settings};
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> statuses{0};
    std::atomic<std::size_t> ticks{0};
    const auto handler = feed.subscribe_inline({}, [&](const event& each) {
      if (each.kind() == tick_kind::status) {
        ++statuses;
        (void)feed.subscribe_streams({"btcusdt@trade", "sim20usdt@trade"});
        (void)feed.request_snapshot("BTCUSDT");
        (void)feed.connection_info();
        return;
      }
      if (++ticks > 20) (void)feed.disconnect();
    });
    (void)feed.connect();
    CHECK(eventually([&] { return ticks > 20; }));
    CHECK_FALSE(feed.disconnect());
    CHECK_FALSE(feed.unsubscribe_streams({"btcusdt@trade", "sim20usdt@trade"}));
  }
}

TEST_CASE("network threads: all are watched, and what happens to a thread is told once, by one that gets on",
          "[acceptance]") {
  running_exchange venue;
  thread_monitor monitor{{.scan_every = 5ms}};
  auto settings = three_threads(venue, streams_of_all({"@bookTicker"}));
  settings.monitor = &monitor;
  settings.watch.threshold = bound(150ms);
  market_data feed{settings};
  witness seen{feed.subscribe()};
  std::atomic<bool> holds{true};
  const auto handler = feed.subscribe_inline({}, [&](const event& each) {
    char name[16]{};
    (void)::pthread_getname_np(::pthread_self(), name, sizeof name);
    if (each.kind() == tick_kind::status || std::string{name} != "net") return;
    while (holds) std::this_thread::yield();
  });
  REQUIRE_FALSE(feed.connect());
  CHECK(monitor.watched() == 3);
  CHECK(seen.read_status(thread_stalled));  // while it is
  holds = false;
  CHECK(seen.read_status(thread_recovered));
  const worker strategy = monitor.start({.name = "strategy"}, [](const std::stop_token&) { throw 1; });
  CHECK(seen.read_status(thread_crashed));
  CHECK(seen.read_all(symbol_count));
  CHECK(std::count(seen.statuses.begin(), seen.statuses.end(), thread_crashed) == 1);
  CHECK_FALSE(feed.disconnect());
  CHECK(monitor.watched() == 1);
}

TEST_CASE("network threads: where one cannot be had, none runs", "[acceptance][alone]") {
  if (sanitized) return;  // they have maps of their own in the address space
  running_exchange venue;
  market_data feed{three_threads(venue, streams_of_all({"@bookTicker"}))};
  const std::size_t before = settled_threads();
  std::size_t pages = 0;
  std::ifstream{"/proc/self/statm"} >> pages;
  pthread_attr_t usual;
  pthread_attr_t huge;
  rlimit space{};
  REQUIRE(::pthread_getattr_default_np(&usual) == 0);
  REQUIRE(::pthread_attr_init(&huge) == 0);
  REQUIRE(::getrlimit(RLIMIT_AS, &space) == 0);
  // there is room for the stacks of two
  constexpr std::size_t stack = std::size_t{64} << 30U;
  REQUIRE(::pthread_attr_setstacksize(&huge, stack) == 0);
  REQUIRE(::pthread_setattr_default_np(&huge) == 0);
  rlimit tight = space;
  tight.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + stack * 5 / 2;
  REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  const std::error_code failed = feed.connect();
  REQUIRE(::setrlimit(RLIMIT_AS, &space) == 0);
  REQUIRE(::pthread_setattr_default_np(&usual) == 0);
  CHECK(failed == std::errc::resource_unavailable_try_again);
  CHECK(threads_are(before));
  CHECK(feed.tasks().empty());
  CHECK(feed.connection_info().state == session_state::disconnected);
  witness seen{feed.subscribe()};
  CHECK_FALSE(feed.connect());
  CHECK(seen.read_all(symbol_count));
}

TEST_CASE("network threads: settings that cannot be right are refused", "[acceptance]") {
  binance::market_data_settings settings;
  settings.network.threads = 0;
  CHECK_THROWS_AS(market_data{settings}, std::system_error);
  settings.network.threads = 65;
  CHECK_THROWS_AS(market_data{settings}, std::system_error);
  settings.network.threads = 2;
  settings.network.more_cpus = {1, 0};
  CHECK_THROWS_AS(market_data{settings}, std::system_error);
  settings.network.more_cpus = {1};
  CHECK(binance::detail::network_of(settings.network, 0).name == "net");
  CHECK(binance::detail::network_of(settings.network, 0).cpu == -1);
  CHECK(binance::detail::network_of(settings.network, 1).name == "net-2");
  CHECK(binance::detail::network_of(settings.network, 1).cpu == 1);
  CHECK(binance::detail::network_of(settings.network, 2).cpu == -1);
}
