// foxtrot/net/task_scope.hpp: coroutines that belong together: named, counted, cancelled together, waited for.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/detail/task_entry.hpp>
#include <foxtrot/net/task_name.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// A task that would not end.
struct orphan {
  std::string name;
  std::chrono::nanoseconds age{0};  ///< since its scope gave up waiting for it
};

/// Owns the right to end the tasks spawned in it. A task that lives on after `close` timed out is an orphan: it is
/// reported by name and stays counted until it ends. Loop thread only, except `live`, `failed`, `names` and `orphans`.
class task_scope : private live_object<task_scope> {
 public:
  task_scope(asio::io_context& loop, std::string name, const diagnostics* log = nullptr)
      : state_{std::make_shared<state>(loop, std::move(name), log)} {}
  task_scope(const task_scope&) = delete;
  task_scope& operator=(const task_scope&) = delete;
  /// Cancels what still lives and reports it; the tasks themselves end when the loop next runs.
  ~task_scope() {
    state_->open = false;
    if (live() != 0) {
      state_->report_orphans("scope destroyed before its task ended");
      state_->tasks.cancel_all();
    }
    state_->log = nullptr;
  }

  /// Starts `work` now, up to its first wait. False, and nothing started, once the scope is closing. An exception that
  /// leaves the task is caught, counted and reported; one that only says "cancelled" is the normal end of a cancelled
  /// task.
  bool spawn(task_name name, task<> work) {
    if (!state_->open) return false;
    registration ticket{state_, std::move(name)};
    const auto slot = ticket.task->signal.slot();
    asio::co_spawn(state_->loop, std::move(work),
                   asio::bind_cancellation_slot(slot, [ticket = std::move(ticket)](std::exception_ptr failure) {
                     if (failure) ticket.scope->note_failure(ticket.task->name.view(), failure);
                   }));
    return true;
  }

  /// Asks every task that lives now to end, and says so once. Safe from within a task of the scope.
  void cancel() {
    const auto keep = state_;  // a task that ends at once may destroy the scope
    keep->tasks.cancel_all();
  }

  /// Waits for a moment at which none is left, without asking any to end; new ones may come before and after it.
  /// errc::timeout: some live on. Not from within a task of the scope.
  [[nodiscard]] task<std::error_code> wait_idle(timer_queue& timers, steady_time::duration patience) {
    return none_left(state_, timers, patience);
  }

  /// Refuses new tasks, cancels, waits until none is left. errc::timeout: some are, and are named to the diagnostics.
  /// Not from within a task of the scope, which would wait for itself.
  [[nodiscard]] task<std::error_code> close(timer_queue& timers, steady_time::duration patience) {
    return close(state_, timers, patience);
  }

  [[nodiscard]] const std::string& name() const noexcept { return state_->name; }
  /// Tasks that have not ended. Any thread.
  [[nodiscard]] std::size_t live() const noexcept { return state_->tasks.size(); }
  /// Tasks that ended by an exception. Any thread.
  [[nodiscard]] std::size_t failed() const noexcept { return state_->failed.load(std::memory_order_relaxed); }
  /// The names of the tasks that have not ended, oldest first. Any thread.
  [[nodiscard]] std::vector<std::string> names() const { return state_->tasks.names(); }
  /// The tasks that live on although `close` gave up on them: what a monitor or a shutdown names. Any thread.
  [[nodiscard]] std::vector<orphan> orphans() const {
    std::vector<orphan> all;
    const auto since = state_->gave_up.load(std::memory_order_relaxed);
    if (since == 0) return all;
    const auto age = std::chrono::steady_clock::now().time_since_epoch() - std::chrono::nanoseconds{since};
    for (std::string& left : names()) all.push_back({std::move(left), age});
    return all;
  }

 private:
  struct state : private live_object<state> {
    state(asio::io_context& context, std::string text, const diagnostics* sink)
        : loop{context}, name{std::move(text)}, log{sink} {}

    void remove(detail::task_entry* ended) {
      if (!tasks.remove(ended)) return;
      for (async_event* each : waiting) each->notify();
    }

    void note_failure(std::string_view task, const std::exception_ptr& failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::system_error& error) {
        if (error.code() == asio::error::operation_aborted || error.code() == errc::cancelled) return;
        fail(task, error.what(), error.code());
      } catch (const std::exception& error) {
        fail(task, error.what(), {});
      } catch (...) {
        fail(task, "something that is no std::exception", {});
      }
    }

    void fail(std::string_view task, const std::string& what, std::error_code error) {
      failed.fetch_add(1, std::memory_order_relaxed);
      if (log != nullptr) log->report(severity::error, name, std::string{task} + " failed: " + what, error);
    }

    void report_orphans(const std::string& why) const {
      if (log == nullptr) return;
      for (const std::string& left : tasks.names())
        log->report(severity::error, name, why + ": " + left, errc::timeout);
    }

    asio::io_context& loop;
    const std::string name;
    const diagnostics* log;  // null once the scope is gone
    bool open{true};
    std::vector<async_event*> waiting;  // for the last to end
    detail::task_list tasks;
    std::atomic<std::size_t> failed{0};
    std::atomic<std::int64_t> gave_up{0};  // by the steady clock; relaxed: it stands alone
  };

  // Lives in the task's completion handler: takes the task off the list when it ended, or when the loop destroyed it.
  struct registration {
    registration(std::shared_ptr<state> owner, task_name name)
        : scope{std::move(owner)}, task{scope->tasks.add(std::move(name))} {}
    registration(registration&&) noexcept = default;
    registration& operator=(registration&&) = delete;
    ~registration() {
      if (scope) scope->remove(task);
    }

    std::shared_ptr<state> scope;
    detail::task_entry* task;
  };

  struct listener {
    listener(state& scope, async_event& event) : to{scope}, told{event} { to.waiting.push_back(&told); }
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;
    ~listener() { std::erase(to.waiting, &told); }

    state& to;
    async_event& told;
  };

  static task<std::error_code> none_left(std::shared_ptr<state> scope, timer_queue& timers,
                                         steady_time::duration patience) {
    if (scope->tasks.size() == 0) co_return std::error_code{};
    async_event ended{scope->loop};
    const listener listening{*scope, ended};
    const timer limit = timers.call_after(patience, [&ended] { ended.notify(errc::timeout); });
    const std::error_code error = co_await ended.wait();
    if (scope->tasks.size() == 0) co_return std::error_code{};  // the last one ended in the same turn of the loop
    co_return error;
  }
  static task<std::error_code> close(std::shared_ptr<state> scope, timer_queue& timers,
                                     steady_time::duration patience) {
    scope->open = false;
    scope->tasks.cancel_all();
    task<std::error_code> waiting = none_left(scope, timers, patience);
    const std::error_code error = co_await std::move(waiting);
    if (error == errc::timeout) {
      scope->gave_up.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
      scope->report_orphans("still alive after its scope was closed");
    }
    co_return error;
  }

  std::shared_ptr<state> state_;
};

}  // namespace foxtrot::inline v0
