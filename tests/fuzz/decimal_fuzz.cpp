// tests/fuzz/decimal_fuzz.cpp: decimals of both widths, from text and to text, compared, added, multiplied and rounded:
// the exact value where the width can hold it, and nothing else; by arithmetic as at school.
#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/decimal_arithmetic.hpp>
#include <foxtrot/core/decimal_rounding.hpp>

#include <support/fuzzing.hpp>

// The arithmetic to compare with: its branches must not steer.
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address"))), apply_to = function)
#include <support/long_arithmetic.hpp>
#pragma clang attribute pop

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using namespace foxtrot;
using foxtrot_test::fuzz_input;
using foxtrot_test::insist;
using foxtrot_test::long_decimal;
using foxtrot_test::long_integer;

// --- text ---

/// A number's text taken apart.
struct plain_text {
  bool negative{false};
  std::string whole{};     // no zeros in front
  std::string fraction{};  // no zeros at its end
  std::size_t written{0};  // digits of the fraction with them

  [[nodiscard]] FOXTROT_TEST_UNSEEN static std::optional<plain_text> of(std::string_view text) {
    plain_text made;
    made.negative = text.starts_with('-');
    if (made.negative) text.remove_prefix(1);
    const std::size_t point = std::min(text.find('.'), text.size());
    made.whole = text.substr(0, point);
    if (point != text.size()) made.fraction = text.substr(point + 1);
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (made.whole.empty() || (point != text.size() && made.fraction.empty()) ||
        !std::all_of(made.whole.begin(), made.whole.end(), digit) ||
        !std::all_of(made.fraction.begin(), made.fraction.end(), digit)) {
      return std::nullopt;
    }
    made.written = made.fraction.size();
    made.whole.erase(0, made.whole.find_first_not_of('0'));
    made.fraction.erase(made.fraction.find_last_not_of('0') + 1);
    return made;
  }

  [[nodiscard]] FOXTROT_TEST_UNSEEN bool is_zero() const { return whole.empty() && fraction.empty(); }
  /// With that many digits behind the point, which are enough.
  [[nodiscard]] FOXTROT_TEST_UNSEEN std::string str(std::size_t decimals) const {
    std::string made = negative && !is_zero() ? "-" : "";
    made += whole.empty() ? "0" : whole;
    if (decimals != 0) made += '.' + fraction + std::string(decimals - fraction.size(), '0');
    return made;
  }
  /// The mantissa with that many decimals.
  [[nodiscard]] FOXTROT_TEST_UNSEEN long_integer mantissa(std::size_t decimals) const {
    long_integer made;
    for (const char c : whole + fraction) made = made.times_ten() + long_integer{c - '0'};
    made = made.times_ten(static_cast<int>(decimals - fraction.size()));
    return negative ? -made : made;
  }
};

template <class Mantissa>
FOXTROT_TEST_UNSEEN bool holds(const long_integer& value) {
  const auto top = int128{1} << (8 * sizeof(Mantissa) - 2);
  const int128 most = top - 1 + top;
  return value <= long_integer{most} && value >= long_integer{-most - 1};
}

template <class Mantissa>
FOXTROT_TEST_UNSEEN void check_format(const basic_decimal<Mantissa>& value, const plain_text& plain) {
  const std::string shortest = plain.str(plain.fraction.size());
  insist(value.str() == shortest && shortest.size() <= value.max_chars);
  insist(basic_decimal<Mantissa>::parse(shortest).value() == value);
  for (const std::size_t decimals : {plain.fraction.size(), plain.fraction.size() + 3}) {
    insist(value.fixed(static_cast<int>(decimals)).value() == plain.str(decimals));
  }
  if (!plain.fraction.empty()) insist(!value.fixed(static_cast<int>(plain.fraction.size()) - 1));

  // in exactly as much room, and in one character less
  const auto memory = std::make_unique<char[]>(shortest.size());
  const auto [end, failed] = value.to_chars(memory.get(), memory.get() + shortest.size());
  insist(failed == std::errc{} && std::string_view(memory.get(), end) == shortest);
  const auto scarce = std::make_unique<char[]>(shortest.size() - 1);
  insist(value.to_chars(scarce.get(), scarce.get() + shortest.size() - 1).ec == std::errc::value_too_large);
}

template <class Mantissa>
FOXTROT_TEST_UNSEEN void check_text(std::string_view text) {
  constexpr std::size_t most_decimals = 128;
  const basic_decimal<Mantissa> before{-7, 7};
  basic_decimal<Mantissa> value = before;
  const errc failed = basic_decimal<Mantissa>::parse_into(text, value);
  if (failed != errc::none) insist(value.mantissa() == -7 && value.exponent() == 7);
  const auto plain = plain_text::of(text);
  insist((failed == errc::malformed_message) == !plain.has_value());
  if (!plain) return;

  const bool fits = plain->is_zero() || (plain->fraction.size() <= most_decimals &&
                                         holds<Mantissa>(plain->mantissa(plain->fraction.size())));
  insist(failed == (fits ? errc::none : errc::number_out_of_range));
  if (!fits) return;
  insist(value.exponent() <= 0 && value.exponent() >= -static_cast<int>(most_decimals));
  const auto decimals = static_cast<std::size_t>(-value.exponent());
  insist(decimals <= plain->written && decimals >= std::min(plain->fraction.size(), most_decimals));
  insist(long_integer{value.mantissa()} == plain->mantissa(decimals));
  // zeros at the end are kept where there is room for them
  if (plain->written <= most_decimals && holds<Mantissa>(plain->mantissa(plain->written))) {
    insist(decimals == plain->written);
  }
  insist(value.normalized() == value && value.normalized().hash() == value.hash());
  check_format(value, *plain);
}

