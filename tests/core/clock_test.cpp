#include <foxtrot/core/clock.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <thread>
#include <vector>

using namespace foxtrot;
using namespace std::chrono_literals;

TEST_CASE("clock: the system's time is the steady clock", "[core]") {
  const auto before = std::chrono::steady_clock::now();
  const auto read = system_time().now();
  const auto after = std::chrono::steady_clock::now();
  CHECK(before <= read);
  CHECK(read <= after);
  CHECK_FALSE(system_time().manual());
  CHECK(&system_time() == &system_time());
}

TEST_CASE("clock: manual time moves only by hand", "[core]") {
  manual_time time;
  const time_source& seen = time;
  CHECK(seen.manual());
  const auto start = seen.now();
  CHECK(seen.now() == start);
  time.advance(5ms);
  CHECK(seen.now() == start + 5ms);
  time.advance(-2ms);
  CHECK(seen.now() == start + 3ms);
  time.advance_to(start + 1h);
  CHECK(seen.now() == start + 1h);
  CHECK(manual_time{steady_time{7ns}}.now() == steady_time{7ns});
}

TEST_CASE("clock: manual time is advanced by several threads without a loss", "[core]") {
  manual_time time{steady_time{}};
  constexpr int threads = 4;
  constexpr int steps = 10'000;
  {
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&time] {
        for (int step = 0; step < steps; ++step) time.advance(1ns);
      });
    }
  }
  CHECK(time.now() == steady_time{std::chrono::nanoseconds{threads * steps}});
}

TEST_CASE("clock: epoch_clock never goes back and agrees with the wall clock", "[core]") {
  auto last = epoch_clock::now();
  for (int i = 0; i < 10'000; ++i) {
    const auto now = epoch_clock::now();
    if (now < last) FAIL("went back");
    last = now;
  }
  const auto wall = std::chrono::system_clock::now();
  CHECK(std::chrono::abs(wall - last) < 10s);  // nobody steps the clock of a test machine by more than that
  CHECK(epoch_clock::now_ns() >= last.time_since_epoch().count());
  static_assert(epoch_clock::is_steady);
}
