// foxtrot/exchange/binance/detail/live_feed.hpp: what a market_data is made of, with all of its machinery.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/connection_info.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
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

namespace foxtrot::inline v0::binance::detail {

/// Does what market_data promises; threads as there.
class live_feed : private live_object<live_feed> {
 public:
  explicit live_feed(market_data_settings settings)
      : settings_{checked(std::move(settings))}, shares_{settings_.given.network.threads}, parts_{settings_} {
    shares_.add(settings_.given.streams);
    parts_.use(shares_);
  }
  live_feed(const live_feed&) = delete;
  live_feed& operator=(const live_feed&) = delete;
  ~live_feed() { close(); }

  // What the owner's destructor does; any number of times, and not on a network thread.
  void close() {
    disconnect();
    if (engines_ != nullptr) engines_->join();
    replace_engines(nullptr);
    parts_.close();
  }

  [[nodiscard]] subscription subscribe() {
    auto made = subscribe(subscription_settings{});
    return made ? std::move(*made) : subscription{};
  }
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    auto made = parts_.subscribe(wanted);
    greet_newcomers();
    return made;
  }
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    auto made = parts_.subscribe_inline(wanted, std::move(handler));
    greet_newcomers();
    return made;
  }

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

  std::error_code disconnect() {
    parts_.interrupt(true);
    if (on_network_thread()) return engines_->stop();
    const std::lock_guard lock{mutex_};
    parts_.interrupt(true);  // again: a connect() may have come between
    return engines_ != nullptr ? end_engines() : std::error_code{};
  }

  void start_disconnect() {
    parts_.interrupt(true);
    const std::lock_guard lock{alive_};
    if (engines_ != nullptr) engines_->start_stop();
  }
  void abort() {
    parts_.interrupt(true);
    const std::lock_guard lock{alive_};
    if (engines_ != nullptr) engines_->abort();
  }
  [[nodiscard]] std::vector<std::string> tasks() {
    const std::lock_guard lock{alive_};
    return engines_ != nullptr ? engines_->tasks() : std::vector<std::string>{};
  }

  std::error_code subscribe_streams(const std::vector<std::string>& streams) {
    stream_shares::shares by_thread;
    {
      const std::lock_guard lock{streams_mutex_};
      std::vector<std::string> all = settings_.given.streams;
      const auto before = static_cast<std::ptrdiff_t>(all.size());
      for (const std::string& stream : streams) {
        if (std::find(all.begin(), all.end(), stream) == all.end()) all.push_back(stream);
      }
      if (!are_stream_names(all)) return errc::bad_argument;
      shares_.add({all.begin() + before, all.end()});
      parts_.use(shares_);
      settings_.given.streams = std::move(all);
      by_thread = shares_.split(streams);
    }
    return tell_threads(by_thread, [](engine& running, auto& its) { return running.subscribe(its); });
  }
  std::error_code unsubscribe_streams(const std::vector<std::string>& streams) {
    stream_shares::shares by_thread;
    {
      const std::lock_guard lock{streams_mutex_};
      shares_.remove(take_away(settings_.given.streams, streams));
      parts_.use(shares_);
      by_thread = shares_.split(streams);
    }
    return tell_threads(by_thread, [](engine& running, auto& its) { return running.unsubscribe(its); });
  }

  std::error_code use_websocket(websocket_choice choice) {
    {
      const std::lock_guard lock{streams_mutex_};
      settings_.given.websocket = choice;
    }
    return tell_engines([&choice](engine& running) { return running.choose(choice); });
  }

  std::error_code drop_connection() {
    return tell_engines([](engine& running) { return running.drop_connection(); });
  }
  std::error_code rotate() {
    return tell_engines([](engine& running) { return running.rotate(); });
  }

  std::error_code request_snapshot(std::string_view symbol) {
    std::size_t thread = 0;
    {
      const std::lock_guard lock{streams_mutex_};
      thread = shares_.thread_of_symbol(symbol);
      const auto& all = settings_.given.streams;
      const bool kept = std::any_of(all.begin(), all.end(),
                                    [symbol](const auto& stream) { return depth_symbol_of(stream) == symbol; });
      if (!kept || !settings_.given.depth_snapshots) return errc::bad_argument;
    }
    std::error_code error = make_error_code(errc::closed);
    const auto ask = [symbol](engine& its) { return its.request_snapshot(std::string{symbol}); };
    with_engines([&](engines& all) { error = outcome_of(all.tell(thread, ask)); });
    return error;
  }

  [[nodiscard]] binance::connection_info connection_info() {
    binance::connection_info made;
    made.endpoint = settings_.websocket.host + ":" + std::to_string(settings_.websocket.port);
    with_engines([&made](engines& running) { running.describe(made); });
    const feed_counters& count = counters();
    made.connects = count.connects.get();
    made.disconnects = count.disconnects.get();
    made.failed_attempts = count.failed_attempts.get();
    made.round_trip = std::chrono::nanoseconds{count.round_trip_ns.get()};
    return made;
  }
  [[nodiscard]] error_summary error_statistics() const {
    return settings_.given.session.errors->statistics(system_time().now());
  }
  [[nodiscard]] foxtrot::line_statistics line_statistics() const { return parts_.line_statistics(); }
  [[nodiscard]] latency_report latency() const { return parts_.latency(); }
  [[nodiscard]] const feed_counters& counters() const { return parts_.counters(); }

 private:
  [[nodiscard]] static checked_settings checked(market_data_settings given) {
    auto made = checked_settings::make(std::move(given));
    if (!made) throw std::system_error{made.error(), "binance::market_data"};
    return std::move(*made);
  }

  // Then the engine lives: nobody ends it without joining that thread.
  [[nodiscard]] bool on_network_thread() const noexcept { return owner_of_this_thread == this; }

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
    with_engines([&](engines& running) { taken = running.tell(action); });
    return outcome_of(taken);
  }
  template <class Action>
  std::error_code tell_threads(const stream_shares::shares& by_thread, Action action) {
    bool taken = true;
    with_engines([&](engines& running) {
      for (std::size_t i = 0; i < by_thread.size(); ++i) {
        if (by_thread[i].empty()) continue;
        taken = running.tell(i, [&](engine& its) { return action(its, by_thread[i]); }) && taken;
      }
    });
    return outcome_of(taken);
  }
  [[nodiscard]] static std::error_code outcome_of(bool taken) {
    return taken ? std::error_code{} : make_error_code(errc::would_block);
  }
  // Where there is no room for it, the network thread is behind with so much that it will greet them anyway.
  void greet_newcomers() {
    (void)tell_engines([](engine& running) { return running.greet_newcomers(); });
  }

  [[nodiscard]] wanted_streams wanted_of(std::size_t thread) {
    const std::lock_guard lock{streams_mutex_};
    return {std::move(shares_.split(settings_.given.streams)[thread]), settings_.given.websocket};
  }
  [[nodiscard]] std::unique_ptr<engines> made_engines() {
    const std::lock_guard lock{streams_mutex_};
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].settings.given.websocket = settings_.given.websocket;
    return std::make_unique<engines>(parts_);
  }

  std::error_code end_engines() {
    const std::error_code late = engines_->stop();
    if (engines_->stuck())
      return late;  // in a handler, which may still use it: a later disconnect or the destructor joins
    replace_engines(nullptr);
    return late;
  }

  // The old ones die without anybody waiting for it.
  void replace_engines(std::unique_ptr<engines> by) {
    const std::lock_guard lock{alive_};
    engines_.swap(by);
  }

  checked_settings settings_;  // constant but for the streams and the choice, which streams_mutex_ guards
  std::mutex streams_mutex_;
  stream_shares shares_;  // likewise
  feed_parts parts_;
  std::mutex mutex_;  // held while engines start and stop
  std::mutex alive_;  // held while they are replaced or used without mutex_; taken last, and never for long
  std::unique_ptr<engines> engines_;
};

}  // namespace foxtrot::inline v0::binance::detail
