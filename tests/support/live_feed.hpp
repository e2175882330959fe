// tests/support/live_feed.hpp: what tests of whole feeds need: settings for a simulated exchange, patience, and how
// many threads there are.
#pragma once

#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/subscription.hpp>

#include <support/eventually.hpp>
#include <support/process_threads.hpp>
#include <support/sanitizer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace foxtrot_test {

/// For an exchange, in this process or another, that has `port()` and `ca_pem()`. Small queues, quick reconnects.
template <class Venue>
foxtrot::binance::market_data_settings feed_settings(const Venue& venue, std::vector<std::string> streams) {
  foxtrot::binance::market_data_settings settings;
  const std::string where = "127.0.0.1:" + std::to_string(venue.port());
  settings.streams = std::move(streams);
  settings.websocket_url = "wss://" + where;
  settings.rest_url = "https://" + where;
  settings.ca_pem = venue.ca_pem();
  settings.ring = {.capacity = 1024, .level_capacity = 4096};
  settings.budget = nullptr;  // a test may connect as often as it likes
  settings.fallback = false;  // likewise
  settings.session.stable_after = std::chrono::milliseconds{0};
  settings.session.retry = {.base = std::chrono::milliseconds{5}, .cap = std::chrono::milliseconds{50}};
  return settings;
}

/// An answer to errors that leaves everything to the backoff, however hopeless.
inline std::shared_ptr<foxtrot::websocket_error_handler> hasty() {
  foxtrot::error_handler_settings settings = foxtrot::binance::error_settings();
  for (foxtrot::error_response& each : settings.responses) each.delay = {};
  return std::make_shared<foxtrot::websocket_error_handler>(std::move(settings));
}

/// Reads up to the first event of a market; false where none comes.
inline bool read_tick(foxtrot::subscription& ticks) {
  const std::stop_token never;
  for (const foxtrot::event& told : ticks.until(never, bound(std::chrono::seconds{20}))) {
    if (told.kind() != foxtrot::tick_kind::status) return true;
  }
  return false;
}

/// Published by a feed, of markets.
inline std::uint64_t published_ticks(const foxtrot::feed_counters& counters) {
  std::uint64_t all = 0;
  for (std::size_t kind = 0; kind < counters.ticks.size(); ++kind) {
    if (kind != static_cast<std::size_t>(foxtrot::tick_kind::status)) all += counters.ticks[kind].get();
  }
  return all;
}
inline std::uint64_t published_statuses(const foxtrot::feed_counters& counters) {
  return counters.ticks[static_cast<std::size_t>(foxtrot::tick_kind::status)].get();
}

}  // namespace foxtrot_test
