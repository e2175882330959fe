// tests/acceptance/line_leader_test.cpp: ticks without ids on two lines, of which one leads: none comes twice as long
// as it goes on leading, and a change of it is told.
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/feed/line_settings.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/market/event.hpp>
#include <foxtrot/market/mark_price.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/sim/delivery_audit.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <support/line_scene.hpp>
#include <support/live_feed.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::eventually;
using namespace std::chrono_literals;

/// USD-M, whose streams come by two routes: each has its own lines.
class futures_scene {
 public:
  explicit futures_scene(std::size_t lines) : venue_{market()} {
    REQUIRE(venue_.start().has_value());
    auto settings = foxtrot_test::feed_settings(
        venue_, {"btcusdt@markPrice@1s", "btcusdt@bookTicker", "btcusdt@aggTrade", "btcusdt@trade"});
    settings.market = binance::market::usdm;
    settings.lines = foxtrot_test::hasty_lines(lines);
    feed_ = std::make_unique<binance::market_data>(settings);
    auto made = feed_->subscribe_inline({}, [this](const event& one) { on(one); });
    REQUIRE(made.has_value());
    consumer_ = std::move(*made);
    REQUIRE_FALSE(feed_->connect());
  }
  futures_scene(const futures_scene&) = delete;
  futures_scene& operator=(const futures_scene&) = delete;
  ~futures_scene() { (void)feed_->disconnect(); }

  [[nodiscard]] exchange& venue() noexcept { return venue_; }
  [[nodiscard]] binance::market_data& feed() noexcept { return *feed_; }
  /// So many more mark prices, and all connections there.
  bool wait(std::size_t prices, std::size_t websockets) {
    const std::size_t enough = seen().first + prices;
    return eventually([&] { return seen().first >= enough && venue_.statistics().open_websockets == websockets; });
  }
  /// How many mark prices came, and how many of these not later than the one before.
  [[nodiscard]] std::pair<std::size_t, std::size_t> seen() {
    const std::lock_guard lock{mutex_};
    return {prices_, repeated_};
  }
  [[nodiscard]] std::size_t told(status_code what) {
    const std::lock_guard lock{mutex_};
    return told_.count(what);
  }
  void check_numbered() {
    const std::lock_guard lock{mutex_};
    const symbol_id bitcoin = symbol_table::shared().find("BTCUSDT");
    for (const auto& [stream, kind] :
         {std::pair{"btcusdt@aggTrade", tick_kind::aggregate_trade}, std::pair{"btcusdt@trade", tick_kind::trade},
          std::pair{"btcusdt@bookTicker", tick_kind::book_ticker}}) {
      INFO(stream);
      auto sent = venue_.sent(stream).sent_ids();
      const std::vector<delivered_tick>& had = audit_.of(kind, bitcoin);
      REQUIRE_FALSE(had.empty());
      std::erase_if(sent, [&](std::uint64_t id) { return id > had.back().id; });  // under way
      CHECK(audit_.judge(kind, bitcoin, sent) == delivery_verdict{.delivered = had.size()});
    }
    CHECK(audit_.gaps() == 0);
  }

 private:
  [[nodiscard]] static exchange_settings market() {
    exchange_settings made;
    made.market = sim_market::usdm;
    made.symbols = default_symbols(sim_market::usdm, 1);
    made.events_per_second = 2'000;
    made.depth_interval = 5ms;  // a mark price is told every ten of these
    made.levels = 50;
    made.log_sent = 1'000'000;
    return made;
  }
  void on(const event& one) {
    const std::lock_guard lock{mutex_};
    audit_.on(one);
    one.visit([this](const status& s) { told_.insert(s.code()); },
              [this](const mark_price& p) {
                ++prices_;
                const auto at = p.event_time();
                repeated_ += at && last_ && *at <= *last_;
                last_ = at;
              });
  }

  std::mutex mutex_;  // guards what the consumer has seen
  delivery_audit audit_;
  std::multiset<status_code> told_;
  std::size_t prices_{0};
  std::size_t repeated_{0};
  std::optional<timestamp> last_;
  exchange venue_;
  std::unique_ptr<binance::market_data> feed_;
  inline_subscription consumer_;  // goes before the feed
};

TEST_CASE("line_leader: two lines are one source of mark prices, and the loss of the one that follows costs nothing",
          "[acceptance]") {
  futures_scene scene{2};
  REQUIRE(scene.wait(20, 4));
  CHECK(scene.seen().second == 0);
  CHECK(scene.told(status_code::line_changed) == 0);
  scene.venue().inject({.kind = fault_kind::reset, .whom = fault_victims::newest});
  REQUIRE(scene.wait(20, 4));
  scene.venue().inject({.kind = fault_kind::reset, .whom = fault_victims::newest});
  REQUIRE(scene.wait(20, 4));
  CHECK(scene.told(status_code::disconnected) == 0);
  CHECK(scene.seen().second <= scene.told(status_code::line_changed));
  scene.check_numbered();
}

TEST_CASE("line_leader: whenever another line leads that is told, and only then may a mark price come twice",
          "[acceptance]") {
  const std::size_t lines = GENERATE(1U, 2U);
  futures_scene scene{lines};
  REQUIRE(scene.wait(10, 2 * lines));
  for (std::uint64_t i = 1; i <= 4; ++i) {
    scene.feed().rotate();
    REQUIRE(eventually([&] { return scene.feed().counters().rotations.get() >= i * 2 * lines; }));
    REQUIRE(scene.wait(10, 2 * lines));
  }
  if (lines == 2) {
    for (int i = 0; i < 6; ++i) {
      scene.venue().inject({.kind = fault_kind::reset, .whom = fault_victims::one});
      REQUIRE(scene.wait(10, 4));
    }
  }
  CHECK(scene.told(status_code::line_changed) >= 4);
  CHECK(scene.seen().second <= scene.told(status_code::line_changed));
  CHECK(scene.told(status_code::disconnected) == 0);
  CHECK(scene.told(status_code::stale) == 0);
  scene.check_numbered();
}

}  // namespace
