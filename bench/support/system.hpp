// bench/support/system.hpp: the system's clocks and CPUs. C++17, as some peers need it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sched.h>
#include <time.h>

namespace foxtrot_bench {

[[nodiscard]] inline std::int64_t clock_ns(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

/// Pins the calling thread; false (and unpinned) where that CPU is not to be had.
inline bool pin(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace foxtrot_bench
