// foxtrot/market/detail/key_numbers.hpp: keys as small numbers, in the order in which they come.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Numbers from 0 up to a limit, for keys that are never forgotten. Allocates in the constructor only. One thread gives
/// the numbers, any may look them up. Relaxed throughout: a key and its number are one word, and nothing else hangs on
/// it.
class key_numbers {
 public:
  explicit key_numbers(std::size_t most) : cells_(std::bit_ceil(2 * most + 1)), most_{most} {}

  /// The number of a key, new or known; the limit or more where there is none left. The one thread.
  [[nodiscard]] std::size_t of(std::uint32_t key) noexcept {
    const std::size_t at = place_of(key);
    if (const std::uint64_t here = cells_[at].load(std::memory_order_relaxed); here != 0) return number_in(here);
    if (used_ == most_) return most_;
    cells_[at].store(std::uint64_t{key} << 32 | ++used_, std::memory_order_relaxed);
    return used_ - 1;
  }

  /// The number of a known key, else the limit. Any thread.
  [[nodiscard]] std::size_t find(std::uint32_t key) const noexcept {
    const std::uint64_t here = cells_[place_of(key)].load(std::memory_order_relaxed);
    return here != 0 && here >> 32 == key ? number_in(here) : most_;
  }

 private:
  // Where the key is, or else the first empty cell that it could be in. Half of the cells stay empty: it ends.
  [[nodiscard]] std::size_t place_of(std::uint32_t key) const noexcept {
    const std::size_t mask = cells_.size() - 1;
    for (std::size_t at = hash(key);; ++at) {
      const std::uint64_t here = cells_[at & mask].load(std::memory_order_relaxed);
      if (here == 0 || here >> 32 == key) return at & mask;
    }
  }
  [[nodiscard]] static constexpr std::size_t number_in(std::uint64_t cell) noexcept {
    return static_cast<std::uint32_t>(cell) - 1;
  }
  [[nodiscard]] static constexpr std::size_t hash(std::uint32_t key) noexcept {
    return static_cast<std::size_t>((key * std::uint64_t{0x9e3779b97f4a7c15}) >> 32);
  }

  std::vector<std::atomic<std::uint64_t>> cells_;  // key and, in the lower half, its number plus one; 0: empty
  std::size_t most_;
  std::uint32_t used_{0};  // the one thread's
};

}  // namespace foxtrot::inline v0::detail
