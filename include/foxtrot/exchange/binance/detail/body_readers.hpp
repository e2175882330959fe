// foxtrot/exchange/binance/detail/body_readers.hpp: candles, tickers and the like, from fields in any order.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>
#include <foxtrot/exchange/binance/fields.hpp>
#include <foxtrot/market/kline.hpp>
#include <foxtrot/market/liquidation.hpp>
#include <foxtrot/market/mark_price.hpp>
#include <foxtrot/market/mini_ticker.hpp>
#include <foxtrot/market/order_side.hpp>
#include <foxtrot/market/raw_decimal.hpp>
#include <foxtrot/market/raw_text.hpp>
#include <foxtrot/market/ticker.hpp>
#include <foxtrot/market/venue_time.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

/// Reads fields one after the other until one is wrong. The errors are those of `fields`.
class field_reader {
 public:
  explicit field_reader(const fields& from) noexcept : from_{from} {}

  [[nodiscard]] errc failed() const noexcept { return failed_; }

  template <class Mantissa>
  field_reader& amount(key which, basic_raw_decimal<Mantissa>& out) noexcept {
    return take([&](basic_decimal<Mantissa>& value) { return from_.amount(which, value); }, out);
  }
  /// None where it is absent or blank.
  field_reader& optional_amount(key which, raw_decimal& out) noexcept {
    return from_.is_blank(which) ? *this : amount(which, out);
  }
  field_reader& signed_amount(key which, raw_decimal& out) noexcept {
    return take([&](decimal& value) { return from_.signed_amount(which, value); }, out);
  }

  template <class Number>
  field_reader& number(key which, Number& out) noexcept {
    if (failed_ == errc::none) failed_ = from_.number(which, out);
    return *this;
  }
  field_reader& flag(key which, std::uint8_t& out) noexcept {
    bool value = false;
    if (failed_ == errc::none) failed_ = from_.boolean(which, value);
    out = value ? 1 : 0;
    return *this;
  }
  field_reader& time(key which, venue_time& out) noexcept {
    std::int64_t microseconds = 0;
    if (failed_ == errc::none) failed_ = from_.time_us(which, microseconds);
    out = venue_time{microseconds};
    return *this;
  }
  template <std::size_t Size>
  field_reader& text(key which, raw_text<Size>& out) noexcept {
    std::string_view word;
    if (failed_ == errc::none) failed_ = from_.text(which, word);
    if (failed_ == errc::none && !out.assign(word)) failed_ = errc::number_out_of_range;
    return *this;
  }

 private:
  template <class Mantissa, class Read>
  field_reader& take(Read read, basic_raw_decimal<Mantissa>& out) noexcept {
    basic_decimal<Mantissa> value;
    if (failed_ == errc::none) failed_ = read(value);
    if (failed_ == errc::none) out = value;
    return *this;
  }

  const fields& from_;
  errc failed_{errc::none};
};

/// Of the object "k".
[[nodiscard]] inline errc read(const fields& from, kline_body& out) noexcept {
  std::string_view interval;
  if (const errc bad = from.text(letter('i'), interval); bad != errc::none) return bad;
  const auto known = parse_kline_interval(interval);
  if (!known) return errc::number_out_of_range;
  out.interval = *known;
  return field_reader{from}
      .time(letter('t'), out.open_time)
      .time(letter('T'), out.close_time)
      .number(letter('f'), out.first_trade_id)
      .number(letter('L'), out.last_trade_id)
      .number(letter('n'), out.trade_count)
      .flag(letter('x'), out.closed)
      .amount(letter('o'), out.open)
      .amount(letter('c'), out.close)
      .amount(letter('h'), out.high)
      .amount(letter('l'), out.low)
      .amount(letter('v'), out.base_volume)
      .amount(letter('q'), out.quote_volume)
      .amount(letter('V'), out.taker_buy_base_volume)
      .amount(letter('Q'), out.taker_buy_quote_volume)
      .failed();
}

[[nodiscard]] inline errc read(const fields& from, mini_ticker_body& out) noexcept {
  return field_reader{from}
      .amount(letter('c'), out.close)
      .amount(letter('o'), out.open)
      .amount(letter('h'), out.high)
      .amount(letter('l'), out.low)
      .amount(letter('v'), out.base_volume)
      .amount(letter('q'), out.quote_volume)
      .failed();
}

/// All but the window. What only some markets and windows have is none where it is absent.
[[nodiscard]] inline errc read(const fields& from, ticker_body& out) noexcept {
  return field_reader{from}
      .signed_amount(letter('p'), out.price_change)
      .signed_amount(letter('P'), out.percent_change)
      .amount(letter('w'), out.weighted_average)
      .amount(letter('c'), out.last_price)
      .amount(letter('o'), out.open)
      .amount(letter('h'), out.high)
      .amount(letter('l'), out.low)
      .amount(letter('v'), out.base_volume)
      .amount(letter('q'), out.quote_volume)
      .optional_amount(letter('x'), out.previous_close)
      .optional_amount(letter('Q'), out.last_quantity)
      .optional_amount(letter('b'), out.bid_price)
      .optional_amount(letter('B'), out.bid_quantity)
      .optional_amount(letter('a'), out.ask_price)
      .optional_amount(letter('A'), out.ask_quantity)
      .time(letter('O'), out.open_time)
      .time(letter('C'), out.close_time)
      .number(letter('F'), out.first_trade_id)
      .number(letter('L'), out.last_trade_id)
      .number(letter('n'), out.trade_count)
      .failed();
}

/// Of the object "o".
[[nodiscard]] inline errc read(const fields& from, liquidation_body& out) noexcept {
  std::string_view side;
  if (const errc bad = from.text(letter('S'), side); bad != errc::none) return bad;
  if (side != "BUY" && side != "SELL") return errc::number_out_of_range;
  out.side = side == "BUY" ? order_side::buy : order_side::sell;
  return field_reader{from}
      .amount(letter('q'), out.original_quantity)
      .amount(letter('p'), out.price)
      .amount(key::average_price, out.average_price)
      .amount(letter('l'), out.last_filled_quantity)
      .amount(letter('z'), out.filled_quantity)
      .time(letter('T'), out.trade_time)
      .text(letter('o'), out.order_type)
      .text(letter('f'), out.time_in_force)
      .text(letter('X'), out.order_status)
      .failed();
}

[[nodiscard]] inline mark_price_body body_of(const mark_price_fields& said) noexcept {
  mark_price_body body;
  body.mark = decimal{said.mark, said.mark_exponent};
  if (said.has_average) body.average = decimal{said.average, said.average_exponent};
  if (said.has_index) body.index = decimal{said.index, said.index_exponent};
  if (said.has_settlement) body.settlement = decimal{said.settlement, said.settlement_exponent};
  if (said.has_funding_rate) body.funding_rate = decimal{said.funding_rate, said.funding_rate_exponent};
  if (said.next_funding_us > 0) body.next_funding_time = venue_time{said.next_funding_us};
  return body;
}

}  // namespace foxtrot::inline v0::binance::detail
