// foxtrot/sim/exchange_target.hpp: what the target of a request asks the simulated exchange for.
#pragma once

#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/market_json.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

namespace detail {

/// "%40" becomes "@"; what is no escape stays as it is.
[[nodiscard]] inline std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    plain += escape ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return plain;
}

[[nodiscard]] inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace detail

/// Path and query of a request, unescaped.
struct request_target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;

  [[nodiscard]] static request_target parse(std::string_view target) {
    request_target parsed;
    const std::size_t mark = std::min(target.find('?'), target.size());
    parsed.path = detail::percent_decoded(target.substr(0, mark));
    if (mark == target.size()) return parsed;
    for (const std::string& part : detail::split(target.substr(mark + 1), '&')) {
      const std::size_t equals = std::min(part.find('='), part.size());
      parsed.query.emplace_back(
          detail::percent_decoded(std::string_view{part}.substr(0, equals)),
          detail::percent_decoded(std::string_view{part}.substr(std::min(equals + 1, part.size()))));
    }
    return parsed;
  }

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : query)
      if (key == name) return value;
    return std::nullopt;
  }
};

/// Which streams a path serves. USD-M splits its streams between two; on the wrong one they are silent.
enum class stream_route : std::uint8_t {
  all,      ///< spot
  quotes,   ///< USD-M /public and the root: bookTicker, depth, trade
  market,   ///< USD-M /market: aggTrade, markPrice
  nothing,  ///< USD-M /private
};

/// Whether messages of this kind are to be had on that route.
[[nodiscard]] constexpr bool serves(stream_route route, sim_message kind) noexcept {
  const bool quotes = kind == sim_message::book_ticker || kind == sim_message::trade || kind == sim_message::depth;
  return route == stream_route::all || (route == stream_route::quotes && quotes) ||
         (route == stream_route::market && !quotes);
}

/// What a WebSocket path asks for.
struct websocket_target {
  bool combined{false};
  stream_route route{stream_route::all};
  time_unit unit{time_unit::milliseconds};
  std::vector<std::string> streams;

  /// Nothing where the venue has no WebSocket there.
  [[nodiscard]] static std::optional<websocket_target> parse(std::string_view text, sim_market market) {
    const request_target target = request_target::parse(text);
    std::string_view path = target.path;
    websocket_target wanted;
    if (market == sim_market::usdm) {
      wanted.route = stream_route::quotes;
      for (const auto& [prefix, route] : {std::pair{std::string_view{"/public"}, stream_route::quotes},
                                          std::pair{std::string_view{"/market"}, stream_route::market},
                                          std::pair{std::string_view{"/private"}, stream_route::nothing}}) {
        if (!path.starts_with(prefix)) continue;
        path.remove_prefix(prefix.size());
        wanted.route = route;
        break;
      }
    }
    if (path == "/ws" || path.starts_with("/ws/")) {
      wanted.streams = detail::split(path.substr(3), '/');
    } else if (path == "/stream") {
      wanted.combined = true;
      wanted.streams = detail::split(target.parameter("streams").value_or(""), '/');
    } else {
      return std::nullopt;
    }
    const std::string_view unit = target.parameter("timeUnit").value_or("");
    if (unit == "MICROSECOND" || unit == "microsecond") wanted.unit = time_unit::microseconds;
    return wanted;
  }
};

}  // namespace foxtrot::inline v0
