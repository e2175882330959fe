// foxtrot/net/task_scope.hpp: coroutines that belong together: named, counted, cancelled together, waited for.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Owns the right to end the tasks spawned in it. A task that lives on after `close` timed out is an orphan: it is
/// reported by name and stays counted until it ends. Loop thread only, except `live`, `failed` and `names`.
class task_scope {
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
      state_->cancel();
    }
    state_->log = nullptr;
  }

  /// Starts `work` now, up to its first wait. False, and nothing started, once the scope is closing. An exception that
  /// leaves the task is caught, counted and reported; one that only says "cancelled" is the normal end of a cancelled
  /// task.
  bool spawn(std::string name, task<> work) {
    if (!state_->open) return false;
    auto member = std::make_shared<entry>(std::move(name));
    registration ticket{state_, state_->add(member), member};
    const auto slot = member->signal.slot();
    asio::co_spawn(state_->loop, std::move(work),
                   asio::bind_cancellation_slot(slot, [ticket = std::move(ticket)](std::exception_ptr failure) {
                     if (failure) ticket.scope->note_failure(*ticket.member, failure);
                   }));
    return true;
  }

  /// Asks every task that lives now to end, and says so once. Safe from within a task of the scope.
  void cancel() { state_->cancel(); }

  /// Refuses new tasks, cancels, waits until none is left. errc::timeout: some are, and are named to the diagnostics.
  /// Not from within a task of the scope, which would wait for itself.
  [[nodiscard]] task<std::error_code> close(timer_queue& timers, steady_time::duration patience) {
    return close(state_, timers, patience);
  }

  [[nodiscard]] const std::string& name() const noexcept { return state_->name; }
  /// Tasks that have not ended. Any thread.
  [[nodiscard]] std::size_t live() const noexcept { return state_->live.load(std::memory_order_acquire); }
  /// Tasks that ended by an exception. Any thread.
  [[nodiscard]] std::size_t failed() const noexcept { return state_->failed.load(std::memory_order_relaxed); }
  /// The names of the tasks that have not ended. Any thread.
  [[nodiscard]] std::vector<std::string> names() const { return state_->names(); }

 private:
  struct entry {
    explicit entry(std::string text) : name{std::move(text)} {}
    const std::string name;
    asio::cancellation_signal signal;  // the task's frames point into it: the registration keeps it alive
  };

  struct state {
    state(asio::io_context& context, std::string text, const diagnostics* sink)
        : loop{context}, name{std::move(text)}, log{sink} {}

    std::uint64_t add(std::shared_ptr<entry> member) {
      const std::lock_guard lock{mutex};
      entries.emplace(next, std::move(member));
      live.store(entries.size(), std::memory_order_release);
      return next++;
    }

    void remove(std::uint64_t id) {
      {
        const std::lock_guard lock{mutex};
        entries.erase(id);
        live.store(entries.size(), std::memory_order_release);
        if (!entries.empty()) return;
      }
      for (async_event* closer : closers) closer->notify();
    }

    void cancel() {
      // Copies: a signal may end a task at once, which takes it out of the map.
      std::vector<std::shared_ptr<entry>> asked;
      {
        const std::lock_guard lock{mutex};
        for (const auto& [id, member] : entries) asked.push_back(member);
      }
      for (const auto& member : asked) member->signal.emit(asio::cancellation_type::terminal);
    }

    [[nodiscard]] std::vector<std::string> names() const {
      const std::lock_guard lock{mutex};
      std::vector<std::string> all;
      for (const auto& [id, member] : entries) all.push_back(member->name);
      return all;
    }

    void note_failure(const entry& member, const std::exception_ptr& failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::system_error& error) {
        if (error.code() == asio::error::operation_aborted || error.code() == errc::cancelled) return;
        fail(member, error.what(), error.code());
      } catch (const std::exception& error) {
        fail(member, error.what(), {});
      } catch (...) {
        fail(member, "something that is no std::exception", {});
      }
    }

    void fail(const entry& member, const std::string& what, std::error_code error) {
      failed.fetch_add(1, std::memory_order_relaxed);
      if (log != nullptr) log->report(severity::error, name, member.name + " failed: " + what, error);
    }

    void report_orphans(const std::string& why) const {
      if (log == nullptr) return;
      for (const std::string& orphan : names()) log->report(severity::error, name, why + ": " + orphan, errc::timeout);
    }

    asio::io_context& loop;
    const std::string name;
    const diagnostics* log;  // null once the scope is gone
    bool open{true};
    std::vector<async_event*> closers;

    mutable std::mutex mutex;  // guards entries and next
    std::map<std::uint64_t, std::shared_ptr<entry>> entries;
    std::uint64_t next{0};
    std::atomic<std::size_t> live{0};
    std::atomic<std::size_t> failed{0};
  };

  // Lives in the task's completion handler: takes the task off the list when it ended, or when the loop destroyed it.
  struct registration {
    registration(std::shared_ptr<state> owner, std::uint64_t number, std::shared_ptr<entry> task)
        : scope{std::move(owner)}, id{number}, member{std::move(task)} {}
    registration(registration&&) noexcept = default;
    registration& operator=(registration&&) = delete;
    ~registration() {
      if (scope) scope->remove(id);
    }

    std::shared_ptr<state> scope;
    std::uint64_t id;
    std::shared_ptr<entry> member;
  };

  struct closer_guard {
    closer_guard(state& scope, async_event& event) : owner{scope}, closer{event} { owner.closers.push_back(&closer); }
    closer_guard(const closer_guard&) = delete;
    closer_guard& operator=(const closer_guard&) = delete;
    ~closer_guard() { std::erase(owner.closers, &closer); }

    state& owner;
    async_event& closer;
  };

  static task<std::error_code> close(std::shared_ptr<state> scope, timer_queue& timers,
                                     steady_time::duration patience) {
    scope->open = false;
    scope->cancel();
    if (scope->live.load(std::memory_order_acquire) == 0) co_return std::error_code{};
    async_event none_left{scope->loop};
    const closer_guard listening{*scope, none_left};
    const timer limit = timers.call_after(patience, [&none_left] { none_left.notify(errc::timeout); });
    const std::error_code error = co_await none_left.wait();
    if (error == errc::timeout) scope->report_orphans("still alive after its scope was closed");
    co_return error;
  }

  std::shared_ptr<state> state_;
};

}  // namespace foxtrot::inline v0
