// foxtrot/net/connection_budget.hpp: how often a process may try to connect to one place.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/immortal.hpp>
#include <foxtrot/net/rate_limiter.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// A venue counts connection attempts by address, so all sessions of a process share one allowance for each place: a
/// strict sliding window, as rate_limiter has it. Any thread.
class [[gnu::visibility("default")]] connection_budget {
 public:
  connection_budget() = default;
  connection_budget(const connection_budget&) = delete;
  connection_budget& operator=(const connection_budget&) = delete;

  /// The process's own. One for all shared objects of a process; never destroyed.
  [[gnu::visibility("default")]] [[nodiscard]] static connection_budget& shared() {
    return detail::immortal<connection_budget>();
  }

  /// Counts one attempt at `place`, such as "host:port", of which `limit` allows so many; or says when to come back,
  /// and counts nothing. The first limit that a place is given stays.
  [[nodiscard]] std::optional<steady_time> try_spend(std::string_view place, const rate_limit_settings& limit,
                                                     steady_time now) {
    const std::lock_guard lock{mutex_};
    auto at = spent_.find(place);
    if (at == spent_.end()) at = spent_.emplace(place, rate_limiter{limit}).first;
    if (at->second.try_acquire(now)) return std::nullopt;
    return at->second.next_allowed(now);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, rate_limiter, std::less<>> spent_;
};

}  // namespace foxtrot::inline v0
