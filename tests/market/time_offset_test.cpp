#include <foxtrot/market/time_offset.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <limits>

using namespace foxtrot;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t received = 1'709'164'800'123'456'789;  // ns
constexpr std::int64_t received_us = received / 1000;
constexpr std::int64_t reach = std::numeric_limits<std::int32_t>::max();

}  // namespace

TEST_CASE("time_offset: absent by default", "[market]") {
  CHECK_FALSE(time_offset{}.present());
  CHECK_FALSE(time_offset{}.from(received));
}

TEST_CASE("time_offset: exact to the microsecond, before and after the receive time", "[market]") {
  for (const std::int64_t distance : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{-123'456},
                                      std::int64_t{2'000'000}, reach, -reach}) {
    INFO(distance);
    const auto offset = time_offset::between(received, received_us + distance);
    REQUIRE(offset.present());
    CHECK(offset.from(received) == timestamp{std::chrono::microseconds{received_us + distance}});
  }
}

TEST_CASE("time_offset: what does not fit is absent, not wrong", "[market]") {
  for (const std::int64_t distance : {reach + 1, -reach - 1, -reach - 2, reach * 1000, -reach * 1000}) {
    INFO(distance);
    CHECK_FALSE(time_offset::between(received, received_us + distance).present());
  }
  CHECK_FALSE(time_offset::between(received, 0).present());
  CHECK_FALSE(time_offset::between(0, std::numeric_limits<std::int64_t>::min()).present());
  CHECK_FALSE(time_offset::between(-received, std::numeric_limits<std::int64_t>::max()).present());
  CHECK(std::chrono::microseconds{reach} > 35min);
}

TEST_CASE("time_offset: takes 32 bits", "[market]") {
  static_assert(sizeof(time_offset) == 4);
  CHECK(time_offset::between(1000, 1) == time_offset::between(5000, 5));
}
