// foxtrot/feed/error_kind.hpp: errors sorted into the few kinds that are answered alike, by number and never by text.
#pragma once

#include <foxtrot/core/error.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

enum class error_kind : std::uint8_t {
  network,         ///< the connection was refused, cut, or never made
  tls,             ///< certificate or handshake
  timeout,         ///< a deadline of ours passed
  protocol,        ///< the peer broke the rules of HTTP, TLS or WebSocket
  authentication,  ///< we are not who we should be
  rate_limit,      ///< we asked for too much
  symbol,          ///< one stream or symbol is not to be had
  exchange,        ///< the venue has trouble of its own
  data,            ///< a message could not be understood
  unknown,
};
inline constexpr std::size_t error_kind_count = 10;

[[nodiscard]] constexpr std::string_view to_string(error_kind kind) noexcept {
  constexpr std::array<std::string_view, error_kind_count> names{
      "network", "tls", "timeout", "protocol", "authentication", "rate_limit", "symbol", "exchange", "data", "unknown"};
  return names[static_cast<std::size_t>(kind)];
}

/// Everything that is known of one failure. What is most specific decides its kind: the venue's number, then the close
/// code, then the HTTP status, then the code.
struct session_error {
  std::error_code code{};
  int http_status{0};
  std::uint16_t close_code{0};  ///< that a peer gave, RFC 6455 section 7.4
  std::int64_t venue_code{0};   ///< such as -1121
  std::optional<std::chrono::seconds> retry_after{};
};

/// Whose numbers a rule is about.
enum class error_origin : std::uint8_t {
  own,              ///< errc, TLS included
  system,           ///< errno
  http_status,      ///< RFC 9110 section 15
  websocket_close,  ///< RFC 6455 section 7.4.1 and its registry
  venue,            ///< the venue's own, a setting
};

/// Numbers `first` to `last` of that origin are of that kind.
struct error_rule {
  error_origin origin;
  std::int64_t first;
  std::int64_t last;
  error_kind kind;
};

namespace detail {

[[nodiscard]] constexpr error_rule own_rule(errc first, errc last, error_kind kind) noexcept {
  return {error_origin::own, static_cast<std::int64_t>(first), static_cast<std::int64_t>(last), kind};
}
[[nodiscard]] constexpr error_rule own_rule(errc only, error_kind kind) noexcept { return own_rule(only, only, kind); }
[[nodiscard]] constexpr error_rule system_rule(int number, error_kind kind) noexcept {
  return {error_origin::system, number, number, kind};
}

}  // namespace detail

