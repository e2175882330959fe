// foxtrot/sim/client_messages.hpp: how often a client of a simulated exchange speaks, and when that is too often.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/rate_limiter.hpp>
#include <foxtrot/sim/exchange_settings.hpp>

#include <chrono>
#include <deque>
#include <optional>

namespace foxtrot::inline v0 {

/// One connection's messages in the second that ends now. Loop thread only.
class client_messages {
 public:
  client_messages(const exchange_limits& limits, detail::exchange_counters& counters) : counters_{counters} {
    if (limits.messages_per_second == 0) return;
    limiter_.emplace(rate_limit_settings{limits.messages_per_second, second, 0});
  }

  /// Counts one more; false where it is one too many.
  [[nodiscard]] bool admit(steady_time now) {
    while (!recent_.empty() && recent_.front() + second <= now) recent_.pop_front();
    recent_.push_back(now);
    counters_.most_messages_per_second.raise_to(recent_.size());
    return !limiter_ || limiter_->try_acquire(now, send_priority::urgent);
  }

 private:
  static constexpr std::chrono::milliseconds second{1000};

  detail::exchange_counters& counters_;
  std::optional<rate_limiter> limiter_;
  std::deque<steady_time> recent_;
};

}  // namespace foxtrot::inline v0
