// foxtrot/market/order_book.hpp: one symbol's order book, built from the changes of its levels.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/int128.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/book_levels.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/detail/sorted_levels.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/levels.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace foxtrot::inline v0 {

enum class book_side : std::uint8_t { bids, asks };

struct order_book_settings {
  std::size_t reserve{4'096};  ///< levels a side with room made for them at once; more are allocated when they come
  std::size_t max_levels{0};   ///< levels a side to keep, the best ones, after each change; 0: all
};

/// Every level is a pair of integers; prices share one exponent and quantities another. When a finer one comes, all are
/// re-scaled, exactly. Changes cost a logarithmic search each, and together one pass over levels up to the best price
/// at most. With a cap, levels beyond it are forgotten, and are missing where better ones go. No allocation within the
/// reserved room, which holds for the levels of one message, too. One thread.
class order_book : private live_object<order_book> {
 public:
  explicit order_book(const order_book_settings& settings = {});

  /// Makes the changes. errc::number_out_of_range, and the book as it was, where no common exponent holds all numbers.
  [[nodiscard]] errc apply(const level_changes& changes);
  [[nodiscard]] errc apply(const depth_update& update);

  /// Becomes the book that a snapshot shows, each price once. Best prices first is the order that costs least.
  void assign(const level_changes& snapshot);
  void assign(const depth_snapshot& snapshot);

  /// No levels; the room stays.
  void clear() noexcept;

  // --- the best prices, in constant time ---

  [[nodiscard]] std::optional<price_level> best_bid() const noexcept { return best(bids_); }
  [[nodiscard]] std::optional<price_level> best_ask() const noexcept { return best(asks_); }

  /// The best bid is not below the best ask: no market looks like that, so changes are missing.
  [[nodiscard]] bool crossed() const noexcept {
    return !bids_.empty() && !asks_.empty() && bids_.best().price >= asks_.best().price;
  }

  /// The best `count` levels, fewer if there are not as many; best first.
  [[nodiscard]] book_levels top(book_side side, std::size_t count) const noexcept {
    const auto raw = all(side);
    return {raw.last(std::min(count, raw.size())), price_exponent_, quantity_exponent_};
  }
  [[nodiscard]] book_levels bids() const noexcept { return top(book_side::bids, bids_.size()); }
  [[nodiscard]] book_levels asks() const noexcept { return top(book_side::asks, asks_.size()); }

  /// Levels of one side.
  [[nodiscard]] std::size_t size(book_side side) const noexcept { return all(side).size(); }
  [[nodiscard]] bool empty() const noexcept { return bids_.empty() && asks_.empty(); }

  // --- quantities, all exact ---

  /// What stands at that price; 0 where nothing does. Logarithmic.
  [[nodiscard]] decimal quantity_at(book_side side, const decimal& price) const noexcept;

  /// What stands at that price and at better ones. Linear in the levels it adds up.
  [[nodiscard]] wide_decimal depth_to(book_side side, const decimal& price) const noexcept;

  /// The sum of price x quantity for taking that quantity from this side, best price first: exact. Nothing where the
  /// side does not hold as much, or where 128 bits do not suffice. Linear in the levels taken.
  [[nodiscard]] std::optional<wide_decimal> cost(book_side side, const decimal& quantity) const noexcept;

  /// The average price for taking that quantity from this side: cost / quantity, as a double.
  [[nodiscard]] std::optional<double> vwap(book_side side, const decimal& quantity) const noexcept;

  [[nodiscard]] int price_exponent() const noexcept { return price_exponent_; }
  [[nodiscard]] int quantity_exponent() const noexcept { return quantity_exponent_; }

 private:
  [[nodiscard]] std::span<const raw_level> all(book_side side) const noexcept {
    return side == book_side::bids ? bids_.all() : asks_.all();
  }
  [[nodiscard]] std::size_t find(book_side side, std::int64_t price) const noexcept;
  template <class Side>
  [[nodiscard]] std::optional<price_level> best(const Side& side) const noexcept {
    if (side.empty()) return std::nullopt;
    return price_level{{side.best().price, price_exponent_}, {side.best().quantity, quantity_exponent_}};
  }

  template <class Side>
  void change(Side& side, std::span<const raw_level> levels, const level_changes& of);
  template <class Side>
  void fill(Side& side, std::span<const raw_level> levels);
  [[nodiscard]] std::optional<raw_level> converted(const raw_level& level, const level_changes& of) const noexcept;

  // Common exponents for the book and the changes: the finer ones, if every level can have them.
  [[nodiscard]] errc agree(const level_changes& changes) noexcept;
  [[nodiscard]] bool try_exponents(int price, int quantity, const level_changes& changes) noexcept;

  detail::sorted_levels<true> bids_;
  detail::sorted_levels<false> asks_;
  std::vector<detail::level_edit> scratch_;
  std::size_t max_levels_;
  int price_exponent_{0};
  int quantity_exponent_{0};
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/order_book.hpp>
#endif
