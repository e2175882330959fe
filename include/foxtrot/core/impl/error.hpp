// foxtrot/core/impl/error.hpp: what error.hpp declares.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/immortal.hpp>

#include <cerrno>
#include <string>
#include <system_error>

namespace foxtrot::inline v0::detail {

/// One line for a person; nullptr for a number that is no errc.
[[nodiscard]] constexpr const char* message_of(errc code) noexcept {
  switch (code) {
    case errc::none: return "no error";
    case errc::timeout: return "the deadline passed";
    case errc::cancelled: return "cancelled";
    case errc::closed: return "already closed";
    case errc::would_block: return "nothing to do without waiting";
    case errc::bad_argument: return "bad argument";
    case errc::bad_url: return "not a valid ws, wss, http or https URL";
    case errc::bad_placement: return "no such CPU, name or priority for a thread";
    case errc::not_permitted: return "the operating system does not permit it";
    case errc::host_not_found: return "host name not found";
    case errc::resolve_failed: return "name resolution failed";
    case errc::tls_handshake_failed: return "TLS handshake failed";
    case errc::tls_protocol_error: return "TLS protocol error";
    case errc::tls_truncated: return "connection cut without a TLS close";
    case errc::certificate_host_mismatch: return "the certificate is for another host name";
    case errc::certificate_unknown_authority: return "the certificate is not signed by a trusted authority";
    case errc::certificate_expired: return "the certificate has expired";
    case errc::certificate_not_yet_valid: return "the certificate is not valid yet";
    case errc::certificate_rejected: return "the certificate was rejected";
    case errc::certificate_unreadable: return "a certificate or key could not be read";
    case errc::http_malformed: return "malformed HTTP response";
    case errc::http_header_too_large: return "HTTP header too large";
    case errc::http_body_too_large: return "HTTP body too large";
    case errc::http_truncated: return "HTTP response cut short";
    case errc::http_rate_limited: return "rate limited by the server (429)";
    case errc::http_banned: return "banned by the server (418)";
    case errc::http_forbidden: return "forbidden by the server (403)";
    case errc::http_client_error: return "the server refused the request (4xx)";
    case errc::http_server_error: return "the server failed (5xx)";
    case errc::http_unexpected_status: return "unexpected HTTP status";
    case errc::websocket_upgrade_rejected: return "the server did not switch to WebSocket";
    case errc::websocket_bad_accept: return "wrong Sec-WebSocket-Accept";
    case errc::websocket_bad_upgrade: return "malformed WebSocket upgrade";
    case errc::websocket_unrequested_extension: return "WebSocket extension or subprotocol that was not requested";
    case errc::websocket_reserved_bits: return "reserved bit set in a WebSocket frame";
    case errc::websocket_bad_opcode: return "unknown WebSocket opcode";
    case errc::websocket_masked_frame: return "masked WebSocket frame from a server";
    case errc::websocket_unmasked_frame: return "unmasked WebSocket frame from a client";
    case errc::websocket_bad_length: return "WebSocket frame length not minimal or too large";
    case errc::websocket_bad_control_frame: return "WebSocket control frame fragmented or longer than 125 bytes";
    case errc::websocket_unexpected_continuation: return "WebSocket continuation without a message";
    case errc::websocket_expected_continuation: return "new WebSocket message inside a fragmented one";
    case errc::websocket_invalid_utf8: return "WebSocket text is not valid UTF-8";
    case errc::websocket_bad_close: return "malformed WebSocket close";
    case errc::websocket_message_too_big: return "WebSocket message over the limit";
    case errc::websocket_too_many_fragments: return "WebSocket message in too many fragments";
    case errc::websocket_closed_by_peer: return "closed by the server";
    case errc::heartbeat_lost: return "no answer to a ping";
    case errc::data_silent: return "no data within the limit";
    case errc::subscription_rejected: return "subscription rejected";
    case errc::attempts_exhausted: return "no connection attempts left";
    case errc::malformed_message: return "malformed message";
    case errc::missing_field: return "field missing in a message";
    case errc::wrong_type: return "field of the wrong type in a message";
    case errc::number_out_of_range: return "number out of range";
    case errc::unknown_event: return "unknown event";
    case errc::bad_capture: return "not a capture file";
    case errc::symbol_table_full: return "no room for another symbol";
    case errc::no_gzip_support: return "compressed with gzip, and built without zlib";
  }
  return nullptr;
}

class [[gnu::visibility("default")]] error_category;

class error_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "foxtrot"; }
  [[nodiscard]] std::string message(int value) const override {
    const char* text = message_of(static_cast<errc>(value));
    return text != nullptr ? text : "unknown foxtrot error " + std::to_string(value);
  }
};

