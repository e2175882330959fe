// tests/feed/session_group_test.cpp: a feed is connected when all of its connections are.
#include <foxtrot/feed/session_group.hpp>

#include <catch2/catch.hpp>

namespace {

using foxtrot::session_group;

TEST_CASE("session_group: one connection is the whole feed") {
  session_group group;
  CHECK_FALSE(group.whole());
  CHECK(group.up() == 0);
  group.join();
  CHECK_FALSE(group.whole());
  CHECK(group.connected());
  CHECK(group.whole());
  CHECK(group.up() == 1);
  group.disconnected();
  CHECK_FALSE(group.whole());
  CHECK(group.connected());
  group.disconnected();
  group.leave();
  CHECK_FALSE(group.whole());  // nobody is not everybody
  CHECK(group.up() == 0);
}

TEST_CASE("session_group: whole with the last one, each time") {
  session_group group;
  group.join();
  group.join();
  group.join();
  CHECK_FALSE(group.connected());
  CHECK_FALSE(group.connected());
  CHECK(group.connected());
  group.disconnected();
  group.disconnected();
  CHECK_FALSE(group.whole());
  CHECK_FALSE(group.connected());
  CHECK(group.connected());
}

TEST_CASE("session_group: who joins later makes it less than whole, who leaves is not waited for") {
  session_group group;
  group.join();
  CHECK(group.connected());
  group.join();
  CHECK_FALSE(group.whole());
  group.leave();
  CHECK(group.whole());
  group.disconnected();
  group.join();
  group.leave();
  CHECK(group.connected());
}

}  // namespace
