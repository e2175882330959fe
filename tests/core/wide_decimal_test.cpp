// tests/core/wide_decimal_test.cpp: what both widths of decimals share: text with a given number of digits, order and
// hash across widths, std::to_chars' interface.
#include <foxtrot/core/decimal.hpp>

#include <support/allocation_counter.hpp>
#include <support/long_arithmetic.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>

using namespace foxtrot;
using foxtrot_test::decimal_source;
using foxtrot_test::long_decimal;
using foxtrot_test::repetitions;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

template <class Decimal>
std::string written(const Decimal& value, int digits, std::size_t room = 400) {
  std::string text(room, '#');
  const auto [end, failed] = value.to_chars(text.data(), text.data() + text.size(), digits);
  if (failed != std::errc{}) {
    CHECK(end == text.data() + text.size());
    return failed == std::errc::value_too_large ? "no room" : "inexact";
  }
  return text.substr(0, static_cast<std::size_t>(end - text.data()));
}

}  // namespace

TEST_CASE("wide decimal: the ends of the 128 bits", "[core]") {
  CHECK(wide_decimal::parse("170141183460469231731687303715884105727")->mantissa() == int128_max);
  CHECK(wide_decimal::parse("-170141183460469231731687303715884105728")->mantissa() == int128_min);
  CHECK(wide_decimal(int128_min, 0).str() == "-170141183460469231731687303715884105728");
  CHECK(wide_decimal(int128_max, -20).str() == "1701411834604692317.31687303715884105727");
  for (const std::string_view text :
       {"170141183460469231731687303715884105728", "-170141183460469231731687303715884105729",
        "1701411834604692317316873037158841057270", "0.1701411834604692317316873037158841057281"}) {
    INFO(text);
    CHECK(wide_decimal::parse(text).error() == make_error_code(errc::number_out_of_range));
  }
  CHECK(wide_decimal::parse("1x").error() == make_error_code(errc::malformed_message));
  CHECK(wide_decimal::parse("100000000000000000000.50000000000000000000000000000000000000000000")->str() ==
        "100000000000000000000.5");
  static_assert(sizeof(wide_decimal) == 32);
}

