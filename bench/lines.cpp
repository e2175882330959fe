// bench/lines.cpp: lines/CASE/foxtrot: what it costs a consumer when connections are replaced, lost or added.
//
// A simulated exchange with 20,000 market events a second and a feed of four symbols (quotes, trades, depth updates)
// over TLS on loopback; the consumer is an inline handler. gap_ticks counts what the exchange sent and the consumer did
// not get, told as a gap or not, duplicate_ticks what came again or late. A pause is the time between two ticks of one
// symbol, whatever stream they are of: max_pause_ms is by how much the worst one exceeds the time between the same two
// at the exchange; pause_p99_us is the 99th percentile of all pauses. Both are of the second in which the case happens,
// with quiet_ before them of the second before. change_ms: until new connections are there and old ones gone.
// rotation replaces one connection, server_shutdown does when the venue announces its end, lose_one_of_two resets one
// of two lines, reshard doubles the streams so that a second connection carries the new ones.
//
// single and double: every message of a connection is up to 20 ms late, at random and in order, as it is where a host
// or a path stalls. The latency is from the exchange's decision to send a trade, before that delay, to the handler.
// single_undelayed and double_undelayed are without it.
#include <support/bench.hpp>

#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/sim/delivery_audit.hpp>
#include <foxtrot/sim/exchange.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot_bench;
using namespace std::chrono_literals;

constexpr std::array<std::pair<std::string_view, foxtrot::tick_kind>, 3> kinds{
    {{"@bookTicker", foxtrot::tick_kind::book_ticker},
     {"@trade", foxtrot::tick_kind::trade},
     {"@depth@100ms", foxtrot::tick_kind::depth_update}}};
constexpr std::size_t symbols = 4;

struct window {
  std::int64_t from{0};
  std::int64_t to{0};
};

/// One tick: when the exchange decided to send it, and when the handler had it.
struct journey {
  std::int64_t sent_ns{0};
  std::int64_t came_ns{0};
};

/// The times between ticks of a symbol, longest last, and by how much the worst exceeds the time that lay between the
/// same two at the exchange. In nanoseconds.
struct pauses {
  std::vector<std::int64_t> all;
  std::int64_t excess{0};

  void add(const std::vector<journey>& ticks) {
    for (std::size_t i = 1; i < ticks.size(); ++i) {
      const std::int64_t pause = ticks[i].came_ns - ticks[i - 1].came_ns;
      all.push_back(pause);
      excess = std::max(excess, pause - std::max<std::int64_t>(ticks[i].sent_ns - ticks[i - 1].sent_ns, 0));
    }
    std::sort(all.begin(), all.end());
  }
};

/// One exchange, one feed. What the handler has seen is read when the feed has ended.
class scene {
 public:
  scene(std::size_t lines, std::size_t all_symbols = symbols)
      : specs_{foxtrot::default_symbols(foxtrot::sim_market::spot, all_symbols)}, venue_{venue_settings()} {
    settings_.lines.count = lines;
    settings_.lines.rotate_after = 0ms;
    settings_.lines.overlap = 100ms;
  }

  [[nodiscard]] std::error_code start() {
    const auto port = venue_.start();
    if (!port) return port.error();
    const std::string where = "127.0.0.1:" + std::to_string(*port);
    settings_.websocket_url = "wss://" + where;
    settings_.rest_url = "https://" + where;
    settings_.ca_pem = venue_.ca_pem();
    settings_.budget = nullptr;
    settings_.fallback = false;
    settings_.session.retry = {.base = 5ms, .cap = 50ms};
    settings_.session.stable_after = 0ms;
    settings_.streams = streams(0, symbols);
    feed_ = std::make_unique<foxtrot::binance::market_data>(settings_);
    auto handler = feed_->subscribe_inline({}, [this](const foxtrot::event& told) {
      audit_.on(told);
      ticks_.store(audit_.ticks(), std::memory_order_relaxed);
    });
    if (!handler) return handler.error();
    consumer_ = std::move(*handler);
    return feed_->connect();
  }

  [[nodiscard]] std::vector<std::string> streams(std::size_t first, std::size_t count) const {
    std::vector<std::string> names;
    for (std::size_t i = first; i < first + count; ++i)
      for (const auto& [suffix, kind] : kinds) names.push_back(stream(i, suffix));
    return names;
  }
  [[nodiscard]] foxtrot::exchange& venue() noexcept { return venue_; }
  [[nodiscard]] foxtrot::binance::market_data& feed() noexcept { return *feed_; }
  [[nodiscard]] foxtrot::binance::market_data_settings& settings() noexcept { return settings_; }

