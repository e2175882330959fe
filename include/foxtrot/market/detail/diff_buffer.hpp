// foxtrot/market/detail/diff_buffer.hpp: book changes kept until the snapshot comes that they belong to.
#pragma once

#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/levels.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

/// A diff as the synchroniser sees it: it leads from the book after change `before` to the book after change `last`.
struct book_step {
  std::uint64_t before{0};
  std::uint64_t last{0};
  level_changes changes;
};

/// A queue of copies with bounds on diffs and levels; past them the oldest go, which only makes a newer snapshot
/// necessary. Holds up to twice the levels that are in it. One thread.
class diff_buffer {
 public:
  diff_buffer(std::size_t max_diffs, std::size_t max_levels) noexcept
      : max_diffs_{max_diffs}, max_levels_{max_levels} {}

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size() - head_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// Valid until the next push.
  [[nodiscard]] book_step operator[](std::size_t index) const noexcept {
    const entry& at = entries_[head_ + index];
    const std::span<const raw_level> levels = std::span{levels_}.subspan(at.offset, at.bids + at.asks);
    return {
        at.before, at.last, {levels.first(at.bids), levels.subspan(at.bids), at.price_exponent, at.quantity_exponent}};
  }

  void clear() noexcept {
    entries_.clear();
    levels_.clear();
    head_ = 0;
  }

  /// Keeps a copy, at the price of the oldest if need be. A diff that is larger than the whole buffer empties it.
  void push(const book_step& step) {
    const std::size_t count = step.changes.bids.size() + step.changes.asks.size();
    while (!empty() && (size() >= max_diffs_ || levels_in_use() + count > max_levels_)) ++head_;
    if (head_ > entries_.size() / 2) compact();
    if (max_diffs_ == 0 || count > max_levels_) return;
    entries_.push_back({step.before, step.last, levels_.size(), step.changes.bids.size(), step.changes.asks.size(),
                        step.changes.price_exponent, step.changes.quantity_exponent});
    levels_.insert(levels_.end(), step.changes.bids.begin(), step.changes.bids.end());
    levels_.insert(levels_.end(), step.changes.asks.begin(), step.changes.asks.end());
  }

 private:
  struct entry {
    std::uint64_t before;
    std::uint64_t last;
    std::size_t offset;
    std::size_t bids;
    std::size_t asks;
    int price_exponent;
    int quantity_exponent;
  };

  [[nodiscard]] std::size_t levels_in_use() const noexcept {
    return empty() ? 0 : levels_.size() - entries_[head_].offset;
  }

  void compact() {
    const std::size_t gone = levels_.size() - levels_in_use();
    levels_.erase(levels_.begin(), levels_.begin() + static_cast<std::ptrdiff_t>(gone));
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    for (entry& at : entries_) at.offset -= gone;
    head_ = 0;
  }

  std::vector<entry> entries_;
  std::vector<raw_level> levels_;
  std::size_t head_{0};
  std::size_t max_diffs_;
  std::size_t max_levels_;
};

}  // namespace foxtrot::inline v0::detail
