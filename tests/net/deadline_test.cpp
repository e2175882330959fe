#include <foxtrot/net/deadline.hpp>

#include <support/loop_fixture.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using namespace std::chrono_literals;
using namespace foxtrot;
using foxtrot_test::loop_fixture;

TEST_CASE("deadline: expires once, at its time, and colours the error", "[net]") {
  loop_fixture f;
  int expiries = 0;
  const deadline limit{f.timers, 5s, [&] { ++expiries; }};
  CHECK(limit.when() == f.time.now() + 5s);
  f.advance(4999ms);
  CHECK_FALSE(limit.expired());
  CHECK(limit.map(errc::closed) == errc::closed);
  CHECK(limit.map({}) == std::error_code{});
  f.advance(1ms);
  CHECK(limit.expired());
  CHECK(limit.map(errc::cancelled) == errc::timeout);
  CHECK(limit.map({}) == errc::timeout);
  f.advance(1h);
  CHECK(expiries == 1);
}

TEST_CASE("deadline: destruction and release keep it from expiring", "[net]") {
  loop_fixture f;
  int expiries = 0;
  {
    const deadline gone{f.timers, 1s, [&] { ++expiries; }};
  }
  deadline released{f.timers, f.time.now() + 1s, [&] { ++expiries; }};
  released.release();
  f.advance(1h);
  CHECK(expiries == 0);
  CHECK_FALSE(released.expired());
}

TEST_CASE("deadline: a time that has passed expires at the next turn, not in the constructor", "[net]") {
  loop_fixture f;
  bool expired = false;
  const deadline limit{f.timers, -1s, [&] { expired = true; }};
  CHECK_FALSE(expired);
  f.advance(0s);
  CHECK(expired);
}
