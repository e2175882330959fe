// tests/exchange/binance/trade_fetcher_test.cpp: a whole feed whose exchange loses trades: they come all the same,
// once.
#include <foxtrot/exchange/binance/trade_fetcher.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <support/live_feed.hpp>
#include <support/sanitizer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using binance::market_data;
using binance::market_data_settings;
using foxtrot_test::bound;
using foxtrot_test::eventually;
using strings = std::vector<std::string>;

struct lossy_exchange : exchange {
  explicit lossy_exchange(sim_market market = sim_market::spot, std::uint32_t weight = 10'000'000)
      : exchange{[&] {
          exchange_settings settings;
          settings.market = market;
          settings.symbols = default_symbols(market, 2);
          settings.events_per_second = foxtrot_test::sanitized ? 1'000 : 4'000;
          settings.levels = 100;
          settings.limits.weight_per_minute = weight;
          return settings;
        }()} {
    const auto started = start();
    if (!started) FAIL("start: " << started.error().message());
  }
  void begin(fault_kind kind, std::uint32_t code = 0, std::uint32_t one_in = 1, std::chrono::seconds retry_after = 0s) {
    fault what;
    what.kind = kind;
    what.code = code;
    what.one_in = one_in;
    what.retry_after = retry_after;
    inject(std::move(what));
  }
};

market_data_settings repairing(const exchange& venue, gap_repair mode, strings streams) {
  market_data_settings settings = foxtrot_test::feed_settings(venue, std::move(streams));
  settings.ring = {.capacity = 64 * 1024, .level_capacity = 1024};
  settings.session.errors = foxtrot_test::hasty();
  settings.session.retry = {.base = 2ms, .cap = 10ms};
  settings.polling.weight_per_minute = 10'000'000;
  settings.gap_repair = {.mode = mode, .limit = bound(10'000ms)};
  return settings;
}

const strings spot_streams{"btcusdt@trade", "btcusdt@aggTrade", "ethusdt@trade", "ethusdt@aggTrade"};

/// What a consumer was told of each stream.
struct watcher {
  explicit watcher(market_data& feed) : ticks{feed.subscribe()} {}

  struct stream {
    std::uint64_t first{0};
    std::uint64_t last{0};         // in order
    std::uint64_t told_to{0};      // of gaps
    std::set<std::uint64_t> lost;  // told as missing, and not filled
  };

  /// Reads until `enough` says true; false where that takes longer than only a hang does.
  template <class Predicate>
  bool read_until(Predicate enough) {
    const std::stop_token never;
    const auto end = std::chrono::steady_clock::now() + bound(30s);
    if (enough()) return true;
    for (const event& told : ticks.until(never, bound(20s))) {
      told.visit([this](const status& s) { note(s); },
                 [this](const trade& t) { note(t, tick_kind::trade, t.trade_id()); },
                 [this](const aggregate_trade& t) { note(t, tick_kind::aggregate_trade, t.aggregate_id()); });
      if (enough()) return true;
      if (std::chrono::steady_clock::now() > end) return false;
    }
    return false;
  }
  bool read(std::uint64_t more) {
    const std::uint64_t wanted = count + more;
    return read_until([&] { return count >= wanted; });
  }

  void note(const status& s) {
    ++statuses[s.code()];
    if (s.code() != status_code::gap && s.code() != status_code::filled) return;
    stream& of = streams[{s.gap_kind(), s.symbol().c_str()}];
    const bool is_gap = s.code() == status_code::gap;
    if (is_gap && s.from() != of.last + 1) ++wrong;
    if (is_gap) of.told_to = s.to();
    for (std::uint64_t id = s.from(); id <= s.to(); ++id) {
      if (is_gap)
        of.lost.insert(id);
      else if (of.lost.contains(id))
        ++wrong;  // it came before that is told
    }
  }
  template <class Tick>
  void note(const Tick& tick, tick_kind kind, std::uint64_t id) {
    stream& of = streams[{kind, tick.symbol().c_str()}];
    ++count;
    if (tick.is_filled()) ++filled;
    if (tick.is_filled() != (tick.source() == source::http)) ++wrong;
    if (of.first == 0) of.first = of.last = id - 1;
    if (tick.is_filled() && id <= of.last) {  // after
      ++late;
      if (of.lost.erase(id) != 1) ++wrong;
      return;
    }
    if (id != of.last + 1 && of.told_to != id - 1) ++wrong;
    if (id <= of.last) ++wrong;
    of.last = id;
  }
  [[nodiscard]] std::size_t lost() const {
    std::size_t all = 0;
    for (const auto& [key, each] : streams) all += each.lost.size();
    return all;
  }

  subscription ticks;
  std::map<std::pair<tick_kind, std::string>, stream> streams;
  std::map<status_code, std::uint64_t> statuses;
  std::uint64_t count{0};
  std::uint64_t filled{0};
  std::uint64_t late{0};
  std::uint64_t wrong{0};  // twice, out of order, skipped without a word
};

/// Names of all the trades of a market.
strings streams_of_trades(sim_market market) {
  if (market == sim_market::coinm) return {"btcusd_perp@trade", "btcusd_perp@aggTrade"};
  return spot_streams;
}
binance::market market_of(sim_market market) {
  return market == sim_market::spot   ? binance::market::spot
         : market == sim_market::usdm ? binance::market::usdm
                                      : binance::market::coinm;
}

TEST_CASE("trade_fetcher: before: an exchange that loses one in a hundred loses nothing", "[exchange]") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm, sim_market::coinm);
  CAPTURE(static_cast<int>(market));
  lossy_exchange venue{market};
  market_data_settings settings = repairing(venue, gap_repair::before, streams_of_trades(market));
  settings.market = market_of(market);
  market_data feed{settings};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read(20));
  venue.begin(fault_kind::drop, 0, 100);
  CHECK(seen.read(foxtrot_test::sanitized ? 1'000 : 3'000));
  CHECK(seen.wrong == 0);
  CHECK(seen.statuses[status_code::gap] == 0);
  CHECK(seen.statuses[status_code::filled] == 0);
  CHECK(seen.filled > 0);
  CHECK(seen.late == 0);
  CHECK(feed.counters().repaired_ticks.get() >= seen.filled);
  CHECK(feed.counters().failed_repairs.get() == 0);
  CHECK_FALSE(feed.disconnect());
}

