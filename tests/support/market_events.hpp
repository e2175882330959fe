// tests/support/market_events.hpp: writes events into a consumer's channel as a network thread does, and reads them.
#pragma once

#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/inbox.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/subscription.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace foxtrot_test {

using channel = foxtrot::detail::channel;

/// A table for tests that have no use for names.
inline foxtrot::symbol_table& no_symbols() {
  static foxtrot::symbol_table table;
  return table;
}

[[nodiscard]] inline std::shared_ptr<channel> make_channel(const foxtrot::subscription_settings& settings) {
  return std::make_shared<channel>(settings, no_symbols());
}

[[nodiscard]] inline std::shared_ptr<foxtrot::detail::inbox> inbox_of(std::shared_ptr<channel> queue) {
  auto filter = foxtrot::detail::consumer_filter::make({}, no_symbols()).value();
  foxtrot::detail::symbol_states states{std::make_shared<foxtrot::detail::status_board>(), std::move(filter)};
  return std::make_shared<foxtrot::detail::inbox>(std::move(queue), std::move(states));
}
[[nodiscard]] inline foxtrot::subscription reader_of(std::shared_ptr<channel> queue, foxtrot::idle waiting) {
  return {inbox_of(std::move(queue)), waiting};
}

[[nodiscard]] constexpr foxtrot::line_tag tag_of(foxtrot::tick_kind kind, std::uint8_t flags = 0) {
  return foxtrot::tick_tag{.kind = kind, .where = foxtrot::venue::binance_spot, .flags = flags}.packed();
}

/// A trade with that id, and more of it made from the id. False where it was lost.
inline bool publish_trade(channel& to, std::uint64_t id) {
  const auto room = to.claim(0);
  if (room.payload == nullptr) return false;
  auto& record = room.payload->emplace<foxtrot::trade_record>();
  record = {};
  record.trade_id = id;
  record.price = static_cast<std::int64_t>(id * 3);
  record.quantity = static_cast<std::int64_t>(~id >> 1);
  to.publish(room, 0, tag_of(foxtrot::tick_kind::trade));
  return true;
}
[[nodiscard]] inline bool whole(const foxtrot::trade& trade) {
  const std::uint64_t id = trade.trade_id();
  return trade.record().price == static_cast<std::int64_t>(id * 3) &&
         trade.record().quantity == static_cast<std::int64_t>(~id >> 1);
}

/// A depth update with that last id, and `bids` and `asks` levels made from it. False where it was lost.
inline bool publish_depth(channel& to, std::uint64_t id, std::uint16_t bids, std::uint16_t asks) {
  const std::size_t count = std::size_t{bids} + asks;
  const auto room = to.claim(count);
  if (room.payload == nullptr) return false;
  auto& record = room.payload->emplace<foxtrot::depth_record>();
  record = {};
  record.first_id = record.last_id = id;
  record.body = room.body.position;
  record.bids = bids;
  record.asks = asks;
  for (std::size_t i = 0; i < count; ++i) {
    room.body.elements[i] = {static_cast<std::int64_t>(id + i), static_cast<std::int64_t>(id * 7 + i)};
  }
  to.publish(room, count, tag_of(foxtrot::tick_kind::depth_update));
  return true;
}
[[nodiscard]] inline bool whole(const foxtrot::depth_update& update) {
  const auto level_is = [&](const foxtrot::raw_level& level, std::size_t i) {
    return level == foxtrot::raw_level{static_cast<std::int64_t>(update.last_id() + i),
                                       static_cast<std::int64_t>(update.last_id() * 7 + i)};
  };
  const auto bids = update.bids().raw();
  const auto asks = update.asks().raw();
  for (std::size_t i = 0; i < bids.size(); ++i) {
    if (!level_is(bids[i], i)) return false;
  }
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if (!level_is(asks[i], bids.size() + i)) return false;
  }
  return true;
}

inline void publish_state(channel& to, foxtrot::status_code code) {
  to.publish_status(to.claim(0), foxtrot::make_status(code, 0), tag_of(foxtrot::tick_kind::status));
}

/// One event in a word: "trade 7", "depth 9", "dropped 3", "disconnected".
[[nodiscard]] inline std::string told(const foxtrot::event& event) {
  std::string text;
  event.visit([&](const foxtrot::trade& trade) { text = "trade " + std::to_string(trade.trade_id()); },
              [&](const foxtrot::depth_update& update) { text = "depth " + std::to_string(update.last_id()); },
              [&](const foxtrot::status& status) {
                text = status.name();
                if (status.code() == foxtrot::status_code::dropped) text += " " + std::to_string(status.count());
              });
  return text;
}

}  // namespace foxtrot_test
