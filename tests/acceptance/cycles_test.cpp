// tests/acceptance/cycles_test.cpp: a feed that is made, connected, read and ended again and again leaves nothing
// behind.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <support/child_exchange.hpp>
#include <support/live_feed.hpp>
#include <support/open_files.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <malloc.h>
#include <unistd.h>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using binance::market_data;

exchange_settings quick_exchange() {
  exchange_settings settings;
  settings.symbols = default_symbols(sim_market::spot, 1);  // so that the first tick comes soon
  settings.events_per_second = 2'000;
  settings.levels = 50;
  settings.limits.messages_per_second = 0;
  settings.limits.weight_per_minute = 1'000'000'000;
  return settings;
}

/// What a process has of everything that can leak.
struct belongings {
  std::size_t threads{settled_threads()};
  std::size_t files{open_files()};
  std::size_t resident{resident_bytes()};
  // 0 under a sanitizer, which has an allocator of its own
  std::size_t heap{::mallinfo2().uordblks};
  std::size_t mapped{::mallinfo2().hblkhd};  // large blocks

  [[nodiscard]] static std::size_t resident_bytes() {
    ::malloc_trim(0);  // free pages that the allocator keeps after its busiest moment are no leak
    std::ifstream file{"/proc/self/statm"};
    std::size_t total = 0, resident = 0, of_files = 0;  // of programs, which the system takes away and brings back
    file >> total >> resident >> of_files;
    return (resident - of_files) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }
};

/// Runs it on a thread of its own: what the allocator keeps for a thread is given back when that ends, so the heap can
/// be compared to the byte.
template <class Work>
void apart(Work work) {
  std::jthread{std::move(work)}.join();
}

/// What went wrong in many cycles: they run where Catch2's macros may not.
struct faults {
  std::size_t no_connection{0}, no_tick{0}, no_end{0}, handlers_left{0};
  [[nodiscard]] std::size_t all() const { return no_connection + no_tick + no_end + handlers_left; }
};

void cycle(market_data& feed, faults& seen) {
  auto held = std::make_shared<std::atomic<int>>(0);
  const std::weak_ptr<std::atomic<int>> handler_alive = held;
  {
    auto ticks = feed.subscribe();
    auto queue = feed.subscribe({.when_full = overflow::drop_newest, .capacity = 64, .level_capacity = 1024});
    const auto handler =
        feed.subscribe_inline({}, [held](const event&) { held->fetch_add(1, std::memory_order_relaxed); });
    held.reset();
    seen.no_connection += feed.connect() ? 1U : 0U;
    seen.no_tick += read_tick(ticks) ? 0U : 1U;
    seen.no_end += feed.disconnect() ? 1U : 0U;
  }
  seen.handlers_left += handler_alive.expired() ? 0U : 1U;
}

}  // namespace

TEST_CASE("cycles: ten thousand feeds, each connected, subscribed and ended, leave nothing",
          "[acceptance][soak][alone]") {
  const child_exchange venue{quick_exchange()};
  symbol_table symbols;
  const std::size_t quarter = repetitions(2'500);
  faults seen;
  std::vector<belongings> after;
  after.reserve(5);
  for (int i = 0; i < 4; ++i) after.assign(1, belongings{});  // looking takes memory, too, the first time
  after.clear();
  for (int part = 0; part < 4; ++part) {
    apart([&] {
      for (std::size_t i = 0; i < quarter; ++i) {
        // each fifth with a book and the request for it
        auto settings = feed_settings(venue, {"btcusdt@bookTicker", "btcusdt@trade"});
        if (i % 5 == 0) settings.streams.emplace_back("btcusdt@depth@100ms");
        settings.symbols = &symbols;
        market_data feed{std::move(settings)};
        cycle(feed, seen);
      }
    });
    after.emplace_back();
  }
  CHECK(seen.all() == 0);
  for (const belongings& later : after) {
    INFO("heap " << after.front().heap << " -> " << later.heap << ", resident " << after.front().resident << " -> "
                 << later.resident);
    CHECK(later.threads == after.front().threads);
    CHECK(later.files == after.front().files);
    // Zero but for where the allocator hands out a block a few bytes larger than asked for: thousands of cycles that
    // lost the smallest block each would show as a hundred times that.
    CHECK(later.heap <= after.front().heap + 1024);
    CHECK(later.mapped == after.front().mapped);
    if (!sanitized) CHECK(later.resident <= after.front().resident + 256 * 1024);
  }
  CHECK(eventually([&] { return venue.open_connections() == 0; }));
}

TEST_CASE("cycles: one feed, connected and disconnected a hundred times, has as many threads and descriptors as before",
          "[acceptance][alone]") {
  const child_exchange venue{quick_exchange()};
  symbol_table symbols;
  const belongings before;
  faults seen;
  std::optional<belongings> first;
  {
    auto settings = feed_settings(venue, {"btcusdt@bookTicker", "btcusdt@depth@100ms"});
    settings.symbols = &symbols;
    market_data feed{std::move(settings)};
    apart([&] { cycle(feed, seen); });
    first.emplace();
    for (int i = 1; i < 100; ++i) {
      cycle(feed, seen);
      CHECK(threads_are(first->threads));
      CHECK(open_files() == first->files);
    }
    CHECK(feed.connection_info().connects == 100);
  }
  const belongings last;
  CHECK(seen.all() == 0);
  CHECK(first->threads == before.threads);
  CHECK(first->files == before.files);
  CHECK(last.threads == before.threads);
  CHECK(last.files == before.files);
  CHECK(eventually([&] { return venue.open_connections() == 0; }));
}
