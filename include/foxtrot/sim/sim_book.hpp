// foxtrot/sim/sim_book.hpp: the order book of one simulated symbol, and what changed in it since the last diff.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foxtrot::inline v0 {

/// Price in ticks, quantity in lots; quantity 0 in a diff removes the level.
struct sim_level {
  std::int64_t price{0};
  std::int64_t quantity{0};

  friend bool operator==(const sim_level&, const sim_level&) = default;
};

/// One side of a book, best level last, so that the busy end is the cheap one. Never allocates once it has grown.
class sim_book_side {
 public:
  explicit sim_book_side(bool bids) noexcept : bids_{bids} {}

  [[nodiscard]] bool empty() const noexcept { return levels_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return levels_.size(); }
  [[nodiscard]] const sim_level& best() const noexcept { return levels_.back(); }
  /// Rank 0 is the best level.
  [[nodiscard]] const sim_level& at(std::size_t rank) const noexcept { return levels_[levels_.size() - 1 - rank]; }

  /// Zero where there is no such level.
  [[nodiscard]] std::int64_t quantity_at(std::int64_t price) const noexcept {
    const auto found = position(price);
    return found != levels_.end() && found->price == price ? found->quantity : 0;
  }

  /// Quantity 0 removes. Remembers the price for the next diff.
  void set(std::int64_t price, std::int64_t quantity) {
    const auto found = position(price);
    const bool there = found != levels_.end() && found->price == price;
    if (there && quantity == 0) {
      levels_.erase(found);
    } else if (there) {
      levels_[static_cast<std::size_t>(found - levels_.begin())].quantity = quantity;
    } else if (quantity != 0) {
      levels_.insert(found, {price, quantity});
    }
    if (changed_.empty() || changed_.back() != price) changed_.push_back(price);
  }

  /// Prices changed since the last `forget_changes`, sorted by `before`, each once.
  template <class Order>
  [[nodiscard]] std::span<const std::int64_t> changes(Order before) {
    std::sort(changed_.begin(), changed_.end(), before);
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    return changed_;
  }
  [[nodiscard]] std::size_t change_count() const noexcept { return changed_.size(); }
  void forget_changes() noexcept { changed_.clear(); }

 private:
  using iterator = std::vector<sim_level>::const_iterator;

  /// First level that is not worse than `price`.
  [[nodiscard]] iterator position(std::int64_t price) const noexcept {
    return std::lower_bound(levels_.begin(), levels_.end(), price, [this](const sim_level& level, std::int64_t wanted) {
      return bids_ ? level.price < wanted : level.price > wanted;
    });
  }

  bool bids_;
  std::vector<sim_level> levels_;
  std::vector<std::int64_t> changed_;
};

/// Both sides and the update id of the last change. The owner keeps the best bid under the best ask.
struct sim_book {
  sim_book_side bids{true};
  sim_book_side asks{false};
  std::uint64_t update_id{0};

  [[nodiscard]] sim_book_side& side(bool bid) noexcept { return bid ? bids : asks; }
  [[nodiscard]] const sim_book_side& side(bool bid) const noexcept { return bid ? bids : asks; }
  [[nodiscard]] bool crossed() const noexcept {
    return !bids.empty() && !asks.empty() && bids.best().price >= asks.best().price;
  }
};

}  // namespace foxtrot::inline v0
