// foxtrot/net/watchdog.hpp: a call that comes when something has not happened for too long.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <functional>
#include <utility>

namespace foxtrot::inline v0 {

/// Calls `on_expiry` once, on the loop, when it has not been fed for `patience` since the first time. Feeding it is a
/// look at the clock and no more: the timer finds out by itself how long it still has to wait. Loop thread only.
class watchdog {
 public:
  /// A patience of zero means for ever.
  watchdog(timer_queue& timers, steady_time::duration patience, std::function<void()> on_expiry)
      : timers_{timers}, patience_{patience}, on_expiry_{std::move(on_expiry)} {}
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  ~watchdog() = default;

  /// What is watched has just happened; begins to watch where nobody did.
  void feed() {
    if (patience_ <= steady_time::duration::zero()) return;
    fed_ = timers_.now();
    if (!std::exchange(watching_, true)) arm();
  }
  /// Until it is fed again.
  void stop() noexcept {
    if (std::exchange(watching_, false)) alarm_.cancel();
  }
  [[nodiscard]] bool watching() const noexcept { return watching_; }

 private:
  void arm() {
    alarm_ = timers_.call_at(fed_ + patience_, [this] { look(); });
  }
  void look() {
    if (timers_.now() < fed_ + patience_) return arm();
    watching_ = false;
    const auto call = on_expiry_;  // it may destroy the watchdog
    call();
  }

  timer_queue& timers_;
  const steady_time::duration patience_;
  const std::function<void()> on_expiry_;
  steady_time fed_{};
  bool watching_{false};
  timer alarm_;
};

}  // namespace foxtrot::inline v0