  [[nodiscard]] bool wait_connections(std::uint64_t made, std::uint64_t open) {
    return wait([&] {
      const foxtrot::exchange_statistics seen = venue_.statistics();
      return seen.websockets >= made && seen.open_websockets == open;
    });
  }
  [[nodiscard]] bool wait_ticks(std::uint64_t more) {
    const std::uint64_t enough = ticks_.load(std::memory_order_relaxed) + more;
    return wait([&] { return ticks_.load(std::memory_order_relaxed) >= enough; });
  }
  template <class Predicate>
  [[nodiscard]] static bool wait(Predicate happened) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!happened()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(200us);
    }
    return true;
  }

  /// Lets what is under way arrive, and ends the feed.
  void finish() {
    venue_.clear_faults();
    venue_.pause();
    std::uint64_t before = 0;
    do {
      before = ticks_.load(std::memory_order_relaxed);
      std::this_thread::sleep_for(100ms);
    } while (ticks_.load(std::memory_order_relaxed) != before);
    (void)feed_->disconnect();
  }

  // After finish().
  [[nodiscard]] foxtrot::delivery_verdict verdict() const {
    foxtrot::delivery_verdict sum;
    for (std::size_t i = 0; i < symbols; ++i)
      for (const auto& [suffix, kind] : kinds) {
        const foxtrot::sent_messages sent = venue_.sent(stream(i, suffix));
        const bool quotes = kind == foxtrot::tick_kind::book_ticker;
        sum += audit_.judge(kind, symbol(i), quotes ? sent.made_ids() : sent.sent_ids());
      }
    return sum;
  }
  /// Of one symbol, in the order in which they came.
  [[nodiscard]] std::vector<journey> journeys(std::size_t number, window in) const {
    std::vector<journey> all;
    for (const auto& [suffix, kind] : kinds) {
      const auto decided = decisions(stream(number, suffix));
      for (const foxtrot::delivered_tick& each : audit_.of(kind, symbol(number))) {
        if (each.from != 0 || each.at_ns < in.from || each.at_ns > in.to) continue;
        if (const auto found = decided.find(each.id); found != decided.end())
          all.push_back({found->second, each.at_ns});
      }
    }
    std::sort(all.begin(), all.end(), [](const journey& x, const journey& y) { return x.came_ns < y.came_ns; });
    return all;
  }
  /// From the decision to send a trade to the handler, in nanoseconds; of trades after that moment.
  [[nodiscard]] std::vector<std::int64_t> latencies(std::int64_t after) const {
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < symbols; ++i) {
      const auto decided = decisions(stream(i, "@trade"));
      for (const foxtrot::delivered_tick& each : audit_.of(foxtrot::tick_kind::trade, symbol(i)))
        if (const auto found = decided.find(each.id); each.from == 0 && found != decided.end() && found->second > after)
          all.push_back(each.at_ns - found->second);
    }
    return all;
  }

 private:
  [[nodiscard]] foxtrot::exchange_settings venue_settings() const {
    foxtrot::exchange_settings made;
    made.symbols = specs_;
    made.events_per_second = 20'000;
    made.levels = 200;
    made.log_sent = 1'000'000;
    return made;
  }
  /// When the first line was to carry each id.
  [[nodiscard]] std::map<std::uint64_t, std::int64_t> decisions(const std::string& stream) const {
    std::map<std::uint64_t, std::int64_t> first;
    for (const foxtrot::sent_message& each : venue_.sent(stream).all)
      if (each.client != 0) first.emplace(each.id, each.at_ns);
    return first;
  }
  [[nodiscard]] std::string stream(std::size_t number, std::string_view suffix) const {
    return specs_[number].lower_name().append(suffix);
  }
  [[nodiscard]] foxtrot::symbol_id symbol(std::size_t number) const {
    return foxtrot::symbol_table::shared().find(specs_[number].name);
  }

  std::vector<foxtrot::symbol_spec> specs_;
  foxtrot::exchange venue_;
  foxtrot::binance::market_data_settings settings_;
  foxtrot::delivery_audit audit_;
  std::atomic<std::uint64_t> ticks_{0};
  std::unique_ptr<foxtrot::binance::market_data> feed_;
  foxtrot::inline_subscription consumer_;  // goes before the feed
};

struct line_case {
  std::string name;
  std::size_t lines;
  std::uint64_t made;  ///< connections that are made by then, and open
  std::uint64_t open;
  void (*happen)(scene&);
};