/// What holds for every venue. The first rule that fits decides.
inline constexpr std::array default_error_rules{
    error_rule{error_origin::websocket_close, 1000, 1001, error_kind::network},
    error_rule{error_origin::websocket_close, 1002, 1003, error_kind::protocol},
    error_rule{error_origin::websocket_close, 1007, 1007, error_kind::protocol},
    error_rule{error_origin::websocket_close, 1008, 1008, error_kind::exchange},  // policy: most often we were too slow
    error_rule{error_origin::websocket_close, 1009, 1010, error_kind::protocol},
    error_rule{error_origin::websocket_close, 1011, 1011, error_kind::exchange},
    error_rule{error_origin::websocket_close, 1012, 1012, error_kind::network},  // it restarts
    error_rule{error_origin::websocket_close, 1013, 1014, error_kind::exchange},

    error_rule{error_origin::http_status, 401, 401, error_kind::authentication},
    error_rule{error_origin::http_status, 407, 407, error_kind::authentication},
    error_rule{error_origin::http_status, 408, 408, error_kind::timeout},
    error_rule{error_origin::http_status, 418, 418, error_kind::rate_limit},
    error_rule{error_origin::http_status, 429, 429, error_kind::rate_limit},
    error_rule{error_origin::http_status, 300, 599, error_kind::exchange},

    detail::own_rule(errc::timeout, error_kind::timeout),
    detail::own_rule(errc::closed, error_kind::network),
    detail::own_rule(errc::host_not_found, errc::resolve_failed, error_kind::network),
    detail::own_rule(errc::tls_truncated, error_kind::network),
    detail::own_rule(errc::tls_handshake_failed, errc::certificate_unreadable, error_kind::tls),
    detail::own_rule(errc::http_malformed, errc::http_body_too_large, error_kind::protocol),
    detail::own_rule(errc::http_truncated, error_kind::network),
    detail::own_rule(errc::http_rate_limited, errc::http_banned, error_kind::rate_limit),
    detail::own_rule(errc::http_forbidden, errc::websocket_upgrade_rejected, error_kind::exchange),
    detail::own_rule(errc::websocket_bad_accept, errc::websocket_too_many_fragments, error_kind::protocol),
    detail::own_rule(errc::websocket_closed_by_peer, error_kind::network),
    detail::own_rule(errc::heartbeat_lost, errc::data_silent, error_kind::timeout),
    detail::own_rule(errc::subscription_rejected, error_kind::symbol),
    detail::own_rule(errc::malformed_message, errc::bad_capture, error_kind::data),

    detail::system_rule(ETIMEDOUT, error_kind::timeout),
    detail::system_rule(ECONNREFUSED, error_kind::network),
    detail::system_rule(ECONNRESET, error_kind::network),
    detail::system_rule(ECONNABORTED, error_kind::network),
    detail::system_rule(EPIPE, error_kind::network),
    detail::system_rule(ENOTCONN, error_kind::network),
    detail::system_rule(EHOSTUNREACH, error_kind::network),
    detail::system_rule(EHOSTDOWN, error_kind::network),
    detail::system_rule(ENETUNREACH, error_kind::network),
    detail::system_rule(ENETDOWN, error_kind::network),
    detail::system_rule(ENETRESET, error_kind::network),
    detail::system_rule(EADDRNOTAVAIL, error_kind::network),
    detail::system_rule(EADDRINUSE, error_kind::network),
    detail::system_rule(ENOBUFS, error_kind::network),
    detail::system_rule(ENOMEM, error_kind::network),
    detail::system_rule(EMFILE, error_kind::network),
    detail::system_rule(ENFILE, error_kind::network),
    detail::system_rule(EAGAIN, error_kind::network),
};

namespace detail {

[[nodiscard]] constexpr std::optional<error_kind> find_kind(std::span<const error_rule> rules, error_origin origin,
                                                            std::int64_t number) noexcept {
  for (const error_rule& rule : rules) {
    if (rule.origin == origin && number >= rule.first && number <= rule.last) return rule.kind;
  }
  return std::nullopt;
}

[[nodiscard]] inline std::optional<error_kind> find_kind(std::span<const error_rule> rules,
                                                         const session_error& error) noexcept {
  if (error.venue_code != 0) {
    if (const auto kind = find_kind(rules, error_origin::venue, error.venue_code)) return kind;
  }
  if (error.close_code != 0) {
    if (const auto kind = find_kind(rules, error_origin::websocket_close, error.close_code)) return kind;
  }
  if (error.http_status != 0) {
    if (const auto kind = find_kind(rules, error_origin::http_status, error.http_status)) return kind;
  }
  const std::error_category& whose = error.code.category();
  const bool own = whose == make_error_code(errc::timeout).category();
  if (!own && whose != std::system_category() && whose != std::generic_category()) return std::nullopt;
  return find_kind(rules, own ? error_origin::own : error_origin::system, error.code.value());
}

}  // namespace detail

/// The kind by `rules` first, then by the default ones.
[[nodiscard]] inline error_kind kind_of(const session_error& error, std::span<const error_rule> rules = {}) noexcept {
  if (const auto kind = detail::find_kind(rules, error)) return *kind;
  return detail::find_kind(default_error_rules, error).value_or(error_kind::unknown);
}
[[nodiscard]] inline error_kind kind_of(std::error_code error) noexcept {
  return kind_of(session_error{.code = error});
}

}  // namespace foxtrot::inline v0
