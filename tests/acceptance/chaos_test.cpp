// tests/acceptance/chaos_test.cpp: eight feeds are started, stopped and killed at random, by several threads at once.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <support/child_exchange.hpp>
#include <support/live_feed.hpp>
#include <support/open_files.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using binance::market_data;
using market_data_ptr = std::unique_ptr<market_data>;

exchange_settings small_exchange() {
  exchange_settings settings;
  settings.symbols = default_symbols(sim_market::spot, 2);
  settings.events_per_second = 1'000;
  settings.levels = 50;
  settings.limits.messages_per_second = 0;
  settings.limits.weight_per_minute = 1'000'000'000;
  return settings;
}

/// A place for a feed. Whoever makes or destroys it has the place alone; everything else may be done by all at once.
class place {
 public:
  explicit place(const child_exchange& venue) : venue_{venue} {}

  void start() {
    if (!with_feed([](market_data& feed) { (void)feed.connect(); })) make();
  }
  void stop() {
    (void)with_feed([](market_data& feed) { (void)feed.disconnect(); });
  }
  /// As if the network, or the program, had come to its end.
  void kill(unsigned how) {
    switch (how % 4) {
      case 0: (void)with_feed([](market_data& feed) { (void)feed.drop_connection(); }); return;
      case 1: destroy(true); return;
      case 2: destroy(false); return;
      default: kill_from_within(); return;
    }
  }
  /// Once nobody is at work here: events that were read.
  [[nodiscard]] std::size_t read() const { return read_; }
  /// What a program does meanwhile.
  void use(unsigned how) {
    (void)with_feed([&](market_data& feed) {
      (void)feed.subscribe_streams({"ethusdt@trade"});
      (void)feed.request_snapshot("BTCUSDT");
      constexpr std::array policies{overflow::drop_oldest, overflow::drop_newest, overflow::block, overflow::conflate};
      auto ticks = feed.subscribe({.when_full = policies[how % 4], .capacity = 16, .level_capacity = 512});
      auto handler = feed.subscribe_inline({}, [](const event&) {});
      if (ticks) (void)ticks->poll(16, [](const event&) {});
      (void)feed.connection_info();
      (void)feed.unsubscribe_streams({"ethusdt@trade"});
    });
  }

 private:
  struct life {
    explicit life(market_data_ptr made) : feed{std::move(made)}, ticks{feed->subscribe()} {}

    market_data_ptr feed;
    subscription ticks;
    std::atomic<bool> ends{false};  // the handler disconnects at the next event
    inline_subscription handler;
  };

  template <class Action>
  bool with_feed(Action action) {
    const std::shared_lock lock{mutex_};
    if (life_ == nullptr) return false;
    action(*life_->feed);
    return true;
  }

  void make() {
    const std::unique_lock lock{mutex_};
    if (life_ != nullptr) return;
    auto settings = feed_settings(venue_, {"btcusdt@bookTicker", "btcusdt@depth@100ms"});
    settings.symbols = &symbols_;
    life_ = std::make_unique<life>(std::make_unique<market_data>(std::move(settings)));
    // the feed itself: its owner points nowhere while the feed is being destroyed
    const auto handle = [self = life_.get(), feed = life_->feed.get()](const event&) {
      if (self->ends.exchange(false)) (void)feed->disconnect();
    };
    life_->handler = life_->feed->subscribe_inline({}, handle).value();
    (void)life_->feed->connect();
  }
  void destroy(bool feed_first) {
    const std::unique_lock lock{mutex_};
    if (life_ == nullptr) return;
    read_ += life_->ticks.poll(1000, [](const event&) {});
    if (feed_first) life_->feed.reset();
    life_.reset();
  }
  void kill_from_within() {
    const std::shared_lock lock{mutex_};
    if (life_ != nullptr) life_->ends = true;
  }

  const child_exchange& venue_;
  symbol_table symbols_;
  std::shared_mutex mutex_;
  std::unique_ptr<life> life_;
  std::size_t read_{0};
};

}  // namespace

TEST_CASE("chaos: a thousand random starts, stops and kills of eight feeds lose no thread and no descriptor",
          "[acceptance][soak][alone]") {
  const child_exchange venue{small_exchange()};
  const std::size_t threads_before = settled_threads();
  const std::size_t files_before = open_files();
  const auto begin = std::chrono::steady_clock::now();
  constexpr unsigned seed = 20'240'808;
  {
    std::vector<std::unique_ptr<place>> places;
    while (places.size() < 8) places.push_back(std::make_unique<place>(venue));
    constexpr unsigned drivers = 4;
    const std::size_t turns = repetitions(1'000) / drivers;
    const auto drive = [&](unsigned self) {
      std::mt19937 random{seed + self};
      for (std::size_t i = 0; i < turns; ++i) {
        place& where = *places[random() % places.size()];
        switch (random() % 3) {
          case 0: where.start(); break;
          case 1: where.stop(); break;
          default: where.kill(static_cast<unsigned>(random())); break;
        }
        where.use(static_cast<unsigned>(random()));
        // so that some come further than to their first packet
        std::this_thread::sleep_for(std::chrono::microseconds{random() % 20'000});
      }
    };
    {
      std::vector<std::jthread> all;
      for (unsigned self = 0; self < drivers; ++self) all.emplace_back(drive, self);
      // the other end is no better
      for (int i = 0; i < 20; ++i) {
        venue.reset_connections();
        std::this_thread::sleep_for(10ms);
      }
    }
    std::size_t read = 0;
    for (const auto& each : places) read += each->read();
    CHECK(read > 0);
  }
  const auto taken = std::chrono::steady_clock::now() - begin;
  INFO("seed " << seed << ", " << std::chrono::duration_cast<std::chrono::milliseconds>(taken).count() << " ms");
  CHECK(taken < bound(60s));
  CHECK(threads_are(threads_before));
  CHECK(open_files() == files_before);
  CHECK(eventually([&] { return venue.open_connections() == 0; }));
}
