// foxtrot/market/block_trade.hpp: one trade that was agreed away from the book.
#pragma once

#include <foxtrot/market/trade.hpp>

namespace foxtrot::inline v0 {

/// Its record is that of a trade; its ids are numbered apart, and its price need not be near the book's.
class block_trade : public trade_tick {
 public:
  using trade_tick::trade_tick;
};

}  // namespace foxtrot::inline v0
