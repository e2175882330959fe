// tests/exchange/binance/detail/digits_test.cpp: readers of numbers and names, in every form, against decimal and the
// standard library.
#include <foxtrot/exchange/binance/detail/digits.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/digits_sse41.hpp>
#include <foxtrot/exchange/binance/detail/isa.hpp>
#include <foxtrot/exchange/binance/detail/recalling_digits_sse41.hpp>
#include <support/sanitizer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace {

using namespace foxtrot;
using namespace foxtrot::binance::detail;

struct portable_form {
  static constexpr isa needs = isa::portable;
  template <class Reader, class... Values>
  [[nodiscard]] static bool read(Reader what, cursor& c, Values&... values) noexcept {
    return portable_digits::read(what, c, values...);
  }
};

#if defined(__x86_64__)
struct sse41_form {
  static constexpr isa needs = isa::sse41;
  template <class Reader, class... Values>
  [[nodiscard, gnu::target("sse4.1")]] static bool read(Reader what, cursor& c, Values&... values) noexcept {
    return sse41_digits::read(what, c, values...);
  }
};

/// Expecting what came before, then what has just come; all that differs is the time.
struct recalling_form {
  static constexpr isa needs = isa::sse41;
  template <class Reader, class... Values>
  [[nodiscard, gnu::target("sse4.1")]] static bool read(Reader what, cursor& c, Values&... values) {
    if constexpr (requires(field_layout& last) { recalling_sse41_digits::read(what, c, last, values...); }) {
      static field_layout last;
      cursor again = c;
      std::tuple<Values...> found{values...};
      const bool good = recalling_sse41_digits::read(what, c, last, values...);
      const bool as_good = std::apply(
          [&](auto&... value)
              __attribute__((target("sse4.1"))) { return recalling_sse41_digits::read(what, again, last, value...); },
          found);
      if (good != as_good || (good && (again.at != c.at || found != std::tie(values...))))
        FAIL("reads otherwise again");
      return good;
    } else {
      return sse41_digits::read(what, c, values...);
    }
  }
};
#define FORMS portable_form, sse41_form, recalling_form
#else
#define FORMS portable_form
#endif

/// Whether `Form` reads the whole of `text`, which `after` follows, in memory that ends where the contract says.
template <class Form, class Reader, class... Values>
[[nodiscard]] bool reads(std::string_view text, char after, Reader what, Values&... values) {
  if (Form::needs > best_isa()) return false;
  const auto memory = std::make_unique<char[]>(text.size() + 1 + 64);
  text.copy(memory.get(), text.size());
  std::fill_n(memory.get() + text.size(), 65, after);
  cursor c{memory.get(), memory.get() + text.size() + 1};
  return Form::read(what, c, values...) && c.at == memory.get() + text.size();
}

template <class Form>
[[nodiscard]] std::optional<decimal> amount(std::string_view text) {
  std::int64_t mantissa = 0;
  std::int8_t exponent = 0;
  if (!reads<Form>(text, '"', an_amount{}, mantissa, exponent)) return std::nullopt;
  return decimal{mantissa, exponent};
}

[[nodiscard]] std::optional<decimal> plain_amount(std::string_view text) {
  decimal value;
  if (decimal::parse_into(text, value) != errc::none) return std::nullopt;
  return value;
}

[[nodiscard]] bool identical(const std::optional<decimal>& a, const std::optional<decimal>& b) {
  if (!a || !b) return !a && !b;
  return a->mantissa() == b->mantissa() && a->exponent() == b->exponent();
}

template <class Form>
[[nodiscard]] bool usable() {
  return Form::needs <= best_isa();
}

}  // namespace

