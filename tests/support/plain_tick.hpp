// tests/support/plain_tick.hpp: a tick as plain data, made from foxtrot's events, and from the venue's JSON by a
// decoder that shares nothing with the library's.
#pragma once

#include <foxtrot/market/event.hpp>

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot_test {

/// digits x 10^-places, without zeros at its end: equal numbers are equal structs.
struct plain_number {
  std::int64_t digits{0};
  int places{0};

  friend bool operator==(const plain_number&, const plain_number&) = default;
  friend std::ostream& operator<<(std::ostream& out, const plain_number& n) {
    return out << n.digits << "e" << -n.places;
  }
};

/// Reads "61837.63000000" digit by digit. Throws where it is no number or too long for 64 bits.
inline plain_number read_number(std::string_view text) {
  const std::size_t point = text.find('.');
  std::string digits{text.substr(0, point)};
  std::string fraction{point == std::string_view::npos ? std::string_view{} : text.substr(point + 1)};
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  digits += fraction;
  plain_number made{0, static_cast<int>(fraction.size())};
  if (text.empty()) throw std::invalid_argument{"no number"};
  for (const char c : digits) {
    if (c < '0' || c > '9') throw std::invalid_argument{"no number: " + std::string{text}};
    if (__builtin_mul_overflow(made.digits, 10, &made.digits) ||
        __builtin_add_overflow(made.digits, c - '0', &made.digits))
      throw std::out_of_range{std::string{text}};
  }
  while (made.digits != 0 && made.digits % 10 == 0) made = {made.digits / 10, made.places - 1};
  return made.digits == 0 ? plain_number{} : made;
}

inline plain_number plain(const foxtrot::decimal& value) {
  plain_number made{value.mantissa(), -value.exponent()};
  while (made.digits != 0 && made.digits % 10 == 0) made = {made.digits / 10, made.places - 1};
  return made.digits == 0 ? plain_number{} : made;
}

struct plain_level {
  plain_number price;
  plain_number quantity;
  friend bool operator==(const plain_level&, const plain_level&) = default;
};

/// A book ticker has one bid and one ask; a trade stands among the bids.
struct plain_tick {
  foxtrot::tick_kind kind{};
  foxtrot::source how{};
  std::string symbol;
  std::uint64_t id{0};  // the last one, of a depth update
  std::uint64_t first_id{0};
  std::optional<std::uint64_t> previous_id;
  std::optional<std::int64_t> event_us;
  std::optional<std::int64_t> transaction_us;  // a trade's own time, too
  bool buyer_is_maker{false};
  std::vector<plain_level> bids;
  std::vector<plain_level> asks;

  friend bool operator==(const plain_tick&, const plain_tick&) = default;
  friend std::ostream& operator<<(std::ostream& out, const plain_tick& t) {
    out << to_string(t.kind) << " of " << t.symbol << " by " << to_string(t.how) << ", ids " << t.first_id << ".."
        << t.id << ", previous " << t.previous_id.value_or(0) << ", E " << t.event_us.value_or(-1) << ", T "
        << t.transaction_us.value_or(-1) << (t.buyer_is_maker ? ", buyer is maker" : "");
    for (const auto* side : {&t.bids, &t.asks}) {
      out << (side == &t.bids ? "; bids" : "; asks");
      for (const plain_level& level : *side) out << ' ' << level.quantity << '@' << level.price;
    }
    return out;
  }
};

namespace detail {

inline std::optional<std::int64_t> microseconds(const std::optional<foxtrot::timestamp>& time) {
  if (!time) return std::nullopt;
  const std::int64_t nanoseconds = time->time_since_epoch().count();
  if (nanoseconds % 1000 != 0) throw std::logic_error{"a venue's time with nanoseconds"};
  return nanoseconds / 1000;
}

inline std::vector<plain_level> plain_side(const foxtrot::levels& side) {
  std::vector<plain_level> made;
  for (const foxtrot::price_level& level : side) made.push_back({plain(level.price), plain(level.quantity)});
  return made;
}

template <class Tick>
plain_tick common(foxtrot::tick_kind kind, const Tick& tick) {
  plain_tick made;
  made.kind = kind;
  made.how = tick.source();
  made.symbol = tick.symbol().name();
  made.transaction_us = microseconds([&tick] {
    if constexpr (requires { tick.trade_time(); }) {
      return tick.trade_time();
    } else {
      return tick.transaction_time();
    }
  }());
  if constexpr (requires { tick.event_time(); }) made.event_us = microseconds(tick.event_time());
  if constexpr (requires { tick.bids(); }) {
    made.bids = plain_side(tick.bids());
    made.asks = plain_side(tick.asks());
    made.id = tick.last_id();
  }
  return made;
}

inline std::optional<std::int64_t> json_time(simdjson::dom::element data, const char* key) {
  std::int64_t time = 0;
  if (data[key].get(time)) return std::nullopt;
  return time < 100'000'000'000'000 ? time * 1000 : time;
}

inline plain_number json_number(simdjson::dom::element text) { return read_number(std::string_view{text}); }

inline std::vector<plain_level> json_side(simdjson::dom::element side) {
  std::vector<plain_level> made;
  for (const simdjson::dom::element level : side.get_array())
    made.push_back({json_number(level.at(0)), json_number(level.at(1))});
  return made;
}

inline std::string upper_symbol(std::string_view stream) {
  std::string symbol{stream.substr(0, stream.find('@'))};
  for (char& c : symbol) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return symbol;
}

}  // namespace detail

/// What an event says, except its receive time. Nothing for a status.
inline std::optional<plain_tick> plain(const foxtrot::event& told) {
  using foxtrot::tick_kind;
  std::optional<plain_tick> made;
  told.visit([](const foxtrot::status&) {},
             [&](const foxtrot::book_ticker& tick) {
               made = detail::common(tick_kind::book_ticker, tick);
               made->id = tick.update_id();
               made->bids = {{plain(tick.bid_price()), plain(tick.bid_quantity())}};
               made->asks = {{plain(tick.ask_price()), plain(tick.ask_quantity())}};
             },
             [&](const foxtrot::trade& tick) {
               made = detail::common(tick_kind::trade, tick);
               made->id = tick.trade_id();
               made->buyer_is_maker = tick.buyer_is_maker();
               made->bids = {{plain(tick.price()), plain(tick.quantity())}};
             },
             [&](const foxtrot::depth_update& tick) {
               made = detail::common(tick_kind::depth_update, tick);
               made->first_id = tick.first_id();
               made->previous_id = tick.previous_id();
             },
             [&](const foxtrot::depth_snapshot& tick) { made = detail::common(tick_kind::depth_snapshot, tick); });
  return made;
}

/// The tick that one message of the venue holds, alone or combined; nothing for kinds that have none. `asked` is the
/// symbol of a REST body. Throws simdjson_error where a field is missing.
inline std::optional<plain_tick> read_message(simdjson::dom::element message, std::string_view asked = {}) {
  using foxtrot::tick_kind;
  simdjson::dom::element data = message;
  std::string_view stream;
  if (message["stream"].get(stream) == simdjson::SUCCESS) data = message["data"];
  if (!data.is_object()) return std::nullopt;
  const auto has = [&data](const char* key) { return data[key].error() == simdjson::SUCCESS; };
  std::string_view event;
  if (data["e"].get(event)) event = {};

  plain_tick made;
  made.how = asked.empty() ? foxtrot::source::websocket : foxtrot::source::http;
  made.event_us = detail::json_time(data, "E");
  made.transaction_us = detail::json_time(data, "T");
  made.symbol = has("s") ? std::string{std::string_view{data["s"]}} : std::string{asked};
  if (made.symbol.empty()) made.symbol = detail::upper_symbol(stream);
  if (event == "bookTicker" || (event.empty() && has("u") && has("B"))) {
    made.kind = tick_kind::book_ticker;
    made.event_us.reset();  // its record has room for one time
    made.id = data["u"];
    made.bids = {{detail::json_number(data["b"]), detail::json_number(data["B"])}};
    made.asks = {{detail::json_number(data["a"]), detail::json_number(data["A"])}};
  } else if (event == "trade") {
    made.kind = tick_kind::trade;
    made.id = data["t"];
    made.buyer_is_maker = data["m"];
    made.bids = {{detail::json_number(data["p"]), detail::json_number(data["q"])}};
  } else if (event == "depthUpdate") {
    const std::size_t depth = stream.find("@depth");
    const bool partial = depth != std::string_view::npos && depth + 6 < stream.size() && stream[depth + 6] != '@';
    made.kind = partial ? tick_kind::depth_snapshot : tick_kind::depth_update;
    made.id = data["u"];
    if (!partial) made.first_id = data["U"];
    std::int64_t previous = -1;
    if (!partial && data["pu"].get(previous) == simdjson::SUCCESS && previous >= 0)
      made.previous_id = static_cast<std::uint64_t>(previous);
    made.bids = detail::json_side(data["b"]);
    made.asks = detail::json_side(data["a"]);
  } else if (event.empty() && has("lastUpdateId")) {
    made.kind = tick_kind::depth_snapshot;
    made.id = data["lastUpdateId"];
    made.bids = detail::json_side(data["bids"]);
    made.asks = detail::json_side(data["asks"]);
  } else {
    return std::nullopt;
  }
  return made;
}

}  // namespace foxtrot_test
