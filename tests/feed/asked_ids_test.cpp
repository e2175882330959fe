// tests/feed/asked_ids_test.cpp: what has been asked for is not asked for again.
#include <foxtrot/feed/asked_ids.hpp>

#include <catch2/catch.hpp>

namespace {

using foxtrot::asked_ids;
using answer = foxtrot::asked_ids::answer;

TEST_CASE("asked_ids: what was asked for is pending until it is settled, and remembered until it is passed") {
  asked_ids asked;
  CHECK(asked.state_of({1, 100}) == answer::never);
  asked.add({10, 20}, true);
  asked.add({30, 40}, false);
  CHECK(asked.state_of({1, 9}) == answer::never);
  CHECK(asked.state_of({1, 10}) == answer::pending);
  CHECK(asked.state_of({20, 35}) == answer::pending);
  CHECK(asked.state_of({21, 35}) == answer::settled);
  CHECK(asked.awaits(15));
  CHECK_FALSE(asked.awaits(30));
  asked.settle({1, 25});
  CHECK(asked.state_of({1, 20}) == answer::settled);
  asked.pass(19);
  CHECK(asked.state_of({1, 20}) == answer::settled);
  asked.pass(20);
  CHECK(asked.state_of({1, 20}) == answer::never);
  CHECK(asked.state_of({1, 30}) == answer::settled);
}

TEST_CASE("asked_ids: a part may be settled") {
  asked_ids asked;
  asked.add({10, 20}, true);
  asked.settle({13, 15});
  CHECK(asked.state_of({13, 15}) == answer::settled);
  CHECK(asked.state_of({10, 12}) == answer::pending);
  CHECK(asked.state_of({16, 20}) == answer::pending);
  CHECK(asked.awaits(12));
  CHECK_FALSE(asked.awaits(13));
  CHECK_FALSE(asked.awaits(15));
  CHECK(asked.awaits(16));
  asked.settle({1, 12});
  CHECK(asked.state_of({1, 15}) == answer::settled);
  asked.settle({20, 99});
  CHECK(asked.awaits(19));
  CHECK_FALSE(asked.awaits(20));
}

}  // namespace
