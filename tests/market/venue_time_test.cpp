#include <foxtrot/market/venue_time.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <limits>

using namespace foxtrot;

TEST_CASE("venue_time: present, absent, and what nanoseconds cannot say", "[market]") {
  CHECK_FALSE(venue_time{}.present());
  CHECK_FALSE(venue_time{}.get());
  const venue_time known{1'787'000'000'123'456};
  CHECK(known.present());
  CHECK(known.microseconds() == 1'787'000'000'123'456);
  CHECK(known.get() == timestamp{std::chrono::microseconds{1'787'000'000'123'456}});
  CHECK(venue_time{0}.get() == timestamp{});
  CHECK(venue_time{-5}.get() == timestamp{std::chrono::microseconds{-5}});
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(venue_time{most / 1000}.get());
  CHECK(venue_time{-(most / 1000)}.get());
  CHECK_FALSE(venue_time{most / 1000 + 1}.get());
  CHECK_FALSE(venue_time{most}.get());
  CHECK_FALSE(venue_time{-most}.get());
  CHECK(venue_time{7} == venue_time{7});
  CHECK_FALSE(venue_time{7} == venue_time{});
}
