// foxtrot/queue/parking_spot.hpp: where one thread sleeps until another has something for it, without lost wake-ups.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace foxtrot::inline v0 {

/// One sleeper, any number of wakers. The waker pays a system call only when somebody sleeps.
///
/// No wake-up is lost: the waker first makes its news visible, then swaps the word; the sleeper first swaps the word,
/// then looks for news again (`nothing_new`). Both swaps are read-modify-writes of one atomic, so one comes first in
/// its modification order. If the sleeper's does, the waker sees `parked` and wakes it. If the waker's does, the
/// sleeper's swap reads from it or from a later one (acquire from release), so its second look sees the news.
class parking_spot {
 public:
  using duration = std::chrono::nanoseconds;

  /// Sleeps until wake(), or for `patience` if given. Returns at once when `nothing_new()` is false. May return early:
  /// the caller looks again in a loop. One thread at a time.
  template <class Predicate>
  void park(Predicate&& nothing_new, std::optional<duration> patience = {}) noexcept {
    word_.exchange(parked, std::memory_order_acq_rel);
    if (nothing_new()) wait(patience);
    word_.exchange(awake,
                   std::memory_order_acq_rel);  // a swap, not a store: keeps the chain of the argument above unbroken
  }

  /// Wakes the sleeper, if there is one. Any thread.
  void wake() noexcept {
    if (word_.exchange(awake, std::memory_order_acq_rel) == parked) {
      ::syscall(SYS_futex, address(), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    }
  }

 private:
  static constexpr std::uint32_t awake = 0;
  static constexpr std::uint32_t parked = 1;

  [[nodiscard]] std::uint32_t* address() noexcept {
    static_assert(sizeof(word_) == sizeof(std::uint32_t) && decltype(word_)::is_always_lock_free);
    return reinterpret_cast<std::uint32_t*>(&word_);
  }

  void wait(std::optional<duration> patience) noexcept {
    timespec limit{};
    if (patience) {
      if (*patience <= duration::zero()) return;
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*patience);
      limit.tv_sec = static_cast<std::time_t>(seconds.count());
      limit.tv_nsec = static_cast<long>((*patience - seconds).count());
    }
    // returns at once when a waker has already swapped the word
    ::syscall(SYS_futex, address(), FUTEX_WAIT_PRIVATE, parked, patience ? &limit : nullptr, nullptr, 0);
  }

  alignas(cache_line) std::atomic<std::uint32_t> word_{awake};
};

}  // namespace foxtrot::inline v0