TEMPLATE_TEST_CASE("decimal: random numbers of both widths survive the way through text", "[core]", decimal,
                   wide_decimal) {
  decimal_source random;
  for (std::size_t i = 0; i < repetitions(100'000); ++i) {
    const auto number = random.next<typename TestType::mantissa_type>();
    const std::string text = number.str();
    REQUIRE(text.size() <= TestType::max_chars);
    const auto read = TestType::parse(text);
    // the text of a large exponent has more zeros than a mantissa holds
    if (read ? *read != number : number.normalized().exponent() <= 0) FAIL(text);
    if (number.to_double() != std::strtod(text.c_str(), nullptr)) FAIL(text);
    const std::string longer = number.fixed(140).value();
    if (TestType::parse(longer) && *TestType::parse(longer) != number) FAIL(longer);
    if (longer.size() - longer.find('.') != 141) FAIL(longer);
  }
}

TEST_CASE("decimal: fixed digits are exact or an error", "[core]") {
  const decimal price{6183763000000, -8};
  CHECK(price.fixed(2).value() == "61837.63");
  CHECK(price.fixed(3).value() == "61837.630");
  CHECK(price.fixed(1).error() == make_error_code(errc::number_out_of_range));
  CHECK(price.fixed(-1).error() == make_error_code(errc::bad_argument));
  CHECK(decimal(1200, 0).fixed(0).value() == "1200");
  CHECK(decimal(12, 2).fixed(2).value() == "1200.00");
  CHECK(decimal(-5, -3).fixed(4).value() == "-0.0050");
  CHECK(decimal(0, -8).fixed(0).value() == "0");
  CHECK(decimal(0, 5).fixed(2).value() == "0.00");
  CHECK(wide_decimal(int128_min, -1).fixed(1).value() == "-17014118346046923173168730371588410572.8");
  CHECK(written(price, 2) == "61837.63");
  CHECK(written(price, 1) == "inexact");
  CHECK(written(price, -1) == "inexact");
  CHECK(written(price, 2, 8) == "61837.63");
  CHECK(written(price, 2, 7) == "no room");
  CHECK(written(price, 3, 8) == "no room");
  CHECK(written(decimal{least, 0}, 0, 20) == "-9223372036854775808");
  CHECK(written(decimal{least, 0}, 0, 19) == "no room");
  CHECK(written(price, std::numeric_limits<int>::max()) == "no room");
}

TEST_CASE("decimal: to_chars writes as far as there is room and not beyond", "[core]") {
  const decimal value{-1234, -2};
  for (std::size_t room = 0; room < 12; ++room) {
    std::string text(12, '#');
    const auto [end, failed] = value.to_chars(text.data(), text.data() + room);
    if (room < 6) {
      CHECK(failed == std::errc::value_too_large);
      CHECK(end == text.data() + room);
      CHECK(text == std::string(12, '#'));
    } else {
      CHECK(failed == std::errc{});
      CHECK(text == "-12.34######");
    }
  }
}

TEST_CASE("decimal: numbers of two widths compare by value", "[core]") {
  CHECK(decimal(15, -1) == wide_decimal(1500, -3));
  CHECK(wide_decimal(1500, -3) == decimal(15, -1));
  CHECK(decimal(most, 0) < wide_decimal(int128{most} + 1, 0));
  CHECK(wide_decimal(int128{least} - 1, 0) < decimal(least, 0));
  const wide_decimal widened = decimal{least, -8};
  CHECK(widened.mantissa() == least);
  CHECK(widened.exponent() == -8);

  decimal_source random;
  for (std::size_t i = 0; i < repetitions(50'000); ++i) {
    const auto a = random.next<std::int64_t>();
    auto b = random.next<int128>();
    if (i % 2 == 0) {
      if (const auto same = wide_decimal{a}.mantissa_at(b.exponent())) b = {*same, b.exponent()};
    }
    const auto expected = long_decimal::of(a) <=> long_decimal::of(b);
    if ((a <=> b) != expected || (b <=> a) != (0 <=> expected) || (a == b) != (expected == 0)) {
      FAIL(a.str() << " and " << b.str());
    }
    const auto c = random.next<int128>();
    if ((b <=> c) != (long_decimal::of(b) <=> long_decimal::of(c))) FAIL(b.str() << " and " << c.str());
  }
}

TEST_CASE("decimal: equal numbers have equal hashes, others nearly never", "[core]") {
  CHECK(decimal(1000, 126).hash() == decimal(100, 127).hash());
  CHECK(decimal(0, -8).hash() == wide_decimal(0, 5).hash());
  CHECK(std::hash<decimal>{}(decimal{15, -1}) == std::hash<wide_decimal>{}(wide_decimal{1500, -3}));
  decimal_source random;
  for (std::size_t i = 0; i < repetitions(50'000); ++i) {
    const auto number = random.next<std::int64_t>();
    for (int exponent = number.exponent() - 6; exponent < number.exponent() + 6; ++exponent) {
      if (exponent < -128 || exponent > 127) continue;
      const auto same = wide_decimal{number}.mantissa_at(exponent);
      if (same && wide_decimal{*same, exponent}.hash() != number.hash()) FAIL(number.str() << " at " << exponent);
    }
  }
  // ticks side by side, and the low bits that a table uses
  std::unordered_set<std::size_t> whole;
  std::unordered_set<std::size_t> low;
  for (std::int64_t tick = 0; tick < 65'536; ++tick) {
    whole.insert(decimal{6'000'000 + tick, -2}.hash());
    low.insert(decimal{6'000'000 + tick, -2}.hash() % 65'536);
  }
  CHECK(whole.size() == 65'536);
  CHECK(low.size() > 35'000);  // 63 % are what chance gives
  std::unordered_set<decimal> prices{{15, -1}, {150, -2}, {16, -1}};
  CHECK(prices.size() == 2);
}

TEST_CASE("decimal: text and doubles at compile time", "[core]") {
  constexpr auto text = [](auto value, auto... digits) {
    std::array<char, 32> room{};
    const auto done = value.to_chars(room.data(), room.data() + room.size(), digits...);
    return std::string_view{room.data(), done.ptr} == "-12.50" || std::string_view{room.data(), done.ptr} == "-12.5";
  };
  static_assert(text(decimal{-1250, -2}));
  static_assert(text(wide_decimal{-125, -1}, 2));
  static_assert(decimal{6183763, -2}.to_double() == 61837.63);
  static_assert(wide_decimal{15, -1} == decimal{150, -2});
  static_assert(decimal{15, -1}.hash() == wide_decimal{150, -2}.hash());
  SUCCEED();
}

TEST_CASE("decimal: text with fixed digits allocates nothing", "[core]") {
  const wide_decimal value{int128_max, -8};
  std::array<char, 64> room{};
  const std::size_t before = foxtrot_test::allocations();
  const auto done = value.to_chars(room.data(), room.data() + room.size(), 10);
  const std::size_t after = foxtrot_test::allocations();
  CHECK(after == before);
  CHECK(std::string_view(room.data(), done.ptr) == "1701411834604692317316873037158.8410572700");
}
