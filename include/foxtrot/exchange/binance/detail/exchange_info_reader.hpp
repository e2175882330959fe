// foxtrot/exchange/binance/detail/exchange_info_reader.hpp: the body of GET exchangeInfo, taken apart.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/exchange_info_content.hpp>
#include <foxtrot/exchange/binance/detail/json_members.hpp>
#include <foxtrot/exchange/binance/detail/symbol_reader.hpp>
#include <foxtrot/exchange/binance/rate_limit.hpp>
#include <foxtrot/exchange/binance/symbol_rules.hpp>

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// One document, once. The kinds of members decide, not their order; what is not asked for is passed over unread.
class exchange_info_reader {
 public:
  /// errc::none, or why the whole of it is of no use; `into` is then half filled.
  [[nodiscard]] errc read(std::string_view body, exchange_info_content& into) {
    if (body.starts_with("\xEF\xBB\xBF")) return errc::malformed_message;  // RFC 8259, section 8.1
    const simdjson::padded_string text{body};
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    if (parser.iterate(text).get(document)) return errc::malformed_message;
    simdjson::ondemand::object all;
    if (const auto failed = document.get_object().get(all)) {
      return failed == simdjson::INCORRECT_TYPE ? errc::wrong_type : errc::malformed_message;
    }
    if (const errc bad = read_members(all, into); bad != errc::none) return bad;
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS ? errc::none : errc::malformed_message;
  }

 private:
  using json_type = simdjson::ondemand::json_type;

  static constexpr std::array<std::string_view, 1> names{"serverTime"};
  enum limit_key : std::size_t { limit_type, interval, interval_count, limit };
  static constexpr std::array<std::string_view, 4> limit_names{"rateLimitType", "interval", "intervalNum", "limit"};

  [[nodiscard]] errc read_members(simdjson::ondemand::object& object, exchange_info_content& into) {
    json_members<names.size()> members{names};
    bool has_limits = false;
    bool has_symbols = false;
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      const std::string_view name = name_of(member);
      json_value value = member.value();
      json_type type{};
      if (value.type().get(type)) return errc::malformed_message;
      errc bad = errc::none;
      if (name == "symbols") {
        bad = std::exchange(has_symbols, true) ? errc::malformed_message : read_symbols(value, type, into);
      } else if (name == "rateLimits") {
        bad = std::exchange(has_limits, true) ? errc::malformed_message : read_limits(value, type, into);
      } else if (!members.take(name, value, type)) {
        bad = errc::malformed_message;
      }
      if (bad != errc::none) return bad;
    }
    if (members.any_twice()) return errc::malformed_message;
    if (!has_symbols || !has_limits) return errc::missing_field;
    return members.number(0, into.server_time);
  }

  [[nodiscard]] errc read_symbols(json_value& value, json_type type, exchange_info_content& into) {
    if (type != json_type::array) return errc::wrong_type;
    simdjson::ondemand::array all;
    if (value.get_array().get(all)) return errc::malformed_message;
    for (auto next : all) {
      json_value one;
      if (std::move(next).get(one)) return errc::malformed_message;
      json_type is{};
      if (one.type().get(is)) return errc::malformed_message;
      errc bad = errc::wrong_type;
      symbol_rules found;
      if (is == json_type::object) {
        simdjson::ondemand::object object;
        if (one.get_object().get(object)) return errc::malformed_message;
        if (!symbols_.read(object, found, bad)) return errc::malformed_message;
      }
      if (bad == errc::none) {
        into.symbols.push_back(std::move(found));
      } else {
        into.rejected.push_back({std::move(found.name), bad});
      }
    }
    return errc::none;
  }

  [[nodiscard]] static errc read_limits(json_value& value, json_type type, exchange_info_content& into) {
    if (type != json_type::array) return errc::wrong_type;
    simdjson::ondemand::array all;
    if (value.get_array().get(all)) return errc::malformed_message;
    for (auto next : all) {
      json_value one;
      if (std::move(next).get(one)) return errc::malformed_message;
      json_type is{};
      if (one.type().get(is)) return errc::malformed_message;
      if (is != json_type::object) return errc::wrong_type;
      if (const errc bad = read_limit(one, into.rate_limits.emplace_back()); bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] static errc read_limit(json_value& value, rate_limit& into) {
    simdjson::ondemand::object object;
    if (value.get_object().get(object)) return errc::malformed_message;
    json_members<limit_names.size()> members{limit_names};
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      const std::string_view name = name_of(member);
      json_value inner = member.value();
      json_type type{};
      if (inner.type().get(type) || !members.take(name, inner, type)) return errc::malformed_message;
    }
    if (members.any_twice()) return errc::malformed_message;
    errc bad = errc::none;
    const auto read = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
    if (!(read(members.text(limit_type, into.type_text)) && read(members.text(interval, into.interval_text)) &&
          read(members.number(interval_count, into.interval_count)) && read(members.number(limit, into.limit)))) {
      return bad;
    }
    into.type = rate_limit_type_of(into.type_text);
    into.interval = rate_limit_interval_of(into.interval_text);
    return errc::none;
  }

  symbol_reader symbols_;
};

}  // namespace foxtrot::inline v0::binance::detail
