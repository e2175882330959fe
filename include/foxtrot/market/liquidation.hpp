// foxtrot/market/liquidation.hpp: an order by which the venue closed somebody's position.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/order_side.hpp>
#include <foxtrot/market/raw_decimal.hpp>
#include <foxtrot/market/raw_text.hpp>
#include <foxtrot/market/venue_time.hpp>
#include <foxtrot/market/wide_tick.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace foxtrot::inline v0 {

struct liquidation_body {
  raw_decimal original_quantity;
  raw_decimal price;
  raw_decimal average_price;
  raw_decimal last_filled_quantity;
  raw_decimal filled_quantity;
  venue_time trade_time;
  raw_text<24> order_type;  // 24: the venue's longest are TRAILING_STOP_MARKET and PARTIALLY_FILLED
  raw_text<24> time_in_force;
  raw_text<24> order_status;
  order_side side{};
  std::uint8_t zeros[15]{};
};
static_assert(wide_body<liquidation_body>);

/// Of a symbol's liquidations within a second the venue sends only one.
class liquidation : public wide_tick<liquidation_body> {
 public:
  using wide_tick::wide_tick;

  /// Of the order: sell where somebody was long.
  [[nodiscard]] order_side side() const noexcept { return body().side; }
  /// The venue's words, valid as long as this tick: "LIMIT", "IOC", "FILLED".
  [[nodiscard]] std::string_view order_type() const noexcept { return body().order_type.view(); }
  [[nodiscard]] std::string_view time_in_force() const noexcept { return body().time_in_force.view(); }
  [[nodiscard]] std::string_view order_status() const noexcept { return body().order_status.view(); }

  [[nodiscard]] decimal original_quantity() const noexcept { return body().original_quantity.value(); }
  [[nodiscard]] decimal price() const noexcept { return body().price.value(); }
  [[nodiscard]] decimal average_price() const noexcept { return body().average_price.value(); }
  [[nodiscard]] decimal last_filled_quantity() const noexcept { return body().last_filled_quantity.value(); }
  /// All fills of the order together.
  [[nodiscard]] decimal filled_quantity() const noexcept { return body().filled_quantity.value(); }
  [[nodiscard]] std::optional<timestamp> trade_time() const noexcept { return body().trade_time.get(); }
};

}  // namespace foxtrot::inline v0
