// foxtrot/thread/shutdown_settings.hpp: how long a shutdown may take, and how far its arm reaches.
#pragma once

#include <chrono>
#include <functional>

#include <unistd.h>

namespace foxtrot::inline v0 {

struct shutdown_settings {
  /// From the first request to the end of the process: 70 % to stop, 25 % to force, 5 % to say who is stuck.
  std::chrono::milliseconds deadline{30'000};
  /// Also where all components have stopped: the process ends at the deadline unless the coordinator is destroyed by
  /// then. So a hang in a destructor on main's way out is a named one, too.
  bool until_destroyed{true};
  /// std::terminate, as after an exception that main does not catch, shuts down first and then ends the process with
  /// exit_code::uncaught; otherwise it aborts.
  bool on_terminate{true};
  /// How the process is ended: at once, without destructors, atexit handlers or the flushing of streams, because a
  /// stuck thread may hold any lock. A test's may return.
  std::function<void(int)> exit{[](int status) { ::_exit(status); }};
};

}  // namespace foxtrot::inline v0
