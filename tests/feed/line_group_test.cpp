// tests/feed/line_group_test.cpp: lines that carry the same streams are one member of a feed.
#include <foxtrot/feed/line_group.hpp>

#include <catch2/catch.hpp>

namespace {

using foxtrot::line_group;
using foxtrot::session_group;

TEST_CASE("line_group: whole with the first line and lost with the last") {
  session_group feed;
  line_group lines{feed};
  lines.join();
  lines.join();
  CHECK_FALSE(feed.whole());
  CHECK(lines.connected());  // now it is to be told
  CHECK(feed.whole());
  CHECK_FALSE(lines.connected());
  CHECK(lines.up() == 2);
  CHECK_FALSE(lines.disconnected());
  CHECK(feed.whole());
  CHECK_FALSE(lines.connected());
  CHECK_FALSE(lines.disconnected());
  CHECK(lines.disconnected());
  CHECK_FALSE(feed.whole());
  CHECK(lines.up() == 0);
}

TEST_CASE("line_group: a feed of two groups is whole when both have a line") {
  session_group feed;
  line_group one{feed};
  line_group other{feed};
  one.join();
  one.join();
  other.join();
  CHECK_FALSE(one.connected());
  CHECK(other.connected());
  CHECK_FALSE(one.connected());
  CHECK(other.disconnected());
  CHECK_FALSE(feed.whole());
  CHECK(other.connected());
  one.leave();
  CHECK(feed.whole());
  CHECK_FALSE(one.disconnected());
  CHECK(one.disconnected());
  one.leave();
  CHECK(feed.whole());  // it does not count any more
}

TEST_CASE("line_group: who has withdrawn is missed by nobody") {
  session_group feed;
  line_group stays{feed};
  line_group goes{feed};
  stays.join();
  goes.join();
  CHECK_FALSE(goes.connected());
  CHECK(stays.connected());
  CHECK_FALSE(goes.withdraw());
  CHECK_FALSE(goes.withdraw());
  CHECK(feed.whole());
  CHECK(feed.up() == 1);
  CHECK_FALSE(goes.disconnected());
  goes.leave();
  CHECK(feed.whole());
  CHECK(stays.disconnected());
  CHECK(stays.connected());
}

TEST_CASE("line_group: one that withdraws while it is not connected makes the feed whole") {
  session_group feed;
  line_group stays{feed};
  line_group goes{feed};
  stays.join();
  goes.join();
  CHECK_FALSE(stays.connected());
  CHECK(goes.withdraw());  // now it is to be told
  CHECK(feed.whole());
  CHECK_FALSE(goes.connected());
  CHECK(feed.up() == 1);
}

}  // namespace
