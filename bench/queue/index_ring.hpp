// bench/queue/index_ring.hpp: the usual fast ring, for comparison: two indices, each with a cached copy on the other
// side.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>

namespace foxtrot_bench {

/// One producer, one consumer. A hand-off moves two lines one after the other (the index, then the item), a batch moves
/// the index once; items lie side by side.
template <class Item>
class index_ring {
 public:
  explicit index_ring(std::size_t minimum)
      : items_{std::make_unique<Item[]>(std::bit_ceil(minimum))}, mask_{std::bit_ceil(minimum) - 1} {}

  /// Calls `fill(Item&, i)` for up to `wanted` free items and publishes them together; how many there were.
  template <class Fill>
  std::size_t produce(std::size_t wanted, Fill&& fill) noexcept {
    const std::size_t position = producer_.position.load(std::memory_order_relaxed);
    std::size_t free = mask_ + 1 - (position - producer_.other_seen);
    if (free < wanted) {
      producer_.other_seen = consumer_.position.load(std::memory_order_acquire);
      free = mask_ + 1 - (position - producer_.other_seen);
    }
    const std::size_t count = std::min(free, wanted);
    if (count == 0) return 0;
    for (std::size_t i = 0; i < count; ++i) fill(items_[(position + i) & mask_], i);
    producer_.position.store(position + count, std::memory_order_release);
    return count;
  }

  /// Calls `visit(const Item&)` for up to `wanted` items and gives them back together; how many there were.
  template <class Visitor>
  std::size_t consume(std::size_t wanted, Visitor&& visit) noexcept {
    const std::size_t position = consumer_.position.load(std::memory_order_relaxed);
    if (consumer_.other_seen == position) consumer_.other_seen = producer_.position.load(std::memory_order_acquire);
    const std::size_t count = std::min(consumer_.other_seen - position, wanted);
    if (count == 0) return 0;
    for (std::size_t i = 0; i < count; ++i) visit(items_[(position + i) & mask_]);
    consumer_.position.store(position + count, std::memory_order_release);
    return count;
  }

 private:
  struct alignas(foxtrot::cache_line) side {
    std::atomic<std::size_t> position{0};
    std::size_t other_seen{0};
  };

  side producer_;
  side consumer_;
  alignas(foxtrot::cache_line) std::unique_ptr<Item[]> items_;
  std::size_t mask_;
};

}  // namespace foxtrot_bench
