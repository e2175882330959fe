// examples/4_triangular_arbitrage.cpp: looks for a round trip USDT, BTC, ETH that pays, on fresh quotes alone.
#include "support/describe.hpp"
#include "support/quote_board.hpp"
#include "support/session.hpp"
#include "support/triangle.hpp"

#include <foxtrot/foxtrot.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace foxtrot::literals;
using example::way_round;

class detector {
 public:
  explicit detector(const foxtrot::decimal& fee) : fee_{fee} {}

  void on(const foxtrot::event& told) {
    told.visit(
        [this](const foxtrot::book_ticker& tick) {
          board_.on(tick);
          look(tick.received());
        },
        [&](const foxtrot::status& status) {
          std::puts(example::describe(status).c_str());
          if (board_.on(status)) look(told.received());
        });
  }

  void print_summary() const {
    std::printf("\n%llu looks, %llu of them in vain for want of a fresh quote\n", number(looks_), number(blind_));
    std::printf("%llu chances by BTC, %llu by ETH, %.1f ms each on average; the best: %s USDT for %s ETH\n",
                number(episodes_[0].count), number(episodes_[1].count), mean_ms(),
                example::shown(best_.profit(), 6).c_str(), best_.size.str().c_str());
  }

 private:
  struct episode {
    bool open{false};
    foxtrot::timestamp since{};
    std::chrono::nanoseconds lasted{0};  // all that have ended
    std::uint64_t count{0};
    std::uint64_t ended{0};
  };

  [[nodiscard]] static unsigned long long number(std::uint64_t value) { return value; }

  void look(foxtrot::timestamp now) {
    ++looks_;
    const example::quote* const btc_usdt = board_.find("BTCUSDT");
    const example::quote* const eth_usdt = board_.find("ETHUSDT");
    const example::quote* const eth_btc = board_.find("ETHBTC");
    const bool blind = btc_usdt == nullptr || eth_usdt == nullptr || eth_btc == nullptr;
    if (blind) ++blind_;
    for (const way_round way : {way_round::by_btc, way_round::by_eth}) {
      episode& mine = episodes_[static_cast<std::size_t>(way)];
      if (blind) {
        end(mine, now);  // what looks like a chance may be an old price
        continue;
      }
      const example::trip trip = example::trip_of(way, *btc_usdt, *eth_usdt, *eth_btc, fee_);
      if (!trip.pays()) {
        end(mine, now);
      } else if (!std::exchange(mine.open, true)) {
        begin(mine, way, trip, now);
      }
      if (trip.pays() && trip.profit() > best_.profit()) best_ = trip;
    }
  }

  static void begin(episode& mine, way_round way, const example::trip& trip, foxtrot::timestamp now) {
    mine.since = now;
    ++mine.count;
    std::printf("%s  %+.2f bp, %s USDT for each of %s ETH: %s USDT\n",
                way == way_round::by_btc ? "USDT > BTC > ETH > USDT" : "USDT > ETH > BTC > USDT", trip.basis_points(),
                example::shown(trip.edge, 6).c_str(), trip.size.str().c_str(),
                example::shown(trip.profit(), 6).c_str());
  }

  static void end(episode& mine, foxtrot::timestamp now) {
    if (!std::exchange(mine.open, false)) return;
    mine.lasted += now - mine.since;
    ++mine.ended;
  }

  [[nodiscard]] double mean_ms() const {
    const std::uint64_t ended = episodes_[0].ended + episodes_[1].ended;
    const std::chrono::duration<double, std::milli> lasted = episodes_[0].lasted + episodes_[1].lasted;
    return ended != 0 ? lasted.count() / static_cast<double>(ended) : 0.0;
  }

  foxtrot::decimal fee_;
  example::quote_board board_{example::quote_board::wanted::streamed};
  std::array<episode, 2> episodes_;  // by way_round
  example::trip best_;
  std::uint64_t looks_{0};
  std::uint64_t blind_{0};
};

void triangular_arbitrage(example::session& market, const foxtrot::decimal& fee_percent) {
  auto settings = market.settings({"btcusdt@bookTicker", "ethusdt@bookTicker", "ethbtc@bookTicker"});
  // A quote that has not moved for a second is not believed; the default is a minute.
  settings.session.ages.stale_after(foxtrot::tick_kind::book_ticker) = 1s;
  foxtrot::binance::market_data feed{settings};
  const auto part = foxtrot::add_feed(market.end(), "feed", feed);
  auto ticks = feed.subscribe();
  market.connect(feed);

  detector strategy{foxtrot::decimal{fee_percent.mantissa(), fee_percent.exponent() - 2}};
  for (const foxtrot::event& told : ticks.until(market.stop_token())) strategy.on(told);
  strategy.print_summary();
}

// Prices that fit each other: 0.0434 BTC for an ETH. Nobody keeps them together, so they drift apart.
std::vector<foxtrot::symbol_spec> triangle() {
  auto symbols = foxtrot::default_symbols(foxtrot::sim_market::spot, 2);  // BTCUSDT, ETHUSDT
  symbols.push_back(
      {.name = "ETHBTC", .price = 4340, .price_decimals = 5, .quantity_decimals = 4, .typical_quantity = 80'000});
  return symbols;
}

}  // namespace

int main(int argc, char** argv) {
  foxtrot::decimal fee{"0.02"_dec};
  example::description what{.name = "triangular_arbitrage",
                            .about = "tells where a round trip over BTCUSDT, ETHUSDT and ETHBTC would pay."};
  what.options = {{"--fee", "PERCENT", "of each trade, up to four decimals [0.02]", [&fee](std::string_view text) {
                     constexpr int finest = -4;  // what exact products of three leave room for
                     return example::read_decimal(text, "0"_dec, "100"_dec, fee) &&
                            fee.normalized().exponent() >= finest;
                   }}};
  what.simulation.symbols = triangle();
  return example::run(what, argc, argv, [&fee](example::session& market) { triangular_arbitrage(market, fee); });
}
