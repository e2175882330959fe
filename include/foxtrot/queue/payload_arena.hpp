// foxtrot/queue/payload_arena.hpp: contiguous bodies beside a ring, for records that need more than one line.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <type_traits>

namespace foxtrot::inline v0 {

/// A circular store of `T`s for one producer and one consumer, gated: a body stays valid until the consumer releases
/// it. A body is never split at the end of the store. It is named by its position, a count of elements that never
/// repeats, which travels to the consumer in a ring's record; that record's publication also publishes the body.
template <class T>
  requires(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>)
class payload_arena : private live_object<payload_arena<T>> {
 public:
  /// Room for at least `minimum` elements, rounded up to a power of two; pages are touched here.
  /// `memory` must outlive the arena; it is used here and in the destructor only.
  explicit payload_arena(std::size_t minimum, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : memory_{&memory}, mask_{std::bit_ceil(std::clamp(minimum, std::size_t{2}, most)) - 1} {
    elements_ = static_cast<T*>(memory.allocate(bytes(), alignment));
    std::uninitialized_value_construct_n(elements_, capacity());
  }
  payload_arena(const payload_arena&) = delete;
  payload_arena& operator=(const payload_arena&) = delete;
  ~payload_arena() { memory_->deallocate(elements_, bytes(), alignment); }

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

  struct claimed {
    std::span<T> elements;      ///< where the body is to be written; empty: no room
    std::uint64_t position{0};  ///< its name, for the record
  };

  /// Producer: contiguous room for `count` elements; nothing is taken before commit().
  [[nodiscard]] claimed try_claim(std::size_t count) noexcept {
    if (count == 0 || count > capacity()) return {};
    const std::size_t offset = static_cast<std::size_t>(next_) & mask_;
    const std::uint64_t start = offset + count <= capacity() ? next_ : next_ + (capacity() - offset);
    if (!fits(start, count)) {
      released_seen_ = released_.load(std::memory_order_acquire);  // the consumer is done with what lies before
      if (!fits(start, count)) return {};
    }
    return {{elements_ + (static_cast<std::size_t>(start) & mask_), count}, start};
  }

  /// Producer: keeps the first `count` elements of a claim.
  void commit(const claimed& body, std::size_t count) noexcept { next_ = body.position + count; }

  /// Consumer: the body that a record names.
  [[nodiscard]] std::span<const T> view(std::uint64_t position, std::size_t count) const noexcept {
    return {elements_ + (static_cast<std::size_t>(position) & mask_), count};
  }

  /// Consumer: everything up to the end of that body may be overwritten.
  void release(std::uint64_t position, std::size_t count) noexcept {
    released_.store(position + count, std::memory_order_release);  // pairs with try_claim()
  }

 private:
  // Nothing alive: the tail that a long body skips does not count.
  [[nodiscard]] bool fits(std::uint64_t start, std::size_t count) const noexcept {
    return released_seen_ == next_ || start + count - released_seen_ <= capacity();
  }

  static constexpr std::size_t most = std::size_t{1} << 40;  // memory ends long before
  static constexpr std::size_t alignment = std::max(cache_line, alignof(T));
  [[nodiscard]] std::size_t bytes() const noexcept { return capacity() * sizeof(T); }

  std::pmr::memory_resource* memory_;
  T* elements_{nullptr};
  std::size_t mask_;                                            // those three are read by both, written by none
  alignas(cache_line) std::uint64_t next_{0};                   // producer's thread
  std::uint64_t released_seen_{0};                              // producer's last look at released_
  alignas(cache_line) std::atomic<std::uint64_t> released_{0};  // written by the consumer
};

}  // namespace foxtrot::inline v0
