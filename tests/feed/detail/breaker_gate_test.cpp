// tests/feed/detail/breaker_gate_test.cpp: each attempt has one result, and a breaker's changes are told.
#include <foxtrot/feed/detail/breaker_gate.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot::detail::breaker_gate;
using strings = std::vector<std::string>;

constexpr steady_time start{1h};

struct scene {
  circuit_breaker breaker{{.failure_threshold = 3,
                           .recovery_timeout = 60s,
                           .half_open_permits = 1,
                           .half_open_successes = 2,
                           .probe_timeout = 30s}};
  strings changes;
  breaker_gate gate{&breaker, [this](breaker_state now) { changes.emplace_back(to_string(now)); }};

  void fail_times(int times, steady_time now) {
    for (int i = 0; i < times; ++i) {
      REQUIRE(gate.enter(now));
      gate.fail(now);
    }
  }
};

TEST_CASE("breaker_gate: without a breaker everything may be tried, and nothing has to be proven") {
  breaker_gate gate{nullptr, nullptr};
  CHECK_FALSE(gate.is_open());
  for (int i = 0; i < 100; ++i) {
    CHECK(gate.next_try(start) == start);
    CHECK(gate.enter(start));
    CHECK(gate.proven());
    gate.fail(start);
    gate.succeed(start);
    gate.leave();
  }
}

TEST_CASE("breaker_gate: failures open it, and only its time lets one in") {
  scene s;
  s.fail_times(2, start);
  CHECK(s.changes.empty());
  s.fail_times(1, start);
  CHECK(s.changes == strings{"open"});
  CHECK(s.gate.is_open());
  CHECK(s.gate.next_try(start) == start + 60s);
  CHECK_FALSE(s.gate.enter(start + 60s - 1ns));
  CHECK(s.changes == strings{"open"});
  CHECK(s.gate.enter(start + 60s));
  CHECK(s.changes == strings{"open", "half_open"});
  CHECK_FALSE(s.gate.is_open());
  s.gate.fail(start + 61s);
  CHECK(s.changes == strings{"open", "half_open", "open"});
  CHECK(s.gate.next_try(start + 61s) == start + 121s);
}

TEST_CASE("breaker_gate: an attempt has one result; then each further one counts by itself") {
  scene s;
  REQUIRE(s.gate.enter(start));
  CHECK_FALSE(s.gate.proven());
  s.gate.succeed(start);
  CHECK(s.gate.proven());
  s.gate.fail(start);  // the connection that had data is lost
  CHECK(s.breaker.failures() == 1);
  s.gate.fail(start);
  CHECK(s.breaker.failures() == 2);
  s.gate.succeed(start);
  CHECK(s.breaker.failures() == 0);
}

TEST_CASE("breaker_gate: while half open each moment with data is a success, until it is closed") {
  scene s;
  s.fail_times(3, start);
  REQUIRE(s.gate.enter(start + 60s));
  CHECK_FALSE(s.gate.proven());
  s.gate.succeed(start + 61s);
  CHECK_FALSE(s.gate.proven());
  CHECK(s.breaker.state() == breaker_state::half_open);
  s.gate.succeed(start + 62s);
  CHECK(s.gate.proven());
  CHECK(s.changes == strings{"open", "half_open", "closed"});
}

TEST_CASE("breaker_gate: data that comes after the probe's time is still a success") {
  scene s;
  s.fail_times(3, start);
  REQUIRE(s.gate.enter(start + 60s));
  s.gate.succeed(start + 60s + 31s);  // too late for that permit
  s.gate.succeed(start + 60s + 32s);
  s.gate.succeed(start + 60s + 33s);
  CHECK(s.breaker.state() == breaker_state::closed);
}

TEST_CASE("breaker_gate: what says nothing about the venue gives its place back") {
  scene s;
  s.fail_times(3, start);
  breaker_gate other{&s.breaker, nullptr};
  REQUIRE(s.gate.enter(start + 60s));
  CHECK_FALSE(other.enter(start + 60s));
  CHECK(other.next_try(start + 60s) == start + 90s);
  s.gate.leave();
  CHECK(other.next_try(start + 60s) == start + 60s);
  CHECK(other.enter(start + 60s));
  CHECK_FALSE(s.gate.enter(start + 60s));
  CHECK(other.enter(start + 61s));  // again: its earlier permit does not stand in its own way
  other.leave();
  CHECK(s.gate.enter(start + 61s));
  CHECK(s.changes == strings{"open", "half_open"});
}

TEST_CASE("breaker_gate: a gate that goes away mid-attempt leaves the breaker usable") {
  scene s;
  s.fail_times(3, start);
  {
    breaker_gate brief{&s.breaker, nullptr};
    REQUIRE(brief.enter(start + 60s));
    CHECK_FALSE(s.gate.enter(start + 60s));
  }
  CHECK(s.gate.enter(start + 60s));
}

TEST_CASE("breaker_gate: who is told of a change may look and ask again") {
  circuit_breaker breaker{{.failure_threshold = 1}};
  std::vector<bool> open;
  breaker_gate* self = nullptr;
  breaker_gate gate{&breaker, [&](breaker_state) {
                      open.push_back(self->is_open());
                      CHECK_FALSE(self->enter(start));
                    }};
  self = &gate;
  REQUIRE(gate.enter(start));
  gate.fail(start);
  CHECK(open == std::vector<bool>{true});
}

}  // namespace
