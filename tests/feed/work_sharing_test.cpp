// tests/feed/work_sharing_test.cpp: one feed, many workers, each event for exactly one of them.
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/stored_event.hpp>
#include <foxtrot/queue/mpmc_queue.hpp>

#include <catch2/catch.hpp>

#include <support/sanitizer.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <thread>
#include <vector>

using namespace foxtrot;

TEST_CASE("work sharing: every trade goes to one of several workers, and none is lost unseen", "[stress]") {
  using work_queue = mpmc_queue<stored_event>;
  constexpr std::size_t workers = 3;
  const std::uint64_t count = foxtrot_test::repetitions(50'000);

  symbol_table symbols;
  publisher out{symbols};
  work_queue work{256, 1};
  auto in = *work.make_producer();
  std::uint64_t refused = 0;  // the network thread's
  auto handler = out.subscribe_inline({.kinds = tick_kind::trade},
                                      [&](const event& each) {
                                        const auto stored = stored_event::of(each);
                                        if (stored && !in.try_push(*stored)) ++refused;
                                      })
                     .value();

  std::vector<std::atomic<int>> seen(count);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < workers; ++i) {
    threads.emplace_back([&] {
      auto mine = work.make_consumer();
      stored_event next;
      while (mine.pop_wait(next, std::stop_token{})) {
        next.visit([&](const trade& each) { seen[each.trade_id()].fetch_add(1, std::memory_order_relaxed); },
                   [](const status&) {});
      }
    });
  }
  const symbol_id symbol = symbols.intern("BTC").value();
  for (std::uint64_t id = 0; id < count;) {
    publisher::batch batch{out};
    for (int k = 0; k < 20 && id < count; ++k, ++id) {
      auto& record = batch.begin().payload->emplace<trade_record>();
      record = {};
      record.trade_id = id;
      batch.publish({.kind = tick_kind::trade}, symbol);
    }
  }
  work.close();
  threads.clear();

  std::uint64_t handled = 0;
  std::uint64_t twice = 0;
  for (const auto& each : seen) {
    handled += each.load() == 1;
    twice += each.load() > 1;
  }
  CHECK(twice == 0);
  CHECK(handled + refused == count);
}
