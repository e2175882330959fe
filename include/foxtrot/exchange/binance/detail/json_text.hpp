// foxtrot/exchange/binance/detail/json_text.hpp: whether a token of a message is JSON, for those that nobody decodes.
#pragma once

#include <cstddef>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

/// A number by RFC 8259 section 6: no leading zeros, no sign but minus, digits on both sides of a point.
[[nodiscard]] constexpr bool is_json_number(std::string_view text) noexcept {
  std::size_t at = 0;
  const auto digits = [&text, &at] {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole != 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

/// What stands between quotes, by RFC 8259 section 7. That no control character is among it, and that it is UTF-8, the
/// scanner has seen.
[[nodiscard]] constexpr bool has_json_escapes_only(std::string_view text) noexcept {
  constexpr std::string_view simple = "\"\\/bfnrt";
  constexpr std::string_view hexadecimal = "0123456789abcdefABCDEF";
  for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at)) {
    if (++at == text.size()) return false;
    if (text[at] != 'u') {
      if (simple.find(text[at++]) == std::string_view::npos) return false;
      continue;
    }
    if (text.size() - at < 5) return false;
    if (text.substr(at + 1, 4).find_first_not_of(hexadecimal) != std::string_view::npos) return false;
    at += 5;
  }
  return true;
}

/// A string, number, boolean or null, without white space around it.
[[nodiscard]] constexpr bool is_json_scalar(std::string_view token) noexcept {
  if (token.empty()) return false;
  if (token.front() == '"') {
    return token.size() > 1 && token.back() == '"' && has_json_escapes_only(token.substr(1, token.size() - 2));
  }
  return token == "true" || token == "false" || token == "null" || is_json_number(token);
}

/// Without the white space of RFC 8259 section 2 at its end.
[[nodiscard]] constexpr std::string_view without_space_behind(std::string_view token) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!token.empty() && is_space(token.back())) token.remove_suffix(1);
  return token;
}

}  // namespace foxtrot::inline v0::binance::detail
