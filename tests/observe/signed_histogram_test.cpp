// tests/observe/signed_histogram_test.cpp: delays on both sides of zero.
#include <foxtrot/observe/signed_histogram.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdlib>

namespace {

using namespace foxtrot;

bool near(std::int64_t value, std::int64_t right) { return std::abs(value - right) <= std::abs(right) / 16 + 1; }

TEST_CASE("signed_histogram: nothing is zero") {
  const signed_histogram empty;
  CHECK(empty.count() == 0);
  CHECK(empty.percentile(0.5) == 0);
}

TEST_CASE("signed_histogram: percentiles go from the most negative to the most positive") {
  signed_histogram values;
  for (std::int64_t i = -500; i < 500; ++i) values.record(i * 1000);
  CHECK(values.count() == 1000);
  CHECK(near(values.min(), -500'000));
  CHECK(near(values.max(), 499'000));
  CHECK(near(values.percentile(0.1), -400'000));
  CHECK(near(values.percentile(0.9), 400'000));
  CHECK(std::abs(values.percentile(0.5)) <= 2'000);
  std::int64_t last = values.percentile(0.0);
  for (double at = 0.01; at <= 1.0; at += 0.01) {
    CHECK(values.percentile(at) >= last);
    last = values.percentile(at);
  }
}

TEST_CASE("signed_histogram: one side alone, and merged") {
  signed_histogram below, above;
  for (std::int64_t i = 1; i <= 100; ++i) below.record(-i * 1000);
  for (std::int64_t i = 1; i <= 100; ++i) above.record(i * 1000);
  CHECK(near(below.percentile(0.5), -50'000));
  CHECK(near(below.max(), -1'000));
  CHECK(near(above.percentile(0.5), 50'000));
  CHECK(near(above.min(), 1'000));
  below.merge(above);
  CHECK(below.count() == 200);
  CHECK(near(below.min(), -100'000));
  CHECK(near(below.max(), 100'000));
}

}  // namespace
