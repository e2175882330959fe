// tests/acceptance/lines_soak_test.cpp: a million ticks through a hundred rotations and as many lost lines; three
// thousand streams as one feed.
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/feed/line_settings.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/net/connection_budget.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/sim/symbol_spec.hpp>
#include <support/line_scene.hpp>
#include <support/live_feed.hpp>
#include <support/sanitizer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::bound;
using foxtrot_test::eventually;
using foxtrot_test::line_scene;
using foxtrot_test::line_scene_settings;
using namespace std::chrono_literals;

TEST_CASE("lines: a million ticks of fifty symbols, a hundred rotations and a hundred lost lines: no gap, no duplicate",
          "[acceptance][soak][alone]") {
  line_scene_settings wanted;
  wanted.symbols = 50;
  wanted.events_per_second = 30'000;
  wanted.lines = foxtrot_test::hasty_lines(2);
  wanted.log_sent = 4'000'000;
  line_scene scene{wanted};
  REQUIRE(scene.wait_whole(2));
  const std::size_t rounds = foxtrot_test::repetitions(100);
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::uint64_t rotations = scene.counters().rotations.get();
    scene.feed().rotate();
    REQUIRE(eventually([&] { return scene.counters().rotations.get() >= rotations + 2; }));
    REQUIRE(scene.wait_whole(2));
    REQUIRE(scene.lose(i % 3 == 0 ? "0s reset one" : i % 3 == 1 ? "0s fin one" : "0s close one 1001", 1, 2));
    ++lost;
    while (scene.ticks() < (i + 1) * 10'500) REQUIRE(scene.wait_ticks(200));
  }
  CHECK(scene.ticks() >= rounds * 10'500);
  scene.check_untouched();
  CHECK(scene.counters().rotations.get() >= 2 * rounds);
  CHECK(scene.counters().failed_rotations.get() == 0);
  CHECK(scene.counters().lost_lines.get() == lost);
  CHECK(scene.told(status_code::disconnected) == 0);
  CHECK(scene.venue().statistics().dropped_noisy + scene.venue().statistics().dropped_slow == 0);
}

TEST_CASE("lines: three thousand streams are one subscription, within the venue's limits, and none is silent",
          "[acceptance][soak][alone]") {
  constexpr std::size_t symbols = 1'000;
  exchange_settings market;
  market.symbols = default_symbols(sim_market::spot, symbols);
  market.events_per_second = 20'000;
  market.depth_interval = 1s;
  market.levels = 20;
  exchange venue{market};
  REQUIRE(venue.start().has_value());

  std::vector<std::string> streams;
  for (const symbol_spec& each : market.symbols) {
    for (const char* kind : {"@bookTicker", "@trade", "@depth@100ms"}) streams.push_back(each.lower_name() + kind);
  }
  auto settings = foxtrot_test::feed_settings(venue, streams);
  connection_budget budget;  // as the venue's: 300 attempts in five minutes
  settings.budget = &budget;
  settings.ring = {};
  settings.depth_snapshots = false;
  settings.lines = foxtrot_test::hasty_lines();
  settings.lines.handover_limit = bound(30s);
  settings.session.ages.first_after(tick_kind::trade) = 10min;
  binance::market_data feed{settings};
  subscription ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());

  std::set<std::pair<tick_kind, symbol_id>> spoken;
  std::uint64_t gaps = 0, lost = 0, disconnected = 0;
  const auto read = [&](const event& one) {
    const auto note = [&](const auto& tick) { spoken.emplace(one.kind(), tick.record().symbol); };
    one.visit(
        [&](const status& s) {
          gaps += s.code() == status_code::gap;
          disconnected += s.code() == status_code::disconnected;
          lost += s.code() == status_code::dropped ? s.count() : 0;
        },
        [&](const book_ticker& t) { note(t); }, [&](const trade& t) { note(t); },
        [&](const depth_update& t) { note(t); });
  };
  const auto read_until = [&](auto happened, std::chrono::seconds patience) {
    const auto end = std::chrono::steady_clock::now() + bound(patience);
    while (!happened()) {
      if (std::chrono::steady_clock::now() > end) return false;
      (void)ticks.poll(1'000, read);
    }
    return true;
  };
  CHECK(read_until([&] { return spoken.size() == streams.size(); }, 120s));
  CHECK(spoken.size() == streams.size());
  CHECK(venue.statistics().connections == 3);
  CHECK(venue.statistics().open_websockets == 3);

  feed.rotate();
  CHECK(
      read_until([&] { return feed.counters().rotations.get() >= 3 && venue.statistics().open_websockets == 3; }, 60s));
  spoken.clear();
  CHECK(read_until([&] { return spoken.size() == streams.size(); }, 120s));
  CHECK_FALSE(feed.disconnect());
  const exchange_statistics seen = venue.statistics();
  CHECK(seen.connections == 6);
  CHECK(seen.most_streams_per_websocket <= 1'024);
  CHECK(seen.most_messages_per_second <= 5);
  CHECK(seen.dropped_noisy + seen.dropped_slow == 0);
  CHECK(gaps == 0);
  CHECK(lost == 0);
  CHECK(disconnected == 0);
  CHECK(feed.counters().silent_streams.get() == 0);
}

}  // namespace
