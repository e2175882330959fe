// foxtrot/core/int128.hpp: the compiler's 128-bit integers under names of our own.
#pragma once

#include <cstdint>

namespace foxtrot::inline v0 {

/// Without the extension's mark -Wpedantic objects to every use; the standard library's traits need not know them.
__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

inline constexpr uint128 uint128_max = ~uint128{0};
inline constexpr int128 int128_max = static_cast<int128>(uint128_max >> 1);
inline constexpr int128 int128_min = -int128_max - 1;

namespace detail {

/// The distance from zero; right for the most negative number, too.
[[nodiscard]] constexpr std::uint64_t magnitude(std::int64_t value) noexcept {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? std::uint64_t{0} - bits : bits;
}
[[nodiscard]] constexpr uint128 magnitude(int128 value) noexcept {
  const auto bits = static_cast<uint128>(value);
  return value < 0 ? uint128{0} - bits : bits;
}

}  // namespace detail

}  // namespace foxtrot::inline v0
