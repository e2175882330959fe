// tests/exchange/binance/dual_mode_test.cpp: a whole feed that polls where WebSocket fails, or is not wanted.
#include <foxtrot/exchange/binance/detail/dual_mode.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <support/live_feed.hpp>
#include <support/sanitizer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using binance::market_data;
using binance::market_data_settings;
using binance::websocket_choice;
using foxtrot_test::bound;
using foxtrot_test::eventually;
using strings = std::vector<std::string>;

struct running_exchange : exchange {
  explicit running_exchange(sim_market market = sim_market::spot) : exchange{busy(market)} {
    const auto started = start();
    if (!started) FAIL("start: " << started.error().message());
  }
  static exchange_settings busy(sim_market market) {
    exchange_settings settings;
    settings.market = market;
    settings.events_per_second = foxtrot_test::sanitized ? 500 : 2'000;
    settings.levels = 100;
    settings.limits.weight_per_minute = 1'000'000;
    return settings;
  }
  void inject_condition(fault_kind kind, std::uint32_t code = 0, std::string text = {}) {
    fault what;
    what.kind = kind;
    what.code = code;
    what.text = std::move(text);
    inject(std::move(what));
  }
};

market_data_settings quick(const exchange& venue, strings streams) {
  market_data_settings settings = foxtrot_test::feed_settings(venue, std::move(streams));
  settings.ring = {.capacity = 64 * 1024, .level_capacity = 256 * 1024};
  settings.fallback = true;
  settings.session.errors = foxtrot_test::hasty();
  settings.session.retry = {.base = 2ms, .cap = 10ms};
  settings.breaker.recovery_timeout = bound(300ms);
  settings.polling.interval = 50ms;
  settings.polling.weight_per_minute = 1'000'000;
  return settings;
}

/// Everything a consumer can see, checked as it comes.
struct watcher {
  explicit watcher(market_data& feed) : ticks{feed.subscribe()} {}

  /// Reads until `enough` says true; false where that takes longer than only a hang does.
  template <class Predicate>
  bool read_until(Predicate enough) {
    const std::stop_token never;
    const auto end = std::chrono::steady_clock::now() + bound(20s);
    if (enough()) return true;
    for (const event& told : ticks.until(never, bound(20s))) {
      note(told);
      if (enough()) return true;
      if (std::chrono::steady_clock::now() > end) return false;
    }
    return false;
  }
  bool read_status(status_code wanted) {
    const std::uint64_t before = statuses[wanted];
    return read_until([&] { return statuses[wanted] > before; });
  }
  bool read_tick(tick_kind kind, const std::string& symbol, source how) {
    const std::uint64_t before = count(kind, symbol, how);
    return read_until([&] { return count(kind, symbol, how) > before; });
  }
  [[nodiscard]] std::uint64_t count(tick_kind kind, const std::string& symbol, source how) const {
    const auto at = counts.find({kind, symbol, how});
    return at != counts.end() ? at->second : 0;
  }

  void note(const event& told) {
    told.visit([&](const status& s) { note(s); }, [&](const trade& t) { note(t, tick_kind::trade, t.trade_id()); },
               [&](const aggregate_trade& t) { note(t, tick_kind::aggregate_trade, t.aggregate_id()); },
               [&](const book_ticker& t) { note(t, tick_kind::book_ticker, t.update_id()); },
               [&](const auto& t) { note(t, told.kind(), 0); });
  }

  subscription ticks;
  std::map<status_code, std::uint64_t> statuses;
  std::vector<status_code> order;
  std::uint64_t repeated{0};   // or late, by id
  std::uint64_t overtaken{0};  // polled, though the stream had spoken
  std::uint64_t untold{0};     // ids skipped without a gap

 private:
  using stream = std::pair<tick_kind, std::string>;

