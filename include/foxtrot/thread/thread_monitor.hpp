// foxtrot/thread/thread_monitor.hpp: watches threads: who crashed, who is stuck and where, who gets on again.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/thread/detail/event_handlers.hpp>
#include <foxtrot/thread/detail/watched_entry.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/service_notifier.hpp>
#include <foxtrot/thread/thread_event.hpp>
#include <foxtrot/thread/worker.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

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
  watched_thread() = default;
  watched_thread(std::shared_ptr<detail::watch_list> list, std::shared_ptr<detail::watched_entry> entry) noexcept
      : list_{std::move(list)}, entry_{std::move(entry)} {}
  watched_thread(watched_thread&&) noexcept = default;
  watched_thread& operator=(watched_thread&& other) noexcept {
    if (this != &other) {
      cancel();
      list_ = std::move(other.list_);
      entry_ = std::move(other.entry_);
    }
    return *this;
  }
  ~watched_thread() { cancel(); }

  /// To be called by the watched thread itself: lets reports tell its CPU time.
  void is_this_thread() {
    if (entry_ == nullptr) return;
    const std::lock_guard lock{list_->mutex};
    entry_->system = detail::thread_identity::of_this_thread();
  }
  /// It has ended: by an exception with that text, or, where the text is empty, by returning. `asked`: as it should.
  void ended(std::string_view failure, bool asked) {
    if (entry_ == nullptr) return;
    const bool crashed = !failure.empty() || !(asked || entry_->may_return);
    {
      const std::lock_guard lock{list_->mutex};
      if (std::exchange(entry_->ended, true)) return;
      entry_->crashed = crashed;
      entry_->system = {};
    }
    if (!crashed) return;
    thread_event event = entry_->make(thread_event_kind::crashed);
    event.what = failure.empty() ? "returned before it was asked to" : failure;
    list_->tell(std::move(event));
  }
  /// A supervisor's word on it: restarted or failed.
  void tell(thread_event_kind kind, std::string_view what, std::uint64_t restarts) {
    if (entry_ == nullptr) return;
    thread_event event = entry_->make(kind);
    event.what = what;
    event.restarts = restarts;
    list_->tell(std::move(event));
  }

  [[nodiscard]] std::uint64_t id() const noexcept { return entry_ != nullptr ? entry_->id : 0; }
  /// Takes it off the list; idempotent.
  void cancel() noexcept {
    if (entry_ != nullptr) list_->remove(entry_);
    entry_.reset();
    list_.reset();
  }

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
  explicit thread_monitor(monitor_settings settings = {}, diagnostics log = {}, time_source& time = system_time())
      : settings_{std::move(settings)}, log_{std::move(log)}, time_{time}, scanned_{time.now()} {
    if (!time_.manual()) scanner_.emplace(settings_.where, [this](const std::stop_token& stop) { run(stop); }, log_);
  }
  thread_monitor(const thread_monitor&) = delete;
  thread_monitor& operator=(const thread_monitor&) = delete;
  /// Tells what is known, then ends its thread; registrations may live on. Not from a handler.
  ~thread_monitor() {
    if (scanner_) {
      {
        const std::lock_guard lock{list_->mutex};  // or the thread could miss it between looking and sleeping
        scanner_->request_stop();
      }
      list_->something.notify_all();
      scanner_.reset();
    }
    scan();
    const std::lock_guard lock{list_->mutex};
    list_->over = true;
  }

  /// Puts a thread on the list, by the heartbeat that it adopts.
  [[nodiscard]] watched_thread watch(std::string name, std::shared_ptr<heartbeat> pulse,
                                     const watch_settings& settings = {}) {
    const std::lock_guard lock{list_->mutex};
    auto entry = std::make_shared<detail::watched_entry>(list_->next_id++, std::move(name), std::move(pulse),
                                                         settings.threshold, settings.may_return, time_.now());
    list_->entries.push_back(entry);
    return {list_, std::move(entry)};
  }

  /// A worker on the list for as long as it exists, crashed or not.
  template <worker_body Body>
  [[nodiscard]] worker start(placement where, Body body, const watch_settings& settings = {}) {
    auto pulse = std::make_shared<heartbeat>();
    auto observer = std::make_shared<lifeline>(watch(where.name, pulse, settings));
    return worker{std::move(where), std::move(body), log_, std::move(pulse), std::move(observer)};
  }

  /// `handle` is called on the monitor's thread for each event from now on. What it throws is counted.
  [[nodiscard]] handler_registration on_event(handler handle) { return handlers_.add(std::move(handle)); }
  [[nodiscard]] std::uint64_t handler_failures() const noexcept { return handlers_.failures(); }

  /// Every thread on the list, with what the system counts of it. Not for hot paths: reads files.
  [[nodiscard]] std::vector<thread_report> report() const {
    std::vector<thread_report> all;
    std::vector<detail::thread_identity> known;
    {
      const std::lock_guard lock{list_->mutex};
      for (const auto& entry : list_->entries) {
        all.push_back(entry->report());
        known.push_back(entry->system);
      }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto used = detail::thread_usage::of(known[i]);
      all[i].cpu_time = used.cpu_time;
      all[i].voluntary_switches = used.voluntary_switches;
      all[i].involuntary_switches = used.involuntary_switches;
    }
    return all;
  }
  [[nodiscard]] std::size_t watched() const {
    const std::lock_guard lock{list_->mutex};
    return list_->entries.size();
  }
  /// Nobody is stalled or crashed.
  [[nodiscard]] bool all_well() const {
    const std::lock_guard lock{list_->mutex};
    return std::ranges::all_of(list_->entries, [](const auto& entry) { return entry->is_well(); });
  }

  /// Looks at everybody now and tells what is new. The monitor's thread does it by itself.
  void scan() {
    const std::lock_guard one_at_a_time{scanning_};
    std::vector<thread_event> found;
    {
      const std::lock_guard lock{list_->mutex};
      found.swap(list_->news);
      look_at_all(found);
    }
    for (const thread_event& event : found) tell(event);
    feed_service();
  }

 private:
  /// A worker's line to the list.
  class lifeline final : public worker_observer {
   public:
    explicit lifeline(watched_thread place) noexcept : place_{std::move(place)} {}
    void on_start() noexcept override { place_.is_this_thread(); }
    void on_end(std::string_view failure, bool asked) noexcept override {
      try {
        place_.ended(failure, asked);
      } catch (...) {  // out of memory: the list shows the crash all the same
      }
    }

   private:
    watched_thread place_;
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      scan();
      std::unique_lock lock{list_->mutex};
      list_->something.wait_for(lock, settings_.scan_every,
                                [&] { return !list_->news.empty() || stop.stop_requested(); });
    }
  }

  // The list's mutex is held. News from threads bring a scan forward, which must not make it blame anybody sooner.
  void look_at_all(std::vector<thread_event>& found) {
    const steady_time now = time_.now();
    const auto passed = now - std::exchange(scanned_, now);
    const auto expected = 2 * std::chrono::nanoseconds{settings_.scan_every};
    const auto unseen = !time_.manual() && passed > expected ? passed - expected : std::chrono::nanoseconds{0};
    thread_event event;
    for (const auto& entry : list_->entries) {
      if (entry->look(now, unseen, event)) found.push_back(std::move(event));
    }
  }

  void tell(const thread_event& event) {
    const bool good = event.kind == thread_event_kind::recovered || event.kind == thread_event_kind::restarted;
    std::string text = event.name + ' ' + std::string{to_string(event.kind)};
    if (!event.scope.empty()) text += " in " + event.scope;
    if (!event.what.empty()) text += ": " + event.what;
    log_.report(good ? severity::info : severity::critical, "thread_monitor", text);
    handlers_.call(event);
  }

  void feed_service() {
    if (settings_.service == nullptr || !settings_.service->watchdog_interval()) return;
    const steady_time now = time_.now();
    if (fed_ && now - *fed_ < *settings_.service->watchdog_interval() / 2) return;
    if (!all_well()) return;
    (void)settings_.service->notify("WATCHDOG=1");
    fed_ = now;
  }

  const monitor_settings settings_;
  const diagnostics log_;
  time_source& time_;
  const std::shared_ptr<detail::watch_list> list_{std::make_shared<detail::watch_list>()};
  detail::event_handlers handlers_;
  std::recursive_mutex scanning_;  // one scan at a time; a handler may ask for another. Guards what follows
  steady_time scanned_;
  std::optional<steady_time> fed_;
  std::optional<worker> scanner_;
};

}  // namespace foxtrot::inline v0
