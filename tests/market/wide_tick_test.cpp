#include <foxtrot/market/wide_tick.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <span>

using namespace foxtrot;

namespace {

struct four_words {
  std::int64_t words[4]{-1, -2, -3, -4};
};
struct padded {
  std::int64_t word;
  char letter;
};
struct uneven {
  std::int64_t words[3];
};
static_assert(wide_body<four_words> && !wide_body<padded> && !wide_body<uneven>);
static_assert(units_of<four_words> == 2);

}  // namespace

TEST_CASE("wide_tick: bodies come back as they were written", "[market]") {
  std::array<raw_level, 3> room{};
  write_body<four_words>(room, {{1, 2, 3, 4}});
  CHECK(room == std::array<raw_level, 3>{{{1, 2}, {3, 4}, {0, 0}}});
  const auto back = read_body<four_words>(room);
  CHECK((back.words[0] == 1 && back.words[3] == 4));
}

TEST_CASE("wide_tick: a body that is cut off is completed from a new one", "[market]") {
  const std::array<raw_level, 1> half{{{1, 2}}};
  const auto part = read_body<four_words>(half);
  CHECK((part.words[0] == 1 && part.words[1] == 2 && part.words[2] == -3 && part.words[3] == -4));
  CHECK(read_body<four_words>({}).words[0] == -1);
}

TEST_CASE("wide_tick: its record", "[market]") {
  const auto record = make_wide_record<four_words>(77, time_offset::between(77'000, 80), symbol_id{5});
  CHECK(record.body_units == 2);
  CHECK(record.no_units == 0);
  CHECK(record.received_ns == 77);
  CHECK(record.symbol == symbol_id{5});
  CHECK(record.event_time.present());
}
