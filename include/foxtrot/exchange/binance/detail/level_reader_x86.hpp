// foxtrot/exchange/binance/detail/level_reader_x86.hpp: price levels, each checked and converted as a whole.
#pragma once

#include <foxtrot/exchange/binance/detail/digits_sse41.hpp>
#include <foxtrot/exchange/binance/detail/isa.hpp>
#include <foxtrot/exchange/binance/detail/level_reader.hpp>

#if defined(__x86_64__)

#include <array>
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

namespace foxtrot::inline v0::binance::detail {

/// What sixteen characters must be where a number of `length` characters with its point at `point` and the quote behind
/// it are expected, and how its digits move to the right end.
struct number_pattern {
  static constexpr std::size_t longest = 15;

  alignas(64) std::array<std::uint8_t, 16> exact;  // the point and the quote
  std::array<std::uint8_t, 16> digit;              // ff: a digit
  std::array<std::uint8_t, 16> any;                // ff: behind the quote
  std::array<std::int8_t, 16> order;
};

using number_patterns = std::array<number_pattern, 256>;  // by length * 16 + point; those that cannot be match nothing

inline constexpr number_patterns patterns = [] {
  number_patterns all{};
  for (std::size_t length = 1; length <= number_pattern::longest; ++length) {
    for (std::size_t point = 1; point <= length; ++point) {
      if (point + 1 == length) continue;
      number_pattern& one = all[length * 16 + point];
      for (std::size_t i = 0; i < 16; ++i) {
        const bool is_point = i == point && point != length;
        one.exact[i] = is_point ? '.' : i == length ? '"' : 0;
        one.digit[i] = i < length && !is_point ? 0xff : 0;
        one.any[i] = i > length ? 0xff : 0;
        one.order[i] = -1;
      }
      std::size_t to = 16;
      for (std::size_t from = length; from-- > 0;) {
        if (from != point) one.order[--to] = static_cast<std::int8_t>(from);
      }
    }
  }
  return all;
}();

/// The loops that take level after level as long as the guess holds. At the first character of a price; true where the
/// side ended, behind it; else in front of the price that was not as expected.
struct level_runs {
  [[gnu::noinline, gnu::target("avx2")]] static bool avx2(cursor& c, depth_reading& out) noexcept {
    const level_layout guess = *out.guess;
    const number_pattern& price = pattern_of(guess.price_length, guess.price_point);
    const number_pattern& quantity = pattern_of(guess.quantity_length, guess.quantity_point);
    const __m256i exact = _mm256_setr_m128i(vector(price.exact), vector(quantity.exact));
    const __m256i digit = _mm256_setr_m128i(vector(price.digit), vector(quantity.digit));
    const __m256i any = _mm256_setr_m128i(vector(price.any), vector(quantity.any));
    const __m256i order = _mm256_setr_m128i(vector(price.order), vector(quantity.order));
    const std::size_t to_quantity = std::size_t{guess.price_length} + 3;
    const std::size_t to_tail = to_quantity + guess.quantity_length + 1;
    const char* at = c.at;
    const char* const end = c.end;
    foxtrot::raw_level* next = out.next;
    foxtrot::raw_level* const limit = out.limit;
    bool ended = false;
    while (next != limit && at < end) {
      const __m256i text = _mm256_inserti128_si256(_mm256_castsi128_si256(vector(at)), vector(at + to_quantity), 1);
      const __m256i values = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
      const __m256i digits = _mm256_cmpeq_epi8(_mm256_min_epu8(values, _mm256_set1_epi8(9)), values);
      const __m256i right =
          _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(text, exact), any), _mm256_and_si256(digits, digit));
      if (_mm256_movemask_epi8(right) != -1 || !begins_with<",\"">(at + to_quantity - 2)) break;
      const char* const tail = at + to_tail;
      const bool more = begins_with<"],[\"">(tail);
      if (!more && !begins_with<"]]">(tail)) break;
      const __m256i pairs = _mm256_maddubs_epi16(_mm256_shuffle_epi8(values, order), _mm256_set1_epi16(0x010a));
      const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00010064));
      store(next++, _mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
      at = tail + 4;
      if (!more) {
        at = tail + 2;
        ended = true;
        break;
      }
    }
    c.at = at;
    out.next = next;
    return ended;
  }

  [[gnu::noinline, gnu::target("sse4.1")]] static bool sse41(cursor& c, depth_reading& out) noexcept {
    const level_layout guess = *out.guess;
    const number_pattern& price = pattern_of(guess.price_length, guess.price_point);
    const number_pattern& quantity = pattern_of(guess.quantity_length, guess.quantity_point);
    const std::size_t to_quantity = std::size_t{guess.price_length} + 3;
    const std::size_t to_tail = to_quantity + guess.quantity_length + 1;
    const char* at = c.at;
    const char* const end = c.end;
    foxtrot::raw_level* next = out.next;
    foxtrot::raw_level* const limit = out.limit;
    bool ended = false;
    while (next != limit && at < end) {
      const __m128i price_text = vector(at);
      const __m128i quantity_text = vector(at + to_quantity);
      const __m128i price_values = _mm_sub_epi8(price_text, _mm_set1_epi8('0'));
      const __m128i quantity_values = _mm_sub_epi8(quantity_text, _mm_set1_epi8('0'));
      const __m128i right = _mm_and_si128(as_expected(price_text, price_values, price),
                                          as_expected(quantity_text, quantity_values, quantity));
      if (_mm_movemask_epi8(right) != 0xffff || !begins_with<",\"">(at + to_quantity - 2)) break;
      const char* const tail = at + to_tail;
      const bool more = begins_with<"],[\"">(tail);
      if (!more && !begins_with<"]]">(tail)) break;
      store(next++, fours_of(_mm_shuffle_epi8(price_values, vector(price.order))),
            fours_of(_mm_shuffle_epi8(quantity_values, vector(quantity.order))));
      at = tail + 4;
      if (!more) {
        at = tail + 2;
        ended = true;
        break;
      }
    }
    c.at = at;
    out.next = next;
    return ended;
  }

 private:
  [[nodiscard]] static const number_pattern& pattern_of(std::uint8_t length, std::uint8_t point) noexcept {
    return patterns[std::size_t{length} * 16 + point];
  }

  template <class Bytes>
  [[gnu::always_inline]] static __m128i vector(const Bytes& bytes) noexcept {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes.data()));
  }
  [[gnu::always_inline]] static __m128i vector(const char* at) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i as_expected(__m128i text, __m128i values,
                                                                           const number_pattern& pattern) noexcept {
    const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    return _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(text, vector(pattern.exact)), vector(pattern.any)),
                        _mm_and_si128(digits, vector(pattern.digit)));
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i fours_of(__m128i digits) noexcept {
    return _mm_madd_epi16(_mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a)), _mm_set1_epi32(0x00010064));
  }

  /// Four numbers below 10,000 each for price and quantity become eight digits, and then all sixteen.
  [[gnu::always_inline, gnu::target("sse4.1")]] static void store(foxtrot::raw_level* to, __m128i price,
                                                                  __m128i quantity) noexcept {
    static_assert(sizeof(foxtrot::raw_level) == sizeof(__m128i) && offsetof(foxtrot::raw_level, price) == 0);
    const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(price, quantity), _mm_set1_epi32(0x00012710));
    const __m128i value =
        _mm_add_epi64(_mm_mul_epu32(eights, _mm_set1_epi64x(100'000'000)), _mm_srli_epi64(eights, 32));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), value);
  }
};

