#include <foxtrot/core/decimal_rounding.hpp>

#include <support/long_arithmetic.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

using namespace foxtrot;
using foxtrot_test::decimal_source;
using foxtrot_test::long_decimal;
using foxtrot_test::long_integer;
using foxtrot_test::repetitions;

namespace {

constexpr rounding directions[] = {rounding::down, rounding::up, rounding::nearest};

/// The multiple of the step, by long arithmetic.
long_decimal rounded(const long_decimal& value, const long_decimal& step, rounding direction) {
  const int finer = std::min(value.exponent, step.exponent);
  const long_integer number = value.at(finer);
  const long_integer unit = step.at(finer);
  const long_integer rest = number % unit;
  if (rest.is_zero()) return value;
  const long_integer towards_zero = number.is_negative() ? number + rest : number - rest;
  const long_integer away = number.is_negative() ? towards_zero - unit : towards_zero + unit;
  if (direction == rounding::nearest) return {rest + rest >= unit ? away : towards_zero, finer};
  return {(direction == rounding::up) != number.is_negative() ? away : towards_zero, finer};
}

}  // namespace

TEST_CASE("decimal rounding: to ticks and lots", "[core]") {
  const auto to = [](decimal value, decimal step, rounding direction) {
    return round_to_step(value, step, direction).value().str();
  };
  CHECK(to({6183763, -2}, {1, -1}, rounding::down) == "61837.6");
  CHECK(to({6183763, -2}, {1, -1}, rounding::up) == "61837.7");
  CHECK(to({6183763, -2}, {1, -1}, rounding::nearest) == "61837.6");
  CHECK(to({6183765, -2}, {1, -1}, rounding::nearest) == "61837.7");
  CHECK(to({-6183765, -2}, {1, -1}, rounding::nearest) == "-61837.7");
  CHECK(to({-6183763, -2}, {1, -1}, rounding::down) == "-61837.7");
  CHECK(to({-6183763, -2}, {1, -1}, rounding::up) == "-61837.6");
  CHECK(to({17, -1}, {5, -1}, rounding::down) == "1.5");
  CHECK(to({17, -1}, {5, -1}, rounding::up) == "2");
  CHECK(to({1'000, 0}, {7, -3}, rounding::down) == "999.999");
  CHECK(to({1'000, 0}, {3, 0}, rounding::down) == "999");
  CHECK(to({1, -8}, {1, 3}, rounding::down) == "0");
  CHECK(to({1, -8}, {1, 3}, rounding::up) == "1000");
  CHECK(to({0, 0}, {1, -3}, rounding::up) == "0");
}

TEST_CASE("decimal rounding: a multiple of the step stays as it is", "[core]") {
  for (const rounding direction : directions) {
    const decimal same = round_to_step(decimal{6183763000000, -8}, decimal{1, -2}, direction).value();
    CHECK(same.mantissa() == 6183763000000);
    CHECK(same.exponent() == -8);
  }
}

TEST_CASE("decimal rounding: no step, no room", "[core]") {
  CHECK_FALSE(round_to_step(decimal{1, 0}, decimal{0, 0}, rounding::down));
  CHECK_FALSE(round_to_step(decimal{1, 0}, decimal{-1, 0}, rounding::down));
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK_FALSE(round_to_step(decimal{most, 0}, decimal{4, 0}, rounding::up));  // 2^63
  CHECK(round_to_step(decimal{most, 0}, decimal{4, 0}, rounding::down)->mantissa() == most - 3);
  CHECK(round_to_step(decimal{most, 0}, decimal{1, 1}, rounding::up)->str() == "9223372036854775810");
  CHECK(round_to_step(wide_decimal{int128_max, -128}, wide_decimal{int128_max, 127}, rounding::nearest)->is_zero());
}

TEMPLATE_TEST_CASE("decimal rounding: agrees with long arithmetic", "[core]", decimal, wide_decimal) {
  decimal_source random;
  std::size_t held = 0;
  const std::size_t times = repetitions(15'000);
  for (std::size_t i = 0; i < times; ++i) {
    const auto value = random.next<typename TestType::mantissa_type>();
    auto step = random.next<typename TestType::mantissa_type>();
    if (i % 2 == 0)
      step = {1 + static_cast<int>(random() % 100), value.exponent() + static_cast<int>(random() % 9) - 4};
    if (step.mantissa() < 0 && negate(step)) step = *negate(step);
    for (const rounding direction : directions) {
      const auto got = round_to_step(value, step, direction);
      if (step.mantissa() <= 0) {
        if (got) FAIL("step " << step.str());
        continue;
      }
      const long_decimal wanted = rounded(long_decimal::of(value), long_decimal::of(step), direction);
      const bool right = got ? long_decimal::of(*got) == wanted : !wanted.fits<typename TestType::mantissa_type>();
      if (!right) FAIL(value.str() << " to " << step.str() << " gives " << (got ? got->str() : "nothing"));
      if (got) ++held;
    }
  }
  CHECK(held > times);
}

TEST_CASE("decimal rounding: works at compile time", "[core]") {
  static_assert(*round_to_step(decimal{17, -1}, decimal{5, -1}, rounding::up) == decimal{2, 0});
  SUCCEED();
}
