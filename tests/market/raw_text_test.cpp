#include <foxtrot/market/raw_text.hpp>

#include <catch2/catch.hpp>

#include <string_view>

using namespace foxtrot;

TEST_CASE("raw_text: holds up to its size, and refuses what it cannot hold", "[market]") {
  raw_text<4> text;
  CHECK(text.view().empty());
  CHECK(text.assign("FULL"));
  CHECK(text.view() == "FULL");
  CHECK_FALSE(text.assign("LONGER"));
  CHECK_FALSE(text.assign(std::string_view{"a\0b", 3}));
  CHECK(text.view() == "FULL");
  CHECK(text.assign("ab"));
  CHECK(text.view() == "ab");
  CHECK(text.assign(""));
  CHECK(text.view().empty());
}
