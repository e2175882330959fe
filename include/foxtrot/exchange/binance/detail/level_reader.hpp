// foxtrot/exchange/binance/detail/level_reader.hpp: price levels out of JSON text, into the caller's room.
#pragma once

#include <foxtrot/exchange/binance/detail/digits.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>
#include <foxtrot/market/levels.hpp>

#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0::binance::detail {

/// How the digits of a level stand: a guess about the next one. `point` is `length` where there is none; at most 15
/// characters.
struct level_layout {
  amount_width price;     // the portable form's guess
  amount_width quantity;  // likewise
  std::uint8_t price_length{14};
  std::uint8_t price_point{5};
  std::uint8_t quantity_length{10};
  std::uint8_t quantity_point{1};

  [[nodiscard]] std::int8_t price_exponent() const noexcept { return exponent(price_length, price_point); }
  [[nodiscard]] std::int8_t quantity_exponent() const noexcept { return exponent(quantity_length, quantity_point); }

  [[nodiscard]] static constexpr std::int8_t exponent(int length, int point) noexcept {
    return static_cast<std::int8_t>(point == length ? 0 : point + 1 - length);
  }
};

/// Depth fields while they are read: where the next level goes, and the guess.
struct depth_reading : depth_fields {
  foxtrot::raw_level* next{nullptr};
  foxtrot::raw_level* first{nullptr};
  foxtrot::raw_level* limit{nullptr};
  level_layout* guess{nullptr};

  /// All levels of a message have the exponents of the first: venues write the same decimals everywhere.
  [[nodiscard, gnu::always_inline]] bool agree(std::int8_t price, std::int8_t quantity) noexcept {
    if (next == first) {
      price_exponent = price;
      quantity_exponent = quantity;
      return true;
    }
    return price == price_exponent && quantity == quantity_exponent;
  }
};

/// One side, from behind the opening bracket to behind the closing one. `Digits` reads the numbers.
struct portable_levels {
  [[nodiscard]] static bool read(cursor& c, depth_reading& out) noexcept {
    if (*c.at == ']') return plain_digits::moved(c, c.at + 1);
    amount_width price = out.guess->price;
    amount_width quantity = out.guess->quantity;
    for (cursor now = c; now.at < now.end && out.next != out.limit;) {
      std::int8_t price_exponent = 0;
      std::int8_t quantity_exponent = 0;
      if (!begins_with<"[\"">(now.at)) return false;
      now.at += 2;
      if (!portable_digits::read_like(price, now, out.next->price, price_exponent)) return false;
      if (!begins_with<"\",\"">(now.at)) return false;
      now.at += 3;
      if (!portable_digits::read_like(quantity, now, out.next->quantity, quantity_exponent)) return false;
      if (!out.agree(price_exponent, quantity_exponent)) return false;
      ++out.next;
      if (begins_with<"\"],">(now.at)) {
        now.at += 3;
      } else {
        c.at = now.at + 3;
        out.guess->price = price;
        out.guess->quantity = quantity;
        return begins_with<"\"]]">(now.at);
      }
    }
    return false;
  }
};

}  // namespace foxtrot::inline v0::binance::detail
