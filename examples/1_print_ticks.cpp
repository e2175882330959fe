// examples/1_print_ticks.cpp: the smallest consumer: every quote and trade, and every word about the stream itself.
#include "support/describe.hpp"
#include "support/session.hpp"

#include <foxtrot/foxtrot.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

namespace {

class printer {
 public:
  void on(const foxtrot::event& told) {
    // visit does not compile without the handler for status: whoever trades has to know when prices are old.
    told.visit([this](const foxtrot::book_ticker& quote) { on_quote(quote); },
               [this](const foxtrot::trade& trade) { on_trade(trade); },
               [this](const foxtrot::status& status) { on_status(status); });
  }

  void print_summary(double seconds) const {
    std::printf("\n%llu quotes and %llu trades in %.1f s; %llu connections; %llu events lost\n",
                static_cast<unsigned long long>(quotes_), static_cast<unsigned long long>(trades_), seconds,
                static_cast<unsigned long long>(connections_), static_cast<unsigned long long>(lost_));
  }

 private:
  // Prices and quantities are exact decimals: str() prints what the venue wrote, without zeros at the end.
  void on_quote(const foxtrot::book_ticker& quote) {
    ++quotes_;
    std::printf("%s  %s x %s | %s x %s\n", quote.symbol().c_str(), quote.bid_quantity().str().c_str(),
                quote.bid_price().str().c_str(), quote.ask_price().str().c_str(), quote.ask_quantity().str().c_str());
  }

  void on_trade(const foxtrot::trade& trade) {
    ++trades_;
    std::printf("%s  %s %s at %s\n", trade.symbol().c_str(), trade.buyer_is_maker() ? "sold" : "bought",
                trade.quantity().str().c_str(), trade.price().str().c_str());
  }

  void on_status(const foxtrot::status& status) {
    if (status.code() == foxtrot::status_code::connected) ++connections_;
    if (status.code() == foxtrot::status_code::dropped) lost_ += status.count();  // we were too slow
    std::puts(example::describe(status).c_str());
  }

  std::uint64_t quotes_{0};
  std::uint64_t trades_{0};
  std::uint64_t connections_{0};
  std::uint64_t lost_{0};
};

void print_ticks(example::session& market) {
  // A feed connects, reconnects and ends by itself; its network thread parses straight into a ring.
  foxtrot::binance::market_data feed{
      market.settings({"btcusdt@bookTicker", "btcusdt@trade", "ethusdt@bookTicker", "ethusdt@trade"})};
  const auto part = foxtrot::add_feed(market.end(), "feed", feed);
  auto ticks = feed.subscribe();  // this thread's own cursor on that ring
  market.connect(feed);

  printer output;
  for (const foxtrot::event& told : ticks.until(market.stop_token())) output.on(told);  // sleeps while there is nothing
  output.print_summary(market.seconds());
}

}  // namespace

int main(int argc, char** argv) {
  return example::run({.name = "print_ticks", .about = "prints the quotes and trades of two symbols as they come."},
                      argc, argv, print_ticks);
}
