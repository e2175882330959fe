// foxtrot/net/url.hpp: ws, wss, http and https URLs, checked before anything is resolved or sent.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace foxtrot::inline v0 {
namespace detail {

[[nodiscard]] constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

[[nodiscard]] constexpr bool is_alphanumeric(char c) noexcept {
  return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

[[nodiscard]] inline bool is_ip6_address(std::string_view host) noexcept {
  char text[INET6_ADDRSTRLEN]{};
  if (host.size() >= sizeof text || host.find('\0') != host.npos) return false;
  std::copy(host.begin(), host.end(), text);
  in6_addr address{};
  return inet_pton(AF_INET6, text, &address) == 1;
}

[[nodiscard]] constexpr bool is_dns_name(std::string_view host) noexcept {
  if (host.empty() || host.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else {
      // the underscore is no part of a host name, but real service names carry it
      if (!is_alphanumeric(c) && c != '-' && c != '_') return false;
      if (++label > 63) return false;
    }
  }
  return label != 0;  // no root dot: neither SNI nor a certificate carries one
}

[[nodiscard]] constexpr bool is_visible_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace detail

/// True for a DNS name, a dotted IPv4 address or a bare IPv6 address (without brackets). Nothing in it can end a header
/// line or a request line.
[[nodiscard]] inline bool is_valid_host(std::string_view host) noexcept {
  return detail::is_dns_name(host) || detail::is_ip6_address(host);
}

/// True for what may stand between method and version of a request line: a path that starts with '/', perhaps a query,
/// in visible ASCII, without a fragment.
[[nodiscard]] constexpr bool is_valid_target(std::string_view target) noexcept {
  return target.starts_with('/') && detail::is_visible_ascii(target) && target.find('#') == target.npos;
}

/// The value of a Host header: IPv6 in brackets, the port only where it is not the scheme's own.
[[nodiscard]] inline std::string host_header(std::string_view host, std::uint16_t port, bool secure) {
  std::string value{host};
  if (host.find(':') != host.npos) value = "[" + value + "]";
  if (port != (secure ? 443 : 80)) value += ":" + std::to_string(port);
  return value;
}

/// Where to connect and what to ask for. The host is in lower case and without brackets.
struct url {
  bool secure{true};  ///< wss or https
  std::string host{};
  std::uint16_t port{443};
  std::string target{"/"};  ///< path and query, never empty

  /// errc::bad_url for another scheme, userinfo, a fragment, a bad host or port, and for any byte that is not visible
  /// ASCII (CR, LF, NUL and space among them).
  [[nodiscard]] static result<url> parse(std::string_view text) {
    url out;
    const std::size_t scheme_end = text.find("://");
    if (scheme_end == text.npos) return errc::bad_url;
    const std::optional<bool> secure = scheme_of(text.substr(0, scheme_end));
    if (!secure) return errc::bad_url;
    out.secure = *secure;
    out.port = out.secure ? 443 : 80;

    text.remove_prefix(scheme_end + 3);
    const std::size_t authority_end = std::min(text.find_first_of("/?#"), text.size());
    if (!out.read_authority(text.substr(0, authority_end))) return errc::bad_url;
    const std::string_view rest = text.substr(authority_end);
    if (!rest.empty()) out.target = rest.front() == '/' ? std::string{rest} : "/" + std::string{rest};
    if (!is_valid_target(out.target)) return errc::bad_url;
    return out;
  }

 private:
  [[nodiscard]] static std::optional<bool> scheme_of(std::string_view text) noexcept {
    const auto is = [text](std::string_view name) {
      return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                        [](char a, char b) { return detail::ascii_lower(a) == b; });
    };
    if (is("wss") || is("https")) return true;
    if (is("ws") || is("http")) return false;
    return std::nullopt;
  }

  [[nodiscard]] bool read_authority(std::string_view text) {
    std::string_view name;
    if (text.starts_with('[')) {
      const std::size_t end = text.find(']');
      if (end == text.npos) return false;
      name = text.substr(1, end - 1);
      if (!detail::is_ip6_address(name)) return false;
      text.remove_prefix(end + 1);
    } else {
      name = text.substr(0, text.find(':'));
      if (!detail::is_dns_name(name)) return false;  // '@' fails here, so userinfo never passes
      text.remove_prefix(name.size());
    }
    host.assign(name);
    std::transform(host.begin(), host.end(), host.begin(), detail::ascii_lower);
    return text.empty() || (text.front() == ':' && read_port(text.substr(1)));
  }

  [[nodiscard]] bool read_port(std::string_view text) noexcept {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    return error == std::errc{} && stop == end && port != 0;
  }
};

}  // namespace foxtrot::inline v0
