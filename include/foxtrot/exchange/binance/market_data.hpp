// foxtrot/exchange/binance/market_data.hpp: live market data from Binance: the class that most programs need.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/exchange/binance/connection_info.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/error_statistics.hpp>
#include <foxtrot/feed/inline_consumer.hpp>
#include <foxtrot/feed/line_race.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/market/subscription_settings.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace foxtrot::inline v0::binance {

namespace detail {
class live_feed;
}

/// Streams a market into any number of consumers, reconnects by itself, polls the same ticks over HTTP where WebSocket
/// does not work or is not wanted, and ends when told to. Every function may be called from any thread, inline handlers
/// included; only the destructor may not run on a network thread, of which it has several on request.
class market_data : private live_object<market_data> {
 public:
  /// Checks the settings; nothing is connected yet. Throws std::system_error for a stream name, URL or certificate file
  /// that cannot be right.
  explicit market_data(market_data_settings settings);
  market_data(const market_data&) = delete;
  market_data& operator=(const market_data&) = delete;
  /// Disconnects; consumers read what is there and then see the end.
  ~market_data();

  /// A consumer of everything that reads the feed's ring.
  [[nodiscard]] subscription subscribe();
  /// A consumer of what it wants, by the policy it wants. errc::bad_argument for a symbol that cannot be a name. With
  /// several network threads it has a queue of that capacity for each.
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted);
  /// A handler on the network thread: see publisher::subscribe_inline. Several network threads call it AT THE SAME
  /// TIME, each with the ticks of its own symbols, so what is shared in there needs a lock; but with one status at a
  /// time.
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler);

  /// Starts the network thread and returns; the connection is made there, and consumers hear of it. Connected already:
  /// nothing. The error is the system's, where no thread could be had, and then none runs; errc::would_block while an
  /// earlier disconnect waits for an inline handler to return.
  std::error_code connect();

  /// Says goodbye to the venue and ends the network thread; what consumers have not read yet stays readable.
  /// Idempotent. An inline handler that calls it only begins it. errc::timeout where something would not end in time.
  std::error_code disconnect();

  /// Begins a disconnect and returns: several feeds say goodbye at the same time when each was told so before the first
  /// disconnect() waits. Idempotent.
  void start_disconnect();
  /// Cuts off what a disconnect() still does politely, such as waiting for the venue's goodbye: for a shutdown that has
  /// run out of patience. Begins a disconnect where there was none. Never waits; disconnect() or the destructor joins.
  void abort();
  /// Tasks of the network thread that have not ended, by name: what a shutdown waits for. Never waits.
  [[nodiscard]] std::vector<std::string> tasks();

  /// Adds streams, now and for later connections: on the connections that there are, or, where those are full, on
  /// others. errc::bad_argument, and nothing added, for a name that cannot be one; errc::would_block where the network
  /// thread does not get to what it was told before: later connections will have them.
  std::error_code subscribe_streams(const std::vector<std::string>& streams);
  /// Takes streams away, now and for later connections. errc::would_block as above.
  std::error_code unsubscribe_streams(const std::vector<std::string>& streams);

  /// Which symbols come by WebSocket, from now on and for later connections; the others are polled. errc::would_block
  /// as above.
  std::error_code use_websocket(websocket_choice choice);

  /// Cuts the connection as the network might; it is made again at once. For drills.
  std::error_code drop_connection();
  /// Replaces every connection by a new one, without a break, as it is done before the venue ends them. For drills.
  std::error_code rotate();

  /// Asks for the whole book of a symbol, such as "BTCUSDT", that has a stream of depth updates: for a consumer that
  /// keeps its own and lost some. It comes to everybody, as a depth_snapshot of all that our book holds, in its place
  /// among the updates: at once, or as soon as our book is right. errc::bad_argument where we keep no such book,
  /// errc::closed where nothing is connected, errc::would_block as above.
  std::error_code request_snapshot(std::string_view symbol);

  [[nodiscard]] binance::connection_info connection_info();
  /// Errors of the connection and of requests: by kind, in the last minute, the last one.
  [[nodiscard]] error_summary error_statistics() const;
  /// Of connections that carry the same streams: who was first, and by how much.
  [[nodiscard]] foxtrot::line_statistics line_statistics() const;
  /// How long ticks took from the kernel to the read, and from there until published, of all network threads together;
  /// the way on is in each subscription's. Empty where the settings say so.
  [[nodiscard]] latency_report latency() const;
  /// As it goes. With several network threads what all of them had counted when this was called last, here or anywhere.
  [[nodiscard]] const feed_counters& counters() const;

 private:
  std::unique_ptr<detail::live_feed> live_;
};

}  // namespace foxtrot::inline v0::binance

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/exchange/binance/impl/market_data.hpp>
#endif
