// foxtrot/core/error.hpp: every error foxtrot reports itself, in one category, grouped by conditions.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>

#include <system_error>
#include <type_traits>

namespace foxtrot::inline v0 {

/// What went wrong. Errors of the operating system keep their own codes (std::system_category()) and take part in the
/// conditions below, so a caller never has to know which of the two it holds.
enum class errc : int {
  none = 0,  ///< no error
  // waiting
  timeout = 1,
  cancelled,
  closed,
  would_block,
  // arguments
  bad_argument,
  bad_url,
  bad_placement,
  not_permitted,
  // names and addresses
  host_not_found,
  resolve_failed,
  // TLS
  tls_handshake_failed,
  tls_protocol_error,
  tls_truncated,
  certificate_host_mismatch,
  certificate_unknown_authority,
  certificate_expired,
  certificate_not_yet_valid,
  certificate_rejected,
  certificate_unreadable,
  // HTTP
  http_malformed,
  http_header_too_large,
  http_body_too_large,
  http_truncated,
  http_rate_limited,
  http_banned,
  http_forbidden,
  http_client_error,
  http_server_error,
  http_unexpected_status,
  // WebSocket upgrade, RFC 6455 section 4
  websocket_upgrade_rejected,
  websocket_bad_accept,
  websocket_bad_upgrade,
  websocket_unrequested_extension,
  // WebSocket frames, RFC 6455 sections 5 to 8
  websocket_reserved_bits,
  websocket_bad_opcode,
  websocket_masked_frame,
  websocket_unmasked_frame,
  websocket_bad_length,
  websocket_bad_control_frame,
  websocket_unexpected_continuation,
  websocket_expected_continuation,
  websocket_invalid_utf8,
  websocket_bad_close,
  websocket_message_too_big,
  websocket_too_many_fragments,
  websocket_closed_by_peer,
  // sessions
  heartbeat_lost,
  data_silent,
  subscription_rejected,
  attempts_exhausted,
  // data
  malformed_message,
  missing_field,
  wrong_type,
  number_out_of_range,
  unknown_event,
  bad_capture,
  symbol_table_full,
  no_gzip_support,
};

/// Groups of errors: compare a std::error_code with one of these to decide what to do next.
enum class condition : int {
  transient = 1,       ///< trying again later may help
  protocol_violation,  ///< the peer broke TLS, HTTP or WebSocket rules
  tls_failure,         ///< no secure connection: certificate or handshake
  timeout,             ///< a deadline of ours passed
  cancelled,           ///< we asked for it to stop
  bad_data,            ///< a message could not be understood
};

}  // namespace foxtrot::inline v0

template <>
struct std::is_error_code_enum<foxtrot::errc> : std::true_type {};
template <>
struct std::is_error_condition_enum<foxtrot::condition> : std::true_type {};

namespace foxtrot::inline v0 {
namespace detail {

// Categories compare by address: there is one of each in a process.
[[gnu::visibility("default")]] [[nodiscard]] const std::error_category& category() noexcept;
[[gnu::visibility("default")]] [[nodiscard]] const std::error_category& conditions() noexcept;

}  // namespace detail

/// Found by argument-dependent look-up, so that `std::error_code ec = errc::timeout;` works.
[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), detail::category()};
}

/// Makes `ec == condition::transient` work.
[[nodiscard]] inline std::error_condition make_error_condition(condition group) noexcept {
  return {static_cast<int>(group), detail::conditions()};
}

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/core/impl/error.hpp>
#endif
