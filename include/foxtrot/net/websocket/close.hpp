// foxtrot/net/websocket/close.hpp: close codes and what a close frame says, RFC 6455 sections 5.5.1 and 7.4.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/websocket/close_code.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/net/websocket/utf8.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

/// What a peer gave as the reason of its close.
struct close_info {
  close_code code{close_code::no_status};
  std::string reason{};
};

inline constexpr std::size_t max_close_reason = max_control_payload - 2;

/// Codes that may stand in a close frame: the registered ones, and 3000 to 4999 for libraries and applications.
[[nodiscard]] constexpr bool is_valid_close_code(unsigned code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/// Reads the payload of a close frame. Returns zero, errc::websocket_bad_close or errc::websocket_invalid_utf8.
[[nodiscard]] inline errc decode_close(std::string_view payload, close_info& info) {
  info = {};
  if (payload.empty()) return {};
  if (payload.size() == 1) return errc::websocket_bad_close;
  const auto code = static_cast<std::uint16_t>(detail::load_big_endian(payload.data(), 2));
  if (!is_valid_close_code(code)) return errc::websocket_bad_close;
  payload.remove_prefix(2);
  if (!is_valid_utf8(payload)) return errc::websocket_invalid_utf8;
  info.code = static_cast<close_code>(code);
  info.reason.assign(payload);
  return {};
}

/// The payload of a close frame; empty for close_code::no_status. A reason that is too long is cut between characters.
[[nodiscard]] inline std::string encode_close(close_code code, std::string_view reason = {}) {
  if (code == close_code::no_status) return {};
  if (reason.size() > max_close_reason) {
    std::size_t end = max_close_reason;
    while (end > 0 && (static_cast<std::uint8_t>(reason[end]) & 0xc0U) == 0x80U) --end;
    reason = reason.substr(0, end);
  }
  std::string payload(2, '\0');
  detail::store_big_endian(payload.data(), static_cast<std::uint64_t>(code), 2);
  return payload.append(reason);
}

/// What to tell the peer about its own violation: 1007, 1009 or 1002.
[[nodiscard]] inline close_code close_code_for(std::error_code error) noexcept {
  if (error == errc::websocket_invalid_utf8) return close_code::invalid_payload;
  if (error == errc::websocket_message_too_big || error == errc::websocket_too_many_fragments) {
    return close_code::message_too_big;
  }
  return close_code::protocol_error;
}

}  // namespace foxtrot::inline v0
