// foxtrot/sim/market_json.hpp: the venue's text of market events, byte for byte: keys in its order, numbers in its
// format.
#pragma once

#include <foxtrot/sim/market_generator.hpp>
#include <foxtrot/sim/sim_book.hpp>
#include <foxtrot/sim/symbol_spec.hpp>
#include <foxtrot/sim/text_writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// The unit of times in messages.
enum class time_unit : std::uint8_t { milliseconds, microseconds };

[[nodiscard]] constexpr std::int64_t to_unit(std::int64_t ns, time_unit unit) noexcept {
  return unit == time_unit::milliseconds ? ns / 1'000'000 : ns / 1'000;
}

/// The matching engine is a little earlier than the gateway that sends.
[[nodiscard]] constexpr std::int64_t matched_ns(std::int64_t sent_ns) noexcept { return sent_ns - 300'000; }

/// Writes what one symbol's streams say. Every function appends one raw message; none allocates once the string has
/// grown.
class market_json {
 public:
  market_json(sim_market market, const symbol_spec& spec)
      : spot_{market == sim_market::spot},
        tick_{spec.tick},
        price_{spec.price_decimals, spot_ ? 8 : spec.price_decimals},
        quantity_{spec.quantity_decimals, spot_ ? 8 : spec.quantity_decimals},
        name_{spec.name},
        pair_{market == sim_market::coinm ? spec.name.substr(0, spec.name.find('_')) : std::string{}} {}

  void book_ticker(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size()};
    to.text(spot_ ? "{\"u\":" : "{\"e\":\"bookTicker\",\"u\":").number(event.update_id);
    symbol(to);
    pair(to);
    price(to.text(",\"b\":"), event.bid);
    quantity(to.text(",\"B\":"), event.bid);
    price(to.text(",\"a\":"), event.ask);
    quantity(to.text(",\"A\":"), event.ask);
    if (!spot_) to.text(",\"T\":").number(matched(event, unit)).text(",\"E\":").number(to_unit(event.at_ns, unit));
    to.text("}");
  }

  void trade(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size()};
    to.text("{\"e\":\"trade\",\"E\":").number(to_unit(event.at_ns, unit));
    if (!spot_) to.text(",\"T\":").number(matched(event, unit));
    symbol(to);
    to.text(",\"t\":").number(event.fill.trade_id);
    price(to.text(",\"p\":"), event.fill.traded);
    quantity(to.text(",\"q\":"), event.fill.traded);
    if (spot_) {
      to.text(",\"T\":").number(matched(event, unit)).text(maker(event)).text(",\"M\":true}");
    } else {
      to.text(",\"X\":\"MARKET\"").text(maker(event)).text("}");
    }
  }

  /// One trade each: ids, first and last trade are the trade's.
  void agg_trade(std::string& out, const market_event& event, time_unit unit) const {
    const std::uint64_t id = event.fill.trade_id;
    text_writer to{out, 384 + name_.size()};
    to.text("{\"e\":\"aggTrade\",\"E\":").number(to_unit(event.at_ns, unit));
    if (spot_) symbol(to);
    to.text(",\"a\":").number(id);
    if (!spot_) symbol(to);
    price(to.text(",\"p\":"), event.fill.traded);
    quantity(to.text(",\"q\":"), event.fill.traded);
    if (!spot_) quantity(to.text(",\"nq\":"), event.fill.traded);
    to.text(",\"f\":").number(id).text(",\"l\":").number(id).text(",\"T\":").number(matched(event, unit));
    to.text(maker(event)).text(spot_ ? ",\"M\":true}" : ",\"st\":1}");
  }

  void depth(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size() + room(event.diff.bids.size() + event.diff.asks.size())};
    diff_head(to, event, unit, event.diff);
    levels(to.text(",\"b\":"), event.diff.bids);
    levels(to.text(",\"a\":"), event.diff.asks);
    to.text("}");
  }

  /// `<symbol>@depth<count>`: the best levels after a diff.
  void partial_depth(std::string& out, const market_event& event, const sim_book& book, std::size_t count,
                     time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size() + room(2 * count)};
    if (spot_) {
      to.text("{\"lastUpdateId\":").number(book.update_id).text(",\"bids\":");
      best_levels(to, book.bids, count);
      best_levels(to.text(",\"asks\":"), book.asks, count);
    } else {
      diff_head(to, event, unit, event.diff);
      best_levels(to.text(",\"b\":"), book.bids, count);
      best_levels(to.text(",\"a\":"), book.asks, count);
    }
    to.text("}");
  }

  /// USD-M: the middle of the book stands for every price in it; funding every eight hours.
  void mark_price(std::string& out, const market_event& event, time_unit unit) const {
    constexpr std::int64_t eight_hours_ns = 28'800'000'000'000;
    const number_format eight{price_.decimals + 1, 8};  // half a tick needs one decimal more
    const std::int64_t middle = (event.bid.price + event.ask.price) * tick_ * 5;
    text_writer to{out, 512 + name_.size()};
    to.text("{\"e\":\"markPriceUpdate\",\"E\":").number(to_unit(event.at_ns, unit));
    symbol(to);
    to.text(",\"p\":").quoted(middle, eight).text(",\"ap\":").quoted(middle, eight);
    to.text(",\"P\":").quoted(middle, eight).text(",\"i\":").quoted(middle, eight).text(",\"r\":\"0.00010000\",\"T\":");
    to.number(to_unit((event.at_ns / eight_hours_ns + 1) * eight_hours_ns, unit)).text(",\"st\":1}");
  }

  /// Body of the REST depth request: the best `limit` levels of each side.
  void snapshot(std::string& out, const sim_book& book, std::size_t limit, std::int64_t now_ns) const {
    text_writer to{out, 256 + room(std::min(limit, book.bids.size()) + std::min(limit, book.asks.size()))};
    to.text("{\"lastUpdateId\":").number(book.update_id);
    const std::int64_t now = to_unit(now_ns, time_unit::milliseconds);
    if (!spot_) to.text(",\"E\":").number(now).text(",\"T\":").number(now);
    best_levels(to.text(",\"bids\":"), book.bids, limit);
    best_levels(to.text(",\"asks\":"), book.asks, limit);
    to.text("}");
  }

  /// One element of the REST book ticker's body.
  void rest_book_ticker(std::string& out, const sim_book& book, std::int64_t now_ns) const {
    text_writer to{out, 384 + 2 * name_.size()};
    to.text("{");
    if (!spot_) to.text("\"lastUpdateId\":").number(book.update_id).text(",");
    to.text("\"symbol\":\"").text(name_).text("\"");
    if (!pair_.empty()) to.text(",\"pair\":\"").text(pair_).text("\"");
    price(to.text(",\"bidPrice\":"), book.bids.best());
    quantity(to.text(",\"bidQty\":"), book.bids.best());
    price(to.text(",\"askPrice\":"), book.asks.best());
    quantity(to.text(",\"askQty\":"), book.asks.best());
    if (!spot_) to.text(",\"time\":").number(to_unit(now_ns, time_unit::milliseconds));
    to.text("}");
  }

 private:
  static constexpr std::size_t room(std::size_t levels) noexcept { return levels * (2 * text_writer::number_room + 8); }
  static std::string_view maker(const market_event& event) noexcept {
    return event.buyer_is_maker ? ",\"m\":true" : ",\"m\":false";
  }
  static std::int64_t matched(const market_event& event, time_unit unit) noexcept {
    return to_unit(matched_ns(event.at_ns), unit);
  }

  void symbol(text_writer& to) const noexcept { to.text(",\"s\":\"").text(name_).text("\""); }
  /// COIN-M says what its contract is on.
  void pair(text_writer& to) const noexcept {
    if (!pair_.empty()) to.text(",\"ps\":\"").text(pair_).text("\"");
  }
  void price(text_writer& to, const sim_level& level) const noexcept { to.quoted(level.price * tick_, price_); }
  void quantity(text_writer& to, const sim_level& level) const noexcept { to.quoted(level.quantity, quantity_); }

  void diff_head(text_writer& to, const market_event& event, time_unit unit, const sim_diff& diff) const noexcept {
    to.text("{\"e\":\"depthUpdate\",\"E\":").number(to_unit(event.at_ns, unit));
    if (!spot_) to.text(",\"T\":").number(matched(event, unit));
    symbol(to);
    pair(to);
    to.text(",\"U\":").number(diff.first_id).text(",\"u\":").number(diff.last_id);
    if (!spot_) to.text(",\"pu\":").number(diff.previous_id);
  }

  void one_level(text_writer& to, const sim_level& level, bool first) const noexcept {
    price(to.text(first ? "[" : ",["), level);
    quantity(to.text(","), level);
    to.text("]");
  }
  void levels(text_writer& to, std::span<const sim_level> changed) const noexcept {
    to.text("[");
    for (std::size_t i = 0; i < changed.size(); ++i) one_level(to, changed[i], i == 0);
    to.text("]");
  }
  void best_levels(text_writer& to, const sim_book_side& side, std::size_t count) const noexcept {
    to.text("[");
    for (std::size_t i = 0; i < std::min(count, side.size()); ++i) one_level(to, side.at(i), i == 0);
    to.text("]");
  }

  bool spot_;
  std::int64_t tick_;
  number_format price_;
  number_format quantity_;
  std::string name_;
  std::string pair_;  // COIN-M only
};

}  // namespace foxtrot::inline v0
