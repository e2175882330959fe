// foxtrot/exchange/binance/settings.hpp: what market_data needs to know; the defaults stream from the venue itself.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/protocol.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>
#include <foxtrot/feed/gap_repair_settings.hpp>
#include <foxtrot/feed/line_settings.hpp>
#include <foxtrot/feed/poll_settings.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/market/detail/joint_status.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/circuit_breaker.hpp>
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/connection_budget.hpp>
#include <foxtrot/net/url.hpp>
#include <foxtrot/queue/idle.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance {

/// What the venue counts its times in. Spot only: the futures know milliseconds alone.
enum class time_unit : std::uint8_t { milliseconds, microseconds };

/// The network thread, or several: each then has connections, a ring and a queue of each consumer for itself, of the
/// capacities that are asked for, and all streams of the symbols that are its. A symbol stays with the thread that it
/// got when it first came, which had the fewest streams then. Streams of all symbols ("!ticker@arr") come by the first.
struct network_settings {
  std::string name{"net"};   ///< of the first; the others are "net-2", "net-3"
  int cpu{-1};               ///< pinned to this CPU; -1: anywhere
  int realtime_priority{0};  ///< SCHED_FIFO where above 0
  foxtrot::idle idle{foxtrot::idle::block};
  scheduling policy{scheduling::inherited};
  std::size_t threads{1};        ///< up to 64
  std::vector<int> more_cpus{};  ///< of the second, the third and so on, as `cpu`; the rest run anywhere
};

struct market_data_settings {
  binance::market market{market::spot};
  std::vector<std::string> streams{};  ///< "btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms"
  network_settings network{};

  std::string websocket_url{};  ///< wss://host:port; empty: the venue's
  std::string rest_url{};       ///< https://host:port; empty: the venue's
  std::string ca_file{};        ///< trusted authorities, PEM; empty: the system's
  std::string ca_pem{};         ///< the same as text
  dial_settings dial{};         ///< time-outs, addresses instead of a look-up

  line_settings lines{};         ///< how many connections carry the streams, and when they are replaced
  session_settings session{};    ///< its `upgrade` is filled in from the URL, its `breaker` from below
  websocket_choice websocket{};  ///< which symbols come by WebSocket; the others are polled over HTTP
  /// Where WebSocket keeps failing, the same ticks are polled until it works again. Otherwise the backoff alone decides
  /// how often it is tried, and nothing comes meanwhile.
  bool fallback{true};
  circuit_breaker_settings breaker{};  ///< when to fall back, and how often WebSocket is tried meanwhile
  poll_settings polling{};
  bool depth_snapshots{true};  ///< keep the book of each symbol with a depth stream, and fetch snapshots for it
  std::size_t snapshot_levels{1000};
  gap_repair_settings gap_repair{};  ///< whether trades that are missing are fetched
  std::chrono::milliseconds request_timeout{10'000};

  bool measures_latency{true};  ///< see market_data::latency and subscription::latency

  ring_settings ring{};  ///< what drop_oldest consumers, the default kind, read together
  diagnostics log{};
  symbol_table* symbols{&symbol_table::shared()};
  binance::time_unit time_unit{
      time_unit::milliseconds};  ///< of the times in WebSocket messages; microseconds: spot only
  /// Watches the network thread. What it tells, of whichever thread, comes as a status among the ticks. Outlives the
  /// feed.
  thread_monitor* monitor{nullptr};
  watch_settings watch{};  ///< of the network thread
  /// How often this process may connect to that place, the venue's 300 attempts in five minutes; null: as often as it
  /// likes. Outlives the feed.
  connection_budget* budget{&connection_budget::shared()};
};

namespace detail {

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

}  // namespace detail
}  // namespace foxtrot::inline v0::binance
