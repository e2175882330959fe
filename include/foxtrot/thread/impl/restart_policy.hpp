// foxtrot/thread/impl/restart_policy.hpp: what restart_policy.hpp declares.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/thread/restart_policy.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace foxtrot::inline v0 {

FOXTROT_DECL restart_budget::restart_budget(const restart_policy& policy) : policy_{policy} {}

FOXTROT_DECL bool restart_budget::allow(steady_time now) {
  std::erase_if(made_, [&](steady_time each) { return now - each >= policy_.within; });
  if (made_.size() >= policy_.most_restarts) return false;
  made_.push_back(now);
  return true;
}
FOXTROT_DECL std::chrono::milliseconds restart_budget::delay() const noexcept {
  if (made_.size() <= 1) return std::min(policy_.first_delay, policy_.longest_delay);
  auto wait = policy_.delay_step;
  for (std::size_t i = 2; i < made_.size() && wait < policy_.longest_delay; ++i) wait *= 2;
  return std::min(wait, policy_.longest_delay);
}

}  // namespace foxtrot::inline v0
