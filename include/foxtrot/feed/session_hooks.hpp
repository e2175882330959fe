// foxtrot/feed/session_hooks.hpp: what a session tells its owner.
#pragma once

#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/net/circuit_breaker.hpp>

#include <functional>
#include <string>
#include <vector>

namespace foxtrot::inline v0 {

/// Told of streams that the venue has just confirmed.
using confirmation_handler = std::function<void(const std::vector<std::string>&)>;

/// Called on the loop, where nothing is being published; none of them may destroy the session.
struct session_hooks {
  std::function<void()> on_connected{[] {}};              ///< after each `connected`
  confirmation_handler on_confirmed{[](const auto&) {}};  ///< after each answer, with the streams that it confirmed
  session_observer on_state{[](auto, auto) {}};           ///< after each change of the state
  std::function<void(breaker_state)> on_breaker{[](auto) {}};  ///< after each change of the breaker's made here
  std::function<void()> on_shutdown{[] {}};                    ///< the venue has announced the end of this connection
};

}  // namespace foxtrot::inline v0
