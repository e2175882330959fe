// foxtrot/market/kinds.hpp: what an event is, where it comes from, and how both ride in a line's tag.
#pragma once

#include <foxtrot/queue/line.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace foxtrot::inline v0 {

enum class tick_kind : std::uint8_t {
  status,
  book_ticker,
  trade,
  depth_update,
  depth_snapshot,
  aggregate_trade,
  block_trade,
  kline,
  mini_ticker,
  ticker,
  average_price,
  reference_price,
  mark_price,
  liquidation,
  unknown_event,  ///< what the venue sent and no other kind fits, as it came
};
inline constexpr std::size_t tick_kind_count = 15;

[[nodiscard]] constexpr std::string_view to_string(tick_kind kind) noexcept {
  constexpr std::array<std::string_view, tick_kind_count> names{
      "status",          "book_ticker",     "trade",      "depth_update", "depth_snapshot",
      "aggregate_trade", "block_trade",     "kline",      "mini_ticker",  "ticker",
      "average_price",   "reference_price", "mark_price", "liquidation",  "unknown_event"};
  const auto index = static_cast<std::size_t>(kind);
  return index < names.size() ? names[index] : "?";
}

/// A set of kinds, for filters.
class kind_set {
 public:
  constexpr kind_set() noexcept = default;
  constexpr kind_set(tick_kind kind) noexcept : bits_{bit(kind)} {}

  /// Every kind but unknown_event: who wants raw messages too says `kind_set::all() | tick_kind::unknown_event`.
  [[nodiscard]] static constexpr kind_set all() noexcept {
    kind_set every;
    every.bits_ = ((1U << tick_kind_count) - 1) & ~bit(tick_kind::unknown_event);
    return every;
  }
  [[nodiscard]] constexpr bool contains(tick_kind kind) const noexcept { return (bits_ & bit(kind)) != 0; }
  [[nodiscard]] friend constexpr kind_set operator|(kind_set a, kind_set b) noexcept {
    a.bits_ |= b.bits_;
    return a;
  }
  friend constexpr bool operator==(kind_set, kind_set) = default;

 private:
  [[nodiscard]] static constexpr std::uint32_t bit(tick_kind kind) noexcept {
    return 1U << static_cast<unsigned>(kind);
  }
  std::uint32_t bits_{0};
};
[[nodiscard]] constexpr kind_set operator|(tick_kind a, tick_kind b) noexcept { return kind_set{a} | kind_set{b}; }

enum class venue : std::uint8_t { none, binance_spot, binance_usdm, binance_coinm };

[[nodiscard]] constexpr std::string_view to_string(venue where) noexcept {
  constexpr std::array<std::string_view, 4> names{"none", "binance_spot", "binance_usdm", "binance_coinm"};
  const auto index = static_cast<std::size_t>(where);
  return index < names.size() ? names[index] : "?";
}

/// How a tick reached us.
enum class source : std::uint8_t { websocket, http };

[[nodiscard]] constexpr std::string_view to_string(source how) noexcept {
  return how == source::http ? "http" : "websocket";
}

/// What rides in the word of every line: kind in bits 0..7, venue in 8..12, source in 13..15, flags in 16..23.
struct tick_tag {
  tick_kind kind{tick_kind::status};
  venue where{venue::none};
  source how{source::websocket};
  std::uint8_t flags{0};  ///< meaning depends on the kind: see trade

  [[nodiscard]] constexpr line_tag packed() const noexcept {
    return {static_cast<std::uint32_t>(kind) | static_cast<std::uint32_t>(where) << 8 |
            static_cast<std::uint32_t>(how) << 13 | std::uint32_t{flags} << 16};
  }
  [[nodiscard]] static constexpr tick_tag unpack(line_tag tag) noexcept {
    return {kind_of(tag), static_cast<venue>((tag.bits >> 8) & 0x1f), static_cast<source>((tag.bits >> 13) & 0x7),
            static_cast<std::uint8_t>((tag.bits >> 16) & 0xff)};
  }
  [[nodiscard]] static constexpr tick_kind kind_of(line_tag tag) noexcept {
    return static_cast<tick_kind>(tag.bits & 0xff);
  }
  friend constexpr bool operator==(const tick_tag&, const tick_tag&) = default;
};

/// A flag of trades and aggregate trades: it was missing, and has been fetched.
inline constexpr std::uint8_t filled_flag = 2;
[[nodiscard]] constexpr bool is_filled(tick_tag tag) noexcept {
  return (tag.kind == tick_kind::trade || tag.kind == tick_kind::aggregate_trade) && (tag.flags & filled_flag) != 0;
}

}  // namespace foxtrot::inline v0
