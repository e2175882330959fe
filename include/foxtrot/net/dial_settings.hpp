// foxtrot/net/dial_settings.hpp: how a connection is made, and how long each step of it may take.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/tcp_settings.hpp>

#include <asio/ip/basic_endpoint.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

namespace asio::ip {
class tcp;  // all of <asio/ip/tcp.hpp> takes a second to compile, and only an address is needed
}

namespace foxtrot::inline v0 {

using endpoint = asio::ip::basic_endpoint<asio::ip::tcp>;  ///< asio::ip::tcp::endpoint
using endpoints = std::vector<endpoint>;

/// Turns a name into addresses and may block for as long as it likes. A seam: tests give one that fails or never
/// returns.
using lookup_function = std::function<result<endpoints>(const std::string& host, std::uint16_t port)>;

/// What the system is taken to say before each connection to an address; an error is the attempt's. A seam: tests give
/// one that fails as a system does that has no buffers or no descriptors left.
using connect_check = std::function<std::error_code(const endpoint& where)>;

struct dial_settings {
  std::chrono::milliseconds resolve_timeout{10'000};
  std::chrono::milliseconds connect_timeout{10'000};    ///< for each address
  std::chrono::milliseconds handshake_timeout{10'000};  ///< TLS, for each address
  steady_time give_up{steady_time::max()};              ///< errc::timeout then, whatever is under way
  endpoints addresses;                                  ///< tried instead of looking the host up, if any
  lookup_function lookup{};        ///< none: the system's, system_lookup(), or c-ares where it is built in
  connect_check before_connect{};  ///< none: only the system itself is asked
  tcp_settings socket;
};

}  // namespace foxtrot::inline v0
