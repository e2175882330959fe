// foxtrot/net/websocket/server_handshake.hpp: the server's side of the upgrade, RFC 6455 section 4.2.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/net/http/request_parser.hpp>
#include <foxtrot/net/http/response.hpp>
#include <foxtrot/net/websocket/handshake_key.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// True where the request asks for a WebSocket at all; `accept_upgrade` then says whether it asks properly.
[[nodiscard]] inline bool is_upgrade(const http_request& request) noexcept {
  return request.headers.has_token("Upgrade", "websocket");
}

/// The 101 that answers the request, with one of its subprotocols if one is named. errc::websocket_bad_upgrade where
/// the request is no proper upgrade, errc::bad_argument where the subprotocol was not offered.
[[nodiscard]] inline result<std::string> accept_upgrade(const http_request& request,
                                                        std::string_view subprotocol = {}) {
  const http_fields& got = request.headers;
  const std::string_view key = got.find("Sec-WebSocket-Key").value_or(std::string_view{});
  if (request.method != "GET" || !is_upgrade(request) || !got.has_token("Connection", "Upgrade") ||
      got.count("Sec-WebSocket-Key") != 1 || key.size() != 24 || !key.ends_with("==") ||
      got.find("Sec-WebSocket-Version") != "13") {
    return errc::websocket_bad_upgrade;
  }
  if (!subprotocol.empty() && !got.has_token("Sec-WebSocket-Protocol", subprotocol)) return errc::bad_argument;

  std::vector<http_field> headers{
      {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", websocket_accept(key)}};
  if (!subprotocol.empty()) headers.push_back({"Sec-WebSocket-Protocol", std::string{subprotocol}});
  return encode_response(101, "Switching Protocols", {}, headers);
}

}  // namespace foxtrot::inline v0
