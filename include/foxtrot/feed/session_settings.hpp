// foxtrot/feed/session_settings.hpp: how one WebSocket session connects, waits and gives up.
#pragma once

#include <foxtrot/feed/data_age_limits.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/net/backoff.hpp>
#include <foxtrot/net/circuit_breaker.hpp>
#include <foxtrot/net/connection_budget.hpp>
#include <foxtrot/net/websocket/settings.hpp>
#include <foxtrot/net/websocket/upgrade_request.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

/// Where a session stands.
enum class session_state : std::uint8_t { disconnected, connecting, connected, reconnecting, error, closing };

[[nodiscard]] constexpr std::string_view to_string(session_state now) noexcept {
  switch (now) {
    case session_state::disconnected: return "disconnected";
    case session_state::connecting: return "connecting";
    case session_state::connected: return "connected";
    case session_state::reconnecting: return "reconnecting";
    case session_state::error: return "error";
    case session_state::closing: return "closing";
  }
  return "?";
}

/// Told of each change of a session's state, and why it changed, zero where nothing failed.
using session_observer = std::function<void(session_state, std::error_code)>;

/// The defaults suit a busy public market stream.
struct session_settings {
  upgrade_request upgrade;         ///< host, port and path
  websocket_settings websocket{};  ///< frame limits, ping policy, time limits of the transport
  backoff_settings retry{};
  std::uint64_t max_attempts{0};                     ///< in a row without success; 0: no limit
  std::chrono::milliseconds answer_timeout{10'000};  ///< for the answer to a subscription
  std::chrono::milliseconds silence_limit{60'000};   ///< without a byte received, pings included
  std::chrono::milliseconds close_timeout{50};       ///< for the peer's part of a close
  std::chrono::milliseconds stable_after{2000};      ///< a connection that lived so long and had data was healthy
  /// Added to the receive times: a replay sets it so that they are those of the recording.
  std::chrono::nanoseconds clock_shift{0};
  data_age_limits ages{};  ///< how long streams may say nothing
  /// A ping of ours goes out so often, if the venue's message limit lets it; zero: never. Without its pong in time the
  /// connection is dead, whatever else it says.
  std::chrono::milliseconds ping_interval{30'000};
  std::chrono::milliseconds pong_timeout{10'000};
  std::uint32_t answer_attempts{3};  ///< how often a request is made that is not answered, before the connection ends
  /// Judges and counts errors; null: one of its own, with the default rules. May be shared.
  std::shared_ptr<websocket_error_handler> errors{};
  /// Shared by all sessions of the process with that place; null: no limit. Outlives the session.
  connection_budget* budget{nullptr};
  /// Decides whether an attempt may be made now, and learns how it went; null: the backoff alone. Outlives the session.
  circuit_breaker* breaker{nullptr};
  session_observer on_state{};  ///< on the network thread: must be quick, and not end the session
};

}  // namespace foxtrot::inline v0
