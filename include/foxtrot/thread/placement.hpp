// foxtrot/thread/placement.hpp: the name, CPU and scheduling priority of a thread.
#pragma once

#include <foxtrot/core/error.hpp>

#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

#include <pthread.h>
#include <sched.h>

namespace foxtrot::inline v0 {

/// Where and how a thread runs. The defaults leave everything to the scheduler.
struct placement {
  std::string name{"worker"};  ///< shown by top, gdb and diagnostics; Linux keeps the first 15 bytes
  int cpu{-1};                 ///< pinned to this CPU; -1: anywhere
  int realtime_priority{0};    ///< 1 to 99: SCHED_FIFO with that priority (needs CAP_SYS_NICE); 0: the default policy
};

/// Names the calling thread; never fails, a name that is too long is cut to the 15 bytes that Linux keeps.
inline void name_this_thread(const std::string& name) noexcept {
  constexpr std::size_t longest = 15;
  char text[longest + 1]{};
  name.copy(text, longest);
  pthread_setname_np(pthread_self(), text);
}

/// Applies `where` to the calling thread. What cannot be had (no such CPU: errc::bad_placement; no right to the
/// priority: errc::not_permitted) is reported and left as it was: the thread runs on, unpinned.
[[nodiscard]] inline std::error_code apply_placement(const placement& where) noexcept {
  name_this_thread(where.name);
  std::error_code first;
  const auto note = [&first](int failed) {
    if (failed != 0 && !first) first = failed == EPERM ? errc::not_permitted : errc::bad_placement;
  };
  if (where.cpu >= CPU_SETSIZE || where.cpu < -1) {
    note(EINVAL);
  } else if (where.cpu >= 0) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(where.cpu), &only);
    note(pthread_setaffinity_np(pthread_self(), sizeof(only), &only));
  }
  if (where.realtime_priority != 0) {
    sched_param parameters{};
    parameters.sched_priority = where.realtime_priority;
    note(pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters));
  }
  return first;
}

}  // namespace foxtrot::inline v0
