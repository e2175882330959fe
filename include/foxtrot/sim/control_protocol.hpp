// foxtrot/sim/control_protocol.hpp: the venue's side of control messages: SUBSCRIBE and its kin, answered in its words.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

namespace detail {

/// A string as JSON, quotes included.
[[nodiscard]] inline std::string json_quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      quoted.append("\\u00").append({digits[byte >> 4U], digits[byte & 15U]});
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace detail

/// What a control message changed or wants sent.
struct control_outcome {
  bool not_json{false};  ///< the venue closes with 1008 "Invalid request"; nothing else is set
  std::string reply;
  std::vector<std::string> subscribed;    ///< new ones, in order
  std::vector<std::string> unsubscribed;  ///< that were subscribed
};

/// Subscriptions and properties of one connection. Knows no socket and no stream: the venue acknowledges names that do
/// not exist. Errors have the shape seen on the wire, `{"error":{"code":..,"msg":..},"id":..}`. Not thread-safe.
class control_session {
 public:
  static constexpr std::size_t max_streams = 1024;

  explicit control_session(bool combined) : combined_{combined} {}

  [[nodiscard]] bool combined() const noexcept { return combined_; }
  [[nodiscard]] const std::vector<std::string>& streams() const noexcept { return streams_; }

  /// Those of `names` that were not subscribed yet; nothing is, and false returned, where the limit would be passed.
  [[nodiscard]] bool subscribe(const std::vector<std::string>& names, std::vector<std::string>& added) {
    const std::size_t before = streams_.size();
    for (const std::string& name : names)
      if (!has(name)) streams_.push_back(name);
    if (streams_.size() > max_streams) {
      streams_.resize(before);
      return false;
    }
    added.assign(streams_.begin() + static_cast<std::ptrdiff_t>(before), streams_.end());
    return true;
  }

  [[nodiscard]] control_outcome handle(std::string_view text) {
    control_outcome outcome;
    simdjson::dom::element message;
    // copies: the message is a view into a receive buffer
    if (parser_.parse(text.data(), text.size(), true).get(message) != simdjson::SUCCESS) {
      outcome.not_json = true;
      return outcome;
    }
    answer(message, text.size(), outcome);
    return outcome;
  }

  /// Changes nothing, whatever the message asks for.
  [[nodiscard]] control_outcome refuse(std::string_view text, std::string_view why) {
    control_outcome outcome;
    simdjson::dom::element message;
    outcome.not_json = parser_.parse(text.data(), text.size(), true).get(message) != simdjson::SUCCESS;
    if (outcome.not_json) return outcome;
    const std::string id = message.is_object() ? id_of(message) : std::string{};
    fail(outcome, 2, "Invalid request: " + std::string{why}, id.empty() ? "null" : id);
    return outcome;
  }

 private:
  using element = simdjson::dom::element;

  static constexpr std::string_view variants =
      "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

  [[nodiscard]] bool has(std::string_view name) const {
    return std::find(streams_.begin(), streams_.end(), name) != streams_.end();
  }

  /// The id as it goes into the answer: int64, null, or an alphanumeric string of at most 36; empty for anything else.
  [[nodiscard]] static std::string id_of(const element& message) {
    element id;
    if (message["id"].get(id) != simdjson::SUCCESS || id.is_null()) return "null";
    if (std::int64_t number = 0; id.get(number) == simdjson::SUCCESS) return std::to_string(number);
    std::string_view text;
    if (id.get(text) != simdjson::SUCCESS || text.empty() || text.size() > 36) return {};
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    return plain ? "\"" + std::string{text} + "\"" : std::string{};
  }

  static void fail(control_outcome& outcome, int code, std::string_view text, const std::string& id) {
    outcome.reply = "{\"error\":{\"code\":" + std::to_string(code) + ",\"msg\":" + detail::json_quoted(text) +
                    "},\"id\":" + id + "}";
  }

  void answer(const element& message, std::size_t size, control_outcome& outcome) {
    const auto refuse = [&](std::string_view why, const std::string& id) {
      fail(outcome, 2, "Invalid request: " + std::string{why}, id);
    };
    const std::string where = " at line 1 column " + std::to_string(size);
    if (!message.is_object()) return refuse("invalid type, expected a request" + where, "null");
    const std::string id = id_of(message);
    if (id.empty()) return refuse("request ID must be an unsigned integer", "null");
    std::string_view method;
    if (message["method"].get(method) != simdjson::SUCCESS) return refuse("missing field `method`" + where, id);
    simdjson::dom::array params;
    const auto given = message["params"].get(params);
    if (given != simdjson::SUCCESS && given != simdjson::NO_SUCH_FIELD)
      return refuse("invalid type, expected a sequence" + where, id);
    const std::string done = "{\"result\":null,\"id\":" + id + "}";
    if (method == "LIST_SUBSCRIPTIONS") {
      outcome.reply = "{\"result\":" + listed() + ",\"id\":" + id + "}";
    } else if (method == "SET_PROPERTY" || method == "GET_PROPERTY") {
      property(params, given == simdjson::SUCCESS ? params.size() : 0, method == "SET_PROPERTY", id, outcome);
    } else if (method == "SUBSCRIBE" || method == "UNSUBSCRIBE") {
      if (given != simdjson::SUCCESS) return refuse("missing field `params`" + where, id);
      std::vector<std::string> names;
      for (const element parameter : params) {
        std::string_view name;
        if (parameter.get(name) != simdjson::SUCCESS) return refuse("stream name must be a string", id);
        names.emplace_back(name);
      }
      if (method == "UNSUBSCRIBE") {
        for (std::string& name : names)
          if (std::erase(streams_, name) != 0) outcome.unsubscribed.push_back(std::move(name));
      } else if (!subscribe(names, outcome.subscribed)) {
        return refuse("too many streams", id);
      }
      outcome.reply = done;
    } else {
      refuse("unknown variant `" + std::string{method} + "`, expected one of " + std::string{variants}, id);
    }
  }

  void property(const simdjson::dom::array& params, std::size_t count, bool set, const std::string& id,
                control_outcome& outcome) {
    std::string_view name;
    if (count == 0 || params.at(0).get(name) != simdjson::SUCCESS)
      return fail(outcome, 2, "Invalid request: property name must be a string", id);
    if (count > (set ? 2U : 1U)) return fail(outcome, 2, "Invalid request: too many parameters", id);
    if (name != "combined") return fail(outcome, 0, "Unknown property", id);
    if (!set) {
      outcome.reply = std::string{"{\"result\":"} + (combined_ ? "true" : "false") + ",\"id\":" + id + "}";
      return;
    }
    bool value = false;
    if (count != 2 || params.at(1).get(value) != simdjson::SUCCESS)
      return fail(outcome, 1, "Invalid value type: expected Boolean", id);
    combined_ = value;
    outcome.reply = "{\"result\":null,\"id\":" + id + "}";
  }

  [[nodiscard]] std::string listed() const {
    std::string list = "[";
    for (const std::string& name : streams_) {
      if (list.size() > 1) list += ',';
      list += detail::json_quoted(name);
    }
    return list + "]";
  }

  simdjson::dom::parser parser_;
  std::vector<std::string> streams_;
  bool combined_;
};

}  // namespace foxtrot::inline v0
