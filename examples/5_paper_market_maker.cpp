// examples/5_paper_market_maker.cpp: quotes both sides on paper, within limits, and counts what it would have earned.
#include "support/describe.hpp"
#include "support/paper_trading.hpp"
#include "support/quote_board.hpp"
#include "support/session.hpp"

#include <foxtrot/foxtrot.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>

namespace {

using namespace foxtrot::literals;
using example::order;
using example::side;
using foxtrot::decimal;
using foxtrot::wide_decimal;

struct choice {
  decimal size{"0.02"_dec};   // BTC in each quote
  decimal limit{"0.05"_dec};  // BTC that it may be long or short
  decimal fee_percent{"0"_dec};
};

class market_maker {
 public:
  explicit market_maker(const choice& chosen)
      : chosen_{chosen}, fee_{chosen.fee_percent.mantissa(), chosen.fee_percent.exponent() - 2} {}

  void on(const foxtrot::event& told) {
    told.visit([this](const foxtrot::trade& trade) { on_trade(trade); },
               [this](const foxtrot::book_ticker& tick) {
                 board_.on(tick);
                 quote();
               },
               [this](const foxtrot::status& status) { on_status(status); });
  }

  void print_summary() const {
    std::printf("\n%llu bought, %llu sold; position %s BTC, never beyond %s of %s allowed; quotes pulled %llu times\n",
                number(bought_), number(sold_), account_.position().str().c_str(), largest_.str().c_str(),
                chosen_.limit.str().c_str(), number(pulled_));
    std::printf("realised %s, open %s at %s, fees %s: %s USDT\n", account_.realised().str().c_str(),
                account_.unrealised(mark_).str().c_str(), mark_.str().c_str(), account_.fees().str().c_str(),
                account_.profit(mark_).str().c_str());
  }

 private:
  [[nodiscard]] static unsigned long long number(std::uint64_t value) { return value; }

  // A trade comes before the quote that it changes, so it meets our quotes as they stood.
  void on_trade(const foxtrot::trade& trade) {
    const auto fill = quotes_.on_trade(trade.price(), trade.quantity());
    if (!fill) return;
    account_.trade(fill->what, fill->price, fill->quantity, fee_);
    ++(fill->what == side::buy ? bought_ : sold_);
    const wide_decimal now = account_.position();
    largest_ = std::max({largest_, now, example::minus(wide_decimal{}, now)});
    std::printf("%s %s at %s  position %s  realised %s\n", fill->what == side::buy ? "bought" : "sold",
                fill->quantity.str().c_str(), fill->price.str().c_str(), now.str().c_str(),
                account_.realised().str().c_str());
    quote();  // the limit holds for the very next trade
  }

  // At the best prices; the side that would add to a position of half the limit steps back by one spread.
  void quote() {
    const example::quote* const now = board_.find("BTCUSDT");
    if (now == nullptr) return quotes_.cancel();
    mark_ = example::middle(now->bid, now->ask);
    const wide_decimal position = account_.position();
    const wide_decimal half = example::times(chosen_.limit, "0.5"_dec);
    const wide_decimal spread = example::minus(now->ask, now->bid);
    const wide_decimal bid = position >= half ? example::minus(now->bid, spread) : now->bid;
    const wide_decimal ask =
        position <= example::minus(wide_decimal{}, half) ? example::plus(now->ask, spread) : now->ask;
    quotes_.set(side::buy, order_of(bid, example::minus(chosen_.limit, position)));
    quotes_.set(side::sell, order_of(ask, example::plus(chosen_.limit, position)));
  }

  [[nodiscard]] std::optional<order> order_of(const wide_decimal& price, const wide_decimal& room) const {
    const auto at = narrow(price);
    const auto quantity = narrow(std::min<wide_decimal>(chosen_.size, room));
    if (!at || !quantity) return std::nullopt;
    return order{*at, *quantity};
  }

  void on_status(const foxtrot::status& status) {
    std::puts(example::describe(status).c_str());
    if (!board_.on(status)) return;
    if (quotes_.working()) ++pulled_;
    quotes_.cancel();  // whoever quotes at an old price is traded with by everybody who knows the new one
  }

  choice chosen_;
  decimal fee_;  // as a share
  example::quote_board board_{example::quote_board::wanted::streamed};
  example::paper_quotes quotes_;
  example::paper_account account_;
  wide_decimal mark_;     // the last middle that could be believed
  wide_decimal largest_;  // position so far, long or short
  std::uint64_t bought_{0};
  std::uint64_t sold_{0};
  std::uint64_t pulled_{0};
};

void paper_market_maker(example::session& market, const choice& chosen) {
  foxtrot::binance::market_data feed{market.settings({"btcusdt@bookTicker", "btcusdt@trade"})};
  const auto part = foxtrot::add_feed(market.end(), "feed", feed);
  auto ticks = feed.subscribe();
  market.connect(feed);

  market_maker strategy{chosen};
  for (const foxtrot::event& told : ticks.until(market.stop_token())) strategy.on(told);
  strategy.print_summary();
}

}  // namespace

int main(int argc, char** argv) {
  choice chosen;
  const auto amount = [](decimal& to) {
    return [&to](std::string_view text) { return example::read_decimal(text, "0.00001"_dec, "1000"_dec, to); };
  };
  example::description what{.name = "paper_market_maker",
                            .about = "quotes BTCUSDT on paper; trades beyond its prices fill it. No order is sent."};
  what.options = {{"--size", "BTC", "of each quote [0.02]", amount(chosen.size)},
                  {"--limit", "BTC", "that it may be long or short [0.05]", amount(chosen.limit)},
                  {"--fee", "PERCENT", "of each fill; below 0 it is paid to us [0]", [&chosen](std::string_view text) {
                     return example::read_decimal(text, "-1"_dec, "100"_dec, chosen.fee_percent);
                   }}};
  return example::run(what, argc, argv, [&chosen](example::session& market) { paper_market_maker(market, chosen); });
}
