// foxtrot/feed/error_kind.hpp: errors sorted into the few kinds that a person counts.
#pragma once

#include <foxtrot/core/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

enum class error_kind : std::uint8_t { network, tls, timeout, rate_limit, protocol, venue, data, other };
inline constexpr std::size_t error_kind_count = 8;

[[nodiscard]] constexpr std::string_view to_string(error_kind kind) noexcept {
  constexpr std::array<std::string_view, error_kind_count> names{"network",  "tls",   "timeout", "rate_limit",
                                                                 "protocol", "venue", "data",    "other"};
  return names[static_cast<std::size_t>(kind)];
}

/// By code and condition, never by text.
[[nodiscard]] inline error_kind kind_of(std::error_code error) noexcept {
  if (error == condition::tls_failure) return error_kind::tls;
  if (error == condition::timeout) return error_kind::timeout;
  if (error == errc::http_rate_limited || error == errc::http_banned) return error_kind::rate_limit;
  if (error == condition::protocol_violation) return error_kind::protocol;
  if (error == condition::bad_data) return error_kind::data;
  if (error.category() == make_error_code(errc::timeout).category()) {
    switch (static_cast<errc>(error.value())) {
      case errc::closed:
      case errc::host_not_found:
      case errc::resolve_failed:
      case errc::tls_truncated:
      case errc::http_truncated:
      case errc::websocket_closed_by_peer: return error_kind::network;
      case errc::http_forbidden:
      case errc::http_client_error:
      case errc::http_server_error:
      case errc::http_unexpected_status:
      case errc::websocket_upgrade_rejected:
      case errc::subscription_rejected: return error_kind::venue;
      default: return error_kind::other;
    }
  }
  return error == condition::transient ? error_kind::network : error_kind::other;
}

}  // namespace foxtrot::inline v0
