// foxtrot/net/async_thread_bridge.hpp: an event loop on a thread of its own, and the way in from other threads.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/detail/loop_call.hpp>
#include <foxtrot/net/detail/loop_pulse.hpp>
#include <foxtrot/net/detail/loop_turns.hpp>
#include <foxtrot/net/poller.hpp>
#include <foxtrot/net/task_name.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/queue/idle.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/worker.hpp>

#include <asio/executor_work_guard.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace foxtrot::inline v0 {

struct bridge_settings {
  placement network{.name = "net"};
  idle waiting{idle::block};
  std::chrono::milliseconds start_timeout{1000};
  std::chrono::microseconds spin_for{200};  ///< adaptive: how long to look for work before sleeping
  /// A sleeping loop wakes this often to beat, and to see how late it is. 0: never; its sleep is expected_silence then,
  /// and so is whatever work wakes it.
  std::chrono::milliseconds beat_every{50};
};

/// A moment's view of a loop. The times are measured by the beats of `beat_every`, and 0 where there are none.
struct bridge_health {
  bool running{false};                      ///< the thread turns the loop
  std::uint64_t beats{0};                   ///< of the loop so far
  std::chrono::nanoseconds since_beat{0};   ///< since the last timed beat
  std::chrono::nanoseconds loop_lag{0};     ///< how late that one was; or how late the next one is, if later already
  std::chrono::nanoseconds longest_lag{0};  ///< of all so far
  std::size_t queued{0};                    ///< what post, call and spawn were given and the loop has not begun
  std::size_t tasks{0};                     ///< in the bridge's scope
};

/// Starts once, stops once. `context`, `timers`, `scope` and `add_poller` belong to the loop thread (before `start`: to
/// the owner); everything else may be called from any thread, callbacks on the loop included.
class async_thread_bridge : private live_object<async_thread_bridge> {
 public:
  explicit async_thread_bridge(bridge_settings settings = {}, diagnostics log = {}, time_source& time = system_time())
      : settings_{std::move(settings)},
        log_{std::move(log)},
        pulse_{loop_, settings_.beat_every},
        timers_{loop_, time} {}
  async_thread_bridge(const async_thread_bridge&) = delete;
  async_thread_bridge& operator=(const async_thread_bridge&) = delete;
  /// Stops and joins. Not on the loop thread.
  ~async_thread_bridge() { join(default_patience); }

  /// Returns once the loop turns. Again while running: nothing. errc::closed after `stop`, errc::timeout where the loop
  /// did not turn in time, the system's error where no thread could be made. No thread is left behind on failure, but
  /// one that a handler posted before will not let go: `has_thread` then, and `join` or the destructor waits for it.
  [[nodiscard]] std::error_code start() {
    const auto already = [this]() -> std::error_code {
      if (stopping_.load(std::memory_order_relaxed)) return errc::closed;
      return {};
    };
    if (on_loop_thread()) return already();
    const std::lock_guard lock{control_};
    if (thread_) return already();
    if (calls_->closed()) return errc::closed;
    try {
      thread_.emplace(settings_.network, [this](std::stop_token) { run(); }, log_);
    } catch (const std::system_error& failure) {
      return failure.code();
    }
    const auto turning = call([] {}, settings_.start_timeout);
    if (turning) (void)stop_locked(std::chrono::milliseconds{0}, true);
    return turning;
  }

  /// Cancels the scope, waits for its tasks, ends the loop, joins. Idempotent. errc::timeout: `patience` passed first;
  /// the loop was ended over the heads of its tasks, which the diagnostics name. On the loop thread it only asks, and
  /// the owner's `stop` or destructor joins.
  std::error_code stop(std::chrono::milliseconds patience = default_patience) {
    if (on_loop_thread()) {
      begin_stop(patience);
      return {};
    }
    const std::lock_guard lock{control_};
    return stop_locked(patience, false);
  }

  /// Stops, and joins however long a handler on the loop still takes. Not on the loop thread. What is left in the loop
  /// then belongs to the caller's thread.
  void join(std::chrono::milliseconds patience = std::chrono::milliseconds{0}) {
    (void)stop(patience);
    loop_.stop();
    const std::lock_guard lock{control_};
    thread_.reset();
  }

  /// True from start until stop or join has joined the thread.
  [[nodiscard]] bool has_thread() {
    if (on_loop_thread()) return true;
    const std::lock_guard lock{control_};
    return thread_.has_value();
  }

  [[nodiscard]] asio::io_context& context() noexcept { return loop_; }
  [[nodiscard]] timer_queue& timers() noexcept { return timers_; }
  [[nodiscard]] task_scope& scope() noexcept { return scope_; }
  [[nodiscard]] idle waiting() const noexcept { return settings_.waiting; }
  [[nodiscard]] bool on_loop_thread() const noexcept {
    return loop_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();  // only equal if we stored it
  }

  /// How the loop is. Any thread, at any time; a few loads and a look at the clock.
  [[nodiscard]] bridge_health health() const noexcept {
    const auto times = pulse_.read();
    return {.running = loop_thread_.load(std::memory_order_relaxed) != std::thread::id{},
            .beats = pulse_.line()->read().beats,
            .since_beat = times.since,
            .loop_lag = times.lag,
            .longest_lag = times.longest,
            .queued = queued_.load(std::memory_order_relaxed),
            .tasks = scope_.live()};
  }
  /// The loop thread's heartbeat, for a monitor: at every turn of a loop that spins, every `beat_every` of one that
  /// sleeps. `waiting` while there is no thread. Any thread.
  [[nodiscard]] const std::shared_ptr<heartbeat>& pulse() const noexcept { return pulse_.line(); }

