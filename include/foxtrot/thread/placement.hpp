// foxtrot/thread/placement.hpp: the name, CPU and scheduling priority of a thread.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>

#include <cstdint>
#include <string>
#include <system_error>

namespace foxtrot::inline v0 {

/// Linux's scheduling policies, sched(7).
enum class scheduling : std::uint8_t {
  inherited,    ///< that of the thread that starts it; SCHED_FIFO where a realtime priority is given
  other,        ///< SCHED_OTHER: fair shares
  batch,        ///< SCHED_BATCH: as `other`, for work without a hurry
  idle,         ///< SCHED_IDLE: only what nobody else wants
  fifo,         ///< SCHED_FIFO: before all others, until it waits
  round_robin,  ///< SCHED_RR: the same, in turn with equals
};

/// Where and how a thread runs. The defaults leave everything to the scheduler.
struct placement {
  std::string name{"worker"};  ///< shown by top, gdb and diagnostics; Linux keeps the first 15 bytes
  int cpu{-1};                 ///< pinned to this CPU; -1: anywhere
  int realtime_priority{0};    ///< 1 to 99 under fifo and round_robin, which need CAP_SYS_NICE; 0 under the others
  scheduling policy{scheduling::inherited};
};

/// Names the calling thread; never fails, a name that is too long is cut to the 15 bytes that Linux keeps.
void name_this_thread(const std::string& name) noexcept;

/// Applies `where` to the calling thread. What cannot be had (no such CPU, policy or priority: errc::bad_placement; no
/// right to it: errc::not_permitted) is reported and left as it was: the thread runs on, unpinned.
[[nodiscard]] std::error_code apply_placement(const placement& where) noexcept;

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/placement.hpp>
#endif