TEMPLATE_TEST_CASE("digits: every short amount as decimal takes it", "[binance][digits]", FORMS) {
  if (!usable<TestType>()) return;
  constexpr std::string_view alphabet = "0189./:-e \x80";
  std::size_t wrong = 0;
  std::size_t accepted = 0;
  std::string text;
  for (std::size_t length = 0; length <= 5; ++length) {
    std::size_t count = 1;
    for (std::size_t i = 0; i < length; ++i) count *= alphabet.size();
    for (std::size_t number = 0; number < count; ++number) {
      text.assign(length, ' ');
      for (std::size_t i = 0, rest = number; i < length; ++i, rest /= alphabet.size()) {
        text[i] = alphabet[rest % alphabet.size()];
      }
      const auto expected = text.starts_with('-') ? std::nullopt : plain_amount(text);
      const auto found = amount<TestType>(text);
      accepted += found ? 1 : 0;
      if (!identical(expected, found)) ++wrong;
    }
  }
  CHECK(wrong == 0);
  CHECK(accepted > 1000);
}

TEMPLATE_TEST_CASE("digits: amounts of all lengths, points everywhere", "[binance][digits]", FORMS) {
  if (!usable<TestType>()) return;
  std::mt19937_64 random{20240808};
  std::size_t wrong = 0;
  std::size_t given_up = 0;
  for (std::size_t round = 0; round < foxtrot_test::repetitions(400); ++round) {
    for (std::size_t digits = 1; digits <= 24; ++digits) {
      for (std::size_t point = 1; point <= digits; ++point) {
        std::string text;
        for (std::size_t i = 0; i < digits; ++i) {
          text += static_cast<char>('0' + (round % 4 == 0 && i < digits / 2 ? 0 : random() % 10));
        }
        if (round % 7 == 0) text.assign(digits, '9');
        if (point < digits) text.insert(point, 1, '.');
        const auto expected = plain_amount(text);
        const auto found = amount<TestType>(text);
        if (found && !identical(expected, found)) ++wrong;
        if (!found && expected) {
          ++given_up;
          if (digits <= 18) ++wrong;  // what decimal leaves out, we do not
        }
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(given_up < 400 * 24);
}

TEMPLATE_TEST_CASE("digits: the ends of 64 bits", "[binance][digits]", FORMS) {
  if (!usable<TestType>()) return;
  CHECK(amount<TestType>("9223372036854775807")->mantissa() == std::numeric_limits<std::int64_t>::max());
  CHECK(amount<TestType>("92233720368.54775807")->exponent() == -8);
  CHECK_FALSE(amount<TestType>("9223372036854775808"));
  CHECK_FALSE(amount<TestType>("92233720368.54775808"));

  std::uint64_t number = 0;
  CHECK(reads<TestType>("18446744073709551615", ',', a_number{}, number));
  CHECK(number == std::numeric_limits<std::uint64_t>::max());
  CHECK_FALSE(reads<TestType>("18446744073709551616", ',', a_number{}, number));
  CHECK_FALSE(reads<TestType>("99999999999999999999", ',', a_number{}, number));
  CHECK_FALSE(reads<TestType>("100000000000000000000", ',', a_number{}, number));

  bool present = false;
  CHECK(reads<TestType>("9223372036854775807", ',', a_previous_id{}, number, present));
  CHECK(present);
  CHECK_FALSE(reads<TestType>("9223372036854775808", ',', a_previous_id{}, number, present));
  CHECK(reads<TestType>("-1", ',', a_previous_id{}, number, present));
  CHECK_FALSE(present);
  CHECK_FALSE(reads<TestType>("-2", ',', a_previous_id{}, number, present));
}

TEMPLATE_TEST_CASE("digits: numbers as JSON writes them", "[binance][digits]", FORMS) {
  if (!usable<TestType>()) return;
  std::mt19937_64 random{1};
  for (int shift = 0; shift < 64; ++shift) {
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t expected = random() >> shift;
      std::uint64_t found = 0;
      REQUIRE(reads<TestType>(std::to_string(expected), i % 2 == 0 ? ',' : '}', a_number{}, found));
      REQUIRE(found == expected);
    }
  }
  std::uint64_t ignored = 0;
  for (const std::string_view text : {"", "-", "-1", "00", "01", "007", "0000000000", "00000000000000000001", "+1"}) {
    CAPTURE(text);
    CHECK_FALSE(reads<TestType>(text, ',', a_number{}, ignored));
  }
  // only digits are digits
  for (std::size_t length = 1; length <= 20; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        if (byte >= '0' && byte <= '9') continue;
        std::string text(length, '1');
        text[at] = static_cast<char>(byte);
        if (reads<TestType>(text, ',', a_number{}, ignored)) FAIL(text);
      }
    }
  }
}

