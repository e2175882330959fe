// foxtrot/exchange/binance/market.hpp: Binance's markets and where they are reached.
#pragma once

#include <foxtrot/market/kinds.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0::binance {

/// Spot, the futures settled in US dollars, and those settled in the coin itself.
enum class market : std::uint8_t { spot, usdm, coinm };

[[nodiscard]] constexpr std::string_view to_string(market which) noexcept {
  switch (which) {
    case market::usdm: return "usdm";
    case market::coinm: return "coinm";
    default: return "spot";
  }
}
/// The market that to_string() names so; nothing for any other text.
[[nodiscard]] constexpr std::optional<market> market_of(std::string_view name) noexcept {
  for (const market which : {market::spot, market::usdm, market::coinm}) {
    if (name == to_string(which)) return which;
  }
  return std::nullopt;
}
[[nodiscard]] constexpr venue venue_of(market which) noexcept {
  switch (which) {
    case market::usdm: return venue::binance_usdm;
    case market::coinm: return venue::binance_coinm;
    default: return venue::binance_spot;
  }
}

/// Where a market is reached: base URLs without a path.
struct endpoints {
  std::string websocket;  ///< wss://host:port
  std::string rest;       ///< https://host:port
};

/// The venue's public endpoints for market data. Spot: the hosts that need no key; web-socket-streams.md and
/// market_data_only.md of binance-spot-api-docs. USD-M: the split endpoints of 2026, see paths_of().
[[nodiscard]] inline endpoints public_endpoints(market which) {
  switch (which) {
    case market::usdm: return {"wss://fstream.binance.com", "https://fapi.binance.com"};
    case market::coinm: return {"wss://dstream.binance.com", "https://dapi.binance.com"};
    default: return {"wss://stream.binance.com:9443", "https://data-api.binance.vision"};
  }
}

/// The paths of combined-stream connections; the one that serves books comes first. USD-M serves quotes, depth and
/// trades under /public, everything else under /market: on the wrong one a stream is acknowledged and silent.
[[nodiscard]] inline std::vector<std::string_view> paths_of(market which) {
  if (which == market::usdm) return {"/public/stream", "/market/stream"};
  return {"/stream"};
}

/// The place in paths_of() of the path that serves this stream.
[[nodiscard]] constexpr std::size_t route_of(market which, std::string_view stream) noexcept {
  if (which != market::usdm) return 0;
  const std::size_t at = stream.find('@');
  const std::string_view what = at == stream.npos ? stream.substr(stream.starts_with('!')) : stream.substr(at + 1);
  const bool is_public = what == "bookTicker" || stream.starts_with("!bookTicker") || what == "trade" ||
                         what.starts_with("depth") || what.starts_with("rpiDepth");
  return is_public ? 0 : 1;
}

/// The REST request for the book of one symbol, without its parameters.
[[nodiscard]] constexpr std::string_view depth_path_of(market which) noexcept {
  switch (which) {
    case market::usdm: return "/fapi/v1/depth";
    case market::coinm: return "/dapi/v1/depth";
    default: return "/api/v3/depth";
  }
}

/// The REST request for what is traded and by which rules, without parameters.
[[nodiscard]] constexpr std::string_view exchange_info_path_of(market which) noexcept {
  switch (which) {
    case market::usdm: return "/fapi/v1/exchangeInfo";
    case market::coinm: return "/dapi/v1/exchangeInfo";
    default: return "/api/v3/exchangeInfo";
  }
}

}  // namespace foxtrot::inline v0::binance
