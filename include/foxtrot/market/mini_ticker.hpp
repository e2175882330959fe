// foxtrot/market/mini_ticker.hpp: the last 24 hours of a symbol in six numbers.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/raw_decimal.hpp>
#include <foxtrot/market/wide_tick.hpp>

namespace foxtrot::inline v0 {

struct mini_ticker_body {
  raw_wide_decimal base_volume;
  raw_wide_decimal quote_volume;
  raw_decimal close;
  raw_decimal open;
  raw_decimal high;
  raw_decimal low;
};
static_assert(wide_body<mini_ticker_body>);

/// Prices and volumes of the 24 hours that end now. Volumes of COIN-M: see kline.
class mini_ticker : public wide_tick<mini_ticker_body> {
 public:
  using wide_tick::wide_tick;

  /// The last price.
  [[nodiscard]] decimal close() const noexcept { return body().close.value(); }
  [[nodiscard]] decimal open() const noexcept { return body().open.value(); }
  [[nodiscard]] decimal high() const noexcept { return body().high.value(); }
  [[nodiscard]] decimal low() const noexcept { return body().low.value(); }
  [[nodiscard]] wide_decimal base_volume() const noexcept { return body().base_volume.value(); }
  [[nodiscard]] wide_decimal quote_volume() const noexcept { return body().quote_volume.value(); }
};

}  // namespace foxtrot::inline v0
