// foxtrot/exchange/binance/fields.hpp: the scalar fields of one JSON object, found by key whatever their order.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

using foxtrot::basic_decimal;
using foxtrot::decimal;
using foxtrot::errc;

/// The venue names its fields with one letter, most of them; the others that matter are listed.
enum class key : std::uint8_t {
  last_update_id = 64,
  previous_update_id,
  average_price,
  symbol,
  id,
  code,
  message,
  none = 255
};

[[nodiscard]] constexpr key letter(char c) noexcept { return static_cast<key>(c - 'A'); }

[[nodiscard]] constexpr key key_of(std::string_view name) noexcept {
  if (name.size() == 1) return name[0] >= 'A' && name[0] <= 'z' ? letter(name[0]) : key::none;
  if (name == "lastUpdateId") return key::last_update_id;
  if (name == "pu") return key::previous_update_id;
  if (name == "ap") return key::average_price;
  if (name == "symbol") return key::symbol;
  if (name == "id") return key::id;
  if (name == "code") return key::code;
  if (name == "msg") return key::message;
  return key::none;
}

/// The text of each field as it stands in the message, looked at only when a decoder asks. Every reader says what is
/// wrong: errc::missing_field, errc::wrong_type, errc::malformed_message, errc::number_out_of_range.
class fields {
 public:
  void clear() noexcept { present_ = {}; }

  /// A scalar of the message, without white space around it. A field may come once: what two mean is anybody's guess.
  [[nodiscard]] errc put(key which, std::string_view token) noexcept {
    if (which == key::none) return errc::none;
    if (has(which)) return errc::malformed_message;
    const auto at = static_cast<std::size_t>(which);
    present_[at / 64] |= std::uint64_t{1} << (at % 64);
    tokens_[at] = token;
    return errc::none;
  }

  [[nodiscard]] bool has(key which) const noexcept {
    const auto at = static_cast<std::size_t>(which);
    return (present_[at / 64] >> (at % 64) & 1) != 0;
  }
  /// Absent, null or an empty string: the venue's ways to say that there is none.
  [[nodiscard]] bool is_blank(key which) const noexcept {
    return !has(which) || at(which) == "null" || at(which) == "\"\"";
  }

  /// What stands between the quotes; text with escapes is not taken for anything.
  [[nodiscard]] errc text(key which, std::string_view& value) const noexcept {
    if (!has(which)) return errc::missing_field;
    const std::string_view token = at(which);
    if (token.size() < 2 || token.front() != '"') return errc::wrong_type;
    if (token.back() != '"' || token.find('\\') != std::string_view::npos) return errc::malformed_message;
    value = token.substr(1, token.size() - 2);
    return errc::none;
  }

  /// A price or quantity: a decimal in quotes, not negative.
  template <class Mantissa>
  [[nodiscard]] errc amount(key which, basic_decimal<Mantissa>& value) const noexcept {
    std::string_view digits;
    if (const errc bad = text(which, digits); bad != errc::none) return bad;
    return parse_amount(digits, value);
  }
  template <class Mantissa>
  [[nodiscard]] static errc parse_amount(std::string_view digits, basic_decimal<Mantissa>& value) noexcept {
    const errc bad = basic_decimal<Mantissa>::parse_into(digits, value);
    return bad == errc::none && value.mantissa() < 0 ? errc::number_out_of_range : bad;
  }
  /// The same for changes and rates, which may be negative.
  [[nodiscard]] errc signed_amount(key which, decimal& value) const noexcept {
    std::string_view digits;
    if (const errc bad = text(which, digits); bad != errc::none) return bad;
    return decimal::parse_into(digits, value);
  }

  [[nodiscard]] errc number(key which, std::uint64_t& value) const noexcept { return parse(which, value); }
  [[nodiscard]] errc number(key which, std::int64_t& value) const noexcept { return parse(which, value); }

  [[nodiscard]] errc boolean(key which, bool& value) const noexcept {
    if (!has(which)) return errc::missing_field;
    if (at(which) != "true" && at(which) != "false") return errc::wrong_type;
    value = at(which) == "true";
    return errc::none;
  }

  /// A time in microseconds since the epoch. The venue sends milliseconds unless asked for microseconds: today's
  /// milliseconds have 13 digits, its microseconds 16.
  [[nodiscard]] errc time_us(key which, std::int64_t& value) const noexcept {
    constexpr std::int64_t least_microseconds = 100'000'000'000'000;
    const errc bad = parse(which, value);
    if (bad != errc::none) return bad;
    if (value < 0) return errc::number_out_of_range;
    if (value < least_microseconds) value *= 1000;
    return errc::none;
  }
  /// Leaves the value as it is where the field is absent.
  [[nodiscard]] errc optional_time_us(key which, std::int64_t& value) const noexcept {
    return has(which) ? time_us(which, value) : errc::none;
  }

 private:
  [[nodiscard]] std::string_view at(key which) const noexcept { return tokens_[static_cast<std::size_t>(which)]; }

  template <class Integer>
  [[nodiscard]] errc parse(key which, Integer& value) const noexcept {
    if (!has(which)) return errc::missing_field;
    const std::string_view token = at(which);
    const auto [end, failed] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (failed == std::errc::result_out_of_range) return errc::number_out_of_range;
    return failed == std::errc{} && end == token.data() + token.size() ? errc::none : errc::wrong_type;
  }

  std::array<std::uint64_t, 2> present_{};
  std::array<std::string_view, 71> tokens_;  // only those that are present mean anything
};

}  // namespace foxtrot::inline v0::binance::detail
