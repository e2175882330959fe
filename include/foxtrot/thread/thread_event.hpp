// foxtrot/thread/thread_event.hpp: what a thread_monitor notices, and what it knows of each thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace foxtrot::inline v0 {

enum class thread_event_kind : std::uint8_t {
  crashed,    ///< ended by an exception, or returned though nobody had asked it to stop
  stalled,    ///< alive, but no beat for longer than its threshold and no silence announced
  recovered,  ///< beats again after having stalled
  restarted,  ///< a supervisor runs it again after a crash
  failed,     ///< a supervisor has given it up: it crashed too often
};

[[nodiscard]] constexpr std::string_view to_string(thread_event_kind kind) noexcept {
  constexpr std::array<std::string_view, 5> names{"crashed", "stalled", "recovered", "restarted", "failed"};
  const auto index = static_cast<std::size_t>(kind);
  return index < names.size() ? names[index] : "?";
}

/// One thing that happened to one thread, told once.
struct thread_event {
  thread_event_kind kind{thread_event_kind::crashed};
  std::uint64_t id{0};  ///< of the registration; unique within a monitor
  std::string name{};
  std::string what{};                      ///< crashed, failed: what the exception said, or how else it ended
  std::string scope{};                     ///< stalled, recovered: the watch_scope it is, or was, stuck in
  std::chrono::nanoseconds silent_for{0};  ///< stalled, recovered: as far as scans have seen
  std::uint64_t restarts{0};               ///< restarted, failed: how often it was started again
};

enum class thread_state : std::uint8_t { running, waiting, stalled, crashed, finished };

[[nodiscard]] constexpr std::string_view to_string(thread_state state) noexcept {
  constexpr std::array<std::string_view, 5> names{"running", "waiting", "stalled", "crashed", "finished"};
  const auto index = static_cast<std::size_t>(state);
  return index < names.size() ? names[index] : "?";
}

/// A moment's view of one watched thread. What the system counts is 0 once the thread has ended, and for threads that
/// never said who they are.
struct thread_report {
  std::uint64_t id{0};
  std::string name{};
  thread_state state{thread_state::running};
  pid_t tid{0};
  std::uint64_t beats{0};
  std::chrono::nanoseconds longest_loop{0};  ///< the longest time without a beat, to a scan's precision
  std::string longest_scope{};               ///< the watch_scope it spent that in; empty: in none
  std::chrono::nanoseconds cpu_time{0};
  std::uint64_t voluntary_switches{0};    ///< it waited for something
  std::uint64_t involuntary_switches{0};  ///< it was pushed off its CPU
  std::uint64_t stalls{0};
};

}  // namespace foxtrot::inline v0
