// foxtrot/market/detail/sorted_levels.hpp: one side of a book in one array, the best price at its end.
#pragma once

#include <foxtrot/market/levels.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

/// A level that comes, or goes (quantity 0), at an index of the array as it was before.
struct level_edit {
  std::size_t at;
  raw_level level;
};

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

  void reserve(std::size_t count) { levels_.reserve(count); }
  void clear() noexcept { levels_.clear(); }

  /// Makes all the changes; `scratch` is room that is kept from call to call. Venues send them sorted: then what lies
  /// between a level that comes and one that goes moves by one, and what lies beyond both stays where it is.
  void apply(std::span<const raw_level> changes, std::vector<level_edit>& scratch) {
    const bool from_worst = changes.size() < 2 || worse(changes.front().price, changes.back().price);
    const auto ordered = [&](const raw_level& a, const raw_level& b) {
      return from_worst ? worse(a.price, b.price) : worse(b.price, a.price);
    };
    for (std::size_t i = 1; i < changes.size(); ++i) {
      if (ordered(changes[i - 1], changes[i])) [[likely]]
        continue;
      for (const raw_level& level : changes) set(level);
      return;
    }
    // All searches first: none waits for another or for a branch, so the processor runs several at a time.
    scratch.resize(changes.size());
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const raw_level& level = changes[from_worst ? i : changes.size() - 1 - i];
      scratch[i] = {find(level.price), level};
    }
    std::size_t count = 0;
    for (const level_edit& edit : scratch) {
      const bool present = edit.at < levels_.size() && levels_[edit.at].price == edit.level.price;
      if (present && edit.level.quantity != 0) {
        levels_[edit.at].quantity = edit.level.quantity;
      } else if (present || edit.level.quantity != 0) {
        scratch[count++] = edit;
      }
    }
    scratch.resize(count);
    rearrange(scratch);
  }

  /// Makes the quantity at that price what it says, 0 for none.
  void set(const raw_level& level) {
    const bool best = !empty() && worse(this->best().price, level.price);  // a snapshot from its worst level on
    const std::size_t at = best ? levels_.size() : find(level.price);
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

  /// The first index whose price is not worse. Without a branch: which half it is in cannot be predicted.
  [[nodiscard]] std::size_t find(std::int64_t price) const noexcept {
    const raw_level* const level = levels_.data();
    std::size_t low = 0;
    for (std::size_t count = levels_.size(); count != 0;) {
      const std::size_t half = (count + 1) / 2;
      low += worse(level[low + half - 1].price, price) ? half : 0;
      count -= half;
    }
    return low;
  }

 private:
  // Between two places where as many levels have come as gone nothing else matters, so each such run is moved by
  // itself: upwards from its upper end, downwards from its lower one.
  void rearrange(std::span<const level_edit> all) {
    const std::size_t old_size = levels_.size();
    std::size_t size = old_size;
    for (const level_edit& each : all) size = each.level.quantity != 0 ? size + 1 : size - 1;
    if (size > old_size) levels_.resize(size);
    for (std::size_t first = 0; first < all.size();) {
      const bool up = all[first].level.quantity != 0;
      std::size_t shift = 1;
      std::size_t last = first + 1;
      for (; last < all.size() && shift != 0; ++last)
        shift += (all[last].level.quantity != 0) == up ? 1U : ~std::size_t{0};
      const std::span<const level_edit> run = all.subspan(first, last - first);
      if (up) {
        move_up(run, shift, old_size);
      } else {
        move_down(run, old_size);
      }
      first = last;
    }
    if (size < old_size) levels_.resize(size);
  }

  // `shift` more levels come than go in the run; if none, its last edit is the one that makes room.
  void move_up(std::span<const level_edit> run, std::size_t shift, std::size_t end) noexcept {
    raw_level* const level = levels_.data();
    if (shift == 0) {
      end = run.back().at;
      run = run.first(run.size() - 1);
      shift = 1;
    }
    for (std::size_t i = run.size(); i-- > 0;) {
      const level_edit& edit = run[i];
      // a level that goes is moved, too, and then overwritten by the one below it
      std::copy_backward(level + edit.at, level + end, level + end + shift);
      end = edit.at;
      if (edit.level.quantity != 0) {
        level[edit.at + --shift] = edit.level;
      } else {
        ++shift;
      }
    }
  }

  void move_down(std::span<const level_edit> run, std::size_t old_size) noexcept {
    raw_level* const level = levels_.data();
    std::size_t shift = 0;
    std::size_t begin = run.front().at;
    for (const level_edit& edit : run) {
      std::copy(level + begin, level + edit.at, level + begin - shift);
      if (edit.level.quantity != 0) {
        level[edit.at - shift--] = edit.level;
        begin = edit.at;
      } else {
        ++shift;
        begin = edit.at + 1;
      }
    }
    if (shift != 0) std::copy(level + begin, level + old_size, level + begin - shift);
  }

  [[nodiscard]] static bool worse(std::int64_t a, std::int64_t b) noexcept { return Bids ? a < b : a > b; }

  std::vector<raw_level> levels_;
};

}  // namespace foxtrot::inline v0::detail
