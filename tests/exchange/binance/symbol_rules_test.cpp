// tests/exchange/binance/symbol_rules_test.cpp: steps, bounds and least values, against arithmetic of its own.
#include <foxtrot/exchange/binance/symbol_rules.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/decimal_literals.hpp>
#include <foxtrot/core/decimal_rounding.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>

namespace {

using namespace foxtrot;
using namespace foxtrot::literals;
using binance::number_rule;
using binance::symbol_rules;
using binance::symbol_status;

symbol_rules bitcoin() {
  symbol_rules rules;
  rules.name = "BTCUSDT";
  rules.price = {.least = "0.01"_dec, .most = "1000000"_dec, .step = "0.01000000"_dec};
  rules.quantity = {.least = "0.00001"_dec, .most = "9000"_dec, .step = "0.00001"_dec};
  rules.market_quantity = {.least = std::nullopt, .most = "120"_dec, .step = std::nullopt};
  rules.min_notional = "5"_dec;
  rules.max_notional = "9000000"_dec;
  return rules;
}

TEST_CASE("symbol_rules: every status has its word, and any other word is kept apart") {
  for (int i = 0; i < static_cast<int>(symbol_status::other); ++i) {
    const auto status = static_cast<symbol_status>(i);
    CHECK_FALSE(to_string(status).empty());
    CHECK(binance::symbol_status_of(to_string(status)) == status);
  }
  CHECK(to_string(symbol_status::other).empty());
  CHECK(binance::symbol_status_of("BREAK") == symbol_status::in_break);
  CHECK(binance::symbol_status_of("") == symbol_status::other);
  CHECK(binance::symbol_status_of("trading") == symbol_status::other);
}

TEST_CASE("symbol_rules: prices and quantities are rounded to their steps in the direction asked for") {
  const symbol_rules rules = bitcoin();
  CHECK(rules.round_price("61837.637"_dec, rounding::down) == "61837.63"_dec);
  CHECK(rules.round_price("61837.637"_dec, rounding::up) == "61837.64"_dec);
  CHECK(rules.round_price("61837.637"_dec, rounding::nearest) == "61837.64"_dec);
  CHECK(rules.round_price("61837.63000000"_dec, rounding::up) == "61837.63"_dec);
  CHECK(rules.round_quantity("0.123456"_dec, rounding::down) == "0.12345"_dec);
  CHECK(rules.round_price("0.004"_dec, rounding::down)->is_zero());
  CHECK(*rules.tick_size() == "0.01"_dec);
  CHECK(*rules.lot_size() == "0.00001"_dec);
}

TEST_CASE("symbol_rules: what is within bounds and on the step is valid, and nothing else") {
  const symbol_rules rules = bitcoin();
  CHECK(rules.is_valid_price("0.01"_dec));
  CHECK(rules.is_valid_price("61837.6300"_dec));
  CHECK(rules.is_valid_price("1000000"_dec));
  CHECK_FALSE(rules.is_valid_price("1000000.01"_dec));
  CHECK_FALSE(rules.is_valid_price("0.009"_dec));
  CHECK_FALSE(rules.is_valid_price("61837.635"_dec));
  CHECK_FALSE(rules.is_valid_price("0"_dec));
  CHECK_FALSE(rules.is_valid_price("-1"_dec));
  CHECK(rules.is_valid_quantity("9000"_dec));
  CHECK_FALSE(rules.is_valid_quantity("9000.00001"_dec));
  CHECK(rules.is_valid_market_quantity("120"_dec));
  CHECK_FALSE(rules.is_valid_market_quantity("120.00001"_dec));
  CHECK_FALSE(rules.is_valid_market_quantity("0.000001"_dec));
  CHECK(rules.is_valid_notional("50000"_dec, "0.0001"_dec));
  CHECK_FALSE(rules.is_valid_notional("49999.99"_dec, "0.0001"_dec));
  CHECK(rules.is_valid_notional("1000"_dec, "9000"_dec));
  CHECK_FALSE(rules.is_valid_notional("1000"_dec, "9000.00001"_dec));
}

TEST_CASE("symbol_rules: a rule that is absent forbids nothing and changes nothing") {
  const symbol_rules none;
  const decimal odd = "0.123456789"_dec;
  CHECK(none.is_valid_price(odd));
  CHECK(none.is_valid_quantity(odd));
  CHECK(none.is_valid_market_quantity(odd));
  CHECK(none.is_valid_notional(odd, odd));
  CHECK(none.round_price(odd, rounding::up) == odd);
  CHECK_FALSE(none.is_valid_price(decimal{}));
  CHECK_FALSE(none.tick_size());
  CHECK_FALSE(none.trading());
}

TEST_CASE("symbol_rules: the largest numbers neither wrap nor pass for multiples") {
  const decimal most{std::numeric_limits<std::int64_t>::max(), -8};
  symbol_rules rules;
  rules.price = {.least = "0.00000001"_dec, .most = most, .step = "0.00000003"_dec};
  CHECK_FALSE(rules.is_valid_price(most));  // 2^63-1 divided by 3 leaves 1
  CHECK(rules.round_price(most, rounding::down) == decimal{std::numeric_limits<std::int64_t>::max() - 1, -8});
  CHECK_FALSE(rules.round_price(most, rounding::up));
  rules.price.step = decimal{1, 100};
  CHECK_FALSE(rules.is_valid_price("1"_dec));
  CHECK(rules.round_price("1"_dec, rounding::down)->is_zero());
  CHECK(bitcoin().is_valid_notional(most, most) == false);
}

TEST_CASE("symbol_rules: rounding ends on a multiple, less than a step away and on the right side") {
  std::mt19937_64 random{20260923};
  for (int round = 0; round < 20'000; ++round) {
    const auto pick = [&](std::int64_t most) {
      return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
    };
    const int step_exponent = -static_cast<int>(pick(9));
    const int value_exponent = -static_cast<int>(pick(9));
    const std::int64_t step = 1 + pick(1'000);
    const std::int64_t value = pick(1'000'000'000);
    number_rule rule;
    rule.step = decimal{step, step_exponent};
    const decimal given{value, value_exponent};
    // everything in units of 10^-8, by integers
    const auto scaled = [](std::int64_t mantissa, int exponent) {
      int128 all = mantissa;
      for (int at = exponent; at > -8; --at) all *= 10;
      return all;
    };
    const int128 unit = scaled(step, step_exponent);
    const int128 exact = scaled(value, value_exponent);
    for (const rounding direction : {rounding::down, rounding::up, rounding::nearest}) {
      const std::optional<decimal> rounded = rule.round(given, direction);
      REQUIRE(rounded);
      const auto mantissa = wide_decimal{*rounded}.mantissa_at(-8);
      REQUIRE(mantissa);
      const int128 off = *mantissa - exact;
      const bool multiple = *mantissa % unit == 0;
      const bool right = direction == rounding::down ? off <= 0 && off > -unit
                         : direction == rounding::up ? off >= 0 && off < unit
                                                     : 2 * off <= unit && 2 * off > -unit;
      if (!multiple || !right) FAIL(given.str() << " to " << rule.step->str() << ": " << rounded->str());
      if (!rounded->is_zero() && !rule.allows(*rounded)) FAIL(rounded->str() << " is not allowed");
    }
    if (rule.allows(given) != (value > 0 && exact % unit == 0)) FAIL(given.str() << " by " << rule.step->str());
  }
}

}  // namespace
