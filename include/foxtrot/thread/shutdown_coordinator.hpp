// foxtrot/thread/shutdown_coordinator.hpp: one orderly end for everything that a program runs, by a deadline.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/detail/owner.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/thread/component_actions.hpp>
#include <foxtrot/thread/exit_code.hpp>
#include <foxtrot/thread/shutdown_report.hpp>
#include <foxtrot/thread/shutdown_settings.hpp>
#include <foxtrot/thread/signal_guard.hpp>
#include <foxtrot/thread/worker.hpp>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace foxtrot::inline v0 {

namespace detail {
class shutdown_parts;
class shutdown_sequence;
struct shutdown_component;
}  // namespace detail

/// While it lives, its component is stopped with the others. Destruction takes it out: waits for an action of it that
/// runs just then (except from inside that action), and afterwards none will. May outlive the coordinator.
class registered_component : private live_object<registered_component> {
 public:
  registered_component() noexcept;
  registered_component(registered_component&& other) noexcept;
  registered_component& operator=(registered_component&& other) noexcept;
  ~registered_component();

  void reset();
  /// False where it came too late: the shutdown was over.
  [[nodiscard]] explicit operator bool() const noexcept { return which_ != nullptr; }

 private:
  friend class shutdown_coordinator;
  registered_component(std::shared_ptr<detail::shutdown_sequence> sequence,
                       std::shared_ptr<detail::shutdown_component> which) noexcept;

  std::shared_ptr<detail::shutdown_sequence> sequence_;
  std::shared_ptr<detail::shutdown_component> which_;
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
                                time_source& time = system_time());
  /// The guard's signal begins the shutdown. The guard must live longer.
  explicit shutdown_coordinator(signal_guard& signals, shutdown_settings settings = {}, diagnostics log = {},
                                time_source& time = system_time());
  shutdown_coordinator(const shutdown_coordinator&) = delete;
  shutdown_coordinator& operator=(const shutdown_coordinator&) = delete;
  /// Shuts down what is still registered, and waits for it. Not from a component's action.
  ~shutdown_coordinator();

  /// Until the handle's end, `actions` are how this component is stopped. `name` is what reports call it.
  [[nodiscard]] registered_component add(std::string name, component_actions actions);
  /// A thread that is asked to stop and waited for. It must not be moved or destroyed before the handle.
  [[nodiscard]] registered_component add(worker& thread);
  /// The same for a plain thread, which is joined. Its owner must not join it meanwhile.
  [[nodiscard]] registered_component add(std::string name, std::jthread& thread);

  /// Stops as the first thing in a shutdown. Its callbacks run on a thread of the coordinator's.
  [[nodiscard]] std::stop_token stop_token() const noexcept;
  /// Begins the shutdown, and returns at once. Later calls change nothing. Not from a signal handler.
  void request_stop(std::string_view reason = {}) noexcept;
  /// The same from a signal handler that somebody else owns: async-signal-safe.
  void request_stop_from_handler(int signal) noexcept;

  /// Waits until somebody has begun a shutdown and it is over. In a component's action: false at once.
  bool wait();
  /// The same, for so long at most. False where it is not over by then.
  bool wait_for(std::chrono::nanoseconds patience);
  /// Begins it and waits; in a component's action it only begins. What main returns, as the process's exit status.
  int shutdown(std::string_view reason = {});
  [[nodiscard]] shutdown_report report() const;
  /// As the report has it.
  [[nodiscard]] int status() const;

 private:
  detail::owner<detail::shutdown_parts> parts_;
};

/// Made after all components, destroyed before them: shuts down when its scope is left, by an exception too, so that a
/// component that hangs meets the deadline and not just its own destructor.
class shutdown_scope {
 public:
  explicit shutdown_scope(shutdown_coordinator& whose) noexcept : coordinator_{whose} {}
  shutdown_scope(const shutdown_scope&) = delete;
  shutdown_scope& operator=(const shutdown_scope&) = delete;
  ~shutdown_scope();

 private:
  shutdown_coordinator& coordinator_;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/shutdown_coordinator.hpp>
#endif
