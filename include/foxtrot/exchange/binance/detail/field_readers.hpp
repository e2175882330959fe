// foxtrot/exchange/binance/detail/field_readers.hpp: what the known messages say, from fields in any order.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>
#include <foxtrot/exchange/binance/fields.hpp>
#include <foxtrot/market/level_builder.hpp>
#include <foxtrot/market/levels.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0::binance::detail {

// Each gives the same values as the speculative parser does where that accepts the message. The symbol stays as it is
// where the message has none. The errors are those of `fields`.

[[nodiscard]] inline errc read_symbol(const fields& from, std::string_view& symbol) noexcept {
  if (!from.has(letter('s'))) return errc::none;
  const errc bad = from.text(letter('s'), symbol);
  return bad == errc::none && symbol.empty() ? errc::malformed_message : bad;
}

[[nodiscard]] inline errc read(const fields& from, book_ticker_fields& out) noexcept {
  std::array<decimal, 2> prices;
  std::array<decimal, 2> quantities;
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  if (!(good(from.number(letter('u'), out.update_id)) && good(from.amount(letter('b'), prices[0])) &&
        good(from.amount(letter('B'), quantities[0])) && good(from.amount(letter('a'), prices[1])) &&
        good(from.amount(letter('A'), quantities[1])) && good(read_symbol(from, out.symbol)) &&
        good(from.optional_time_us(letter('T'), out.transaction_us)) &&
        good(from.optional_time_us(letter('E'), out.event_us)))) {
    return bad;
  }
  std::array<raw_level, 2> sides{};
  level_builder both{sides};
  if (!(good(both.add(prices[0], quantities[0])) && good(both.add(prices[1], quantities[1])))) return bad;
  out.bid_price = sides[0].price;
  out.bid_quantity = sides[0].quantity;
  out.ask_price = sides[1].price;
  out.ask_quantity = sides[1].quantity;
  out.price_exponent = both.price_exponent();
  out.quantity_exponent = both.quantity_exponent();
  return errc::none;
}

/// An amount, as mantissa and exponent.
[[nodiscard]] inline errc read_amount(const fields& from, key which, std::int64_t& mantissa,
                                      std::int8_t& exponent) noexcept {
  decimal value;
  if (const errc bad = from.amount(which, value); bad != errc::none) return bad;
  mantissa = value.mantissa();
  exponent = static_cast<std::int8_t>(value.exponent());
  return errc::none;
}

/// All but the event time, which REST does not tell.
[[nodiscard]] inline errc read_without_event_time(const fields& from, trade_fields& out) noexcept {
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  (void)(good(from.number(letter('t'), out.trade_id)) &&
         good(read_amount(from, letter('p'), out.price, out.price_exponent)) &&
         good(read_amount(from, letter('q'), out.quantity, out.quantity_exponent)) &&
         good(from.boolean(letter('m'), out.buyer_is_maker)) && good(read_symbol(from, out.symbol)) &&
         good(from.time_us(letter('T'), out.trade_us)));
  return bad;
}
/// Trades and block trades.
[[nodiscard]] inline errc read(const fields& from, trade_fields& out) noexcept {
  const errc bad = read_without_event_time(from, out);
  return bad != errc::none ? bad : from.time_us(letter('E'), out.event_us);
}

[[nodiscard]] inline errc read_without_event_time(const fields& from, aggregate_trade_fields& out) noexcept {
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  (void)(good(from.number(letter('a'), out.aggregate_id)) &&
         good(read_amount(from, letter('p'), out.price, out.price_exponent)) &&
         good(read_amount(from, letter('q'), out.quantity, out.quantity_exponent)) &&
         good(from.number(letter('f'), out.first_trade_id)) && good(from.number(letter('l'), out.last_trade_id)) &&
         good(from.boolean(letter('m'), out.buyer_is_maker)) && good(read_symbol(from, out.symbol)) &&
         good(from.time_us(letter('T'), out.trade_us)));
  return bad;
}
[[nodiscard]] inline errc read(const fields& from, aggregate_trade_fields& out) noexcept {
  const errc bad = read_without_event_time(from, out);
  return bad != errc::none ? bad : from.time_us(letter('E'), out.event_us);
}

/// Amounts that are blank stay away; so does a funding rate of a contract that has none.
[[nodiscard]] inline errc read(const fields& from, mark_price_fields& out) noexcept {
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  const auto read_optional = [&from](key which, std::int64_t& mantissa, std::int8_t& exponent, bool& present) {
    present = !from.is_blank(which);
    return present ? read_amount(from, which, mantissa, exponent) : errc::none;
  };
  const auto read_rate = [&from, &out] {
    out.has_funding_rate = !from.is_blank(letter('r'));
    if (!out.has_funding_rate) return errc::none;
    decimal rate;
    if (const errc failed = from.signed_amount(letter('r'), rate); failed != errc::none) return failed;
    out.funding_rate = rate.mantissa();
    out.funding_rate_exponent = static_cast<std::int8_t>(rate.exponent());
    return errc::none;
  };
  (void)(good(read_amount(from, letter('p'), out.mark, out.mark_exponent)) &&
         good(read_optional(key::average_price, out.average, out.average_exponent, out.has_average)) &&
         good(read_optional(letter('i'), out.index, out.index_exponent, out.has_index)) &&
         good(read_optional(letter('P'), out.settlement, out.settlement_exponent, out.has_settlement)) &&
         good(read_rate()) && good(read_symbol(from, out.symbol)) && good(from.time_us(letter('E'), out.event_us)) &&
         good(from.optional_time_us(letter('T'), out.next_funding_us)));
  return bad;
}

/// "5m", "1h": how long the average reaches back.
[[nodiscard]] inline errc read_minutes(std::string_view text, std::uint32_t& minutes) noexcept {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), minutes);
  if (failed != std::errc{} || end + 1 != text.data() + text.size()) return errc::malformed_message;
  switch (*end) {
    case 'm': return errc::none;
    case 'h': minutes = minutes < 100'000 ? minutes * 60 : 0; break;
    case 'd': minutes = minutes < 10'000 ? minutes * 1440 : 0; break;
    default: return errc::malformed_message;
  }
  return minutes != 0 ? errc::none : errc::number_out_of_range;
}

[[nodiscard]] inline errc read(const fields& from, average_price_fields& out) noexcept {
  std::string_view interval;
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  (void)(good(from.text(letter('i'), interval)) && good(read_minutes(interval, out.interval_minutes)) &&
         good(read_amount(from, letter('w'), out.price, out.price_exponent)) &&
         good(from.time_us(letter('T'), out.last_trade_us)) && good(read_symbol(from, out.symbol)) &&
         good(from.time_us(letter('E'), out.event_us)));
  return bad;
}

/// The venue sends null where it has none.
[[nodiscard]] inline errc read(const fields& from, reference_price_fields& out) noexcept {
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  if (!from.has(letter('r'))) return errc::missing_field;
  out.has_price = !from.is_blank(letter('r'));
  (void)((!out.has_price || good(read_amount(from, letter('r'), out.price, out.price_exponent))) &&
         good(read_symbol(from, out.symbol)) && good(from.time_us(letter('t'), out.time_us)));
  return bad;
}

}  // namespace foxtrot::inline v0::binance::detail
