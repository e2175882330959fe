// foxtrot/sim/exchange_truth.hpp: how far a generated market has come, to compare with what a client has seen.
#pragma once

#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/market_generator.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// The last ids of one symbol; 0 where nothing of the kind has happened. They count whether anybody was told or not.
struct symbol_truth {
  std::string symbol{};
  std::uint64_t last_trade_id{0};
  std::uint64_t last_aggregate_trade_id{0};
  std::uint64_t last_book_update_id{0};
  std::uint64_t last_quote_id{0};       ///< `u` of the last book ticker
  std::uint64_t last_depth_id{0};       ///< `u` of the last diff of @depth@100ms
  std::uint64_t last_slow_depth_id{0};  ///< `u` of the last diff of @depth
};

/// Each id is exact, together they are of about the same moment: pause the market to have all of one.
struct exchange_truth {
  std::vector<symbol_truth> symbols{};  ///< none where the market is a replay

  [[nodiscard]] const symbol_truth* find(std::string_view symbol) const noexcept {
    const auto found = std::find_if(symbols.begin(), symbols.end(), [&](const auto& s) { return s.symbol == symbol; });
    return found == symbols.end() ? nullptr : &*found;
  }
};

namespace detail {

/// Written by the loop's thread, read by any.
class truth_keeper {
 public:
  explicit truth_keeper(const market_generator& market) : ids_(market.symbols().size()) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      names_.push_back(market.symbols()[i].name);
      ids_[i].book.set(market.book(i).update_id);
    }
  }

  void note(const market_event& event) noexcept {
    symbol_ids& last = ids_[event.symbol];
    last.book.set(event.update_id);
    switch (event.what) {
      case market_event::kind::book_ticker: return last.quote.set(event.update_id);
      case market_event::kind::trade: return last.trade.set(event.fill.trade_id);
      case market_event::kind::depth: return last.depth.set(event.diff.last_id);
      case market_event::kind::depth_slow: return last.slow_depth.set(event.diff.last_id);
      case market_event::kind::mark_price: return;
    }
  }

  [[nodiscard]] exchange_truth look() const {
    exchange_truth seen;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      const symbol_ids& last = ids_[i];
      const std::uint64_t trade = last.trade.get();
      // every trade is an aggregate of its own here, of the same id
      seen.symbols.push_back(
          {names_[i], trade, trade, last.book.get(), last.quote.get(), last.depth.get(), last.slow_depth.get()});
    }
    return seen;
  }

 private:
  struct symbol_ids {
    sim_counter trade, book, quote, depth, slow_depth;
  };

  std::vector<std::string> names_;
  std::vector<symbol_ids> ids_;
};

}  // namespace detail
}  // namespace foxtrot::inline v0
