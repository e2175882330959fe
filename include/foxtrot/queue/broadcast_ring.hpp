// foxtrot/queue/broadcast_ring.hpp: one producer that never waits, any number of readers that come and go.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/queue/line.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace foxtrot::inline v0 {

/// What a look at the next event of a broadcast_ring found. `lapped`: the producer has overwritten it, and the reader
/// went on to newer ones.
enum class read_outcome : std::uint8_t { empty, read, lapped };

[[nodiscard]] constexpr std::string_view to_string(read_outcome outcome) noexcept {
  switch (outcome) {
    case read_outcome::empty: return "empty";
    case read_outcome::read: return "read";
    case read_outcome::lapped: return "lapped";
  }
  return "?";
}

namespace detail {

/// What a line's word says while event number `position` is being written over an older one: the word of the event
/// after it, which belongs to another line of any ring of two lines or more and so is no word of this one. That holds
/// over the wrap of the 40 bits too, for the number of lines divides 2^40, and however lines are scattered, as long as
/// two positions share a line only when a multiple of the number of lines lies between them.
[[nodiscard]] constexpr std::uint64_t mark_of(std::uint64_t position) noexcept { return word_of(position + 1, {}); }

/// How far what `word` says lies ahead of event number `position`: 40 bits and their sign.
[[nodiscard]] constexpr std::int64_t word_ahead_of(std::uint64_t word, std::uint64_t position) noexcept {
  constexpr unsigned rest = 64 - position_bits;
  return static_cast<std::int64_t>((word - (position + 1)) << rest) >> rest;
}

/// For a reader at `position` whose line does not hold its event: whether that is because the event is still to come.
/// Ahead by 1 is the mark of this very event; an older word, an older mark and a fresh zero are behind; a newer word is
/// ahead by the number of lines at least, which is 2 or more, and a newer mark by one more than that.
[[nodiscard]] constexpr bool is_still_to_come(std::uint64_t word, std::uint64_t position) noexcept {
  return word_ahead_of(word, position) <= 1;
}

/// A line that is copied while it may be overwritten: nothing in it is plain, so a torn copy is a value to be thrown
/// away and not a data race.
template <line_payload T>
struct alignas(cache_line) broadcast_line {
  static constexpr std::size_t word_bytes = sizeof(std::uint64_t);
  static constexpr std::size_t used = (sizeof(T) + word_bytes - 1) / word_bytes;

  std::atomic<std::uint64_t> word{0};
  std::atomic<std::uint64_t> payload[line_payload_bytes / word_bytes]{};

  /// Producer: puts event number `position` here, over an older one.
  void fill(std::uint64_t position, const T& item, line_tag tag) noexcept {
    // release: whoever acquires the mark finds head_ at `position` at least (see reader::resume())
    word.store(mark_of(position), std::memory_order_release);
    fill_payload(&item, std::make_index_sequence<used>{});
    word.store(word_of(position, tag), std::memory_order_release);  // carries the payload to copy_if()
  }

  /// Reader: copies the payload to `to` if it is that of `seen`, a word just acquired from here, and all of it is.
  [[nodiscard]] bool copy_if(std::uint64_t seen, void* to) const noexcept {
    return copy_if(seen, to, std::make_index_sequence<used>{});
  }

 private:
  // How much of the payload is in word number `index`.
  static constexpr std::size_t bytes_of(std::size_t index) noexcept {
    return std::min(word_bytes, sizeof(T) - index * word_bytes);
  }

  // Both copies are written out, word by word. Through an array in a loop, g++ stores eight bytes at a time and loads
  // sixteen, which the store buffer cannot forward: twice the time.
  template <std::size_t... Index>
  void fill_payload(const void* from, std::index_sequence<Index...>) noexcept {
    const auto part = [from](auto index) {
      std::uint64_t value{0};
      std::memcpy(&value, static_cast<const std::byte*>(from) + index * word_bytes, bytes_of(index));
      return value;
    };
    // release: keeps the mark before each of them. A reader that acquires a word of the new payload has the mark, or
    // something later, in front of its second look.
    (payload[Index].store(part(std::integral_constant<std::size_t, Index>{}), std::memory_order_release), ...);
  }

