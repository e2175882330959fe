// tests/net/rate_limiter_test.cpp: no window anywhere holds more than the limit.
#include <foxtrot/net/rate_limiter.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

constexpr steady_time start{1h};

/// The most events in any window [t, t + length): it is enough to look at windows that begin with an event.
std::size_t fullest(const std::vector<steady_time>& events, steady_time::duration length) {
  std::size_t most = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    std::size_t count = 0;
    for (std::size_t k = i; k < events.size() && events[k] < events[i] + length; ++k) ++count;
    most = std::max(most, count);
  }
  return most;
}

TEST_CASE("rate_limiter: a cold start is no bucket full of tokens", "[rate_limiter]") {
  rate_limiter limiter{{.limit = 5, .window = 1s, .reserve = 0}};
  for (int i = 0; i < 5; ++i) CHECK(limiter.try_acquire(start + i * 100ms));
  CHECK_FALSE(limiter.try_acquire(start + 500ms));
  CHECK(limiter.next_allowed(start + 500ms) == start + 1s);
  CHECK_FALSE(limiter.try_acquire(start + 1s - 1ns));
  CHECK(limiter.next_allowed(start + 1s) == std::nullopt);
  CHECK(limiter.try_acquire(start + 1s));
  CHECK(limiter.next_allowed(start + 1s) == start + 1100ms);
}

TEST_CASE("rate_limiter: the reserve is for the urgent alone", "[rate_limiter]") {
  rate_limiter limiter{{.limit = 5, .window = 1s, .reserve = 2}};
  for (int i = 0; i < 3; ++i) CHECK(limiter.try_acquire(start));
  CHECK_FALSE(limiter.try_acquire(start));
  CHECK(limiter.next_allowed(start, send_priority::urgent) == std::nullopt);
  CHECK(limiter.try_acquire(start + 10ms, send_priority::urgent));
  CHECK(limiter.try_acquire(start + 20ms, send_priority::urgent));
  CHECK_FALSE(limiter.try_acquire(start + 30ms, send_priority::urgent));
  CHECK(limiter.next_allowed(start + 30ms, send_priority::urgent) == start + 1s);
  // normal ones wait until the third event back has left
  CHECK(limiter.next_allowed(start + 1s) == std::nullopt);
  CHECK(limiter.try_acquire(start + 1s));
  CHECK(limiter.next_allowed(start + 1s) == start + 1010ms);
}

TEST_CASE("rate_limiter: random traffic never fills a window past the limit", "[rate_limiter]") {
  std::mt19937_64 random{7};
  for (const std::size_t limit : {1U, 2U, 5U, 17U}) {
    for (const std::size_t reserve : {std::size_t{0}, limit / 2}) {
      rate_limiter limiter{{.limit = limit, .window = 1s, .reserve = reserve}};
      std::vector<steady_time> all;
      std::vector<steady_time> normal;
      steady_time now = start;
      for (int i = 0; i < 20'000; ++i) {
        // bursts at one instant, gaps up to half a window, and steps of one nanosecond
        const auto kind = random() % 8;
        if (kind < 4) now += std::chrono::microseconds{random() % 20'000};
        if (kind == 4) now += 1ns;
        if (kind == 5) now += std::chrono::milliseconds{random() % 500};
        const auto priority = random() % 3 == 0 ? send_priority::urgent : send_priority::normal;
        const auto wait = limiter.next_allowed(now, priority);
        if (wait && random() % 16 == 0)
          now = *wait;  // the earliest instant it names is granted, and it is in the future
        const bool granted = limiter.try_acquire(now, priority);
        if (granted != (!wait || now == *wait)) FAIL("next_allowed and try_acquire disagree");
        if (wait && *wait <= now - 1s) FAIL("named a time in the past");
        if (!granted) continue;
        all.push_back(now);
        if (priority == send_priority::normal) normal.push_back(now);
      }
      CHECK(fullest(all, 1s) == limit);
      CHECK(fullest(normal, 1s) == limit - reserve);
    }
  }
}

TEST_CASE("rate_limiter: nothing is refused that would fit", "[rate_limiter]") {
  std::mt19937_64 random{11};
  rate_limiter limiter{{.limit = 3, .window = 1s, .reserve = 0}};
  std::vector<steady_time> granted;
  steady_time now = start;
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds{random() % 300};
    const auto in_window = std::count_if(granted.begin(), granted.end(), [&](steady_time t) { return t > now - 1s; });
    if (limiter.try_acquire(now) != (in_window < 3)) FAIL("at event " << i);
    if (in_window < 3) granted.push_back(now);
    if (granted.size() > 10) granted.erase(granted.begin());
  }
}

TEST_CASE("rate_limiter: settings that could never send", "[rate_limiter]") {
  CHECK_THROWS_AS(rate_limiter({.limit = 0, .reserve = 0}), std::invalid_argument);
  CHECK_THROWS_AS(rate_limiter({.limit = 3, .reserve = 3}), std::invalid_argument);
  CHECK_THROWS_AS(rate_limiter({.limit = 3, .window = 0ms, .reserve = 0}), std::invalid_argument);
}

}  // namespace
