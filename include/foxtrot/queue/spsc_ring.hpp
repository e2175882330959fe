// foxtrot/queue/spsc_ring.hpp: one producer, one consumer, one cache-line transfer per hand-off.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/queue/line.hpp>

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>

namespace foxtrot::inline v0 {

/// A bounded queue between exactly two threads. The word that says "this line is filled" stands in the line itself, so
/// the consumer never touches the producer's index and a hand-off costs one cache-line transfer instead of two; a
/// consumer that looks at an empty ring has thereby asked for the next item's line already. Payloads are written in
/// place by the producer and read in place by the consumer. Memory is allocated and touched once, in the constructor;
/// nothing afterwards allocates, locks or enters the kernel. Larger records: see payload_arena.
template <line_payload T>
class spsc_ring : private live_object<spsc_ring<T>> {
 public:
  using value_type = T;

  /// Room for at least `minimum` items, rounded up to a power of two: see capacity(). `memory` must outlive the ring
  /// (huge_page_resource is one to try); it is used here and in the destructor only.
  explicit spsc_ring(std::size_t minimum, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : store_{minimum, memory} {
    producer_.lines = consumer_.lines = store_.view();
  }
  spsc_ring(const spsc_ring&) = delete;
  spsc_ring& operator=(const spsc_ring&) = delete;

  /// Items that fit, exactly.
  [[nodiscard]] std::size_t capacity() const noexcept { return store_.view().count(); }

  // --- the producer's thread ---

  /// The next free payload, to be filled in place and then published; nullptr while the ring is full. Claiming twice
  /// without publishing gives the same payload, so a claim may be abandoned.
  [[nodiscard, gnu::always_inline]] T* try_claim() noexcept {
    if (free_lines() == 0) return nullptr;
    prefetch_for_write(&producer_.lines[producer_.position + detail::write_ahead]);
    return ::new (static_cast<void*>(producer_.lines[producer_.position].payload)) T;
  }

  /// Hands the claimed payload over. Only after try_claim() gave one.
  [[gnu::always_inline]] void publish(line_tag tag = {}) noexcept {
    // release: pairs with the consumer's acquire of the same word and carries the payload
    producer_.lines[producer_.position].word.store(detail::word_of(producer_.position, tag), std::memory_order_release);
    ++producer_.position;
  }

  /// Copies `item` in; false, and `item` untouched, while the ring is full.
  [[nodiscard]] bool try_push(const T& item, line_tag tag = {}) noexcept {
    T* free = try_claim();
    if (free == nullptr) return false;
    *free = item;
    publish(tag);
    return true;
  }

  /// Lines that can be claimed now without asking again: at least `wanted` if the ring has them.
  [[nodiscard]] std::size_t free_lines(std::size_t wanted = 1) noexcept {
    const std::size_t all = producer_.lines.count();
    std::size_t free = all - static_cast<std::size_t>(producer_.position - producer_.other_seen);
    if (free < wanted) [[unlikely]] {
      // acquire: the consumer's reads of the payload happened before it released the line
      producer_.other_seen = released_.load(std::memory_order_acquire);
      free = all - static_cast<std::size_t>(producer_.position - producer_.other_seen);
    }
    return free;
  }

  // --- the consumer's thread ---

  /// The oldest item, readable in place until pop(); nullptr while the ring is empty.
  [[nodiscard, gnu::always_inline]] const T* front() noexcept {
    slot& line = consumer_.lines[consumer_.position];
    const std::uint64_t word = line.word.load(std::memory_order_acquire);  // pairs with publish()
    if (!detail::word_is_at(word, consumer_.position)) return nullptr;
    consumer_.other_seen = word;
    return line.value();
  }

  /// The tag of the item that front() returned.
  [[nodiscard]] line_tag front_tag() const noexcept { return detail::tag_of(consumer_.other_seen); }

  /// Gives the item that front() returned back to the producer.
  [[gnu::always_inline]] void pop() noexcept {
    ++consumer_.position;
    released_.store(consumer_.position, std::memory_order_release);  // pairs with free_lines()
  }

  /// Moves the oldest item to `item`; false while the ring is empty.
  [[nodiscard]] bool try_pop(T& item) noexcept {
    const T* oldest = front();
    if (oldest == nullptr) return false;
    item = *oldest;
    pop();
    return true;
  }

  /// Calls `visit(const T&, line_tag)`, or `visit(const T&)`, in place for up to `max` items that are there now and
  /// returns their number. The lines go back to the producer together at the end, also where `visit` throws (that item
  /// counts as consumed). `visit` must not take from the ring itself.
  template <line_visitor<T> Visitor>
  std::size_t consume(std::size_t max, Visitor&& visit) {
    const batch_release release{*this};
    std::size_t done = 0;
    while (done < max && holds(consumer_.position + many - 1)) {
      // All before that one are there as well: its acquire is one of everything published before it.
      const std::size_t end = std::min(max, done + many);
      for (; done < end; ++done) take(visit);
    }
    // Near the head one by one: a core that guessed on would take the lines that are just being filled from the
    // producer.
    for (; done < max && holds(consumer_.position); ++done) {
      take(visit);
      stop_speculation();
    }
    return done;
  }

  /// Items waiting, for the consumer's thread; a moment later there may be more.
  [[nodiscard]] bool empty() noexcept { return front() == nullptr; }

 private:
  using slot = detail::line<T>;

  struct alignas(cache_line) side {  // each owner's own line: nothing here is shared
    detail::line_view<slot> lines;
    std::uint64_t position{0};
    std::uint64_t other_seen{0};  // producer: the consumer's position as last read; consumer: the word of front()
  };

  // So many items behind, the consumer is out of the producer's way, however far its core guesses ahead.
  static constexpr std::size_t many = 64;

  [[nodiscard]] bool holds(std::uint64_t position) const noexcept {
    const std::uint64_t word = consumer_.lines[position].word.load(std::memory_order_acquire);  // pairs with publish()
    return detail::word_is_at(word, position);
  }

  template <class Visitor>
  void take(Visitor& visit) {
    slot& line = consumer_.lines[consumer_.position++];
    const std::uint64_t word = line.word.load(std::memory_order_relaxed);  // holds() has acquired it, or a later one
    detail::show<T>(visit, *line.value(), detail::tag_of(word));
  }

  struct batch_release {
    spsc_ring& ring;
    std::uint64_t before{ring.consumer_.position};
    ~batch_release() {
      if (ring.consumer_.position != before)
        ring.released_.store(ring.consumer_.position, std::memory_order_release);  // pairs with free_lines()
    }
  };

  detail::line_store<slot> store_;                              // read by both, written by none
  side producer_;                                               // producer's thread
  side consumer_;                                               // consumer's thread
  alignas(cache_line) std::atomic<std::uint64_t> released_{0};  // written by the consumer
};

}  // namespace foxtrot::inline v0
