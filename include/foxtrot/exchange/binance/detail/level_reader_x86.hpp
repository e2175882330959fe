// foxtrot/exchange/binance/detail/level_reader_x86.hpp: price levels, each checked and converted as a whole.
#pragma once

#include <foxtrot/exchange/binance/detail/digits_sse41.hpp>
#include <foxtrot/exchange/binance/detail/isa.hpp>
#include <foxtrot/exchange/binance/detail/level_reader.hpp>

#if defined(__x86_64__)

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

namespace foxtrot::inline v0::binance::detail {

/// What sixteen characters must be where a number of `length` characters with its point at `point` and the quote behind
/// it are expected, and how its digits move to the right end.
struct number_pattern {
  static constexpr std::size_t longest = 15;

  alignas(64) std::array<std::uint8_t, 16> exact;  // the point and the quote; elsewhere what is right anyway
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
        one.exact[i] = is_point ? '.' : i == length ? '"' : '0';  // a digit as well: nothing else passes
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

/// The numbers of a level side by side: what is expected of price and quantity.
struct level_pattern {
  const number_pattern* price;
  const number_pattern* quantity;

  explicit level_pattern(const level_layout& guess) noexcept
      : price{&pattern_of(guess.price_length, guess.price_point)},
        quantity{&pattern_of(guess.quantity_length, guess.quantity_point)} {}

  [[nodiscard]] static const number_pattern& pattern_of(unsigned length, unsigned point) noexcept {
    return patterns[std::size_t{length} * 16 + point];
  }
};

/// Where a run of levels that look alike has got to.
struct level_run {
  const char* at;
  const char* const end;
  foxtrot::raw_level* next;
  foxtrot::raw_level* const limit;
  level_layout guess;
  const unsigned quantity_decimals;
  std::size_t to_quantity;
  std::size_t to_tail;
  bool ended{false};

  [[gnu::always_inline]] level_run(const cursor& c, const depth_reading& out) noexcept
      : at{c.at},
        end{c.end},
        next{out.next},
        limit{out.limit},
        guess{*out.guess},
        quantity_decimals{static_cast<unsigned>(-guess.quantity_exponent())},
        to_quantity{std::size_t{guess.price_length} + 3},
        to_tail{to_quantity + guess.quantity_length + 1} {}

  [[nodiscard, gnu::always_inline]] bool goes_on() const noexcept { return next != limit && at < end; }

  /// What is between and behind the numbers, in the likely order.
  [[nodiscard, gnu::always_inline]] bool separators_fit() noexcept {
    if (!begins_with<",\"">(at + to_quantity - 2)) [[unlikely]]
      return false;
    if (begins_with<"],[\"">(at + to_tail)) [[likely]]
      return true;
    ended = begins_with<"]]">(at + to_tail);
    return ended;
  }

  /// To the next level; false at the end of the side.
  [[nodiscard, gnu::always_inline]] bool advance() noexcept {
    ++next;
    at += to_tail + 4;
    if (!ended) [[likely]]
      return true;
    at -= 2;
    return false;
  }

  /// Quantities differ in the digits before the point. Given which of its characters are no digits: true with a new
  /// guess.
  [[nodiscard, gnu::always_inline]] bool adapt(unsigned others) noexcept {
    const auto point = static_cast<unsigned>(std::countr_zero(others | 0x10000U));
    const unsigned length = quantity_decimals == 0 ? point : point + 1 + quantity_decimals;
    if (length == guess.quantity_length || point == 0 || length > number_pattern::longest) return false;
    guess.quantity_length = static_cast<std::uint8_t>(length);
    guess.quantity_point = static_cast<std::uint8_t>(point);
    to_tail = to_quantity + length + 1;
    return true;
  }

