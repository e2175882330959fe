// foxtrot/exchange/binance/detail/rest_scanner.hpp: one pass over the body of a REST answer, element by element.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/json_text.hpp>
#include <foxtrot/exchange/binance/detail/json_values.hpp>
#include <foxtrot/exchange/binance/detail/rest_names.hpp>
#include <foxtrot/exchange/binance/fields.hpp>

#include <simdjson.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0::binance::detail {

/// What a body consists of.
enum class rest_shape : std::uint8_t {
  object,          ///< one
  list,            ///< of objects
  object_or_list,  ///< one where one symbol was asked for, else a list of them
  rows             ///< a list of lists
};

/// What is done with an element: its fields, and whether it is the last one.
template <class Each>
concept rest_element_handler = requires(Each each, fields& element) {
  { each(element, true) } -> std::same_as<errc>;
};

/// Takes a body apart without deciding what it means. Nothing is told of a body that is not JSON as a whole. An element
/// that cannot be read does not hide those after it. One thread; allocates nothing once it has seen the largest body.
class rest_scanner {
 public:
  /// Calls `each` with the fields of every element that has none of the wrong type, in the body's order. Returns the
  /// first error, of an element or of `each`. 64 readable bytes must follow the body.
  template <rest_element_handler Each>
  [[nodiscard]] errc scan(std::string_view body, rest_shape shape, std::span<const rest_name> names, Each&& each) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    names_ = names;
    if (body.starts_with(byte_order_mark)) return errc::malformed_message;  // RFC 8259 section 8.1
    simdjson::ondemand::document document;
    if (parser_.iterate(body.data(), body.size(), body.size() + simdjson::SIMDJSON_PADDING).get(document)) {
      return errc::malformed_message;
    }
    // On-Demand looks only at what is asked for: afterwards it cannot go astray.
    if (!json_check{body}.passes()) return errc::malformed_message;
    json_type type{};
    if (document.type().get(type)) return errc::malformed_message;
    const bool may_be_object = shape == rest_shape::object || shape == rest_shape::object_or_list;
    if (type == json_type::object && may_be_object) {
      json_object one;
      if (document.get_object().get(one)) return errc::malformed_message;
      const errc bad = read(one);
      return bad != errc::none ? bad : each(found_, true);
    }
    if (type != json_type::array || shape == rest_shape::object) return errc::wrong_type;
    json_array all;
    if (document.get_array().get(all)) return errc::malformed_message;
    return scan_list(all, shape == rest_shape::rows, each);
  }

 private:
  template <class Each>
  [[nodiscard]] errc scan_list(json_array& all, bool rows, Each& each) {
    std::size_t left = 0;
    if (all.count_elements().get(left)) return errc::malformed_message;
    errc first_bad = errc::none;
    for (auto next : all) {
      json_value element;
      json_type type{};
      if (std::move(next).get(element) || element.type().get(type)) return errc::malformed_message;
      --left;
      errc bad = errc::wrong_type;
      if (rows && type == json_type::array) {
        json_array row;
        if (element.get_array().get(row)) return errc::malformed_message;
        bad = read(row);
      } else if (!rows && type == json_type::object) {
        json_object one;
        if (element.get_object().get(one)) return errc::malformed_message;
        bad = read(one);
      }
      if (bad == errc::none) bad = each(found_, left == 0);
      if (first_bad == errc::none) first_bad = bad;
    }
    return first_bad;
  }

  // All of it, whatever is wrong with a part: so the next element begins where it should.
  [[nodiscard]] errc read(json_object& one) {
    errc first_bad = errc::none;
    found_.clear();
    for (auto next : one) {
      simdjson::ondemand::field member;
      std::string_view name;
      if (std::move(next).get(member) || read_name(member, name) != errc::none) return errc::malformed_message;
      const key which = key_named(name);
      if (which == key::none) continue;
      json_value value = member.value();
      if (const errc bad = put(which, value); first_bad == errc::none) first_bad = bad;
    }
    return first_bad;
  }
  [[nodiscard]] errc read(json_array& row) {
    errc first_bad = errc::none;
    std::size_t column = 0;
    found_.clear();
    for (auto next : row) {
      json_value value;
      if (std::move(next).get(value)) return errc::malformed_message;
      if (column == kline_columns.size()) continue;
      if (const errc bad = put(kline_columns[column++], value); first_bad == errc::none) first_bad = bad;
    }
    return first_bad;
  }

  [[nodiscard]] errc put(key which, json_value& value) {
    json_type type{};
    std::string_view token;
    if (value.type().get(type)) return errc::malformed_message;
    if (type == json_type::array || type == json_type::object) return errc::wrong_type;
    if (const errc bad = read_scalar(value, token); bad != errc::none) return bad;
    return found_.put(which, token);
  }

  [[nodiscard]] key key_named(std::string_view name) const noexcept {
    for (const rest_name& each : names_) {
      if (each.name == name) return each.which;
    }
    return key::none;
  }

  simdjson::ondemand::parser parser_;
  fields found_;
  std::span<const rest_name> names_;
};

}  // namespace foxtrot::inline v0::binance::detail
