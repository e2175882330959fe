// examples/6_many_strategies.cpp: three strategies on one feed; one has a bug, and the others do not notice.
#include "support/describe.hpp"
#include "support/session.hpp"

#include <foxtrot/foxtrot.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace std::chrono_literals;

// What one strategy has seen, over all of its lives. Written by its thread, read once that has ended.
struct record {
  std::string name;
  std::uint64_t lives{0};
  std::uint64_t trades{0};
  std::uint64_t first_id{0};
  std::uint64_t last_id{0};
  std::uint64_t missed{0};  // ids between two trades that never came
  std::uint64_t lost{0};    // told as status `dropped`: this consumer was too slow

  void on(const foxtrot::trade& trade) {
    if (trades++ == 0) {
      first_id = trade.trade_id();
    } else {
      missed += trade.trade_id() - last_id - 1;
    }
    last_id = trade.trade_id();
  }
  void print() const {
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("%-8s  %llu lives, %llu trades of ids %llu to %llu, %llu missed, %llu events lost\n", name.c_str(),
                number(lives), number(trades), number(first_id), number(last_id), number(missed), number(lost));
  }
};

using trade_handler = std::function<void(const foxtrot::trade&)>;

// The whole of a strategy's thread. Each life subscribes for itself: a crash takes its subscription with it, and no
// other consumer can tell.
void live(foxtrot::binance::market_data& feed, record& mine, const std::stop_token& stop, const trade_handler& decide) {
  ++mine.lives;
  auto ticks = feed.subscribe();
  for (const foxtrot::event& told : ticks.until(stop)) {
    told.visit(
        [&](const foxtrot::trade& trade) {
          mine.on(trade);
          decide(trade);
        },
        [&](const foxtrot::status& status) {
          if (status.code() == foxtrot::status_code::dropped) mine.lost += status.count();
        });
  }
}

void print(const foxtrot::thread_event& told) {
  std::printf("-- %s %s%s%s\n", told.name.c_str(), std::string{to_string(told.kind)}.c_str(),
              told.what.empty() ? "" : ": ", told.what.c_str());
}

void many_strategies(example::session& market, std::uint64_t fragile_after) {
  // Made first, so that it outlives everybody whom it watches, the network thread included.
  foxtrot::thread_monitor monitor;
  const auto news = monitor.on_event(print);
  auto settings = market.settings({"btcusdt@trade"});
  settings.monitor = &monitor;
  foxtrot::binance::market_data feed{settings};
  const auto feed_part = foxtrot::add_feed(market.end(), "feed", feed);

  record counter{.name = "counter"};
  record volume{.name = "volume"};
  record fragile{.name = "fragile"};
  foxtrot::wide_decimal bought;
  foxtrot::wide_decimal sold;
  const auto nothing = [](const foxtrot::trade&) {};
  const auto add_up = [&](const foxtrot::trade& trade) {
    foxtrot::wide_decimal& side = trade.buyer_is_maker() ? sold : bought;
    side = add(side, foxtrot::wide_decimal{trade.quantity()}).value();
  };
  const auto with_a_bug = [&](const foxtrot::trade& trade) {
    if (fragile.trades % fragile_after == 0)
      throw std::runtime_error{"did not expect trade " + std::to_string(trade.trade_id())};
  };
  const auto child = [&feed](record& mine, trade_handler decide) {
    return foxtrot::child_settings{.where = {.name = mine.name},
                                   .body = [&feed, &mine, decide = std::move(decide)](const std::stop_token& stop) {
                                     live(feed, mine, stop, decide);
                                   }};
  };
  // Past this many crashes in ten seconds it is no accident any more, and the whole program ends in order.
  foxtrot::supervisor strategies{monitor,
                                 {child(counter, nothing), child(volume, add_up), child(fragile, with_a_bug)},
                                 {.policy = {.most_restarts = 20, .within = 10s, .longest_delay = 100ms},
                                  .on_give_up = [&market](std::string_view why) { market.end().request_stop(why); }}};
  const auto part = market.end().add("strategies", {.stop = [&strategies] { (void)strategies.stop(); }});
  market.connect(feed);

  market.end().wait();  // until Ctrl-C, --seconds or the supervisor has begun the end, and everything has stopped
  (void)strategies.stop();
  std::printf("\n%llu crashes mended\n", static_cast<unsigned long long>(strategies.restarts()));
  for (const record* each : {&counter, &volume, &fragile}) each->print();
  std::printf("bought %s BTC, sold %s BTC\n", bought.str().c_str(), sold.str().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t fragile_after = 50;
  example::description what{.name = "many_strategies",
                            .about = "three strategies on one feed; one crashes now and then, and is started again."};
  what.options = {{"--crash-after", "N", "trades, and again after as many more [50]", [&](std::string_view text) {
                     return example::read_number<std::uint64_t>(text, 1, 1'000'000'000, fragile_after);
                   }}};
  return example::run(what, argc, argv,
                      [&fragile_after](example::session& market) { many_strategies(market, fragile_after); });
}
