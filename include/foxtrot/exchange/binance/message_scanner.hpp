// foxtrot/exchange/binance/message_scanner.hpp: one pass over a JSON message: its fields, its stream, its price levels.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
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
/// else stays text in the message. The combined form {"stream":..,"data":{..}} and {"error":{..}} are opened, other
/// objects are passed over. One thread.
class message_scanner {
 public:
  /// What a message held; views into it.
  struct content {
    fields scalars;
    std::string_view stream;          ///< of the combined form
    publisher::batch::draft draft{};  ///< begun where there were levels
    level_builder levels;             ///< bids, then asks
    std::size_t bids{0};
    std::size_t asks{0};
    bool has_bids{false};
    bool has_asks{false};
    bool is_answer{false};  ///< it has a result or an error
    bool is_error{false};

    void clear() noexcept {
      scalars.clear();
      stream = {};
      draft = {};
      levels = {};
      bids = asks = 0;
      has_bids = has_asks = is_answer = is_error = false;
    }
  };

  [[nodiscard]] const content& found() const noexcept { return found_; }

  /// 64 readable bytes must follow the message.
  [[nodiscard]] errc scan(std::string_view message, publisher::batch& out) {
    found_.clear();
    max_levels_ = message.size() / shortest_level + 1;
    simdjson::ondemand::document document;
    if (parser_.iterate(message.data(), message.size(), message.size() + simdjson::SIMDJSON_PADDING).get(document)) {
      return errc::malformed_message;
    }
    json_object all;
    if (const auto failed = document.get_object().get(all)) {
      return failed == simdjson::INCORRECT_TYPE ? errc::wrong_type : errc::malformed_message;
    }
    if (const errc bad = scan_object(all, out, true); bad != errc::none) return bad;
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS ? errc::none : errc::malformed_message;
  }

 private:
  using json_object = simdjson::ondemand::object;
  using json_value = simdjson::ondemand::value;

  [[nodiscard]] errc scan_object(json_object& object, publisher::batch& out, bool outermost) {
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      const std::string_view key = key_of(member);
      json_value value = member.value();
      simdjson::ondemand::json_type type{};
      if (value.type().get(type)) return errc::malformed_message;
      errc bad = errc::none;
      if (type == simdjson::ondemand::json_type::array) {
        bad = scan_array(key, value, out);
      } else if (type == simdjson::ondemand::json_type::object) {
        bad = outermost ? scan_inner(key, value, out) : errc::none;
      } else {
        const std::string_view token = value.raw_json_token();
        if (key == "stream") {
          bad = set_stream(token);
        } else if (key == "result" || key == "error") {
          found_.is_answer = true;
          if (key == "error" && !token.starts_with("null")) found_.is_error = true;
        } else {
          bad = found_.scalars.put(field_of(key), token);
        }
      }
      if (bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] errc scan_inner(std::string_view key, json_value& value, publisher::batch& out) {
    if (key != "data" && key != "error") return errc::none;
    if (key == "error") found_.is_answer = found_.is_error = true;
    json_object inner;
    if (value.get_object().get(inner)) return errc::malformed_message;
    return scan_object(inner, out, false);
  }

  [[nodiscard]] errc scan_array(std::string_view key, json_value& value, publisher::batch& out) {
    if (key == "result") {
      found_.is_answer = true;
      return errc::none;
    }
    if (key == "b" || key == "bids") return scan_side(value, found_.has_bids, found_.bids, out);
    if (key == "a" || key == "asks") return scan_side(value, found_.has_asks, found_.asks, out);
    return errc::none;
  }

  [[nodiscard]] errc scan_side(json_value& value, bool& seen, std::size_t& count, publisher::batch& out) {
    if (seen) return errc::malformed_message;
    seen = true;
    if (found_.draft.payload == nullptr) {
      found_.draft = out.begin(max_levels_);
      found_.levels = level_builder{found_.draft.levels};
    }
    const std::size_t before = found_.levels.size();
    simdjson::ondemand::array side;
    if (value.get_array().get(side)) return errc::malformed_message;
    for (auto next : side) {
      simdjson::ondemand::array pair;
      if (next.get_array().get(pair)) return errc::wrong_type;
      if (const errc bad = scan_level(pair); bad != errc::none) return bad;
    }
    count = found_.levels.size() - before;
    if (&count == &found_.bids && found_.has_asks) found_.levels.swap_sides(found_.asks);
    return errc::none;
  }

  [[nodiscard]] errc scan_level(simdjson::ondemand::array& pair) {
    std::array<decimal, 2> numbers;
    std::size_t count = 0;
    for (auto next : pair) {
      json_value value;
      if (std::move(next).get(value)) return errc::malformed_message;
      if (count == numbers.size()) break;  // older shapes append an empty array
      simdjson::ondemand::raw_json_string text;
      if (value.get_raw_json_string().get(text)) return errc::wrong_type;
      const char* end = text.raw();
      while (*end != '"') ++end;  // simdjson has seen the closing quote
      const std::string_view digits{text.raw(), static_cast<std::size_t>(end - text.raw())};
      if (const errc bad = fields::parse_amount(digits, numbers[count]); bad != errc::none) return bad;
      ++count;
    }
    return count == numbers.size() ? found_.levels.add(numbers[0], numbers[1]) : errc::missing_field;
  }

  [[nodiscard]] static std::string_view key_of(simdjson::ondemand::field& member) noexcept {
    const char* const begin = member.key().raw();
    const char* end = begin;
    while (*end != '"') ++end;
    return {begin, static_cast<std::size_t>(end - begin)};
  }

  [[nodiscard]] errc set_stream(std::string_view token) noexcept {
    while (!token.empty() && token.back() != '"') token.remove_suffix(1);
    if (token.size() < 2 || token.front() != '"') return errc::wrong_type;
    found_.stream = token.substr(1, token.size() - 2);
    return errc::none;
  }

  static constexpr std::size_t shortest_level = 10;  // ["1","2"],

  simdjson::ondemand::parser parser_;
  content found_;
  std::size_t max_levels_{0};
};

}  // namespace foxtrot::inline v0::binance::detail
