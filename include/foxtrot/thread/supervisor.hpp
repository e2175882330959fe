// foxtrot/thread/supervisor.hpp: workers that are started again when they crash, until they crash too often.
#pragma once

#include <foxtrot/core/detail/owner.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/restart_policy.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

namespace detail {
class supervision;
}

/// One thread of a supervisor. The body is called anew for each life of it.
struct child_settings {
  placement where{};
  std::function<void(std::stop_token)> body{};
  watch_settings watch{};
};

struct supervisor_settings {
  restart_policy policy{};
  std::string name{"supervisor"};                          ///< of its own thread
  std::chrono::milliseconds stop_timeout{5'000};           ///< how long stop() waits for each child
  std::function<void(std::string_view why)> on_give_up{};  ///< e.g. to begin a shutdown; on the supervisor's thread
};

/// Starts its children in order, starts them again after a crash as its policy says, and stops them in reverse order. A
/// child that returns after its stop was requested, or that may return, has ended well and stays down. Crashes,
/// restarts and the end of all patience are events of the monitor, on whose list the children are. Having given up, it
/// stops the others as well.
///
/// A stalled child is reported by the monitor and left alone: a thread cannot be killed without harm to the process.
class supervisor : private live_object<supervisor> {
 public:
  /// The children run once it returns. Throws std::system_error where a thread cannot be made; none is left then. The
  /// monitor outlives the supervisor.
  supervisor(thread_monitor& monitor, std::vector<child_settings> children, supervisor_settings settings = {},
             diagnostics log = {});
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;
  /// Stops, and joins however long a child still takes. Not from a child, nor from on_give_up.
  ~supervisor();

  /// Asks the children to stop, the last first, each once the one before has ended or `stop_timeout` is over. The names
  /// of those that have not ended. Idempotent, any thread; on a child's and in on_give_up it only asks.
  std::vector<std::string> stop();

  /// False once it has given up or was stopped. Any thread.
  [[nodiscard]] bool running() const;
  /// Crashes that it has answered by starting again. Any thread.
  [[nodiscard]] std::uint64_t restarts() const;

 private:
  detail::owner<detail::supervision> children_;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/supervisor.hpp>
#endif
