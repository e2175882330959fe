// foxtrot/sim/exchange_settings.hpp: what a simulated exchange is told, and what it tells about itself.
#pragma once

#include <foxtrot/net/tls_version.hpp>
#include <foxtrot/sim/certificate_kind.hpp>
#include <foxtrot/sim/fault_script.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace foxtrot::inline v0 {

/// Where the data of a simulated exchange comes from if not from its generator: a capture file, played once.
struct replay_settings {
  std::string path{};  ///< empty: no replay
  double speed{1.0};   ///< times the capture's own pace; 0: as fast as the clients read
  std::chrono::milliseconds snapshot_patience{30'000};  ///< how long a depth request waits for its snapshot line
};

/// What clients may do before the venue objects. The defaults are the venue's.
struct exchange_limits {
  std::size_t messages_per_second{5};  ///< of one connection, pings and pongs included; 0: any number
  std::chrono::milliseconds ping_interval{20'000};
  std::chrono::milliseconds pong_timeout{60'000};
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds close_timeout{1'000};  ///< for the client's answer to a close
  std::uint32_t weight_per_minute{6'000};          ///< of REST requests; 429 above
  std::size_t max_unsent{std::size_t{8} << 20U};   ///< bytes for a slow reader, who is then dropped; a replay waits
};

struct exchange_settings {
  sim_market market{sim_market::spot};
  std::vector<symbol_spec> symbols{};   ///< empty: default_symbols(market)
  std::int64_t events_per_second{800};  ///< of all symbols
  std::uint64_t seed{1};
  std::size_t levels{1'000};                      ///< per side of a book
  std::chrono::milliseconds depth_interval{100};  ///< of one symbol's diffs, also where a stream's name says 100 ms
  replay_settings replay{};
  bool tls{true};
  certificate_kind certificate{certificate_kind::right};
  tls_version max_tls{tls_version::tls_1_3};
  std::uint16_t port{0};  ///< on 127.0.0.1; 0: any free one
  std::string thread_name{"sim-exchange"};
  int cpu{-1};  ///< that the exchange's thread is pinned to; -1: none
  exchange_limits limits{};
  fault_script faults{};  ///< their times count from the start
  /// Messages of each stream whose ids and times `exchange::sent` tells, some 30 bytes each; 0: none. Of what the
  /// market makes unseen quotes are kept as well, because their ids have holes.
  std::size_t log_sent{0};
};

/// Kinds of messages that statistics tell apart.
enum class sim_message : std::uint8_t { book_ticker, trade, agg_trade, depth, mark_price, other };
inline constexpr std::size_t sim_message_kinds = 6;

/// A look at the counters; each is exact, together they are of about the same moment.
struct exchange_statistics {
  std::uint64_t connections{0};  ///< accepted since the start
  std::uint64_t open_connections{0};
  std::uint64_t websockets{0};  ///< upgraded since the start
  std::uint64_t upgrades_refused{0};
  std::uint64_t open_websockets{0};
  std::array<std::uint64_t, sim_message_kinds> sent{};  ///< market data messages handed to connections
  std::uint64_t control_messages{0};                    ///< received: texts
  std::uint64_t pings_sent{0};
  std::uint64_t pongs_received{0};
  std::uint64_t rest_requests{0};
  std::uint64_t bytes_sent{0};     ///< before TLS
  std::uint64_t dropped_slow{0};   ///< connections dropped because they did not read
  std::uint64_t dropped_noisy{0};  ///< connections closed for too many messages
  std::uint64_t replayed_lines{0};
  bool replay_finished{false};
  bool replay_failed{false};  ///< the capture could not be read to its end

  std::uint64_t faults_begun{0};
  std::uint64_t messages_dropped{0};     ///< by drop, mute, silence: once for each connection that lacks it
  std::uint64_t messages_duplicated{0};  ///< sent twice, and counted twice in `sent`
  std::uint64_t messages_reordered{0};   ///< sent after the stream's next one
  std::uint64_t messages_spoiled{0};     ///< bad frames and bad JSON; not in `sent`
  std::uint64_t answers_withheld{0};     ///< acks, handshakes, upgrades and requests that were never answered

  /// The most WebSockets that were open at once, closing ones not counted. Those whose client has hung up are not open
  /// any more, even where the exchange has not read that far: it asks the kernel whenever another one opens.
  std::uint64_t most_websockets_at_once{0};
  std::uint64_t most_websockets_per_path{0};  ///< the same, of any one path without its query
  std::uint64_t most_streams_per_websocket{0};
  /// The most texts, pings and pongs of one client within a second, those of a ping storm's not counted.
  std::uint64_t most_messages_per_second{0};

  [[nodiscard]] std::uint64_t sent_of(sim_message kind) const noexcept { return sent[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::uint64_t sent_total() const noexcept {
    std::uint64_t total = 0;
    for (const std::uint64_t count : sent) total += count;
    return total;
  }
};

namespace detail {

/// One number, written by the loop's thread alone and read by any: no read-modify-write needed.
class sim_counter {
 public:
  void add(std::uint64_t count = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void raise_to(std::uint64_t level) noexcept {
    if (get() < level) set(level);
  }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void subtract() noexcept { value_.store(value_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct exchange_counters {
  sim_counter connections, open_connections, websockets, open_websockets;
  std::array<sim_counter, sim_message_kinds> sent;
  sim_counter control_messages, pings_sent, pongs_received, rest_requests, bytes_sent;
  sim_counter dropped_slow, dropped_noisy, replayed_lines, replay_finished, replay_failed;
  sim_counter faults_begun, messages_dropped, messages_duplicated, messages_reordered, messages_spoiled;
  sim_counter answers_withheld, upgrades_refused, most_websockets_at_once, most_websockets_per_path;
  sim_counter most_streams_per_websocket, most_messages_per_second;

  [[nodiscard]] exchange_statistics look() const noexcept {
    exchange_statistics seen;
    seen.connections = connections.get();
    seen.open_connections = open_connections.get();
    seen.websockets = websockets.get();
    seen.upgrades_refused = upgrades_refused.get();
    seen.open_websockets = open_websockets.get();
    for (std::size_t i = 0; i < sent.size(); ++i) seen.sent[i] = sent[i].get();
    seen.control_messages = control_messages.get();
    seen.pings_sent = pings_sent.get();
    seen.pongs_received = pongs_received.get();
    seen.rest_requests = rest_requests.get();
    seen.bytes_sent = bytes_sent.get();
    seen.dropped_slow = dropped_slow.get();
    seen.dropped_noisy = dropped_noisy.get();
    seen.replayed_lines = replayed_lines.get();
    seen.replay_finished = replay_finished.get() != 0;
    seen.replay_failed = replay_failed.get() != 0;
    seen.faults_begun = faults_begun.get();
    seen.messages_dropped = messages_dropped.get();
    seen.messages_duplicated = messages_duplicated.get();
    seen.messages_reordered = messages_reordered.get();
    seen.messages_spoiled = messages_spoiled.get();
    seen.answers_withheld = answers_withheld.get();
    seen.most_websockets_at_once = most_websockets_at_once.get();
    seen.most_websockets_per_path = most_websockets_per_path.get();
    seen.most_streams_per_websocket = most_streams_per_websocket.get();
    seen.most_messages_per_second = most_messages_per_second.get();
    return seen;
  }
};

}  // namespace detail
}  // namespace foxtrot::inline v0
