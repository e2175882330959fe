#include <foxtrot/core/histogram_export.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace foxtrot;

namespace {

struct line {
  double value{0};
  double level{0};
  std::uint64_t count{0};
};

/// The lines between the head and the '#', as a plotter reads them.
std::vector<line> lines_of(const std::string& text) {
  std::istringstream in{text};
  std::string each;
  std::getline(in, each);
  std::vector<line> all;
  while (std::getline(in, each)) {
    if (each.empty()) continue;
    if (each.front() == '#') break;
    line made;
    std::istringstream{each} >> made.value >> made.level >> made.count;
    all.push_back(made);
  }
  return all;
}

}  // namespace

TEST_CASE("histogram_export: ten values, computed by hand", "[core]") {
  histogram times;
  for (std::int64_t value = 10; value <= 100; value += 10) times.record(value);
  CHECK(percentile_distribution(times, {.unit = 1}) ==
        "       Value     Percentile TotalCount 1/(1-Percentile)\n"
        "\n"
        "      10.000 0.000000000000          1           1.00\n"
        "      10.000 0.100000000000          1           1.11\n"
        "      20.000 0.200000000000          2           1.25\n"
        "      30.000 0.300000000000          3           1.43\n"
        "      40.000 0.400000000000          4           1.67\n"
        "      50.000 0.500000000000          5           2.00\n"
        "      60.000 0.550000000000          6           2.22\n"
        "      60.000 0.600000000000          6           2.50\n"
        "      70.000 0.650000000000          7           2.86\n"
        "      70.000 0.700000000000          7           3.33\n"
        "      80.000 0.750000000000          8           4.00\n"
        "      80.000 0.775000000000          8           4.44\n"
        "      80.000 0.800000000000          8           5.00\n"
        "      90.000 0.825000000000          9           5.71\n"
        "      90.000 0.850000000000          9           6.67\n"
        "      90.000 0.875000000000          9           8.00\n"
        "      90.000 0.887500000000          9           8.89\n"
        "      90.000 0.900000000000          9          10.00\n"
        "     100.000 0.912500000000         10          11.43\n"
        "     100.000 1.000000000000         10\n"
        "#[Mean    =       55.000, StdDeviation   =       28.723]\n"
        "#[Max     =      100.000, Total count    =           10]\n"
        "#[Buckets =           33, SubBuckets     =          256]\n");
}

TEST_CASE("histogram_export: microseconds by default, or what is asked for", "[core]") {
  histogram times;
  times.record(1'500'000);
  CHECK(percentile_distribution(times).find("    1500.000 1.000000000000          1\n") != std::string::npos);
  CHECK(percentile_distribution(times, {.unit = 1e6, .decimals = 1}).find("         1.5 1.0000") != std::string::npos);
}

TEST_CASE("histogram_export: an empty one has a head and a foot", "[core]") {
  CHECK(percentile_distribution(histogram{}) ==
        "       Value     Percentile TotalCount 1/(1-Percentile)\n"
        "\n"
        "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
        "#[Max     =        0.000, Total count    =            0]\n"
        "#[Buckets =           33, SubBuckets     =          256]\n");
}

TEST_CASE("histogram_export: each line is true, whatever the distribution", "[core]") {
  const unsigned ticks = GENERATE(1U, 5U, 20U);
  histogram times;
  std::int64_t value = 1;
  for (std::uint64_t i = 1; i < 3000; ++i) {
    times.record(value, i % 7);
    value += value / 16 + static_cast<std::int64_t>(i % 3);
    if (value > 1'000'000'000) value = 1;
  }
  const auto all = lines_of(percentile_distribution(times, {.unit = 1, .ticks_per_half_distance = ticks}));
  REQUIRE(all.size() > 8);
  double level = -1;
  for (const line& each : all) {
    CHECK(each.level > level);
    level = each.level;
    CHECK(each.value == static_cast<double>(times.percentile(level)));
    CHECK(static_cast<double>(each.count) >= level * static_cast<double>(times.count()) * (1 - 1e-12));
  }
  CHECK(all.front().level == 0.0);
  CHECK(all.back().level == 1.0);
  CHECK(all.back().count == times.count());
  CHECK(all.back().value == static_cast<double>(times.max()));
}

TEST_CASE("histogram_export: billions of values end as well", "[core]") {
  histogram times;
  times.record(10, std::uint64_t{1} << 62);
  times.record(20);
  const auto all = lines_of(percentile_distribution(times, {.unit = 1}));
  CHECK(all.size() < 400);
  CHECK(all.back().value == 20);
  CHECK(all.back().level == 1.0);
}

TEST_CASE("histogram_export: pieces go to a sink, and its exceptions through", "[core]") {
  histogram times;
  times.record(5);
  std::string text;
  write_percentile_distribution(times, [&](std::string_view piece) { text += piece; });
  CHECK(text == percentile_distribution(times));
  const auto full = [](std::string_view) { throw std::runtime_error{"full"}; };
  CHECK_THROWS_AS(write_percentile_distribution(times, full), std::runtime_error);
}
