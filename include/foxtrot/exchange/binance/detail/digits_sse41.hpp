// foxtrot/exchange/binance/detail/digits_sse41.hpp: the same readers, sixteen characters in a vector register.
#pragma once

#include <foxtrot/exchange/binance/detail/digits.hpp>

#if defined(__x86_64__)

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include <immintrin.h>

namespace foxtrot::inline v0::binance::detail {

/// Whoever calls these must have their target or a larger one, so that they can be inlined.
struct sse41_digits : plain_digits {
  using plain_digits::read;

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_number, cursor& c, std::uint64_t& value) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    const unsigned digits = count(text.others);
    if (digits - 1 > 14) [[unlikely]]
      return digits != 0 && read_long(a_number{}, c, value);
    if (*at == '0' && digits != 1) [[unlikely]]
      return false;
    value = value_of(_mm_shuffle_epi8(text.values, to_the_right(digits)));
    return moved(c, at + digits);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_previous_id, cursor& c, std::uint64_t& value,
                                                                 bool& present) noexcept {
    present = !begins_with<"-1">(c.at);
    if (!present) return moved(c, c.at + 2);
    return read(a_number{}, c, value) && value <= std::numeric_limits<std::int64_t>::max();
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_time, cursor& c,
                                                                 std::int64_t& microseconds) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    if (*at == '0') [[unlikely]]
      return false;
    if ((text.others & 0x3fff) == 0x2000) {
      microseconds = static_cast<std::int64_t>(value_of(_mm_shuffle_epi8(text.values, to_the_right(13))) * 1000);
      return moved(c, at + 13);
    }
    if (text.others != 0x10000) return false;
    microseconds = static_cast<std::int64_t>(value_of(text.values));
    return moved(c, at + 16);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(an_amount, cursor& c, std::int64_t& mantissa,
                                                                 std::int8_t& exponent) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    const unsigned point = count(text.others);
    if (point - 1 > 14) [[unlikely]]
      return point != 0 && read_long(an_amount{}, c, mantissa, exponent);
    if (at[point] != '.') [[unlikely]] {
      mantissa = static_cast<std::int64_t>(value_of(_mm_shuffle_epi8(text.values, to_the_right(point))));
      exponent = 0;
      return moved(c, at + point);
    }
    const unsigned length = count(text.others & (text.others - 1));
    const unsigned decimals = length - point - 1;
    if (length > 15) [[unlikely]]
      return read_long(an_amount{}, c, mantissa, exponent);
    if (decimals == 0) [[unlikely]]
      return false;
    const __m128i order = _mm_add_epi8(to_the_right(length), over_the_point(decimals));
    mantissa = static_cast<std::int64_t>(value_of(_mm_shuffle_epi8(text.values, order)));
    exponent = static_cast<std::int8_t>(0U - decimals);
    return moved(c, at + length);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_like_amount, cursor& c, std::int64_t& mantissa,
                                                                 const std::int8_t& exponent) noexcept {
    std::int8_t found = 0;
    return read(an_amount{}, c, mantissa, found) && found == exponent;
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_signed_amount, cursor& c, std::int64_t& mantissa,
                                                                 std::int8_t& exponent) noexcept {
    const bool negative = *c.at == '-';
    if (negative) ++c.at;
    if (!read(an_amount{}, c, mantissa, exponent)) return false;
    if (negative) mantissa = -mantissa;
    return true;
  }

  // SSE2 is part of x86-64.
  [[nodiscard, gnu::always_inline]] static bool read(a_name, cursor& c, std::string_view& name) noexcept {
    const char* const begin = c.at;
    for (const char* at = begin; at < c.end; at += 16) {
      const unsigned stop = name_ends(at);
      if (stop == 0) continue;
      const char* const end = at + std::countr_zero(stop);
      if (*end != '"' || end == begin) [[unlikely]]
        return false;
      name = {begin, static_cast<std::size_t>(end - begin)};
      return moved(c, end);
    }
    return false;
  }

  /// Sixteen digits as four numbers of four.
  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i fours_of(__m128i digits) noexcept {
    return _mm_madd_epi16(_mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a)), _mm_set1_epi32(0x00010064));
  }

 protected:
  struct sixteen {
    __m128i values;   // of the digits
    unsigned others;  // a bit for each character that is none, and one behind them
  };

  [[gnu::always_inline, gnu::target("sse4.1")]] static sixteen look(const char* at) noexcept {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i values = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    return {values, static_cast<unsigned>(_mm_movemask_epi8(digits)) ^ 0x1ffffU};
  }

  /// A bit for each of sixteen characters at which a name ends, one way or the other.
  [[nodiscard, gnu::always_inline]] static unsigned name_ends(const char* at) noexcept {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // signed: what is not ASCII is below the space, too
    const __m128i odd =
        _mm_or_si128(_mm_cmplt_epi8(text, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(text, _mm_set1_epi8('\\')));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(odd, _mm_cmpeq_epi8(text, _mm_set1_epi8('"')))));
  }

  /// Characters before the first marked one; 16 where none of the 16 is.
  [[nodiscard, gnu::always_inline]] static unsigned count(unsigned marks) noexcept {
    return static_cast<unsigned>(__builtin_ctz(marks));
  }

  /// A shuffle that moves the first `length` bytes to the right end, zeros before them.
  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i to_the_right(unsigned length) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(right_order.data() + length));
  }
  /// What to add to that shuffle where the byte before the last `decimals` is to be left out.
  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i over_the_point(unsigned decimals) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(minus_ones.data() + decimals));
  }

  /// The number that sixteen digits are: fours, eights, all.
  [[gnu::always_inline, gnu::target("sse4.1")]] static std::uint64_t value_of(__m128i digits) noexcept {
    const __m128i fours = fours_of(digits);
    const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x00012710));
    const auto halves = static_cast<std::uint64_t>(_mm_cvtsi128_si64(eights));
    return (halves & 0xffff'ffffU) * 100'000'000 + (halves >> 32);
  }

 private:
  alignas(64) static constexpr std::array<std::int8_t, 32> right_order = [] {
    std::array<std::int8_t, 32> order{};
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int8_t>(static_cast<int>(i) - 16);
    return order;
  }();
  alignas(64) static constexpr std::array<std::int8_t, 32> minus_ones = [] {
    std::array<std::int8_t, 32> order{};
    for (std::size_t i = 0; i < 16; ++i) order[i] = -1;
    return order;
  }();
};

}  // namespace foxtrot::inline v0::binance::detail

#endif
