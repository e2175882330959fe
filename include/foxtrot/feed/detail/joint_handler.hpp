// foxtrot/feed/detail/joint_handler.hpp: one inline handler on several network threads of one feed.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/detail/inline_registry.hpp>
#include <foxtrot/market/detail/joint_status.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>

#include <cstddef>
#include <mutex>
#include <utility>

namespace foxtrot::inline v0::detail {

/// Ticks reach it from all threads, at the same time; statuses one after the other, as those of one feed.
class joint_handler : private live_object<joint_handler> {
 public:
  joint_handler(inline_handler handler, joint_status statuses)
      : handler_{std::move(handler)}, statuses_{std::move(statuses)} {}
  joint_handler(const joint_handler&) = delete;
  joint_handler& operator=(const joint_handler&) = delete;

  /// On the network thread of that part.
  void call(std::size_t part, const event& told) {
    if (told.kind() != tick_kind::status) return handler_(told);
    // also while it is called: of two statuses the later is told later
    const std::lock_guard lock{mutex_};
    bool passes = false;
    told.visit([&](const status& each) { passes = statuses_.passes(part, each.record()); });
    if (passes) handler_(told);
  }

 private:
  const inline_handler handler_;
  std::mutex mutex_;
  joint_status statuses_;  // under the mutex
};

}  // namespace foxtrot::inline v0::detail
