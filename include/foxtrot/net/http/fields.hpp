// foxtrot/net/http/fields.hpp: header fields of an HTTP message, names without regard to case.
#pragma once

#include <foxtrot/net/url.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

struct http_field {
  std::string name;
  std::string value;
};

namespace detail {

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// RFC 9110 section 5.6.2: field names, methods, subprotocols.
[[nodiscard]] constexpr bool is_http_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}

/// No control characters but the tab: such a value can end neither its line nor the head.
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

/// A whole decimal number; what does not fit becomes the largest one, so that limits and delays still hold.
[[nodiscard]] constexpr std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (most - digit) / 10 ? most : value * 10 + digit;
  }
  return value;
}

}  // namespace detail

/// Fields in the order of the message. A plain value; the views it returns live as long as it is not changed.
class http_fields {
 public:
  http_fields() = default;
  explicit http_fields(std::vector<http_field> fields) : fields_{std::move(fields)} {}

  void add(std::string_view name, std::string_view value) {
    fields_.push_back({std::string{name}, std::string{value}});
  }
  void clear() noexcept { fields_.clear(); }

  /// The first field of this name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (const http_field& field : fields_) {
      if (detail::equal_ignoring_case(field.name, name)) return field.value;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::size_t count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(), [name](const http_field& field) {
      return detail::equal_ignoring_case(field.name, name);
    }));
  }

  /// True where one of the comma-separated lists under this name holds the token, without regard to case.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const noexcept {
    return std::any_of(fields_.begin(), fields_.end(), [&](const http_field& field) {
      return detail::equal_ignoring_case(field.name, name) && list_holds(field.value, token);
    });
  }

  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }

 private:
  [[nodiscard]] static bool list_holds(std::string_view list, std::string_view token) noexcept {
    while (true) {
      const std::size_t comma = list.find(',');
      if (detail::equal_ignoring_case(detail::trim(list.substr(0, comma)), token)) return true;
      if (comma == list.npos) return false;
      list.remove_prefix(comma + 1);
    }
  }

  std::vector<http_field> fields_;
};

/// Retry-After in seconds, at most 68 years so that it can be added to any time. The form with a date is ignored: it
/// would need the wall clock.
[[nodiscard]] inline std::optional<std::chrono::seconds> retry_after(const http_fields& fields) noexcept {
  const auto text = fields.find("Retry-After");
  const auto value = text ? detail::parse_decimal(*text) : std::nullopt;
  if (!value) return std::nullopt;
  constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
  return std::chrono::seconds{static_cast<std::int64_t>(std::min(*value, most))};
}

}  // namespace foxtrot::inline v0
