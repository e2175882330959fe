// bench/end_to_end/limit_ring.hpp: from one thread to another with nothing to spare: indices, cached on the other side.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace foxtrot_bench {

/// A consumer may park in it. Whether it does decides on the producer's function.
template <class T, std::size_t Capacity>
class limit_ring {
  static_assert((Capacity & (Capacity - 1)) == 0);

 public:
  /// False: full. For a consumer that never parks.
  [[nodiscard]] bool try_push(const T& item) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (!has_room(head)) return false;
    items_[head % Capacity] = item;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  /// The same, and wakes a parked consumer.
  [[nodiscard]] bool try_push_and_wake(const T& item) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (!has_room(head)) return false;
    items_[head % Capacity] = item;
    // seq_cst, as what park() does: either this side sees that the other parks, or that one sees the
    // item. One exchange costs less than a store and a fence.
    head_.store(head + 1, std::memory_order_seq_cst);
    if (parked_.load(std::memory_order_seq_cst) != 0) wake();
    return true;
  }

  [[nodiscard]] bool try_pop(T& into) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_seen_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail == head_seen_) return false;
    }
    into = items_[tail % Capacity];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  /// Sleeps until something is there or the ring is closed.
  void park() noexcept {
    parked_.store(1, std::memory_order_seq_cst);
    if (head_.load(std::memory_order_seq_cst) != tail_.load(std::memory_order_relaxed) || is_closed()) {
      parked_.store(0, std::memory_order_relaxed);
      return;
    }
    parked_.wait(1, std::memory_order_acquire);
  }

  /// Nothing more will come.
  void close() noexcept {
    closed_.store(true, std::memory_order_seq_cst);
    wake();
  }
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_seq_cst); }

 private:
  void wake() noexcept {
    parked_.store(0, std::memory_order_seq_cst);
    parked_.notify_one();
  }
  [[nodiscard]] bool has_room(std::uint64_t head) noexcept {
    if (head - tail_seen_ < Capacity) return true;
    tail_seen_ = tail_.load(std::memory_order_acquire);
    return head - tail_seen_ < Capacity;
  }

  alignas(foxtrot::cache_line) std::atomic<std::uint64_t> head_{0};  // written by the producer
  std::uint64_t tail_seen_{0};
  alignas(foxtrot::cache_line) std::atomic<std::uint64_t> tail_{0};  // written by the consumer
  std::uint64_t head_seen_{0};
  alignas(foxtrot::cache_line) std::atomic<std::uint32_t> parked_{0};
  std::atomic<bool> closed_{false};
  alignas(foxtrot::cache_line) std::array<T, Capacity> items_;
};

}  // namespace foxtrot_bench
