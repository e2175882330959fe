#include <foxtrot/market/kline_interval.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <set>
#include <string_view>

using namespace foxtrot;

TEST_CASE("kline_interval: every name stands for one and the other way round", "[market]") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kline_interval_count; ++i) {
    const auto interval = static_cast<kline_interval>(i);
    names.insert(to_string(interval));
    CHECK(parse_kline_interval(to_string(interval)) == interval);
  }
  CHECK(names.size() == kline_interval_count);
  CHECK(to_string(kline_interval::m1) == "1m");
  CHECK(to_string(kline_interval::mo1) == "1M");
  CHECK(to_string(kline_interval::s1) == "1s");
  CHECK(to_string(static_cast<kline_interval>(99)) == "?");
  for (const char* other : {"", "?", "1", "m", "2m", "1y", "1m ", "1H"}) CHECK_FALSE(parse_kline_interval(other));
}
