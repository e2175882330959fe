// tests/acceptance/callbacks_test.cpp: what handlers on the network thread may do: end the feed, end another, throw.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <foxtrot/sim/exchange.hpp>

#include <support/live_feed.hpp>
#include <support/open_files.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using binance::market_data;
using real = std::chrono::steady_clock;

struct running_exchange : exchange {
  running_exchange() : exchange{busy()} {
    if (!start()) FAIL("no exchange");
  }
  static exchange_settings busy() {
    exchange_settings settings;
    settings.events_per_second = sanitized ? 1'000 : 5'000;
    settings.levels = 50;
    settings.limits.messages_per_second = 0;
    return settings;
  }
};

}  // namespace

TEST_CASE("callbacks: a disconnect from a handler joins nobody, ends the feed, and may be said again",
          "[acceptance][alone]") {
  running_exchange venue;
  const std::size_t threads_before = settled_threads();
  {
    market_data feed{feed_settings(venue, {"btcusdt@bookTicker", "btcusdt@trade"})};
    std::atomic<std::size_t> refused{0}, slow{0}, ended{0};
    const auto handler = feed.subscribe_inline({},
                                               [&](const event& told) {
                                                 if (told.kind() == tick_kind::status) return;
                                                 const auto before = real::now();
                                                 for (int i = 0; i < 3; ++i) refused += feed.disconnect() ? 1U : 0U;
                                                 slow += real::now() - before > bound(500ms) ? 1U : 0U;
                                                 ++ended;
                                               })
                             .value();
    for (std::size_t round = 0; round < repetitions(50); ++round) {
      ended = 0;
      REQUIRE(eventually([&] { return !feed.connect(); }));
      REQUIRE(eventually([&] { return ended != 0; }));
      const auto before = real::now();
      CHECK_FALSE(feed.disconnect());  // joins
      CHECK(real::now() - before < bound(500ms));
    }
    CHECK(refused == 0);
    CHECK(slow == 0);
  }
  CHECK(threads_are(threads_before));
}

