// foxtrot/queue/overwriting_arena.hpp: contiguous bodies beside a broadcast ring, for events of more than one line.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <span>
#include <type_traits>

namespace foxtrot::inline v0 {

/// A circular store of `T`s for one producer that never waits and overwrites the oldest; see payload_arena for one that
/// waits. A body is never split at the end of the store. It is named by its position, a count of elements that never
/// repeats, which travels to readers in a broadcast_ring's record; that record's publication also publishes the body.
template <class T>
  requires(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0)
class overwriting_arena : private live_object<overwriting_arena<T>> {
 public:
  /// What publish() returns for a body that is longer than the store. No body has it for a position.
  static constexpr std::uint64_t refused = ~std::uint64_t{0};

  /// Room for at least `minimum` elements, rounded up to a power of two, two or more: see capacity(). Pages are touched
  /// here. `memory` must outlive the arena; it is used here and in the destructor only.
  explicit overwriting_arena(std::size_t minimum, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : memory_{&memory}, capacity_{std::bit_ceil(std::clamp(minimum, std::size_t{2}, most))} {
    words_ = static_cast<std::atomic<std::uint64_t>*>(memory.allocate(capacity_ * sizeof(T), cache_line));
    std::uninitialized_value_construct_n(words_, capacity_ * words_each);
  }
  overwriting_arena(const overwriting_arena&) = delete;
  overwriting_arena& operator=(const overwriting_arena&) = delete;
  ~overwriting_arena() { memory_->deallocate(words_, capacity_ * sizeof(T), cache_line); }

  /// Elements of the longest body. A body can be copied until more than this has been published from its position on.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// Copies `body` in, over the oldest ones, and returns its position. The producer's thread; never waits. A body
  /// longer than capacity() is `refused`: nothing changes.
  [[nodiscard]] std::uint64_t publish(std::span<const T> body) noexcept {
    if (body.size() > capacity_) return refused;
    const std::size_t left = capacity_ - offset_of(next_);
    const std::uint64_t position = body.size() <= left ? next_ : next_ + left;
    next_ = position + body.size();
    // relaxed: the words that follow, each stored with release, keep it before them
    reserved_.store(next_, std::memory_order_relaxed);
    std::atomic<std::uint64_t>* to = words_ + offset_of(position) * words_each;
    const auto* from = reinterpret_cast<const std::byte*>(body.data());
    for (std::size_t i = 0; i < body.size() * words_each; ++i) {
      std::uint64_t word;
      std::memcpy(&word, from + i * sizeof word, sizeof word);
      to[i].store(word, std::memory_order_release);  // pairs with try_copy()
    }
    return position;
  }

  /// Copies the body that a record names to `to`. False where the producer has overtaken it, before or meanwhile:
  /// what stands in `to` then means nothing. Any thread that has read the record.
  [[nodiscard]] bool try_copy(std::uint64_t position, std::size_t count, T* to) const noexcept {
    if (!holds(position, count) || count > capacity_ - offset_of(position)) return false;
    const std::atomic<std::uint64_t>* from = words_ + offset_of(position) * words_each;
    auto* bytes = reinterpret_cast<std::byte*>(to);
    for (std::size_t i = 0; i < count * words_each; ++i) {
      // No word is older than the body: the record's acquire saw them all stored. One that is newer is acquired from
      // its publish() and with it what reserved_ was set to before, which the second look cannot miss.
      const std::uint64_t word = from[i].load(std::memory_order_acquire);
      std::memcpy(bytes + i * sizeof word, &word, sizeof word);
    }
    return holds(position, count);
  }

 private:
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  static_assert(sizeof(std::atomic<std::uint64_t>) == sizeof(std::uint64_t));
  static constexpr std::size_t words_each = sizeof(T) / sizeof(std::uint64_t);
  static constexpr std::size_t most = std::size_t{1} << 40;  // memory ends long before

  [[nodiscard]] std::size_t offset_of(std::uint64_t position) const noexcept {
    return static_cast<std::size_t>(position) & (capacity_ - 1);
  }

  // Published, and nothing reserved since reaches it: an element goes when the one a lap ahead of it comes.
  [[nodiscard]] bool holds(std::uint64_t position, std::size_t count) const noexcept {
    // relaxed: see try_copy() for the second look; the first one follows the acquire of the record
    const std::uint64_t reserved = reserved_.load(std::memory_order_relaxed);
    return position <= reserved && count <= reserved - position && reserved - position <= capacity_;
  }

  std::pmr::memory_resource* memory_;
  std::size_t capacity_;
  std::atomic<std::uint64_t>* words_{nullptr};
  alignas(cache_line) std::uint64_t next_{0};                   // producer's thread
  alignas(cache_line) std::atomic<std::uint64_t> reserved_{0};  // written by the producer, before the words
};

}  // namespace foxtrot::inline v0
