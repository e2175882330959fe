// examples/support/triangle.hpp: three symbols that make a circle, and whether going round it pays.
#pragma once

#include "exact.hpp"
#include "quote_board.hpp"

#include <foxtrot/core/decimal_literals.hpp>
#include <foxtrot/core/decimal_rounding.hpp>

#include <algorithm>
#include <optional>

namespace example {

enum class way_round {
  by_btc,  // USDT buys BTC, BTC buys ETH, ETH is sold for USDT
  by_eth,  // USDT buys ETH, ETH is sold for BTC, BTC is sold for USDT
};

/// What a trip is worth.
struct trip {
  wide_decimal edge;  // USDT for each ETH that goes round, all fees paid; pays where above 0
  wide_decimal cost;  // USDT for each ETH, to compare with
  wide_decimal size;  // ETH, as much as all three best levels hold

  [[nodiscard]] bool pays() const { return edge > wide_decimal{}; }
  /// Cut off at twelve decimals of the edge: all of its digits and those of the size might not fit together.
  [[nodiscard]] wide_decimal profit() const {
    constexpr wide_decimal finest{1, -12};
    return times(round_to_step(edge, finest, foxtrot::rounding::down).value_or(edge), size);
  }
  [[nodiscard]] double basis_points() const { return 1e4 * edge.to_double() / cost.to_double(); }
};

/// Fees are taken out of what each trade yields: `fee` is a share of it, 0.001 for 10 basis points. Prices and edges
/// are exact, and nothing is divided; sizes are cut off at four decimals.
///
/// By BTC the edge is understated by no more than one fee of itself: a division would be the price of the difference.
[[nodiscard]] inline trip trip_of(way_round way, const quote& btc_usdt, const quote& eth_usdt, const quote& eth_btc,
                                  const decimal& fee) {
  using namespace foxtrot::literals;
  constexpr int size_decimals = 4;
  const wide_decimal kept = minus("1"_dec, fee);
  const wide_decimal kept_of_three = times(times(kept, kept), kept);
  const bool by_btc = way == way_round::by_btc;
  const decimal& cross = by_btc ? eth_btc.ask : eth_btc.bid;
  const wide_decimal through_btc = times(cross, by_btc ? btc_usdt.ask : btc_usdt.bid);
  const wide_decimal direct = by_btc ? eth_usdt.bid : eth_usdt.ask;
  const wide_decimal cost = by_btc ? through_btc : direct;
  const wide_decimal yield = times(by_btc ? direct : through_btc, kept_of_three);

  const decimal& btc = by_btc ? btc_usdt.ask_quantity : btc_usdt.bid_quantity;
  const wide_decimal first = by_btc ? eth_usdt.bid_quantity : eth_usdt.ask_quantity;
  const wide_decimal second = by_btc ? eth_btc.ask_quantity : eth_btc.bid_quantity;
  const wide_decimal third = quotient(btc, cross, size_decimals).value_or(wide_decimal{});
  return {minus(yield, cost), cost, std::min({first, second, third})};
}

}  // namespace example
