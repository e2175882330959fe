// foxtrot/exchange/binance/settings.hpp: what market_data needs to know; the defaults stream from the venue itself.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>
#include <foxtrot/feed/gap_repair_settings.hpp>
#include <foxtrot/feed/line_settings.hpp>
#include <foxtrot/feed/poll_settings.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/net/circuit_breaker.hpp>
#include <foxtrot/net/connection_budget.hpp>
#include <foxtrot/net/dial_settings.hpp>
#include <foxtrot/queue/idle.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
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

}  // namespace foxtrot::inline v0::binance
