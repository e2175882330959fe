// foxtrot/exchange/binance/detail/recalling_digits_sse41.hpp: readers that expect what stood in the same place before.
#pragma once

#include <foxtrot/exchange/binance/detail/digits.hpp>
#include <foxtrot/exchange/binance/detail/digits_sse41.hpp>

#include <cstdint>

namespace foxtrot::inline v0::binance::detail {

/// How long a value was and where its characters ended or were parted: a guess about the next one in its place. What
/// never was read matches nothing.
struct field_layout {
  std::uint16_t within{0};  // a bit for each character and the one behind them
  std::uint16_t marks{1};   // those of them that are no digits; of a name, the quote
  std::uint8_t length{0};   // at most 15
  std::uint8_t decimals{0};
};

/// A cursor that brings the layouts of the fields to come.
struct recalling_cursor : cursor {
  field_layout* next;
};

}  // namespace foxtrot::inline v0::binance::detail

#if defined(__x86_64__)

#include <string_view>

#include <immintrin.h>

namespace foxtrot::inline v0::binance::detail {

/// A field begins where the one before it ends, and to find an end takes a chain of load, comparison, mask and count: a
/// message would be as slow as all these chains in a row. Here the place of the next field comes from the layout, and
/// the text only decides a branch, which the processor predicts: the chains run side by side. What was not expected is
/// read as ever, and expected from then on.
struct recalling_sse41_digits : sse41_digits {
  using sse41_digits::read;

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_number, cursor& c, field_layout& last,
                                                                 std::uint64_t& value) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    if (differs(text.others, last)) [[unlikely]] {
      c.at = learn(at, c.end, last, value);
      return c.at != nullptr;
    }
    const unsigned digits = last.length;
    if (*at == '0' && digits != 1) [[unlikely]]
      return false;
    value = value_of(_mm_shuffle_epi8(text.values, to_the_right(digits)));
    return moved(c, at + digits);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(an_amount, cursor& c, field_layout& last,
                                                                 std::int64_t& mantissa,
                                                                 std::int8_t& exponent) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    const unsigned length = last.length;
    const unsigned decimals = last.decimals;
    if ((text.others & last.within) != last.marks || at[length - decimals - 1] != '.') [[unlikely]] {
      c.at = learn(at, c.end, last, mantissa, exponent);
      return c.at != nullptr;
    }
    const __m128i order = _mm_add_epi8(to_the_right(length), over_the_point(decimals));
    mantissa = static_cast<std::int64_t>(value_of(_mm_shuffle_epi8(text.values, order)));
    exponent = static_cast<std::int8_t>(0U - decimals);
    return moved(c, at + length);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_like_amount, cursor& c, field_layout& last,
                                                                 std::int64_t& mantissa,
                                                                 const std::int8_t& exponent) noexcept {
    std::int8_t found = 0;
    return read(an_amount{}, c, last, mantissa, found) && found == exponent;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_name, cursor& c, field_layout& last,
                                                     std::string_view& name) noexcept {
    const char* const at = c.at;
    if (differs(name_ends(at), last) || at[last.length] != '"') [[unlikely]] {
      c.at = learn(at, c.end, last, name);
      return c.at != nullptr;
    }
    name = {at, last.length};
    return moved(c, at + last.length);
  }

 private:
  static constexpr unsigned longest = 15;

  // Where messages of a kind differ in their fields, the layout may be that of another one: with a point, of an amount.
  [[nodiscard, gnu::always_inline]] static bool differs(unsigned ends, const field_layout& last) noexcept {
    return (((ends & last.within) ^ last.marks) | last.decimals) != 0;
  }

  // These get no cursor, so that none need live in memory: they return where the value ends, or nullptr.

  [[nodiscard, gnu::noinline, gnu::target("sse4.1")]] static const char* learn(const char* at, const char* end,
                                                                               field_layout& last,
                                                                               std::uint64_t& value) noexcept {
    cursor c{at, end};
    if (!read(a_number{}, c, value)) return nullptr;
    remember(last, static_cast<unsigned>(c.at - at), 0);
    return c.at;
  }

  /// Without a point there is nothing to remember: the rare integers are read as ever.
  [[nodiscard, gnu::noinline, gnu::target("sse4.1")]] static const char* learn(const char* at, const char* end,
                                                                               field_layout& last,
                                                                               std::int64_t& mantissa,
                                                                               std::int8_t& exponent) noexcept {
    cursor c{at, end};
    if (!read(an_amount{}, c, mantissa, exponent)) return nullptr;
    if (exponent != 0) remember(last, static_cast<unsigned>(c.at - at), static_cast<unsigned>(-exponent));
    return c.at;
  }

  [[nodiscard, gnu::noinline]] static const char* learn(const char* at, const char* end, field_layout& last,
                                                        std::string_view& name) noexcept {
    cursor c{at, end};
    if (!read(a_name{}, c, name)) return nullptr;
    remember(last, static_cast<unsigned>(c.at - at), 0);
    return c.at;
  }

  static void remember(field_layout& last, unsigned length, unsigned decimals) noexcept {
    if (length > longest) return;
    const unsigned point = decimals == 0 ? 0 : 1U << (length - decimals - 1);
    last = {.within = static_cast<std::uint16_t>((2U << length) - 1),
            .marks = static_cast<std::uint16_t>(1U << length | point),
            .length = static_cast<std::uint8_t>(length),
            .decimals = static_cast<std::uint8_t>(decimals)};
  }
};

}  // namespace foxtrot::inline v0::binance::detail

#endif
