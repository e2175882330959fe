// foxtrot/exchange/binance/message_scanner.hpp: one pass over a JSON message: its fields, its stream, its price levels.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/json_text.hpp>
#include <foxtrot/exchange/binance/detail/json_values.hpp>
#include <foxtrot/exchange/binance/fields.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/level_builder.hpp>

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0::binance::detail {

/// Takes a message apart without deciding what it is. Price levels go where the batch wants them at once; everything
/// else stays text in the message. The combined form {"stream":..,"data":{..}} and {"error":{..}} are opened, so are
/// lists and the objects inside of a candle and a forced order; what nobody asks for only has to be JSON. One thread.
class message_scanner {
 public:
  /// What an object held; views into the message.
  struct content {
    fields scalars;
    fields inner;                     ///< of the object "k" or "o" in it
    std::string_view stream;          ///< of the combined form
    publisher::batch::draft draft{};  ///< begun where there were levels
    level_builder levels;             ///< bids, then asks
    std::size_t bids{0};
    std::size_t asks{0};
    errc bad_levels{errc::none};  ///< what is wrong with a side, which is no fault where the event is no book
    bool has_bids{false};
    bool has_asks{false};
    bool has_inner{false};
    bool is_answer{false};  ///< it has a result or an error
    bool is_error{false};
    bool is_list{false};  ///< of objects, which were told one by one

    void clear() noexcept {
      clear_object();
      stream = {};
      is_answer = is_error = is_list = false;
    }
    void clear_object() noexcept {
      scalars.clear();
      inner.clear();
      draft = {};
      levels = {};
      bids = asks = 0;
      bad_levels = errc::none;
      has_bids = has_asks = has_inner = false;
    }
  };

  [[nodiscard]] const content& found() const noexcept { return found_; }

  /// Of a list, `each` is called after every object in it, with found() full. 64 readable bytes must follow the
  /// message.
  template <class Each>
  [[nodiscard]] errc scan(std::string_view message, publisher::batch& out, Each&& each) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    found_.clear();
    message_ = message;
    has_data_ = false;
    max_levels_ = message.size() / shortest_level + 1;
    if (message.starts_with(byte_order_mark)) return errc::malformed_message;  // RFC 8259 section 8.1
    simdjson::ondemand::document document;
    if (parser_.iterate(message.data(), message.size(), message.size() + simdjson::SIMDJSON_PADDING).get(document)) {
      return errc::malformed_message;
    }
    json_type type{};
    if (document.type().get(type)) return errc::malformed_message;
    errc bad = errc::none;
    if (type == json_type::object) {
      json_object all;
      if (document.get_object().get(all)) return errc::malformed_message;
      bad = scan_object(all, out, true, each);
    } else if (type == json_type::array) {
      json_array list;
      if (document.get_array().get(list)) return errc::malformed_message;
      bad = scan_list(list, out, each);
    } else {
      return errc::wrong_type;
    }
    if (bad == errc::none && found_.bad_levels == errc::none) {
      return document.current_location().error() == simdjson::OUT_OF_BOUNDS ? errc::none : errc::malformed_message;
    }
    // On-Demand goes on behind a message that lacks brackets, into whatever memory holds: what it finds wrong there
    // says nothing.
    return json_check{message}.passes() ? bad : errc::malformed_message;
  }

 private:
  template <class Each>
  [[nodiscard]] errc scan_object(json_object& object, publisher::batch& out, bool outermost, Each& each) {
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      std::string_view name;
      json_value value = member.value();
      json_type type{};
      if (value.type().get(type)) return errc::malformed_message;
      errc bad = read_name(member, name);
      if (bad != errc::none) return bad;
      if (type == json_type::array) {
        bad = outermost && name == "data" ? scan_data_list(value, out, each) : scan_array(name, value, out);
      } else if (type == json_type::object) {
        bad = outermost ? scan_outer_member(name, value, out, each) : scan_inner(name, value);
      } else {
        std::string_view token;
        bad = read_scalar(value, token);
        if (bad == errc::none) bad = scan_scalar(name, token, outermost);
      }
      if (bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] errc scan_scalar(std::string_view name, std::string_view token, bool outermost) noexcept {
    if (outermost && name == "stream") {
      if (token.size() < 3 || token.front() != '"') return errc::wrong_type;
      if (!found_.stream.empty()) return errc::malformed_message;
      found_.stream = token.substr(1, token.size() - 2);
      return errc::none;
    }
    if (outermost && (name == "result" || name == "error")) {
      found_.is_answer = true;
      if (name == "error" && token != "null") found_.is_error = true;
      return errc::none;
    }
    return found_.scalars.put(key_of(name), token);
  }

  template <class Each>
  [[nodiscard]] errc scan_outer_member(std::string_view name, json_value& value, publisher::batch& out, Each& each) {
    if (name != "data" && name != "error") return scan_inner(name, value);
    if (name == "error") found_.is_answer = found_.is_error = true;
    if (std::exchange(has_data_, true)) return errc::malformed_message;
    json_object inner;
    if (value.get_object().get(inner)) return errc::malformed_message;
    return scan_object(inner, out, false, each);
  }

  template <class Each>
  [[nodiscard]] errc scan_data_list(json_value& value, publisher::batch& out, Each& each) {
    if (std::exchange(has_data_, true)) return errc::malformed_message;
    json_array list;
    if (value.get_array().get(list)) return errc::malformed_message;
    return scan_list(list, out, each);
  }

  // Objects that cannot be understood do not hide those after them.
  template <class Each>
  [[nodiscard]] errc scan_list(json_array& list, publisher::batch& out, Each& each) {
    found_.is_list = true;
    if (!json_check{message_}.passes()) return errc::malformed_message;  // before the first is told
    errc first_bad = errc::none;
    for (auto next : list) {
      json_object element;
      if (const auto failed = next.get_object().get(element)) {
        return failed == simdjson::INCORRECT_TYPE ? errc::wrong_type : errc::malformed_message;
      }
      found_.clear_object();
      if (const errc bad = scan_object(element, out, false, each); bad != errc::none) return bad;
      if (const errc bad = each(); first_bad == errc::none) first_bad = bad;
    }
    return first_bad;
  }

  // A candle and a forced order stand in an object of their own.
  [[nodiscard]] errc scan_inner(std::string_view name, json_value& value) {
    if (name != "k" && name != "o") return check_value(value);
    if (std::exchange(found_.has_inner, true)) return errc::malformed_message;
    json_object inner;
    if (value.get_object().get(inner)) return errc::malformed_message;
    for (auto next : inner) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      std::string_view field;
      json_value each = member.value();
      json_type type{};
      if (each.type().get(type)) return errc::malformed_message;
      errc bad = read_name(member, field);
      if (bad != errc::none) return bad;
      if (type == json_type::array || type == json_type::object) {
        bad = check_value(each);
      } else {
        std::string_view token;
        bad = read_scalar(each, token);
        if (bad == errc::none) bad = found_.inner.put(key_of(field), token);
      }
      if (bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] errc scan_array(std::string_view name, json_value& value, publisher::batch& out) {
    if (name == "b" || name == "bids") return scan_side(value, found_.has_bids, found_.bids, out);
    if (name == "a" || name == "asks") return scan_side(value, found_.has_asks, found_.asks, out);
    if (name == "result") found_.is_answer = true;
    return check_value(value);
  }

  // What is no side of a book may be something else in an event that is no book: then the rest of it only has to be
  // JSON, and whoever looks for levels finds the fault.
  [[nodiscard]] errc scan_side(json_value& value, bool& seen, std::size_t& count, publisher::batch& out) {
    if (seen) return errc::malformed_message;
    seen = true;
    if (found_.draft.payload == nullptr) {
      found_.draft = out.begin(max_levels_);
      found_.levels = level_builder{found_.draft.levels};
    }
    const std::size_t before = found_.levels.size();
    const errc bad = scan_levels(value);
    if (bad == errc::malformed_message) return bad;
    if (found_.bad_levels == errc::none) found_.bad_levels = bad;
    count = found_.levels.size() - before;
    if (&count == &found_.bids && found_.has_asks) found_.levels.swap_sides(found_.asks);
    return errc::none;
  }

  [[nodiscard]] errc scan_levels(json_value& value) {
    json_array side;
    if (value.get_array().get(side)) return errc::malformed_message;
    for (auto next : side) {
      json_array pair;
      if (const auto failed = next.get_array().get(pair)) {
        return failed == simdjson::INCORRECT_TYPE ? errc::wrong_type : errc::malformed_message;
      }
      if (const errc bad = scan_level(pair); bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] errc scan_level(json_array& pair) {
    std::array<decimal, 2> numbers;
    std::size_t count = 0;
    for (auto next : pair) {
      json_value value;
      if (std::move(next).get(value)) return errc::malformed_message;
      if (count == numbers.size()) {  // older shapes append an empty array
        if (const errc bad = check_value(value); bad != errc::none) return bad;
        continue;
      }
      json_type type{};
      std::string_view token;
      if (value.type().get(type)) return errc::malformed_message;
      if (type != json_type::string) return errc::wrong_type;
      if (const errc bad = read_scalar(value, token); bad != errc::none) return bad;
      const std::string_view digits = token.substr(1, token.size() - 2);
      if (const errc bad = fields::parse_amount(digits, numbers[count]); bad != errc::none) return bad;
      ++count;
    }
    return count == numbers.size() ? found_.levels.add(numbers[0], numbers[1]) : errc::missing_field;
  }

  static constexpr std::size_t shortest_level = 10;  // ["1","2"],

  simdjson::ondemand::parser parser_;
  content found_;
  std::string_view message_;
  std::size_t max_levels_{0};
  bool has_data_{false};
};

}  // namespace foxtrot::inline v0::binance::detail
