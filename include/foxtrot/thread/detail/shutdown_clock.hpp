// foxtrot/thread/detail/shutdown_clock.hpp: when each phase of a shutdown ends, and waiting for it.
#pragma once

#include <foxtrot/core/clock.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace foxtrot::inline v0::detail {

/// Under the mutex of who waits.
class shutdown_clock {
 public:
  explicit shutdown_clock(time_source& time) : time_{time} {}

  steady_time started{};
  steady_time forces{};  // 70 % of the time are over
  steady_time names{};   // 95 %
  steady_time ends{};

  void start(std::chrono::milliseconds deadline) noexcept {
    using std::chrono::milliseconds;
    constexpr milliseconds longest = std::chrono::hours{24 * 365};
    const std::chrono::nanoseconds whole = std::clamp(deadline, milliseconds{0}, longest);
    started = now();
    forces = started + whole / 20 * 14;
    names = started + whole / 20 * 19;
    ends = started + whole;
  }

  [[nodiscard]] steady_time now() const noexcept { return time_.now(); }

  // A test's time does not wake anybody, so we look at it now and then.
  template <class Predicate>
  bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, steady_time when,
                  Predicate done) const {
    if (!time_.manual()) return changed.wait_until(lock, when, done);
    while (!done() && now() < when) changed.wait_for(lock, std::chrono::milliseconds{1});
    return done();
  }

 private:
  time_source& time_;
};

}  // namespace foxtrot::inline v0::detail