  /// Runs `work` on the loop, never from inside this call. Dropped if the loop ends first. What it throws is reported.
  template <std::invocable Work>
  void post(Work work) {
    asio::post(loop_, [entry = queued{queued_}, work = std::move(work)]() mutable {
      entry.leave();
      work();
    });
  }

  /// Runs `work` on the loop and waits for what it returns: result<R>, or std::error_code where it returns nothing.
  /// After errc::timeout or errc::closed `work` has not run and never will, so it may refer to the caller's variables;
  /// once begun it is waited for to its end. What it throws is thrown here. At once when already on the loop thread.
  template <std::invocable Work>
  detail::loop_call_result<std::invoke_result_t<Work&>> call(Work work, std::chrono::nanoseconds patience) {
    detail::loop_call<std::invoke_result_t<Work&>> state;
    if (on_loop_thread()) {
      state.run(work);
      return state.take();
    }
    const auto ticket = calls_->admit();
    if (!ticket) return make_error_code(errc::closed);
    post([ticket, &state, work = std::move(work)]() mutable {
      if (!ticket->begin()) return;  // the caller is gone, and so is `state`
      state.run(work);
      ticket->finish();
    });
    const std::error_code outcome = ticket->wait(patience);
    calls_->forget(ticket);
    if (outcome) return outcome;
    return state.take();
  }

  /// Starts a task in the scope. Dropped if the loop ends first or the scope is closing.
  void spawn(task_name name, task<> work) {
    post([this, name = std::move(name), work = std::move(work)]() mutable {
      (void)scope_.spawn(std::move(name), std::move(work));
    });
  }

  /// Called at every turn while the loop spins, never while it is set to block. Returns whether it found work.
  [[nodiscard]] poller_handle add_poller(std::function<bool()> poll) { return turns_.add_poller(std::move(poll)); }

 private:
  static constexpr std::chrono::milliseconds default_patience{2000};
  static constexpr std::chrono::milliseconds grace{100};  // for a loop that was told to end over its tasks' heads

  // One piece of work that waits, for as long as it does: until it begins, or the loop drops it.
  class queued {
   public:
    // relaxed: the count stands alone
    explicit queued(std::atomic<std::size_t>& count) noexcept : count_{&count} {
      count.fetch_add(1, std::memory_order_relaxed);
    }
    queued(queued&& other) noexcept : count_{std::exchange(other.count_, nullptr)} {}
    queued& operator=(queued&&) = delete;
    ~queued() { leave(); }
    void leave() noexcept {
      if (count_ != nullptr) std::exchange(count_, nullptr)->fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    std::atomic<std::size_t>* count_;
  };

  void run() {
    const heartbeat::adopted mine{*pulse_.line()};
    loop_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    pulse_.begin();
    while (!loop_.stopped()) guarded([this] { turns_.turn(); });
    pulse_.disarm();
    // What was posted before the end still runs, within reason: it holds frames that want to be destroyed here.
    loop_.restart();
    for (unsigned left = 1024; left != 0; --left) {
      bool more = false;
      guarded([&] { more = loop_.poll_one() != 0; });
      if (!more) break;
    }
    loop_.stop();
    calls_->close();
    pulse_.rest();
    loop_thread_.store({}, std::memory_order_relaxed);
  }

  template <std::invocable Work>
  void guarded(Work work) {
    try {
      work();
    } catch (const std::exception& failure) {
      log_.report(severity::error, settings_.network.name, failure.what());
    } catch (...) {
      log_.report(severity::error, settings_.network.name, "something that is no std::exception");
    }
  }

  void begin_stop(std::chrono::milliseconds patience) {
    if (stopping_.exchange(true, std::memory_order_relaxed)) return;
    asio::post(loop_, [this, patience] { asio::co_spawn(loop_, finish(patience), asio::detached); });
  }

  task<> finish(std::chrono::milliseconds patience) {
    (void)co_await scope_.close(timers_, patience);
    loop_.stop();
  }

  std::error_code stop_locked(std::chrono::milliseconds patience, bool failed_start) {
    if (!thread_) {
      calls_->close();  // never started: it never will
      return {};
    }
    begin_stop(patience);
    // The wall's clock here: the loop's may be standing still, and the loop itself may be stuck.
    if (failed_start || !thread_->finished_within(patience + grace)) {
      loop_.stop();
      if (!thread_->finished_within(grace)) return errc::timeout;  // stuck in a handler; joined later
    }
    thread_->join();
    thread_.reset();
    if (scope_.live() != 0) return errc::timeout;
    return {};
  }

  const bridge_settings settings_;
  const diagnostics log_;
  std::atomic<std::size_t> queued_{0};
  // The loop dies last: frames that are still in it are destroyed by its destructor.
  asio::io_context loop_{1};
  asio::executor_work_guard<io_executor> busy_{loop_.get_executor()};
  detail::loop_pulse pulse_;
  timer_queue timers_;
  task_scope scope_{loop_, "bridge", &log_};
  detail::loop_turns turns_{loop_, timers_, pulse_, settings_.waiting, settings_.spin_for};

  std::atomic<std::thread::id> loop_thread_{};
  std::atomic<bool> stopping_{false};
  const std::shared_ptr<detail::loop_calls> calls_{std::make_shared<detail::loop_calls>()};
  std::mutex control_;  // start and stop, one at a time
  std::optional<worker> thread_;
};

}  // namespace foxtrot::inline v0
