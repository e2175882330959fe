// foxtrot/market/detail/event_body.hpp: where the body of an event lies, whatever its kind.
#pragma once

#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/kline.hpp>
#include <foxtrot/market/liquidation.hpp>
#include <foxtrot/market/mark_price.hpp>
#include <foxtrot/market/mini_ticker.hpp>
#include <foxtrot/market/ticker.hpp>
#include <foxtrot/market/unknown_event.hpp>
#include <foxtrot/market/wide_tick.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace foxtrot::inline v0::detail {

// All records with a body have its place and size where depth_record has them.
inline constexpr std::size_t body_offset = 24;
inline constexpr std::size_t body_size_offset = 32;
static_assert(offsetof(depth_record, body) == body_offset && offsetof(depth_record, bids) == body_size_offset &&
              offsetof(depth_record, asks) == body_size_offset + sizeof(std::uint16_t));
static_assert(offsetof(wide_record, body) == body_offset && offsetof(wide_record, body_units) == body_size_offset &&
              offsetof(wide_record, no_units) == body_size_offset + sizeof(std::uint16_t));
static_assert(offsetof(unknown_record, body) == body_offset &&
              offsetof(unknown_record, body_units) == body_size_offset &&
              offsetof(unknown_record, no_units) == body_size_offset + sizeof(std::uint16_t));

/// Whether events of this kind have a body beside their line.
[[nodiscard]] constexpr bool has_body(tick_kind kind) noexcept {
  switch (kind) {
    case tick_kind::depth_update:
    case tick_kind::depth_snapshot:
    case tick_kind::kline:
    case tick_kind::mini_ticker:
    case tick_kind::ticker:
    case tick_kind::mark_price:
    case tick_kind::liquidation:
    case tick_kind::unknown_event: return true;
    case tick_kind::status:
    case tick_kind::book_ticker:
    case tick_kind::trade:
    case tick_kind::aggregate_trade:
    case tick_kind::block_trade:
    case tick_kind::average_price:
    case tick_kind::reference_price: return false;
  }
  return false;
}

/// Units of the arena that the longest body of fixed size takes.
inline constexpr std::size_t largest_wide_body =
    std::max({units_of<kline_body>, units_of<mini_ticker_body>, units_of<ticker_body>, units_of<mark_price_body>,
              units_of<liquidation_body>});

// The rest is for events that have a body.

[[nodiscard]] inline std::uint64_t body_position(const tick_payload& payload) noexcept {
  std::uint64_t position = 0;
  std::memcpy(&position, payload.bytes + body_offset, sizeof position);
  return position;
}
inline void set_body_position(tick_payload& payload, std::uint64_t position) noexcept {
  std::memcpy(payload.bytes + body_offset, &position, sizeof position);
}
/// In units of the arena: a price level each.
[[nodiscard]] inline std::size_t body_size(const tick_payload& payload) noexcept {
  std::uint16_t parts[2];
  std::memcpy(parts, payload.bytes + body_size_offset, sizeof parts);
  return std::size_t{parts[0]} + parts[1];
}

}  // namespace foxtrot::inline v0::detail
