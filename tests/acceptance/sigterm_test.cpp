// tests/acceptance/sigterm_test.cpp: SIGTERM to a program under load: every thread ends, and every tick is accounted
// for.
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/thread/signal_guard.hpp>
#include <foxtrot/thread/worker.hpp>

#include <support/child_exchange.hpp>
#include <support/child_process.hpp>
#include <support/live_feed.hpp>
#include <support/open_files.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using binance::market_data;

/// How the program below ends. Zero is the documented end after a stop that was asked for; the rest are findings.
enum outcome : int { ended = 0, not_started = 1, ticks_lost = 2, late = 3, threads_left = 4, files_left = 5, idle = 6 };

constexpr std::size_t symbol_count = 64;

exchange_settings loaded_exchange() {
  exchange_settings settings;
  settings.symbols = default_symbols(sim_market::spot, symbol_count);
  settings.events_per_second = sanitized ? 5'000 : 60'000;
  settings.levels = 20;
  settings.limits.messages_per_second = 0;
  return settings;
}

std::vector<std::string> all_streams() {
  std::vector<std::string> all;
  for (const symbol_spec& each : default_symbols(sim_market::spot, symbol_count)) {
    all.push_back(each.lower_name() + "@bookTicker");
    all.push_back(each.lower_name() + "@trade");
  }
  return all;
}

/// Reads until it is told to stop, and then what is left. What it has read is looked at after its thread's end.
struct consumer {
  consumer(subscription from, const std::stop_token& stop, std::chrono::microseconds pause)
      : ticks{std::move(from)}, thread{{.name = "consumer"}, [this, stop, pause](const std::stop_token&) {
                                         for (const event& told : ticks.until(stop)) {
                                           count(told);
                                           if (pause > 0us && seen % 64 == 0) std::this_thread::sleep_for(pause);
                                         }
                                       }} {}
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;

  /// Once its thread and the feed's have ended.
  void read_rest() {
    while (ticks.poll(1024, [this](const event& told) { count(told); }) != 0) continue;
  }
  void count(const event& told) {
    told.kind() == tick_kind::status ? void() : void(++seen);
    told.visit([this](const status& s) { told_lost += s.code() == status_code::dropped ? s.count() : 0; });
  }

  subscription ticks;
  std::uint64_t seen{0};
  std::uint64_t told_lost{0};
  worker thread;
};

/// Every tick was read or counted as lost, and the losses were told. A status that found no room counts as well.
bool accounts_for_all(const consumer& one, const feed_counters& counters) {
  const std::uint64_t all = one.seen + one.ticks.dropped();
  const std::uint64_t published = published_ticks(counters);
  return all >= published && all - published <= published_statuses(counters) && one.told_lost == one.ticks.dropped();
}

int strategy(const child_exchange& venue, const child_line& line) {
  const std::size_t files = open_files();
  const std::size_t threads_before = settled_threads();
  {
    const signal_guard signals;
    auto settings = feed_settings(venue, all_streams());
    settings.ring = {.capacity = std::size_t{1} << 14U, .level_capacity = 1024};
    market_data feed{std::move(settings)};
    const auto subscribe = [&feed](overflow policy, std::size_t capacity) {
      return feed.subscribe({.when_full = policy, .capacity = capacity, .level_capacity = 64}).value();
    };
    std::array<std::optional<consumer>, 4> all;
    all[0].emplace(feed.subscribe(), signals.stop_token(), 0us);
    all[1].emplace(feed.subscribe(), signals.stop_token(), 20ms);  // loses some
    all[2].emplace(subscribe(overflow::block, 4096), signals.stop_token(), 0us);
    all[3].emplace(subscribe(overflow::drop_newest, 64), signals.stop_token(), 5ms);  // loses many
    if (feed.connect()) return not_started;
    if (!eventually([&] { return published_ticks(feed.counters()) > repetitions(20'000); })) return idle;
    const std::uint64_t before = published_ticks(feed.counters());
    const auto since = std::chrono::steady_clock::now();
    if (!eventually([&] { return published_ticks(feed.counters()) > before + repetitions(100'000); })) return idle;
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - since;
    const double rate = static_cast<double>(published_ticks(feed.counters()) - before) / taken.count();
    line.say(static_cast<char>('A' + static_cast<int>(rate / 10'000)));  // now the parent may send it

    const std::stop_token stop = signals.stop_token();
    std::atomic<bool> stopped{false};
    const std::stop_callback note{stop, [&stopped]() noexcept {
                                    stopped = true;
                                    stopped.notify_all();
                                  }};
    stopped.wait(false);
    const auto begin = std::chrono::steady_clock::now();
    if (feed.disconnect()) return late;
    for (auto& each : all) each->thread.join();
    if (std::chrono::steady_clock::now() - begin > bound(500ms)) return late;
    for (auto& each : all) each->read_rest();
    for (const auto& each : all) {
      if (!accounts_for_all(*each, feed.counters())) return ticks_lost;
    }
    if (all[3]->ticks.dropped() == 0) return idle;
  }
  if (!threads_are(threads_before)) return threads_left;
  if (open_files() != files) return files_left;
  return ended;
}

}  // namespace

TEST_CASE(
    "sigterm: a program that reads 64 symbols at full speed with four consumers ends at once, with every tick "
    "accounted for",
    "[acceptance][alone]") {
  const child_exchange venue{loaded_exchange()};
  for (int round = 0; round < 3; ++round) {
    child_process program{[&venue](const child_line& line) { return strategy(venue, line); }};
    char rate = 0;
    for (int patience = 0; patience < 6 && rate == 0; ++patience) rate = program.hear();
    INFO("about " << (rate - 'A') * 10'000 << " ticks a second");
    REQUIRE(rate != 0);
    program.signal(round % 2 == 0 ? SIGTERM : SIGINT);
    CHECK(program.end() == ended);
  }
}
