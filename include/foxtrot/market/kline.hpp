// foxtrot/market/kline.hpp: a candlestick: what was traded in one interval.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/market/raw_decimal.hpp>
#include <foxtrot/market/venue_time.hpp>
#include <foxtrot/market/wide_tick.hpp>

#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

struct kline_body {
  raw_wide_decimal base_volume;
  raw_wide_decimal quote_volume;
  raw_wide_decimal taker_buy_base_volume;
  raw_wide_decimal taker_buy_quote_volume;
  raw_decimal open;
  raw_decimal close;
  raw_decimal high;
  raw_decimal low;
  venue_time open_time;
  venue_time close_time;
  std::int64_t first_trade_id{-1};  // -1: nothing was traded
  std::int64_t last_trade_id{-1};
  std::uint64_t trade_count{0};
  kline_interval interval{};
  std::uint8_t closed{0};
  std::uint8_t zeros[6]{};
};
static_assert(wide_body<kline_body>);

/// One interval of a symbol, so far or as a whole. Of COIN-M, base volumes are contracts and quote volumes the base
/// asset: so the venue counts there.
class kline : public wide_tick<kline_body> {
 public:
  using wide_tick::wide_tick;

  [[nodiscard]] kline_interval interval() const noexcept { return body().interval; }
  /// Whether the interval is over: nothing more will come for it.
  [[nodiscard]] bool closed() const noexcept { return body().closed != 0; }
  /// The interval's first and last moment, as the venue counts.
  [[nodiscard]] std::optional<timestamp> open_time() const noexcept { return body().open_time.get(); }
  [[nodiscard]] std::optional<timestamp> close_time() const noexcept { return body().close_time.get(); }

  [[nodiscard]] decimal open() const noexcept { return body().open.value(); }
  [[nodiscard]] decimal close() const noexcept { return body().close.value(); }
  [[nodiscard]] decimal high() const noexcept { return body().high.value(); }
  [[nodiscard]] decimal low() const noexcept { return body().low.value(); }

  [[nodiscard]] wide_decimal base_volume() const noexcept { return body().base_volume.value(); }
  [[nodiscard]] wide_decimal quote_volume() const noexcept { return body().quote_volume.value(); }
  /// The part of it where the buyer was the aggressor.
  [[nodiscard]] wide_decimal taker_buy_base_volume() const noexcept { return body().taker_buy_base_volume.value(); }
  [[nodiscard]] wide_decimal taker_buy_quote_volume() const noexcept { return body().taker_buy_quote_volume.value(); }

  [[nodiscard]] std::uint64_t trade_count() const noexcept { return body().trade_count; }
  /// Nothing where nothing was traded.
  [[nodiscard]] std::optional<std::uint64_t> first_trade_id() const noexcept {
    return detail::id_or_none(body().first_trade_id);
  }
  [[nodiscard]] std::optional<std::uint64_t> last_trade_id() const noexcept {
    return detail::id_or_none(body().last_trade_id);
  }
};

}  // namespace foxtrot::inline v0
