// foxtrot/thread/impl/supervision.hpp: the machinery of a supervisor: its children and the thread that keeps them.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/restart_policy.hpp>
#include <foxtrot/thread/supervisor.hpp>
#include <foxtrot/thread/thread_event.hpp>
#include <foxtrot/thread/thread_monitor.hpp>
#include <foxtrot/thread/worker.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Its functions are those of supervisor, which see.
class supervision {
 public:
  supervision(thread_monitor& monitor, std::vector<child_settings> children, supervisor_settings settings,
              diagnostics log)
      : monitor_{monitor}, settings_{std::move(settings)}, log_{std::move(log)}, budget_{settings_.policy} {
    for (child_settings& each : children) children_.push_back(std::make_unique<child>(std::move(each)));
  }
  supervision(const supervision&) = delete;
  supervision& operator=(const supervision&) = delete;
  ~supervision() = default;

  // Apart from construction and destruction, for children call through the supervisor.
  void start_all() {
    for (const auto& each : children_) start(*each);
    keeper_.emplace(
        placement{.name = settings_.name}, [this](const std::stop_token&) { keep(); }, log_);
  }
  void close() {
    (void)stop();
    keeper_.reset();
    for (auto each = children_.rbegin(); each != children_.rend(); ++each) (*each)->thread.reset();
  }

  std::vector<std::string> stop() {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    changed_.notify_all();
    if (of_this_thread() == this) return {};
    const std::lock_guard one_at_a_time{joining_};
    keeper_->join();
    return late_;
  }

  [[nodiscard]] bool running() const {
    const std::lock_guard lock{mutex_};
    return !stopping_ && !given_up_;
  }
  [[nodiscard]] std::uint64_t restarts() const {
    const std::lock_guard lock{mutex_};
    return restarts_;
  }

 private:
  struct child {
    explicit child(child_settings given) : settings{std::move(given)} {}
    const child_settings settings;
    watched_thread place;  // keeper only, like what follows
    std::optional<worker> thread;
    std::uint64_t lives{0};
    std::optional<std::string> crash;  // guarded by the supervisor's mutex
  };

  /// Between a child's thread, which may end at any time, and the list.
  class lifeline final : public worker_observer {
   public:
    lifeline(supervision& owner, child& mine) noexcept : owner_{owner}, child_{mine} {}
    void on_start() noexcept override {
      of_this_thread() = &owner_;
      child_.place.is_this_thread();
    }
    void on_end(std::string_view failure, bool asked) noexcept override {
      try {
        child_.place.ended(failure, asked);
        if (!failure.empty() || !(asked || child_.settings.watch.may_return)) owner_.note_crash(child_, failure);
      } catch (...) {  // out of memory: the list shows the crash all the same
      }
    }

   private:
    supervision& owner_;
    child& child_;
  };

  void start(child& each) {
    auto pulse = std::make_shared<heartbeat>();
    each.thread.reset();
    each.place = monitor_.watch(each.settings.where.name, pulse, each.settings.watch);
    ++each.lives;
    each.thread.emplace(each.settings.where, each.settings.body, log_, std::move(pulse),
                        std::make_shared<lifeline>(*this, each));
  }

  void note_crash(child& each, std::string_view failure) {
    {
      const std::lock_guard lock{mutex_};
      each.crash = failure.empty() ? "returned before it was asked to" : std::string{failure};
    }
    changed_.notify_all();
  }

  // Whose child, or keeper, the calling thread is.
  [[gnu::visibility("default")]] [[nodiscard]] static const supervision*& of_this_thread() noexcept {
    static thread_local const supervision* owner = nullptr;
    return owner;
  }

  void keep() {
    of_this_thread() = this;
    while (answer_next_crash()) {
    }
    late_ = stop_children(0);
  }

  // Waits for a crash and answers it. False where the end has come.
  bool answer_next_crash() {
    std::unique_lock lock{mutex_};
    const auto is_over = [this] { return stopping_ || given_up_; };
    const auto has_crashed = [](const auto& each) { return each->crash.has_value(); };
    changed_.wait(lock, [&] { return is_over() || std::ranges::any_of(children_, has_crashed); });
    if (is_over()) return false;
    const auto crashed = std::ranges::find_if(children_, has_crashed);
    const std::string what = *std::exchange((*crashed)->crash, std::nullopt);
    if (!budget_.allow(system_time().now())) {
      lock.unlock();
      give_up(**crashed, what);
      return false;
    }
    if (changed_.wait_for(lock, budget_.delay(), is_over)) return false;
    ++restarts_;
    lock.unlock();
    restart(static_cast<std::size_t>(crashed - children_.begin()), what);
    return true;
  }

  void restart(std::size_t crashed, const std::string& what) {
    const restart_strategy strategy = settings_.policy.strategy;
    const std::size_t first = strategy == restart_strategy::one_for_all ? 0 : crashed;
    const std::size_t end = strategy == restart_strategy::one_for_one ? crashed + 1 : children_.size();
    if (end - first > 1) {
      const std::vector<std::string> late = stop_children(first);
      for (const std::string& each : late) log_.report(severity::critical, settings_.name, "does not stop: " + each);
      if (!late.empty()) return give_up(*children_[crashed], late.front() + " does not stop");
    }
    for (std::size_t i = first; i < end; ++i) {
      child& each = *children_[i];
      {
        const std::lock_guard lock{mutex_};
        if (i != crashed) each.crash.reset();  // of the life that is over
      }
      try {
        start(each);
      } catch (const std::system_error& failure) {
        note_crash(each, failure.what());  // no thread to be had: as if it had crashed at once
        return;
      }
      each.place.tell(thread_event_kind::restarted, what, each.lives - 1);
    }
  }

  void give_up(child& crashed, const std::string& what) {
    {
      const std::lock_guard lock{mutex_};
      given_up_ = true;
    }
    crashed.place.tell(thread_event_kind::failed, what, crashed.lives - 1);
    if (!settings_.on_give_up) return;
    try {
      settings_.on_give_up(crashed.settings.where.name + ": " + what);
    } catch (const std::exception& failure) {
      log_.report(severity::error, settings_.name, failure.what());
    } catch (...) {
      log_.report(severity::error, settings_.name, "something that is no std::exception");
    }
  }

  // From the last down to this one.
  [[nodiscard]] std::vector<std::string> stop_children(std::size_t first) {
    std::vector<std::string> late;
    for (std::size_t i = children_.size(); i-- > first;) {
      child& each = *children_[i];
      if (!each.thread) continue;
      each.thread->request_stop();
      if (each.thread->finished_within(settings_.stop_timeout)) {
        each.thread->join();
      } else {
        late.push_back(each.settings.where.name);
      }
    }
    return late;
  }

  thread_monitor& monitor_;
  const supervisor_settings settings_;
  const diagnostics log_;
  restart_budget budget_;  // keeper only
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_{false};  // guarded by mutex_, as is what follows
  bool given_up_{false};
  std::uint64_t restarts_{0};
  std::vector<std::unique_ptr<child>> children_;
  std::vector<std::string> late_;  // the keeper's, then anybody's
  std::mutex joining_;
  std::optional<worker> keeper_;
};

}  // namespace foxtrot::inline v0::detail