TEST_CASE("trade_fetcher: after: each gap is told, and then that it has been filled", "[exchange]") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm);
  lossy_exchange venue{market};
  market_data_settings settings = repairing(venue, gap_repair::after, spot_streams);
  settings.market = market_of(market);
  market_data feed{settings};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read(20));
  venue.begin(fault_kind::drop, 0, 100);
  CHECK(seen.read(foxtrot_test::sanitized ? 1'000 : 3'000));
  venue.clear_faults();
  CHECK(seen.read(200));
  CHECK(seen.read_until([&] { return seen.lost() == 0; }));
  CHECK(seen.wrong == 0);
  CHECK(seen.statuses[status_code::gap] > 0);
  CHECK(seen.late == seen.filled);
  CHECK(seen.filled >= seen.statuses[status_code::gap]);
  CHECK(feed.counters().repaired_ticks.get() == seen.filled);
  CHECK(feed.counters().failed_repairs.get() == 0);
  CHECK(seen.read_until([&] { return seen.statuses[status_code::filled] == seen.statuses[status_code::gap]; }));
}

TEST_CASE("trade_fetcher: a hole between two connections is filled as well", "[exchange]") {
  const gap_repair mode = GENERATE(gap_repair::before, gap_repair::after);
  lossy_exchange venue;
  market_data feed{repairing(venue, mode, spot_streams)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read(20));
  for (int i = 0; i < 100 && (i < 3 || seen.filled == 0); ++i) {  // a quick connection may miss nothing
    const std::uint64_t before = seen.statuses[status_code::connected];
    venue.reset_connections();
    REQUIRE(seen.read_until([&] { return seen.statuses[status_code::connected] > before; }));
    REQUIRE(seen.read(200));
  }
  CHECK(seen.read_until([&] { return seen.lost() == 0 && seen.filled > 0; }));
  CHECK(seen.wrong == 0);
  CHECK((seen.statuses[status_code::gap] == 0) == (mode == gap_repair::before));
  CHECK(feed.counters().failed_repairs.get() == 0);
}

