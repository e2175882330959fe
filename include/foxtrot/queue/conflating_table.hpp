// foxtrot/queue/conflating_table.hpp: the latest record of each key, from one producer to one consumer.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/queue/detail/dirty_keys.hpp>
#include <foxtrot/queue/line.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// What may be copied as bytes, of any size: the cost is that of copying it, so a few KiB at most.
template <class T>
concept table_record = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;

/// What conflating_table::consume() calls. A visitor that returns bool says with false: leave it dirty, I want it
/// again.
template <class Visitor, class T>
concept table_visitor =
    std::invocable<Visitor&, std::size_t, const T&, std::uint64_t, line_tag> &&
    (std::is_void_v<std::invoke_result_t<Visitor&, std::size_t, const T&, std::uint64_t, line_tag>> ||
     std::same_as<std::invoke_result_t<Visitor&, std::size_t, const T&, std::uint64_t, line_tag>, bool>);

/// A table of `keys` records. Storing overwrites: a consumer that falls behind skips what is outdated and never waits.
/// The producer never waits either. Records carry the caller's running number of events, so that order between keys,
/// and between the table and other queues, is not lost. Memory is allocated and touched in the constructor only.
///
/// A reader never sees half a record: every 8 bytes of it are an atomic word, between two looks at the entry's first
/// word. The producer marks that first word as busy, stores the others with release and publishes the first. Whoever
/// reads one of the others with acquire and finds a newer record's, has that record's mark happen before its second
/// look, which then cannot give what the first gave. Older than the first look's record none can be: acquire from the
/// release that published it.
template <table_record T>
class conflating_table : private live_object<conflating_table<T>> {
 public:
  using value_type = T;

  /// `memory` must outlive the table; it is used here and in the destructor only.
  explicit conflating_table(std::size_t keys, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : entries_{keys, &memory},
        laps_{(keys + laps_per_line - 1) / laps_per_line, &memory},
        dirty_{keys, memory},
        seen_{keys, &memory} {}
  conflating_table(const conflating_table&) = delete;
  conflating_table& operator=(const conflating_table&) = delete;

  /// Keys are 0 up to, not including, this.
  [[nodiscard]] std::size_t keys() const noexcept { return entries_.size(); }

  // --- the producer's thread ---

  /// Makes `value` the record of `key`. `position` grows from one record of a key to its next and stays below 2^64 - 1.
  /// Wait-free.
  void store(std::size_t key, const T& value, std::uint64_t position, line_tag tag = {}) noexcept {
    store_prefix(key, value, sizeof(T), position, tag);
  }

  /// The same where only the first `bytes` of `value` mean something: no more are read here. Readers find what earlier
  /// records left, or zeros, in the others.
  void store_prefix(std::size_t key, const T& value, std::size_t bytes, std::uint64_t position,
                    line_tag tag = {}) noexcept {
    entry& to = entries_[key];
    const std::uint64_t word = word_of(position, tag);
    // Asks for all lines at once: stores become visible in order, so each line would be waited for after the other.
    bytes = std::min(bytes, sizeof(T));
    for (std::size_t at = cache_line; at < sizeof to.word + bytes; at += cache_line) {
      prefetch_for_write(reinterpret_cast<const std::byte*>(&to) + at);
    }
    // relaxed: each release store below carries it to whoever sees that store
    to.word.store(word | busy, std::memory_order_relaxed);
    std::atomic<std::uint32_t>& lap = laps_[key / laps_per_line].of[key % laps_per_line];
    if (lap.load(std::memory_order_relaxed) != lap_of(position)) {  // only this thread writes it
      lap.store(lap_of(position), std::memory_order_release);
    }
    copy_in(to, reinterpret_cast<const std::byte*>(&value), bytes);
    to.word.store(word, std::memory_order_release);  // pairs with the first look of read()
    dirty_.mark(key);
  }

  // --- any thread ---

  /// The latest record of `key`; false, and the arguments untouched, if there was none ever. Waits while the producer
  /// is storing this very record, so not for a thread whose real-time priority can keep the producer from running.
  [[nodiscard]] bool try_load(std::size_t key, T& out, std::uint64_t& position, line_tag& tag) const noexcept {
    header found;
    look seen = read(key, reinterpret_cast<std::byte*>(&out), found);
    for (; seen == look::torn; seen = read(key, reinterpret_cast<std::byte*>(&out), found)) cpu_relax();
    if (seen == look::none) return false;
    position = found.position;
    tag = found.tag;
    return true;
  }

  // --- the consumer's thread ---

  /// Calls `visit(key, const T&, position, tag)` with the latest record of up to `max` keys that changed and returns
  /// their number. Begins after the key of the last visit, goes up and round once; shows no key twice in a call and no
  /// record twice ever, but for those that `visit` left dirty by returning false, which do not count. A record whose
  /// visit throws is consumed. A record that is being stored at this moment may be left to the next call.
  template <table_visitor<T> Visitor>
  std::size_t consume(std::size_t max, Visitor&& visit) {
    if (max == 0) return 0;
    std::size_t done = 0;
    const auto show = [&](std::size_t key) {
      const outcome of_key = show_key(key, visit);
      if (of_key == outcome::declined) return detail::sweep_step::keep_dirty;
      if (of_key == outcome::consumed) ++done;
      return done == max ? detail::sweep_step::stop : detail::sweep_step::next;
    };
    const std::size_t start = next_;
    if (dirty_.sweep(start, keys(), show)) dirty_.sweep(0, start, show);
    return done;
  }

  /// Whether a call of consume() is worth while; it may find less, never more.
  [[nodiscard]] bool any_dirty() const noexcept { return dirty_.any(); }

 private:
  static constexpr std::size_t word_bytes = sizeof(std::uint64_t);
  static constexpr std::size_t words = (sizeof(T) + word_bytes - 1) / word_bytes;
  static constexpr std::size_t last_word_bytes = sizeof(T) - (words - 1) * word_bytes;
  static constexpr std::uint64_t busy = 1;

  // The word: busy bit, lower bits of the position, tag. The position's upper bits stand in an array of their own,
  // written once per 2^39 positions: so positions are exact, and 56 bytes still make one line. Two words of one key
  // are alike only if the producer gets through a multiple of 2^39 positions while one read lasts.
  static constexpr unsigned lap_shift = detail::position_bits - 1;
  [[nodiscard]] static constexpr std::uint64_t word_of(std::uint64_t position, line_tag tag) noexcept {
    return ((position << 1) & detail::position_mask) |
           (std::uint64_t{tag.bits & detail::tag_mask} << detail::position_bits);
  }
  [[nodiscard]] static constexpr std::uint32_t lap_of(std::uint64_t position) noexcept {
    return static_cast<std::uint32_t>(position >> lap_shift) + 1;  // never 0, which says that there was no record
  }
  [[nodiscard]] static constexpr std::uint64_t position_of(std::uint64_t word, std::uint32_t lap) noexcept {
    return (std::uint64_t{lap - 1} << lap_shift) | ((word & detail::position_mask) >> 1);
  }

  struct alignas(cache_line) entry {
    std::atomic<std::uint64_t> word{busy};  // busy at first: a word that no record can have
    std::array<std::atomic<std::uint64_t>, words> payload{};
  };

  static constexpr std::size_t laps_per_line = cache_line / sizeof(std::uint32_t);
  struct alignas(cache_line) lap_line {  // lines of their own: both sides read them all the time
    std::array<std::atomic<std::uint32_t>, laps_per_line> of{};
  };

  static void copy_in(entry& to, const std::byte* from, std::size_t bytes) noexcept {
    std::uint64_t part = 0;
    const std::size_t whole = bytes / word_bytes;
    for (std::size_t i = 0; i < whole; ++i) {
      std::memcpy(&part, from + i * word_bytes, word_bytes);
      to.payload[i].store(part, std::memory_order_release);
    }
    if (const std::size_t rest = bytes % word_bytes; rest != 0) {
      part = 0;
      std::memcpy(&part, from + whole * word_bytes, rest);
      to.payload[whole].store(part, std::memory_order_release);
    }
  }

  struct header {
    std::uint64_t position{0};
    line_tag tag;
  };
  enum class look : std::uint8_t { none, torn, whole };

  static void copy_out(const entry& from, std::byte* to) noexcept {
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint64_t part = from.payload[i].load(std::memory_order_acquire);
      std::memcpy(to + i * word_bytes, &part, i + 1 < words ? word_bytes : last_word_bytes);
    }
  }

