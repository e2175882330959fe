// foxtrot/core/decimal_arithmetic.hpp: sums, differences and products of decimals: the exact value or nothing.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/int128.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

namespace foxtrot::inline v0 {

namespace detail {

template <class A, class B>
using wider_mantissa = std::conditional_t<std::same_as<A, int128>, A, B>;

/// What arithmetic passes through: a wider exponent, and room for the most negative mantissa.
struct signed_magnitude {
  bool negative{false};
  uint128 magnitude{0};
  int exponent{0};

  constexpr signed_magnitude(bool below_zero, uint128 distance, int power) noexcept
      : negative{below_zero}, magnitude{distance}, exponent{power} {}
  template <decimal_mantissa Mantissa>
  constexpr explicit signed_magnitude(const basic_decimal<Mantissa>& value) noexcept
      : negative{value.mantissa() < 0}, magnitude{detail::magnitude(value.mantissa())}, exponent{value.exponent()} {}

  constexpr void strip_zeros() noexcept {
    for (; magnitude != 0 && magnitude % 10 == 0; magnitude /= 10) ++exponent;
  }
};

/// As a decimal: zeros come off or on only where the number would not fit otherwise.
template <decimal_mantissa Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> fit(signed_magnitude value) noexcept {
  constexpr int least_exponent = std::numeric_limits<std::int8_t>::min();
  constexpr int most_exponent = std::numeric_limits<std::int8_t>::max();
  const uint128 limit = (uint128{1} << (8 * sizeof(Mantissa) - 1)) - (value.negative ? 0 : 1);
  if (value.magnitude == 0) {
    const int exponent = value.exponent < least_exponent  ? least_exponent
                         : value.exponent > most_exponent ? most_exponent
                                                          : value.exponent;
    return basic_decimal<Mantissa>{0, exponent};
  }
  for (; value.magnitude > limit || value.exponent < least_exponent; ++value.exponent) {
    if (value.magnitude % 10 != 0) return std::nullopt;
    value.magnitude /= 10;
  }
  for (; value.exponent > most_exponent; --value.exponent) {
    if (value.magnitude > limit / 10) return std::nullopt;
    value.magnitude *= 10;
  }
  // the most negative mantissa has no positive counterpart: negate before the sign is looked at
  const auto bits = value.negative ? uint128{0} - value.magnitude : value.magnitude;
  return basic_decimal<Mantissa>{static_cast<Mantissa>(static_cast<int128>(bits)), value.exponent};
}

/// The sum of two numbers whose magnitudes are those of mantissas.
template <decimal_mantissa Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> sum(signed_magnitude a, signed_magnitude b) noexcept {
  if (a.magnitude == 0) return fit<Mantissa>(b);
  if (b.magnitude == 0) return fit<Mantissa>(a);
  a.strip_zeros();
  b.strip_zeros();
  if (a.exponent < b.exponent) {
    const signed_magnitude coarse = b;
    b = a;
    a = coarse;
  }
  // The last digit of a finer b is one of the sum, so the sum has to fit as it stands; and where 128 bits do not hold
  // the aligned a, they do not hold its sum with a number of 127 bits either.
  for (; a.exponent > b.exponent; --a.exponent) {
    if (__builtin_mul_overflow(a.magnitude, uint128{10}, &a.magnitude)) return std::nullopt;
  }
  if (a.negative != b.negative) {
    const bool larger = a.magnitude >= b.magnitude;
    return fit<Mantissa>(
        {larger ? a.negative : b.negative, larger ? a.magnitude - b.magnitude : b.magnitude - a.magnitude, a.exponent});
  }
  // only -2^127 twice gets here with a carry: 2^128 does not end in a zero
  if (__builtin_add_overflow(a.magnitude, b.magnitude, &a.magnitude)) return std::nullopt;
  return fit<Mantissa>(a);
}

template <decimal_mantissa Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> product(signed_magnitude a,
                                                                       signed_magnitude b) noexcept {
  const bool negative = a.negative != b.negative;
  uint128 magnitude = 0;
  int exponent = a.exponent + b.exponent;
  if (__builtin_mul_overflow(a.magnitude, b.magnitude, &magnitude)) {
    // take every ten out of the factors: what then overflows cannot be written shorter
    const auto take_tens = [&exponent](uint128& twos, uint128& fives) {
      for (; twos % 2 == 0 && fives % 5 == 0; ++exponent) {
        twos /= 2;
        fives /= 5;
      }
    };
    a.strip_zeros();
    b.strip_zeros();
    exponent = a.exponent + b.exponent;
    take_tens(a.magnitude, b.magnitude);
    take_tens(b.magnitude, a.magnitude);
    if (__builtin_mul_overflow(a.magnitude, b.magnitude, &magnitude)) return std::nullopt;
  }
  return fit<Mantissa>({negative, magnitude, exponent});
}

}  // namespace detail

/// a + b, exactly; nothing where no mantissa of the wider of the two widths can hold it. The exponent is the finer one
/// where that fits.
template <class A, class B>
[[nodiscard]] constexpr auto add(const basic_decimal<A>& a, const basic_decimal<B>& b) noexcept
    -> std::optional<basic_decimal<detail::wider_mantissa<A, B>>> {
  using wider = basic_decimal<detail::wider_mantissa<A, B>>;
  using mantissa = typename wider::mantissa_type;
  const int finer = a.exponent() < b.exponent() ? a.exponent() : b.exponent();
  const auto left = wider{a}.mantissa_at(finer);
  const auto right = wider{b}.mantissa_at(finer);
  mantissa total = 0;
  if (left && right && !__builtin_add_overflow(*left, *right, &total)) return wider{total, finer};
  return detail::sum<mantissa>(detail::signed_magnitude{a}, detail::signed_magnitude{b});
}

/// a - b, exactly; nothing where no mantissa of the wider of the two widths can hold it.
template <class A, class B>
[[nodiscard]] constexpr auto subtract(const basic_decimal<A>& a, const basic_decimal<B>& b) noexcept
    -> std::optional<basic_decimal<detail::wider_mantissa<A, B>>> {
  using wider = basic_decimal<detail::wider_mantissa<A, B>>;
  using mantissa = typename wider::mantissa_type;
  const int finer = a.exponent() < b.exponent() ? a.exponent() : b.exponent();
  const auto left = wider{a}.mantissa_at(finer);
  const auto right = wider{b}.mantissa_at(finer);
  mantissa rest = 0;
  if (left && right && !__builtin_sub_overflow(*left, *right, &rest)) return wider{rest, finer};
  detail::signed_magnitude negated{b};
  negated.negative = !negated.negative;
  return detail::sum<mantissa>(detail::signed_magnitude{a}, negated);
}

/// a x b, exactly; nothing where no mantissa of the wider of the two widths can hold it. Two decimals always have a
/// product of 128 bits: make one of them wide.
template <class A, class B>
[[nodiscard]] constexpr auto multiply(const basic_decimal<A>& a, const basic_decimal<B>& b) noexcept
    -> std::optional<basic_decimal<detail::wider_mantissa<A, B>>> {
  return detail::product<detail::wider_mantissa<A, B>>(detail::signed_magnitude{a}, detail::signed_magnitude{b});
}

/// -value; nothing where only the most negative mantissa is left to be negated.
template <class Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> negate(const basic_decimal<Mantissa>& value) noexcept {
  detail::signed_magnitude negated{value};
  negated.negative = !negated.negative;
  return detail::fit<Mantissa>(negated);
}

/// The same number in 64 bits; nothing where they cannot hold it.
[[nodiscard]] constexpr std::optional<decimal> narrow(const wide_decimal& value) noexcept {
  return detail::fit<std::int64_t>(detail::signed_magnitude{value});
}

}  // namespace foxtrot::inline v0
