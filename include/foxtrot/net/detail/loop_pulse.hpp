// foxtrot/net/detail/loop_pulse.hpp: how an event loop shows that it turns, and how late it is.
#pragma once

#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/net/asio.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0::detail {

// Beats from a timer of its own, on real time: a handler that does not return holds the timer up as well, a loop that
// has nothing to do does not. Loop thread only, except `line` and the readings.
class loop_pulse {
 public:
  struct reading {
    std::chrono::nanoseconds lag{0};
    std::chrono::nanoseconds longest{0};
    std::chrono::nanoseconds since{0};
  };

  loop_pulse(asio::io_context& loop, std::chrono::nanoseconds every) : loop_{loop}, every_{every} {
    rest();  // until there is a thread
  }
  loop_pulse(const loop_pulse&) = delete;
  loop_pulse& operator=(const loop_pulse&) = delete;

  [[nodiscard]] const std::shared_ptr<heartbeat>& line() const noexcept { return line_; }
  [[nodiscard]] bool timed() const noexcept { return every_ > std::chrono::nanoseconds{0}; }

  void begin() {
    line_->set_waiting(false);
    if (!timed()) return;
    alarm_.emplace(loop_);
    const auto now = clock::now();
    store(last_, now);
    arm(now + every_);
  }
  void beat() noexcept { line_->beat(); }
  /// Whether the timer has fired since the last time this was asked.
  [[nodiscard]] bool take_fired() noexcept { return std::exchange(fired_, false); }
  /// The timer fires no more.
  void disarm() {
    alarm_.reset();
    due_.store(0, std::memory_order_relaxed);
  }
  /// No beat is expected any more.
  void rest() noexcept { line_->set_waiting(true); }

  /// Any thread. A beat that is overdue counts as late as it is by now.
  [[nodiscard]] reading read() const noexcept {
    reading made{load(lag_), load(longest_), {}};
    const auto due = load(due_);
    if (due.count() == 0) return made;
    const auto now = clock::now().time_since_epoch();
    made.lag = std::max(made.lag, now - due);
    made.longest = std::max(made.longest, now - due);
    made.since = std::max(now - load(last_), clock::duration{0});
    return made;
  }

 private:
  using clock = std::chrono::steady_clock;
  using alarm = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, io_executor>;
  using cell = std::atomic<std::int64_t>;  // nanoseconds; relaxed throughout: each stands alone

  [[nodiscard]] static std::chrono::nanoseconds load(const cell& from) noexcept {
    return std::chrono::nanoseconds{from.load(std::memory_order_relaxed)};
  }
  static void store(cell& into, clock::time_point when) noexcept {
    into.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }

  void arm(clock::time_point when) {
    store(due_, when);
    alarm_->expires_at(when);
    alarm_->async_wait([this, when](std::error_code error) {
      if (!error && alarm_) on_time(when);  // none: ended while this was on its way
    });
  }
  void on_time(clock::time_point due) {
    const auto now = clock::now();
    const std::int64_t late = (now - due).count();
    lag_.store(late, std::memory_order_relaxed);
    longest_.store(std::max(late, longest_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
    store(last_, now);
    fired_ = true;
    line_->beat();
    arm(now + every_);
  }

  asio::io_context& loop_;
  const std::chrono::nanoseconds every_;
  const std::shared_ptr<heartbeat> line_{std::make_shared<heartbeat>()};
  std::optional<alarm> alarm_;
  bool fired_{false};
  cell lag_{0};
  cell longest_{0};
  cell due_{0};  // 0: none
  cell last_{0};
};

}  // namespace foxtrot::inline v0::detail
