// tests/support/every_tick.hpp: an event of every kind that is made from a number, and what is told of it.
#pragma once

#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace foxtrot_test {

using foxtrot::tick_kind;

/// All but status.
inline const std::vector<tick_kind>& every_tick_kind() {
  static const std::vector<tick_kind> all = [] {
    std::vector<tick_kind> made;
    for (std::size_t i = 1; i < foxtrot::tick_kind_count; ++i) made.push_back(static_cast<tick_kind>(i));
    return made;
  }();
  return all;
}

/// A line and its body, whose place is the queue's to set.
struct made_tick {
  foxtrot::tick_payload line;
  std::vector<foxtrot::raw_level> body;
  foxtrot::tick_tag tag;
  foxtrot::symbol_id symbol;
};

/// Every word of it is made from the number.
template <class Body>
[[nodiscard]] Body body_made_from(std::uint64_t number) {
  std::array<std::uint64_t, sizeof(Body) / sizeof(std::uint64_t)> words;
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = number + (std::uint64_t{i} << 40);
  Body body;
  std::memcpy(static_cast<void*>(&body), words.data(), sizeof body);
  if constexpr (requires { body.interval; }) body.interval = foxtrot::kline_interval::m1;
  if constexpr (requires { body.window; }) body.window = foxtrot::ticker_window::h24;
  return body;
}
[[nodiscard]] inline std::vector<foxtrot::raw_level> levels_made_from(std::uint64_t number, std::size_t count) {
  std::vector<foxtrot::raw_level> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    made[i] = {static_cast<std::int64_t>(number), static_cast<std::int64_t>(number + i)};
  }
  return made;
}
/// Longer for some numbers than for others.
[[nodiscard]] inline std::string text_made_from(std::uint64_t number) {
  return R"({"e":"newEvent","n":")" + std::string(number % 37, 'x') + std::to_string(number) + "\"}";
}

namespace detail {

template <class Body>
void make_wide(made_tick& made, std::uint64_t number) {
  made.line.emplace<foxtrot::wide_record>() = foxtrot::make_wide_record<Body>(1, {}, made.symbol);
  made.body.resize(foxtrot::units_of<Body>);
  foxtrot::write_body(std::span{made.body}, body_made_from<Body>(number));
}
template <class Record>
Record& make_line(made_tick& made) {
  Record& record = made.line.emplace<Record>();
  record = {};
  record.received_ns = 1;
  record.symbol = made.symbol;
  return record;
}
inline void make_depth(made_tick& made, std::uint64_t number) {
  auto& record = make_line<foxtrot::depth_record>(made);
  record.first_id = record.last_id = number;
  record.bids = 1;
  record.asks = 2;
  made.body = levels_made_from(number, 3);
}
inline void make_unknown(made_tick& made, std::uint64_t number) {
  const std::string text = text_made_from(number);
  made.body.resize(foxtrot::unknown_event::units_for(text));
  made.line.emplace<foxtrot::unknown_record>() =
      foxtrot::unknown_event::write(made.body, text, std::string_view{text}.substr(6, 8));
  made.symbol = foxtrot::symbol_id::none;
}

}  // namespace detail

[[nodiscard]] inline made_tick make_tick(tick_kind kind, std::uint64_t number, foxtrot::symbol_id symbol) {
  made_tick made{
      .line = {}, .body = {}, .tag = {.kind = kind, .where = foxtrot::venue::binance_spot}, .symbol = symbol};
  const auto price = static_cast<std::int64_t>(number);
  switch (kind) {
    case tick_kind::status: break;
    case tick_kind::book_ticker: detail::make_line<foxtrot::book_ticker_record>(made).update_id = number; break;
    case tick_kind::trade:
    case tick_kind::block_trade: detail::make_line<foxtrot::trade_record>(made).trade_id = number; break;
    case tick_kind::aggregate_trade:
      detail::make_line<foxtrot::aggregate_trade_record>(made).aggregate_id = number;
      break;
    case tick_kind::average_price: detail::make_line<foxtrot::average_price_record>(made).price = price; break;
    case tick_kind::reference_price:
      detail::make_line<foxtrot::reference_price_record>(made).price = price;
      made.tag.flags = foxtrot::reference_price::has_price_flag;
      break;
    case tick_kind::depth_update:
    case tick_kind::depth_snapshot: detail::make_depth(made, number); break;
    case tick_kind::kline: detail::make_wide<foxtrot::kline_body>(made, number); break;
    case tick_kind::mini_ticker: detail::make_wide<foxtrot::mini_ticker_body>(made, number); break;
    case tick_kind::ticker: detail::make_wide<foxtrot::ticker_body>(made, number); break;
    case tick_kind::mark_price: detail::make_wide<foxtrot::mark_price_body>(made, number); break;
    case tick_kind::liquidation: detail::make_wide<foxtrot::liquidation_body>(made, number); break;
    case tick_kind::unknown_event: detail::make_unknown(made, number); break;
  }
  return made;
}

/// "kline 7", "status connected"; "wrong" behind it where its parts do not belong together.
[[nodiscard]] inline std::string told_of_any(const foxtrot::event& told) {
  std::string text{to_string(told.kind())};
  const auto number = [&text](std::uint64_t value) { text += " " + std::to_string(value); };
  told.visit(
      [&](const foxtrot::status& each) { text += std::string{" "} + each.name(); },
      [&](const foxtrot::book_ticker& each) { number(each.update_id()); },
      [&](const foxtrot::trade_tick& each) { number(each.trade_id()); },
      [&](const foxtrot::aggregate_trade& each) { number(each.aggregate_id()); },
      [&](const foxtrot::average_price& each) { number(static_cast<std::uint64_t>(each.price().mantissa())); },
      [&](const foxtrot::reference_price& each) { number(static_cast<std::uint64_t>(each.price()->mantissa())); },
      [&](const foxtrot::depth_tick& each) {
        number(each.record().last_id);
        const auto levels = levels_made_from(each.record().last_id, 3);
        const auto both = {each.bids().raw(), each.asks().raw()};
        auto at = levels.begin();
        for (const auto& side : both) {
          for (const auto& level : side) text += level == *at++ ? "" : " wrong";
        }
        if (at != levels.end()) text += " short";
      },
      [&](const foxtrot::unknown_event& each) {
        text += " " + std::string{each.text()};
        if (each.name() != "newEvent" || each.symbol()) text += " wrong";
      },
      [&]<class Body>(const foxtrot::wide_tick<Body>& each) {
        std::uint64_t value = 0;
        std::memcpy(&value, &each.body(), sizeof value);
        number(value);
        const Body expected = body_made_from<Body>(value);
        if (std::memcmp(&expected, &each.body(), sizeof expected) != 0) text += " wrong";
      });
  return text;
}
/// What told_of_any says of make_tick's event.
[[nodiscard]] inline std::string told_of_made(tick_kind kind, std::uint64_t number) {
  return std::string{to_string(kind)} + " " +
         (kind == tick_kind::unknown_event ? text_made_from(number) : std::to_string(number));
}

}  // namespace foxtrot_test
