// tests/support/described_tick.hpp: ticks in words, made from foxtrot's events, and from the venue's JSON by code that
// shares nothing with the library's.
#pragma once

#include <foxtrot/market/event.hpp>

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot_test {

/// "0031.200" as "31.2": equal numbers are equal texts.
inline std::string shortest(std::string_view digits) {
  std::string text{digits};
  const bool negative = text.starts_with('-');
  if (negative) text.erase(0, 1);
  while (text.size() > 1 && text[0] == '0' && text[1] != '.') text.erase(0, 1);
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return negative && text != "0" ? "-" + text : text;
}

/// "kind SYMBOL key=value ...".
class description {
 public:
  description(std::string_view kind, std::string_view symbol) : text_{kind} { text_.append(" ").append(symbol); }

  description& add(std::string_view key, std::string_view value) {
    text_.append(" ").append(key).append("=").append(value);
    return *this;
  }
  template <class Mantissa>
  description& add(std::string_view key, const foxtrot::basic_decimal<Mantissa>& value) {
    return add(key, std::string_view{shortest(value.str())});
  }
  description& add(std::string_view key, std::uint64_t value) {
    return add(key, std::string_view{std::to_string(value)});
  }
  description& add(std::string_view key, bool value) { return add(key, std::string_view{value ? "true" : "false"}); }
  description& add(std::string_view key, const std::optional<foxtrot::timestamp>& time) {
    if (!time) return *this;
    return add(key, std::string_view{std::to_string(time->time_since_epoch().count() / 1000)});
  }
  template <class Value>
  description& add(std::string_view key, const std::optional<Value>& value) {
    return value ? add(key, *value) : *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What an event of the kinds says that plain_tick does not know; nothing for others.
inline std::optional<std::string> described(const foxtrot::event& told) {
  using namespace foxtrot;
  std::optional<std::string> made;
  const auto trade_like = [&made](std::string_view kind, const auto& t) {
    made = description{kind, t.symbol().name()}
               .add("E", t.event_time())
               .add("t", t.trade_id())
               .add("p", t.price())
               .add("q", t.quantity())
               .add("T", t.trade_time())
               .add("m", t.buyer_is_maker())
               .text();
  };
  told.visit(
      [](const status&) {}, [&](const block_trade& t) { trade_like("block_trade", t); },
      [&](const aggregate_trade& t) {
        made = description{"aggregate_trade", t.symbol().name()}
                   .add("E", t.event_time())
                   .add("a", t.aggregate_id())
                   .add("p", t.price())
                   .add("q", t.quantity())
                   .add("f", t.first_trade_id())
                   .add("l", t.last_trade_id())
                   .add("T", t.trade_time())
                   .add("m", t.buyer_is_maker())
                   .text();
      },
      [&](const kline& t) {
        made = description{"kline", t.symbol().name()}
                   .add("E", t.event_time())
                   .add("i", to_string(t.interval()))
                   .add("t", t.open_time())
                   .add("T", t.close_time())
                   .add("f", t.first_trade_id())
                   .add("L", t.last_trade_id())
                   .add("o", t.open())
                   .add("c", t.close())
                   .add("h", t.high())
                   .add("l", t.low())
                   .add("v", t.base_volume())
                   .add("n", t.trade_count())
                   .add("x", t.closed())
                   .add("q", t.quote_volume())
                   .add("V", t.taker_buy_base_volume())
                   .add("Q", t.taker_buy_quote_volume())
                   .text();
      },
      [&](const mini_ticker& t) {
        made = description{"mini_ticker", t.symbol().name()}
                   .add("E", t.event_time())
                   .add("c", t.close())
                   .add("o", t.open())
                   .add("h", t.high())
                   .add("l", t.low())
                   .add("v", t.base_volume())
                   .add("q", t.quote_volume())
                   .text();
      },
      [&](const ticker& t) {
        made = description{"ticker", t.symbol().name()}
                   .add("window", to_string(t.window()))
                   .add("E", t.event_time())
                   .add("p", t.price_change())
                   .add("P", t.percent_change())
                   .add("w", t.weighted_average())
                   .add("x", t.previous_close())
                   .add("c", t.last_price())
                   .add("Q", t.last_quantity())
                   .add("b", t.bid_price())
                   .add("B", t.bid_quantity())
                   .add("a", t.ask_price())
                   .add("A", t.ask_quantity())
                   .add("o", t.open())
                   .add("h", t.high())
                   .add("l", t.low())
                   .add("v", t.base_volume())
                   .add("q", t.quote_volume())
                   .add("O", t.open_time())
                   .add("C", t.close_time())
                   .add("F", t.first_trade_id())
                   .add("L", t.last_trade_id())
                   .add("n", t.trade_count())
                   .text();
      },
      [&](const average_price& t) {
        made = description{"average_price", t.symbol().name()}
                   .add("E", t.event_time())
                   .add("minutes", static_cast<std::uint64_t>(t.interval().count()))
                   .add("w", t.price())
                   .add("T", t.last_trade_time())
                   .text();
      },
      [&](const reference_price& t) {
        made = description{"reference_price", t.symbol().name()}.add("r", t.price()).add("t", t.event_time()).text();
      },
      [&](const mark_price& t) {
        made = description{"mark_price", t.symbol().name()}
                   .add("E", t.event_time())
                   .add("p", t.mark())
                   .add("ap", t.average())
                   .add("P", t.settlement())
                   .add("i", t.index())
                   .add("r", t.funding_rate())
                   .add("T", t.next_funding_time())
                   .text();
      },
      [&](const liquidation& t) {
        made = description{"liquidation", t.symbol().name()}
                   .add("E", t.event_time())
                   .add("S", to_string(t.side()))
                   .add("o", t.order_type())
                   .add("f", t.time_in_force())
                   .add("q", t.original_quantity())
                   .add("p", t.price())
                   .add("ap", t.average_price())
                   .add("X", t.order_status())
                   .add("l", t.last_filled_quantity())
                   .add("z", t.filled_quantity())
                   .add("T", t.trade_time())
                   .text();
      },
      [&](const unknown_event& t) {
        made = description{"unknown", t.name()}.add("E", t.event_time()).add("text", t.text()).text();
      });
  return made;
}

namespace detail {

/// Copies fields of an object into a description, in the order asked for.
class json_describer {
 public:
  json_describer(std::string_view kind, std::string_view symbol, simdjson::dom::element from)
      : made_{kind, symbol}, from_{from} {}

  json_describer& in(simdjson::dom::element other) {
    from_ = other;
    return *this;
  }
  /// Absent, null and empty ones are left out.
  json_describer& amount(const char* key) {
    std::string_view digits;
    if (!from_[key].get(digits) && !digits.empty()) made_.add(key, std::string_view{shortest(digits)});
    return *this;
  }
  json_describer& word(const char* key) {
    made_.add(key, std::string_view{from_[key]});
    return *this;
  }
  json_describer& add(std::string_view key, std::string_view value) {
    made_.add(key, value);
    return *this;
  }
  json_describer& number(const char* key) {
    std::uint64_t value = 0;  // a negative one means none
    if (!from_[key].get(value)) made_.add(key, value);
    return *this;
  }
  json_describer& flag(const char* key) {
    made_.add(key, bool{from_[key]});
    return *this;
  }
  json_describer& time(const char* key) {
    std::int64_t value = 0;
    if (from_[key].get(value) || value == 0) return *this;
    made_.add(key, static_cast<std::uint64_t>(value < 100'000'000'000'000 ? value * 1000 : value));
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return made_.text(); }

 private:
  description made_;
  simdjson::dom::element from_;
};

}  // namespace detail

/// The same of one object of the venue; nothing for kinds that `described` does not tell.
inline std::optional<std::string> describe(simdjson::dom::element data) {
  using detail::json_describer;
  std::string_view event;
  std::string_view symbol;
  if (!data.is_object() || data["e"].get(event)) return std::nullopt;
  if (data["s"].get(symbol)) symbol = {};
  if (event == "aggTrade") {
    return json_describer{"aggregate_trade", symbol, data}
        .time("E")
        .number("a")
        .amount("p")
        .amount("q")
        .number("f")
        .number("l")
        .time("T")
        .flag("m")
        .text();
  }
  if (event == "blockTrade") {
    return json_describer{"block_trade", symbol, data}
        .time("E")
        .number("t")
        .amount("p")
        .amount("q")
        .time("T")
        .flag("m")
        .text();
  }
  if (event == "kline") {
    return json_describer{"kline", symbol, data}
        .time("E")
        .in(data["k"])
        .word("i")
        .time("t")
        .time("T")
        .number("f")
        .number("L")
        .amount("o")
        .amount("c")
        .amount("h")
        .amount("l")
        .amount("v")
        .number("n")
        .flag("x")
        .amount("q")
        .amount("V")
        .amount("Q")
        .text();
  }
  if (event == "24hrMiniTicker") {
    return json_describer{"mini_ticker", symbol, data}
        .time("E")
        .amount("c")
        .amount("o")
        .amount("h")
        .amount("l")
        .amount("v")
        .amount("q")
        .text();
  }
  if (event == "24hrTicker" || event == "1hTicker" || event == "4hTicker" || event == "1dTicker") {
    return json_describer{"ticker", symbol, data}
        .add("window", event == "24hrTicker" ? "24h" : event.substr(0, 2))
        .time("E")
        .amount("p")
        .amount("P")
        .amount("w")
        .amount("x")
        .amount("c")
        .amount("Q")
        .amount("b")
        .amount("B")
        .amount("a")
        .amount("A")
        .amount("o")
        .amount("h")
        .amount("l")
        .amount("v")
        .amount("q")
        .time("O")
        .time("C")
        .number("F")
        .number("L")
        .number("n")
        .text();
  }
  if (event == "avgPrice") {
    const std::string_view minutes = data["i"];
    return json_describer{"average_price", symbol, data}
        .time("E")
        .add("minutes", minutes.substr(0, minutes.size() - 1))
        .amount("w")
        .time("T")
        .text();
  }
  if (event == "referencePrice") return json_describer{"reference_price", symbol, data}.amount("r").time("t").text();
  if (event == "markPriceUpdate") {
    return json_describer{"mark_price", symbol, data}
        .time("E")
        .amount("p")
        .amount("ap")
        .amount("P")
        .amount("i")
        .amount("r")
        .time("T")
        .text();
  }
  if (event == "forceOrder") {
    const simdjson::dom::element order = data["o"];
    return json_describer{"liquidation", order["s"], data}
        .time("E")
        .in(order)
        .add("S", std::string_view{order["S"]} == "BUY" ? "buy" : "sell")
        .word("o")
        .word("f")
        .amount("q")
        .amount("p")
        .amount("ap")
        .word("X")
        .amount("l")
        .amount("z")
        .time("T")
        .text();
  }
  return std::nullopt;
}

/// Of a message, alone or combined, with one object or a list of them.
inline std::vector<std::string> describe_all(simdjson::dom::element message) {
  simdjson::dom::element data = message;
  if (message.is_object() && message["data"].error() == simdjson::SUCCESS) data = message["data"];
  std::vector<std::string> made;
  if (!data.is_array()) {
    if (auto one = describe(data)) made.push_back(std::move(*one));
    return made;
  }
  for (const simdjson::dom::element each : data.get_array()) {
    if (auto one = describe(each)) made.push_back(std::move(*one));
  }
  return made;
}

}  // namespace foxtrot_test
