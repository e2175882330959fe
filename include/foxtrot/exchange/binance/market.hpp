// foxtrot/exchange/binance/market.hpp: Binance's markets and where they are reached.
#pragma once

#include <foxtrot/market/kinds.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance {

/// Spot, and the futures settled in US dollars.
enum class market : std::uint8_t { spot, usdm };

[[nodiscard]] constexpr std::string_view to_string(market which) noexcept {
  return which == market::usdm ? "usdm" : "spot";
}
[[nodiscard]] constexpr venue venue_of(market which) noexcept {
  return which == market::usdm ? venue::binance_usdm : venue::binance_spot;
}

/// Where a market is reached: base URLs without a path.
struct endpoints {
  std::string websocket;  ///< wss://host:port
  std::string rest;       ///< https://host:port
};

/// The venue's public endpoints for market data. Spot: the hosts that need no key; web-socket-streams.md and
/// market_data_only.md of binance-spot-api-docs. USD-M: the split endpoints of 2026, see path_of().
[[nodiscard]] inline endpoints public_endpoints(market which) {
  if (which == market::usdm) return {"wss://fstream.binance.com", "https://fapi.binance.com"};
  return {"wss://stream.binance.com:9443", "https://data-api.binance.vision"};
}

/// The path of a combined-stream connection. USD-M serves book and depth streams under /public.
[[nodiscard]] constexpr std::string_view path_of(market which) noexcept {
  return which == market::usdm ? "/public/stream" : "/stream";
}

}  // namespace foxtrot::inline v0::binance
