// foxtrot/exchange/binance/connection_info.hpp: how a feed's connection stands.
#pragma once

#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/net/circuit_breaker.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace foxtrot::inline v0::binance {

/// A moment's view. Where a feed has several connections, of the one that is worst off; numbers are of all together.
struct connection_info {
  session_state state{session_state::disconnected};  ///< of WebSocket
  breaker_state breaker{breaker_state::closed};      ///< not closed: ticks are polled meanwhile
  std::size_t connections{0};                        ///< that there are now
  std::size_t polled_streams{0};                     ///< come by HTTP, by choice or as a fallback
  std::chrono::nanoseconds connected_for{0};         ///< all connections without a break; 0 where one is missing
  std::chrono::nanoseconds round_trip{0};            ///< of the last ping of ours that was answered; 0: none yet
  std::uint64_t connects{0};
  std::uint64_t disconnects{0};
  std::uint64_t failed_attempts{0};
  std::string endpoint;
};

namespace detail {

/// How two parts of a feed stand together. One without streams of its own says nothing of its connection.
[[nodiscard]] inline connection_info worse(const connection_info& a, const connection_info& b) {
  constexpr std::array order{session_state::disconnected, session_state::connected,    session_state::closing,
                             session_state::connecting,   session_state::reconnecting, session_state::error};
  const auto rank = [&order](session_state state) { return std::ranges::find(order, state) - order.begin(); };
  connection_info made = rank(a.state) < rank(b.state) ? b : a;
  if (a.state == b.state) made.connected_for = std::min(a.connected_for, b.connected_for);
  made.breaker = a.breaker == breaker_state::closed || b.breaker == breaker_state::open ? b.breaker : a.breaker;
  made.connections = a.connections + b.connections;
  made.polled_streams = a.polled_streams + b.polled_streams;
  return made;
}

}  // namespace detail

}  // namespace foxtrot::inline v0::binance
