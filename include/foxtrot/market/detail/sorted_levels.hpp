// foxtrot/market/detail/sorted_levels.hpp: one side of a book in one array, the best price at its end.
#pragma once

#include <foxtrot/market/levels.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Most changes are near the best price, so they move and touch the last lines of the array only. Bids ascend, asks
/// descend. One thread.
template <bool Bids>
class sorted_levels {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return levels_.size(); }
  [[nodiscard]] bool empty() const noexcept { return levels_.empty(); }
  [[nodiscard]] const raw_level& best() const noexcept { return levels_.back(); }
  [[nodiscard]] std::span<const raw_level> all() const noexcept { return levels_; }
  [[nodiscard]] std::span<raw_level> all() noexcept { return levels_; }
  [[nodiscard]] std::size_t room() const noexcept { return levels_.capacity(); }

  void reserve(std::size_t count) { levels_.reserve(count); }
  void clear() noexcept { levels_.clear(); }

  /// Makes the quantity at that price what it says, 0 for none. `near` is where to look first, and then where it was:
  /// the changes of one message are sorted, one way or the other.
  void set(const raw_level& level, std::size_t& near) {
    const std::size_t at = find(level.price, near);
    near = at;
    const bool present = at < levels_.size() && levels_[at].price == level.price;
    if (level.quantity == 0) {
      if (present) levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (present) {
      levels_[at].quantity = level.quantity;
    } else {
      levels_.insert(levels_.begin() + static_cast<std::ptrdiff_t>(at), level);
    }
  }

  /// Forgets all but the best `count`.
  void keep(std::size_t count) {
    if (levels_.size() <= count) return;
    levels_.erase(levels_.begin(), levels_.end() - static_cast<std::ptrdiff_t>(count));
  }

  /// The first index whose price is not worse. Searches outwards from `near` in doubling steps, then in between.
  [[nodiscard]] std::size_t find(std::int64_t price, std::size_t near) const noexcept {
    const raw_level* const level = levels_.data();
    std::size_t low = 0;                // what is below it is worse
    std::size_t high = levels_.size();  // what is at it or above is not
    if (near < high && worse(level[near].price, price)) {
      low = near + 1;
      std::size_t step = 1;
      while (step < high - low && worse(level[low + step].price, price)) {
        low += step + 1;
        step *= 2;
      }
      if (step < high - low) high = low + step;
    } else {
      if (near < high) high = near;
      std::size_t step = 1;
      while (step <= high && !worse(level[high - step].price, price)) {
        high -= step;
        step *= 2;
      }
      if (step <= high) low = high - step + 1;
    }
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (worse(level[middle].price, price)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

 private:
  [[nodiscard]] static bool worse(std::int64_t a, std::int64_t b) noexcept { return Bids ? a < b : a > b; }

  std::vector<raw_level> levels_;
};

}  // namespace foxtrot::inline v0::detail