[[nodiscard]] constexpr bool is_transient(errc code) noexcept {
  switch (code) {
    case errc::timeout:
    case errc::resolve_failed:
    case errc::host_not_found:
    case errc::tls_truncated:
    case errc::http_truncated:
    case errc::http_rate_limited:
    case errc::http_server_error:
    case errc::websocket_closed_by_peer:
    case errc::heartbeat_lost:
    case errc::data_silent: return true;
    default: return false;
  }
}

[[nodiscard]] constexpr bool is_transient_errno(int value) noexcept {
  switch (value) {
    case ECONNRESET:
    case ECONNREFUSED:
    case ECONNABORTED:
    case EPIPE:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case ENOBUFS:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EADDRNOTAVAIL:
    case EAGAIN: return true;
    default: return false;
  }
}

[[nodiscard]] constexpr bool in_range(errc code, errc first, errc last) noexcept {
  return code >= first && code <= last;
}

class [[gnu::visibility("default")]] condition_category;

class condition_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "foxtrot.condition"; }

  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<condition>(value)) {
      case condition::transient: return "transient";
      case condition::protocol_violation: return "protocol violation";
      case condition::tls_failure: return "TLS failure";
      case condition::timeout: return "timeout";
      case condition::cancelled: return "cancelled";
      case condition::bad_data: return "bad data";
    }
    return "unknown foxtrot condition " + std::to_string(value);
  }

  [[nodiscard]] bool equivalent(const std::error_code& code, int value) const noexcept override;
};

FOXTROT_DECL const std::error_category& category() noexcept { return immortal<error_category>(); }

FOXTROT_DECL const std::error_category& conditions() noexcept { return immortal<condition_category>(); }

inline bool condition_category::equivalent(const std::error_code& code, int value) const noexcept {
  const auto wanted = static_cast<condition>(value);
  if (code.category() == category()) {
    const auto own = static_cast<errc>(code.value());
    switch (wanted) {
      case condition::transient: return is_transient(own);
      case condition::protocol_violation:
        return own == errc::tls_protocol_error || own == errc::http_malformed || own == errc::http_header_too_large ||
               in_range(own, errc::websocket_bad_accept, errc::websocket_too_many_fragments);
      case condition::tls_failure:
        // a cut connection is the network's fault, whatever was cut
        return in_range(own, errc::tls_handshake_failed, errc::certificate_unreadable) && own != errc::tls_truncated;
      case condition::timeout: return own == errc::timeout || own == errc::heartbeat_lost || own == errc::data_silent;
      case condition::cancelled: return own == errc::cancelled;
      case condition::bad_data: return in_range(own, errc::malformed_message, errc::bad_capture);
    }
    return false;
  }
  if (code.category() == std::system_category() || code.category() == std::generic_category()) {
    switch (wanted) {
      case condition::transient: return is_transient_errno(code.value());
      case condition::timeout: return code.value() == ETIMEDOUT;
      case condition::cancelled: return code.value() == ECANCELED;
      default: return false;
    }
  }
  return false;
}

}  // namespace foxtrot::inline v0::detail
