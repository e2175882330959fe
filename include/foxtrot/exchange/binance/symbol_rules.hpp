// foxtrot/exchange/binance/symbol_rules.hpp: what orders for one symbol have to obey: steps, bounds, least values.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/decimal_arithmetic.hpp>
#include <foxtrot/core/decimal_rounding.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance {

/// Whether a symbol trades, and if not, why. The first seven are those of spot, the others those of the futures.
enum class symbol_status : std::uint8_t {
  trading,
  halted,
  in_break,
  pre_trading,
  post_trading,
  end_of_day,
  auction_match,
  pending_trading,
  pre_delivering,
  delivering,
  delivered,
  pre_settle,
  settling,
  closed,
  other,  ///< one that this list does not know: see symbol_rules::status_text
};

namespace detail {

/// The venue's words for them, in the same order.
inline constexpr std::array<std::string_view, 14> status_words{
    "TRADING",         "HALT",           "BREAK",      "PRE_TRADING", "POST_TRADING", "END_OF_DAY", "AUCTION_MATCH",
    "PENDING_TRADING", "PRE_DELIVERING", "DELIVERING", "DELIVERED",   "PRE_SETTLE",   "SETTLING",   "CLOSE"};

}  // namespace detail

/// The venue's word; empty for `other`.
[[nodiscard]] constexpr std::string_view to_string(symbol_status status) noexcept {
  const auto at = static_cast<std::size_t>(status);
  return at < detail::status_words.size() ? detail::status_words[at] : std::string_view{};
}
[[nodiscard]] constexpr symbol_status symbol_status_of(std::string_view word) noexcept {
  for (std::size_t at = 0; at < detail::status_words.size(); ++at) {
    if (detail::status_words[at] == word) return static_cast<symbol_status>(at);
  }
  return symbol_status::other;
}

/// Bounds and step of one number. The venue disables each with a zero or leaves it out: it is absent then, never 0.
struct number_rule {
  std::optional<decimal> least;
  std::optional<decimal> most;
  std::optional<decimal> step;

  /// Above zero, within the bounds, a multiple of the step.
  [[nodiscard]] constexpr bool allows(const decimal& value) const noexcept {
    return value.mantissa() > 0 && (!least || value >= *least) && (!most || value <= *most) && is_multiple(value);
  }
  /// The multiple of the step next to `value`, or `value` itself where there is no step. The bounds have no say in it.
  /// Nothing where a decimal cannot hold the outcome.
  [[nodiscard]] constexpr std::optional<decimal> round(const decimal& value, rounding direction) const noexcept {
    return step ? round_to_step(value, *step, direction) : std::optional{value};
  }
  /// Every bound and step is as exact as the venue wrote it.
  [[nodiscard]] friend constexpr bool operator==(const number_rule&, const number_rule&) noexcept = default;

 private:
  // The venue's least values are multiples themselves: those who count from them (futures) and from zero (spot) agree.
  [[nodiscard]] constexpr bool is_multiple(const decimal& value) const noexcept {
    return !step || round_to_step(value, *step, rounding::down) == value;
  }
};

/// One symbol as GET exchangeInfo describes it. A plain value: what the venue did not say is empty or absent.
struct symbol_rules {
  std::string name;         ///< upper case: "BTCUSDT"
  std::string base_asset;   ///< what is bought and sold
  std::string quote_asset;  ///< what prices are in
  symbol_status status{symbol_status::other};
  std::string status_text;  ///< the venue's word for it

  std::string contract_type;                  ///< futures: "PERPETUAL", "CURRENT_QUARTER"
  std::string pair;                           ///< futures: the underlying, "BTCUSD"
  std::string margin_asset;                   ///< futures
  std::optional<std::int64_t> contract_size;  ///< COIN-M: quote units that one contract is worth

  number_rule price;            ///< PRICE_FILTER: step is the tick size
  number_rule quantity;         ///< LOT_SIZE: step is the lot
  number_rule market_quantity;  ///< MARKET_LOT_SIZE: market orders obey it and LOT_SIZE

  std::optional<decimal> min_notional;  ///< of price x quantity, in the quote asset
  std::optional<decimal> max_notional;  ///< spot
  bool min_notional_for_market{true};   ///< whether market orders obey it, too
  bool max_notional_for_market{true};

  // Decimals that the venue reads or shows. These are not the tick's and the lot's.
  std::optional<int> price_precision;     ///< futures
  std::optional<int> quantity_precision;  ///< futures
  std::optional<int> base_precision;
  std::optional<int> quote_precision;

  [[nodiscard]] bool trading() const noexcept { return status == symbol_status::trading; }
  [[nodiscard]] const std::optional<decimal>& tick_size() const noexcept { return price.step; }
  [[nodiscard]] const std::optional<decimal>& lot_size() const noexcept { return quantity.step; }

  /// The price next to this one that is a multiple of the tick; see number_rule::round.
  [[nodiscard]] std::optional<decimal> round_price(const decimal& value, rounding direction) const noexcept {
    return price.round(value, direction);
  }
  /// The quantity next to this one that is a multiple of the lot.
  [[nodiscard]] std::optional<decimal> round_quantity(const decimal& value, rounding direction) const noexcept {
    return quantity.round(value, direction);
  }
  /// As far as PRICE_FILTER goes: filters that look at the market's price are not known here.
  [[nodiscard]] bool is_valid_price(const decimal& value) const noexcept { return price.allows(value); }
  /// Of a limit order.
  [[nodiscard]] bool is_valid_quantity(const decimal& value) const noexcept { return quantity.allows(value); }
  [[nodiscard]] bool is_valid_market_quantity(const decimal& value) const noexcept {
    return quantity.allows(value) && market_quantity.allows(value);
  }
  /// Of a limit order: whether it is worth enough, and not too much.
  [[nodiscard]] bool is_valid_notional(const decimal& at, const decimal& amount) const noexcept {
    const auto worth = multiply(wide_decimal{at}, amount);
    return worth && (!min_notional || *worth >= wide_decimal{*min_notional}) &&
           (!max_notional || *worth <= wide_decimal{*max_notional});
  }
};

}  // namespace foxtrot::inline v0::binance
