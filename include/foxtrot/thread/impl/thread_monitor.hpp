// foxtrot/thread/impl/thread_monitor.hpp: what thread_monitor.hpp declares.
#pragma once

#include <foxtrot/thread/detail/thread_usage.hpp>
#include <foxtrot/thread/detail/watched_entry.hpp>
#include <foxtrot/thread/impl/thread_watch.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

FOXTROT_DECL watched_thread::watched_thread() noexcept = default;
FOXTROT_DECL watched_thread::watched_thread(std::shared_ptr<detail::watch_list> list,
                                            std::shared_ptr<detail::watched_entry> entry) noexcept
    : list_{std::move(list)}, entry_{std::move(entry)} {}
FOXTROT_DECL watched_thread::watched_thread(watched_thread&&) noexcept = default;
FOXTROT_DECL watched_thread& watched_thread::operator=(watched_thread&& other) noexcept {
  if (this != &other) {
    cancel();
    list_ = std::move(other.list_);
    entry_ = std::move(other.entry_);
  }
  return *this;
}
FOXTROT_DECL watched_thread::~watched_thread() { cancel(); }

FOXTROT_DECL void watched_thread::is_this_thread() {
  if (entry_ == nullptr) return;
  const std::lock_guard lock{list_->mutex};
  entry_->system = detail::thread_identity::of_this_thread();
}
FOXTROT_DECL void watched_thread::ended(std::string_view failure, bool asked) {
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
FOXTROT_DECL void watched_thread::tell(thread_event_kind kind, std::string_view what, std::uint64_t restarts) {
  if (entry_ == nullptr) return;
  thread_event event = entry_->make(kind);
  event.what = what;
  event.restarts = restarts;
  list_->tell(std::move(event));
}
FOXTROT_DECL std::uint64_t watched_thread::id() const noexcept { return entry_ != nullptr ? entry_->id : 0; }
FOXTROT_DECL void watched_thread::cancel() noexcept {
  if (entry_ != nullptr) list_->remove(entry_);
  entry_.reset();
  list_.reset();
}

FOXTROT_DECL thread_monitor::thread_monitor(monitor_settings settings, diagnostics log, time_source& time)
    : watch_{new detail::thread_watch(std::move(settings), std::move(log), time)} {}
FOXTROT_DECL thread_monitor::~thread_monitor() { watch_->close(); }

FOXTROT_DECL watched_thread thread_monitor::watch(std::string name, std::shared_ptr<heartbeat> pulse,
                                                  const watch_settings& settings) {
  return watch_->watch(std::move(name), std::move(pulse), settings);
}
FOXTROT_DECL worker thread_monitor::start_erased(placement where, detail::erased_body body,
                                                 const watch_settings& settings) {
  auto pulse = std::make_shared<heartbeat>();
  auto observer = std::make_shared<detail::worker_watch>(watch_->watch(where.name, pulse, settings));
  return worker{std::move(where), std::move(body), watch_->log(), std::move(pulse), std::move(observer)};
}
FOXTROT_DECL thread_monitor::handler_registration thread_monitor::on_event(handler handle) {
  return watch_->handlers().add(std::move(handle));
}
FOXTROT_DECL std::uint64_t thread_monitor::handler_failures() const noexcept { return watch_->handlers().failures(); }
FOXTROT_DECL std::vector<thread_report> thread_monitor::report() const { return watch_->report(); }
FOXTROT_DECL std::size_t thread_monitor::watched() const { return watch_->watched(); }
FOXTROT_DECL bool thread_monitor::all_well() const { return watch_->all_well(); }
FOXTROT_DECL void thread_monitor::scan() { watch_->scan(); }

}  // namespace foxtrot::inline v0
