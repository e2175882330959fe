#include <foxtrot/core/decimal.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

__extension__ using wide = __int128;

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

/// Mantissas of every length, both signs.
class numbers {
 public:
  std::int64_t mantissa() {
    const auto bits = static_cast<unsigned>(random_() % 64);
    return static_cast<std::int64_t>(random_()) >> bits;
  }
  int between(int low, int high) { return std::uniform_int_distribution<int>{low, high}(random_); }

 private:
  std::mt19937_64 random_{20240229};
};

/// The text of mantissa x 10^exponent with exactly -exponent digits behind the point, written the slow way.
std::string written(std::int64_t mantissa, int exponent) {
  wide rest = mantissa < 0 ? -static_cast<wide>(mantissa) : static_cast<wide>(mantissa);
  std::string text;
  int place = exponent;
  while (rest != 0 || place <= 0) {
    if (place == 0 && !text.empty() && exponent < 0) text += '.';
    text += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
    ++place;
  }
  if (mantissa < 0) text += '-';
  std::reverse(text.begin(), text.end());
  return text;
}

wide times_power(wide value, int power) {
  for (; power > 0; --power) value *= 10;
  return value;
}

errc failure(std::string_view text) {
  decimal value{42, -1};
  const errc failed = decimal::parse_into(text, value);
  if (failed != errc::none) {
    CHECK(value.mantissa() == 42);  // left as it was
    CHECK(value.exponent() == -1);
  }
  CHECK(decimal::parse(text).error() == make_error_code(failed));
  return failed;
}

}  // namespace

TEST_CASE("decimal: reads what the venue writes", "[core]") {
  const auto read = [](std::string_view text) {
    const auto value = decimal::parse(text);
    REQUIRE(value);
    return std::pair{value->mantissa(), value->exponent()};
  };
  CHECK(read("61837.63000000") == std::pair{std::int64_t{6183763000000}, -8});
  CHECK(read("0.00001234") == std::pair{std::int64_t{1234}, -8});
  CHECK(read("0") == std::pair{std::int64_t{0}, 0});
  CHECK(read("0.00000000") == std::pair{std::int64_t{0}, -8});
  CHECK(read("-0.5") == std::pair{std::int64_t{-5}, -1});
  CHECK(read("-0") == std::pair{std::int64_t{0}, 0});
  CHECK(read("1200") == std::pair{std::int64_t{1200}, 0});
  CHECK(read("007.10") == std::pair{std::int64_t{710}, -2});
}

TEST_CASE("decimal: refuses every other text", "[core]") {
  for (const std::string_view text : {"",
                                      "-",
                                      ".",
                                      "-.",
                                      ".5",
                                      "5.",
                                      "-.5",
                                      "-5.",
                                      "1..2",
                                      "1.2.3",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1e5",
                                      "1E5",
                                      "0x10",
                                      "1,5",
                                      "--1",
                                      "1-",
                                      "NaN",
                                      "inf",
                                      "\xc2\xbd",
                                      "99999999999999999999x",
                                      "9223372036854775807.0x",
                                      "9223372036854775807.00.0",
                                      "92233720368547758070000.",
                                      "9223372036854775808."}) {
    INFO("'" << text << "'");
    CHECK(failure(text) == errc::malformed_message);
  }
  CHECK(failure(std::string_view{"1\0", 2}) == errc::malformed_message);
}

TEST_CASE("decimal: the ends of the 64 bits", "[core]") {
  CHECK(decimal::parse("9223372036854775807")->mantissa() == most);
  CHECK(decimal::parse("-9223372036854775808")->mantissa() == least);
  CHECK(decimal::parse("-9223372036854775808")->str() == "-9223372036854775808");
  CHECK(decimal::parse("92233720368547758.07")->mantissa() == most);
  for (const std::string_view text :
       {"9223372036854775808", "-9223372036854775809", "10000000000000000000", "92233720368547758070",
        "99999999999999999999999999999999", "0.9223372036854775808", "0.12345678901234567891", "9223372036854775807.01",
        "92233720368547758080.5"}) {
    INFO(text);
    CHECK(failure(text) == errc::number_out_of_range);
  }
}

