// tests/queue/mutants/noisy.hpp: an atomic that lets other threads in, now and then, before it is touched.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

namespace stress {

/// Gives way before one access in 32, so that threads meet in the middle of what they do on a busy machine too. Adds no
/// order: what a ring lacks stays missing.
inline void give_way() noexcept {
  thread_local std::uint64_t random = std::hash<std::thread::id>{}(std::this_thread::get_id()) | 1;
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  if (random % 32 == 0) std::this_thread::yield();
}

/// check_mutants.py puts this in the place of std::atomic in the copies of the rings.
template <class T>
struct noisy : std::atomic<T> {
  using std::atomic<T>::atomic;
  void store(T value, std::memory_order order) noexcept {
    give_way();
    std::atomic<T>::store(value, order);
  }
  [[nodiscard]] T load(std::memory_order order) const noexcept {
    give_way();
    return std::atomic<T>::load(order);
  }
};

}  // namespace stress
