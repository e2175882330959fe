// foxtrot/market/kline_interval.hpp: how long a candlestick lasts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace foxtrot::inline v0 {

/// Seconds, minutes, hours, days, weeks and months, from the shortest to the longest.
enum class kline_interval : std::uint8_t { s1, m1, m3, m5, m15, m30, h1, h2, h4, h6, h8, h12, d1, d3, w1, mo1 };
inline constexpr std::size_t kline_interval_count = 16;

namespace detail {
inline constexpr std::array<std::string_view, kline_interval_count> kline_interval_names{
    "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"};
}  // namespace detail

/// "1s" to "1M", as in the names of streams.
[[nodiscard]] constexpr std::string_view to_string(kline_interval interval) noexcept {
  const auto index = static_cast<std::size_t>(interval);
  return index < kline_interval_count ? detail::kline_interval_names[index] : "?";
}

/// The other way round; nothing for any other text.
[[nodiscard]] constexpr std::optional<kline_interval> parse_kline_interval(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kline_interval_count; ++i) {
    if (detail::kline_interval_names[i] == text) return static_cast<kline_interval>(i);
  }
  return std::nullopt;
}

}  // namespace foxtrot::inline v0
