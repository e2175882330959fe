// foxtrot/market/raw_decimal.hpp: decimals as they lie in the bodies of wide ticks.
#pragma once

#include <foxtrot/core/decimal.hpp>

#include <concepts>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

/// A decimal, or none: without padding, so that bodies can be copied by words. Made from a decimal by assigning it.
template <decimal_mantissa Mantissa>
class basic_raw_decimal {
 public:
  constexpr basic_raw_decimal() noexcept = default;
  /// From a decimal of this width, or a narrower one.
  template <std::convertible_to<basic_decimal<Mantissa>> Decimal>
  constexpr basic_raw_decimal(const Decimal& from) noexcept {
    const basic_decimal<Mantissa> wanted = from;
    mantissa_ = wanted.mantissa();
    exponent_ = static_cast<std::int8_t>(wanted.exponent());
    present_ = 1;
  }

  [[nodiscard]] constexpr bool present() const noexcept { return present_ != 0; }
  /// 0 where there is none: for what the venue always sends.
  [[nodiscard]] constexpr basic_decimal<Mantissa> value() const noexcept { return {mantissa_, exponent_}; }
  [[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> get() const noexcept {
    if (!present()) return std::nullopt;
    return value();
  }

 private:
  Mantissa mantissa_{0};
  std::int8_t exponent_{0};
  std::uint8_t present_{0};
  std::uint8_t zeros_[sizeof(Mantissa) - 2]{};
};

using raw_decimal = basic_raw_decimal<std::int64_t>;
/// 128 bits: daily volumes.
using raw_wide_decimal = basic_raw_decimal<int128>;
static_assert(sizeof(raw_decimal) == 16 && sizeof(raw_wide_decimal) == 32);

}  // namespace foxtrot::inline v0
