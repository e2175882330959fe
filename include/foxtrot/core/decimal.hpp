// foxtrot/core/decimal.hpp: exact decimal numbers: an integer mantissa and a power of ten.
#pragma once

#include <foxtrot/core/detail/decimal_text.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/int128.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <array>
#include <charconv>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace foxtrot::inline v0 {

/// The widths there are.
template <class Mantissa>
concept decimal_mantissa = std::same_as<Mantissa, std::int64_t> || std::same_as<Mantissa, int128>;

/// mantissa x 10^exponent, as the venue wrote it: "61837.63000000" is 6183763000000 x 10^-8. Never rounded, never
/// binary floating point. Values are equal when they mean the same number, whatever their exponents. A plain value.
template <decimal_mantissa Mantissa>
class basic_decimal {
 public:
  using mantissa_type = Mantissa;

  constexpr basic_decimal() noexcept = default;
  constexpr basic_decimal(Mantissa mantissa, int exponent) noexcept
      : mantissa_{mantissa}, exponent_{static_cast<std::int8_t>(exponent)} {}
  /// From the narrower width, which always fits; the way back is narrow() in decimal_arithmetic.hpp.
  template <std::same_as<std::int64_t> Narrower, class = std::enable_if_t<!std::is_same_v<Mantissa, Narrower>>>
  constexpr basic_decimal(const basic_decimal<Narrower>& narrower) noexcept
      : basic_decimal{narrower.mantissa(), narrower.exponent()} {}

  /// Reads `-?digits[.digits]`, the whole of it. Zeros at the end of the fraction are kept as long as the mantissa has
  /// room for them. errc::malformed_message for any other text, errc::number_out_of_range where the mantissa cannot
  /// hold it exactly.
  [[nodiscard]] static result<basic_decimal> parse(std::string_view text) noexcept {
    basic_decimal value;
    const errc failed = parse_into(text, value);
    if (failed != errc::none) return failed;
    return value;
  }

  /// The same for the hot path: errc::none, or the error with `value` left as it was.
  [[nodiscard]] static constexpr errc parse_into(std::string_view text, basic_decimal& value) noexcept;

  [[nodiscard]] constexpr Mantissa mantissa() const noexcept { return mantissa_; }
  [[nodiscard]] constexpr int exponent() const noexcept { return exponent_; }
  [[nodiscard]] constexpr bool is_zero() const noexcept { return mantissa_ == 0; }

  /// The same number with the shortest mantissa: no zeros at its end.
  [[nodiscard]] constexpr basic_decimal normalized() const noexcept {
    if (mantissa_ == 0) return {};
    basic_decimal value = *this;
    while (value.mantissa_ % 10 == 0 && value.exponent_ < std::numeric_limits<std::int8_t>::max()) {
      value.mantissa_ /= 10;
      ++value.exponent_;
    }
    return value;
  }

  /// The mantissa this number has under another exponent; nothing where that is not exact or does not fit.
  [[nodiscard]] constexpr std::optional<Mantissa> mantissa_at(int exponent) const noexcept {
    Mantissa value = mantissa_;
    for (int at = exponent_; value != 0 && at > exponent; --at) {
      if (__builtin_mul_overflow(value, Mantissa{10}, &value)) return std::nullopt;
    }
    for (int at = exponent_; value != 0 && at < exponent; ++at) {
      if (value % 10 != 0) return std::nullopt;
      value /= 10;
    }
    return value;
  }

  /// The nearest double. Not exact: for arithmetic that need not be. A constant expression where 53 bits hold the
  /// mantissa and the exponent is between -22 and 22.
  [[nodiscard]] constexpr double to_double() const noexcept {
    // then mantissa and power of ten are doubles themselves, and one operation rounds once
    constexpr std::uint64_t exact = std::uint64_t{1} << 53;
    constexpr int largest_power = 22;
    if (detail::magnitude(mantissa_) <= exact && exponent_ >= -largest_power && exponent_ <= largest_power) {
      const double power =
          detail::exact_powers_of_ten[static_cast<std::size_t>(exponent_ < 0 ? -exponent_ : exponent_)];
      return exponent_ < 0 ? static_cast<double>(mantissa_) / power : static_cast<double>(mantissa_) * power;
    }
    return detail::nearest_double(mantissa_ < 0, detail::magnitude(mantissa_), exponent_);
  }

  /// The shortest exact text, without exponent: "61837.63", "-0.5", "1200". Never more than max_chars.
  [[nodiscard]] std::string str() const {
    std::array<char, max_chars> text{};
    return {text.data(), to_chars(text)};
  }

  /// With that many digits behind the point: "61837.630". errc::number_out_of_range where they are too few (rounding
  /// is the caller's to ask for: round_to_step()), errc::bad_argument for a negative number of them.
  [[nodiscard]] result<std::string> fixed(int fraction_digits) const;

  /// Sign, digits, point, and zeros for every exponent: 19 or 39 digits and 127 zeros are the most.
  static constexpr std::size_t max_chars = sizeof(Mantissa) == sizeof(std::int64_t) ? 160 : 176;

