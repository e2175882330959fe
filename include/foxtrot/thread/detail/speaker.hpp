// foxtrot/thread/detail/speaker.hpp: remarks to a sink that may block, from threads that must not.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/thread/detail/live_threads.hpp>
#include <foxtrot/thread/detail/runner_pool.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0::detail {

/// Says remarks in their order on a runner's thread. Any thread; never waits for the sink. The pool must be retired
/// before its destruction.
class speaker {
 public:
  speaker(std::string_view component, diagnostics log, runner_pool& runners)
      : component_{component}, log_{std::move(log)}, runners_{runners} {}

  void say(severity level, std::string text) {
    if (!log_) return;
    const std::lock_guard lock{mutex_};
    remarks_.emplace_back(level, std::move(text));
    if (!speaking_) speaking_ = runners_.start([this] { speak(); });
  }

  /// For who is about to end the process.
  [[nodiscard]] bool all_said_within(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return silent_.wait_for(lock, patience, [this] { return !speaking_; });
  }

  /// Names all threads of the process.
  void say_threads() {
    if (log_) (void)runners_.start([this] { say(severity::critical, "threads alive: " + live_threads()); });
  }

 private:
  void speak() {
    std::unique_lock lock{mutex_};
    for (; !remarks_.empty(); lock.lock()) {
      const auto [level, text] = std::move(remarks_.front());
      remarks_.pop_front();
      lock.unlock();
      log_.report(level, component_, text);
    }
    speaking_ = false;
    silent_.notify_all();
  }

  const std::string_view component_;
  const diagnostics log_;
  runner_pool& runners_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable silent_;
  std::deque<std::pair<severity, std::string>> remarks_;
  bool speaking_{false};
};

}  // namespace foxtrot::inline v0::detail
