// tests/net/circuit_breaker_test.cpp: opens at exactly so many failures, lets exactly so many probes through, and takes
// no late word for a new one.
#include <foxtrot/net/circuit_breaker.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using permit = circuit_breaker::permit;

constexpr steady_time start{1h};

void fail(circuit_breaker& breaker, steady_time now, int times = 1) {
  for (int i = 0; i < times; ++i) {
    auto allowed = breaker.try_acquire(now);
    REQUIRE(allowed);
    allowed->fail(now);
  }
}
void succeed(circuit_breaker& breaker, steady_time now) {
  auto allowed = breaker.try_acquire(now);
  REQUIRE(allowed);
  allowed->succeed(now);
}
/// Opened at `start`.
struct opened {
  explicit opened(circuit_breaker_settings settings = {}) : breaker{settings} { fail(breaker, start, 5); }
  circuit_breaker breaker;
};

TEST_CASE("circuit_breaker: five failures in a row open it, four do not, and a success begins the count anew") {
  circuit_breaker breaker;
  fail(breaker, start, 4);
  CHECK(breaker.state() == breaker_state::closed);
  CHECK(breaker.failures() == 4);
  succeed(breaker, start);
  CHECK(breaker.failures() == 0);
  fail(breaker, start, 4);
  CHECK(breaker.state() == breaker_state::closed);
  fail(breaker, start);
  CHECK(breaker.state() == breaker_state::open);
  CHECK(breaker.generation() == 1);
  CHECK_FALSE(breaker.try_acquire(start));
}

TEST_CASE("circuit_breaker: open until the recovery time-out to the tick, then three probes and no more") {
  opened it;
  CHECK(it.breaker.next_try(start + 1s) == start + 60s);
  CHECK_FALSE(it.breaker.try_acquire(start + 60s - 1ns));
  CHECK(it.breaker.state() == breaker_state::open);
  std::vector<permit> out;
  for (int i = 0; i < 3; ++i) {
    auto allowed = it.breaker.try_acquire(start + 60s);
    REQUIRE(allowed);
    out.push_back(std::move(*allowed));
  }
  CHECK(it.breaker.state() == breaker_state::half_open);
  CHECK_FALSE(it.breaker.try_acquire(start + 60s));
  CHECK(it.breaker.next_try(start + 60s) == start + 90s);
  out[0].succeed(start + 61s);
  CHECK(it.breaker.next_try(start + 61s) == start + 61s);
  out[1].succeed(start + 61s);
  CHECK(it.breaker.state() == breaker_state::half_open);
  out[2].succeed(start + 61s);
  CHECK(it.breaker.state() == breaker_state::closed);
}

TEST_CASE("circuit_breaker: one failed probe opens it for a whole time-out again") {
  opened it;
  succeed(it.breaker, start + 60s);
  succeed(it.breaker, start + 60s);
  fail(it.breaker, start + 70s);
  CHECK(it.breaker.state() == breaker_state::open);
  CHECK_FALSE(it.breaker.try_acquire(start + 130s - 1ns));
  CHECK(it.breaker.try_acquire(start + 130s));
}

TEST_CASE("circuit_breaker: results of an earlier generation change nothing") {
  circuit_breaker breaker;
  auto old_success = breaker.try_acquire(start);
  auto old_failure = breaker.try_acquire(start);
  fail(breaker, start, 5);
  old_success->succeed(start);
  CHECK(breaker.state() == breaker_state::open);
  auto probe = breaker.try_acquire(start + 60s);
  REQUIRE(probe);
  old_failure->fail(start + 60s);
  CHECK(breaker.state() == breaker_state::half_open);
  auto late = breaker.try_acquire(start + 60s);
  probe->fail(start + 60s);  // open again
  late->succeed(start + 61s);
  CHECK(breaker.state() == breaker_state::open);
  CHECK(breaker.generation() == 3);
  CHECK_FALSE(static_cast<bool>(*late));
}

TEST_CASE("circuit_breaker: a probe that hangs gives its permit back, and its late result is nobody's") {
  opened it;
  std::vector<permit> hanging;
  for (int i = 0; i < 3; ++i) hanging.push_back(std::move(*it.breaker.try_acquire(start + 60s)));
  CHECK_FALSE(it.breaker.try_acquire(start + 90s - 1ns));
  auto next = it.breaker.try_acquire(start + 90s);
  REQUIRE(next);
  hanging[0].fail(start + 91s);
  hanging[1].succeed(start + 91s);
  CHECK(it.breaker.state() == breaker_state::half_open);
  next->succeed(start + 91s);
  succeed(it.breaker, start + 91s);
  CHECK(it.breaker.state() == breaker_state::half_open);
  succeed(it.breaker, start + 91s);
  CHECK(it.breaker.state() == breaker_state::closed);
}

TEST_CASE("circuit_breaker: a permit that is dropped was no try, one that is moved is still one") {
  opened it;
  for (int i = 0; i < 100; ++i) CHECK(it.breaker.try_acquire(start + 60s));
  CHECK(it.breaker.state() == breaker_state::half_open);
  permit kept = std::move(*it.breaker.try_acquire(start + 60s));
  permit moved{std::move(kept)};
  CHECK_FALSE(static_cast<bool>(kept));  // NOLINT(bugprone-use-after-move): what it promises
  CHECK(static_cast<bool>(moved));
  moved = permit{};
  moved.fail(start + 60s);
  CHECK(it.breaker.state() == breaker_state::half_open);
  it.breaker.reset();
  CHECK(it.breaker.state() == breaker_state::closed);
  CHECK_THROWS_AS((circuit_breaker{{.failure_threshold = 0}}), std::invalid_argument);
}

TEST_CASE("circuit_breaker: however many threads ask, three get through") {
  for (int round = 0; round < 20; ++round) {
    opened it;
    std::atomic<int> granted{0};
    std::vector<std::vector<permit>> out(8);
    {
      std::vector<std::jthread> threads;
      for (auto& mine : out) {
        threads.emplace_back([&it, &granted, &mine] {
          for (int i = 0; i < 1000; ++i) {
            if (auto allowed = it.breaker.try_acquire(start + 60s)) {
              granted.fetch_add(1, std::memory_order_relaxed);
              mine.push_back(std::move(*allowed));
            }
          }
        });
      }
    }
    CHECK(granted.load() == 3);
  }
}

TEST_CASE("circuit_breaker: results from many threads at once leave it in order") {
  circuit_breaker breaker{{.failure_threshold = 5, .recovery_timeout = 0ms, .probe_timeout = 1ms}};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&breaker, thread] {
      for (int i = 0; i < 1000; ++i) {
        const steady_time now = start + std::chrono::microseconds{i};
        auto allowed = breaker.try_acquire(now);
        if (!allowed) continue;
        if ((i + thread) % 3 == 0)
          allowed->fail(now);
        else if ((i + thread) % 3 == 1)
          allowed->succeed(now);
      }
    });
  }
  threads.clear();
  breaker.reset();
  fail(breaker, start, 5);
  CHECK(breaker.state() == breaker_state::open);
}

}  // namespace
