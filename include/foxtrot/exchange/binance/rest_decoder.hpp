// foxtrot/exchange/binance/rest_decoder.hpp: the bodies of REST answers, as the ticks that streams would have told.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/body_readers.hpp>
#include <foxtrot/exchange/binance/detail/field_readers.hpp>
#include <foxtrot/exchange/binance/detail/rest_names.hpp>
#include <foxtrot/exchange/binance/detail/rest_scanner.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>
#include <foxtrot/exchange/binance/detail/tick_writer.hpp>
#include <foxtrot/exchange/binance/fields.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/kline.hpp>
#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/market/mini_ticker.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/market/ticker.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance {

/// Says whether ticks of this kind of this symbol shall be published.
template <class Wanted>
concept tick_predicate = std::predicate<Wanted&, tick_kind, symbol_id>;

/// Reads REST bodies and publishes what they hold: ticks of the kinds that the codec makes of streams, marked
/// source::http, without the times that REST does not tell. What `wanted` says no to is neither read nor published.
///
/// Each function returns errc::none or what was wrong first: malformed_message, missing_field, wrong_type,
/// number_out_of_range, symbol_table_full. Of a list, the elements that are right are published all the same; of a
/// body that is no JSON, or none of that request, nothing is. Lists are published in their order, which is the venue's:
/// oldest first. 64 bytes behind each body must be readable, as http_client leaves them. Counts nothing but
/// absent_times; allocates nothing once it has seen the largest body. One thread.
class rest_decoder {
 public:
  explicit rest_decoder(market where) : where_{where}, tag_{.where = venue_of(where), .how = source::http} {}
  rest_decoder(const rest_decoder&) = delete;
  rest_decoder& operator=(const rest_decoder&) = delete;

  /// GET ticker/bookTicker, of one symbol or many. The futures tell an update id, spot does not: then it is 0, and
  /// nobody can say whether a quote of the stream is newer.
  template <tick_predicate Wanted>
  errc book_tickers(std::string_view body, std::int64_t received_ns, publisher::batch& out, Wanted&& wanted) {
    const writer to{out, tag_, received_ns, {}, {}};
    return each_symbol(body, detail::book_ticker_names, tick_kind::book_ticker, to, wanted, [&to](fields& from) {
      detail::book_ticker_fields said;
      if (!from.has(letter('u'))) (void)from.put(letter('u'), "0");
      const errc bad = detail::read(from, said);
      return bad != errc::none ? bad : to.write(said);
    });
  }

  /// GET trades of `symbol`. A trade that was told before is dropped by its id, and a hole before the first is told.
  template <tick_predicate Wanted>
  errc trades(std::string_view body, std::string_view symbol, std::int64_t received_ns, publisher::batch& out,
              Wanted&& wanted) {
    return trades_of<detail::trade_fields>(body, detail::trade_names, tick_kind::trade,
                                           {out, tag_, received_ns, {}, symbol}, wanted);
  }
  /// GET aggTrades of `symbol`; likewise.
  template <tick_predicate Wanted>
  errc aggregate_trades(std::string_view body, std::string_view symbol, std::int64_t received_ns, publisher::batch& out,
                        Wanted&& wanted) {
    return trades_of<detail::aggregate_trade_fields>(body, detail::aggregate_trade_names, tick_kind::aggregate_trade,
                                                     {out, tag_, received_ns, {}, symbol}, wanted);
  }

  /// GET ticker/24hr, of one symbol or many: tickers, mini tickers or both, as `kinds` holds them. Answers of
  /// `type=MINI` have no more than mini tickers.
  template <tick_predicate Wanted>
  errc tickers(std::string_view body, std::int64_t received_ns, publisher::batch& out, Wanted&& wanted, kind_set kinds);

  /// GET klines of `symbol`: all candles in the body. One is closed where another follows it, or where it ended so long
  /// before the body came that the venue must have known: the last one may have ended while the answer was under way.
  /// errc::bad_argument where `interval` is none of kline_interval.
  template <tick_predicate Wanted>
  errc klines(std::string_view body, std::string_view symbol, std::string_view interval, std::int64_t received_ns,
              publisher::batch& out, Wanted&& wanted);

  /// GET avgPrice of `symbol`; spot.
  template <tick_predicate Wanted>
  errc average_price(std::string_view body, std::string_view symbol, std::int64_t received_ns, publisher::batch& out,
                     Wanted&& wanted);

  /// GET premiumIndex, of one symbol or many; futures.
  template <tick_predicate Wanted>
  errc mark_prices(std::string_view body, std::int64_t received_ns, publisher::batch& out, Wanted&& wanted) {
    const writer to{out, tag_, received_ns, {}, {}};
    return each_symbol(body, detail::mark_price_names, tick_kind::mark_price, to, wanted, [&to](fields& from) {
      detail::mark_price_fields said;
      const errc bad = detail::read(from, said);
      return bad != errc::none ? bad : to.write(said);
    });
  }

 private:
  using fields = detail::fields;
  using writer = detail::tick_writer;
  using shape = detail::rest_shape;

  // The venue gives up on a request after 10 s: rest-api.md, "General API information".
  static constexpr std::int64_t longest_answer_us = 10'000'000;

  [[nodiscard]] static constexpr detail::key letter(char c) noexcept { return detail::letter(c); }

