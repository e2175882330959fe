// foxtrot/thread/shutdown_coordinator.hpp: one orderly end for everything that a program runs, by a deadline.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/thread/detail/blocked_signals.hpp>
#include <foxtrot/thread/detail/shutdown_component.hpp>
#include <foxtrot/thread/detail/shutdown_sequence.hpp>
#include <foxtrot/thread/detail/signal_name.hpp>
#include <foxtrot/thread/detail/terminate_hook.hpp>
#include <foxtrot/thread/exit_code.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/shutdown_report.hpp>
#include <foxtrot/thread/shutdown_settings.hpp>
#include <foxtrot/thread/signal_guard.hpp>
#include <foxtrot/thread/worker.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace foxtrot::inline v0 {

/// While it lives, its component is stopped with the others. Destruction takes it out: waits for an action of it that
/// runs just then (except from inside that action), and afterwards none will. May outlive the coordinator.
class registered_component : private live_object<registered_component> {
 public:
  registered_component() = default;
  registered_component(registered_component&& other) noexcept = default;
  registered_component& operator=(registered_component&& other) noexcept {
    if (this != &other) {
      reset();
      sequence_ = std::move(other.sequence_);
      which_ = std::move(other.which_);
    }
    return *this;
  }
  ~registered_component() { reset(); }

  void reset() {
    if (which_ != nullptr) sequence_->remove(which_);
    which_.reset();
    sequence_.reset();
  }
  /// False where it came too late: the shutdown was over.
  [[nodiscard]] explicit operator bool() const noexcept { return which_ != nullptr; }

 private:
  friend class shutdown_coordinator;
  registered_component(std::shared_ptr<detail::shutdown_sequence> sequence, detail::shutdown_sequence::pointer which)
      : sequence_{std::move(sequence)}, which_{std::move(which)} {}

  std::shared_ptr<detail::shutdown_sequence> sequence_;
  detail::shutdown_sequence::pointer which_;
};

/// Stops what has registered with it, the latest first, each on a thread of its own: one that hangs holds up the others
/// for its share of the time only. What does not stop in 70 % of the deadline is forced; what still runs after 95 % is
/// named to the diagnostics, and at the deadline the process ends with exit_code::stuck. Nothing happens to a program
/// that never asks for a stop.
///
/// Make it in main after the signal_guard and before everything that it is to stop. Any thread may call anything but
/// the destructor; `wait` and `shutdown` not from a thread that a component's stop waits for. A component may be added
/// while a shutdown is under way, and is stopped as well.
class shutdown_coordinator : private live_object<shutdown_coordinator> {
 public:
  /// Throws std::system_error where no thread can be made.
  explicit shutdown_coordinator(shutdown_settings settings = {}, diagnostics log = {},
                                time_source& time = system_time())
      : shutdown_coordinator{detail::blocked_signals{}, std::move(settings), std::move(log), time} {}
  /// The guard's signal begins the shutdown. The guard must live longer.
  explicit shutdown_coordinator(signal_guard& signals, shutdown_settings settings = {}, diagnostics log = {},
                                time_source& time = system_time())
      : shutdown_coordinator{detail::blocked_signals{}, std::move(settings), std::move(log), time} {
    signals_.emplace(signals.stop_token(), [this, &signals] {
      request_stop(signals.signal() != 0 ? detail::signal_name(signals.signal()) : "request");
    });
  }
  shutdown_coordinator(const shutdown_coordinator&) = delete;
  shutdown_coordinator& operator=(const shutdown_coordinator&) = delete;
  /// Shuts down what is still registered, and waits for it. Not from a component's action.
  ~shutdown_coordinator() {
    signals_.reset();
    (void)shutdown("the coordinator's end");
    terminate_.reset();
    sequence_->retire();
  }

  /// Until the handle's end, `actions` are how this component is stopped. `name` is what reports call it.
  [[nodiscard]] registered_component add(std::string name, component_actions actions) {
    auto which = sequence_->add(std::move(name), std::move(actions));
    return which != nullptr ? registered_component{sequence_, std::move(which)} : registered_component{};
  }
  /// A thread that is asked to stop and waited for. It must not be moved or destroyed before the handle.
  [[nodiscard]] registered_component add(worker& thread) {
    const auto stop = [&thread] {
      thread.request_stop();
      (void)thread.finished_within(std::chrono::nanoseconds::max());
    };
    return add(thread.name(), {.stop = stop, .who = [name = thread.name()] { return "thread " + name; }});
  }

  /// The same for a plain thread, which is joined. Its owner must not join it meanwhile.
  [[nodiscard]] registered_component add(std::string name, std::jthread& thread) {
    const auto stop = [&thread] {
      thread.request_stop();
      if (thread.joinable()) thread.join();
    };
    return add(std::move(name), {.stop = stop});
  }

  /// Stops as the first thing in a shutdown. Its callbacks run on a thread of the coordinator's.
  [[nodiscard]] std::stop_token stop_token() const noexcept { return sequence_->stop_token(); }
  /// Begins the shutdown, and returns at once. Later calls change nothing. Not from a signal handler.
  void request_stop(std::string_view reason = {}) noexcept { sequence_->begin(reason); }
  /// The same from a signal handler that somebody else owns: async-signal-safe.
  void request_stop_from_handler(int signal) noexcept { sequence_->begin_from_handler(signal); }

  /// Waits until somebody has begun a shutdown and it is over. In a component's action: false at once.
  bool wait() { return wait_for(std::chrono::nanoseconds::max()); }
  /// The same, for so long at most. False where it is not over by then.
  bool wait_for(std::chrono::nanoseconds patience) { return sequence_->wait_until_over(patience); }
  /// Begins it and waits; in a component's action it only begins. What main returns, as the process's exit status.
  int shutdown(std::string_view reason = {}) {
    request_stop(reason);
    (void)wait();
    return status();
  }
  [[nodiscard]] shutdown_report report() const { return sequence_->report(); }
  /// As the report has it.
  [[nodiscard]] int status() const { return to_status(report().code()); }

 private:
  // The signals of a program that owns its own never interrupt our threads: they inherit what is blocked meanwhile.
  shutdown_coordinator(const detail::blocked_signals&, shutdown_settings settings, diagnostics log, time_source& time)
      : sequence_{std::make_shared<detail::shutdown_sequence>(std::move(settings), std::move(log), time)},
        conductor_{placement{.name = "shutdown"},
                   [sequence = sequence_.get()](std::stop_token) { sequence->conduct(); }} {
    if (sequence_->settings().on_terminate) terminate_.emplace(*sequence_);
  }

  std::shared_ptr<detail::shutdown_sequence> sequence_;
  worker conductor_;
  std::optional<detail::terminate_hook> terminate_;
  std::optional<std::stop_callback<std::function<void()>>> signals_;
};

/// Made after all components, destroyed before them: shuts down when its scope is left, by an exception too, so that a
/// component that hangs meets the deadline and not just its own destructor.
class shutdown_scope {
 public:
  explicit shutdown_scope(shutdown_coordinator& whose) noexcept : coordinator_{whose} {}
  shutdown_scope(const shutdown_scope&) = delete;
  shutdown_scope& operator=(const shutdown_scope&) = delete;
  ~shutdown_scope() { (void)coordinator_.shutdown("the end of main"); }

 private:
  shutdown_coordinator& coordinator_;
};

}  // namespace foxtrot::inline v0
