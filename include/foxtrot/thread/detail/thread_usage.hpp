// foxtrot/thread/detail/thread_usage.hpp: what the system has counted for one thread of this process.
#pragma once

#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

namespace foxtrot::inline v0::detail {

/// How a thread is known to the system while it lives.
struct thread_identity {
  pid_t tid{0};
  clockid_t cpu_clock{};

  /// The calling thread's.
  [[nodiscard]] static thread_identity of_this_thread() noexcept {
    thread_identity mine{.tid = ::gettid()};
    if (pthread_getcpuclockid(pthread_self(), &mine.cpu_clock) != 0) mine.tid = 0;
    return mine;
  }
};

struct thread_usage {
  std::chrono::nanoseconds cpu_time{0};
  std::uint64_t voluntary_switches{0};
  std::uint64_t involuntary_switches{0};

  /// All zero where the thread is unknown. Opens a file: not for every scan.
  [[nodiscard]] static thread_usage of(const thread_identity& thread) noexcept {
    thread_usage used;
    if (thread.tid == 0) return used;
    timespec spent{};
    if (::clock_gettime(thread.cpu_clock, &spent) == 0)
      used.cpu_time = std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/status", static_cast<int>(thread.tid));
    std::FILE* const file = std::fopen(path, "re");
    if (file == nullptr) return used;
    for (char line[256]; std::fgets(line, sizeof line, file) != nullptr;) {
      (void)(std::sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &used.voluntary_switches) == 1 ||
             std::sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &used.involuntary_switches) == 1);
    }
    std::fclose(file);
    return used;
  }
};

}  // namespace foxtrot::inline v0::detail
