// foxtrot/feed/websocket_manager.hpp: one logical connection that stays up: connect, subscribe, read, reconnect.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/detail/on_exit.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/detail/turnstile.hpp>
#include <foxtrot/feed/dialer.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/line_group.hpp>
#include <foxtrot/feed/live_connection.hpp>
#include <foxtrot/feed/protocol.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_group.hpp>
#include <foxtrot/feed/session_hooks.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/feed/stream_watcher.hpp>
#include <foxtrot/feed/subscription_set.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/circuit_breaker.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/websocket/handshake.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Keeps one WebSocket session alive until it is stopped: connects, subscribes to what is wanted, publishes what comes,
/// reconnects with full-jitter backoff (the first retry at once, after a connection that was healthy) and subscribes
/// again. Every step has a deadline, every loss is published in order with the ticks. With a circuit breaker it tries
/// no more often than that allows. Loop thread only, except state() and tasks().
template <venue_protocol Protocol, dialer Dialer>
class websocket_manager : public session_hooks, private live_object<websocket_manager<Protocol, Dialer>> {
 public:
  /// Sessions of one feed have their `place` in its groups: consumers hear of all as of one connection.
  websocket_manager(async_thread_bridge& bridge, publisher& out, Protocol& protocol, Dialer dial,
                    session_settings settings, const diagnostics& log, const line_place& place = {})
      : bridge_{bridge},
        timers_{bridge.timers()},
        out_{out},
        protocol_{protocol},
        dial_{std::move(dial)},
        settings_{std::move(settings)},
        log_{log},
        errors_{settings_.errors != nullptr ? settings_.errors : std::make_shared<websocket_error_handler>()},
        group_{place.group != nullptr ? *place.group : own_group_},
        place_{place} {}
  websocket_manager(const websocket_manager&) = delete;
  websocket_manager& operator=(const websocket_manager&) = delete;
  ~websocket_manager() {
    if (joined_) group_.leave();
  }

  /// Begins; again after it has given up, or was told to rest.
  void start() {
    if (running_) {
      again_ = closing_;
      return;
    }
    closing_ = again_ = false;
    running_ = true;
    if (!std::exchange(joined_, true)) group_.join();
    (void)scope_.spawn("session", run(end_of_run{this}));  // nothing runs once it was stopped for good
  }
  /// Says goodbye and connects no more until start().
  void rest() {
    again_ = false;
    begin_close();
    if (!running_) return;
    if (live_ == nullptr) return scope_.cancel();
    rest_due_ = timers_.call_after(steady_time::duration{settings_.close_timeout}, [this] {
      if (live_ != nullptr) live_->fail(errc::cancelled);
    });
  }
  [[nodiscard]] bool running() const noexcept { return running_ && !closing_; }

  /// Ends: a close frame and a moment for the answer where there is a connection, else at once. Idempotent.
  /// errc::timeout where a task would not end within `patience`; the diagnostics name it.
  [[nodiscard]] task<std::error_code> stop(steady_time::duration patience) {
    again_ = false;
    begin_close();
    const deadline limit{timers_, steady_time::duration{settings_.close_timeout}, [this] { ended_.notify(); }};
    while (live_ != nullptr && !limit.expired()) {  // an earlier end may have left its notification
      if (const std::error_code error = co_await ended_.wait()) break;
    }
    co_return co_await scope_.close(timers_, patience);
  }

