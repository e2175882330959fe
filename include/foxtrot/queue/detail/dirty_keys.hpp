// foxtrot/queue/detail/dirty_keys.hpp: which keys of a table changed: marked by one thread, swept by another.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace foxtrot::inline v0::detail {

/// What a sweep does about the key it has just shown.
enum class sweep_step : std::uint8_t { next, keep_dirty, stop };

/// A bitmap of two levels: 64 keys a word, and above 64 such words one bit each that says "look there".
///
/// No mark is forgotten. All that happens to one word of keys is read-modify-writes, so it happens in one order. The
/// marker sets its key's bit and, if the word was zero before, then the bit above. The sweeper clears the bit above
/// and then takes the keys. Suppose the sweeper's taking came before the marker's setting: it left the word zero (or
/// the sweeper itself puts the bit above back), the marker saw that zero and sets the bit above; and it does so after
/// the sweeper cleared it, for had the clearing seen that bit (acquire from release), the taking would have seen the
/// key. So the bit above stands and the next sweep finds the key. And where the marker saw a word that was not zero,
/// the bit above was set when it became so, and whoever cleared it since has yet to take this word.
class dirty_keys {
 public:
  dirty_keys(std::size_t keys, std::pmr::memory_resource& memory)
      : keys_{keys}, groups_{(keys + keys_per_group - 1) / keys_per_group, &memory} {}

  /// Marker's thread. What it wrote before is seen by the sweep that is shown this key.
  void mark(std::size_t key) noexcept {
    group& in = groups_[key / keys_per_group];
    const std::size_t word = key % keys_per_group / bits;
    // Never a plain look whether the bit is set already: it could be answered before the stores of the record become
    // visible, while the sweeper clears the bit and reads the old record. A read-modify-write comes either before the
    // clearing, which then acquires the record, or after it.
    if (in.keys[word].fetch_or(bit(key % bits), std::memory_order_release) == 0) {
      in.words.fetch_or(bit(word), std::memory_order_release);  // carries the key's bit to the sweeper
    }
  }

  /// Sweeper's thread: false if no mark made so far waits. May be true although the sweep then finds none.
  [[nodiscard]] bool any() const noexcept {
    for (const group& in : groups_) {
      if (in.words.load(std::memory_order_relaxed) != 0) return true;  // only the sweep reads what the marks stand for
    }
    return false;
  }

  /// Sweeper's thread: calls `show(key)` for the dirty keys from `first` up to, not including, `last`, each cleared
  /// before it is shown; false where `show` said stop. Keys not shown stay dirty, also where `show` throws.
  template <class Show>
  bool sweep(std::size_t first, std::size_t last, Show&& show) {
    last = std::min(last, keys_);
    for (std::size_t begin = first - first % keys_per_group; begin < last; begin += keys_per_group) {
      const range within{std::max(first, begin) - begin, std::min(last - begin, keys_per_group) - 1};
      if (!sweep_group(begin, within, show)) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t bits = 64;
  static constexpr std::size_t keys_per_group = bits * bits;

  struct alignas(cache_line) group {
    std::atomic<std::uint64_t> words{0};  // which of the words below to look at
    alignas(cache_line) std::atomic<std::uint64_t> keys[bits]{};
  };

  struct range {
    std::size_t first;
    std::size_t last;  // included
  };

  [[nodiscard]] static constexpr std::uint64_t bit(std::size_t index) noexcept { return std::uint64_t{1} << index; }
  [[nodiscard]] static constexpr std::uint64_t mask_of(range these) noexcept {
    return (~std::uint64_t{0} << these.first) & (~std::uint64_t{0} >> (bits - 1 - these.last));
  }

  /// Bits taken out of a word. Those that are not dealt with go back.
  class taken {
   public:
    taken(std::atomic<std::uint64_t>& from, std::uint64_t mask) noexcept
        // acquire: see mark()
        : word_{from}, before_{from.fetch_and(~mask, std::memory_order_acquire)}, unseen_{before_ & mask} {}
    taken(const taken&) = delete;
    taken& operator=(const taken&) = delete;
    ~taken() {
      // relaxed: only this thread takes bits, and it has acquired what they stand for
      if (left() != 0) word_.fetch_or(left(), std::memory_order_relaxed);
    }

    [[nodiscard]] bool done() const noexcept { return unseen_ == 0; }
    [[nodiscard]] std::size_t lowest() const noexcept { return static_cast<std::size_t>(std::countr_zero(unseen_)); }
    void drop_lowest() noexcept { unseen_ &= unseen_ - 1; }
    void keep(std::size_t index) noexcept { kept_ |= bit(index); }
    /// Whether bits of the word are set that were set before, inside of the mask or outside.
    [[nodiscard]] bool remains(std::uint64_t mask) const noexcept { return ((before_ & ~mask) | left()) != 0; }

   private:
    [[nodiscard]] std::uint64_t left() const noexcept { return unseen_ | kept_; }

    std::atomic<std::uint64_t>& word_;
    std::uint64_t before_;
    std::uint64_t unseen_;
    std::uint64_t kept_{0};
  };

  template <class Show>
  bool sweep_group(std::size_t begin, range within, Show& show) {
    group& in = groups_[begin / keys_per_group];
    const std::uint64_t mask = mask_of({within.first / bits, within.last / bits});
    if ((in.words.load(std::memory_order_relaxed) & mask) == 0) return true;  // missed now is seen by the next sweep
    for (taken words{in.words, mask}; !words.done();) {
      const std::size_t word = words.lowest();
      const range here{word == within.first / bits ? within.first % bits : 0,
                       word == within.last / bits ? within.last % bits : bits - 1};
      const word_result result = sweep_word(in.keys[word], begin + word * bits, mask_of(here), show);
      words.drop_lowest();  // not earlier: `show` may throw
      if (result.dirty) words.keep(word);
      if (result.stopped) return false;
    }
    return true;
  }

  struct word_result {
    bool stopped;
    bool dirty;  // keys remain that were dirty before
  };

  template <class Show>
  static word_result sweep_word(std::atomic<std::uint64_t>& word, std::size_t begin, std::uint64_t mask, Show& show) {
    taken keys{word, mask};
    while (!keys.done()) {
      const std::size_t key = begin + keys.lowest();
      keys.drop_lowest();  // shown is taken, also where `show` throws
      const sweep_step step = show(key);
      if (step == sweep_step::keep_dirty) keys.keep(key % bits);
      if (step == sweep_step::stop) return {true, keys.remains(mask)};
    }
    return {false, keys.remains(mask)};
  }

  std::size_t keys_;
  std::pmr::vector<group> groups_;
};

}  // namespace foxtrot::inline v0::detail
