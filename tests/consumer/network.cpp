// tests/consumer/network.cpp: a feed of a simulated exchange, with what the target gives and nothing else.
#include <foxtrot/foxtrot.hpp>
#include <foxtrot/sim.hpp>

#include <chrono>
#include <stop_token>

bool describes(foxtrot::binance::market_data& feed);

int main() {
  foxtrot::exchange venue;
  if (!venue.start()) return 1;
  foxtrot::binance::market_data feed{{
      .streams = {"btcusdt@bookTicker"},
      .websocket_url = "wss://localhost:" + std::to_string(venue.port()),
      .rest_url = "https://localhost:" + std::to_string(venue.port()),
      .ca_pem = venue.ca_pem(),
  }};
  auto ticks = feed.subscribe();
  if (feed.connect()) return 1;
  int quotes = 0;
  for (const auto& event : ticks.until(std::stop_token{}, std::chrono::seconds{10})) {
    event.visit([&](const foxtrot::book_ticker&) { ++quotes; }, [](const foxtrot::status&) {});
    if (quotes == 3) return describes(feed) ? 0 : 1;
  }
  return 1;
}
