// foxtrot/sim/rest_json.hpp: the venue's text of REST answers about one symbol.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/int128.hpp>
#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/sim/candle_series.hpp>
#include <foxtrot/sim/sim_book.hpp>
#include <foxtrot/sim/symbol_history.hpp>
#include <foxtrot/sim/symbol_spec.hpp>
#include <foxtrot/sim/text_writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// Writes bodies, or elements of them, in the shape of its market. Times are in milliseconds. Every function appends.
class rest_json {
 public:
  rest_json(sim_market market, const symbol_spec& spec)
      : market_{market},
        tick_{spec.tick},
        price_{spec.price_decimals, spot() ? 8 : spec.price_decimals},
        quantity_{spec.quantity_decimals, spot() ? 8 : spec.quantity_decimals},
        name_{spec.name} {}

  /// Those from that id on, or the last ones, `limit` at most; oldest first.
  void trades(std::string& out, const symbol_history& from, std::optional<std::uint64_t> first_id,
              std::size_t limit) const {
    const std::size_t begin = place_of(from, first_id, limit);
    const std::size_t end = std::min(begin + limit, from.size());
    text_writer to{out, 16 + (end - begin) * row_room};
    to.text("[");
    for (std::size_t i = begin; i < end; ++i) {
      const symbol_history::trade& one = from.at(i);
      to.text(i == begin ? "{\"id\":" : ",{\"id\":").number(one.id);
      price(to.text(",\"price\":"), one.traded.price);
      quantity(to.text(",\"qty\":"), one.traded.quantity);
      to.text(coinm() ? ",\"baseQty\":" : ",\"quoteQty\":");
      turnover(to, from.worth().value(from.worth().of(one.traded)));
      to.text(",\"time\":").number(ms(one.matched_ns));
      to.text(one.buyer_is_maker ? ",\"isBuyerMaker\":true" : ",\"isBuyerMaker\":false");
      to.text(spot() ? ",\"isBestMatch\":true}" : "}");
    }
    to.text("]");
  }

  /// Likewise. One trade each, as in the stream.
  void aggregate_trades(std::string& out, const symbol_history& from, std::optional<std::uint64_t> first_id,
                        std::size_t limit) const {
    const std::size_t begin = place_of(from, first_id, limit);
    const std::size_t end = std::min(begin + limit, from.size());
    text_writer to{out, 16 + (end - begin) * row_room};
    to.text("[");
    for (std::size_t i = begin; i < end; ++i) {
      const symbol_history::trade& one = from.at(i);
      to.text(i == begin ? "{\"a\":" : ",{\"a\":").number(one.id);
      price(to.text(",\"p\":"), one.traded.price);
      quantity(to.text(",\"q\":"), one.traded.quantity);
      to.text(",\"f\":").number(one.id).text(",\"l\":").number(one.id).text(",\"T\":").number(ms(one.matched_ns));
      to.text(one.buyer_is_maker ? ",\"m\":true" : ",\"m\":false").text(spot() ? ",\"M\":true}" : "}");
    }
    to.text("]");
  }

