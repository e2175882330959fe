// foxtrot/net/websocket/upgrade_request.hpp: what a client asks for, and how it is refused.
#pragma once

#include <foxtrot/net/http/fields.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace foxtrot::inline v0 {

/// What to ask a server for.
struct upgrade_request {
  std::string host{};
  std::uint16_t port{443};
  bool secure{true};  ///< decides whether the port is the default one, which Host leaves out
  std::string target{"/"};
  std::vector<http_field> headers{};        ///< besides those of the upgrade itself
  std::vector<std::string> subprotocols{};  ///< in order of preference
};

/// What the server said instead of 101.
struct upgrade_failure {
  int status{0};  ///< 0 where there was no valid status line
  std::optional<std::chrono::seconds> retry_after{};
};

}  // namespace foxtrot::inline v0
