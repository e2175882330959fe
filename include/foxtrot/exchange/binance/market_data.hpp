// foxtrot/exchange/binance/market_data.hpp: live market data from Binance: the class that most programs need.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/connection_info.hpp>
#include <foxtrot/exchange/binance/engine.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/error_statistics.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/market/subscription.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance {

/// Streams a market into any number of consumers, reconnects by itself, polls the same ticks over HTTP where WebSocket
/// does not work or is not wanted, and ends when told to. Every function may be
/// called from any thread, inline handlers included; only the destructor may not run on the network thread.
class market_data : private live_object<market_data> {
 public:
  /// Checks the settings; nothing is connected yet. Throws std::system_error for a stream name, URL or certificate file
  /// that cannot be right.
  explicit market_data(market_data_settings settings)
      : settings_{checked(std::move(settings))}, out_{*settings_.given.symbols, settings_.given.ring} {}
  market_data(const market_data&) = delete;
  market_data& operator=(const market_data&) = delete;
  /// Disconnects; consumers read what is there and then see the end.
  ~market_data() {
    disconnect();
    if (engine_ != nullptr) engine_->join();
    replace_engine(nullptr);
    out_.close();
  }

  /// A consumer of everything that reads the feed's ring.
  [[nodiscard]] subscription subscribe() {
    auto made = subscribe(subscription_settings{});
    return made ? std::move(*made) : subscription{};
  }
  /// A consumer of what it wants, by the policy it wants. errc::bad_argument for a symbol that cannot be a name.
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    auto made = out_.subscribe(wanted);
    greet_newcomers();
    return made;
  }
  /// A handler on the network thread: see publisher::subscribe_inline.
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    auto made = out_.subscribe_inline(wanted, std::move(handler));
    greet_newcomers();
    return made;
  }

  /// Starts the network thread and returns; the connection is made there, and consumers hear of it. Connected already:
  /// nothing. The error is the system's, where no thread could be had; errc::would_block while an earlier disconnect
  /// waits for an inline handler to return.
  std::error_code connect() {
    if (on_network_thread()) return engine_->ending() ? make_error_code(errc::would_block) : std::error_code{};
    const std::lock_guard lock{mutex_};
    const bool over = engine_ != nullptr && (engine_->ending() || engine_->given_up());
    if (over) (void)end_engine();  // an inline handler has disconnected, or the session has given up
    if (engine_ != nullptr) return engine_->ending() ? make_error_code(errc::would_block) : std::error_code{};
    out_.interrupt(false);
    replace_engine(std::make_unique<detail::engine>(settings_, out_));
    const std::error_code failed = engine_->start(streams_now(), this);
    if (failed) end_engine();
    return failed;
  }

  /// Says goodbye to the venue and ends the network thread; what consumers have not read yet stays readable.
  /// Idempotent. An inline handler that calls it only begins it. errc::timeout where something would not end in time.
  std::error_code disconnect() {
    out_.interrupt(true);
    if (on_network_thread()) return engine_->stop();
    const std::lock_guard lock{mutex_};
    out_.interrupt(true);  // again: a connect() may have come between
    return engine_ != nullptr ? end_engine() : std::error_code{};
  }

  /// Begins a disconnect and returns: several feeds say goodbye at the same time when each was told so before the first
  /// disconnect() waits. Idempotent.
  void start_disconnect() {
    out_.interrupt(true);
    const std::lock_guard lock{alive_};
    if (engine_ != nullptr) engine_->start_stop();
  }
  /// Cuts off what a disconnect() still does politely, such as waiting for the venue's goodbye: for a shutdown that has
  /// run out of patience. Begins a disconnect where there was none. Never waits; disconnect() or the destructor joins.
  void abort() {
    out_.interrupt(true);
    const std::lock_guard lock{alive_};
    if (engine_ != nullptr) engine_->abort();
  }
  /// Tasks of the network thread that have not ended, by name: what a shutdown waits for. Never waits.
  [[nodiscard]] std::vector<std::string> tasks() {
    const std::lock_guard lock{alive_};
    return engine_ != nullptr ? engine_->tasks() : std::vector<std::string>{};
  }

  /// Adds streams, now and for later connections: on the connections that there are, or, where those are full, on
  /// others. errc::bad_argument, and nothing added, for a name that cannot be one; errc::would_block where the network
  /// thread does not get to what it was told before: later connections will have them.
  std::error_code subscribe_streams(const std::vector<std::string>& streams) {
    {
      const std::lock_guard lock{streams_mutex_};
      std::vector<std::string> all = settings_.given.streams;
      for (const std::string& stream : streams) {
        if (std::find(all.begin(), all.end(), stream) == all.end()) all.push_back(stream);
      }
      if (!detail::are_stream_names(all)) return errc::bad_argument;
      settings_.given.streams = std::move(all);
    }
    return tell_engine([&streams](detail::engine& running) { return running.subscribe(streams); });
  }
  /// Takes streams away, now and for later connections. errc::would_block as above.
  std::error_code unsubscribe_streams(const std::vector<std::string>& streams) {
    {
      const std::lock_guard lock{streams_mutex_};
      std::erase_if(settings_.given.streams, [&streams](const std::string& stream) {
        return std::find(streams.begin(), streams.end(), stream) != streams.end();
      });
    }
    return tell_engine([&streams](detail::engine& running) { return running.unsubscribe(streams); });
  }

  /// Which symbols come by WebSocket, from now on and for later connections; the others are polled. errc::would_block
  /// as above.
  std::error_code use_websocket(websocket_choice choice) {
    {
      const std::lock_guard lock{streams_mutex_};
      settings_.given.websocket = choice;
    }
    return tell_engine([&choice](detail::engine& running) { return running.choose(std::move(choice)); });
  }

  /// Cuts the connection as the network might; it is made again at once. For drills.
  std::error_code drop_connection() {
    return tell_engine([](detail::engine& running) { return running.drop_connection(); });
  }

  /// Replaces every connection by a new one, without a break, as it is done before the venue ends them. For drills.
  std::error_code rotate() {
    return tell_engine([](detail::engine& running) { return running.rotate(); });
  }

  /// Asks for the whole book of a symbol, such as "BTCUSDT", that has a stream of depth updates: for a consumer that
  /// keeps its own and lost some. It comes to everybody, as a depth_snapshot of all that our book holds, in its place
  /// among the updates: at once, or as soon as our book is right. errc::bad_argument where we keep no such book,
  /// errc::closed where nothing is connected, errc::would_block as above.
  std::error_code request_snapshot(std::string_view symbol) {
    {
      const std::lock_guard lock{streams_mutex_};
      const auto& all = settings_.given.streams;
      const bool kept = std::any_of(all.begin(), all.end(),
                                    [symbol](const auto& stream) { return detail::depth_symbol_of(stream) == symbol; });
      if (!kept || !settings_.given.depth_snapshots) return errc::bad_argument;
    }
    bool running = false;
    const std::error_code error = tell_engine([&](detail::engine& engine) {
      running = true;
      return engine.request_snapshot(std::string{symbol});
    });
    return running ? error : make_error_code(errc::closed);
  }

  [[nodiscard]] binance::connection_info connection_info() {
    binance::connection_info made;
    made.endpoint = settings_.websocket.host + ":" + std::to_string(settings_.websocket.port);
    with_engine([&made](detail::engine& running) { running.describe(made); });
    const feed_counters& count = counters();
    made.connects = count.connects.get();
    made.disconnects = count.disconnects.get();
    made.failed_attempts = count.failed_attempts.get();
    made.round_trip = std::chrono::nanoseconds{count.round_trip_ns.get()};
    return made;
  }
  /// Errors of the connection and of requests: by kind, in the last minute, the last one.
  [[nodiscard]] error_summary error_statistics() const {
    return settings_.given.session.errors->statistics(system_time().now());
  }
  [[nodiscard]] const feed_counters& counters() const noexcept { return out_.counters(); }

 private:
  [[nodiscard]] static detail::checked_settings checked(market_data_settings given) {
    auto made = detail::checked_settings::make(std::move(given));
    if (!made) throw std::system_error{made.error(), "binance::market_data"};
    return std::move(*made);
  }

  // Then the engine lives: nobody ends it without joining that thread.
  [[nodiscard]] bool on_network_thread() const noexcept { return detail::owner_of_this_thread == this; }

  // On the network thread without the lock: whoever holds it may be waiting for this thread to end.
  template <class Action>
  void with_engine(Action action) {
    if (on_network_thread()) return action(*engine_);
    const std::lock_guard lock{mutex_};
    if (engine_ != nullptr) action(*engine_);
  }

  // The same for a command, which there may be no room for.
  template <class Action>
  std::error_code tell_engine(Action action) {
    bool taken = true;
    with_engine([&](detail::engine& running) { taken = action(running); });
    return taken ? std::error_code{} : make_error_code(errc::would_block);
  }
  // Where there is no room for it, the network thread is behind with so much that it will greet them anyway.
  void greet_newcomers() {
    (void)tell_engine([](detail::engine& running) { return running.greet_newcomers(); });
  }

  [[nodiscard]] std::vector<std::string> streams_now() {
    const std::lock_guard lock{streams_mutex_};
    return settings_.given.streams;
  }

  std::error_code end_engine() {
    const std::error_code late = engine_->stop();
    if (engine_->stuck())
      return late;  // in a handler, which may still use it: a later disconnect or the destructor joins
    replace_engine(nullptr);
    return late;
  }

  // The old one dies without anybody waiting for it.
  void replace_engine(std::unique_ptr<detail::engine> by) {
    const std::lock_guard lock{alive_};
    engine_.swap(by);
  }

  detail::checked_settings settings_;  // constant but for the streams, which streams_mutex_ guards
  std::mutex streams_mutex_;
  publisher out_;
  std::mutex mutex_;  // held while an engine starts and stops
  std::mutex alive_;  // held while it is replaced or used without mutex_; taken last, and never for long
  std::unique_ptr<detail::engine> engine_;
};

}  // namespace foxtrot::inline v0::binance
