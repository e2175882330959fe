#include <foxtrot/queue/idle.hpp>

#include <catch2/catch.hpp>

using namespace foxtrot;

TEST_CASE("idle: strategies have names", "[queue]") {
  CHECK(to_string(idle::block) == "block");
  CHECK(to_string(idle::spin) == "spin");
  CHECK(to_string(idle::adaptive) == "adaptive");
  CHECK(to_string(idle::yield) == "yield");
  CHECK(to_string(static_cast<idle>(9)) == "?");
}
