// tests/acceptance/paused_consumer_test.cpp: a strategy that stops reading for seconds, while others stream on.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/sim/exchange.hpp>
#include <support/sanitizer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;

std::size_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t size = 0;
  std::size_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// What one consumer saw. Every status counts as an event like any other, but those that speak of itself alone.
struct account {
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> told_lost{0};
  std::atomic<std::uint64_t> gaps{0};
  std::vector<std::int64_t> latencies_ns;

  void enter(const event& told) {
    bool of_its_own = false;
    told.visit(
        [&](const status& each) {
          if (each.code() == status_code::dropped) {
            told_lost += each.count();
            of_its_own = true;
          } else if (each.code() == status_code::gap) {
            ++gaps;
          } else {
            of_its_own = after_loss;  // how things stand: told again because of the loss
          }
        },
        [&](const book_ticker& each) { latencies_ns.push_back(epoch_clock::now_ns() - each.record().received_ns); },
        [&](const auto&) {});
    after_loss = of_its_own;
    if (!of_its_own) ++events;
  }
  bool after_loss{false};
};

/// One that reads all the time.
struct runner {
  subscription ticks;
  account seen;
  std::mutex entering;
  std::condition_variable entered;
  std::jthread thread;

  explicit runner(subscription from) : ticks{std::move(from)} {
    seen.latencies_ns.reserve(std::size_t{1} << 20);
    thread = std::jthread{[this](const std::stop_token& stop) {
      for (const auto& each : ticks.until(stop)) {
        const std::lock_guard lock{entering};
        seen.enter(each);
        entered.notify_one();
      }
    }};
  }
  /// Waits until it has seen so many events; false where that takes far too long.
  bool reaches(std::uint64_t events) {
    std::unique_lock lock{entering};
    return entered.wait_for(lock, bound(30s), [&] { return seen.events >= events; });
  }
};

std::int64_t p99(std::vector<std::int64_t> sorted) {
  if (sorted.empty()) return 0;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() * 99 / 100];
}

void pause_one(std::chrono::milliseconds pause) {
  exchange_settings busy;
  busy.events_per_second = foxtrot_test::sanitized ? 1'000 : 5'000;
  exchange venue{std::move(busy)};
  const auto started = venue.start();
  if (!started) FAIL("start: " << started.error().message());

  binance::market_data_settings settings;
  settings.streams = {"btcusdt@bookTicker", "btcusdt@trade", "ethusdt@bookTicker", "ethusdt@trade"};
  settings.websocket_url = "wss://127.0.0.1:" + std::to_string(venue.port());
  settings.rest_url = "https://127.0.0.1:" + std::to_string(venue.port());
  settings.ca_pem = venue.ca_pem();
  // nearly a second of events: the others may be held up for as long without a loss
  settings.ring.capacity = foxtrot_test::sanitized ? 1024 : 4096;
  binance::market_data feed{std::move(settings)};

  auto paused = feed.subscribe({}).value();
  auto conflating = feed.subscribe({.when_full = overflow::conflate}).value();
  auto bounded = feed.subscribe({.when_full = overflow::drop_newest, .capacity = 64}).value();
  runner one{feed.subscribe({}).value()};
  runner two{feed.subscribe({.waiting = idle::adaptive}).value()};
  REQUIRE(feed.connect() == std::error_code{});

  const auto wait_for = [&](std::uint64_t events) {
    if (one.reaches(events) && two.reaches(events)) return;
    FAIL("waits for " << events << " events, has " << one.seen.events << " and " << two.seen.events);
  };
  wait_for(1000);
  const std::size_t resident = resident_bytes();
  // nobody reads `paused`, `conflating` and `bounded` for that long
  const auto until = std::chrono::steady_clock::now() + pause;
  while (std::chrono::steady_clock::now() < until) wait_for(one.seen.events.load() + 1);
  const std::size_t grown = resident_bytes() - std::min(resident, resident_bytes());

  REQUIRE(feed.disconnect() == std::error_code{});
  const std::uint64_t read_before = one.seen.events.load();
  account late;
  account few;
  account newest;
  paused.poll(std::size_t{1} << 22, [&](const event& each) { late.enter(each); });
  bounded.poll(std::size_t{1} << 22, [&](const event& each) { few.enter(each); });
  conflating.poll(std::size_t{1} << 22, [&](const event& each) { newest.enter(each); });
  wait_for(late.events + late.told_lost);

  CHECK(one.ticks.dropped() == 0);
  CHECK(two.ticks.dropped() == 0);
  CHECK((one.seen.told_lost == 0 && two.seen.told_lost == 0));
  CHECK(one.seen.events == two.seen.events);
  CHECK(one.seen.events >= read_before);
  CHECK(late.events + late.told_lost == one.seen.events);
  CHECK(late.told_lost == paused.dropped());
  CHECK(few.events + few.told_lost == one.seen.events);
  CHECK(few.told_lost == bounded.dropped());
  CHECK(few.told_lost > 0);
  CHECK(conflating.dropped() == 0);
  CHECK(newest.events <= 16);  // the connection's story, two symbols, two kinds
  CHECK((one.seen.gaps == 0 && two.seen.gaps == 0));
  // the latencies kept for the test are reserved, and grow into what was not yet touched
  CHECK(grown < (std::size_t{32} << 20));
  // a thousandth of a second is a loaded machine's, not the ring's
  CHECK(p99(two.seen.latencies_ns) < std::chrono::nanoseconds{bound(100ms)}.count());
  SUCCEED("paused for " << pause.count() << " ms: read " << late.events << ", lost " << late.told_lost
                        << "; p99 of the others " << p99(one.seen.latencies_ns) / 1000 << " and "
                        << p99(two.seen.latencies_ns) / 1000 << " us");
}

}  // namespace

TEST_CASE("a consumer that pauses loses what it is told it lost, and costs nobody anything", "[alone]") {
  pause_one(1s);
}

TEST_CASE("a consumer that pauses for five seconds costs nobody anything", "[soak][alone]") { pause_one(5s); }
