// bench/support/tick_client_foxtrot.cpp: what a user of foxtrot writes. Called as end_to_end/recorder.hpp says.
#include <end_to_end/recorder.hpp>

#include <foxtrot/exchange/binance/market_data.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <future>
#include <stop_token>
#include <string>
#include <system_error>

namespace {

using namespace foxtrot_bench;
using way = client_arguments::way;

foxtrot::binance::market_data_settings feed_settings(const client_arguments& wanted) {
  const std::string host = "127.0.0.1:" + std::to_string(wanted.port);
  foxtrot::binance::market_data_settings settings;
  settings.streams = {"btcusdt@bookTicker"};
  settings.network.cpu = wanted.net_cpu;
  settings.network.idle = wanted.how == way::spin ? foxtrot::idle::spin : foxtrot::idle::block;
  settings.websocket_url = "wss://" + host;
  settings.rest_url = "https://" + host;
  settings.ca_file = wanted.ca_file;
  settings.fallback = false;
  return settings;
}

/// The strategy.
struct tick_handler {
  tick_recorder& into;
  bool over{false};          // the last tick has come, or the connection is lost
  std::uint64_t dropped{0};  // told so

  void on(const foxtrot::event& event) {
    event.visit(
        [this](const foxtrot::book_ticker& t) {
          over = into.on_tick(t.update_id(), t.bid_price().to_double(), t.ask_quantity().to_double());
        },
        [this](const foxtrot::status& s) {
          if (s.code() == foxtrot::status_code::dropped) dropped += s.count();
          if (s.code() == foxtrot::status_code::disconnected) over = true;
        });
  }
};

std::error_code run_inline(foxtrot::binance::market_data& feed, tick_handler& strategy) {
  std::promise<void> over;
  auto handler = feed.subscribe_inline({}, [&](const foxtrot::event& event) {
    if (strategy.over) return;
    strategy.on(event);
    if (strategy.over) over.set_value();
  });
  if (!handler) return handler.error();
  if (const std::error_code error = feed.connect()) return error;
  over.get_future().wait();
  handler->cancel();
  return {};
}

std::error_code run_queue(foxtrot::binance::market_data& feed, const client_arguments& wanted, tick_handler& strategy) {
  foxtrot::subscription_settings settings;
  if (wanted.waits_for_room) settings.when_full = foxtrot::overflow::block;
  if (wanted.how == way::spin) settings.waiting = foxtrot::idle::spin;
  auto ticks = feed.subscribe(settings);
  if (!ticks) return ticks.error();
  if (const std::error_code error = feed.connect()) return error;
  for (const foxtrot::event& event : ticks->until(std::stop_token{})) {
    strategy.on(event);
    if (strategy.over) break;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  client_arguments wanted;
  if (!wanted.read(argc, argv)) {
    std::fprintf(stderr, client_arguments::usage, argv[0]);
    return 2;
  }
  tick_recorder into{wanted.skip};
  tick_handler strategy{into};
  try {
    foxtrot::binance::market_data feed{feed_settings(wanted)};
    pin_if_wanted(wanted.consumer_cpu);
    const std::error_code error =
        wanted.how == way::handler ? run_inline(feed, strategy) : run_queue(feed, wanted, strategy);
    if (error) std::fprintf(stderr, "%s: %s\n", argv[0], error.message().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  }
  print(into.report(strategy.dropped));
}
