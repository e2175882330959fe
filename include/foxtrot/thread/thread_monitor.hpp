// foxtrot/thread/thread_monitor.hpp: watches threads: who crashed, who is stuck and where, who gets on again.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/detail/owner.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/thread/detail/event_handlers.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/service_notifier.hpp>
#include <foxtrot/thread/thread_event.hpp>
#include <foxtrot/thread/worker.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

namespace detail {
class thread_watch;
class watched_entry;
struct watch_list;
}  // namespace detail

struct monitor_settings {
  placement where{.name = "monitor"};
  std::chrono::milliseconds scan_every{25};
  service_notifier* service{nullptr};  ///< fed as long as every thread is well; outlives the monitor
};

struct watch_settings {
  std::chrono::milliseconds threshold{2000};  ///< silent for longer: stalled
  bool may_return{false};  ///< for a thread that has an end of its own: returning unasked is no crash then
};

/// A thread's place on a monitor's list, and its line to it. Movable; its end takes the thread off the list, and
/// nothing is told of it afterwards. May outlive the monitor. Any thread, one at a time.
class [[nodiscard]] watched_thread final : private live_object<watched_thread> {
 public:
  watched_thread() noexcept;
  watched_thread(std::shared_ptr<detail::watch_list> list, std::shared_ptr<detail::watched_entry> entry) noexcept;
  watched_thread(watched_thread&&) noexcept;
  watched_thread& operator=(watched_thread&& other) noexcept;
  ~watched_thread();

  /// To be called by the watched thread itself: lets reports tell its CPU time.
  void is_this_thread();
  /// It has ended: by an exception with that text, or, where the text is empty, by returning. `asked`: as it should.
  void ended(std::string_view failure, bool asked);
  /// A supervisor's word on it: restarted or failed.
  void tell(thread_event_kind kind, std::string_view what, std::uint64_t restarts);

  [[nodiscard]] std::uint64_t id() const noexcept;
  /// Takes it off the list; idempotent.
  void cancel() noexcept;

 private:
  std::shared_ptr<detail::watch_list> list_;
  std::shared_ptr<detail::watched_entry> entry_;
};

/// One thread that looks at the heartbeats of others. A crash is told at once, by the thread that dies; a stall within
/// its threshold and one scan. Each is told once: to the handlers, on the monitor's thread, and to the diagnostics.
///
/// Where the monitor itself did not get to look for a while, the machine is overloaded or was asleep, and nobody is
/// blamed for that time. All functions may be called from any thread, handlers included.
class thread_monitor : private live_object<thread_monitor> {
 public:
  using handler = std::function<void(const thread_event&)>;
  /// Keeps a handler registered: once its end has come the handler neither runs nor is called again, unless it is the
  /// handler itself that ends it.
  using handler_registration = detail::event_handlers::registration;

  /// With time that a test advances by hand there is no thread: scan() is called instead.
  explicit thread_monitor(monitor_settings settings = {}, diagnostics log = {}, time_source& time = system_time());
  thread_monitor(const thread_monitor&) = delete;
  thread_monitor& operator=(const thread_monitor&) = delete;
  /// Tells what is known, then ends its thread; registrations may live on. Not from a handler.
  ~thread_monitor();

  /// Puts a thread on the list, by the heartbeat that it adopts.
  [[nodiscard]] watched_thread watch(std::string name, std::shared_ptr<heartbeat> pulse,
                                     const watch_settings& settings = {});

  /// A worker on the list for as long as it exists, crashed or not.
  template <worker_body Body>
  [[nodiscard]] worker start(placement where, Body body, const watch_settings& settings = {}) {
    return start_erased(std::move(where), detail::erased_body::of(std::move(body)), settings);
  }

  /// `handle` is called on the monitor's thread for each event from now on. What it throws is counted.
  [[nodiscard]] handler_registration on_event(handler handle);
  [[nodiscard]] std::uint64_t handler_failures() const noexcept;

  /// Every thread on the list, with what the system counts of it. Not for hot paths: reads files.
  [[nodiscard]] std::vector<thread_report> report() const;
  [[nodiscard]] std::size_t watched() const;
  /// Nobody is stalled or crashed.
  [[nodiscard]] bool all_well() const;

  /// Looks at everybody now and tells what is new. The monitor's thread does it by itself.
  void scan();

 private:
  [[nodiscard]] worker start_erased(placement where, detail::erased_body body, const watch_settings& settings);

  detail::owner<detail::thread_watch> watch_;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/thread_monitor.hpp>
#endif
