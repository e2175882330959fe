// tests/feed/line_race_test.cpp: who was first, and by how much.
#include <foxtrot/feed/line_race.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>

namespace {

using namespace foxtrot;

constexpr line_id a{0};
constexpr line_id b{1};

std::uint64_t wins(const line_race& race, line_id of) {
  const auto all = race.statistics().wins;
  const auto index = static_cast<std::size_t>(of);
  return index < all.size() ? all[index] : 0;
}

TEST_CASE("line_race: whoever is first wins when another brings the same") {
  line_race race;
  race.first(a, 3, 100, 1'000);
  CHECK(wins(race, a) == 0);
  race.late(b, 3, 100, 1'700);
  race.late(a, 3, 100, 1'800);  // itself again
  race.late(b, 2, 100, 1'900);  // another stream
  race.late(b, 3, 101, 1'900);  // not known
  CHECK(wins(race, a) == 1);
  CHECK(wins(race, b) == 0);
  CHECK(race.statistics().margins.count() == 1);
  CHECK(race.statistics().margins.max() == 700);
  race.forget(a);
  CHECK(wins(race, a) == 0);
}

TEST_CASE("line_race: what came by another way is nobody's win") {
  line_race race;
  race.first(no_line, 0, 7, 1'000);
  race.late(a, 0, 7, 1'100);
  CHECK(wins(race, a) == 0);
  CHECK(race.statistics().margins.count() == 0);
}

}  // namespace
