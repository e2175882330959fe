// tests/support/thread_state.hpp: whether a thread sleeps in the kernel, so that a test can wake it and know what it
// woke.
#pragma once

#include <support/sanitizer.hpp>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <sys/types.h>
#include <unistd.h>

namespace foxtrot_test {

/// The kernel's number of the calling thread.
inline pid_t this_thread() noexcept { return ::gettid(); }

/// True once the thread sleeps; false where it does not within a bound that only a hang exceeds.
inline bool falls_asleep(pid_t thread) {
  const auto deadline = std::chrono::steady_clock::now() + bound(std::chrono::seconds{5});
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/stat";
  while (std::chrono::steady_clock::now() < deadline) {
    std::ifstream file{path};
    std::string text;
    std::getline(file, text);
    const auto name_end = text.rfind(')');  // the name before it may hold anything
    if (name_end != std::string::npos && text.compare(name_end, 3, ") S") == 0) return true;
    std::this_thread::yield();
  }
  return false;
}

}  // namespace foxtrot_test
