// foxtrot/net/http/request.hpp: a GET request, checked and written.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/net/url.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

struct http_get {
  std::string host{};
  std::uint16_t port{443};
  bool secure{true};  ///< decides whether the port is the default one, which Host leaves out
  std::string target{"/"};
  std::vector<http_field> headers{};  ///< besides Host, which is written here
};

namespace detail {

/// Fields that decide where a message goes or ends: a caller's list may not hold them.
[[nodiscard]] constexpr bool is_framing_field(std::string_view name) noexcept {
  return equal_ignoring_case(name, "Host") || equal_ignoring_case(name, "Content-Length") ||
         equal_ignoring_case(name, "Transfer-Encoding");
}

}  // namespace detail

/// The bytes of the request. errc::bad_argument for a host, target or header that could end its line, is no token where
/// one is due, or would set Host or a body: nothing reaches the wire then.
[[nodiscard]] inline result<std::string> encode_get(const http_get& request) {
  if (!is_valid_host(request.host) || request.port == 0 || !is_valid_target(request.target)) return errc::bad_argument;
  const bool headers_good = std::all_of(request.headers.begin(), request.headers.end(), [](const http_field& field) {
    return detail::is_http_token(field.name) && !detail::is_framing_field(field.name) &&
           detail::is_field_value(field.value);
  });
  if (!headers_good) return errc::bad_argument;

  std::string text = "GET " + request.target + " HTTP/1.1\r\nHost: ";
  text += host_header(request.host, request.port, request.secure);
  text += "\r\n";
  for (const http_field& field : request.headers) text += field.name + ": " + field.value + "\r\n";
  text += "\r\n";
  return text;
}

}  // namespace foxtrot::inline v0