TEST_CASE("trade_fetcher: what two connections have lost is fetched, and nothing else", "[exchange]") {
  lossy_exchange venue;
  market_data_settings settings = repairing(venue, gap_repair::before, spot_streams);
  settings.lines.count = 2;
  market_data feed{settings};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(eventually([&] { return venue.statistics().open_websockets == 2; }));
  REQUIRE(seen.read(500));  // both have spoken
  const std::uint64_t before = venue.statistics().messages_dropped;
  venue.begin(fault_kind::drop, 0, 10);
  CHECK(seen.read(2'000));
  venue.reset_connections();
  CHECK(seen.read(1'000));
  CHECK(seen.wrong == 0);
  CHECK(seen.statuses[status_code::gap] == 0);
  CHECK(seen.filled > 0);
  CHECK(seen.filled < venue.statistics().messages_dropped - before);
  CHECK(feed.counters().failed_repairs.get() == 0);
}

TEST_CASE("trade_fetcher: where REST refuses, holes are told, and the stream goes on", "[exchange]") {
  const gap_repair mode = GENERATE(gap_repair::before, gap_repair::after);
  const std::uint32_t code = GENERATE(503U, 429U, 404U);
  CAPTURE(static_cast<int>(mode), code);
  lossy_exchange venue;
  market_data_settings settings = repairing(venue, mode, spot_streams);
  settings.gap_repair.limit = 100ms;
  market_data feed{settings};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read(20));
  venue.begin(fault_kind::rest, code, 1, code == 429 ? 60s : 0s);
  venue.begin(fault_kind::drop, 0, 50);
  CHECK(seen.read(2'000));
  venue.clear_faults();
  CHECK(seen.read_until([&] { return feed.counters().failed_repairs.get() > 0 || mode == gap_repair::after; }));
  CHECK(seen.read(500));
  CHECK(seen.wrong == 0);
  CHECK(seen.statuses[status_code::gap] > 0);
  CHECK_FALSE(feed.disconnect());
}

TEST_CASE("trade_fetcher: a hole that is too large is told at once, and nobody is asked", "[exchange]") {
  lossy_exchange venue;
  market_data_settings settings = repairing(venue, gap_repair::before, {"btcusdt@trade"});
  settings.gap_repair.most = 3;
  market_data feed{settings};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read(20));
  fault mute;
  mute.kind = fault_kind::mute;
  venue.inject(mute);
  const std::uint64_t before = venue.statistics().messages_dropped;
  REQUIRE(eventually([&] { return venue.statistics().messages_dropped > before + 20; }));
  const std::uint64_t requests = venue.statistics().rest_requests;
  venue.clear_faults();
  CHECK(seen.read_until([&] { return seen.statuses[status_code::gap] == 1; }));
  CHECK(seen.read(100));
  CHECK(seen.wrong == 0);
  CHECK(seen.filled == 0);
  CHECK(venue.statistics().rest_requests == requests);
  CHECK(feed.counters().failed_repairs.get() == 1);
}

TEST_CASE("trade_fetcher: the venue's own weights do, where streams wait for each other's holes", "[exchange]") {
  lossy_exchange venue{sim_market::spot, 6'000};
  market_data_settings settings = repairing(venue, gap_repair::before, spot_streams);
  settings.polling.weight_per_minute = 0;
  market_data feed{settings};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read(20));
  venue.begin(fault_kind::drop, 0, 50);
  CHECK(seen.read(1'500));
  CHECK(seen.wrong == 0);
  CHECK(seen.statuses[status_code::gap] == 0);
  CHECK(seen.filled > 10);
  CHECK(venue.statistics().rest_requests < seen.filled);
  CHECK(feed.counters().errors[static_cast<std::size_t>(error_kind::rate_limit)].get() == 0);
}

TEST_CASE("trade_fetcher: whoever disconnects while something is fetched does not wait for it", "[exchange]") {
  const gap_repair mode = GENERATE(gap_repair::before, gap_repair::after);
  const std::size_t threads = foxtrot_test::settled_threads();
  {
    lossy_exchange venue;
    market_data feed{repairing(venue, mode, spot_streams)};
    watcher seen{feed};
    REQUIRE_FALSE(feed.connect());
    REQUIRE(seen.read(20));
    venue.begin(fault_kind::rest_stall);
    venue.begin(fault_kind::drop, 0, 20);
    const std::uint64_t held = feed.counters().held_ticks.get();
    REQUIRE(eventually([&] {
      (void)seen.read_until([&] { return true; });
      return venue.statistics().rest_requests > 0 &&
             (mode == gap_repair::after || feed.counters().held_ticks.get() > held);
    }));
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(feed.disconnect());
    CHECK(std::chrono::steady_clock::now() - began < bound(5s));
    CHECK(feed.tasks().empty());
    // what waited is told, behind a gap
    (void)seen.read_until([&] { return seen.statuses[status_code::disconnected] > 0; });
    CHECK(seen.wrong == 0);
    CHECK(seen.statuses[status_code::gap] > 0);
  }
  CHECK(foxtrot_test::threads_are(threads));
}

TEST_CASE("trade_fetcher: off, nothing is asked for", "[exchange]") {
  lossy_exchange venue;
  market_data feed{repairing(venue, gap_repair::off, {"btcusdt@trade"})};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read(20));
  venue.begin(fault_kind::drop, 0, 20);
  CHECK(seen.read_until([&] { return seen.statuses[status_code::gap] > 3; }));
  CHECK(seen.read(100));
  CHECK(seen.wrong == 0);
  CHECK(seen.filled == 0);
  CHECK(venue.statistics().rest_requests == 0);
  CHECK(feed.counters().repaired_ticks.get() + feed.counters().failed_repairs.get() == 0);
}

TEST_CASE("trade_fetcher: settings that make no sense are refused", "[exchange]") {
  lossy_exchange venue;
  market_data_settings settings = repairing(venue, gap_repair::before, {"btcusdt@trade"});
  settings.gap_repair.limit = -1ms;
  CHECK_THROWS(market_data{settings});
}

}  // namespace
