// foxtrot/core/decimal.hpp: exact decimal numbers: a 64-bit mantissa and a power of ten.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>

#include <array>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// mantissa x 10^exponent, as the venue wrote it: "61837.63000000" is 6183763000000 x 10^-8. Never rounded, never
/// binary floating point. Values are equal when they mean the same number, whatever their exponents. A plain value.
class decimal {
 public:
  constexpr decimal() noexcept = default;
  constexpr decimal(std::int64_t mantissa, int exponent) noexcept
      : mantissa_{mantissa}, exponent_{static_cast<std::int8_t>(exponent)} {}

  /// Reads `-?digits[.digits]`, the whole of it. Zeros at the end of the fraction are kept as long as the mantissa has
  /// room for them. errc::malformed_message for any other text, errc::number_out_of_range where 64 bits cannot hold it
  /// exactly.
  [[nodiscard]] static result<decimal> parse(std::string_view text) noexcept;

  /// The same for the hot path: errc::none, or the error with `value` left as it was.
  [[nodiscard]] static constexpr errc parse_into(std::string_view text, decimal& value) noexcept;

  [[nodiscard]] constexpr std::int64_t mantissa() const noexcept { return mantissa_; }
  [[nodiscard]] constexpr int exponent() const noexcept { return exponent_; }
  [[nodiscard]] constexpr bool is_zero() const noexcept { return mantissa_ == 0; }

  /// The same number with the shortest mantissa: no zeros at its end.
  [[nodiscard]] constexpr decimal normalized() const noexcept {
    if (mantissa_ == 0) return {};
    decimal value = *this;
    while (value.mantissa_ % 10 == 0 && value.exponent_ < std::numeric_limits<std::int8_t>::max()) {
      value.mantissa_ /= 10;
      ++value.exponent_;
    }
    return value;
  }

  /// The mantissa this number has under another exponent; nothing where that is not exact or does not fit.
  [[nodiscard]] constexpr std::optional<std::int64_t> mantissa_at(int exponent) const noexcept {
    std::int64_t value = mantissa_;
    for (int at = exponent_; value != 0 && at > exponent; --at) {
      if (__builtin_mul_overflow(value, std::int64_t{10}, &value)) return std::nullopt;
    }
    for (int at = exponent_; value != 0 && at < exponent; ++at) {
      if (value % 10 != 0) return std::nullopt;
      value /= 10;
    }
    return value;
  }

  /// The nearest double. Not exact: for arithmetic that need not be.
  [[nodiscard]] double to_double() const noexcept {
    // from_chars rounds correctly where a product with a power of ten would round twice
    constexpr std::size_t mantissa_chars = 20;
    std::array<char, mantissa_chars + 5> text{};
    char* end = std::to_chars(text.data(), text.data() + mantissa_chars, mantissa_).ptr;
    *end++ = 'e';
    end = std::to_chars(end, text.data() + text.size(), static_cast<int>(exponent_)).ptr;
    double value = 0;
    std::from_chars(text.data(), end, value);
    return value;
  }

  /// The shortest exact text, without exponent: "61837.63", "-0.5", "1200". Never more than max_chars.
  [[nodiscard]] std::string str() const {
    std::array<char, max_chars> text{};
    return {text.data(), to_chars(text)};
  }

  static constexpr std::size_t max_chars = 160;  // sign, 19 digits, point and 127 zeros

  /// Writes what str() returns; returns its length. Allocates nothing.
  std::size_t to_chars(std::array<char, max_chars>& text) const noexcept;

  [[nodiscard]] friend constexpr bool operator==(const decimal& a, const decimal& b) noexcept {
    return (a <=> b) == std::strong_ordering::equal;
  }
  [[nodiscard]] friend constexpr std::strong_ordering operator<=>(const decimal& a, const decimal& b) noexcept {
    if (a.exponent_ == b.exponent_) return a.mantissa_ <=> b.mantissa_;
    if (a.exponent_ < b.exponent_) return reverse(compare_finer(b, a));
    return compare_finer(a, b);
  }

 private:
  [[nodiscard]] static constexpr std::strong_ordering reverse(std::strong_ordering order) noexcept {
    return 0 <=> order;
  }

  // `coarse` has the larger exponent: bring it to the finer one, or see that it is out of the other's reach.
  [[nodiscard]] static constexpr std::strong_ordering compare_finer(const decimal& coarse,
                                                                    const decimal& fine) noexcept {
    if (const auto mantissa = coarse.mantissa_at(fine.exponent_)) return *mantissa <=> fine.mantissa_;
    return coarse.mantissa_ < 0 ? std::strong_ordering::less : std::strong_ordering::greater;
  }

  // What follows the digits that fit: zeros at the end of a fraction say nothing and may be left out.
  [[nodiscard]] static constexpr errc judge_rest(const char* at, const char* end, bool in_fraction) noexcept;

  std::int64_t mantissa_{0};
  std::int8_t exponent_{0};
};

constexpr errc decimal::judge_rest(const char* at, const char* end, bool in_fraction) noexcept {
  bool exact = in_fraction;
  for (; at != end; ++at) {
    if (*at == '.') {
      if (in_fraction || at + 1 == end) return errc::malformed_message;
      in_fraction = true;
      continue;
    }
    if (*at < '0' || *at > '9') return errc::malformed_message;
    if (*at != '0') exact = false;
  }
  return exact ? errc::none : errc::number_out_of_range;
}

constexpr errc decimal::parse_into(std::string_view text, decimal& value) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  if (negative) ++at;

  std::int64_t mantissa = 0;  // built negative: the negative side holds one value more
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
    std::int64_t longer = 0;
    if (__builtin_mul_overflow(mantissa, std::int64_t{10}, &longer) ||
        __builtin_sub_overflow(longer, std::int64_t{digit}, &longer)) {
      const errc lost = judge_rest(at, end, point != nullptr);
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
  if (!negative && __builtin_sub_overflow(std::int64_t{0}, mantissa, &mantissa)) return errc::number_out_of_range;
  value = decimal{mantissa, exponent};
  return errc::none;
}

inline result<decimal> decimal::parse(std::string_view text) noexcept {
  decimal value;
  const errc failed = parse_into(text, value);
  if (failed != errc::none) return failed;
  return value;
}

inline std::size_t decimal::to_chars(std::array<char, max_chars>& text) const noexcept {
  const decimal value = normalized();
  std::array<char, 20> digits{};
  const std::uint64_t magnitude = value.mantissa_ < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value.mantissa_)
                                                      : static_cast<std::uint64_t>(value.mantissa_);
  const auto count =
      static_cast<int>(std::to_chars(digits.data(), digits.data() + digits.size(), magnitude).ptr - digits.data());
  std::size_t length = 0;
  const auto put = [&](char c) { text[length++] = c; };
  if (value.mantissa_ < 0) put('-');
  const int whole = count + value.exponent_;  // digits before the point
  if (whole <= 0) put('0');
  for (int i = 0; i < count || i < whole; ++i) {
    if (i == whole || (i == 0 && whole <= 0)) {
      put('.');
      for (int zero = whole; zero < 0; ++zero) put('0');
    }
    put(i < count ? digits[static_cast<std::size_t>(i)] : '0');
  }
  return length;
}

}  // namespace foxtrot::inline v0
