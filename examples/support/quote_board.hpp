// examples/support/quote_board.hpp: the best prices of some symbols, and none that is in doubt.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/book_ticker.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

namespace example {

struct quote {
  foxtrot::decimal bid, bid_quantity, ask, ask_quantity;
};

/// Keeps the latest quote of each symbol. What a status puts in doubt is gone until the next tick of that symbol. One
/// thread.
class quote_board {
 public:
  /// Polled quotes are as old as the polling's interval: good enough to look at, not to trade on.
  enum class wanted { all, streamed };

  explicit quote_board(wanted which = wanted::all) : wanted_{which} {}

  void on(const foxtrot::book_ticker& tick) {
    entry& mine = entry_of(tick.symbol());
    mine.now = {tick.bid_price(), tick.bid_quantity(), tick.ask_price(), tick.ask_quantity()};
    const bool two_sided = !mine.now.bid_quantity.is_zero() && !mine.now.ask_quantity.is_zero();
    mine.known = two_sided && (wanted_ == wanted::all || tick.source() == foxtrot::source::websocket);
  }

  /// True where a quote that was known is not any more.
  bool on(const foxtrot::status& told) {
    switch (told.code()) {
      case foxtrot::status_code::stale: return forget(told.symbol());
      case foxtrot::status_code::dropped: return forget({});  // whatever we missed may have been newer
      case foxtrot::status_code::disconnected: return told.lost_connection() && forget({});
      default: return false;
    }
  }

  /// Null where there is none that may be believed. Valid until the next tick or status.
  [[nodiscard]] const quote* find(std::string_view symbol) const {
    const auto at = std::ranges::find_if(entries_, [symbol](const entry& each) { return each.symbol == symbol; });
    return at != entries_.end() && at->known ? &at->now : nullptr;
  }

 private:
  struct entry {
    foxtrot::symbol symbol;
    quote now;
    bool known{false};
  };

  entry& entry_of(const foxtrot::symbol& symbol) {  // they are few
    const auto at = std::ranges::find(entries_, symbol, &entry::symbol);
    if (at != entries_.end()) return *at;
    entries_.push_back({.symbol = symbol, .now = {}});
    return entries_.back();
  }

  // Of all where it is no symbol.
  bool forget(const foxtrot::symbol& symbol) {
    bool was_known = false;
    for (entry& each : entries_) {
      if (symbol && each.symbol != symbol) continue;
      was_known = was_known || each.known;
      each.known = false;
    }
    return was_known;
  }

  wanted wanted_;
  std::vector<entry> entries_;
};

}  // namespace example
