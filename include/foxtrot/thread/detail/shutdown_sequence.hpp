// foxtrot/thread/detail/shutdown_sequence.hpp: one shutdown from its first request to the end of the process.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/thread/detail/caught.hpp>
#include <foxtrot/thread/detail/descriptor.hpp>
#include <foxtrot/thread/detail/runner_pool.hpp>
#include <foxtrot/thread/detail/shutdown_clock.hpp>
#include <foxtrot/thread/detail/shutdown_component.hpp>
#include <foxtrot/thread/detail/signal_name.hpp>
#include <foxtrot/thread/detail/speaker.hpp>
#include <foxtrot/thread/exit_code.hpp>
#include <foxtrot/thread/shutdown_report.hpp>
#include <foxtrot/thread/shutdown_settings.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

namespace foxtrot::inline v0::detail {

/// The machinery of shutdown_coordinator, shared with its components' handles.
class shutdown_sequence {
 public:
  using component = shutdown_component;
  using pointer = std::shared_ptr<component>;

  shutdown_sequence(shutdown_settings settings, diagnostics log, time_source& time)
      : settings_{std::move(settings)}, clock_{time}, speaker_{"shutdown", std::move(log), runners_} {
    if (wanted_.fd < 0) throw std::system_error{errno, std::system_category(), "shutdown_coordinator"};
  }
  shutdown_sequence(const shutdown_sequence&) = delete;
  shutdown_sequence& operator=(const shutdown_sequence&) = delete;
  ~shutdown_sequence() = default;

  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  [[nodiscard]] const shutdown_settings& settings() const noexcept { return settings_; }
  /// Whether the caller is one of the sequence's own threads, that is: in some component's action.
  [[nodiscard]] bool on_its_thread() const noexcept { return runners_.on_its_thread(); }

  /// Null where it is too late to stop anything.
  [[nodiscard]] pointer add(std::string name, component_actions actions) {
    auto made = std::make_shared<component>(std::move(name), std::move(actions));
    const std::lock_guard lock{mutex_};
    if (phase_ >= shutdown_phase::emergency) return nullptr;
    components_.push_back(made);
    changed_.notify_all();
    return made;
  }

