// foxtrot/exchange/binance/error_codes.hpp: the venue's own numbers for what went wrong.
#pragma once

#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace foxtrot::inline v0::binance {

/// Source: errors.md and rest-api.md ("HTTP Return Codes") of binance-spot-api-docs. The small positive codes are the
/// WebSocket streams' answers to a request, web-socket-streams.md.
inline constexpr std::array error_rules{
    error_rule{error_origin::venue, 0, 4, error_kind::symbol},  // one request was refused
    error_rule{error_origin::venue, -1002, -1002, error_kind::authentication},
    error_rule{error_origin::venue, -1003, -1003, error_kind::rate_limit},
    error_rule{error_origin::venue, -1015, -1015, error_kind::rate_limit},
    error_rule{error_origin::venue, -1034, -1034, error_kind::rate_limit},
    error_rule{error_origin::venue, -1007, -1006, error_kind::exchange},
    error_rule{error_origin::venue, -1008, -1008, error_kind::exchange},
    error_rule{error_origin::venue, -1016, -1016, error_kind::exchange},
    error_rule{error_origin::venue, -1022, -1022, error_kind::authentication},
    error_rule{error_origin::venue, -1001, -1000, error_kind::exchange},
    error_rule{error_origin::venue, -1199, -1100, error_kind::symbol},  // "issues with the request", -1121 among them
    error_rule{error_origin::venue, -2015, -2014, error_kind::authentication},
    error_rule{error_origin::http_status, 403, 403, error_kind::rate_limit},  // the firewall's limit
};

/// How a session with this venue answers errors.
[[nodiscard]] inline error_handler_settings error_settings() {
  error_handler_settings made;
  made.rules.assign(error_rules.begin(), error_rules.end());
  return made;
}

/// The number in the body of a refusal, `{"code":-1121,"msg":"Invalid symbol."}`; 0 where there is none.
[[nodiscard]] constexpr std::int64_t venue_code_of(std::string_view body) noexcept {
  constexpr std::string_view key = "\"code\":";
  const std::size_t at = body.substr(0, 1024).find(key);
  if (at == body.npos) return 0;
  std::string_view digits = body.substr(at + key.size());
  while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  std::int64_t value = 0;
  for (std::size_t i = 0; i < digits.size() && digits[i] >= '0' && digits[i] <= '9'; ++i) {
    if (i == 9) return 0;
    value = value * 10 + (digits[i] - '0');
  }
  return negative ? -value : value;
}

}  // namespace foxtrot::inline v0::binance
