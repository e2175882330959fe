// foxtrot/market/impl/sorted_levels.hpp: what detail/sorted_levels.hpp declares.
#pragma once

#include <foxtrot/market/detail/sorted_levels.hpp>
#include <foxtrot/market/levels.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

template <bool Bids>
void sorted_levels<Bids>::reserve(std::size_t count) {
  levels_.reserve(count);
}

template <bool Bids>
void sorted_levels<Bids>::clear() noexcept {
  levels_.clear();
}

template <bool Bids>
void sorted_levels<Bids>::apply(std::span<const raw_level> changes, std::vector<level_edit>& scratch) {
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

template <bool Bids>
void sorted_levels<Bids>::set(const raw_level& level) {
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

template <bool Bids>
void sorted_levels<Bids>::keep(std::size_t count) {
  if (levels_.size() <= count) return;
  levels_.erase(levels_.begin(), levels_.end() - static_cast<std::ptrdiff_t>(count));
}

template <bool Bids>
void sorted_levels<Bids>::rearrange(std::span<const level_edit> all) {
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

template <bool Bids>
void sorted_levels<Bids>::move_up(std::span<const level_edit> run, std::size_t shift, std::size_t end) noexcept {
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

template <bool Bids>
void sorted_levels<Bids>::move_down(std::span<const level_edit> run, std::size_t old_size) noexcept {
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

template <bool Bids>
std::size_t sorted_levels<Bids>::find(std::int64_t price) const noexcept {
  const raw_level* const level = levels_.data();
  std::size_t low = 0;
  for (std::size_t count = levels_.size(); count != 0;) {
    const std::size_t half = (count + 1) / 2;
    low += worse(level[low + half - 1].price, price) ? half : 0;
    count -= half;
  }
  return low;
}

}  // namespace foxtrot::inline v0::detail
