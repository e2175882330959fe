#include <foxtrot/queue/idle_strategy.hpp>

#include <support/sanitizer.hpp>
#include <support/thread_state.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <thread>

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;

namespace {

constexpr idle all_ways[] = {idle::block, idle::spin, idle::adaptive, idle::yield};

struct no_reset {
  void idle(std::size_t) {}
};
static_assert(!idle_strategy<no_reset>);
static_assert(!idle_strategy<int>);

/// Waits for `flag` as a loop should.
template <idle_strategy Idle>
void await(const std::atomic<bool>& flag, Idle& waiting) {
  while (!flag.load(std::memory_order_acquire)) waiting.idle(0);
  waiting.idle(1);
}

}  // namespace

TEST_CASE("block_idle: enters, gives the loop a second look, then sleeps", "[queue]") {
  parking_spot spot;
  block_idle waiting{spot, 1ms};
  CHECK_FALSE(waiting.about_to_sleep());
  waiting.idle(0);
  CHECK(waiting.about_to_sleep());
  CHECK(spot.sleepers() == 1);
  waiting.idle(0);  // sleeps out its patience
  CHECK_FALSE(waiting.about_to_sleep());
  CHECK(spot.sleepers() == 0);
}

TEST_CASE("block_idle: a wake-up between the two looks is not slept over", "[queue]") {
  parking_spot spot;
  block_idle waiting{spot};
  waiting.idle(0);
  spot.wake();
  waiting.idle(0);  // without patience: would never come back
  CHECK(spot.sleepers() == 0);
}

TEST_CASE("block_idle: work, reset and the end leave no sleeper behind", "[queue]") {
  parking_spot spot;
  {
    block_idle waiting{spot};
    waiting.idle(0);
    waiting.idle(3);
    CHECK(spot.sleepers() == 0);
    waiting.idle(0);
    waiting.reset();
    CHECK(spot.sleepers() == 0);
    waiting.reset();
    CHECK(spot.sleepers() == 0);
    waiting.idle(0);
  }
  CHECK(spot.sleepers() == 0);
}

TEST_CASE("adaptive_idle: spins and yields before it enters, and begins anew after work", "[queue]") {
  parking_spot spot;
  adaptive_idle waiting{spot, 1ms, {.spins = 5, .yields = 3}};
  for (int again = 0; again < 2; ++again) {
    for (int round = 0; round < 8; ++round) {
      waiting.idle(0);
      CHECK(spot.sleepers() == 0);
    }
    waiting.idle(0);
    CHECK(spot.sleepers() == 1);
    CHECK(waiting.about_to_sleep());
    waiting.idle(1);
    CHECK(spot.sleepers() == 0);
  }
}

TEST_CASE("chosen_idle: block sleeps, spin and yield never do", "[queue]") {
  for (const idle way : all_ways) {
    parking_spot spot;
    chosen_idle waiting{way, spot};
    for (int round = 0; round < 10'000; ++round) {
      waiting.idle(0);
      if (waiting.about_to_sleep()) break;
    }
    CHECK(waiting.about_to_sleep() == (way == idle::block || way == idle::adaptive));
    waiting.reset();
    CHECK(spot.sleepers() == 0);
  }
}

TEST_CASE("chosen_idle: block yields as often as it is told, then enters, then sleeps", "[queue]") {
  for (const unsigned yields : {0U, 1U, 3U}) {
    parking_spot spot;
    chosen_idle waiting{idle::block, spot, {}, yields};
    for (unsigned round = 0; round < yields; ++round) {
      waiting.idle(0);
      CHECK(spot.sleepers() == 0);
    }
    waiting.idle(0);
    CHECK(spot.sleepers() == 1);
    CHECK(waiting.about_to_sleep());
  }
}

TEST_CASE("idle strategies: every way notices", "[queue]") {
  for (const idle way : all_ways) {
    parking_spot spot;
    std::atomic<bool> flag{false};
    std::promise<void> there;
    std::jthread waiter{[&] {
      chosen_idle waiting{way, spot};
      there.set_value();
      await(flag, waiting);
    }};
    there.get_future().wait();
    flag.store(true, std::memory_order_release);
    spot.wake();
    waiter.join();
    CHECK(spot.sleepers() == 0);
  }
}

TEST_CASE("idle strategies: a sleeper is woken", "[queue]") {
  for (const idle way : {idle::block, idle::adaptive}) {
    parking_spot spot;
    std::atomic<bool> flag{false};
    std::promise<pid_t> started;
    std::jthread waiter{[&] {
      chosen_idle waiting{way, spot};
      started.set_value(foxtrot_test::this_thread());
      await(flag, waiting);
    }};
    REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
    const auto begun = std::chrono::steady_clock::now();
    flag.store(true, std::memory_order_release);
    spot.wake();
    waiter.join();
    CHECK(std::chrono::steady_clock::now() - begun < bound(1s));
  }
}