TEMPLATE_TEST_CASE("digits: times of 13 and 16 digits", "[binance][digits]", FORMS) {
  if (!usable<TestType>()) return;
  for (std::size_t length = 0; length <= 20; ++length) {
    const std::string text = std::string{"17231234567890123456"}.substr(0, length);
    for (const char after : {',', '}'}) {
      std::int64_t found = 0;
      CAPTURE(text);
      const bool good = reads<TestType>(text, after, a_time{}, found);
      REQUIRE(good == (length == 13 || length == 16));
      if (good) REQUIRE(found == std::stoll(text) * (length == 13 ? 1000 : 1));
    }
    if (length == 0) continue;
    for (std::size_t at = 0; at < length; ++at) {
      for (const char odd : {'/', ':', '.', '-', '"', '\0', '\xb1'}) {
        std::string wrong = text;
        wrong[at] = odd;
        std::int64_t ignored = 0;
        REQUIRE_FALSE(reads<TestType>(wrong, ',', a_time{}, ignored));
      }
    }
  }
  std::int64_t ignored = 0;
  CHECK_FALSE(reads<TestType>("0723123456789", ',', a_time{}, ignored));
  CHECK_FALSE(reads<TestType>("0723123456789012", ',', a_time{}, ignored));
}

TEMPLATE_TEST_CASE("digits: amounts with a sign, and with a given exponent", "[binance][digits]", FORMS) {
  if (!usable<TestType>()) return;
  std::int64_t mantissa = 0;
  std::int8_t exponent = 0;
  REQUIRE(reads<TestType>("-0.00012500", '"', a_signed_amount{}, mantissa, exponent));
  CHECK(mantissa == -12500);
  CHECK(exponent == -8);
  REQUIRE(reads<TestType>("-0.0", '"', a_signed_amount{}, mantissa, exponent));
  CHECK(mantissa == 0);
  REQUIRE(reads<TestType>("17", '"', a_signed_amount{}, mantissa, exponent));
  CHECK(mantissa == 17);
  for (const std::string_view text : {"-", "--1", "-.5", "-1.", ""}) {
    CHECK_FALSE(reads<TestType>(text, '"', a_signed_amount{}, mantissa, exponent));
  }
  exponent = -2;
  CHECK(reads<TestType>("1.25", '"', a_like_amount{}, mantissa, exponent));
  CHECK(mantissa == 125);
  CHECK_FALSE(reads<TestType>("1.250", '"', a_like_amount{}, mantissa, exponent));
  CHECK_FALSE(reads<TestType>("125", '"', a_like_amount{}, mantissa, exponent));
}

TEMPLATE_TEST_CASE("digits: names are printable ASCII without escapes", "[binance][digits]", FORMS) {
  if (!usable<TestType>()) return;
  std::string_view name;
  for (std::size_t length = 1; length <= 70; ++length) {
    REQUIRE(reads<TestType>(std::string(length, 'A'), '"', a_name{}, name));
    REQUIRE(name.size() == length);
  }
  CHECK_FALSE(reads<TestType>("", '"', a_name{}, name));
  for (std::size_t at = 0; at < 34; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(34, 'z');
      text[at] = static_cast<char>(byte);
      const bool plain = byte >= ' ' && byte < 0x80 && byte != '"' && byte != '\\';
      if (reads<TestType>(text, '"', a_name{}, name) != plain) FAIL(at << ' ' << byte);
    }
  }
  CHECK_FALSE(reads<TestType>("no quote follows", ' ', a_name{}, name));
}

