// foxtrot/exchange/binance/detail/checked_settings.hpp: settings that have been checked and completed.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/exchange/binance/stream_name.hpp>
#include <foxtrot/feed/line_settings.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/market/detail/joint_status.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/url.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// Of one of several network threads.
[[nodiscard]] inline network_settings network_of(network_settings all, std::size_t thread) {
  if (thread != 0) {
    all.name += "-" + std::to_string(thread + 1);
    all.cpu = thread <= all.more_cpus.size() ? all.more_cpus[thread - 1] : -1;
  }
  return all;
}

/// The venue's limit for one connection.
inline constexpr std::size_t max_streams = 1024;

[[nodiscard]] inline bool are_stream_names(const std::vector<std::string>& streams) {
  return std::ranges::all_of(streams, [](const std::string& stream) { return is_stream_name(stream); });
}

[[nodiscard]] inline bool is_possible(const line_settings& lines) noexcept {
  constexpr std::chrono::milliseconds none{0};
  return lines.count >= 1 && lines.count <= 4 && lines.max_streams >= 1 && lines.max_streams <= max_streams &&
         lines.rotate_after >= none && lines.rotate_jitter >= none && lines.overlap >= none &&
         lines.handover_limit > lines.overlap && lines.hold_limit > none;
}

[[nodiscard]] inline bool is_possible(const network_settings& network) noexcept {
  return network.threads >= 1 && network.threads <= foxtrot::detail::most_parts &&
         network.more_cpus.size() < network.threads;
}

/// Settings that have been checked and completed.
struct checked_settings {
  market_data_settings given;
  url websocket;
  url rest;
  tls_context tls;
  /// Whether this network thread tells of that thread among its ticks; empty: of all.
  std::function<bool(std::string_view)> tells_of{};

  [[nodiscard]] static result<checked_settings> make(market_data_settings given) {
    const endpoints venue = public_endpoints(given.market);
    auto websocket = url::parse(given.websocket_url.empty() ? venue.websocket : given.websocket_url);
    auto rest = url::parse(given.rest_url.empty() ? venue.rest : given.rest_url);
    if (!websocket) return websocket.error();
    if (!rest) return rest.error();
    if (websocket->target != "/" || rest->target != "/") return errc::bad_url;  // the paths are ours
    if (!websocket->secure || !rest->secure) return errc::bad_url;  // market data without TLS is anybody's market data
    const bool microseconds = given.time_unit == time_unit::microseconds;
    if (microseconds && given.market != market::spot) return errc::bad_argument;
    if (!are_stream_names(given.streams) || !is_possible(given.lines) || !is_possible(given.network))
      return errc::bad_argument;
    if (given.breaker.failure_threshold == 0 || given.breaker.half_open_permits == 0 ||
        given.breaker.half_open_successes == 0 || given.gap_repair.limit < std::chrono::milliseconds::zero() ||
        given.polling.interval <= std::chrono::milliseconds::zero())
      return errc::bad_argument;
    auto tls = tls_context::make({.ca_file = given.ca_file, .ca_pem = given.ca_pem});
    if (!tls) return tls.error();
    if (given.session.errors == nullptr) {
      given.session.errors = std::make_shared<websocket_error_handler>(error_settings());
    }
    if (given.session.budget == nullptr) given.session.budget = given.budget;
    given.session.upgrade.host = websocket->host;
    given.session.upgrade.port = websocket->port;
    given.session.upgrade.secure = websocket->secure;
    // behind the path of each route; web-socket-streams.md, "General"
    given.session.upgrade.target = microseconds ? "?timeUnit=MICROSECOND" : "";
    return checked_settings{std::move(given), std::move(*websocket), std::move(*rest), std::move(*tls), {}};
  }
};

}  // namespace foxtrot::inline v0::binance::detail
