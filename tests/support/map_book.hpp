// tests/support/map_book.hpp: an order book as plain as can be, on std::map, to compare with.
#pragma once

#include <foxtrot/market/order_book.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace foxtrot_test {

/// Mantissas under exponents that never change; best price first.
struct map_book {
  int price_exponent{0};
  int quantity_exponent{0};
  std::map<std::int64_t, std::int64_t, std::greater<>> bids{};
  std::map<std::int64_t, std::int64_t> asks{};

  template <class Side>
  static void set(Side& side, const foxtrot::raw_level& level) {
    if (level.quantity == 0) {
      side.erase(level.price);
    } else {
      side[level.price] = level.quantity;
    }
  }
  void apply(const foxtrot::level_changes& changes) {
    for (const auto& level : changes.bids) set(bids, level);
    for (const auto& level : changes.asks) set(asks, level);
  }
  void assign(const foxtrot::level_changes& changes) {
    bids.clear();
    asks.clear();
    apply(changes);
  }
  [[nodiscard]] bool crossed() const {
    return !bids.empty() && !asks.empty() && bids.begin()->first >= asks.begin()->first;
  }

  template <class Side>
  static std::vector<foxtrot::raw_level> best(const Side& side, std::size_t count) {
    std::vector<foxtrot::raw_level> made;
    for (const auto& [price, quantity] : side) {
      if (made.size() == count) break;
      made.push_back({price, quantity});
    }
    return made;
  }

  /// Whether the book has exactly these levels, whatever its exponents.
  [[nodiscard]] bool same_as(const foxtrot::order_book& book) const {
    return same_side(bids, book.bids()) && same_side(asks, book.asks());
  }
  /// Whether the best bid and ask are the same.
  [[nodiscard]] bool same_top_as(const foxtrot::order_book& book) const {
    return same_top(bids, book.best_bid()) && same_top(asks, book.best_ask()) && crossed() == book.crossed() &&
           bids.size() == book.size(foxtrot::book_side::bids) && asks.size() == book.size(foxtrot::book_side::asks);
  }

 private:
  template <class Side>
  [[nodiscard]] foxtrot::price_level level(typename Side::const_iterator at) const {
    return {{at->first, price_exponent}, {at->second, quantity_exponent}};
  }
  template <class Side>
  [[nodiscard]] bool same_side(const Side& side, const foxtrot::book_levels& levels) const {
    if (side.size() != levels.size()) return false;
    auto at = side.begin();
    for (const foxtrot::price_level& each : levels) {
      if (each != level<Side>(at++)) return false;
    }
    return true;
  }
  template <class Side>
  [[nodiscard]] bool same_top(const Side& side, const std::optional<foxtrot::price_level>& best) const {
    return side.empty() ? !best : best == level<Side>(side.begin());
  }
};

}  // namespace foxtrot_test
