// foxtrot/exchange/binance/detail/json_values.hpp: values of a message, with the checks that On-Demand leaves out.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/json_text.hpp>

#include <simdjson.h>

#include <cstddef>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0::binance::detail {

using json_object = simdjson::ondemand::object;
using json_array = simdjson::ondemand::array;
using json_value = simdjson::ondemand::value;
using json_type = simdjson::ondemand::json_type;

/// The name of a member as it stands in the message. Names with escapes are no known ones.
[[nodiscard]] inline errc read_name(simdjson::ondemand::field& member, std::string_view& name) noexcept {
  const char* const begin = member.key().raw();
  const char* end = begin;
  while (*end != '"') end += *end == '\\' ? 2 : 1;  // simdjson has seen the closing quote
  name = {begin, static_cast<std::size_t>(end - begin)};
  return has_json_escapes_only(name) ? errc::none : errc::malformed_message;
}

/// A string, with its quotes, number, boolean or null.
[[nodiscard]] inline errc read_scalar(json_value& value, std::string_view& token) {
  token = without_space_behind(value.raw_json_token());
  if (!is_json_scalar(token)) return errc::malformed_message;
  // On-Demand takes a string that nobody has read for a key, if a colon follows it.
  simdjson::ondemand::raw_json_string taken;
  if (token.front() == '"' && value.get_raw_json_string().get(taken)) return errc::malformed_message;
  return errc::none;
}

/// What nobody asks for: On-Demand passes over it without a look.
[[nodiscard]] inline errc check_value(json_value& value, int most_nesting = 32) {
  json_type type{};
  if (value.type().get(type) || most_nesting == 0) return errc::malformed_message;
  if (type == json_type::array) {
    json_array list;
    if (value.get_array().get(list)) return errc::malformed_message;
    for (auto next : list) {
      json_value each;
      if (std::move(next).get(each)) return errc::malformed_message;
      if (const errc bad = check_value(each, most_nesting - 1); bad != errc::none) return bad;
    }
    return errc::none;
  }
  std::string_view text;
  if (type != json_type::object) return read_scalar(value, text);
  json_object members;
  if (value.get_object().get(members)) return errc::malformed_message;
  for (auto next : members) {
    simdjson::ondemand::field member;
    if (std::move(next).get(member)) return errc::malformed_message;
    json_value each = member.value();
    if (const errc bad = read_name(member, text); bad != errc::none) return bad;
    if (const errc bad = check_value(each, most_nesting - 1); bad != errc::none) return bad;
  }
  return errc::none;
}

}  // namespace foxtrot::inline v0::binance::detail