// --- arithmetic ---

/// Of any length: the first byte says how many bits are left out. Exponents are mostly near each other: hundreds of
/// digits at school cost a hundred times as much.
template <class Mantissa>
FOXTROT_TEST_UNSEEN basic_decimal<Mantissa> number(fuzz_input& input) {
  const unsigned dropped = input.choice() % (8 * sizeof(Mantissa));
  const auto any_exponent = static_cast<std::int8_t>(input.choice());
  const int exponent = input.choice() % 32 == 31 ? any_exponent : any_exponent % 24;
  uint128 bits = 0;
  for (std::size_t i = 0; i < sizeof(Mantissa); ++i) bits = bits << 8 | input.choice();
  return {static_cast<Mantissa>(static_cast<Mantissa>(bits) >> dropped), exponent};
}

template <class Mantissa>
FOXTROT_TEST_UNSEEN void expect(const std::optional<basic_decimal<Mantissa>>& found, const long_decimal& wanted) {
  insist(found ? long_decimal::of(*found) == wanted : !wanted.fits<Mantissa>());
}

/// The multiple of the step, by long arithmetic.
FOXTROT_TEST_UNSEEN long_decimal rounded(const long_decimal& value, const long_decimal& step, rounding direction) {
  const int finer = std::min(value.exponent, step.exponent);
  const long_integer number = value.at(finer);
  const long_integer unit = step.at(finer);
  const long_integer rest = number % unit;
  if (rest.is_zero()) return value;
  const bool below = number.is_negative();
  const long_integer near = below ? number + rest : number - rest;
  const long_integer far = below ? near - unit : near + unit;
  const bool away = direction == rounding::nearest ? rest + rest >= unit : (direction == rounding::up) != below;
  return {away ? far : near, finer};
}

template <class A, class B>
FOXTROT_TEST_UNSEEN void check_pair(const basic_decimal<A>& a, const basic_decimal<B>& b) {
  const long_decimal x = long_decimal::of(a);
  const long_decimal y = long_decimal::of(b);
  expect(add(a, b), x + y);
  expect(subtract(a, b), x - y);
  expect(multiply(a, b), x * y);
  insist((a <=> b) == (x <=> y) && (a == b) == (x == y));
  if (a == b) insist(a.hash() == b.hash());
}

template <class Mantissa>
FOXTROT_TEST_UNSEEN void check_one(const basic_decimal<Mantissa>& value) {
  const long_decimal wanted = long_decimal::of(value);
  expect(negate(value), long_decimal{} - wanted);
  insist(value.normalized() == value && value.normalized().hash() == value.hash());
  const std::string text = value.str();
  const auto plain = plain_text::of(text);
  insist(plain.has_value() && text.size() <= value.max_chars);
  insist(long_decimal{plain->mantissa(plain->written), -static_cast<int>(plain->written)} == wanted);
  insist(text == plain->str(plain->fraction.size()));  // nothing to leave out
}

template <class Mantissa>
FOXTROT_TEST_UNSEEN void check_rounding(const basic_decimal<Mantissa>& value, const basic_decimal<Mantissa>& step) {
  for (const rounding direction : {rounding::down, rounding::up, rounding::nearest}) {
    const auto found = round_to_step(value, step, direction);
    if (step.mantissa() <= 0) {
      insist(!found);
    } else {
      expect(found, rounded(long_decimal::of(value), long_decimal::of(step), direction));
    }
  }
}

template <class A, class B>
FOXTROT_TEST_UNSEEN void check_arithmetic(fuzz_input& input) {
  const auto a = number<A>(input);
  const auto b = number<B>(input);
  check_one(a);
  check_one(b);
  check_pair(a, b);
  if constexpr (sizeof(A) == sizeof(B)) check_rounding(a, b);
  const wide_decimal wide = a;
  expect(narrow(wide), long_decimal::of(wide));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz_input input{data, size};
  switch (input.choice() % 5) {
    case 0: check_arithmetic<std::int64_t, std::int64_t>(input); break;
    case 1: check_arithmetic<int128, int128>(input); break;
    case 2: check_arithmetic<std::int64_t, int128>(input); break;
    case 3: check_arithmetic<int128, std::int64_t>(input); break;
    default: {
      // exactly as long as the text is
      const auto memory = std::make_unique<char[]>(input.rest().size());
      input.rest().copy(memory.get(), input.rest().size());
      const std::string_view text{memory.get(), input.rest().size()};
      check_text<std::int64_t>(text);
      check_text<int128>(text);
      break;
    }
  }
  return 0;
}
