// foxtrot/net/http/status.hpp: status lines and what a status means to us.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/url.hpp>

#include <optional>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

struct http_status_line {
  int minor_version{1};  ///< of HTTP/1
  int status{0};
};

/// Reads "HTTP/1.1 200 OK"; the reason is optional and ignored.
[[nodiscard]] constexpr std::optional<http_status_line> parse_status_line(std::string_view line) noexcept {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
      (line.size() > 12 && line[12] != ' ')) {
    return std::nullopt;
  }
  int status = 0;
  for (const char c : line.substr(9, 3)) {
    if (!detail::is_digit(c)) return std::nullopt;
    status = status * 10 + (c - '0');
  }
  if (status < 100 || status > 599) return std::nullopt;
  return http_status_line{line[7] - '0', status};
}

/// The class of a status: zero for 2xx, `otherwise` for what is neither 2xx, 4xx nor 5xx.
[[nodiscard]] inline std::error_code error_of_status(int status,
                                                     errc otherwise = errc::http_unexpected_status) noexcept {
  if (status >= 200 && status < 300) return {};
  if (status == 429) return errc::http_rate_limited;
  if (status == 418) return errc::http_banned;
  if (status == 403) return errc::http_forbidden;
  if (status >= 400 && status < 500) return errc::http_client_error;
  if (status >= 500 && status < 600) return errc::http_server_error;
  return otherwise;
}

}  // namespace foxtrot::inline v0
