// examples/2_micro_price.cpp: spread and micro-price of each symbol, exactly, and whether the latter foresees anything.
#include "support/describe.hpp"
#include "support/micro_price.hpp"
#include "support/quote_board.hpp"
#include "support/session.hpp"

#include <foxtrot/foxtrot.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

namespace {

using namespace std::chrono_literals;

class spreads {
 public:
  void on(const foxtrot::event& told) {
    told.visit([this](const foxtrot::book_ticker& tick) { on_quote(tick); },
               [this](const foxtrot::status& status) { on_status(status); });
    if (told.received() < next_line_) return;  // the events' own clock: nothing to ask the system for
    next_line_ = told.received() + 1s;
    for (const auto& [symbol, mine] : seen_) print(symbol, mine);
  }

  void print_summary() const {
    std::printf("\n");
    for (const auto& [symbol, mine] : seen_) {
      std::printf(
          "%s: %llu quotes, spread %s to %s; the middle moved as the micro-price leaned %llu times, against it %llu "
          "times\n",
          symbol.c_str(), static_cast<unsigned long long>(mine.quotes), mine.narrowest.str().c_str(),
          mine.widest.str().c_str(), static_cast<unsigned long long>(mine.record.right()),
          static_cast<unsigned long long>(mine.record.wrong()));
    }
  }

 private:
  struct symbol_view {
    std::uint64_t quotes{0};
    foxtrot::wide_decimal narrowest, widest, middle, micro;
    example::micro_price_record record;
  };

  void on_quote(const foxtrot::book_ticker& tick) {
    board_.on(tick);
    const example::quote* const now = board_.find(tick.symbol().name());
    if (now == nullptr) return;  // one side is empty: there is no middle
    // Two more digits than the prices have are enough to see which way it leans.
    const int finest = std::min(now->bid.normalized().exponent(), now->ask.normalized().exponent());
    const auto micro = example::micro_price(*now, 2 - std::min(finest, 0));
    if (!micro) return;
    symbol_view& mine = seen_[std::string{tick.symbol().name()}];
    const foxtrot::wide_decimal spread = example::minus(now->ask, now->bid);
    mine.narrowest = mine.quotes == 0 ? spread : std::min(mine.narrowest, spread);
    mine.widest = std::max(mine.widest, spread);
    mine.middle = example::middle(now->bid, now->ask);
    mine.micro = *micro;
    mine.record.on(mine.middle, mine.micro);
    ++mine.quotes;
  }

  void on_status(const foxtrot::status& status) {
    std::puts(example::describe(status).c_str());
    if (!board_.on(status)) return;
    for (auto& [symbol, mine] : seen_)
      if (board_.find(symbol) == nullptr) mine.record.forget();  // the next quote does not follow the last one
  }

  void print(const std::string& symbol, const symbol_view& mine) const {
    const example::quote* const now = board_.find(symbol);
    if (now == nullptr) return std::puts((symbol + "  no price that can be believed").c_str()), void();
    const foxtrot::wide_decimal spread = example::minus(now->ask, now->bid);
    const foxtrot::wide_decimal leans = example::minus(mine.micro, mine.middle);
    std::printf("%s  %s | %s  spread %s (%.3f bp)  middle %s  micro-price %s (%+.3f bp)\n", symbol.c_str(),
                now->bid.str().c_str(), now->ask.str().c_str(), spread.str().c_str(),
                1e4 * spread.to_double() / mine.middle.to_double(), mine.middle.str().c_str(), mine.micro.str().c_str(),
                1e4 * leans.to_double() / mine.middle.to_double());
  }

  example::quote_board board_;
  std::map<std::string, symbol_view> seen_;
  foxtrot::timestamp next_line_{};
};

void micro_price(example::session& market) {
  foxtrot::binance::market_data feed{
      market.settings({"btcusdt@bookTicker", "ethusdt@bookTicker", "solusdt@bookTicker"})};
  const auto part = foxtrot::add_feed(market.end(), "feed", feed);
  auto ticks = feed.subscribe();
  market.connect(feed);

  spreads strategy;
  for (const foxtrot::event& told : ticks.until(market.stop_token())) strategy.on(told);
  strategy.print_summary();
}

}  // namespace

int main(int argc, char** argv) {
  return example::run(
      {.name = "micro_price",
       .about = "spread and micro-price of three symbols, once a second, and whether the latter is right."},
      argc, argv, micro_price);
}