  template <std::size_t... Index>
  [[nodiscard]] bool copy_if(std::uint64_t seen, void* to, std::index_sequence<Index...>) const noexcept {
    // No word is older than `seen`: its acquire saw them all stored. One that is newer is seen with the mark that went
    // before it (acquire, of fill_payload()'s release), so the second look, which may be relaxed as it is about this
    // one atomic only, cannot find `seen` again: that stands before the mark in the order of the word's values.
    const std::uint64_t copy[]{payload[Index].load(std::memory_order_acquire)...};
    if (word.load(std::memory_order_relaxed) != seen) [[unlikely]]
      return false;
    (std::memcpy(static_cast<std::byte*>(to) + Index * word_bytes, &copy[Index], bytes_of(Index)), ...);
    return true;
  }
};

}  // namespace detail

/// Every reader sees every event that it comes for in time; one that comes too late is told how many it lost. The
/// producer overwrites the oldest event and knows nothing of its readers, so that none of them can hold it up, and
/// they may appear and vanish in any thread without a word. A reader that is up to date looks at the line of the next
/// event only, so a hand-off costs one cache-line transfer for each of them. Memory is allocated and touched once, in
/// the constructor; nothing afterwards allocates, locks or enters the kernel. Larger events: see overwriting_arena.
template <line_payload T>
class broadcast_ring : private live_object<broadcast_ring<T>> {
  using slot = detail::broadcast_line<T>;

 public:
  using value_type = T;
  class reader;

  /// Room for at least `minimum` events, rounded up to a power of two, two or more: see capacity(). `memory` must
  /// outlive the ring (huge_page_resource is one to try); it is used here and in the destructor only.
  explicit broadcast_ring(std::size_t minimum, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : store_{minimum, memory} {
    producer_.lines = store_.view();
  }
  broadcast_ring(const broadcast_ring&) = delete;
  broadcast_ring& operator=(const broadcast_ring&) = delete;

  /// Events that can still be read while nothing is being published, exactly.
  [[nodiscard]] std::size_t capacity() const noexcept { return store_.view().count(); }

  /// Makes `item` the newest event, over the oldest one. The producer's thread; never fails, never waits.
  void publish(const T& item, line_tag tag = {}) noexcept {
    const detail::line_view<slot> lines = producer_.lines;
    const std::uint64_t position = producer_.position;
    prefetch_for_write(&lines[position + detail::write_ahead]);
    lines[position].fill(position, item, tag);
    producer_.position = position + 1;
    // release: to whoever acquires it, no event before it is still to come
    head_.store(position + 1, std::memory_order_release);
  }

  /// Events published so far: the number of the next one. Any thread; each look costs the producer a little.
  [[nodiscard]] std::uint64_t published() const noexcept { return head_.load(std::memory_order_acquire); }

 protected:
  /// A ring that has published `position` events already, the last of them zeros: for tests of what happens years
  /// later.
  broadcast_ring(std::size_t minimum, std::pmr::memory_resource& memory, std::uint64_t position)
      : broadcast_ring{minimum, memory} {
    producer_.position = position;
    head_.store(position, std::memory_order_relaxed);  // nobody else is here yet, as for the words
    for (std::uint64_t next = position; next < position + capacity(); ++next) {
      producer_.lines[next].word.store(detail::word_of(next - capacity(), {}), std::memory_order_relaxed);
    }
  }

 private:
  struct alignas(cache_line) side {
    detail::line_view<slot> lines;
    std::uint64_t position{0};
  };

  detail::line_store<slot> store_;                          // read by all, written by none
  side producer_;                                           // producer's thread
  alignas(cache_line) std::atomic<std::uint64_t> head_{0};  // written by the producer, after the line
};

/// A place in the sequence of a ring's events. A small value: a copy goes on from the same place, on its own. One
/// thread at a time; the ring must outlive it. It must look at least once in 2^39 events (15 hours at 10 million a
/// second): a line's word has no more bits to tell an event still to come from one long gone.
template <line_payload T>
class broadcast_ring<T>::reader {
 public:
  using value_type = T;
  using outcome = read_outcome;

  /// Begins with the next event to be published.
  explicit reader(const broadcast_ring& ring) noexcept : reader{ring, ring.published()} {}

