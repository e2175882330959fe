// tests/feed/open_holes_test.cpp: what is looked for, what has come of it, and what is still missing.
#include <foxtrot/feed/open_holes.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using ranges = std::vector<id_range>;

const steady_time noon{12h};

TEST_CASE("open_holes: ids are looked for once, and those that came are known") {
  open_holes holes;
  holes.add({10, 14}, noon);
  CHECK_FALSE(holes.take(9));
  CHECK(holes.take(10));
  CHECK_FALSE(holes.take(10));
  CHECK(holes.first() == 11);
  CHECK(holes.take(11));
  CHECK(holes.take(14));
  CHECK_FALSE(holes.take(13));  // answers have an order
  CHECK_FALSE(holes.take(15));
  const auto all = holes.extract_if([](const open_hole&) { return true; });
  REQUIRE(all.size() == 1);
  CHECK(all[0].came == ranges{{10, 11}, {14, 14}});
  CHECK(all[0].missing() == 2);
  CHECK(holes.empty());
}

TEST_CASE("open_holes: in the order of their ids, whenever they were found") {
  open_holes holes;
  holes.add({30, 34}, noon + 1s);
  holes.add({10, 11}, noon + 2s);
  holes.add({20, 20}, noon);
  CHECK(holes.size() == 3);
  CHECK(holes.first() == 10);
  CHECK(holes.due() == noon);
  CHECK(holes.span(1'000) == 25);
  CHECK(holes.span(25) == 25);
  CHECK(holes.span(24) == 24);
  CHECK(holes.span(20) == 11);  // the last of them lies behind what fits
  CHECK(holes.span(1) == 1);
  holes.pass(15);
  CHECK(holes.first() == 12);
  const auto late = holes.extract_if([](const open_hole& hole) { return hole.until <= noon + 1s; });
  REQUIRE(late.size() == 2);
  CHECK(late[0].ids == id_range{20, 20});
  CHECK(late[1].missing() == 5);
  CHECK(holes.size() == 1);
}

TEST_CASE("open_holes: failures are counted for those that a request was about") {
  open_holes holes;
  holes.add({10, 11}, noon);
  holes.add({20, 29}, noon);
  holes.note_failure(19);
  holes.note_failure(20);
  const auto all = holes.extract_if([](const open_hole&) { return true; });
  CHECK(all[0].attempts == 2);
  CHECK(all[1].attempts == 1);
}

}  // namespace
