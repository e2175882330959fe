// foxtrot/market/detail/kind_of.hpp: from the type of a tick to its kind.
#pragma once

#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>

namespace foxtrot::inline v0::detail {

/// The kind of events that are shown as a `Tick`; status where it is none.
template <class Tick>
inline constexpr tick_kind kind_of = tick_kind::status;
template <>
inline constexpr tick_kind kind_of<book_ticker> = tick_kind::book_ticker;
template <>
inline constexpr tick_kind kind_of<trade> = tick_kind::trade;
template <>
inline constexpr tick_kind kind_of<depth_update> = tick_kind::depth_update;
template <>
inline constexpr tick_kind kind_of<depth_snapshot> = tick_kind::depth_snapshot;
template <>
inline constexpr tick_kind kind_of<aggregate_trade> = tick_kind::aggregate_trade;
template <>
inline constexpr tick_kind kind_of<block_trade> = tick_kind::block_trade;
template <>
inline constexpr tick_kind kind_of<kline> = tick_kind::kline;
template <>
inline constexpr tick_kind kind_of<mini_ticker> = tick_kind::mini_ticker;
template <>
inline constexpr tick_kind kind_of<ticker> = tick_kind::ticker;
template <>
inline constexpr tick_kind kind_of<average_price> = tick_kind::average_price;
template <>
inline constexpr tick_kind kind_of<reference_price> = tick_kind::reference_price;
template <>
inline constexpr tick_kind kind_of<mark_price> = tick_kind::mark_price;
template <>
inline constexpr tick_kind kind_of<liquidation> = tick_kind::liquidation;
template <>
inline constexpr tick_kind kind_of<unknown_event> = tick_kind::unknown_event;

/// Ticks of which a conflating consumer has the latest, one of each symbol, as a plain value.
template <class Tick>
concept latest_value = kind_of<Tick> != tick_kind::status && kind_of<Tick> != tick_kind::unknown_event &&
                       kind_of<Tick> != tick_kind::depth_update && kind_of<Tick> != tick_kind::depth_snapshot &&
                       kind_of<Tick> != tick_kind::kline;

}  // namespace foxtrot::inline v0::detail
