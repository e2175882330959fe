// foxtrot/market/ticker.hpp: statistics of a symbol over a window that ends now.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/raw_decimal.hpp>
#include <foxtrot/market/venue_time.hpp>
#include <foxtrot/market/wide_tick.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace foxtrot::inline v0 {

/// The first three are rolling windows by the minute; h24 is the classic 24-hour ticker.
enum class ticker_window : std::uint8_t { h1, h4, d1, h24 };
inline constexpr std::size_t ticker_window_count = 4;

[[nodiscard]] constexpr std::string_view to_string(ticker_window window) noexcept {
  switch (window) {
    case ticker_window::h1: return "1h";
    case ticker_window::h4: return "4h";
    case ticker_window::d1: return "1d";
    case ticker_window::h24: return "24h";
  }
  return "?";
}

struct ticker_body {
  raw_wide_decimal base_volume;
  raw_wide_decimal quote_volume;
  raw_decimal price_change;
  raw_decimal percent_change;
  raw_decimal weighted_average;
  raw_decimal previous_close;
  raw_decimal last_price;
  raw_decimal last_quantity;
  raw_decimal bid_price;
  raw_decimal bid_quantity;
  raw_decimal ask_price;
  raw_decimal ask_quantity;
  raw_decimal open;
  raw_decimal high;
  raw_decimal low;
  venue_time open_time;
  venue_time close_time;
  std::int64_t first_trade_id{-1};  // -1: nothing was traded
  std::int64_t last_trade_id{-1};
  std::uint64_t trade_count{0};
  ticker_window window{ticker_window::h24};
  std::uint8_t zeros[7]{};
};
static_assert(wide_body<ticker_body>);

/// What optional accessors give depends on venue and window: futures have no bid, ask and previous close, rolling
/// windows no last quantity either. Volumes of COIN-M: see kline.
class ticker : public wide_tick<ticker_body> {
 public:
  using wide_tick::wide_tick;

  [[nodiscard]] ticker_window window() const noexcept { return body().window; }
  [[nodiscard]] std::optional<timestamp> open_time() const noexcept { return body().open_time.get(); }
  [[nodiscard]] std::optional<timestamp> close_time() const noexcept { return body().close_time.get(); }

  /// From the window's open to the last price; negative where the price fell. -1.5 percent is -1.5.
  [[nodiscard]] decimal price_change() const noexcept { return body().price_change.value(); }
  [[nodiscard]] decimal percent_change() const noexcept { return body().percent_change.value(); }
  [[nodiscard]] decimal weighted_average() const noexcept { return body().weighted_average.value(); }
  /// The last price before the window began.
  [[nodiscard]] std::optional<decimal> previous_close() const noexcept { return body().previous_close.get(); }
  [[nodiscard]] decimal last_price() const noexcept { return body().last_price.value(); }
  [[nodiscard]] std::optional<decimal> last_quantity() const noexcept { return body().last_quantity.get(); }
  [[nodiscard]] decimal open() const noexcept { return body().open.value(); }
  [[nodiscard]] decimal high() const noexcept { return body().high.value(); }
  [[nodiscard]] decimal low() const noexcept { return body().low.value(); }

  [[nodiscard]] std::optional<decimal> bid_price() const noexcept { return body().bid_price.get(); }
  [[nodiscard]] std::optional<decimal> bid_quantity() const noexcept { return body().bid_quantity.get(); }
  [[nodiscard]] std::optional<decimal> ask_price() const noexcept { return body().ask_price.get(); }
  [[nodiscard]] std::optional<decimal> ask_quantity() const noexcept { return body().ask_quantity.get(); }

  [[nodiscard]] wide_decimal base_volume() const noexcept { return body().base_volume.value(); }
  [[nodiscard]] wide_decimal quote_volume() const noexcept { return body().quote_volume.value(); }
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
