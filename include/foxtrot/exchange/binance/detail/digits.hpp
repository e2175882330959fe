// foxtrot/exchange/binance/detail/digits.hpp: numbers and names out of JSON text, eight characters at a time.
#pragma once

#include <foxtrot/exchange/binance/detail/literal.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

/// Where a reader stands in a message and where that ends. 64 readable bytes must follow the end: a reader begins at
/// most `longest_text` behind it, and looks at no more than 24 from there.
struct cursor {
  const char* at;
  const char* end;
};
inline constexpr std::size_t longest_text = 40;

// What can be read. All readers: true with the values, standing at the first character that is not part of it; false
// for anything else or anything unusual: values and place are then anywhere, and the caller asks a general parser.

/// A JSON integer from 0 to 2^64-1.
struct a_number {};
/// The last update's number: as above but 63 bits; -1 where there was none.
struct a_previous_id {};
/// 13 digits are milliseconds, 16 are microseconds; given in microseconds.
struct a_time {};
/// What decimal::parse_into takes: digits[.digits], leading zeros allowed. Mantissa and exponent.
struct an_amount {};
/// The same, with just the exponent that is there already.
struct a_like_amount {};
/// The same as an_amount, perhaps negative.
struct a_signed_amount {};
/// At least one character, up to the quote: printable ASCII without escapes.
struct a_name {};
struct a_boolean {};

/// Readers that need no vectors, and the way out for the rare lengths.
struct plain_digits {
  [[nodiscard, gnu::always_inline]] static bool moved(cursor& c, const char* to) noexcept {
    c.at = to;
    return to <= c.end;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_boolean, cursor& c, bool& value) noexcept {
    value = begins_with<"true">(c.at);
    if (!value && !begins_with<"false">(c.at)) return false;
    return moved(c, c.at + (value ? 4 : 5));
  }

  // These get no cursor, so that none need live in memory: they return where the number ends, or nullptr.

  [[nodiscard, gnu::noinline]] static const char* long_number(const char* const begin, const char* end,
                                                              std::uint64_t& value) noexcept {
    const char* at = begin;
    std::uint64_t all = 0;
    for (unsigned digit = 0; at < end && (digit = digit_at(at)) <= 9; ++at) {
      if (__builtin_mul_overflow(all, std::uint64_t{10}, &all) ||
          __builtin_add_overflow(all, std::uint64_t{digit}, &all)) {
        return nullptr;
      }
    }
    if (at == begin || (*begin == '0' && at - begin > 1)) return nullptr;
    value = all;
    return at;
  }

  [[nodiscard, gnu::noinline]] static const char* long_amount(const char* const begin, const char* end,
                                                              std::int64_t& mantissa, std::int8_t& exponent) noexcept {
    const char* at = begin;
    const char* point = nullptr;
    std::int64_t all = 0;
    for (; at < end; ++at) {
      if (*at == '.' && point == nullptr && at != begin) {
        point = at;
        continue;
      }
      const unsigned digit = digit_at(at);
      if (digit > 9) break;
      if (__builtin_mul_overflow(all, std::int64_t{10}, &all) ||
          __builtin_add_overflow(all, std::int64_t{digit}, &all)) {
        return nullptr;  // zeros at the end of a fraction might still be left out: not our business
      }
    }
    if (at == begin || (point != nullptr && at - point == 1)) return nullptr;
    const auto decimals = point == nullptr ? std::ptrdiff_t{0} : at - point - 1;
    if (decimals > std::numeric_limits<std::int8_t>::max()) return nullptr;
    mantissa = all;
    exponent = static_cast<std::int8_t>(-decimals);
    return at;
  }

  [[nodiscard, gnu::always_inline]] static bool read_long(a_number, cursor& c, std::uint64_t& value) noexcept {
    c.at = long_number(c.at, c.end, value);
    return c.at != nullptr;
  }
  [[nodiscard, gnu::always_inline]] static bool read_long(an_amount, cursor& c, std::int64_t& mantissa,
                                                          std::int8_t& exponent) noexcept {
    c.at = long_amount(c.at, c.end, mantissa, exponent);
    return c.at != nullptr;
  }

 private:
  [[nodiscard]] static unsigned digit_at(const char* at) noexcept {
    return static_cast<unsigned char>(*at) - unsigned{'0'};
  }
};

