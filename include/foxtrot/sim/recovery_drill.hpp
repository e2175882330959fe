// foxtrot/sim/recovery_drill.hpp: one feed, one exchange that goes wrong in every way, and what the feed made of it.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/feed/line_settings.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/sim/fault_script.hpp>
#include <foxtrot/sim/loss_audit.hpp>
#include <foxtrot/sim/recovery_cases.hpp>
#include <foxtrot/sim/recovery_watch.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

struct recovery_drill_settings {
  std::int64_t events_per_second{50'000};  ///< of the market
  std::size_t symbols{4};                  ///< each with its quotes, trades and depth updates
  recovery_limits limits{};
  std::chrono::milliseconds poll_interval{200};
  std::chrono::milliseconds patience{10'000};  ///< for the feed to be whole again
  fault_script faults{};                       ///< of the exchange from its start, beside the drill's own
};

/// What one accident did. Times are in milliseconds.
struct recovery_result {
  std::string name{};
  bool needs_telling{true};
  bool detected{false};  ///< told by a status of the kind that it takes; true where none is needed
  /// Nothing was told and nothing lost: messages were hit, and another connection (as in a rotation) brought them.
  bool harmless{false};
  bool recovered{false};  ///< all streams speak again, all books are right
  double detect_ms{0};    ///< from the injection to that status
  /// From the injection, for a condition from its end, to the first tick that came by WebSocket while nothing was
  /// wrong any more; 0 where that was before the end.
  double recover_ms{0};
  double whole_ms{0};  ///< likewise to the moment at which every stream had spoken and every book was right
  std::optional<double> first_polled_ms{};  ///< from the beginning of the fallback to the first polled tick
  std::uint64_t gaps{0};                    ///< told: of trades and of books
  std::uint64_t lost{0};                    ///< trades that never came
  std::uint64_t unreported{0};              ///< of these and of the changes of books, those that no gap named
};

/// What is to be said in the end of all that the consumer saw.
struct recovery_totals {
  std::uint64_t events{0};
  std::uint64_t polled{0};  ///< of these, ticks that came by HTTP
  id_counts trades{};
  id_counts depth{};
  std::uint64_t trades_behind{0};  ///< made by the exchange after the last that came, with nothing under way
  std::uint64_t disordered_quotes{0};
  std::uint64_t renumbered{0};
  std::uint64_t rotations{0};  ///< begun: for as long as one takes there are two connections
  std::uint64_t most_websockets_per_path{0};

  [[nodiscard]] std::uint64_t unreported() const noexcept {
    return trades.unreported + depth.unreported + trades_behind;
  }
  [[nodiscard]] std::uint64_t duplicates() const noexcept { return trades.duplicates + depth.duplicates; }
  [[nodiscard]] std::uint64_t disordered() const noexcept {
    return trades.disordered + depth.disordered + disordered_quotes;
  }
  /// Nothing was lost in silence, nothing came twice or late, no gap was invented.
  [[nodiscard]] bool clean() const noexcept {
    return unreported() + duplicates() + disordered() + trades.mistold + depth.mistold + renumbered == 0;
  }
  /// No path had a connection more than it needs.
  [[nodiscard]] bool one_connection() const noexcept { return most_websockets_per_path <= (rotations == 0 ? 1 : 2); }
};

/// A simulated exchange and a feed of it, over TLS on loopback, and a consumer on the feed's own thread that misses
/// nothing. Use it to see what your strategy does meanwhile: subscribe it to `feed()`. One thread, but for feed() and
/// venue().
class recovery_drill : private live_object<recovery_drill> {
 public:
  using clock = recovery_watch::clock;

  explicit recovery_drill(recovery_drill_settings settings = {})
      : settings_{std::move(settings)}, watch_{3 * settings_.symbols}, exchange_{exchange_settings_of(settings_)} {}
  recovery_drill(const recovery_drill&) = delete;
  recovery_drill& operator=(const recovery_drill&) = delete;
  ~recovery_drill() { stop(); }

  /// Starts both; the feed is not connected yet. Once.
  [[nodiscard]] std::error_code start() {
    const auto port = exchange_.start();
    if (!port) return port.error();
    feed_ = std::make_unique<binance::market_data>(feed_settings(*port));
    auto handler = feed_->subscribe_inline({}, [this](const event& told) { on(told); });
    if (!handler) return handler.error();
    consumer_ = std::move(*handler);
    return feed_->connect();
  }
  /// Disconnects and joins. Idempotent.
  std::error_code stop() {
    const std::error_code late = feed_ != nullptr ? feed_->disconnect() : std::error_code{};
    const std::error_code also = exchange_.stop();
    return late ? late : also;
  }

  /// True once every stream has spoken and every book is right; false when stopped, or out of patience.
  [[nodiscard]] bool wait_whole(const std::stop_token& stop = {}) {
    return watch_.wait_whole(stop, clock::now() + settings_.patience);
  }
  /// False when stopped.
  bool pass(std::chrono::milliseconds time, const std::stop_token& stop = {}) {
    return watch_.pass(stop, clock::now() + time);
  }

  /// Lets it happen and waits until all is well again. A stop ends it early: not recovered then.
  [[nodiscard]] recovery_result run(const recovery_case& what, const std::stop_token& stop = {}) {
    recovery_result made{.name = what.name, .needs_telling = !what.witnesses.empty()};
    const books before = look();
    watch_.look_out_for(what.witnesses);
    const clock::time_point began = clock::now();
    for (const fault& each : what.faults) exchange_.inject(each);
    const clock::time_point ends = began + what.lasts();
    (void)watch_.pass(stop, ends);
    const bool covered = was_covered(what, before, look());
    const exchange_truth hit = exchange_.truth();
    for (const fault& each : what.then) exchange_.inject(each);
    if (what.lasts().count() != 0) watch_.ask_for_proof();
    if (covered) (void)catch_up(stop, [&] { return watch_.look().detected ? exchange_truth{} : hit; });
    if (made.needs_telling) (void)watch_.wait_detected(stop, covered ? clock::now() + held : ends + settings_.patience);
    made.recovered = settle(stop, ends + what.lingers, clock::now() + settings_.patience);
    const recovery_watch::sight seen = watch_.look();
    if (seen.detected) made.detect_ms = milliseconds(*seen.detected - began);
    if (seen.data_since) made.recover_ms = std::max(0.0, milliseconds(*seen.data_since - ends));
    if (seen.whole_since) made.whole_ms = std::max(0.0, milliseconds(*seen.whole_since - ends));
    if (seen.polled) made.first_polled_ms = milliseconds(*seen.polled - *seen.fell_back);
    const books after = look();
    made.gaps = after.gaps - before.gaps;
    made.lost = after.trades.missing() - before.trades.missing();
    made.unreported =
        after.trades.unreported - before.trades.unreported + after.depth.unreported - before.depth.unreported;
    made.detected = !made.needs_telling || seen.detected;
    made.harmless = covered && !made.detected && made.recovered && made.lost + made.unreported == 0;
    return made;
  }

  /// Lets the market stand still, waits for what is under way, and judges. For a feed that is not well it waits as long
  /// as its patience lasts. Stopped, it does not wait, and what was under way is not held against anybody.
  [[nodiscard]] recovery_totals finish(const std::stop_token& stop = {}) {
    exchange_.pause();
    const std::uint64_t behind = catch_up(stop, [this] { return exchange_.truth(); });
    const bool counts = !stop.stop_requested();
    const std::uint64_t rotations = feed_->counters().rotations.get() + feed_->counters().failed_rotations.get();
    const std::lock_guard lock{mutex_};
    return {.events = events_,
            .polled = polled_,
            .trades = audit_.trades(),
            .depth = audit_.depth(),
            .trades_behind = counts ? behind : 0,
            .disordered_quotes = audit_.disordered_quotes(),
            .renumbered = audit_.renumbered(),
            .rotations = rotations,
            .most_websockets_per_path = exchange_.statistics().most_websockets_per_path};
  }

  /// After start().
  [[nodiscard]] binance::market_data& feed() noexcept { return *feed_; }
  [[nodiscard]] exchange& venue() noexcept { return exchange_; }

 private:
  struct books {
    id_counts trades, depth;
    std::uint64_t gaps;
    exchange_statistics venue;
    std::uint64_t brought_twice;
  };
  // Trouble that comes within this time after the feed was whole belongs to the same accident.
  static constexpr std::chrono::milliseconds quiet{100};
  // From a loss until it is told: the stream's next message, and the wait for what another connection can still bring.
  static constexpr std::chrono::milliseconds held{line_settings{}.hold_limit * 5 / 4 + 2 * quiet};

  [[nodiscard]] static double milliseconds(clock::duration time) noexcept {
    return std::chrono::duration<double, std::milli>{time}.count();
  }

  void on(const event& told) {
    watch_.on(told);
    const std::lock_guard lock{mutex_};
    audit_.on(told);
    ++events_;
    told.visit([](const status&) {}, [this](const book_ticker& t) { polled_ += t.source() == source::http; },
               [this](const trade& t) { polled_ += t.source() == source::http; });
  }
  [[nodiscard]] books look() {
    const std::lock_guard lock{mutex_};
    return {audit_.trades(), audit_.depth(), audit_.gaps(), exchange_.statistics(),
            feed_->counters().line_duplicates.get()};
  }
  // Waits until the consumer has come as far with the trades. Returns how many are still to come.
  template <class Truth>
  [[nodiscard]] std::uint64_t catch_up(const std::stop_token& stop, Truth truth) {
    const clock::time_point give_up = clock::now() + settings_.patience;
    for (;;) {
      const exchange_truth goal = truth();
      std::unique_lock lock{mutex_};
      const std::uint64_t left = audit_.trades_behind(goal, symbol_table::shared());
      lock.unlock();
      const clock::time_point now = clock::now();
      if (left == 0 || now >= give_up || !watch_.pass(stop, now + std::chrono::milliseconds{5})) return left;
    }
  }

  // Whether single messages were hit, and two connections delivered meanwhile.
  [[nodiscard]] static bool was_covered(const recovery_case& what, const books& before, const books& after) noexcept {
    return what.hits(after.venue) > what.hits(before.venue) && after.brought_twice > before.brought_twice;
  }

  [[nodiscard]] bool settle(const std::stop_token& stop, clock::time_point harmless, clock::time_point give_up) {
    for (;;) {
      if (!watch_.wait_whole(stop, give_up)) return false;
      const recovery_watch::sight seen = watch_.look();
      if (!seen.whole_since) continue;
      const clock::time_point calm =
          std::max({harmless, seen.last_trouble.value_or(harmless), *seen.whole_since}) + quiet;
      if (!watch_.pass(stop, calm)) return false;
      if (watch_.look().whole_since == seen.whole_since) return true;
    }
  }

  [[nodiscard]] static exchange_settings exchange_settings_of(const recovery_drill_settings& wanted) {
    exchange_settings made;
    made.symbols = default_symbols(sim_market::spot, wanted.symbols);
    made.events_per_second = wanted.events_per_second;
    made.limits.weight_per_minute = 1'000'000'000;  // a drill falls back more often than a day
    made.limits.ping_interval = wanted.limits.silence / 3;
    made.limits.max_unsent = std::size_t{256} << 20U;  // what drips is late, and not lost
    made.faults = wanted.faults;
    return made;
  }

  [[nodiscard]] binance::market_data_settings feed_settings(std::uint16_t port) const {
    binance::market_data_settings made;
    for (const symbol_spec& each : default_symbols(sim_market::spot, settings_.symbols)) {
      for (const char* kind : {"@bookTicker", "@trade", "@depth@100ms"})
        made.streams.push_back(each.lower_name() + kind);
    }
    const std::string where = "127.0.0.1:" + std::to_string(port);
    made.websocket_url = "wss://" + where;
    made.rest_url = "https://" + where;
    made.ca_pem = exchange_.ca_pem();
    made.budget = nullptr;  // a drill connects more often than a venue lets anybody

    const recovery_limits& limits = settings_.limits;
    made.dial.connect_timeout = made.dial.handshake_timeout = limits.step;
    made.request_timeout = limits.step;
    session_settings& session = made.session;
    session.websocket.upgrade_timeout = limits.step;
    session.answer_timeout = limits.step;
    session.silence_limit = limits.silence;
    session.ping_interval = limits.silence / 2;
    session.pong_timeout = 4 * limits.silence;  // a pong waits behind whatever data does
    session.retry = {.base = std::chrono::milliseconds{100}, .cap = std::chrono::milliseconds{400}};
    session.stable_after = std::chrono::milliseconds{100};
    session.ages.look_every = std::chrono::milliseconds{20};
    session.ages.stale_after(tick_kind::book_ticker) = limits.quote_age;
    session.ages.first_after(tick_kind::book_ticker) = limits.quote_age;
    error_handler_settings errors = binance::error_settings();
    for (error_response& each : errors.responses) each.delay = std::min(each.delay, std::chrono::milliseconds{200});
    session.errors = std::make_shared<websocket_error_handler>(std::move(errors));
    made.breaker = {.failure_threshold = 4, .recovery_timeout = limits.recovery, .half_open_successes = 1};
    made.polling.interval = settings_.poll_interval;
    made.polling.weight_per_minute = 1'000'000'000;
    return made;
  }

  const recovery_drill_settings settings_;
  recovery_watch watch_;
  std::mutex mutex_;  // guards what follows
  loss_audit audit_;
  std::uint64_t events_{0};
  std::uint64_t polled_{0};
  exchange exchange_;
  std::unique_ptr<binance::market_data> feed_;
  inline_subscription consumer_;  // goes before the feed
};

}  // namespace foxtrot::inline v0