TEST_CASE("decimal: zeros at the end of a fraction never make a number too long", "[core]") {
  for (std::size_t zeros = 0; zeros < 300; ++zeros) {
    INFO(zeros);
    const std::string tail(zeros, '0');
    CHECK(decimal::parse("9223372036854775807.0" + tail)->mantissa_at(0) == most);
    CHECK(decimal::parse("-9223372036854775808.0" + tail)->mantissa_at(0) == least);
    CHECK(*decimal::parse("0.5" + tail) == decimal{5, -1});
    CHECK(*decimal::parse("61837.63" + tail) == decimal{6183763, -2});
    CHECK(decimal::parse("0.0" + tail)->is_zero());
  }
}

TEST_CASE("decimal: the finest number it can hold", "[core]") {
  const std::string finest = "0." + std::string(127, '0') + "1";
  CHECK(*decimal::parse(finest) == decimal{1, -128});
  CHECK(decimal::parse(finest)->str() == finest);
  CHECK(*decimal::parse(finest + "000") == decimal{1, -128});
  CHECK(failure("0." + std::string(128, '0') + "1") == errc::number_out_of_range);
}

TEST_CASE("decimal: random numbers survive the way through text", "[core]") {
  numbers random;
  for (std::size_t i = 0; i < repetitions(200'000); ++i) {
    const decimal number{random.mantissa(), random.between(-25, 0)};
    const std::string text = written(number.mantissa(), number.exponent());
    const auto read = decimal::parse(text);
    if (!read || read->mantissa() != number.mantissa() || read->exponent() != number.exponent()) FAIL(text);
    const auto shortest = decimal::parse(number.str());
    if (!shortest || *shortest != number || number.str().size() > text.size()) FAIL(text << " " << number.str());
  }
}

TEST_CASE("decimal: str is the shortest text of the number, for every exponent", "[core]") {
  CHECK(decimal(6183763000000, -8).str() == "61837.63");
  CHECK(decimal(-5, -1).str() == "-0.5");
  CHECK(decimal(12, 2).str() == "1200");
  CHECK(decimal(0, -8).str() == "0");
  CHECK(decimal(0, 100).str() == "0");
  CHECK(decimal(100, -2).str() == "1");
  CHECK(decimal(-123, -3).str() == "-0.123");
  CHECK(decimal(-123, -5).str() == "-0.00123");
  CHECK(decimal(1, 127).str() == "1" + std::string(127, '0'));
  for (int exponent = -128; exponent <= 127; ++exponent) {
    for (const std::int64_t mantissa : {std::int64_t{7}, least, most}) {
      const std::string text = decimal{mantissa, exponent}.str();
      INFO(text);
      CHECK(text.size() <= decimal::max_chars);
      if (exponent <= 0) CHECK(*decimal::parse(text) == decimal{mantissa, exponent});
    }
  }
}

TEST_CASE("decimal: to_chars allocates nothing", "[core]") {
  const decimal price{6183763000000, -8};
  std::array<char, decimal::max_chars> text{};
  decimal read;
  const std::size_t before = foxtrot_test::allocations();
  const std::size_t length = price.to_chars(text);
  const errc failed = decimal::parse_into("61837.63000000", read);
  const std::size_t after = foxtrot_test::allocations();
  CHECK(after == before);
  CHECK(std::string_view{text.data(), length} == "61837.63");
  CHECK(failed == errc::none);
  CHECK(read == price);
}

TEST_CASE("decimal: order and equality agree with 128-bit arithmetic", "[core]") {
  numbers random;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < repetitions(400'000); ++i) {
    const decimal a{random.mantissa(), random.between(-9, 9)};
    // half of them the same number in another form, or a neighbour of it
    decimal b{random.mantissa(), random.between(-9, 9)};
    const int other = random.between(-9, 9);
    if (const auto same = a.mantissa_at(other); same && i % 2 == 0 && *same < most) {
      b = decimal{*same + random.between(0, 1), other};
    }
    const int finest = std::min(a.exponent(), b.exponent());
    const wide left = times_power(a.mantissa(), a.exponent() - finest);
    const wide right = times_power(b.mantissa(), b.exponent() - finest);
    const auto expected = left < right   ? std::strong_ordering::less
                          : left > right ? std::strong_ordering::greater
                                         : std::strong_ordering::equal;
    if ((a <=> b) != expected || (b <=> a) != (0 <=> expected) || (a == b) != (left == right)) {
      FAIL(a.str() << " and " << b.str());
    }
    if (a == b) ++equal;
  }
  CHECK(equal > repetitions(10'000));
}

TEST_CASE("decimal: compares across exponents that no integer spans", "[core]") {
  CHECK(decimal(1, 127) > decimal(most, 0));
  CHECK(decimal(-1, 127) < decimal(least, 0));
  CHECK(decimal(1, -128) > decimal(0, 127));
  CHECK(decimal(-1, -128) < decimal(0, 0));
  CHECK(decimal(1, 127) > decimal(most, -128));
  CHECK(decimal(0, 127) == decimal(0, -128));
  CHECK(decimal(least, 0) < decimal(least, -1));
  CHECK(decimal(most, 0) > decimal(most, -1));
}

TEST_CASE("decimal: mantissa_at is exact or nothing", "[core]") {
  CHECK(decimal(15, -1).mantissa_at(-8) == 150'000'000);
  CHECK(decimal(150'000'000, -8).mantissa_at(-1) == 15);
  CHECK_FALSE(decimal(15, -1).mantissa_at(0));
  CHECK_FALSE(decimal(most, 0).mantissa_at(-1));
  CHECK(decimal(0, 5).mantissa_at(-100) == 0);
  CHECK(decimal(least, 3).mantissa_at(3) == least);

  numbers random;
  for (std::size_t i = 0; i < repetitions(200'000); ++i) {
    const decimal number{random.mantissa(), random.between(-9, 9)};
    const int wanted = random.between(-9, 9);
    const auto got = number.mantissa_at(wanted);
    const int finest = std::min(number.exponent(), wanted);
    const wide value = times_power(number.mantissa(), number.exponent() - finest);
    const wide unit = times_power(1, wanted - finest);
    const bool exact = value % unit == 0 && value / unit >= least && value / unit <= most;
    if (got.has_value() != exact || (got && *got != static_cast<std::int64_t>(value / unit))) {
      FAIL(number.str() << " at " << wanted);
    }
  }
}

TEST_CASE("decimal: normalized keeps the number and drops its zeros", "[core]") {
  numbers random;
  for (std::size_t i = 0; i < repetitions(100'000); ++i) {
    const decimal number{random.mantissa(), random.between(-20, 20)};
    const decimal shortest = number.normalized();
    if (shortest != number || (shortest.mantissa() % 10 == 0 && !shortest.is_zero())) FAIL(number.str());
  }
  CHECK(decimal(1000, 126).normalized().mantissa() == 100);  // no exponent beyond 127
  CHECK(decimal(0, -8).normalized().exponent() == 0);
}

TEST_CASE("decimal: to_double is the nearest one", "[core]") {
  CHECK(decimal(1, -1).to_double() == 0.1);
  CHECK(decimal(6183763000000, -8).to_double() == 61837.63);
  CHECK(decimal(0, -8).to_double() == 0.0);
  numbers random;
  for (std::size_t i = 0; i < repetitions(50'000); ++i) {
    const decimal number{random.mantissa(), random.between(-25, 25)};
    const double expected = std::strtod(number.str().c_str(), nullptr);
    if (number.to_double() != expected) FAIL(number.str());
  }
}

TEST_CASE("decimal: random bytes are read or refused, never misread", "[core]") {
  constexpr std::string_view alphabet = "0123456789.-e0";
  std::mt19937 random{7};
  for (std::size_t i = 0; i < repetitions(200'000); ++i) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    const std::size_t digits = text.find_first_of("0123456789");
    const auto well_formed = [&] {
      std::string_view rest = text;
      if (rest.starts_with('-')) rest.remove_prefix(1);
      const std::size_t point = rest.find('.');
      const auto all_digits = [](std::string_view part) {
        return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
      };
      if (point == std::string_view::npos) return all_digits(rest);
      return all_digits(rest.substr(0, point)) && all_digits(rest.substr(point + 1));
    };
    decimal value;
    const errc failed = decimal::parse_into(text, value);
    if ((failed == errc::malformed_message) == well_formed()) FAIL(text);
    if (failed == errc::number_out_of_range && text.size() - digits < 19) FAIL(text);
    if (failed == errc::none && value.to_double() != std::strtod(text.c_str(), nullptr)) FAIL(text);
  }
}

TEST_CASE("decimal: works at compile time", "[core]") {
  constexpr auto read = [](std::string_view text) {
    decimal value;
    return decimal::parse_into(text, value) == errc::none ? value : decimal{-1, 0};
  };
  static_assert(read("1.50") == decimal{15, -1});
  static_assert(read("1.50") < read("1.51"));
  static_assert(read("x") == decimal{-1, 0});
  static_assert(sizeof(decimal) == 16);
  SUCCEED();
}