  /// Asks the session to end without a word: it does so when the loop next runs.
  void cancel() {
    closing_ = true;
    again_ = false;
    restart_.cancel();
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
  /// Among lines that carry the same streams: see line_place.
  void lead(bool leads) { ages_.lead(leads); }

  /// Resets the connection as if the network had failed: for tests and for users who know better.
  void drop(std::error_code reason) {
    if (live_ != nullptr) live_->fail(reason);
  }

  /// The names of the tasks that have not ended. Any thread.
  [[nodiscard]] std::vector<std::string> tasks() const { return scope_.names(); }
  [[nodiscard]] session_state state() const noexcept { return state_.load(std::memory_order_relaxed); }
  /// Why the last attempt or connection ended; zero before the first end.
  [[nodiscard]] std::error_code last_error() const noexcept { return last_error_; }
  /// In state error: whether trying again could help.
  [[nodiscard]] bool hopeless() const noexcept { return hopeless_; }

 private:
  using connection = detail::live_connection<Protocol, typename Dialer::stream_type>;

  // Goes with the coroutine's frame: a session that is cancelled before it ran at all has ended, too.
  struct ender {
    void operator()(websocket_manager* self) const noexcept { self->end_run(); }
  };
  using end_of_run = std::unique_ptr<websocket_manager, ender>;

  void end_run() noexcept try {
    running_ = false;
    rest_due_.cancel();
    if (std::exchange(again_, false)) restart_ = timers_.call_at(timers_.now(), [this] { start(); });
    turns_.gate().leave();
    const bool gave_up = state() == session_state::error;  // then the feed stays without it
    if (!gave_up && std::exchange(joined_, false)) group_.leave();
    if (!gave_up) set_state(session_state::disconnected, {});
    ended_.notify();
  } catch (...) {  // out of memory
  }

  [[nodiscard]] task<> run(end_of_run) {
    attempts_ = 0;
    hopeless_ = false;
    set_state(session_state::connecting, {});
    while (!closing_) {
      if (const std::error_code error = co_await turns_.its_turn()) co_return;
      ++attempts_;
      if (std::exchange(tried_, true)) tell(make_attempt_status(epoch_clock::now_ns(), attempts_));
      last_error_ = co_await attempt();
      if (closing_) break;
      if (hopeless_ || (settings_.max_attempts != 0 && attempts_ >= settings_.max_attempts)) {
        log_.report(severity::error, "websocket_manager", "gives up", last_error_);
        tell(make_disconnected_status(epoch_clock::now_ns(), errc::attempts_exhausted, false));
        set_state(session_state::error, last_error_);
        co_return;
      }
      set_state(session_state::reconnecting, last_error_);
    }
  }

  // One connection from the first packet to the last. Returns why it ended, never a zero code.
  [[nodiscard]] task<std::error_code> attempt() {
    if (const auto wanted = client_handshake::make(settings_.upgrade); !wanted)
      co_return failed({.code = wanted.error()});
    auto stream = co_await dial_.connect(timers_);
    if (!stream) co_return failed({.code = stream.error()});
    connection live{std::move(*stream), settings_,     bridge_, out_, protocol_, wanted_, role_,
                    *errors_,           turns_.gate(), log_};
    if (const std::error_code error = co_await live.upgrade()) co_return failed(live.refusal(error));

    live_ = &live;
    const detail::on_exit lost{[this, &live] { disconnected(live); }};
    out_.counters().connects.add();
    if (group_.connected()) publish(make_status(status_code::connected, epoch_clock::now_ns()));
    set_state(session_state::connected, {});
    live.send_requests();
    on_connected();
    co_return co_await live.read_until_end();
  }

  void begin_close() {
    closing_ = true;
    restart_.cancel();
    if (live_ == nullptr) return;
    set_state(session_state::closing, {});
    live_->start_close();
  }

  [[nodiscard]] std::error_code failed(const session_error& error) {
    if (closing_) return error.code;
    out_.counters().failed_attempts.add();
    log_.report(severity::warning, "websocket_manager", "cannot connect", error.code);
    tell(make_disconnected_status(epoch_clock::now_ns(), error.code, false));
    take_error(error);
    return error.code;
  }

  // Counts it, and heeds what is decided about it.
  void take_error(const session_error& error) {
    const error_decision decided = errors_->handle(error, timers_.now());
    out_.counters().count(decided.kind);
    turns_.wait_at_least(decided.response.delay);
    hopeless_ = !decided.response.retry;
    decided.response.trips_breaker ? turns_.gate().fail(timers_.now()) : turns_.gate().leave();
  }

  void disconnected(connection& live) {
    live_ = nullptr;
    const bool announced = group_.announced();
    const bool told = group_.disconnected() && (announced || !closing_);  // several say goodbye as one
    if (place_.line != no_line) out_.line_lost(place_.line);
    ages_.pause();
    wanted_.forget_answers();
    if (live.was_healthy()) {
      turns_.begin_anew();
      attempts_ = 0;
    }
    const std::error_code reason = closing_ ? make_error_code(errc::cancelled) : live.end_reason();
    if (told) publish(make_disconnected_status(epoch_clock::now_ns(), reason, true));
    if (closing_) return;
    out_.counters().disconnects.add();
    if (!told) out_.counters().lost_lines.add();
    log_.report(severity::warning, "websocket_manager", "connection lost", reason);
    take_error(live.why_ended());
  }

  // Unless another line stands in.
  void tell(const status_record& record) {
    if (group_.up() == 0) publish(record);
  }
  void publish(const status_record& record) {
    publisher::batch batch{out_};
    batch.publish_status(record, protocol_.where());
  }

  // A view for others: orders nothing.
  void set_state(session_state now, std::error_code why) {
    if (state_.exchange(now, std::memory_order_relaxed) == now) return;
    on_state(now, why);
    if (settings_.on_state) settings_.on_state(now, why);
  }

  async_thread_bridge& bridge_;
  timer_queue& timers_;
  publisher& out_;
  Protocol& protocol_;
  Dialer dial_;
  const session_settings settings_;
  const diagnostics& log_;
  const std::shared_ptr<websocket_error_handler> errors_;
  task_scope scope_{bridge_.context(), "websocket_manager", &log_};
  async_event ended_{bridge_.context()};
  session_group alone_;
  line_group own_group_{alone_};
  line_group& group_;
  const line_place place_;
  detail::turnstile turns_{timers_, settings_, protocol_.limits().attempts, log_,
                           [this](breaker_state now) { on_breaker(now); }};
  subscription_set wanted_;
  connection* live_{nullptr};  // in attempt()'s frame
  detail::stream_watcher<Protocol> ages_{settings_.ages, timers_, out_, protocol_, wanted_, log_, place_, [this] {
                                           if (live_ != nullptr) live_->send_requests();
                                         }};
  const detail::connection_role role_{place_.line, [this](const auto& streams) { ages_.watch(streams); },
                                      [this](const auto& streams) { on_confirmed(streams); },
                                      [this] { on_shutdown(); }};
  std::error_code last_error_;
  std::uint64_t attempts_{0};  // since the last healthy connection
  bool running_{false};
  bool joined_{false};  // the group counts on it
  bool tried_{false};
  bool hopeless_{false};  // the last error is not to be tried again
  bool closing_{false};
  bool again_{false};  // start() was called before the end
  timer rest_due_;
  timer restart_;
  std::atomic<session_state> state_{session_state::disconnected};
};

}  // namespace foxtrot::inline v0
