// foxtrot/market/impl/diff_buffer.hpp: what detail/diff_buffer.hpp declares.
#pragma once

#include <foxtrot/market/detail/diff_buffer.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/levels.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL diff_buffer::diff_buffer(std::size_t max_diffs, std::size_t max_levels) noexcept
    : max_diffs_{max_diffs}, max_levels_{max_levels} {}

FOXTROT_DECL book_step diff_buffer::operator[](std::size_t index) const noexcept {
  const entry& at = entries_[head_ + index];
  const std::span<const raw_level> levels = std::span{levels_}.subspan(at.offset, at.bids + at.asks);
  return {
      at.before, at.last, {levels.first(at.bids), levels.subspan(at.bids), at.price_exponent, at.quantity_exponent}};
}

FOXTROT_DECL void diff_buffer::clear() noexcept {
  entries_.clear();
  levels_.clear();
  head_ = 0;
}

FOXTROT_DECL void diff_buffer::push(const book_step& step) {
  const std::size_t count = step.changes.bids.size() + step.changes.asks.size();
  while (!empty() && (size() >= max_diffs_ || levels_in_use() + count > max_levels_)) ++head_;
  if (head_ > entries_.size() / 2) compact();
  if (max_diffs_ == 0 || count > max_levels_) return;
  entries_.push_back({step.before, step.last, levels_.size(), step.changes.bids.size(), step.changes.asks.size(),
                      step.changes.price_exponent, step.changes.quantity_exponent});
  levels_.insert(levels_.end(), step.changes.bids.begin(), step.changes.bids.end());
  levels_.insert(levels_.end(), step.changes.asks.begin(), step.changes.asks.end());
}

FOXTROT_DECL void diff_buffer::compact() {
  const std::size_t gone = levels_.size() - levels_in_use();
  levels_.erase(levels_.begin(), levels_.begin() + static_cast<std::ptrdiff_t>(gone));
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
  for (entry& at : entries_) at.offset -= gone;
  head_ = 0;
}

FOXTROT_DECL std::size_t diff_buffer::levels_in_use() const noexcept {
  return empty() ? 0 : levels_.size() - entries_[head_].offset;
}

}  // namespace foxtrot::inline v0::detail
