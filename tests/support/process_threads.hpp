// tests/support/process_threads.hpp: how many threads this process has, to see that none is left behind.
#pragma once

#include <support/eventually.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <thread>

namespace foxtrot_test {

/// Of this process.
inline std::size_t threads() {
  const std::filesystem::directory_iterator all{"/proc/self/task"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// The same where one was just joined, and where a sanitizer's own comes with the first.
inline std::size_t settled_threads() {
  std::jthread{[] {}}.join();
  std::size_t least = threads();
  for (int i = 0; i < 10; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    least = std::min(least, threads());
  }
  return least;
}

/// True once there are as many again: a thread that was joined may still be listed for a moment.
inline bool threads_are(std::size_t wanted) {
  return eventually([wanted] { return threads() == wanted; });
}

/// True once there are no more than that.
inline bool threads_are_at_most(std::size_t wanted) {
  return eventually([wanted] { return threads() <= wanted; });
}

}  // namespace foxtrot_test