#if defined(__x86_64__)
namespace {

/// Whether a reader that expects the layout of `text` reads it with any one byte changed as one that expects nothing.
template <class Reader, class... Values>
void check_expecting(std::string_view text, char after, Reader what, Values... values) {
  CAPTURE(text);
  REQUIRE(reads<recalling_form>(text, after, what, values...));
  for (std::size_t at = 0; at < text.size() + 1; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = std::string{text} + after;
      changed[at] = static_cast<char>(byte);
      const char behind = changed.back();
      changed.pop_back();
      std::tuple<Values...> expected{values...};
      std::tuple<Values...> found{values...};
      const bool good =
          std::apply([&](auto&... to) { return reads<sse41_form>(changed, behind, what, to...); }, expected);
      (void)reads<recalling_form>(text, after, what, values...);
      const bool as_good =
          std::apply([&](auto&... to) { return reads<recalling_form>(changed, behind, what, to...); }, found);
      if (good != as_good) FAIL(changed << behind);
      if constexpr (!std::is_same_v<Reader, a_name>) {  // whose memory is gone
        if (good && expected != found) FAIL(changed << behind);
      }
    }
  }
}

}  // namespace

TEST_CASE("digits: what is expected is looked at to the last byte", "[binance][digits]") {
  if (!usable<recalling_form>()) return;
  for (const std::string_view text : {"7", "10", "12345678", "50093239212", "123456789012345"}) {
    check_expecting(text, ',', a_number{}, std::uint64_t{0});
  }
  for (const std::string_view text : {"0.1", "2.507", "3.78826000", "61837.63000000", "100000.00000000", "86"}) {
    check_expecting(text, '"', an_amount{}, std::int64_t{0}, std::int8_t{0});
  }
  for (const std::string_view text : {"A", "BTCUSDT", "1000SATSUSDT", "ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNOP"}) {
    check_expecting(text, '"', a_name{}, std::string_view{});
  }
}
#endif

TEMPLATE_TEST_CASE("digits: booleans", "[binance][digits]", FORMS) {
  if (!usable<TestType>()) return;
  bool value = false;
  CHECK(reads<TestType>("true", ',', a_boolean{}, value));
  CHECK(value);
  CHECK(reads<TestType>("false", '}', a_boolean{}, value));
  CHECK_FALSE(value);
  for (const std::string_view text : {"", "True", "tru", "fals", "falsE", "null", "truee", "1"}) {
    CHECK_FALSE(reads<TestType>(text, ',', a_boolean{}, value));
  }
}

namespace {

template <std::size_t Size>
[[nodiscard]] consteval literal<Size + 1> counting() {
  char text[Size + 1]{};
  for (std::size_t i = 0; i < Size; ++i) text[i] = static_cast<char>('a' + i);
  return literal<Size + 1>{text};
}

template <std::size_t Size>
void check_literal() {
  const std::string text{counting<Size>().text, Size};
  const std::string padding(4, '#');
  CAPTURE(text);
  CHECK(begins_with<counting<Size>()>((text + padding).c_str()));
  for (std::size_t at = 0; at < Size; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string wrong = text + padding;
      wrong[at] = static_cast<char>(wrong[at] ^ 1 << bit);
      if (begins_with<counting<Size>()>(wrong.c_str())) FAIL(wrong);
    }
  }
}

}  // namespace

TEST_CASE("digits: literals of every length are compared to the last bit", "[binance][digits]") {
  [&]<std::size_t... Size>(std::index_sequence<Size...>) {
    (check_literal<Size + 1>(), ...);
  }(std::make_index_sequence<26>{});
}