  /// Begins with event number `position`, less than 2^39 away from published(). Where that is gone already, the events
  /// up to the oldest one read count as lost.
  reader(const broadcast_ring& ring, std::uint64_t position) noexcept
      : lines_{ring.store_.view()}, head_{&ring.head_}, position_{position} {}

  /// Copies the next event, if there is one. `lapped`: it was overwritten before it could be read; nothing was, the
  /// cursor stands half a ring before the newest event and lost() has grown by exactly the number skipped. Only where
  /// it says `read` are `item` and `tag` touched.
  [[nodiscard]] outcome try_read(T& item, line_tag& tag) noexcept { return look(&item, tag); }

  /// Copies the next event there is, going over losses, which lost() counts; false while there is none.
  [[nodiscard]] bool try_pop(T& item) noexcept {
    line_tag tag;
    return take(&item, tag);
  }

  /// Calls `visit(const T&, line_tag)`, or `visit(const T&)`, with a copy of each of up to `max` events, going over
  /// losses, and returns their number. Inside `visit`, position() and lost() already include that event and whatever
  /// was lost before it; where `visit` throws, the event counts as read.
  template <line_visitor<T> Visitor>
  std::size_t consume(std::size_t max, Visitor&& visit) {
    alignas(T) std::byte copy[sizeof(T)];
    line_tag tag;
    std::size_t done = 0;
    for (; done < max && take(copy, tag); ++done) {
      detail::show(visit, *std::launder(reinterpret_cast<const T*>(copy)), tag);
    }
    return done;
  }

  /// Whether the next look would find nothing; a moment later there may be something.
  [[nodiscard]] bool empty() const noexcept {
    const std::uint64_t word = lines_[position_].word.load(std::memory_order_acquire);
    return !detail::word_is_at(word, position_) && detail::is_still_to_come(word, position_);
  }

  /// Events skipped so far because they were overwritten first. Those read are position() less the first position, less
  /// these.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  /// The number of the next event.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// Events published and not yet read; more than the capacity if the next look will find itself lapped. Looks at what
  /// the producer writes at every event: now and then, not at each.
  [[nodiscard]] std::uint64_t lag() const noexcept {
    const std::uint64_t head = head_->load(std::memory_order_acquire);
    return head > position_ ? head - position_ : 0;  // an event can be read a moment before the head shows it
  }

 private:
  [[nodiscard]] outcome look(void* to, line_tag& tag) noexcept {
    const slot& line = lines_[position_];
    const std::uint64_t word = line.word.load(std::memory_order_acquire);  // pairs with fill(), carries the payload
    if (!detail::word_is_at(word, position_)) [[unlikely]] {
      // told by this line alone: a look at head_ would take a second line from the producer for every event
      return detail::is_still_to_come(word, position_) ? outcome::empty : resume();
    }
    if (!line.copy_if(word, to)) [[unlikely]]
      return resume();
    tag = detail::tag_of(word);
    ++position_;
    return outcome::read;
  }

  [[nodiscard]] bool take(void* to, line_tag& tag) noexcept {
    for (;;) {
      const outcome found = look(to, tag);
      if (found != outcome::lapped) return found == outcome::read;
    }
  }

  // The cursor's event is overwritten. The one half a ring before the head is whole and stays until half a ring more
  // has been published, one event at least: who is lapped again has been outrun by that many, and as soon as the
  // producer pauses the next look reads. (A ring of one line would resume at an event that is yet to come.)
  [[gnu::noinline]] outcome resume() noexcept {
    // The look that brought us here may have been the relaxed one. This one finds the mark of an event a lap ahead, or
    // something later, and acquires it: so head_ is a lap ahead at least, and the cursor moves forward.
    static_cast<void>(lines_[position_].word.load(std::memory_order_acquire));
    const std::uint64_t head = head_->load(std::memory_order_acquire);  // what lies before it is not still to come
    const std::uint64_t next = head - lines_.count() / 2;
    lost_ += next - position_;
    position_ = next;
    return outcome::lapped;
  }

  detail::line_view<slot> lines_;
  const std::atomic<std::uint64_t>* head_;
  std::uint64_t position_;
  std::uint64_t lost_{0};
};

}  // namespace foxtrot::inline v0