  /// Writes what str() returns; returns its length. Allocates nothing.
  constexpr std::size_t to_chars(std::array<char, max_chars>& text) const noexcept {
    return static_cast<std::size_t>(to_chars(text.data(), text.data() + text.size()).ptr - text.data());
  }

  /// Writes what str() returns into [first, last), as std::to_chars does: the end of the text, or `last` and
  /// std::errc::value_too_large where there is no room.
  constexpr std::to_chars_result to_chars(char* first, char* last) const noexcept {
    const basic_decimal value = normalized();
    return value.write(first, last, value.exponent_ < 0 ? -value.exponent_ : 0);
  }

  /// Writes what fixed() returns. std::errc::invalid_argument and `last` where so many digits cannot hold it exactly.
  constexpr std::to_chars_result to_chars(char* first, char* last, int fraction_digits) const noexcept {
    const basic_decimal value = normalized();
    if (fraction_digits < 0 || fraction_digits < -value.exponent_) return {last, std::errc::invalid_argument};
    return value.write(first, last, fraction_digits);
  }

  /// Numbers of the same width, or of two: the narrower one becomes wide.
  [[nodiscard]] friend constexpr bool operator==(const basic_decimal& a, const basic_decimal& b) noexcept {
    return (a <=> b) == std::strong_ordering::equal;
  }
  [[nodiscard]] friend constexpr std::strong_ordering operator<=>(const basic_decimal& a,
                                                                  const basic_decimal& b) noexcept {
    if (a.exponent_ == b.exponent_) return a.mantissa_ <=> b.mantissa_;
    if (a.exponent_ < b.exponent_) return 0 <=> compare_finer(b, a);
    return compare_finer(a, b);
  }

  /// The same for equal numbers, whatever their exponents and widths.
  [[nodiscard]] constexpr std::size_t hash() const noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    const basic_decimal value = normalized();
    const auto wide = static_cast<int128>(value.mantissa_);
    auto mixed = static_cast<std::uint64_t>(wide) * odd;
    mixed = (mixed ^ (mixed >> 32) ^ static_cast<std::uint64_t>(wide >> 64)) * odd;
    mixed = (mixed ^ (mixed >> 32) ^ static_cast<std::uint8_t>(value.exponent_)) * odd;
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
  }

 private:
  [[nodiscard]] constexpr std::to_chars_result write(char* first, char* last, int fraction_digits) const noexcept {
    return detail::write_decimal(first, last, mantissa_ < 0, detail::digits{detail::magnitude(mantissa_)}, exponent_,
                                 fraction_digits);
  }

  // `coarse` has the larger exponent: bring it to the finer one, or see that it is out of the other's reach.
  [[nodiscard]] static constexpr std::strong_ordering compare_finer(const basic_decimal& coarse,
                                                                    const basic_decimal& fine) noexcept {
    if (const auto mantissa = coarse.mantissa_at(fine.exponent_)) return *mantissa <=> fine.mantissa_;
    return coarse.mantissa_ < 0 ? std::strong_ordering::less : std::strong_ordering::greater;
  }

  Mantissa mantissa_{0};
  std::int8_t exponent_{0};
};

/// What ticks carry: 64 bits.
using decimal = basic_decimal<std::int64_t>;
/// 128 bits: products, sums over a book, the daily volume of a cheap coin.
using wide_decimal = basic_decimal<int128>;

template <decimal_mantissa Mantissa>
constexpr errc basic_decimal<Mantissa>::parse_into(std::string_view text, basic_decimal& value) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  if (negative) ++at;

  Mantissa mantissa = 0;  // built negative: the negative side holds one value more
  int exponent = 0;
  const char* point = nullptr;
  if (at == end) return errc::malformed_message;
  for (const char* const first = at; at != end; ++at) {
    if (*at == '.') {
      if (point != nullptr || at == first || at + 1 == end) return errc::malformed_message;
      point = at;
      continue;
    }
    const int digit = *at - '0';
    if (digit < 0 || digit > 9) return errc::malformed_message;
    Mantissa longer = 0;
    if (__builtin_mul_overflow(mantissa, Mantissa{10}, &longer) ||
        __builtin_sub_overflow(longer, Mantissa{digit}, &longer)) {
      const errc lost = detail::judge_rest(at, end, point != nullptr);
      if (lost != errc::none) return lost;
      break;
    }
    mantissa = longer;
    if (point != nullptr) --exponent;
  }
  for (; exponent < std::numeric_limits<std::int8_t>::min(); ++exponent) {
    if (mantissa % 10 != 0) return errc::number_out_of_range;
    mantissa /= 10;
  }
  if (!negative && __builtin_sub_overflow(Mantissa{0}, mantissa, &mantissa)) return errc::number_out_of_range;
  value = basic_decimal{mantissa, exponent};
  return errc::none;
}

}  // namespace foxtrot::inline v0

template <foxtrot::decimal_mantissa Mantissa>
struct std::hash<foxtrot::basic_decimal<Mantissa>> {
  [[nodiscard]] constexpr std::size_t operator()(const foxtrot::basic_decimal<Mantissa>& value) const noexcept {
    return value.hash();
  }
};

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/core/impl/decimal.hpp>
#endif
