#include <foxtrot/net/timer_queue.hpp>

#include <foxtrot/net/async_thread_bridge.hpp>

#include <support/loop_fixture.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace foxtrot;
using foxtrot_test::loop_fixture;

TEST_CASE("timer_queue: calls come in order of time, equal times in order of asking", "[net]") {
  loop_fixture f;
  std::string order;
  const auto c = f.timers.call_after(30ms, [&] { order += 'c'; });
  const auto a = f.timers.call_after(10ms, [&] { order += 'a'; });
  const auto b = f.timers.call_after(20ms, [&] { order += 'b'; });
  const auto b2 = f.timers.call_after(20ms, [&] { order += 'B'; });
  CHECK(f.timers.next() == f.time.now() + 10ms);
  CHECK(f.timers.run_due() == 0);
  f.advance(19ms);
  CHECK(order == "a");
  CHECK_FALSE(a.pending());
  f.time.advance(100ms);  // all at once
  CHECK(f.timers.run_due() == 3);
  CHECK(order == "abBc");
  CHECK_FALSE(f.timers.next());
}

TEST_CASE("timer_queue: a cancelled or destroyed handle makes no call", "[net]") {
  loop_fixture f;
  int calls = 0;
  {
    const auto dies = f.timers.call_after(1ms, [&] { ++calls; });
    auto moved_from = f.timers.call_after(1ms, [&] { ++calls; });
    auto moved = std::move(moved_from);
    CHECK_FALSE(moved_from.pending());
    CHECK(moved.pending());
    auto cancelled = f.timers.call_after(1ms, [&] { ++calls; });
    CHECK(cancelled.cancel());
    CHECK_FALSE(cancelled.cancel());
    CHECK(f.timers.size() == 2);
  }
  CHECK(f.timers.size() == 0);
  f.advance(1s);
  CHECK(calls == 0);
}

TEST_CASE("timer_queue: callbacks may cancel, add and drop timers", "[net]") {
  loop_fixture f;
  std::string order;
  std::optional<timer> victim;
  std::optional<timer> own;
  std::vector<timer> added;
  own = f.timers.call_after(1ms, [&] {
    order += '1';
    own.reset();
    victim.reset();
    added.push_back(f.timers.call_at(f.time.now(), [&] { order += 'n'; }));  // due, but for the next turn
  });
  victim = f.timers.call_after(1ms, [&] { order += 'v'; });
  const auto last = f.timers.call_after(2ms, [&] { order += '2'; });
  f.time.advance(5ms);
  CHECK(f.timers.run_due() == 2);
  CHECK(order == "12");
  CHECK(f.timers.run_due() == 1);
  CHECK(order == "12n");
}

TEST_CASE("timer_queue: a handle may outlive its queue, and a callback may end the queue", "[net]") {
  loop_fixture f;
  auto queue = std::make_unique<timer_queue>(f.loop, f.time);
  auto resource = std::make_shared<int>(7);
  const auto survivor = queue->call_after(1h, [resource] {});
  const auto killer = queue->call_after(1ms, [&] { queue.reset(); });
  CHECK(resource.use_count() == 2);
  f.time.advance(1ms);
  queue->run_due();
  CHECK_FALSE(queue);
  CHECK_FALSE(survivor.pending());
  CHECK(resource.use_count() == 1);
}

TEST_CASE("timer_queue: sleep ends at its time or with its coroutine's cancellation", "[net]") {
  loop_fixture f;
  auto sleeper = f.start(f.timers.sleep_for(10s));
  f.advance(9999ms);
  CHECK_FALSE(sleeper.done());
  f.advance(1ms);
  REQUIRE(sleeper.done());
  CHECK(sleeper.get() == std::error_code{});

  auto cancelled = f.start(f.timers.sleep_for(10s));
  f.poll();
  CHECK(f.timers.size() == 1);
  cancelled.cancel();
  f.poll();
  REQUIRE(cancelled.done());
  CHECK(f.timers.size() == 0);

  auto past = f.start(f.timers.sleep_until(f.time.now() - 1s));
  f.advance(0ms);
  CHECK(past.done());
}

namespace {
task<std::error_code> report_then_sleep_again(timer_queue& timers, std::vector<std::error_code>& seen) {
  seen.push_back(co_await timers.sleep_for(1s));
  seen.push_back(co_await timers.sleep_for(1s));
  co_return std::error_code{};
}
}  // namespace

TEST_CASE("timer_queue: the cancelled sleep says so and the next one does not begin", "[net]") {
  loop_fixture f;
  std::vector<std::error_code> seen;
  auto work = f.start(report_then_sleep_again(f.timers, seen));
  f.poll();
  work.cancel();
  f.poll();
  REQUIRE(work.done());
  CHECK(work.threw());
  REQUIRE(seen.size() == 1);
  CHECK(seen[0] == errc::cancelled);
}

TEST_CASE("timer_queue: with the system's clock the loop itself makes the calls", "[net]") {
  asio::io_context loop{1};
  timer_queue timers{loop};
  std::string order;
  const auto start = std::chrono::steady_clock::now();
  const auto b = timers.call_after(4ms, [&] { order += 'b'; });
  auto early = timers.call_after(1ms, [&] { order += 'x'; });
  const auto a = timers.call_after(2ms, [&] { order += 'a'; });
  early.cancel();
  loop.run();  // ends when no timer is armed any more
  CHECK(order == "ab");
  CHECK(std::chrono::steady_clock::now() - start >= 4ms);
}

TEST_CASE("timer_queue: a loop whose timers are all cancelled has nothing left to run for", "[net]") {
  asio::io_context loop{1};
  timer_queue timers{loop};
  timer first = timers.call_after(1h, [] {});
  timer second = timers.call_after(2h, [] {});
  first.cancel();
  loop.poll();
  CHECK_FALSE(loop.stopped());
  second.cancel();
  loop.run();  // returns
  CHECK(loop.stopped());
  loop.restart();
  bool called = false;
  const timer third = timers.call_after(1ms, [&] { called = true; });
  loop.run();
  CHECK(called);
}
