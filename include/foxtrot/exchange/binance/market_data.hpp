// foxtrot/exchange/binance/market_data.hpp: live market data from Binance: the class that most programs need.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/connection_info.hpp>
#include <foxtrot/exchange/binance/detail/engines.hpp>
#include <foxtrot/exchange/binance/detail/feed_parts.hpp>
#include <foxtrot/exchange/binance/detail/stream_shares.hpp>
#include <foxtrot/exchange/binance/engine.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/error_statistics.hpp>
#include <foxtrot/feed/inline_consumer.hpp>
#include <foxtrot/feed/line_race.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/market/subscription_settings.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
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
/// does not work or is not wanted, and ends when told to. Every function may be called from any thread, inline handlers
/// included; only the destructor may not run on a network thread, of which it has several on request.
class market_data : private live_object<market_data> {
 public:
  /// Checks the settings; nothing is connected yet. Throws std::system_error for a stream name, URL or certificate file
  /// that cannot be right.
  explicit market_data(market_data_settings settings)
      : settings_{checked(std::move(settings))}, shares_{settings_.given.network.threads}, parts_{settings_} {
    shares_.add(settings_.given.streams);
    parts_.use(shares_);
  }
  market_data(const market_data&) = delete;
  market_data& operator=(const market_data&) = delete;
  /// Disconnects; consumers read what is there and then see the end.
  ~market_data() {
    disconnect();
    if (engines_ != nullptr) engines_->join();
    replace_engines(nullptr);
    parts_.close();
  }

