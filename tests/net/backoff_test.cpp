// tests/net/backoff_test.cpp: the distribution of delays, from a fixed seed.
#include <foxtrot/net/backoff.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

TEST_CASE("backoff: 100,000 delays of each attempt are uniform up to their bound", "[backoff]") {
  // bounds from the formula, written out: 1, 2, 4, ... 32 s, then the cap
  const std::chrono::seconds bounds[] = {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s};
  constexpr int samples = 100'000;
  double sums[std::size(bounds)]{};
  std::size_t deciles[std::size(bounds)][10]{};
  backoff delays{{}, seeded_random(42)};
  for (int i = 0; i < samples; ++i) {
    delays.reset();
    REQUIRE(delays.next() == 0s);
    for (std::size_t n = 0; n < std::size(bounds); ++n) {
      const double share = std::chrono::duration<double>{delays.next()} / std::chrono::duration<double>{bounds[n]};
      if (share < 0 || share > 1) FAIL("outside its bound");
      sums[n] += share;
      ++deciles[n][std::min<std::size_t>(static_cast<std::size_t>(share * 10), 9)];
    }
  }
  for (std::size_t n = 0; n < std::size(bounds); ++n) {
    CHECK(sums[n] / samples == Approx(0.5).epsilon(0.01));
    for (const std::size_t count : deciles[n]) CHECK(count == Approx(samples / 10).epsilon(0.05));
  }
}

TEST_CASE("backoff: a million attempts never pass the cap", "[backoff]") {
  backoff delays{{.first_immediate = false}, [] { return std::numeric_limits<std::uint64_t>::max(); }};
  backoff::duration last{};
  for (int attempt = 1; attempt <= 1'000'000; ++attempt) {
    const auto delay = delays.next();
    if (delay < last || delay > 60s) FAIL("attempt " << attempt);
    last = delay;
  }
  CHECK(last > 59'999ms);
  CHECK(delays.attempts() == 1'000'000);
}

TEST_CASE("backoff: bounds without overflow", "[backoff]") {
  const backoff usual;
  CHECK(usual.bound(0) == 1s);
  CHECK(usual.bound(5) == 32s);
  CHECK(usual.bound(6) == 60s);
  for (const std::uint64_t n : {33U, 62U, 63U, 64U, 65U, 127U, 1'000'000U}) CHECK(usual.bound(n) == 60s);
  CHECK(usual.bound(std::numeric_limits<std::uint64_t>::max()) == 60s);

  constexpr auto huge = std::chrono::milliseconds{9'000'000'000'000};  // 285 years, near the end of a nanosecond count
  const backoff odd{{.base = 1ms, .cap = huge}};
  CHECK(odd.bound(62) == huge);
  CHECK(odd.bound(43) == 1ms * (std::int64_t{1} << 43));  // still exact: about 279 years
  const backoff inverted{{.base = 60s, .cap = 1s}};
  CHECK(inverted.bound(0) == 1s);
  const backoff none{{.base = 0ms, .cap = 0ms}};
  CHECK(none.bound(7) == 0s);
}

TEST_CASE("backoff: the first retry is immediate, the second one is drawn from the first bound", "[backoff]") {
  const auto most = [] { return std::numeric_limits<std::uint64_t>::max(); };
  backoff delays{{.base = 1000ms, .cap = 4000ms}, most};
  const auto near = [](backoff::duration delay, std::chrono::seconds bound) {
    return delay <= bound && delay > bound - 1ms;
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(delays.next() == 0s);
    CHECK(near(delays.next(), 1s));
    CHECK(near(delays.next(), 2s));
    CHECK(near(delays.next(), 4s));
    CHECK(near(delays.next(), 4s));
    delays.reset();
  }
  backoff eager{{.first_immediate = false}, most};
  CHECK(near(eager.next(), 1s));
}

TEST_CASE("backoff: two clients do not wait alike", "[backoff]") {
  backoff one;
  backoff two;
  CHECK(one.next() == two.next());  // both at once
  int alike = 0;
  for (int i = 0; i < 20; ++i) alike += one.next() == two.next();
  CHECK(alike <= 1);
}

}  // namespace
