// foxtrot/core/detail/decimal_text.hpp: decimal numbers as text, whatever the width of their mantissa.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/int128.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace foxtrot::inline v0::detail {

/// The decimal digits of an integer, the first one first; none for zero.
class digits {
 public:
  static constexpr std::size_t most = 39;  // of 2^128

  constexpr explicit digits(uint128 number) noexcept {
    constexpr std::uint64_t chunk = 10'000'000'000'000'000'000U;  // 10^19: divides by 128 bits once or twice only
    constexpr int chunk_digits = 19;
    for (; number > ~std::uint64_t{0}; number /= chunk) {
      auto low = static_cast<std::uint64_t>(number % chunk);
      for (int i = 0; i < chunk_digits; ++i, low /= 10) put(low);
    }
    for (auto rest = static_cast<std::uint64_t>(number); rest != 0; rest /= 10) put(rest);
  }

  [[nodiscard]] constexpr int count() const noexcept { return static_cast<int>(most - first_); }
  [[nodiscard]] constexpr char operator[](int index) const noexcept {
    return text_[first_ + static_cast<std::size_t>(index)];
  }
  [[nodiscard]] constexpr const char* begin() const noexcept { return text_.data() + first_; }
  [[nodiscard]] constexpr const char* end() const noexcept { return text_.data() + most; }

 private:
  constexpr void put(std::uint64_t number) noexcept { text_[--first_] = static_cast<char>('0' + number % 10); }

  std::array<char, most> text_{};
  std::size_t first_{most};
};

/// digits x 10^exponent with exactly `fraction` digits behind the point, of which there are never fewer than -exponent.
/// As std::to_chars: value_too_large and `last` where there is no room.
[[nodiscard]] constexpr std::to_chars_result write_decimal(char* first, char* last, bool negative, const digits& all,
                                                           int exponent, int fraction) noexcept {
  const int whole = all.count() == 0 ? 0 : all.count() + exponent;  // digits before the point
  const std::ptrdiff_t length =
      (negative ? 1 : 0) + std::ptrdiff_t{whole > 0 ? whole : 1} + (fraction > 0 ? 1 + std::ptrdiff_t{fraction} : 0);
  if (last - first < length) return {last, std::errc::value_too_large};
  const auto put = [&](int index) { *first++ = index >= 0 && index < all.count() ? all[index] : '0'; };
  if (negative) *first++ = '-';
  if (whole <= 0) *first++ = '0';
  for (int i = 0; i < whole; ++i) put(i);
  if (fraction > 0) *first++ = '.';
  for (int i = 0; i < fraction; ++i) put(whole + i);
  return {first, std::errc{}};
}

/// 10^0 to 10^22, which are doubles themselves.
inline constexpr std::array<double, 23> exact_powers_of_ten{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// The nearest double of magnitude x 10^exponent; from_chars rounds once where a product with a power of ten rounds
/// twice. Seldom needed, and not to weigh upon whatever asks for doubles.
[[nodiscard, gnu::cold]] double nearest_double(bool negative, uint128 magnitude, int exponent) noexcept;

/// What follows the digits that fit: zeros at the end of a fraction say nothing and may be left out.
[[nodiscard]] constexpr errc judge_rest(const char* at, const char* end, bool in_fraction) noexcept {
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

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/core/impl/decimal_text.hpp>
#endif