  void note(const status& s) {
    ++statuses[s.code()];
    order.push_back(s.code());
    if (s.lost_connection()) spoken.clear();
    if (s.code() == status_code::gap) told_up_to[{s.gap_kind(), s.symbol().c_str()}] = s.to();
  }
  template <class Tick>
  void note(const Tick& tick, tick_kind kind, std::uint64_t id) {
    const stream from{kind, tick.symbol().c_str()};
    ++counts[{kind, from.second, tick.source()}];
    if (tick.source() == source::websocket) spoken.insert(from);
    if (tick.source() == source::http && spoken.contains(from)) ++overtaken;
    if (id == 0) return;
    std::uint64_t& last = last_id[from];
    if (id <= last) ++repeated;
    const bool counts_by_one = kind != tick_kind::book_ticker;
    if (counts_by_one && last != 0 && id != last + 1 && told_up_to[from] != id - 1) ++untold;
    last = id;
  }

  std::map<std::tuple<tick_kind, std::string, source>, std::uint64_t> counts;
  std::map<stream, std::uint64_t> last_id;
  std::map<stream, std::uint64_t> told_up_to;
  std::set<stream> spoken;  // by WebSocket, since the last loss
};

void check_order(const watcher& seen) {
  CHECK(seen.repeated == 0);
  CHECK(seen.overtaken == 0);
  CHECK(seen.untold == 0);
}

TEST_CASE("dual mode: where WebSocket fails five times the same ticks are polled, and it comes back by itself") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker", "btcusdt@trade", "ethusdt@aggTrade", "ethusdt@bookTicker"});
  market_data feed{std::move(settings)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read_tick(tick_kind::trade, "BTCUSDT", source::websocket));
  CHECK(feed.connection_info().polled_streams == 0);
  CHECK(feed.connection_info().connected_for > 0ns);  // since it connected, whenever its last message came

  for (int round = 1; round <= 2; ++round) {
    CAPTURE(round);
    venue.inject_condition(fault_kind::upgrade, 503);
    venue.inject_condition(fault_kind::reset);
    REQUIRE(seen.read_status(status_code::fallback_started));
    CHECK(feed.counters().fallbacks_begun.get() == static_cast<std::uint64_t>(round));
    CHECK(feed.connection_info().breaker != breaker_state::closed);
    CHECK(feed.connection_info().connected_for == 0ns);
    for (const auto& [kind, symbol] : {std::pair{tick_kind::book_ticker, "BTCUSDT"},
                                       {tick_kind::trade, "BTCUSDT"},
                                       {tick_kind::aggregate_trade, "ETHUSDT"},
                                       {tick_kind::book_ticker, "ETHUSDT"}}) {
      REQUIRE(seen.read_tick(kind, symbol, source::http));
    }
    CHECK(feed.connection_info().polled_streams == 4);
    watcher late{feed};  // who comes now hears how things stand
    REQUIRE(late.read_status(status_code::fallback_started));
    CHECK(late.statuses[status_code::disconnected] >= 1);

    const std::uint64_t probes = feed.counters().failed_attempts.get();
    REQUIRE(seen.read_until([&] { return feed.counters().failed_attempts.get() > probes; }));  // still tried
    venue.clear_faults();
    REQUIRE(seen.read_status(status_code::fallback_ended));
    REQUIRE(late.read_status(status_code::fallback_ended));
    CHECK(feed.connection_info().breaker == breaker_state::closed);
    CHECK(feed.connection_info().polled_streams == 0);
    REQUIRE(seen.read_tick(tick_kind::trade, "BTCUSDT", source::websocket));
    REQUIRE(seen.read_tick(tick_kind::book_ticker, "ETHUSDT", source::websocket));
    check_order(seen);
    check_order(late);
  }
  // connected before polling ends
  const auto at = std::ranges::find(seen.order, status_code::fallback_ended);
  CHECK(std::find(seen.order.begin(), at, status_code::connected) != at);
  CHECK(venue.statistics().most_websockets_at_once == 1);
}

TEST_CASE("dual mode: five failures begin it, not four, and a success in between begins the count anew") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker"});
  settings.breaker.recovery_timeout = 1h;
  settings.session.retry = {.base = 1ms, .cap = 1ms};
  market_data feed{std::move(settings)};
  watcher seen{feed};
  venue.inject_condition(fault_kind::upgrade, 503);
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read_status(status_code::fallback_started));
  CHECK(feed.counters().failed_attempts.get() == 5);
  CHECK(seen.statuses[status_code::disconnected] == 5);
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
}