/// Digits of a number before and behind its point: 1 to 8 each.
struct amount_width {
  unsigned whole{1};
  unsigned decimals{1};
};

/// The readers for any machine: eight characters in a general register.
struct portable_digits : plain_digits {
  using plain_digits::read;

  [[nodiscard, gnu::always_inline]] static bool read(a_number, cursor& c, std::uint64_t& value) noexcept {
    const char* const at = c.at;
    const auto first = load<std::uint64_t>(at);
    const std::uint64_t stop = non_digits(first);
    if (*at == '0' && count(stop) != 1) [[unlikely]]
      return false;
    if (stop != 0) {
      const unsigned digits = count(stop);
      if (digits == 0) return false;
      value = leading(first, digits);
      return moved(c, at + digits);
    }
    const auto second = load<std::uint64_t>(at + 8);
    const std::uint64_t second_stop = non_digits(second);
    if (second_stop == 0) [[unlikely]]
      return read_long(a_number{}, c, value);
    const unsigned digits = count(second_stop);
    value = eight(first) * powers_of_ten[digits];
    if (digits != 0) value += leading(second, digits);
    return moved(c, at + 8 + digits);
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_previous_id, cursor& c, std::uint64_t& value,
                                                     bool& present) noexcept {
    present = !begins_with<"-1">(c.at);
    if (!present) return moved(c, c.at + 2);
    return read(a_number{}, c, value) && value <= std::numeric_limits<std::int64_t>::max();
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_time, cursor& c, std::int64_t& microseconds) noexcept {
    const char* const at = c.at;
    const auto first = load<std::uint64_t>(at);
    const auto second = load<std::uint64_t>(at + 8);
    if (*at == '0' || non_digits(first) != 0) return false;
    const unsigned digits = count(non_digits(second));
    if (digits == 5) {
      microseconds = static_cast<std::int64_t>((eight(first) * 100'000 + leading(second, 5)) * 1000);
    } else if (digits == 8) {
      microseconds = static_cast<std::int64_t>(eight(first) * 100'000'000 + eight(second));
    } else {
      return false;
    }
    return moved(c, at + 8 + digits);
  }

  [[nodiscard, gnu::always_inline]] static bool read(an_amount, cursor& c, std::int64_t& mantissa,
                                                     std::int8_t& exponent) noexcept {
    const char* const at = c.at;
    const auto first = load<std::uint64_t>(at);
    const unsigned whole = count(non_digits(first));
    if (whole - 1 > 6) [[unlikely]]
      return read_long(an_amount{}, c, mantissa, exponent);
    const std::uint64_t before = leading(first, whole);
    if (at[whole] != '.') {
      mantissa = static_cast<std::int64_t>(before);
      exponent = 0;
      return moved(c, at + whole);
    }
    const char* const fraction = at + whole + 1;
    const auto second = load<std::uint64_t>(fraction);
    const unsigned decimals = count(non_digits(second));
    if (decimals == 8 && fraction[8] >= '0' && fraction[8] <= '9') [[unlikely]] {
      return read_long(an_amount{}, c, mantissa, exponent);
    }
    if (decimals == 0) return false;
    mantissa = static_cast<std::int64_t>(before * powers_of_ten[decimals] + leading(second, decimals));
    exponent = static_cast<std::int8_t>(-static_cast<int>(decimals));
    return moved(c, fraction + decimals);
  }

  /// An amount in a long list of them, up to its quote: the guess is that it is as wide as the last one. Then nothing
  /// waits for where its parts end, which else is most of the time.
  [[nodiscard, gnu::always_inline]] static bool read_like(amount_width& last, cursor& c, std::int64_t& mantissa,
                                                          std::int8_t& exponent) noexcept {
    const char* const at = c.at;
    const char* const fraction = at + last.whole + 1;
    const std::uint64_t whole = aligned(load<std::uint64_t>(at), last.whole);
    const std::uint64_t part = aligned(load<std::uint64_t>(fraction), last.decimals);
    if (fraction[-1] == '.' && fraction[last.decimals] == '"' && (odd(whole) | odd(part)) == 0) [[likely]] {
      mantissa = static_cast<std::int64_t>(value_of(whole) * powers_of_ten[last.decimals] + value_of(part));
      exponent = static_cast<std::int8_t>(-static_cast<int>(last.decimals));
      return moved(c, fraction + last.decimals);
    }
    if (!read(an_amount{}, c, mantissa, exponent)) return false;
    const auto decimals = static_cast<unsigned>(-exponent);
    const auto length = static_cast<std::size_t>(c.at - at);
    if (decimals - 1 < 8 && length - decimals - 2 < 8) {
      last = {static_cast<unsigned>(length) - decimals - 1, decimals};
    }
    return true;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_like_amount, cursor& c, std::int64_t& mantissa,
                                                     const std::int8_t& exponent) noexcept {
    std::int8_t found = 0;
    return read(an_amount{}, c, mantissa, found) && found == exponent;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_signed_amount, cursor& c, std::int64_t& mantissa,
                                                     std::int8_t& exponent) noexcept {
    const bool negative = *c.at == '-';
    if (negative) ++c.at;
    if (!read(an_amount{}, c, mantissa, exponent)) return false;
    if (negative) mantissa = -mantissa;
    return true;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_name, cursor& c, std::string_view& name) noexcept {
    const char* const begin = c.at;
    for (const char* at = begin; at < c.end; at += 8) {
      const std::uint64_t stop = specials(load<std::uint64_t>(at));
      if (stop == 0) continue;
      const char* const end = at + count(stop);
      if (*end != '"' || end == begin) return false;
      name = {begin, static_cast<std::size_t>(end - begin)};
      return moved(c, end);
    }
    return false;
  }

 private:
  static constexpr std::uint64_t every_byte = 0x0101010101010101;
  static constexpr std::uint64_t high_bits = 0x80 * every_byte;
  static constexpr std::array<std::uint64_t, 9> powers_of_ten{1,       10,        100,        1'000,      10'000,
                                                              100'000, 1'000'000, 10'000'000, 100'000'000};

  /// The characters before the first that is marked; 8 where none is.
  [[nodiscard, gnu::always_inline]] static unsigned count(std::uint64_t marks) noexcept {
    return static_cast<unsigned>(std::countr_zero(marks)) / 8;
  }

  /// The high bit of each byte that is not a digit. No byte carries into the next: 0x7f + 0x76 fits.
  [[nodiscard, gnu::always_inline]] static std::uint64_t non_digits(std::uint64_t text) noexcept {
    const std::uint64_t value = text ^ '0' * every_byte;
    return (((value & ~high_bits) + 0x76 * every_byte) | value) & high_bits;
  }

  /// Marks quotes, backslashes, control characters and what is not ASCII. The lowest mark is right; a borrow can only
  /// have come from there to those above.
  [[nodiscard, gnu::always_inline]] static std::uint64_t specials(std::uint64_t text) noexcept {
    const std::uint64_t quote = text ^ '"' * every_byte;
    const std::uint64_t backslash = text ^ '\\' * every_byte;
    const std::uint64_t found = ((quote - every_byte) & ~quote) | ((backslash - every_byte) & ~backslash) |
                                ((text - 0x20 * every_byte) & ~text) | text;
    return found & high_bits;
  }

  /// The number that eight digits are: pairs, then fours, then all.
  [[nodiscard, gnu::always_inline]] static std::uint64_t value_of(std::uint64_t digits) noexcept {
    constexpr std::uint64_t low = 0x000000ff000000ff;
    digits = digits * 10 + (digits >> 8);
    return ((digits & low) * (100 + (1'000'000ULL << 32)) + (digits >> 16 & low) * (1 + (10'000ULL << 32))) >> 32;
  }
  [[nodiscard, gnu::always_inline]] static std::uint64_t eight(std::uint64_t text) noexcept {
    return value_of(text ^ '0' * every_byte);
  }
  /// The same of the first 1 to 8; zeros come before them.
  [[nodiscard, gnu::always_inline]] static std::uint64_t leading(std::uint64_t text, unsigned digits) noexcept {
    return value_of(aligned(text, digits));
  }
  [[nodiscard, gnu::always_inline]] static std::uint64_t aligned(std::uint64_t text, unsigned digits) noexcept {
    return (text ^ '0' * every_byte) << (64 - 8 * digits);
  }
  /// Not zero if any byte is not the value of a digit; which one is not told.
  [[nodiscard, gnu::always_inline]] static std::uint64_t odd(std::uint64_t values) noexcept {
    return ((values + 0x76 * every_byte) | values) & high_bits;
  }
};

}  // namespace foxtrot::inline v0::binance::detail
