// foxtrot/feed/websocket_manager.hpp: one logical connection that stays up: connect, subscribe, read, reconnect.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/live_connection.hpp>
#include <foxtrot/feed/protocol.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/feed/stream_watcher.hpp>
#include <foxtrot/feed/subscription_set.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/backoff.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/websocket/close.hpp>

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Makes the connection that a session runs over: TLS in production, memory in a test. Limits its own time.
template <class D>
concept dialer = requires(D& dial, timer_queue& timers) {
  typename D::stream_type;
  { dial.connect(timers) } -> std::same_as<task<result<typename D::stream_type>>>;
};

/// Keeps one WebSocket session alive until it is stopped: connects, subscribes to what is wanted, publishes what comes,
/// reconnects with full-jitter backoff (the first retry at once, after a connection that was healthy) and subscribes
/// again. Every step has a deadline, every loss is published in order with the ticks. Loop thread only, except state().
template <venue_protocol Protocol, dialer Dialer>
class websocket_manager : private live_object<websocket_manager<Protocol, Dialer>> {
 public:
  websocket_manager(async_thread_bridge& bridge, publisher& out, Protocol& protocol, Dialer dial,
                    session_settings settings, const diagnostics& log)
      : bridge_{bridge},
        timers_{bridge.timers()},
        out_{out},
        protocol_{protocol},
        dial_{std::move(dial)},
        settings_{std::move(settings)},
        log_{log},
        errors_{settings_.errors != nullptr ? settings_.errors : std::make_shared<websocket_error_handler>()},
        place_{settings_.upgrade.host + ":" + std::to_string(settings_.upgrade.port)},
        retry_{settings_.retry} {}
  websocket_manager(const websocket_manager&) = delete;
  websocket_manager& operator=(const websocket_manager&) = delete;
  ~websocket_manager() = default;

  /// Called on the loop after each `connected`, and for streams that the venue has confirmed.
  std::function<void()> on_connected;
  detail::confirmation_handler on_confirmed;

  /// Begins; once.
  void start() { (void)scope_.spawn("session", run()); }

  /// Ends: a close frame and a moment for the answer where there is a connection, else at once. Idempotent.
  /// errc::timeout where a task would not end within `patience`; the diagnostics name it.
  [[nodiscard]] task<std::error_code> stop(steady_time::duration patience) {
    closing_ = true;
    if (live_ != nullptr) {
      set_state(session_state::closing);
      live_->start_close();
      const deadline limit{timers_, steady_time::duration{settings_.close_timeout}, [this] { ended_.notify(); }};
      (void)co_await ended_.wait();
    }
    co_return co_await scope_.close(timers_, patience);
  }

  /// Asks the session to end without a word: it does so when the loop next runs.
  void cancel() {
    closing_ = true;
    scope_.cancel();
  }

  void subscribe(std::span<const std::string> streams) {
    wanted_.want(streams);
    if (live_ != nullptr) live_->send_requests();
  }
  void unsubscribe(std::span<const std::string> streams) {
    wanted_.unwant(streams);
    for (const std::string& stream : streams) ages_.forget(stream);
    if (live_ != nullptr) live_->send_requests();
  }
  [[nodiscard]] const subscription_set& subscriptions() const noexcept { return wanted_; }

  /// Resets the connection as if the network had failed: for tests and for users who know better.
  void drop(std::error_code reason) {
    if (live_ != nullptr) live_->fail(reason);
  }

  /// The names of the tasks that have not ended. Any thread.
  [[nodiscard]] std::vector<std::string> tasks() const { return scope_.names(); }
  [[nodiscard]] session_state state() const noexcept { return state_.load(std::memory_order_relaxed); }
  /// Why the last attempt or connection ended; zero before the first end.
  [[nodiscard]] std::error_code last_error() const noexcept { return last_error_; }

 private:
  using connection = detail::live_connection<Protocol, typename Dialer::stream_type>;

  // Whatever way a coroutine ends, cancellation included, what it registered goes.
  template <class Action>
  struct on_exit {
    Action action;
    explicit on_exit(Action what) : action{std::move(what)} {}
    on_exit(const on_exit&) = delete;
    on_exit& operator=(const on_exit&) = delete;
    ~on_exit() {
      try {
        action();
      } catch (...) {  // out of memory: the next attempt tells
      }
    }
  };

