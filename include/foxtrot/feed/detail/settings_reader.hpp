// foxtrot/feed/detail/settings_reader.hpp: a settings document, taken apart name by name.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/file_settings.hpp>

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace foxtrot::inline v0::detail {

/// One document, once. It is validated as a whole before anything is taken from it.
class settings_reader {
 public:
  [[nodiscard]] result<loaded_settings> read(std::string_view json) {
    if (json.starts_with("\xEF\xBB\xBF")) json.remove_prefix(3);  // some editors begin a file so
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    if (parser.parse(simdjson::padded_string{json}).get(document)) return errc::malformed_message;
    simdjson::dom::object all;
    if (document.get_object().get(all)) return errc::wrong_type;
    take_members(all);
    judge();
    return std::move(read_);
  }

 private:
  using element = simdjson::dom::element;
  using milliseconds = std::chrono::milliseconds;
  struct count {  // from 1 to most_counted
    std::uint32_t* value;
    std::uint32_t& operator*() const noexcept { return *value; }
  };
  using field = std::variant<bool*, std::uint64_t*, count, milliseconds*, std::vector<std::string>*>;
  struct known_name {
    std::string_view name;
    field (*where)(file_settings&);
  };
  struct given {
    std::size_t times{0};
    errc bad{errc::none};
  };

  static constexpr std::array names{
      known_name{"websocket.enabled", [](file_settings& s) -> field { return &s.websocket.enabled; }},
      known_name{"websocket.binance.enabled", [](file_settings& s) -> field { return &s.websocket.binance.enabled; }},
      known_name{"websocket.binance.symbols", [](file_settings& s) -> field { return &s.websocket.binance.symbols; }},
      known_name{"websocket.reconnect.max_attempts",
                 [](file_settings& s) -> field { return &s.websocket.reconnect.max_attempts; }},
      known_name{"websocket.reconnect.base_delay",
                 [](file_settings& s) -> field { return &s.websocket.reconnect.base_delay; }},
      known_name{"websocket.reconnect.max_delay",
                 [](file_settings& s) -> field { return &s.websocket.reconnect.max_delay; }},
      known_name{"websocket.heartbeat.interval",
                 [](file_settings& s) -> field { return &s.websocket.heartbeat.interval; }},
      known_name{"websocket.circuit_breaker.failure_threshold",
                 [](file_settings& s) -> field { return count{&s.websocket.circuit_breaker.failure_threshold}; }},
      known_name{"websocket.circuit_breaker.recovery_timeout",
                 [](file_settings& s) -> field { return &s.websocket.circuit_breaker.recovery_timeout; }},
      known_name{"websocket.circuit_breaker.half_open_successes",
                 [](file_settings& s) -> field { return count{&s.websocket.circuit_breaker.half_open_successes}; }},
      known_name{"websocket.connect_timeout", [](file_settings& s) -> field { return &s.websocket.connect_timeout; }},
      known_name{"http.poll_interval", [](file_settings& s) -> field { return &s.http.poll_interval; }},
      known_name{"shutdown.timeout", [](file_settings& s) -> field { return &s.shutdown.timeout; }},
  };
  static constexpr std::size_t most_listed = 100;
  static constexpr std::size_t longest_name = 200;  // as it is listed
  static constexpr std::size_t longest_symbol = 64;
  static constexpr std::uint32_t most_counted = 1'000'000;
  static constexpr double longest_seconds = 86'400;

  [[nodiscard]] static std::size_t place_of(std::string_view name) noexcept {
    const auto at = std::find_if(names.begin(), names.end(), [name](const known_name& k) { return k.name == name; });
    return static_cast<std::size_t>(at - names.begin());
  }
  [[nodiscard]] static bool is_section(std::string_view name) noexcept {
    return std::any_of(names.begin(), names.end(), [name](const known_name& known) {
      return known.name.size() > name.size() && known.name.starts_with(name) && known.name[name.size()] == '.';
    });
  }

  // As deep as simdjson allows, which is 1,024.
  void take_members(const simdjson::dom::object& members) {
    for (const auto& [key, value] : members) {
      const std::size_t outer = name_.size();
      if (outer != 0) name_ += '.';
      name_.append(key);
      take(value);
      name_.resize(outer);
    }
  }

  void take(const element& value) {
    if (const std::size_t at = place_of(name_); at != names.size()) {
      ++given_[at].times;
      given_[at].bad = std::visit([&value](auto to) { return set(to, value); }, names[at].where(read_.settings));
      return;
    }
    simdjson::dom::object inner;
    if (!value.get_object().get(inner)) return take_members(inner);
    if (is_section(name_)) return report(name_, errc::wrong_type);
    if (read_.unknown.size() == most_listed) {
      ++read_.unlisted;
    } else {
      read_.unknown.emplace_back(name_, 0, longest_name);
    }
  }

  void report(std::string_view name, errc bad) {
    if (read_.problems.size() == most_listed) {
      ++read_.unlisted;
    } else {
      read_.problems.push_back({std::string{name}, bad});
    }
  }

  // Of a setting that is given twice neither value is to be trusted.
  void judge() {
    file_settings untouched;
    for (std::size_t at = 0; at < names.size(); ++at) {
      if (given_[at].bad != errc::none && given_[at].times == 1) report(names[at].name, given_[at].bad);
      if (given_[at].times <= 1) continue;
      report(names[at].name, errc::malformed_message);
      const field fresh = names[at].where(untouched);
      std::visit([&fresh](auto to) { *to = *std::get<decltype(to)>(fresh); }, names[at].where(read_.settings));
    }
  }

  [[nodiscard]] static errc set(bool* where, const element& value) {
    return value.get_bool().get(*where) ? errc::wrong_type : errc::none;
  }

  [[nodiscard]] static errc set(std::uint64_t* where, const element& value) {
    if (value.is_int64() && value.get_int64().value_unsafe() < 0) return errc::number_out_of_range;
    std::uint64_t read = 0;
    if (!value.is<std::uint64_t>() || value.get_uint64().get(read)) return errc::wrong_type;
    *where = read;
    return errc::none;
  }

  [[nodiscard]] static errc set(count where, const element& value) {
    std::uint64_t read = 0;
    if (const errc bad = set(&read, value); bad != errc::none) return bad;
    if (read == 0 || read > most_counted) return errc::number_out_of_range;
    *where = static_cast<std::uint32_t>(read);
    return errc::none;
  }

  [[nodiscard]] static errc set(milliseconds* where, const element& value) {
    double seconds = 0;
    if (value.get_double().get(seconds)) return errc::wrong_type;
    if (!(seconds >= 0 && seconds <= longest_seconds)) return errc::number_out_of_range;
    const milliseconds read{std::llround(seconds * 1000)};
    if (read == milliseconds::zero()) return errc::number_out_of_range;  // no time at all is a loop without rest
    *where = read;
    return errc::none;
  }

  [[nodiscard]] static errc set(std::vector<std::string>* where, const element& value) {
    simdjson::dom::array list;
    if (value.get_array().get(list)) return errc::wrong_type;
    std::vector<std::string> read;
    for (const element& each : list) {
      std::string_view name;
      if (each.get_string().get(name)) return errc::wrong_type;
      const bool speaks = std::none_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '"' || c == '\\' || c == '/' || c == '@';
      });
      if (name.empty() || name.size() > longest_symbol || !speaks) return errc::bad_argument;
      read.emplace_back(name);
    }
    *where = std::move(read);
    return errc::none;
  }

  loaded_settings read_;
  std::string name_;  // of where we are
  std::array<given, names.size()> given_{};
};

}  // namespace foxtrot::inline v0::detail
