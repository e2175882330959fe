#include <foxtrot/core/histogram.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

constexpr std::int64_t longest = (std::int64_t{1} << 40) - 1;

/// The value that a `fraction` of the sorted ones do not exceed.
std::int64_t exact(const std::vector<std::int64_t>& sorted, double fraction) {
  const double rank = std::ceil(fraction * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(1.0, rank)) - 1];
}

std::vector<std::int64_t> samples(std::size_t count, unsigned seed) {
  std::mt19937_64 random{seed};
  std::vector<std::int64_t> values(count);
  for (auto& value : values) value = static_cast<std::int64_t>(random() >> (24 + random() % 40));
  return values;
}

}  // namespace

TEST_CASE("histogram: an empty one says 0", "[core]") {
  const histogram none;
  CHECK(none.empty());
  CHECK(none.count() == 0);
  CHECK(none.min() == 0);
  CHECK(none.max() == 0);
  CHECK(none.mean() == 0.0);
  CHECK(none.percentile(0.5) == 0);
}

TEST_CASE("histogram: small values are exact", "[core]") {
  histogram times;
  for (std::int64_t value = 0; value < 256; ++value) times.record(value);
  for (std::int64_t value = 0; value < 256; ++value) {
    CHECK(times.percentile(static_cast<double>(value + 1) / 256) == value);
  }
  CHECK(times.percentile(0) == 0);
  CHECK(times.mean() == 127.5);
}

TEST_CASE("histogram: every single value is found within 1/128", "[core]") {
  const auto check = [](std::int64_t value) {
    histogram times;
    times.record(value);
    times.record(longest);  // or the answer would be cut to the largest recorded value
    const std::int64_t found = times.percentile(0.5);
    if (found < value || found - value > value / 128) FAIL(value << " found as " << found);
  };
  for (unsigned bit = 0; bit < 40; ++bit) {
    const std::int64_t power = std::int64_t{1} << bit;
    for (const std::int64_t value : {power - 1, power, power + 1, power + power / 3, 2 * power - 1}) {
      check(std::min(value, longest));
    }
  }
}

TEST_CASE("histogram: percentiles of random values are those of the sorted vector, within 1/128", "[core]") {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const std::size_t count = repetitions(40'000) + seed;
    auto values = samples(count, seed);
    histogram times;
    for (const std::int64_t value : values) times.record(value);
    std::sort(values.begin(), values.end());
    CHECK(times.count() == values.size());
    CHECK(times.min() == values.front());
    CHECK(times.max() == values.back());
    long double sum = 0;
    for (const std::int64_t value : values) sum += static_cast<long double>(value);
    CHECK(times.mean() == Approx(static_cast<double>(sum / static_cast<long double>(count))));
    std::int64_t last = 0;
    for (const double fraction : {0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
      INFO(fraction);
      const std::int64_t wanted = exact(values, fraction);
      const std::int64_t found = times.percentile(fraction);
      CHECK(found >= wanted);
      CHECK(found - wanted <= wanted / 128);
      CHECK(found >= last);
      last = found;
    }
    CHECK(times.percentile(1.0) == values.back());
  }
}

TEST_CASE("histogram: what does not fit is counted at the ends", "[core]") {
  histogram times;
  times.record(-5);
  times.record(std::numeric_limits<std::int64_t>::min());
  times.record(std::numeric_limits<std::int64_t>::max());
  CHECK(times.count() == 3);
  CHECK(times.min() == 0);
  CHECK(times.max() == longest);
  CHECK(times.percentile(0.5) == 0);
  CHECK(times.percentile(1.0) == longest);
  CHECK(times.percentile(-1.0) == 0);
  CHECK(times.percentile(2.0) == longest);
}

TEST_CASE("histogram: merged ones are as if recorded by one", "[core]") {
  const auto values = samples(repetitions(20'000), 9);
  histogram all;
  histogram odd;
  histogram even;
  for (std::size_t i = 0; i < values.size(); ++i) {
    all.record(values[i]);
    (i % 2 == 0 ? even : odd).record(values[i]);
  }
  histogram merged;
  merged.merge(odd);
  merged.merge(histogram{});
  merged.merge(even);
  CHECK(merged.count() == all.count());
  CHECK(merged.min() == all.min());
  CHECK(merged.max() == all.max());
  CHECK(merged.mean() == all.mean());
  for (const double fraction : {0.01, 0.5, 0.99, 1.0}) CHECK(merged.percentile(fraction) == all.percentile(fraction));
}

TEST_CASE("histogram: reset forgets everything", "[core]") {
  histogram times;
  times.record(1'000'000);
  times.reset();
  CHECK(times.empty());
  CHECK(times.max() == 0);
  times.record(3);
  CHECK(times.min() == 3);
  CHECK(times.max() == 3);
  CHECK(times.percentile(0.99) == 3);
}

TEST_CASE("histogram: recording, merging and reading allocate nothing", "[core]") {
  histogram times;
  const histogram other;
  const std::size_t before = foxtrot_test::allocations();
  for (std::int64_t value = 1; value < longest / 3; value *= 3) times.record(value);
  times.merge(other);
  const std::int64_t median = times.percentile(0.5);
  times.reset();
  const std::size_t after = foxtrot_test::allocations();
  CHECK(after == before);
  CHECK(median > 0);
}

TEST_CASE("histogram: a value counts as often as it is said to", "[core]") {
  histogram one_by_one;
  histogram at_once;
  for (int i = 0; i < 7; ++i) one_by_one.record(1'000'000);
  at_once.record(1'000'000, 7);
  at_once.record(5, 0);
  CHECK(at_once.count() == 7);
  CHECK(at_once.mean() == one_by_one.mean());
  CHECK(at_once.min() == 1'000'000);
  CHECK(at_once.max() == 1'000'000);
}

TEST_CASE("histogram: the deviation from the mean", "[core]") {
  histogram times;
  CHECK(times.standard_deviation() == 0.0);
  for (std::int64_t value = 10; value <= 100; value += 10) times.record(value);
  CHECK(times.standard_deviation() == Approx(std::sqrt(825.0)));  // small values are exact
  histogram large;
  for (const std::int64_t value : {1'000'000, 3'000'000}) large.record(value, 1000);
  CHECK(large.standard_deviation() == Approx(1e6).epsilon(0.01));
}

TEST_CASE("histogram: its buckets hold what was recorded, between the values that were", "[core]") {
  const auto values = samples(repetitions(5'000), 3);
  histogram times;
  for (const std::int64_t value : values) times.record(value);
  std::uint64_t all = 0;
  std::int64_t before = -1;
  times.for_each_bucket([&](std::int64_t first, std::int64_t last, std::uint64_t count) {
    CHECK(first > before);
    CHECK(last >= first);
    CHECK(count == static_cast<std::uint64_t>(std::count_if(values.begin(), values.end(),
                                                            [&](std::int64_t v) { return first <= v && v <= last; })));
    before = last;
    all += count;
  });
  CHECK(all == values.size());
  CHECK(before == times.max());
}
