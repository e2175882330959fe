// foxtrot/exchange/binance/detail/json_text.hpp: whether a token of a message is JSON, for those that nobody decodes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

/// Whether a whole message is one JSON value with no more than 64 levels of nesting, read as plainly as can be.
class json_check {
 public:
  explicit constexpr json_check(std::string_view text) noexcept : text_{text} {}

  [[nodiscard]] constexpr bool passes() noexcept {
    while (true) {
      if (opens()) {
        if (depth_++ == most_nesting) return false;
        in_object_ = in_object_ << 1 | (text_[at_++] == '{' ? 1 : 0);
        if (!closes()) {
          if ((in_object_ & 1) != 0 && !takes_key()) return false;
          continue;
        }
      } else if (!takes_scalar()) {
        return false;
      }
      while (closes()) {
        ++at_, --depth_;
        in_object_ >>= 1;
      }
      skip_space();
      if (depth_ == 0) return at_ == text_.size();
      if (!takes(',') || ((in_object_ & 1) != 0 && !takes_key())) return false;
    }
  }

 private:
  static constexpr int most_nesting = 64;

  constexpr void skip_space() noexcept { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  [[nodiscard]] constexpr bool is_at(char c) noexcept {
    skip_space();
    return at_ < text_.size() && text_[at_] == c;
  }
  [[nodiscard]] constexpr bool opens() noexcept { return is_at('{') || is_at('['); }
  [[nodiscard]] constexpr bool closes() noexcept { return depth_ != 0 && is_at(in_object_ & 1 ? '}' : ']'); }
  [[nodiscard]] constexpr bool takes(char c) noexcept {
    if (!is_at(c)) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] constexpr bool takes_key() noexcept { return is_at('"') && takes_scalar() && takes(':'); }
  [[nodiscard]] constexpr bool takes_scalar() noexcept {
    const std::size_t begin = at_;
    if (is_at('"')) {
      const std::size_t first = at_++;
      while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
      if (at_ >= text_.size()) return false;
      ++at_;
      return is_json_scalar(text_.substr(first, at_ - first));
    }
    at_ = std::min(text_.find_first_of(",:]}[{\" \t\r\n", begin), text_.size());
    return is_json_scalar(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  std::size_t at_{0};
  std::uint64_t in_object_{0};  // by level, the innermost lowest
  int depth_{0};
};

static_assert(json_check{R"( {"a":[1,{"b":"\\u00e4"},[],{}],"c":null} )"}.passes());
static_assert(!json_check{R"({"a":})"}.passes() && !json_check{R"([{"a":1},{"b":}])"}.passes());
static_assert(!json_check{R"({"a"})"}.passes() && !json_check{"[1,]"}.passes() && !json_check{"[1]]"}.passes());
static_assert(!json_check{R"({"a":1,})"}.passes() && !json_check{"[}"}.passes() && !json_check{""}.passes());

}  // namespace foxtrot::inline v0::binance::detail
