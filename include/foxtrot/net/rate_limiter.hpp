// foxtrot/net/rate_limiter.hpp: at most N events in any window of length T.
#pragma once

#include <foxtrot/core/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

namespace foxtrot::inline v0 {

struct rate_limit_settings {
  std::size_t limit{5};
  std::chrono::milliseconds window{1000};
  std::size_t reserve{1};  ///< of the limit, for urgent events alone
};

enum class send_priority : std::uint8_t {
  normal,  ///< leaves the reserve free
  urgent,  ///< a pong: late is as bad as never
};

/// A strict sliding window, not a token bucket: no window [t, t + T), wherever it begins, holds more than N events,
/// from a cold start on. Time comes from the caller. One thread.
class rate_limiter {
 public:
  /// Throws std::invalid_argument where nothing could ever be sent: no window, or a reserve that takes the whole limit.
  explicit rate_limiter(rate_limit_settings settings = {}) : settings_{settings}, times_(settings.limit) {
    if (settings.reserve >= settings.limit || settings.window <= std::chrono::milliseconds::zero()) {
      throw std::invalid_argument{"rate_limiter: needs a window and a reserve below the limit"};
    }
  }

  /// Counts one event at `now` if there is room for it.
  [[nodiscard]] bool try_acquire(steady_time now, send_priority priority = send_priority::normal) noexcept {
    if (next_allowed(now, priority)) return false;
    times_[next_] = now;
    next_ = next_ + 1 == times_.size() ? 0 : next_ + 1;
    used_ = std::min(used_ + 1, times_.size());
    return true;
  }

  /// When to try again; nothing where an event is allowed at `now`.
  [[nodiscard]] std::optional<steady_time> next_allowed(steady_time now,
                                                        send_priority priority = send_priority::normal) const noexcept {
    // There is room for one more of n if the n-th event back has left the window.
    const std::size_t allowed = settings_.limit - (priority == send_priority::urgent ? 0 : settings_.reserve);
    if (used_ < allowed) return std::nullopt;
    const std::size_t oldest = (next_ + times_.size() - allowed) % times_.size();
    const steady_time free_at = times_[oldest] + settings_.window;
    return free_at <= now ? std::nullopt : std::optional{free_at};
  }

 private:
  rate_limit_settings settings_;
  std::vector<steady_time> times_;  // of the last events, a ring
  std::size_t next_{0};
  std::size_t used_{0};
};

}  // namespace foxtrot::inline v0