TEST_CASE("dual mode: without WebSocket everything is polled, and answers are the connection") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms", "btcusdt@kline_1m",
                                "btcusdt@miniTicker", "btcusdt@ticker", "btcusdt@avgPrice", "ethusdt@bookTicker"});
  settings.websocket = websocket_choice::none();
  market_data feed{std::move(settings)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read_status(status_code::connected));
  for (const tick_kind kind : {tick_kind::book_ticker, tick_kind::trade, tick_kind::depth_snapshot, tick_kind::kline,
                               tick_kind::mini_ticker, tick_kind::ticker, tick_kind::average_price}) {
    CAPTURE(to_string(kind));
    REQUIRE(seen.read_tick(kind, "BTCUSDT", source::http));
  }
  CHECK(venue.statistics().websockets == 0);
  CHECK(feed.connection_info().state == session_state::disconnected);
  CHECK(feed.connection_info().polled_streams == 8);

  venue.inject_condition(fault_kind::rest, 503);
  REQUIRE(seen.read_status(status_code::disconnected));
  venue.clear_faults();
  REQUIRE(seen.read_status(status_code::connected));
  REQUIRE(seen.read_tick(tick_kind::trade, "BTCUSDT", source::http));
  check_order(seen);
  CHECK(seen.statuses[status_code::fallback_started] == 0);  // it is what was asked for
}

TEST_CASE("dual mode: some symbols by WebSocket, the others polled, and changed while it runs") {
  running_exchange venue;
  const strings streams{"btcusdt@bookTicker", "btcusdt@trade", "ethusdt@bookTicker", "ethusdt@trade"};
  auto settings = quick(venue, streams);
  settings.websocket = websocket_choice::of({"btcusdt"});
  market_data feed{std::move(settings)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  const auto comes_by = [&](const std::string& symbol, source how) {
    for (const tick_kind kind : {tick_kind::book_ticker, tick_kind::trade}) {
      CAPTURE(symbol, to_string(kind), to_string(how));
      REQUIRE(seen.read_tick(kind, symbol, how));
    }
  };
  comes_by("BTCUSDT", source::websocket);
  comes_by("ETHUSDT", source::http);
  CHECK(seen.count(tick_kind::trade, "ETHUSDT", source::websocket) == 0);
  CHECK(seen.count(tick_kind::trade, "BTCUSDT", source::http) == 0);

  REQUIRE_FALSE(feed.use_websocket(websocket_choice::of({"ETHUSDT"})));
  comes_by("ETHUSDT", source::websocket);
  comes_by("BTCUSDT", source::http);
  CHECK(seen.repeated == 0);
  CHECK(seen.untold == 0);

  REQUIRE_FALSE(feed.use_websocket(websocket_choice::all()));
  comes_by("ETHUSDT", source::websocket);
  comes_by("BTCUSDT", source::websocket);
  CHECK(eventually([&] { return feed.connection_info().polled_streams == 0; }));

  REQUIRE_FALSE(feed.use_websocket(websocket_choice::none()));
  comes_by("ETHUSDT", source::http);
  comes_by("BTCUSDT", source::http);
  CHECK(eventually([&] { return venue.statistics().open_websockets == 0; }));

  REQUIRE_FALSE(feed.use_websocket(websocket_choice::all()));
  comes_by("ETHUSDT", source::websocket);
  comes_by("BTCUSDT", source::websocket);
  CHECK(seen.repeated == 0);
  CHECK(seen.untold == 0);
  CHECK(venue.statistics().most_websockets_at_once == 1);
}

TEST_CASE("dual mode: a symbol that the venue does not know keeps nobody from being polled") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker", "ethusdt@bookTicker", "nonesuch@bookTicker", "solusdt@bookTicker",
                                "nonesuch@trade"});
  settings.websocket = websocket_choice::none();
  market_data feed{std::move(settings)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  for (const char* symbol : {"BTCUSDT", "ETHUSDT", "SOLUSDT"}) {
    REQUIRE(seen.read_tick(tick_kind::book_ticker, symbol, source::http));
    REQUIRE(seen.read_tick(tick_kind::book_ticker, symbol, source::http));
  }
  CHECK(feed.counters().errors[static_cast<std::size_t>(error_kind::symbol)].get() >= 2);
  const std::uint64_t failed = feed.counters().failed_polls.get();
  for (int i = 0; i < 5; ++i) REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
  CHECK(feed.counters().failed_polls.get() == failed);  // it is asked for no more
}