  /// Afterwards none of its actions runs or will; the one that the caller is in excepted.
  void remove(const pointer& which) {
    component_actions unused;  // destroyed without the lock: what they hold is the user's
    std::unique_lock lock{mutex_};
    which->removed = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return which->calls <= (called_by_this_thread() == which.get() ? 1 : 0); });
    if (which->told.phase == shutdown_phase::none) std::erase(components_, which);
    if (which->calls == 0) unused = std::move(which->actions);
    lock.unlock();
  }

  void begin(std::string_view reason) noexcept {
    const std::lock_guard lock{mutex_};
    if (phase_ == shutdown_phase::none) wake_conductor();
    begin_locked(reason);
  }
  /// May be called from a signal handler.
  void begin_from_handler(int signal) noexcept {
    const int before = errno;
    handled_.store(signal, std::memory_order_relaxed);  // relaxed: it stands alone, and only words depend on it
    wake_conductor();
    errno = before;
  }

  [[nodiscard]] bool wait_until_over(std::chrono::nanoseconds patience) {
    if (on_its_thread()) return false;
    const steady_time start = std::chrono::steady_clock::now();  // a test's time stands still
    constexpr steady_time never = steady_time::max();
    std::unique_lock lock{mutex_};
    return changed_.wait_until(lock, patience < never - start ? start + patience : never,
                               [this] { return phase_ == shutdown_phase::over; });
  }

  [[nodiscard]] shutdown_report report() const {
    const std::lock_guard lock{mutex_};
    shutdown_report made{.reason = reason_, .phase = phase_};
    const steady_time now = phase_ == shutdown_phase::over ? ended_ : clock_.now();
    if (phase_ != shutdown_phase::none) made.took = now - clock_.started;
    for (const pointer& each : order_) {
      component_report told = each->report(now);
      if (!each->internal || !told.clean()) made.components.push_back(std::move(told));
    }
    return made;
  }

  /// On a thread of its own: returns once the shutdown is over and the coordinator on its way out.
  void conduct() noexcept {
    const std::string failure = caught([this] {
      eventfd_t wakes = 0;
      while (eventfd_read(wanted_.fd, &wakes) != 0) {
      }
      run_phases();
    });
    if (!failure.empty()) settings_.exit(to_status(exit_code::stuck));  // no memory even to stop
  }

  /// For remarks from elsewhere about this end.
  [[nodiscard]] speaker& remarks() noexcept { return speaker_; }

  /// The coordinator is on its way out: waits for the actions that still run.
  void retire() {
    runners_.retire();
    const std::lock_guard lock{mutex_};
    dismissed_ = true;
    changed_.notify_all();
  }

 private:
  [[gnu::visibility("default")]] static const component*& called_by_this_thread() noexcept {
    static constinit thread_local const component* mine = nullptr;
    return mine;
  }

  void run_phases() {
    std::unique_lock lock{mutex_};
    begin_locked("a signal handler: " + signal_name(handled_.load(std::memory_order_relaxed)));
    speaker_.say(severity::info, reason_.empty() ? "begins" : "begins: " + reason_);
    announce();
    run_phase(lock, shutdown_phase::graceful, clock_.forces);
    if (!all_settled()) run_phase(lock, shutdown_phase::force, clock_.names);
    // Nobody is told that it is over before the process ends: main would take things apart that are in use.
    const bool stuck = !all_settled() && !settle_in_emergency(lock);
    if (stuck) end_process(lock);
    ended_ = clock_.now();
    phase_ = shutdown_phase::over;
    changed_.notify_all();
    if (!stuck && settings_.until_destroyed && !dismissed_in_time(lock)) end_process(lock);
    changed_.wait(lock, [this] { return dismissed_; });
  }

  template <class Predicate>
  bool wait_until(std::unique_lock<std::mutex>& lock, steady_time when, Predicate done) {
    return clock_.wait_until(changed_, lock, when, done);
  }

  [[nodiscard]] bool all_settled() const {
    return std::all_of(components_.begin(), components_.end(), [](const pointer& each) { return each->settled(); });
  }
  void wake_conductor() const noexcept { [[maybe_unused]] const int done = eventfd_write(wanted_.fd, 1); }
  void begin_locked(std::string_view reason) noexcept {
    if (phase_ != shutdown_phase::none) return;
    phase_ = shutdown_phase::graceful;
    clock_.start(settings_.deadline);
    try {
      reason_ = reason;
    } catch (const std::exception&) {  // out of memory: it stops without a reason
    }
  }

  // Stops the token before everything else. Its callbacks are the users' own and may block: they are a component.
  void announce() {
    auto made =
        std::make_shared<component>("stop callbacks", component_actions{.stop = [this] { stop_.request_stop(); }});
    made->internal = true;
    components_.push_back(std::move(made));
  }

  // Calls the newest that is left, gives it its share of the time, goes on; and then waits for all, as long as there is
  // time. One that hangs delays the others by its share and no more, and is not hurried by them.
  void run_phase(std::unique_lock<std::mutex>& lock, shutdown_phase phase, steady_time end) {
    phase_ = phase;
    const bool forcing = phase == shutdown_phase::force;
    const auto due = [forcing](const pointer& each) { return each->to_stop() || (forcing && each->to_force()); };
    const auto finished = [forcing](const pointer& each) {
      return forcing ? each->settled() : each->stopped_or_past_help();
    };
    const auto all_finished = [&] { return std::all_of(components_.begin(), components_.end(), finished); };
    while (true) {
      const auto next = std::find_if(components_.rbegin(), components_.rend(), due);
      if (next == components_.rend()) {
        const auto ready = [&] { return all_finished() || std::any_of(components_.begin(), components_.end(), due); };
        if (all_finished() || !wait_until(lock, end, ready)) return;
        continue;
      }
      const auto left = std::count_if(components_.begin(), components_.end(), due);
      const pointer which = *next;  // a copy: it may be removed meanwhile
      const bool stopping = which->to_stop();
      launch(which, stopping);
      const steady_time now = clock_.now();
      const steady_time share = now + std::max(end - now, steady_time::duration{0}) / left;
      const component::call& going = stopping ? which->stop : which->force;
      const auto returned = [&going] { return going != component::call::running; };
      if (!wait_until(lock, share, returned) && now < end)
        speaker_.say(severity::warning, which->name + " takes its time to " + (stopping ? "stop" : "be forced"));
    }
  }

  // Under the lock.
  void launch(const pointer& which, bool stopping) {
    which->begin(stopping ? which->stop : which->force, phase_, clock_.now());
    if (std::find(order_.begin(), order_.end(), which) == order_.end()) order_.push_back(which);
    if (!runners_.start([this, which, stopping] { call_action(*which, stopping); }))
      which->end(stopping ? which->stop : which->force, "no thread could be made for it", clock_.now());
  }

  void call_action(component& which, bool stopping) {
    {
      const std::lock_guard lock{mutex_};
      if (stopping || which.stop != component::call::running) which.thread = ::gettid();  // the one that is waited for
    }
    called_by_this_thread() = &which;
    std::string said = caught([&] { (stopping ? which.actions.stop : which.actions.force)(); });
    called_by_this_thread() = nullptr;
    const std::lock_guard lock{mutex_};
    if (!said.empty()) speaker_.say(severity::error, which.name + ": " + said);
    which.end(stopping ? which.stop : which.force, std::move(said), clock_.now());
    changed_.notify_all();
  }

  bool settle_in_emergency(std::unique_lock<std::mutex>& lock) {
    phase_ = shutdown_phase::emergency;
    for (const pointer& each : components_) {
      if (each->settled()) continue;
      each->told.phase = phase_;
      speaker_.say(severity::critical,
                   each->name + " does not stop: it is waited for on thread " + std::to_string(each->thread));
      if (each->actions.who) ask_who(each);
    }
    speaker_.say_threads();
    return wait_until(lock, clock_.ends, [this] { return all_settled(); });
  }

  void ask_who(const pointer& which) {
    ++which->calls;
    const auto ask = [this, which] {
      called_by_this_thread() = which.get();
      std::string who;
      const std::string said = caught([&] { who = which->actions.who(); });
      called_by_this_thread() = nullptr;
      const std::lock_guard lock{mutex_};
      which->told.who = said.empty() ? who : said;
      speaker_.say(severity::critical, which->name + ": " + which->told.who);
      --which->calls;
      changed_.notify_all();
    };
    if (!runners_.start(ask)) --which->calls;
  }

  void end_process(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    settings_.exit(to_status(exit_code::stuck));
    lock.lock();  // a test's has returned
  }

  // All components have stopped, but the process may go on.
  bool dismissed_in_time(std::unique_lock<std::mutex>& lock) {
    const auto dismissed = [this] { return dismissed_; };
    if (wait_until(lock, clock_.names, dismissed)) return true;
    speaker_.say(severity::critical, "all components have stopped, but the process does not end");
    speaker_.say_threads();
    return wait_until(lock, clock_.ends, dismissed);
  }

  const shutdown_settings settings_;
  std::stop_source stop_;
  const descriptor wanted_{eventfd(0, EFD_CLOEXEC)};  // a signal handler can write it, too
  std::atomic<int> handled_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  shutdown_clock clock_;
  shutdown_phase phase_{shutdown_phase::none};
  std::string reason_;
  steady_time ended_{};
  std::vector<pointer> components_;  // the latest last
  std::vector<pointer> order_;       // in which they were called
  bool dismissed_{false};

  runner_pool runners_{"shutdown-call"};  // after the above, which its threads use
  speaker speaker_;
};

}  // namespace foxtrot::inline v0::detail
