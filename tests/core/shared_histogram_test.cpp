#include <foxtrot/core/shared_histogram.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <thread>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

histogram copy_of(const shared_histogram& times) {
  histogram copy;
  times.add_to(copy);
  return copy;
}

}  // namespace

TEST_CASE("shared_histogram: what is read is what a plain one would have", "[core]") {
  shared_histogram shared;
  histogram plain;
  CHECK(copy_of(shared).empty());
  CHECK(copy_of(shared).min() == 0);
  std::int64_t value = -3;
  for (std::uint64_t times = 0; times < 200; ++times) {
    shared.record(value, times);
    plain.record(value, times);
    value += value / 5 + 1;
  }
  shared.record(std::numeric_limits<std::int64_t>::max());
  plain.record(std::numeric_limits<std::int64_t>::max());
  const histogram copy = copy_of(shared);
  CHECK(copy.count() == plain.count());
  CHECK(copy.min() == plain.min());
  CHECK(copy.max() == plain.max());
  CHECK(copy.mean() == plain.mean());
  for (const double fraction : {0.0, 0.1, 0.5, 0.9, 0.99, 1.0})
    CHECK(copy.percentile(fraction) == plain.percentile(fraction));
}

TEST_CASE("shared_histogram: adds to what is there already", "[core]") {
  shared_histogram one;
  shared_histogram other;
  one.record(10);
  other.record(1000, 3);
  histogram both;
  one.add_to(both);
  other.add_to(both);
  CHECK(both.count() == 4);
  CHECK(both.min() == 10);
  CHECK(both.max() == 1000);
  CHECK(both.mean() == 752.5);
}

TEST_CASE("shared_histogram: recording allocates nothing", "[core]") {
  shared_histogram times;
  const std::size_t before = foxtrot_test::allocations();
  for (std::int64_t value = 1; value < (std::int64_t{1} << 39); value *= 2) times.record(value, 2);
  CHECK(foxtrot_test::allocations() == before);
}

TEST_CASE("shared_histogram: others read while one records", "[core]") {
  const std::uint64_t rounds = repetitions(200'000);
  shared_histogram times;
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (std::uint64_t i = 0; i < rounds; ++i) times.record(static_cast<std::int64_t>(i));
    done.store(true, std::memory_order_release);
  }};
  std::uint64_t seen = 0;
  while (!done.load(std::memory_order_acquire)) {
    const histogram copy = copy_of(times);
    // one value after the other: as many as are counted, and the extremes of all that are
    if (copy.count() < seen) FAIL("fewer than before");
    seen = copy.count();
    if (seen != 0 && (copy.min() != 0 || copy.max() < static_cast<std::int64_t>(seen) - 1))
      FAIL(seen << " up to " << copy.max());
  }
  writer.join();
  CHECK(copy_of(times).count() == rounds);
  CHECK(copy_of(times).max() == static_cast<std::int64_t>(rounds) - 1);
}