  look read(std::size_t key, std::byte* to, header& found) const noexcept {
    const entry& from = entries_[key];
    const std::uint64_t word = from.word.load(std::memory_order_acquire);  // pairs with the last store of a record
    // acquire here and below: see the class
    const std::uint32_t lap = laps_[key / laps_per_line].of[key % laps_per_line].load(std::memory_order_acquire);
    if ((word & busy) != 0) return lap == 0 ? look::none : look::torn;
    copy_out(from, to);
    if (from.word.load(std::memory_order_relaxed) != word) return look::torn;  // stays behind the acquire loads
    found = {position_of(word, lap), detail::tag_of(word)};
    return look::whole;
  }

  enum class outcome : std::uint8_t { nothing, consumed, declined };

  template <class Visitor>
  outcome show_key(std::size_t key, Visitor& visit) {
    alignas(T) std::byte copy[sizeof(T)];
    header found;
    look seen = read(key, copy, found);
    for (int again = 0; seen == look::torn && again < 64; ++again, seen = read(key, copy, found)) cpu_relax();
    // Still torn: the producer was interrupted in the middle. It marks the key again when it is through: its mark comes
    // after the clearing of the bit, or the clearing would have acquired the whole record.
    if (seen != look::whole) return outcome::nothing;
    next_ = key + 1 < keys() ? key + 1 : 0;
    // The same record again where it was stored between the clearing of the bit and the last visit.
    const std::uint64_t shown_before = std::exchange(seen_[key], found.position + 1);
    if (shown_before == found.position + 1) return outcome::nothing;
    const T& value = *std::launder(reinterpret_cast<const T*>(copy));
    if constexpr (std::is_void_v<decltype(visit(key, value, found.position, found.tag))>) {
      visit(key, value, found.position, found.tag);
    } else if (!visit(key, value, found.position, found.tag)) {
      seen_[key] = shown_before;
      return outcome::declined;
    }
    return outcome::consumed;
  }

  std::pmr::vector<entry> entries_;
  std::pmr::vector<lap_line> laps_;  // upper bits of the positions
  detail::dirty_keys dirty_;

  alignas(cache_line) std::pmr::vector<std::uint64_t> seen_;  // consumer's thread: after the position shown last
  std::size_t next_{0};                                       // consumer's thread
};

}  // namespace foxtrot::inline v0