void measure(benchmark::State& state, const line_case& what) {
  scene made{what.lines, 2 * symbols};
  made.settings().lines.max_streams = symbols * kinds.size();
  if (const std::error_code error = made.start()) return state.SkipWithError(error.message().c_str());
  if (!made.wait_connections(what.lines, what.lines) || !made.wait_ticks(2'000))
    return state.SkipWithError("the feed did not get ready");
  constexpr std::chrono::milliseconds length = 1'000ms;  // of each window
  window quiet{foxtrot::epoch_clock::now_ns(), 0};
  std::this_thread::sleep_for(length);
  quiet.to = foxtrot::epoch_clock::now_ns();
  window during{quiet.to, 0};
  what.happen(made);
  if (!made.wait_connections(what.made, what.open)) return state.SkipWithError("the connections were not made");
  const std::int64_t changed = foxtrot::epoch_clock::now_ns();
  std::this_thread::sleep_for(std::chrono::nanoseconds{
      std::max<std::int64_t>(std::chrono::nanoseconds{length}.count() - (changed - during.from), 0)});
  during.to = foxtrot::epoch_clock::now_ns();
  made.finish();

  const foxtrot::delivery_verdict seen = made.verdict();
  pauses usual, meanwhile;
  for (std::size_t i = 0; i < symbols; ++i) {
    usual.add(made.journeys(i, quiet));
    meanwhile.add(made.journeys(i, during));
  }
  if (usual.all.empty() || meanwhile.all.empty()) return state.SkipWithError("nothing came");
  state.counters["gap_ticks"] = static_cast<double>(seen.missing + seen.told);
  state.counters["duplicate_ticks"] = static_cast<double>(seen.repeated + seen.disordered);
  state.counters["max_pause_ms"] = static_cast<double>(meanwhile.excess) / 1e6;
  state.counters["quiet_max_pause_ms"] = static_cast<double>(usual.excess) / 1e6;
  state.counters["pause_p99_us"] = percentile(meanwhile.all, 0.99) / 1e3;
  state.counters["quiet_p99_us"] = percentile(usual.all, 0.99) / 1e3;
  state.counters["change_ms"] = static_cast<double>(changed - during.from) / 1e6;
  // a median would hide a single bad pass
  if (!seen.clean() || seen.told != 0) return state.SkipWithError("something was lost, came twice or out of order");
  state.SetIterationTime(static_cast<double>(changed - during.from) / 1e9);
}

void measure_latency(benchmark::State& state, std::size_t lines, std::chrono::milliseconds delay) {
  scene made{lines};
  if (const std::error_code error = made.start()) return state.SkipWithError(error.message().c_str());
  if (!made.wait_connections(lines, lines) || !made.wait_ticks(2'000))
    return state.SkipWithError("the feed did not get ready");
  if (delay.count() != 0) made.venue().inject({.kind = foxtrot::fault_kind::delay, .wait = delay});
  std::this_thread::sleep_for(100ms);
  const std::int64_t after = foxtrot::epoch_clock::now_ns();
  std::this_thread::sleep_for(quick ? 1s : 3s);
  made.finish();
  std::vector<std::int64_t> all = made.latencies(after);
  std::sort(all.begin(), all.end());
  state.counters["p50_us"] = percentile(all, 0.5) / 1e3;
  state.counters["p99_us"] = percentile(all, 0.99) / 1e3;
  state.counters["max_us"] = percentile(all, 1.0) / 1e3;
  state.counters["trades"] = static_cast<double>(all.size());
  if (!made.verdict().clean()) return state.SkipWithError("something was lost, came twice or out of order");
  state.SetIterationTime(percentile(all, 0.5) / 1e9);
}

[[maybe_unused]] const bool added = [] {
  const std::vector<line_case> cases{
      {"rotation", 1, 2, 1, [](scene& made) { made.feed().rotate(); }},
      {"server_shutdown", 1, 2, 1,
       [](scene& made) { made.venue().inject({.kind = foxtrot::fault_kind::server_shutdown, .wait = 800ms}); }},
      {"lose_one_of_two", 2, 3, 2,
       [](scene& made) {
         made.venue().inject({.kind = foxtrot::fault_kind::reset, .whom = foxtrot::fault_victims::oldest});
       }},
      {"reshard", 1, 2, 2, [](scene& made) { (void)made.feed().subscribe_streams(made.streams(symbols, symbols)); }},
  };
  for (const line_case& each : cases)
    add_row("lines/" + each.name + "/foxtrot", [each](benchmark::State& state) { measure(state, each); });
  for (const auto& [name, lines] : {std::pair{"single", 1U}, std::pair{"double", 2U}}) {
    const std::string row = std::string{"lines/"} + name;
    add_row(row + "/foxtrot", [lines = lines](benchmark::State& state) { measure_latency(state, lines, 20ms); });
    add_row(row + "_undelayed/foxtrot",
            [lines = lines](benchmark::State& state) { measure_latency(state, lines, 0ms); });
  }
  return true;
}();

}  // namespace
