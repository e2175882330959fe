// foxtrot/market/mark_price.hpp: a future's price for margins and liquidations, and what its funding costs.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/raw_decimal.hpp>
#include <foxtrot/market/venue_time.hpp>
#include <foxtrot/market/wide_tick.hpp>

#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

struct mark_price_body {
  raw_decimal mark;
  raw_decimal average;
  raw_decimal index;
  raw_decimal settlement;
  raw_decimal funding_rate;
  venue_time next_funding_time;  // absent where the venue sends 0
  std::uint64_t zeros{0};
};
static_assert(wide_body<mark_price_body>);

/// Delivery contracts have no funding; what else is optional depends on the market.
class mark_price : public wide_tick<mark_price_body> {
 public:
  using wide_tick::wide_tick;

  [[nodiscard]] decimal mark() const noexcept { return body().mark.value(); }
  /// The moving average of the mark price.
  [[nodiscard]] std::optional<decimal> average() const noexcept { return body().average.get(); }
  [[nodiscard]] std::optional<decimal> index() const noexcept { return body().index.get(); }
  /// An estimate: it means something in the last hour before settlement.
  [[nodiscard]] std::optional<decimal> settlement() const noexcept { return body().settlement.get(); }
  /// A fraction, not percent; negative where the short side pays.
  [[nodiscard]] std::optional<decimal> funding_rate() const noexcept { return body().funding_rate.get(); }
  [[nodiscard]] std::optional<timestamp> next_funding_time() const noexcept { return body().next_funding_time.get(); }
};

}  // namespace foxtrot::inline v0