TEST_CASE("dual mode: where HTTP fails as well its symbols are told to be stale, and fresh again") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker"});
  settings.websocket = websocket_choice::none();
  settings.session.ages.stale_after(tick_kind::book_ticker) = 300ms;
  settings.request_timeout = 100ms;
  market_data feed{std::move(settings)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
  venue.inject_condition(fault_kind::rest_stall);
  REQUIRE(seen.read_status(status_code::stale));
  venue.clear_faults();
  REQUIRE(seen.read_status(status_code::fresh));
  CHECK(seen.statuses[status_code::stale] == 1);
  CHECK(seen.statuses[status_code::fresh] == 1);
}

TEST_CASE("dual mode: a server that wants to be left alone is, and its limit for others is kept") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker"});
  settings.session.errors = nullptr;  // the venue's own rules
  settings.websocket = websocket_choice::none();
  market_data feed{std::move(settings)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
  fault limited;
  limited.kind = fault_kind::rest;
  limited.code = GENERATE(429U, 418U);
  limited.retry_after = 1s;
  venue.inject(limited);
  REQUIRE(seen.read_status(status_code::disconnected));
  const auto refused = std::chrono::steady_clock::now();
  venue.clear_faults();
  REQUIRE(seen.read_status(status_code::connected));
  CHECK(std::chrono::steady_clock::now() - refused >= 900ms);
  CHECK(feed.counters().failed_polls.get() == 1);
}

TEST_CASE("dual mode: a disconnect while polling waits for no answer") {
  running_exchange venue;
  const bool stalled = GENERATE(false, true);
  auto settings = quick(venue, {"btcusdt@bookTicker", "btcusdt@trade"});
  settings.websocket = websocket_choice::none();
  market_data feed{std::move(settings)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
  if (stalled) {
    const std::uint64_t before = venue.statistics().answers_withheld;
    venue.inject_condition(fault_kind::rest_stall);
    REQUIRE(eventually([&] { return venue.statistics().answers_withheld > before; }));
  }
  const auto begun = std::chrono::steady_clock::now();
  CHECK_FALSE(feed.disconnect());
  CHECK(std::chrono::steady_clock::now() - begun < bound(500ms));
  CHECK(feed.tasks().empty());
  REQUIRE_FALSE(feed.connect());  // and again
  venue.clear_faults();
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
  CHECK(seen.repeated == 0);
}

TEST_CASE("dual mode: a session that has used up its attempts is polled for, and begun again") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker"});
  settings.session.max_attempts = 2;
  market_data feed{std::move(settings)};
  watcher seen{feed};
  venue.inject_condition(fault_kind::upgrade, 503);
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
  CHECK(feed.connection_info().state == session_state::error);
  venue.clear_faults();
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::websocket));
  REQUIRE(seen.read_until([&] { return seen.statuses[status_code::fallback_ended] == 1; }));
  CHECK(feed.connection_info().state == session_state::connected);
}

TEST_CASE("dual mode: who is not let in is polled for, and not tried again") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker"});
  settings.session.errors = nullptr;
  market_data feed{std::move(settings)};
  watcher seen{feed};
  venue.inject_condition(fault_kind::upgrade, 401);
  REQUIRE_FALSE(feed.connect());
  for (int i = 0; i < 10; ++i) REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
  CHECK(feed.connection_info().state == session_state::error);
  CHECK(feed.counters().failed_attempts.get() == 1);
}

