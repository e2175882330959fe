// foxtrot/net/deadline.hpp: a limit on how long a sequence of waits may take in total.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <functional>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

/// Runs `on_expiry` (which closes a stream, say, and so ends the wait in it) unless destroyed in time; `map` then turns
/// the error that the closing caused into errc::timeout. A local variable of the coroutine it limits. Loop thread only.
class deadline {
 public:
  deadline(timer_queue& timers, steady_time when, std::function<void()> on_expiry)
      : on_expiry_{std::move(on_expiry)}, when_{when}, alarm_{timers.call_at(when, [this] { expire(); })} {}
  deadline(timer_queue& timers, steady_time::duration limit, std::function<void()> on_expiry)
      : deadline{timers, timers.now() + limit, std::move(on_expiry)} {}
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline() = default;

  [[nodiscard]] bool expired() const noexcept { return expired_; }
  [[nodiscard]] steady_time when() const noexcept { return when_; }

  /// errc::timeout for any failure after the deadline passed, success included: what was reached too late is not
  /// reached.
  [[nodiscard]] std::error_code map(std::error_code error) const noexcept {
    return expired_ ? make_error_code(errc::timeout) : error;
  }

  /// From here on nothing happens any more when the time comes.
  void release() noexcept { alarm_.cancel(); }

 private:
  void expire() {
    expired_ = true;
    const auto action = std::exchange(on_expiry_, nullptr);
    if (action) action();
  }

  std::function<void()> on_expiry_;
  steady_time when_;
  bool expired_{false};
  timer alarm_;
};

}  // namespace foxtrot::inline v0
