#include <foxtrot/market/unknown_event.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace foxtrot;

namespace {

struct made {
  explicit made(std::string_view text, std::string_view name = {})
      : room(unknown_event::units_for(text)), record{unknown_event::write(room, text, name)} {}
  [[nodiscard]] unknown_event tick() const { return {record, room, {.kind = tick_kind::unknown_event}, table}; }

  symbol_table table;
  std::vector<raw_level> room;
  unknown_record record;
};

}  // namespace

TEST_CASE("unknown_event: the text comes back to the byte, whatever its length", "[market]") {
  for (std::size_t length = 0; length < 70; ++length) {
    const std::string text(length, 'a');
    const made unknown{text};
    CHECK(unknown.room.size() == (length + 15) / 16);
    CHECK(unknown.record.body_units == unknown.room.size());
    CHECK(unknown.tick().text() == text);
    CHECK(unknown.tick().name().empty());
    CHECK_FALSE(unknown.tick().symbol());
    CHECK_FALSE(unknown.tick().event_time());
  }
  const std::string longest(unknown_event::longest_text, 'x');
  CHECK(made{longest}.tick().text() == longest);
}

TEST_CASE("unknown_event: the name is a part of the text", "[market]") {
  const std::string_view text = R"({"e":"newEvent","E":1})";
  made unknown{text, text.substr(6, 8)};
  CHECK(unknown.tick().name() == "newEvent");
  unknown.record.received_ns = 5'000'000;
  unknown.record.event_time = time_offset::between(5'000'000, 4'000);
  CHECK(unknown.tick().event_time() == timestamp{std::chrono::microseconds{4'000}});
  CHECK(made{text, text}.tick().name() == text);
}

TEST_CASE("unknown_event: room beyond the text is left alone, and its last unit is filled", "[market]") {
  std::array<raw_level, 3> room;
  room.fill({-1, -1});
  const auto record = unknown_event::write(room, "seventeen letters", {});
  CHECK(record.body_units == 2);
  CHECK(room[1] == raw_level{'s', 0});
  CHECK(room[2] == raw_level{-1, -1});
}

TEST_CASE("unknown_event: a record that promises more than its body has shows no more", "[market]") {
  made cut{"0123456789abcdefghij", {}};
  cut.record.name_offset = 18;
  cut.record.name_bytes = 2;
  cut.room.pop_back();
  CHECK(cut.tick().text() == "0123456789abcdef");
  CHECK(cut.tick().name().empty());
  cut.room.clear();
  CHECK(cut.tick().text().empty());
}
