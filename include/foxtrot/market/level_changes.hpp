// foxtrot/market/level_changes.hpp: changed levels of both sides of a book, as order books take them.
#pragma once

#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/levels.hpp>

#include <span>

namespace foxtrot::inline v0 {

/// Level changes with common exponents, in any order of prices: what a depth event holds. Quantities are absolute and
/// never negative; 0 removes the level.
struct level_changes {
  std::span<const raw_level> bids;
  std::span<const raw_level> asks;
  int price_exponent{0};
  int quantity_exponent{0};

  [[nodiscard]] static level_changes of(const depth_tick& tick) noexcept {
    const depth_record& record = tick.record();
    return {tick.bids().raw(), tick.asks().raw(), record.price_exponent, record.quantity_exponent};
  }
};

}  // namespace foxtrot::inline v0