TEST_CASE("callbacks: eight threads say disconnect a thousand times each, and a handler as well",
          "[acceptance][alone]") {
  running_exchange venue;
  const std::size_t threads_before = settled_threads();
  {
    market_data feed{feed_settings(venue, {"btcusdt@bookTicker"})};
    std::atomic<bool> over{false};
    std::atomic<std::size_t> refused{0};
    const auto handler =
        feed.subscribe_inline({}, [&](const event&) { refused += feed.disconnect() ? 1U : 0U; }).value();
    {
      std::jthread connecting{[&] {
        while (!over) (void)feed.connect();
      }};
      {
        std::vector<std::jthread> all;
        for (int t = 0; t < 8; ++t) {
          all.emplace_back([&] {
            for (std::size_t i = 0; i < repetitions(1'000); ++i) refused += feed.disconnect() ? 1U : 0U;
          });
        }
      }
      over = true;
    }
    CHECK(refused == 0);
    CHECK_FALSE(feed.disconnect());
    CHECK(feed.connection_info().state == session_state::disconnected);
  }
  CHECK(threads_are(threads_before));
  CHECK(eventually([&] { return venue.statistics().open_connections == 0; }));
}

TEST_CASE("callbacks: the handlers of two feeds disconnect each other's", "[acceptance][alone]") {
  running_exchange venue;
  const std::size_t threads_before = settled_threads();
  {
    market_data one{feed_settings(venue, {"btcusdt@bookTicker"})};
    market_data other{feed_settings(venue, {"btcusdt@bookTicker"})};
    std::atomic<int> inside{0}, ended{0};
    const auto end = [&](market_data& which) {
      return [&, done = false](const event& told) mutable {
        if (told.kind() == tick_kind::status || std::exchange(done, true)) return;
        ++inside;
        while (inside < 2) std::this_thread::yield();
        (void)which.disconnect();  // errc::timeout: the other one is in its handler, too
        ++ended;
      };
    };
    const auto of_one = one.subscribe_inline({}, end(other)).value();
    const auto of_other = other.subscribe_inline({}, end(one)).value();
    REQUIRE_FALSE(one.connect());
    REQUIRE_FALSE(other.connect());
    CHECK(eventually([&] { return ended == 2; }));
    CHECK_FALSE(one.disconnect());
    CHECK_FALSE(other.disconnect());
    CHECK_FALSE(one.connect());
    auto ticks = one.subscribe();
    CHECK(read_tick(ticks));
  }
  CHECK(threads_are(threads_before));
}

TEST_CASE("callbacks: the handlers of two feeds cancel each other's registrations, again and again", "[acceptance]") {
  running_exchange venue;
  market_data one{feed_settings(venue, {"btcusdt@bookTicker", "btcusdt@trade"})};
  market_data other{feed_settings(venue, {"btcusdt@bookTicker", "btcusdt@trade"})};
  REQUIRE_FALSE(one.connect());
  REQUIRE_FALSE(other.connect());
  for (std::size_t round = 0; round < repetitions(200); ++round) {
    // The places stay; what is in them is made before anybody looks.
    inline_subscription of_one, of_other;
    std::atomic<bool> go{false};
    std::atomic<int> calls{0}, cancels{0};
    const auto cancel = [&](inline_subscription& which) {
      return [&, done = false](const event&) mutable {
        ++calls;
        if (!go || std::exchange(done, true)) return;
        which.cancel();
        ++cancels;
      };
    };
    of_one = one.subscribe_inline({}, cancel(of_other)).value();
    of_other = other.subscribe_inline({}, cancel(of_one)).value();
    go = true;
    REQUIRE(eventually([&] { return cancels >= 1; }));
    // What was cancelled by the other's handler may be in its last call: nobody has waited for that.
    REQUIRE_FALSE(one.disconnect());
    REQUIRE_FALSE(other.disconnect());
    CHECK(calls >= 1);
    REQUIRE_FALSE(one.connect());
    REQUIRE_FALSE(other.connect());
  }
}

TEST_CASE("callbacks: a handler that throws at each hundredth tick is counted; nobody else loses a tick",
          "[acceptance][alone]") {
  running_exchange venue;
  market_data feed{feed_settings(venue, {"btcusdt@bookTicker", "btcusdt@trade", "ethusdt@trade"})};
  // the network thread's own, read after its end
  std::uint64_t calls = 0, thrown = 0, other_calls = 0;
  const auto throwing = feed.subscribe_inline({},
                                              [&](const event& told) {
                                                if (told.kind() == tick_kind::status || ++calls % 100 != 0) return;
                                                if (++thrown % 2 == 0) throw std::runtime_error{"strategy"};
                                                throw 42;
                                              })
                            .value();
  const auto other =
      feed.subscribe_inline({}, [&](const event& told) { other_calls += told.kind() != tick_kind::status; }).value();
  auto ring = feed.subscribe();
  auto queue = feed.subscribe({.when_full = overflow::block, .capacity = 256, .level_capacity = 256}).value();
  REQUIRE_FALSE(feed.connect());
  const std::uint64_t enough = repetitions(20'000);
  std::uint64_t of_ring = 0, of_queue = 0;
  const auto read = [&](subscription& from, std::uint64_t& count) {
    (void)from.poll(512, [&](const event& told) { count += told.kind() != tick_kind::status; });
  };
  CHECK(eventually([&] {
    read(ring, of_ring);
    read(queue, of_queue);
    return of_queue >= enough;
  }));
  CHECK(feed.connection_info().connects == 1);
  CHECK(feed.connection_info().disconnects == 0);
  std::jthread reader{[&] {
    // disconnect() interrupts a queue that blocks: so that it does not have to
    const std::stop_token never;
    for (const event& told : queue.until(never, 200ms)) of_queue += told.kind() != tick_kind::status;
  }};
  venue.pause();
  reader.join();
  CHECK_FALSE(feed.disconnect());
  read(ring, of_ring);
  while (of_ring < published_ticks(feed.counters()) && ring.dropped() == 0) read(ring, of_ring);
  read(queue, of_queue);
  const std::uint64_t published = published_ticks(feed.counters());
  CHECK(calls == published);
  CHECK(other_calls == published);
  CHECK(of_queue == published);
  CHECK(of_ring + ring.dropped() == published);
  CHECK(thrown == calls / 100);
  CHECK(feed.counters().handler_failures.get() == thrown);
  CHECK(feed.counters().gaps.get() == 0);
}
