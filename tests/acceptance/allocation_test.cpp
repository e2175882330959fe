// tests/acceptance/allocation_test.cpp: in the steady state the whole path, from the socket to two kinds of consumers,
// allocates nothing for a tick.
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/sim/exchange_settings.hpp>

#include <support/allocation_counter.hpp>
#include <support/child_exchange.hpp>
#include <support/live_feed.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include <malloc.h>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;

TEST_CASE("allocation: a million ticks of every usual stream through TLS, a ring and a handler allocate nothing",
          "[acceptance][soak]") {
  exchange_settings busy;
  busy.events_per_second = 60'000;
  busy.depth_interval = 2ms;         // so that books alone, at one allocation a tick, would be far beyond the bound
  const child_exchange venue{busy};  // its allocations are another process's
  std::vector<std::string> streams;
  for (const char* symbol : {"btcusdt", "ethusdt"}) {
    for (const char* what : {"@bookTicker", "@trade", "@aggTrade", "@depth@100ms", "@depth20@100ms"})
      streams.push_back(std::string{symbol} + what);
  }
  auto settings = feed_settings(venue, streams);
  settings.ring = {.capacity = 1 << 16, .level_capacity = 1 << 18};
  binance::market_data feed{settings};
  auto ticks = feed.subscribe();
  std::atomic<std::uint64_t> handled{0};
  const auto handler = feed.subscribe_inline({}, [&handled](const event&) { ++handled; }).value();
  REQUIRE_FALSE(feed.connect());

  const std::uint64_t warm_up = foxtrot_test::repetitions(100'000);
  const std::uint64_t all = foxtrot_test::repetitions(1'000'000);
  std::uint64_t seen = 0;
  std::uint64_t statuses = 0;
  std::size_t before = 0;
  std::size_t heap_before = 0;
  std::uint64_t depths = 0;
  auto began = std::chrono::steady_clock::now();
  for (const event& told : ticks.until(std::stop_token{}, bound(120s))) {
    if (told.kind() == tick_kind::status) {
      ++statuses;
      continue;
    }
    if (told.kind() == tick_kind::depth_update || told.kind() == tick_kind::depth_snapshot) ++depths;
    if (++seen == warm_up) {
      statuses = depths = 0;
      began = std::chrono::steady_clock::now();
      before = allocations();
      heap_before = ::mallinfo2().uordblks;
    }
    if (seen == warm_up + all) break;
  }
  const std::size_t made = allocations() - before;
  const auto grown = static_cast<std::ptrdiff_t>(::mallinfo2().uordblks) - static_cast<std::ptrdiff_t>(heap_before);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count();
  INFO(made << " allocations, heap " << grown << " bytes more, for " << all << " ticks, " << depths << " of depth, and "
            << statuses << " statuses, in " << seconds << " s");
  REQUIRE(seen == warm_up + all);
  CHECK(handled.load() >= all);
  // What the connection does now and then, some ten times a second, may: timers, pings, their answers. A tick may not.
  CHECK(made <= 30 * static_cast<std::size_t>(seconds));
  CHECK(depths > 60 * static_cast<std::uint64_t>(seconds));
  // Books may still grow; the smallest block for each of their changes would be more.
  if (!sanitized) CHECK(grown < 512 * 1024);
}

}  // namespace