/// One side, with the loop that `Use` says; what it did not expect is read number by number, and then expected.
template <isa Use>
struct x86_levels {
  [[gnu::target("sse4.1")]] static bool read(cursor& c, depth_reading& out) noexcept {
    if (*c.at == ']') return plain_digits::moved(c, c.at + 1);
    if (!begins_with<"[\"">(c.at)) return false;
    c.at += 2;
    while (true) {
      if (out.agree(out.guess->price_exponent(), out.guess->quantity_exponent())) {
        if (Use == isa::avx2 ? level_runs::avx2(c, out) : level_runs::sse41(c, out)) return c.at <= c.end;
      }
      if (!read_one(c, out)) return false;
      ++out.next;
      if (begins_with<"\"],[\"">(c.at)) {
        c.at += 5;
      } else {
        c.at += 3;
        return begins_with<"\"]]">(c.at - 3);
      }
    }
  }

 private:
  [[gnu::target("sse4.1")]] static bool read_one(cursor& c, depth_reading& out) noexcept {
    if (c.at >= c.end || out.next == out.limit) return false;
    std::int8_t price_exponent = 0;
    std::int8_t quantity_exponent = 0;
    cursor now = c;
    if (!sse41_digits::read(an_amount{}, now, out.next->price, price_exponent)) return false;
    const auto price_length = static_cast<std::size_t>(now.at - c.at);
    if (!begins_with<"\",\"">(now.at)) return false;
    now.at += 3;
    const char* const quantity = now.at;
    if (!sse41_digits::read(an_amount{}, now, out.next->quantity, quantity_exponent)) return false;
    const auto quantity_length = static_cast<std::size_t>(now.at - quantity);
    c.at = now.at;
    if (!out.agree(price_exponent, quantity_exponent)) return false;
    if (price_length <= number_pattern::longest && quantity_length <= number_pattern::longest) {
      *out.guess = {static_cast<std::uint8_t>(price_length), point_of(price_length, price_exponent),
                    static_cast<std::uint8_t>(quantity_length), point_of(quantity_length, quantity_exponent)};
    }
    return true;
  }

  [[nodiscard]] static std::uint8_t point_of(std::size_t length, int exponent) noexcept {
    return static_cast<std::uint8_t>(exponent == 0 ? static_cast<int>(length)
                                                   : static_cast<int>(length) - 1 + exponent);
  }
};

}  // namespace foxtrot::inline v0::binance::detail

#endif