TEST_CASE("dual mode: without fallback there is no polling, and the feed waits for its connection") {
  running_exchange venue;
  auto settings = quick(venue, {"btcusdt@bookTicker"});
  settings.fallback = false;
  market_data feed{std::move(settings)};
  watcher seen{feed};
  venue.inject_condition(fault_kind::upgrade, 503);
  REQUIRE_FALSE(feed.connect());
  REQUIRE(seen.read_until([&] { return seen.statuses[status_code::disconnected] >= 12; }));
  venue.clear_faults();
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::websocket));
  CHECK(seen.statuses[status_code::fallback_started] == 0);
  CHECK(venue.statistics().rest_requests == 0);
}

TEST_CASE("dual mode: USD-M has two connections, each with its streams, and is connected when both are") {
  running_exchange venue{sim_market::usdm};
  auto settings =
      quick(venue, {"btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@aggTrade", "btcusdt@markPrice@1s"});
  settings.market = binance::market::usdm;
  market_data feed{std::move(settings)};
  watcher seen{feed};
  REQUIRE_FALSE(feed.connect());
  for (const tick_kind kind :
       {tick_kind::book_ticker, tick_kind::depth_update, tick_kind::aggregate_trade, tick_kind::mark_price}) {
    CAPTURE(to_string(kind));
    REQUIRE(seen.read_tick(kind, "BTCUSDT", source::websocket));
  }
  CHECK(seen.statuses[status_code::connected] == 1);
  CHECK(venue.statistics().open_websockets == 2);
  CHECK(venue.statistics().most_websockets_per_path == 1);
  CHECK(feed.connection_info().state == session_state::connected);

  REQUIRE_FALSE(feed.drop_connection());
  REQUIRE(seen.read_status(status_code::connected));
  CHECK(seen.statuses[status_code::disconnected] == 2);
  REQUIRE(seen.read_tick(tick_kind::aggregate_trade, "BTCUSDT", source::websocket));

  // One of the two alone falls back, and is polled with the venue's other shapes.
  venue.inject_condition(fault_kind::upgrade, 503);
  REQUIRE_FALSE(feed.drop_connection());
  REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::http));
  REQUIRE(seen.read_tick(tick_kind::aggregate_trade, "BTCUSDT", source::http));
  REQUIRE(seen.read_tick(tick_kind::mark_price, "BTCUSDT", source::http));
  venue.clear_faults();
  REQUIRE(seen.read_status(status_code::fallback_ended));
  CHECK(seen.statuses[status_code::fallback_started] == 1);
  check_order(seen);
}

TEST_CASE("dual mode: two hundred lives, in every mode, leave no thread and no descriptor") {
  running_exchange venue;
  const std::size_t threads = foxtrot_test::settled_threads();
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return std::distance(begin(all), end(all));
  };
  {  // what is made once
    market_data feed{quick(venue, {"btcusdt@bookTicker"})};
    watcher seen{feed};
    REQUIRE_FALSE(feed.connect());
    REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", source::websocket));
  }
  REQUIRE(eventually([&] { return venue.statistics().open_connections == 0; }));
  const auto before = descriptors();
  const int lives = foxtrot_test::sanitized ? 40 : 200;
  for (int life = 0; life < lives; ++life) {
    auto settings = quick(venue, {"btcusdt@bookTicker", "btcusdt@trade"});
    if (life % 3 == 1) settings.websocket = websocket_choice::none();
    if (life % 3 == 2) settings.websocket = websocket_choice::of({"ETHUSDT"});
    market_data feed{std::move(settings)};
    watcher seen{feed};
    REQUIRE_FALSE(feed.connect());
    if (life % 2 == 0)
      REQUIRE(seen.read_tick(tick_kind::book_ticker, "BTCUSDT", life % 3 == 0 ? source::websocket : source::http));
    CHECK_FALSE(feed.disconnect());
  }
  CHECK(foxtrot_test::threads_are(threads));
  REQUIRE(eventually([&] { return venue.statistics().open_connections == 0; }));
  CHECK(descriptors() == before);
  CHECK(venue.statistics().most_websockets_at_once == 1);
}

}  // namespace
