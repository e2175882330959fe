// bench/support/compile/hello_world.cpp: what bench/compile compiles: the README's first program.
#include <foxtrot/foxtrot.hpp>

#include <cstdio>

int main() {
  foxtrot::signal_guard signals;
  foxtrot::binance::market_data feed{{.streams = {"btcusdt@bookTicker", "btcusdt@trade"}}};
  auto ticks = feed.subscribe();
  feed.connect();
  for (const auto& event : ticks.until(signals.stop_token())) {
    event.visit(
        [](const foxtrot::book_ticker& t) { std::printf("%s %s\n", t.symbol().c_str(), t.bid_price().str().c_str()); },
        [](const foxtrot::status& s) { std::printf("-- %s\n", s.name()); }, [](const foxtrot::trade&) {});
  }
}