  [[nodiscard]] task<> run() {
    const on_exit end{[this] {
      if (state() != session_state::error) set_state(session_state::disconnected);
      ended_.notify();
    }};
    set_state(session_state::connecting);
    while (!closing_) {
      const auto wait = std::max(retry_.next(), std::exchange(told_to_wait_, {}));
      if (wait > steady_time::duration::zero()) {
        if (const std::error_code error = co_await timers_.sleep_for(wait)) co_return;
      }
      if (const std::error_code error = co_await within_budget()) co_return;
      if (std::exchange(tried_, true)) publish(status_code::reconnecting, {});
      ++attempts_;
      last_error_ = co_await attempt();
      if (closing_) break;
      set_state(session_state::reconnecting);
      const bool exhausted = settings_.max_attempts != 0 && attempts_ >= settings_.max_attempts;
      if (exhausted || hopeless_) {
        set_state(session_state::error);
        log_.report(severity::error, "websocket_manager", "gives up", last_error_);
        publish(status_code::disconnected, errc::attempts_exhausted);
        co_return;
      }
    }
  }

  // Returns when one more attempt is allowed; the error is cancellation.
  [[nodiscard]] task<std::error_code> within_budget() {
    while (settings_.budget != nullptr) {
      const auto later = settings_.budget->try_spend(place_, protocol_.limits().attempts, timers_.now());
      if (!later) break;
      log_.report(severity::warning, "websocket_manager", "no connection attempt is left for now");
      const steady_time::duration wait = *later - timers_.now();
      if (const std::error_code error = co_await timers_.sleep_for(wait)) co_return error;
    }
    co_return std::error_code{};
  }

  // One connection from the first packet to the last. Returns why it ended, never a zero code.
  [[nodiscard]] task<std::error_code> attempt() {
    auto stream = co_await dial_.connect(timers_);
    if (!stream) co_return failed({.code = stream.error()});
    connection live{std::move(*stream), settings_, bridge_, out_, protocol_, wanted_, confirmed_, *errors_, log_};
    if (const std::error_code error = co_await live.upgrade()) co_return failed(live.refusal(error));

    live_ = &live;
    const on_exit lost{[this, &live] { disconnected(live); }};
    set_state(session_state::connected);
    out_.counters().connects.add();
    publish(status_code::connected, {});
    live.send_requests();
    if (on_connected) on_connected();
    co_return co_await live.read_until_end();
  }

  [[nodiscard]] std::error_code failed(const session_error& error) {
    if (closing_) return error.code;
    out_.counters().failed_attempts.add();
    take_error(error);
    log_.report(severity::warning, "websocket_manager", "cannot connect", error.code);
    publish(status_code::disconnected, error.code);
    return error.code;
  }

  // Counts it, and heeds what is decided about it.
  void take_error(const session_error& error) {
    const error_decision decided = errors_->handle(error, timers_.now());
    out_.counters().count(decided.kind);
    told_to_wait_ = decided.response.delay;
    hopeless_ = !decided.response.retry;
  }

  void disconnected(connection& live) {
    live_ = nullptr;
    ages_.pause();
    wanted_.forget_answers();
    if (live.was_healthy()) {
      retry_.reset();
      attempts_ = 0;
    }
    const std::error_code reason = closing_ ? make_error_code(errc::cancelled) : live.end_reason();
    if (!closing_) {
      out_.counters().disconnects.add();
      take_error(live.why_ended());
      log_.report(severity::warning, "websocket_manager", "connection lost", reason);
    }
    publish(status_code::disconnected, reason);
  }

  void publish(status_code code, std::error_code error) {
    status_record record = make_status(code, epoch_clock::now_ns(), error);
    if (code == status_code::reconnecting) record.first = attempts_ + 1;
    publisher::batch batch{out_};
    batch.publish_status(record, protocol_.where());
  }

  void set_state(session_state now) noexcept { state_.store(now, std::memory_order_relaxed); }  // a view for others

  async_thread_bridge& bridge_;
  timer_queue& timers_;
  publisher& out_;
  Protocol& protocol_;
  Dialer dial_;
  const session_settings settings_;
  const diagnostics& log_;
  const std::shared_ptr<websocket_error_handler> errors_;
  const std::string place_;
  task_scope scope_{bridge_.context(), "websocket_manager", &log_};
  async_event ended_{bridge_.context()};
  backoff retry_;
  subscription_set wanted_;
  connection* live_{nullptr};  // in attempt()'s frame
  detail::stream_watcher<Protocol> ages_{settings_.ages, timers_, out_, protocol_, wanted_, log_, [this] {
                                           if (live_ != nullptr) live_->send_requests();
                                         }};
  const detail::confirmation_handler confirmed_{[this](const std::vector<std::string>& streams) {
    ages_.watch(streams);
    if (on_confirmed) on_confirmed(streams);
  }};
  std::error_code last_error_;
  steady_time::duration told_to_wait_{};  // because of the last error
  std::uint64_t attempts_{0};             // since the last healthy connection
  bool tried_{false};
  bool hopeless_{false};  // the last error is not to be tried again
  bool closing_{false};
  std::atomic<session_state> state_{session_state::disconnected};
};

}  // namespace foxtrot::inline v0
