// bench/support/streaming_client.cpp: a program that streams until it is told to end: what bench/threads sends signals
// to. Says "ready" once every connection has delivered.
//
//   foxtrot_streaming_client URL REST_URL CA_FILE CONNECTIONS STREAMS CONSUMERS
#include <foxtrot/foxtrot.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

namespace {

using foxtrot::binance::market_data;

// The first of "s000usdt@bookTicker", "s000usdt@trade", "s000usdt@aggTrade", "s001usdt@bookTicker" ...
std::vector<std::string> streams_from(std::size_t first, std::size_t count) {
  constexpr const char* kinds[] = {"bookTicker", "trade", "aggTrade"};
  std::vector<std::string> all;
  for (std::size_t i = first; i < first + count; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "s%03zuusdt@%s", i / 3, kinds[i % 3]);
    all.emplace_back(name);
  }
  return all;
}

// One strategy thread with a part of the feeds.
void consume(std::vector<foxtrot::subscription> feeds, const std::stop_token& stop) {
  std::uint64_t seen = 0;
  const auto count = [&seen](const foxtrot::event&) { ++seen; };
  while (!stop.stop_requested()) {
    (void)feeds.front().wait(stop, std::chrono::milliseconds{5});
    for (auto& each : feeds) (void)each.poll(1024, count);
  }
}

int run(const std::vector<std::string>& arguments) {
  const std::size_t connections = std::stoul(arguments[3]);
  const std::size_t streams = std::stoul(arguments[4]);
  const std::size_t consumers = std::stoul(arguments[5]);

  foxtrot::huge_page_resource huge_pages;  // mapped and unmapped in no time
  foxtrot::signal_guard signals;
  foxtrot::shutdown_coordinator shutdown{signals};
  std::deque<market_data> feeds;
  std::size_t given = 0;
  for (std::size_t i = 0; i < connections; ++i) {
    const std::size_t share = (streams - given) / (connections - i);
    foxtrot::binance::market_data_settings settings;
    settings.streams = streams_from(given, share);
    settings.network.name = "net" + std::to_string(i);
    settings.websocket_url = arguments[0];
    settings.rest_url = arguments[1];
    settings.ca_file = arguments[2];
    settings.ring.memory = &huge_pages;
    given += share;
    feeds.emplace_back(std::move(settings));
  }

  const auto all_feeds = foxtrot::add_feeds(shutdown, "feeds", feeds);

  std::vector<foxtrot::worker> strategies;
  for (std::size_t i = 0; i < consumers && i < connections; ++i) {
    std::vector<foxtrot::subscription> mine;
    for (std::size_t k = i; k < connections; k += consumers) mine.push_back(feeds[k].subscribe());
    strategies.emplace_back(foxtrot::placement{.name = "strategy" + std::to_string(i)},
                            [mine = std::move(mine), stop = signals.stop_token()](const std::stop_token&) mutable {
                              consume(std::move(mine), stop);
                            });
  }
  for (market_data& feed : feeds) {
    if (const std::error_code error = feed.connect()) {
      std::fprintf(stderr, "%s\n", error.message().c_str());
      return 1;
    }
  }
  // Its data, or where there is none the venue's answer to the subscription.
  const auto is_ready = [](const market_data& feed) { return feed.counters().messages.get() > 0; };
  for (market_data& feed : feeds) {
    while (!is_ready(feed) && !signals.stop_token().stop_requested()) ::usleep(1000);
  }
  std::puts("ready");
  std::fflush(stdout);

  (void)shutdown.wait();
  return shutdown.status();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: %s URL REST_URL CA_FILE CONNECTIONS STREAMS CONSUMERS\n", argv[0]);
    return 2;
  }
  return run({argv + 1, argv + argc});
}
