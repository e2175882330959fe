// foxtrot/market/detail/key_numbers.hpp: keys as small numbers, in the order in which they come.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Numbers from 0 up to a limit, for keys that are never forgotten. Allocates in the constructor only. One thread.
class key_numbers {
 public:
  explicit key_numbers(std::size_t most) : cells_(std::bit_ceil(2 * most + 1)), most_{most} {}

  /// The number of a key, new or known; the limit or more where there is none left.
  [[nodiscard]] std::size_t of(std::uint32_t key) noexcept {
    const std::size_t mask = cells_.size() - 1;
    for (std::size_t at = hash(key);; ++at) {  // half of the cells stay empty: it ends
      cell& here = cells_[at & mask];
      if (here.number != 0 && here.key == key) return here.number - 1;
      if (here.number != 0) continue;
      if (used_ == most_) return most_;
      here = {key, ++used_};
      return used_ - 1;
    }
  }

 private:
  struct cell {
    std::uint32_t key{0};
    std::uint32_t number{0};  // plus one; 0: empty
  };
  [[nodiscard]] static constexpr std::size_t hash(std::uint32_t key) noexcept {
    return static_cast<std::size_t>((key * std::uint64_t{0x9e3779b97f4a7c15}) >> 32);
  }

  std::vector<cell> cells_;
  std::size_t most_;
  std::uint32_t used_{0};
};

}  // namespace foxtrot::inline v0::detail
