// tests/net/async_condition_test.cpp: who is woken, by what, and who is not.
#include <foxtrot/net/async_condition.hpp>

#include <support/loop_fixture.hpp>

#include <catch2/catch.hpp>

#include <optional>

using namespace foxtrot;
using namespace foxtrot_test;

TEST_CASE("async_condition: wakes all who wait now, and nobody who comes later", "[net]") {
  loop_fixture f;
  async_condition changed{f.loop};
  changed.notify();
  auto one = f.start(changed.wait());
  auto other = f.start(changed.wait());
  f.poll();
  CHECK(changed.waiting());
  CHECK_FALSE(one.done());
  changed.notify(errc::closed);
  CHECK_FALSE(changed.waiting());
  auto late = f.start(changed.wait());
  f.poll();
  REQUIRE(one.done());
  REQUIRE(other.done());
  CHECK(one.get() == errc::closed);
  CHECK(other.get() == errc::closed);
  CHECK_FALSE(late.done());
  late.cancel();
  f.poll();
  CHECK(late.done());
  CHECK_FALSE(changed.waiting());
}

TEST_CASE("async_condition: destroyed under its waiters", "[net]") {
  loop_fixture f;
  std::optional<async_condition> changed{std::in_place, f.loop};
  auto one = f.start(changed->wait());
  auto other = f.start(changed->wait());
  f.poll();
  changed.reset();
  f.poll();
  REQUIRE(one.done());
  CHECK(one.get() == errc::cancelled);
  CHECK(other.get() == errc::cancelled);
}
