// examples/support/imbalance.hpp: which side of a book weighs more.
#pragma once

#include "exact.hpp"

#include <foxtrot/market/order_book.hpp>

#include <cstddef>

namespace example {

enum class lean { none, up, down };

/// What stands at the best levels of a book.
struct pressure {
  wide_decimal bids, asks;

  [[nodiscard]] static pressure of(const foxtrot::order_book& book, std::size_t levels) {
    const auto sum = [&](foxtrot::book_side side) {
      wide_decimal total;
      for (const foxtrot::price_level level : book.top(side, levels)) total = plus(total, level.quantity);
      return total;
    };
    return {sum(foxtrot::book_side::bids), sum(foxtrot::book_side::asks)};
  }

  /// (bids - asks) / (bids + asks): from -1, nobody buys, to 1, nobody sells; 0 for an empty book.
  [[nodiscard]] double imbalance() const {
    const double all = plus(bids, asks).to_double();
    return all > 0 ? minus(bids, asks).to_double() / all : 0;
  }

  /// Up where the imbalance is at least `threshold`, down where it is at most its negative. Compared exactly.
  [[nodiscard]] lean leans(const decimal& threshold) const {
    const wide_decimal needed = times(threshold, plus(bids, asks));
    if (bids > asks && minus(bids, asks) >= needed) return lean::up;
    if (asks > bids && minus(asks, bids) >= needed) return lean::down;
    return lean::none;
  }
};

}  // namespace example