  /// A consumer of everything that reads the feed's ring.
  [[nodiscard]] subscription subscribe() {
    auto made = subscribe(subscription_settings{});
    return made ? std::move(*made) : subscription{};
  }
  /// A consumer of what it wants, by the policy it wants. errc::bad_argument for a symbol that cannot be a name. With
  /// several network threads it has a queue of that capacity for each.
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    auto made = parts_.subscribe(wanted);
    greet_newcomers();
    return made;
  }
  /// A handler on the network thread: see publisher::subscribe_inline. Several network threads call it AT THE SAME
  /// TIME, each with the ticks of its own symbols, so what is shared in there needs a lock; but with one status at a
  /// time.
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    auto made = parts_.subscribe_inline(wanted, std::move(handler));
    greet_newcomers();
    return made;
  }

  /// Starts the network thread and returns; the connection is made there, and consumers hear of it. Connected already:
  /// nothing. The error is the system's, where no thread could be had, and then none runs; errc::would_block while an
  /// earlier disconnect waits for an inline handler to return.
  std::error_code connect() {
    if (on_network_thread()) return engines_->ending() ? make_error_code(errc::would_block) : std::error_code{};
    const std::lock_guard lock{mutex_};
    const bool over = engines_ != nullptr && (engines_->ending() || engines_->given_up());
    if (over) (void)end_engines();  // an inline handler has disconnected, or a session has given up
    if (engines_ != nullptr) return engines_->ending() ? make_error_code(errc::would_block) : std::error_code{};
    parts_.interrupt(false);
    replace_engines(made_engines());
    const std::error_code failed = engines_->start([this](std::size_t thread) { return wanted_of(thread); }, this);
    if (failed) end_engines();
    return failed;
  }

  /// Says goodbye to the venue and ends the network thread; what consumers have not read yet stays readable.
  /// Idempotent. An inline handler that calls it only begins it. errc::timeout where something would not end in time.
  std::error_code disconnect() {
    parts_.interrupt(true);
    if (on_network_thread()) return engines_->stop();
    const std::lock_guard lock{mutex_};
    parts_.interrupt(true);  // again: a connect() may have come between
    return engines_ != nullptr ? end_engines() : std::error_code{};
  }

  /// Begins a disconnect and returns: several feeds say goodbye at the same time when each was told so before the first
  /// disconnect() waits. Idempotent.
  void start_disconnect() {
    parts_.interrupt(true);
    const std::lock_guard lock{alive_};
    if (engines_ != nullptr) engines_->start_stop();
  }
  /// Cuts off what a disconnect() still does politely, such as waiting for the venue's goodbye: for a shutdown that has
  /// run out of patience. Begins a disconnect where there was none. Never waits; disconnect() or the destructor joins.
  void abort() {
    parts_.interrupt(true);
    const std::lock_guard lock{alive_};
    if (engines_ != nullptr) engines_->abort();
  }
  /// Tasks of the network thread that have not ended, by name: what a shutdown waits for. Never waits.
  [[nodiscard]] std::vector<std::string> tasks() {
    const std::lock_guard lock{alive_};
    return engines_ != nullptr ? engines_->tasks() : std::vector<std::string>{};
  }

  /// Adds streams, now and for later connections: on the connections that there are, or, where those are full, on
  /// others. errc::bad_argument, and nothing added, for a name that cannot be one; errc::would_block where the network
  /// thread does not get to what it was told before: later connections will have them.
  std::error_code subscribe_streams(const std::vector<std::string>& streams) {
    detail::stream_shares::shares by_thread;
    {
      const std::lock_guard lock{streams_mutex_};
      std::vector<std::string> all = settings_.given.streams;
      const auto before = static_cast<std::ptrdiff_t>(all.size());
      for (const std::string& stream : streams) {
        if (std::find(all.begin(), all.end(), stream) == all.end()) all.push_back(stream);
      }
      if (!detail::are_stream_names(all)) return errc::bad_argument;
      shares_.add({all.begin() + before, all.end()});
      parts_.use(shares_);
      settings_.given.streams = std::move(all);
      by_thread = shares_.split(streams);
    }
    return tell_threads(by_thread, [](detail::engine& running, auto& its) { return running.subscribe(its); });
  }
  /// Takes streams away, now and for later connections. errc::would_block as above.
  std::error_code unsubscribe_streams(const std::vector<std::string>& streams) {
    detail::stream_shares::shares by_thread;
    {
      const std::lock_guard lock{streams_mutex_};
      shares_.remove(detail::take_away(settings_.given.streams, streams));
      parts_.use(shares_);
      by_thread = shares_.split(streams);
    }
    return tell_threads(by_thread, [](detail::engine& running, auto& its) { return running.unsubscribe(its); });
  }

  /// Which symbols come by WebSocket, from now on and for later connections; the others are polled. errc::would_block
  /// as above.
  std::error_code use_websocket(websocket_choice choice) {
    {
      const std::lock_guard lock{streams_mutex_};
      settings_.given.websocket = choice;
    }
    return tell_engines([&choice](detail::engine& running) { return running.choose(choice); });
  }

  /// Cuts the connection as the network might; it is made again at once. For drills.
  std::error_code drop_connection() {
    return tell_engines([](detail::engine& running) { return running.drop_connection(); });
  }
  /// Replaces every connection by a new one, without a break, as it is done before the venue ends them. For drills.
  std::error_code rotate() {
    return tell_engines([](detail::engine& running) { return running.rotate(); });
  }

  /// Asks for the whole book of a symbol, such as "BTCUSDT", that has a stream of depth updates: for a consumer that
  /// keeps its own and lost some. It comes to everybody, as a depth_snapshot of all that our book holds, in its place
  /// among the updates: at once, or as soon as our book is right. errc::bad_argument where we keep no such book,
  /// errc::closed where nothing is connected, errc::would_block as above.
  std::error_code request_snapshot(std::string_view symbol) {
    std::size_t thread = 0;
    {
      const std::lock_guard lock{streams_mutex_};
      thread = shares_.thread_of_symbol(symbol);
      const auto& all = settings_.given.streams;
      const bool kept = std::any_of(all.begin(), all.end(),
                                    [symbol](const auto& stream) { return detail::depth_symbol_of(stream) == symbol; });
      if (!kept || !settings_.given.depth_snapshots) return errc::bad_argument;
    }
    std::error_code error = make_error_code(errc::closed);
    const auto ask = [symbol](detail::engine& its) { return its.request_snapshot(std::string{symbol}); };
    with_engines([&](detail::engines& all) { error = outcome_of(all.tell(thread, ask)); });
    return error;
  }

  [[nodiscard]] binance::connection_info connection_info() {
    binance::connection_info made;
    made.endpoint = settings_.websocket.host + ":" + std::to_string(settings_.websocket.port);
    with_engines([&made](detail::engines& running) { running.describe(made); });
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
  /// Of connections that carry the same streams: who was first, and by how much.
  [[nodiscard]] foxtrot::line_statistics line_statistics() const { return parts_.line_statistics(); }
  /// How long ticks took from the kernel to the read, and from there until published, of all network threads together;
  /// the way on is in each subscription's. Empty where the settings say so.
  [[nodiscard]] latency_report latency() const { return parts_.latency(); }
  /// As it goes. With several network threads what all of them had counted when this was called last, here or anywhere.
  [[nodiscard]] const feed_counters& counters() const { return parts_.counters(); }

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
  void with_engines(Action action) {
    if (on_network_thread()) return action(*engines_);
    const std::lock_guard lock{mutex_};
    if (engines_ != nullptr) action(*engines_);
  }

  // The same for a command to each thread, which there may be no room for; and for what is each thread's own.
  template <class Action>
  std::error_code tell_engines(Action action) {
    bool taken = true;
    with_engines([&](detail::engines& running) { taken = running.tell(action); });
    return outcome_of(taken);
  }
  template <class Action>
  std::error_code tell_threads(const detail::stream_shares::shares& by_thread, Action action) {
    bool taken = true;
    with_engines([&](detail::engines& running) {
      for (std::size_t i = 0; i < by_thread.size(); ++i) {
        if (by_thread[i].empty()) continue;
        taken = running.tell(i, [&](detail::engine& its) { return action(its, by_thread[i]); }) && taken;
      }
    });
    return outcome_of(taken);
  }
  [[nodiscard]] static std::error_code outcome_of(bool taken) {
    return taken ? std::error_code{} : make_error_code(errc::would_block);
  }
  // Where there is no room for it, the network thread is behind with so much that it will greet them anyway.
  void greet_newcomers() {
    (void)tell_engines([](detail::engine& running) { return running.greet_newcomers(); });
  }

  [[nodiscard]] detail::wanted_streams wanted_of(std::size_t thread) {
    const std::lock_guard lock{streams_mutex_};
    return {std::move(shares_.split(settings_.given.streams)[thread]), settings_.given.websocket};
  }
  [[nodiscard]] std::unique_ptr<detail::engines> made_engines() {
    const std::lock_guard lock{streams_mutex_};
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].settings.given.websocket = settings_.given.websocket;
    return std::make_unique<detail::engines>(parts_);
  }

  std::error_code end_engines() {
    const std::error_code late = engines_->stop();
    if (engines_->stuck())
      return late;  // in a handler, which may still use it: a later disconnect or the destructor joins
    replace_engines(nullptr);
    return late;
  }

  // The old ones die without anybody waiting for it.
  void replace_engines(std::unique_ptr<detail::engines> by) {
    const std::lock_guard lock{alive_};
    engines_.swap(by);
  }

  detail::checked_settings settings_;  // constant but for the streams and the choice, which streams_mutex_ guards
  std::mutex streams_mutex_;
  detail::stream_shares shares_;  // likewise
  detail::feed_parts parts_;
  std::mutex mutex_;  // held while engines start and stop
  std::mutex alive_;  // held while they are replaced or used without mutex_; taken last, and never for long
  std::unique_ptr<detail::engines> engines_;
};

}  // namespace foxtrot::inline v0::binance
