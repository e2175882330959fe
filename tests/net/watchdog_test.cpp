// tests/net/watchdog_test.cpp: when the call comes and when it does not.
#include <foxtrot/net/watchdog.hpp>

#include <support/loop_fixture.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>

using namespace std::chrono_literals;
using namespace foxtrot;
using namespace foxtrot_test;

TEST_CASE("watchdog: calls once, a patience after it was fed last", "[net]") {
  loop_fixture f;
  int calls = 0;
  watchdog dog{f.timers, 10s, [&] { ++calls; }};
  f.advance(60s);
  CHECK(calls == 0);  // nobody began to feed it
  dog.feed();
  for (int i = 0; i < 20; ++i) {
    f.advance(9s);
    dog.feed();
    CHECK(f.timers.size() == 1);
  }
  f.advance(9999ms);
  CHECK(calls == 0);
  f.advance(1ms);
  CHECK(calls == 1);
  CHECK_FALSE(dog.watching());
  f.advance(60s);
  CHECK(calls == 1);
  dog.feed();
  f.advance(10s);
  CHECK(calls == 2);
}

TEST_CASE("watchdog: stopped, impatient never, or destroyed by its own call", "[net]") {
  loop_fixture f;
  int calls = 0;
  watchdog dog{f.timers, 1s, [&] { ++calls; }};
  dog.feed();
  dog.stop();
  dog.stop();
  f.advance(5s);
  CHECK(f.timers.size() == 0);
  watchdog patient{f.timers, 0s, [&] { ++calls; }};
  patient.feed();
  f.advance(5s);
  CHECK(calls == 0);
  std::unique_ptr<watchdog> suicidal;
  suicidal = std::make_unique<watchdog>(f.timers, 1s, [&] {
    ++calls;
    suicidal.reset();
  });
  suicidal->feed();
  f.advance(1s);
  CHECK(calls == 1);
  CHECK(suicidal == nullptr);
}
