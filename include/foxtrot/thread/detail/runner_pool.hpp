// foxtrot/thread/detail/runner_pool.hpp: threads for calls that may never return: a stuck one costs its thread only.
#pragma once

#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/worker.hpp>

#include <condition_variable>
#include <exception>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace foxtrot::inline v0::detail {

/// Runs each job on a thread that has nothing else to do. The first thread is made beforehand, so that a process that
/// can make no more still gets through its jobs as long as they return. `start`: any thread.
class runner_pool {
 public:
  explicit runner_pool(std::string name) : name_{std::move(name)} { add(); }
  runner_pool(const runner_pool&) = delete;
  runner_pool& operator=(const runner_pool&) = delete;
  ~runner_pool() { retire(); }

  /// The job must not throw. False where there is no thread for it and none could be made, or the pool is retired.
  [[nodiscard]] bool start(std::function<void()> job) noexcept {
    try {
      const std::lock_guard lock{mutex_};
      if (retired_) return false;
      for (runner& each : runners_) {
        if (each.busy) continue;
        each.busy = true;
        each.job = std::move(job);
        changed_.notify_all();
        return true;
      }
      add();
      runners_.back().busy = true;
      runners_.back().job = std::move(job);
      changed_.notify_all();
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  /// Waits for the jobs that were started, however long they take, and joins.
  void retire() {
    {
      const std::lock_guard lock{mutex_};
      retired_ = true;
      changed_.notify_all();
    }
    for (runner& each : runners_) each.thread.reset();
  }

  /// Whether the caller is a job of this pool.
  [[nodiscard]] bool on_its_thread() const noexcept { return pool_of_this_thread() == this; }

 private:
  struct runner {
    bool busy{false};
    std::function<void()> job;
    std::optional<worker> thread;
  };

  [[gnu::visibility("default")]] static const runner_pool*& pool_of_this_thread() noexcept {
    static constinit thread_local const runner_pool* mine = nullptr;
    return mine;
  }

  void add() {
    runner& made = runners_.emplace_back();
    try {
      made.thread.emplace(placement{.name = name_}, [this, &made](std::stop_token) { serve(made); });
    } catch (...) {
      runners_.pop_back();
      throw;
    }
  }

  void serve(runner& mine) {
    pool_of_this_thread() = this;
    std::unique_lock lock{mutex_};
    while (true) {
      changed_.wait(lock, [&] { return mine.job || retired_; });
      if (!mine.job) return;
      std::function<void()> job = std::exchange(mine.job, nullptr);
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
      mine.busy = false;
    }
  }

  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool retired_{false};
  std::list<runner> runners_;  // its elements stay where they are
};

}  // namespace foxtrot::inline v0::detail
