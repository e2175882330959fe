#include <foxtrot/market/detail/look_sampler.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace foxtrot;

namespace {

constexpr std::int64_t start = 1'700'000'000'000'000'000;

}  // namespace

TEST_CASE("look_sampler: ticks that come one by one are all looked at", "[market]") {
  detail::look_sampler sampler;
  for (std::int64_t now = start; now < start + 1'000'000'000; now += 1'000'000) {
    CHECK(sampler.due(now) == 1);
    sampler.looked(now);
  }
}

TEST_CASE("look_sampler: of dense ticks a few are, and stand for all", "[market]") {
  detail::look_sampler sampler;
  std::uint64_t looks = 0;
  std::uint64_t stood_for = 0;
  constexpr std::uint64_t ticks = 100'000;
  std::uint64_t longest = 0;
  std::uint64_t since = 0;
  for (std::uint64_t i = 0; i < ticks; ++i) {
    const std::int64_t now = start + static_cast<std::int64_t>(i) * 50;
    ++since;
    const std::uint64_t times = sampler.due(now);
    if (times == 0) continue;
    ++looks;
    stood_for += times;
    sampler.looked(now);
    longest = std::max(longest, since);
    since = 0;
  }
  CHECK(looks > ticks / 17);
  CHECK(looks < ticks / 14);
  CHECK(stood_for <= ticks);
  CHECK(stood_for > ticks - 24);
  CHECK(longest <= 23);
}

TEST_CASE("look_sampler: in bursts of any length each place gets its share", "[market]") {
  const std::size_t length = GENERATE(2U, 3U, 7U, 8U, 9U, 12U, 50U);
  detail::look_sampler sampler;
  std::vector<std::uint64_t> stood_for(length);
  constexpr std::uint64_t bursts = 40'000;
  std::int64_t now = start;
  for (std::uint64_t i = 0; i < bursts; ++i) {
    now += 10'000'000;
    for (std::size_t place = 0; place < length; ++place) {
      const std::uint64_t times = sampler.due(now);
      if (times != 0) sampler.looked(now + static_cast<std::int64_t>(place) * 200);
      stood_for[place] += times;
    }
  }
  for (std::size_t place = 0; place < length; ++place) {
    INFO("place " << place << " of " << length);
    CHECK(stood_for[place] > bursts * 9 / 10);
    CHECK(stood_for[place] < bursts * 11 / 10);
  }
}
