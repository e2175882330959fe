// tests/feed/detail/turnstile_test.cpp: an attempt begins when the backoff, the server, the breaker and the budget
// agree.
#include <foxtrot/feed/detail/turnstile.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/net/circuit_breaker.hpp>
#include <foxtrot/net/connection_budget.hpp>
#include <support/loop_fixture.hpp>

#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot::detail::turnstile;

session_settings plain() {
  session_settings made;
  made.upgrade.host = "venue.test";
  made.retry = {.base = 1ms, .cap = 1ms};
  return made;
}

struct scene : foxtrot_test::loop_fixture {
  explicit scene(session_settings wanted = plain(), rate_limit_settings attempts = {300, 300'000ms, 0})
      : settings{std::move(wanted)}, turns{timers, settings, attempts, log, nullptr} {}

  /// How long the next turn was waited for.
  steady_time::duration wait() {
    const steady_time before = time.now();
    auto turn = start(turns.its_turn());
    poll();
    for (int i = 0; i < 1'000'000 && !turn.done() && timers.next(); ++i) advance(*timers.next() - time.now());
    REQUIRE(turn.done());
    CHECK_FALSE(turn.get());
    return time.now() - before;
  }

  session_settings settings;
  diagnostics log;
  turnstile turns;
};

TEST_CASE("turnstile: the first attempt is free, the next ones wait for the backoff") {
  session_settings settings = plain();
  settings.retry = {.base = 1000ms, .cap = 8000ms};
  scene s{settings};
  CHECK(s.wait() == 0s);
  steady_time::duration longest{0};
  for (int i = 0; i < 200; ++i) {
    const auto waited = s.wait();
    CHECK(waited <= 8s);
    longest = std::max(longest, waited);
  }
  CHECK(longest > 1s);
  s.turns.begin_anew();
  CHECK(s.wait() == 0s);
}

TEST_CASE("turnstile: a time that was named is waited for, once") {
  scene s;
  (void)s.wait();
  s.turns.wait_at_least(7s);
  CHECK(s.wait() >= 7s);
  CHECK(s.wait() <= 1ms);
}

TEST_CASE("turnstile: whoever gives up waiting and comes back waits for the same time") {
  scene s;
  (void)s.wait();
  s.turns.wait_at_least(60s);
  auto turn = s.start(s.turns.its_turn());
  s.advance(20s);
  turn.cancel();
  s.poll();
  REQUIRE(turn.done());
  const auto rest = s.wait();
  CHECK(rest >= 40s);
  CHECK(rest <= 40s + 1ms);
}

TEST_CASE("turnstile: an open breaker has a time of its own, but not before the server's") {
  circuit_breaker breaker{{.failure_threshold = 1, .recovery_timeout = 10s}};
  session_settings settings = plain();
  settings.breaker = &breaker;
  settings.retry = {.base = 1h, .cap = 1h, .first_immediate = false};
  scene s{settings};
  s.turns.begin_anew();
  breaker.try_acquire(s.time.now())->fail(s.time.now());
  REQUIRE(s.turns.gate().is_open());
  CHECK(s.wait() == 10s);
  s.turns.gate().fail(s.time.now());
  s.turns.wait_at_least(25s);
  CHECK(s.wait() == 25s);
  CHECK(breaker.state() == breaker_state::half_open);
}

TEST_CASE("turnstile: of many that wait for a breaker as many try as it lets through") {
  circuit_breaker breaker{
      {.failure_threshold = 1, .recovery_timeout = 10s, .half_open_permits = 1, .probe_timeout = 30s}};
  session_settings settings = plain();
  settings.breaker = &breaker;
  scene s{settings};
  turnstile other{s.timers, s.settings, {300, 300'000ms, 0}, s.log, nullptr};
  breaker.try_acquire(s.time.now())->fail(s.time.now());
  auto one = s.start(s.turns.its_turn());
  auto two = s.start(other.its_turn());
  s.advance(10s);
  CHECK((one.done() && !two.done()));
  s.advance(29s);
  CHECK_FALSE(two.done());
  s.advance(1s);  // the probe has taken too long
  CHECK(two.done());
}

TEST_CASE("turnstile: a place gets no more attempts than it allows") {
  connection_budget budget;
  session_settings settings = plain();
  settings.budget = &budget;
  scene s{settings, {3, 60'000ms, 0}};
  s.turns.begin_anew();
  const steady_time begin = s.time.now();
  for (int i = 0; i < 3; ++i) (void)s.wait();
  CHECK(s.time.now() - begin < 1s);
  (void)s.wait();
  CHECK(s.time.now() - begin >= 60s);
  CHECK(s.time.now() - begin < 61s);
}

TEST_CASE("turnstile: cancelled wherever it waits, it ends at once and leaves no timer and no permit") {
  circuit_breaker breaker{{.failure_threshold = 1, .recovery_timeout = 10s, .half_open_permits = 1}};
  connection_budget budget;
  session_settings settings = plain();
  settings.breaker = &breaker;
  settings.budget = &budget;
  // 0: told to wait; then for the breaker; then for the budget
  for (const auto& [after, why] : {std::pair{2s, "told"}, std::pair{7s, "breaker"}, std::pair{15s, "budget"}}) {
    INFO(why);
    breaker.reset();
    scene s{settings, {1, 3'600'000ms, 0}};
    (void)budget.try_spend("venue.test:443", {1, 3'600'000ms, 0}, s.time.now());
    breaker.try_acquire(s.time.now())->fail(s.time.now());
    s.turns.wait_at_least(5s);
    auto turn = s.start(s.turns.its_turn());
    s.advance(after);
    REQUIRE_FALSE(turn.done());
    CHECK(s.timers.size() == 1);
    turn.cancel();
    s.poll();
    REQUIRE(turn.done());
    CHECK((turn.threw() || turn.get() == errc::cancelled));
    CHECK(s.timers.size() == 0);
    CHECK(breaker.try_acquire(s.time.now() + 1h).has_value());
  }
}

}  // namespace
