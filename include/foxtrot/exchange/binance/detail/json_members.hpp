// foxtrot/exchange/binance/detail/json_members.hpp: the scalar members of one JSON object that somebody asked for.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0::binance::detail {

using json_value = simdjson::ondemand::value;

/// The name of a member as it stands in the document: one that is written with escapes is none we know.
[[nodiscard]] inline std::string_view name_of(simdjson::ondemand::field& member) noexcept {
  const char* const begin = member.key().raw();
  const char* end = begin;
  while (*end != '"') ++end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

/// Members by the place of their name in a list. Every reader says what is wrong: errc::missing_field,
/// errc::wrong_type, errc::malformed_message, errc::number_out_of_range. A null counts as absent.
template <std::size_t Count>
class json_members {
 public:
  explicit constexpr json_members(const std::array<std::string_view, Count>& names) noexcept : names_{names} {}

  /// Takes one scalar, if its name is on the list. False where this is no JSON, and nothing more can be read.
  [[nodiscard]] bool take(std::string_view name, json_value& value, simdjson::ondemand::json_type type) noexcept {
    using simdjson::ondemand::json_type;
    std::size_t at = 0;
    while (at < Count && names_[at] != name) ++at;
    if (at == Count) return true;
    member& into = members_[at];
    twice_ = twice_ || into.is != kind::absent;
    if (type == json_type::string) {
      into.is = value.get_string().get(into.text) ? kind::unreadable : kind::text;
      return true;
    }
    if (type == json_type::array || type == json_type::object) {
      into.is = kind::unreadable;
      return true;
    }
    std::string_view token = value.raw_json_token();
    while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
    into.text = token;
    if (type == json_type::number) {
      into.is = kind::number;
    } else if (type == json_type::boolean) {
      into.is = kind::boolean;
      return token == "true" || token == "false";
    } else {
      into.is = kind::null;
      return token == "null";
    }
    return true;
  }

  /// Whether a name came twice: what two mean is anybody's guess.
  [[nodiscard]] bool any_twice() const noexcept { return twice_; }
  [[nodiscard]] bool has(std::size_t at) const noexcept {
    return members_[at].is != kind::absent && members_[at].is != kind::null;
  }

  [[nodiscard]] errc text(std::size_t at, std::string& value) const {
    if (!has(at)) return errc::missing_field;
    if (members_[at].is != kind::text) return errc::wrong_type;
    value = members_[at].text;
    return errc::none;
  }
  /// A whole number, not negative.
  template <class Integer>
  [[nodiscard]] errc number(std::size_t at, Integer& value) const noexcept {
    if (!has(at)) return errc::missing_field;
    const std::string_view token = members_[at].text;
    if (members_[at].is != kind::number) return errc::wrong_type;
    std::uint64_t read = 0;
    if (token.starts_with('-')) return errc::number_out_of_range;
    const auto [end, failed] = std::from_chars(token.data(), token.data() + token.size(), read);
    if (failed == std::errc::result_out_of_range) return errc::number_out_of_range;
    if (failed != std::errc{} || end != token.data() + token.size()) return errc::wrong_type;
    if (read > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max())) return errc::number_out_of_range;
    value = static_cast<Integer>(read);
    return errc::none;
  }
  /// A decimal in quotes; none where it is absent or zero, which is how the venue says that there is no such limit.
  [[nodiscard]] errc limit(std::size_t at, std::optional<decimal>& value) const noexcept {
    value.reset();
    if (!has(at)) return errc::none;
    if (members_[at].is != kind::text) return errc::wrong_type;
    decimal read;
    if (const errc bad = decimal::parse_into(members_[at].text, read); bad != errc::none) return bad;
    if (read.mantissa() < 0) return errc::number_out_of_range;
    if (!read.is_zero()) value = read;
    return errc::none;
  }
  [[nodiscard]] errc boolean(std::size_t at, bool& value) const noexcept {
    if (!has(at)) return errc::missing_field;
    if (members_[at].is != kind::boolean) return errc::wrong_type;
    value = members_[at].text == "true";
    return errc::none;
  }

 private:
  enum class kind : std::uint8_t { absent, text, number, boolean, null, unreadable };
  struct member {
    kind is{kind::absent};
    std::string_view text;
  };

  const std::array<std::string_view, Count>& names_;
  std::array<member, Count> members_{};
  bool twice_{false};
};

}  // namespace foxtrot::inline v0::binance::detail