  /// One element of the 24-hour ticker's body: sums since the market began, which was today.
  void ticker(std::string& out, const symbol_history& from, const sim_book& book, std::int64_t now_ns,
              bool mini) const {
    const symbol_history::totals& all = from.sums();
    text_writer to{out, 2'048 + 2 * name_.size()};
    head(to);
    if (!mini) changes(to, from, book);
    price(to.text(",\"openPrice\":"), all.open);
    price(to.text(",\"highPrice\":"), all.high);
    price(to.text(",\"lowPrice\":"), all.low);
    if (mini) price(to.text(",\"lastPrice\":"), all.last.price);
    volume(to.text(",\"volume\":"), all.volume);
    turnover(to.text(coinm() ? ",\"baseVolume\":" : ",\"quoteVolume\":"), from.worth().value(all.turnover));
    constexpr std::int64_t day_ns = 86'400'000'000'000;
    to.text(",\"openTime\":").number(ms(now_ns - day_ns)).text(",\"closeTime\":").number(ms(now_ns));
    const bool traded = all.trades != 0;
    to.text(",\"firstId\":").number(traded ? static_cast<std::int64_t>(all.first_id) : -1);
    to.text(",\"lastId\":").number(traded ? static_cast<std::int64_t>(all.last_id) : -1);
    to.text(",\"count\":").number(all.trades).text("}");
  }

  /// The last `limit` candles that are kept, oldest first.
  void klines(std::string& out, const symbol_history& from, const candle_series& series, std::size_t limit) const {
    const std::size_t count = std::min(limit, series.size());
    text_writer to{out, 16 + count * row_room};
    to.text("[");
    for (std::size_t rank = count; rank-- > 0;) {
      const sim_candle& one = series.at(rank);
      to.text(rank + 1 == count ? "[" : ",[").number(ms(one.open_ns));
      for (const std::int64_t each : {one.open, one.high, one.low, one.close}) price(to.text(","), each);
      volume(to.text(","), one.volume);
      to.text(",").number(ms(next_open_of(series.interval(), one.open_ns)) - 1);
      turnover(to.text(","), from.worth().value(one.turnover));
      to.text(",").number(one.trades);
      volume(to.text(","), one.taker_buy_volume);
      turnover(to.text(","), from.worth().value(one.taker_buy_turnover));
      to.text(",\"0\"]");
    }
    to.text("]");
  }

  /// Of the trades within five minutes that are kept; the last price where there are none.
  void average_price(std::string& out, const symbol_history& from, std::int64_t now_ns) const {
    constexpr std::int64_t minutes_ns = 300'000'000'000;
    int128 lots = 0;
    int128 sum = 0;
    for (std::size_t i = from.size(); i-- > 0 && from.at(i).matched_ns > now_ns - minutes_ns;) {
      lots += from.at(i).traded.quantity;
      sum += from.worth().of(from.at(i).traded);
    }
    text_writer to{out, 256};
    to.text("{\"mins\":5,\"price\":");
    if (lots != 0) {
      to.quoted(from.worth().average(sum, lots), 8);
    } else {
      price(to, from.sums().last.price);
    }
    to.text(",\"closeTime\":").number(ms(from.size() != 0 ? from.at(from.size() - 1).matched_ns : now_ns)).text("}");
  }

  /// One element of the premium index' body: the prices of the mark price stream.
  void mark_price(std::string& out, const sim_book& book, std::int64_t now_ns) const {
    constexpr std::int64_t eight_hours_ns = 28'800'000'000'000;
    const std::int64_t middle = (book.bids.best().price + book.asks.best().price) * tick_ * 5;
    const number_format eight{price_.decimals + 1, 8};  // half a tick needs one decimal more
    text_writer to{out, 1'024 + 2 * name_.size()};
    head(to);
    to.text(",\"markPrice\":").quoted(middle, eight).text(",\"indexPrice\":").quoted(middle, eight);
    to.text(",\"estimatedSettlePrice\":").quoted(middle, eight);
    to.text(",\"lastFundingRate\":\"0.00010000\",\"interestRate\":\"0.00010000\",\"nextFundingTime\":");
    to.number(ms((now_ns / eight_hours_ns + 1) * eight_hours_ns)).text(",\"time\":").number(ms(now_ns)).text("}");
  }

 private:
  static constexpr std::size_t row_room = 12 * text_writer::wide_number_room;

  // Of the first trade that is told.
  [[nodiscard]] static std::size_t place_of(const symbol_history& from, std::optional<std::uint64_t> first_id,
                                            std::size_t limit) noexcept {
    if (!first_id) return from.size() - std::min(limit, from.size());
    std::size_t place = 0;
    while (place < from.size() && from.at(place).id < *first_id) ++place;
    return place;
  }

  [[nodiscard]] static std::int64_t ms(std::int64_t ns) noexcept { return ns / 1'000'000; }
  [[nodiscard]] bool spot() const noexcept { return market_ == sim_market::spot; }
  [[nodiscard]] bool coinm() const noexcept { return market_ == sim_market::coinm; }

  void head(text_writer& to) const noexcept {
    to.text("{\"symbol\":\"").text(name_).text("\"");
    if (coinm()) to.text(",\"pair\":\"").text(std::string_view{name_}.substr(0, name_.find('_'))).text("\"");
  }

  // What only the full ticker says.
  void changes(text_writer& to, const symbol_history& from, const sim_book& book) const noexcept {
    const symbol_history::totals& all = from.sums();
    const int128 change = int128{all.last.price - all.open} * tick_;
    to.text(",\"priceChange\":").quoted(wide_decimal{change, -price_.decimals}, price_.shown);
    const int128 thousandths = int128{all.last.price - all.open} * 100'000 / all.open;
    to.text(",\"priceChangePercent\":").quoted(wide_decimal{thousandths, -3}, 3).text(",\"weightedAvgPrice\":");
    if (all.volume != 0) {
      to.quoted(from.worth().average(all.turnover, all.volume), 8);
    } else {
      price(to, all.last.price);
    }
    if (spot()) price(to.text(",\"prevClosePrice\":"), all.open);
    price(to.text(",\"lastPrice\":"), all.last.price);
    quantity(to.text(",\"lastQty\":"), all.last.quantity);
    if (!spot()) return;
    price(to.text(",\"bidPrice\":"), book.bids.best().price);
    quantity(to.text(",\"bidQty\":"), book.bids.best().quantity);
    price(to.text(",\"askPrice\":"), book.asks.best().price);
    quantity(to.text(",\"askQty\":"), book.asks.best().quantity);
  }

  void price(text_writer& to, std::int64_t ticks) const noexcept { to.quoted(ticks * tick_, price_); }
  void quantity(text_writer& to, std::int64_t lots) const noexcept { to.quoted(lots, quantity_); }
  void volume(text_writer& to, int128 lots) const noexcept {
    to.quoted(wide_decimal{lots, -quantity_.decimals}, quantity_.shown);
  }
  void turnover(text_writer& to, const wide_decimal& value) const noexcept { to.quoted(value, spot() ? 8 : 2); }

  sim_market market_;
  std::int64_t tick_;
  number_format price_;
  number_format quantity_;
  std::string name_;
};

}  // namespace foxtrot::inline v0
