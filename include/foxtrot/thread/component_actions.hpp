// foxtrot/thread/component_actions.hpp: how a component of a shutdown is stopped.
#pragma once

#include <functional>
#include <string>

namespace foxtrot::inline v0 {

/// How a component is stopped. Each may be empty, may block, throw, or never return; each runs on a thread of the
/// coordinator's, `force` and `who` possibly while `stop` still runs.
struct component_actions {
  std::function<void()> stop{};   ///< asks it to end and waits until it has; until then it counts as running
  std::function<void()> force{};  ///< cancels what `stop` may be waiting for: sockets, timers. Without `stop`: ends it
  std::function<std::string()> who{};  ///< names the thread or task that does not get on
};

}  // namespace foxtrot::inline v0