  // Of elements that name their symbols.
  template <class Wanted, class Write>
  errc each_symbol(std::string_view body, std::span<const detail::rest_name> names, tick_kind kind, const writer& to,
                   Wanted& wanted, Write write) {
    return scanner_.scan(body, shape::object_or_list, names, [&](fields& from, bool) {
      symbol_id symbol{};
      if (const errc bad = symbol_of(from, to, symbol); bad != errc::none) return bad;
      return wanted(kind, symbol) ? write(from) : errc::none;
    });
  }
  [[nodiscard]] static errc symbol_of(const fields& from, const writer& to, symbol_id& symbol) {
    std::string_view name;
    const errc bad = detail::read_symbol(from, name);
    return bad != errc::none ? bad : to.find(name, symbol);
  }

  // Of one symbol: whether it is wanted is asked once.
  template <class Fields, class Wanted>
  errc trades_of(std::string_view body, std::span<const detail::rest_name> names, tick_kind kind, const writer& to,
                 Wanted& wanted) {
    symbol_id symbol{};
    if (const errc bad = to.find({}, symbol); bad != errc::none) return bad;
    if (!wanted(kind, symbol)) return errc::none;
    return scanner_.scan(body, shape::list, names, [&to](fields& from, bool) {
      Fields said;
      const errc bad = detail::read_without_event_time(from, said);
      return bad != errc::none ? bad : to.write(said);
    });
  }

  [[nodiscard]] static errc read(const fields& from, detail::average_price_fields& out) noexcept {
    std::uint64_t minutes = 0;
    if (const errc bad = from.number(letter('i'), minutes); bad != errc::none) return bad;
    if (minutes == 0 || minutes > std::numeric_limits<std::uint32_t>::max()) return errc::number_out_of_range;
    out.interval_minutes = static_cast<std::uint32_t>(minutes);
    if (const errc bad = detail::read_amount(from, letter('w'), out.price, out.price_exponent); bad != errc::none)
      return bad;
    return from.time_us(letter('T'), out.last_trade_us);
  }

  [[nodiscard]] static bool is_over(const kline_body& candle, bool is_last, std::int64_t received_ns) noexcept {
    return !is_last || candle.close_time.microseconds() < received_ns / 1000 - longest_answer_us;
  }

  detail::rest_scanner scanner_;
  market where_;
  tick_tag tag_;
};

template <tick_predicate Wanted>
errc rest_decoder::tickers(std::string_view body, std::int64_t received_ns, publisher::batch& out, Wanted&& wanted,
                           kind_set kinds) {
  const writer to{out, tag_, received_ns, {}, {}};
  return scanner_.scan(body, shape::object_or_list, detail::ticker_names_of(where_), [&](fields& from, bool) {
    symbol_id symbol{};
    std::string_view name;
    ticker_body full;
    mini_ticker_body mini;
    if (const errc bad = symbol_of(from, to, symbol); bad != errc::none) return bad;
    (void)from.text(letter('s'), name);  // has just been read
    const bool is_full = kinds.contains(tick_kind::ticker) && wanted(tick_kind::ticker, symbol);
    const bool is_mini = kinds.contains(tick_kind::mini_ticker) && wanted(tick_kind::mini_ticker, symbol);
    // both or none: an element that is wrong is not told in part
    errc bad = is_full ? detail::read(from, full) : errc::none;
    if (bad == errc::none && is_mini) bad = detail::read(from, mini);
    if (bad == errc::none && is_full) bad = to.write(tick_kind::ticker, name, detail::no_time, full);
    if (bad == errc::none && is_mini) bad = to.write(tick_kind::mini_ticker, name, detail::no_time, mini);
    return bad;
  });
}

template <tick_predicate Wanted>
errc rest_decoder::klines(std::string_view body, std::string_view symbol, std::string_view interval,
                          std::int64_t received_ns, publisher::batch& out, Wanted&& wanted) {
  const writer to{out, tag_, received_ns, {}, symbol};
  symbol_id id{};
  if (!parse_kline_interval(interval)) return errc::bad_argument;
  if (const errc bad = to.find({}, id); bad != errc::none) return bad;
  if (!wanted(tick_kind::kline, id)) return errc::none;
  const std::string quoted = '"' + std::string{interval} + '"';  // short: no allocation
  return scanner_.scan(body, shape::rows, {}, [&](fields& from, bool is_last) {
    kline_body candle;
    // what streams tell and REST does not: then there are no ids, and what closes a candle is the one after it
    (void)from.put(letter('i'), quoted);
    (void)from.put(letter('f'), "-1");
    (void)from.put(letter('L'), "-1");
    (void)from.put(letter('x'), "false");
    if (const errc bad = detail::read(from, candle); bad != errc::none) return bad;
    candle.closed = is_over(candle, is_last, received_ns) ? 1 : 0;
    return to.write(tick_kind::kline, symbol, detail::no_time, candle);
  });
}

template <tick_predicate Wanted>
errc rest_decoder::average_price(std::string_view body, std::string_view symbol, std::int64_t received_ns,
                                 publisher::batch& out, Wanted&& wanted) {
  const writer to{out, tag_, received_ns, {}, symbol};
  symbol_id id{};
  if (const errc bad = to.find({}, id); bad != errc::none) return bad;
  if (!wanted(tick_kind::average_price, id)) return errc::none;
  return scanner_.scan(body, shape::object, detail::average_price_names, [&to](fields& from, bool) {
    detail::average_price_fields said;
    const errc bad = read(from, said);
    return bad != errc::none ? bad : to.write(said);
  });
}

}  // namespace foxtrot::inline v0::binance
