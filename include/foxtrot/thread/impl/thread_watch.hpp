// foxtrot/thread/impl/thread_watch.hpp: the machinery of a thread_monitor: its list, its thread, its looks.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/thread/detail/event_handlers.hpp>
#include <foxtrot/thread/detail/thread_usage.hpp>
#include <foxtrot/thread/detail/watched_entry.hpp>
#include <foxtrot/thread/service_notifier.hpp>
#include <foxtrot/thread/thread_event.hpp>
#include <foxtrot/thread/thread_monitor.hpp>
#include <foxtrot/thread/worker.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// A worker's line to the list.
class worker_watch final : public worker_observer {
 public:
  explicit worker_watch(watched_thread place) noexcept : place_{std::move(place)} {}
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

/// Its functions are those of thread_monitor, which see.
class thread_watch {
 public:
  thread_watch(monitor_settings settings, diagnostics log, time_source& time)
      : settings_{std::move(settings)}, log_{std::move(log)}, time_{time}, scanned_{time.now()} {
    if (!time_.manual())
      scanner_.emplace(
          settings_.where, [this](const std::stop_token& stop) { run(stop); }, log_);
  }
  thread_watch(const thread_watch&) = delete;
  thread_watch& operator=(const thread_watch&) = delete;
  ~thread_watch() = default;

  // Before destruction, for handlers call through the monitor.
  void close() {
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

  [[nodiscard]] watched_thread watch(std::string name, std::shared_ptr<heartbeat> pulse,
                                     const watch_settings& settings = {}) {
    const std::lock_guard lock{list_->mutex};
    auto entry = std::make_shared<watched_entry>(list_->next_id++, std::move(name), std::move(pulse),
                                                 settings.threshold, settings.may_return, time_.now());
    list_->entries.push_back(entry);
    return {list_, std::move(entry)};
  }

  [[nodiscard]] const diagnostics& log() const noexcept { return log_; }
  [[nodiscard]] event_handlers& handlers() noexcept { return handlers_; }

  [[nodiscard]] std::vector<thread_report> report() const {
    std::vector<thread_report> all;
    std::vector<thread_identity> known;
    {
      const std::lock_guard lock{list_->mutex};
      for (const auto& entry : list_->entries) {
        all.push_back(entry->report());
        known.push_back(entry->system);
      }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto used = thread_usage::of(known[i]);
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
  const std::shared_ptr<watch_list> list_{std::make_shared<watch_list>()};
  event_handlers handlers_;
  std::recursive_mutex scanning_;  // one scan at a time; a handler may ask for another. Guards what follows
  steady_time scanned_;
  std::optional<steady_time> fed_;
  std::optional<worker> scanner_;
};

}  // namespace foxtrot::inline v0::detail