  /// True at the end of the side, `c` then behind it; else `c` is in front of what was not expected.
  [[nodiscard, gnu::always_inline]] bool finish(cursor& c, depth_reading& out) const noexcept {
    c.at = at;
    out.next = next;
    *out.guess = guess;
    return ended;
  }
};

/// The loops that take level after level from the first character of a price.
struct level_runs {
  [[nodiscard, gnu::noinline, gnu::target("avx2")]] static bool avx2(cursor& c, depth_reading& out) noexcept {
    level_run run{c, out};
    level_pattern pattern{run.guess};
    __m256i exact = both(pattern.price->exact, pattern.quantity->exact);
    __m256i digit = both(pattern.price->digit, pattern.quantity->digit);
    __m256i any = both(pattern.price->any, pattern.quantity->any);
    __m256i order = both(pattern.price->order, pattern.quantity->order);
    while (run.goes_on()) {
      const __m256i text =
          _mm256_inserti128_si256(_mm256_castsi128_si256(vector(run.at)), vector(run.at + run.to_quantity), 1);
      const __m256i values = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
      const __m256i digits = _mm256_cmpeq_epi8(_mm256_min_epu8(values, _mm256_set1_epi8(9)), values);
      const __m256i fits =
          _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(text, exact), any), _mm256_and_si256(digits, digit));
      if (_mm256_movemask_epi8(fits) != -1) [[unlikely]] {
        if (!run.adapt(~static_cast<unsigned>(_mm256_movemask_epi8(digits)) >> 16)) break;
        pattern = level_pattern{run.guess};
        exact = _mm256_inserti128_si256(exact, vector(pattern.quantity->exact), 1);
        digit = _mm256_inserti128_si256(digit, vector(pattern.quantity->digit), 1);
        any = _mm256_inserti128_si256(any, vector(pattern.quantity->any), 1);
        order = _mm256_inserti128_si256(order, vector(pattern.quantity->order), 1);
        continue;
      }
      if (!run.separators_fit()) break;
      const __m256i pairs = _mm256_maddubs_epi16(_mm256_shuffle_epi8(values, order), _mm256_set1_epi16(0x010a));
      const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00010064));
      store(run.next, _mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
      if (!run.advance()) break;
    }
    return run.finish(c, out);
  }

  [[nodiscard, gnu::noinline, gnu::target("sse4.1")]] static bool sse41(cursor& c, depth_reading& out) noexcept {
    level_run run{c, out};
    level_pattern pattern{run.guess};
    while (run.goes_on()) {
      const __m128i price_text = vector(run.at);
      const __m128i quantity_text = vector(run.at + run.to_quantity);
      const __m128i price = _mm_sub_epi8(price_text, _mm_set1_epi8('0'));
      const __m128i quantity = _mm_sub_epi8(quantity_text, _mm_set1_epi8('0'));
      const __m128i quantity_digits = digits_of(quantity);
      const __m128i fit = _mm_and_si128(fits(price_text, digits_of(price), *pattern.price),
                                        fits(quantity_text, quantity_digits, *pattern.quantity));
      if (_mm_movemask_epi8(fit) != 0xffff) [[unlikely]] {
        if (!run.adapt(static_cast<unsigned>(_mm_movemask_epi8(quantity_digits)) ^ 0xffffU)) break;
        pattern = level_pattern{run.guess};
        continue;
      }
      if (!run.separators_fit()) break;
      store(run.next, sse41_digits::fours_of(_mm_shuffle_epi8(price, vector(pattern.price->order))),
            sse41_digits::fours_of(_mm_shuffle_epi8(quantity, vector(pattern.quantity->order))));
      if (!run.advance()) break;
    }
    return run.finish(c, out);
  }

 private:
  template <class Bytes>
  [[gnu::always_inline]] static __m128i vector(const Bytes& bytes) noexcept {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes.data()));
  }
  [[gnu::always_inline]] static __m128i vector(const char* at) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  }
  template <class Bytes>
  [[gnu::always_inline, gnu::target("avx2")]] static __m256i both(const Bytes& low, const Bytes& high) noexcept {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(vector(low)), vector(high), 1);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i digits_of(__m128i values) noexcept {
    return _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  }
  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i fits(__m128i text, __m128i digits,
                                                                    const number_pattern& pattern) noexcept {
    return _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(text, vector(pattern.exact)), vector(pattern.any)),
                        _mm_and_si128(digits, vector(pattern.digit)));
  }

  /// Four numbers below 10,000 each for price and quantity become two of eight digits each, and then one each.
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
      out.guess->price_length = static_cast<std::uint8_t>(price_length);
      out.guess->price_point = point_of(price_length, price_exponent);
      out.guess->quantity_length = static_cast<std::uint8_t>(quantity_length);
      out.guess->quantity_point = point_of(quantity_length, quantity_exponent);
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
