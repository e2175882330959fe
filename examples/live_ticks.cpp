// examples/live_ticks.cpp: streams a market over TLS WebSocket into a strategy thread and shows what it did.
#include "support/live_ticks_options.hpp"

#include <foxtrot/capture.hpp>
#include <foxtrot/core/stderr_sink.hpp>
#include <foxtrot/foxtrot.hpp>
#include <foxtrot/observe.hpp>
#include <foxtrot/sim.hpp>
#include <foxtrot/thread/shutdown_coordinator.hpp>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// Counts what it is told and says what happens to the stream. Runs on one thread: the strategy's, or with --inline the
// network thread. Others look at it through ask() and answer().
class strategy {
 public:
  struct progress {
    foxtrot::tick_statistics::by_kind kinds{};
    std::uint64_t ticks{0};
    std::int64_t p50_ns{0};
    std::int64_t p99_ns{0};
  };

  strategy(const live_ticks_options& options, std::chrono::nanoseconds clock_shift, foxtrot::shutdown_coordinator& end)
      : seen_{clock_shift}, limit_{options.count}, quiet_{options.json}, end_{end} {}

  void on(const foxtrot::event& told) {
    seen_.record(told);
    if (told.kind() == foxtrot::tick_kind::status) {
      told.visit([this](const foxtrot::status& s) { on_status(s); });
    } else {
      ticks_.store(ticks_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // one writer
      if (limit_ != 0 && ticks() >= limit_) end_.request_stop("count");
    }
    if (asked_.load(std::memory_order_relaxed)) answer();
  }

  [[nodiscard]] std::uint64_t ticks() const { return ticks_.load(std::memory_order_relaxed); }
  // Why there never was a connection and never will be.
  [[nodiscard]] std::error_code refused() const {
    const std::lock_guard lock{mutex_};
    return refused_;
  }
  // Only once its thread has ended.
  [[nodiscard]] const foxtrot::tick_statistics& seen() const { return seen_; }

  // The latest answer, and a request for the next.
  [[nodiscard]] progress ask() {
    asked_.store(true, std::memory_order_relaxed);
    const std::lock_guard lock{mutex_};
    return latest_;
  }

 private:
  void on_status(const foxtrot::status& s) {
    if (s.code() == foxtrot::status_code::connected) was_connected_ = true;
    if (s.error() == foxtrot::condition::tls_failure && !was_connected_) {
      const std::lock_guard lock{mutex_};
      refused_ = s.error();
      end_.request_stop("refused");  // the same certificate will not get better
    }
    if (quiet_) return;
    std::string line = std::string{"-- "} + s.name();
    if (s.symbol()) line += " " + std::string{s.symbol().name()};
    if (s.code() == foxtrot::status_code::gap || s.code() == foxtrot::status_code::filled)
      line += " " + std::to_string(s.from()) + " to " + std::to_string(s.to());
    if (s.code() == foxtrot::status_code::dropped) line += " " + std::to_string(s.count());
    if (s.code() == foxtrot::status_code::reconnecting) line += ", attempt " + std::to_string(s.attempt());
    if (s.error()) line += ": " + s.error().message();
    std::puts(line.c_str());
  }

  void answer() {
    asked_.store(false, std::memory_order_relaxed);
    const std::lock_guard lock{mutex_};
    latest_ = {seen_.kinds(), seen_.ticks(), seen_.latency().percentile(0.5), seen_.latency().percentile(0.99)};
  }

  foxtrot::tick_statistics seen_;
  std::uint64_t limit_;
  bool quiet_;
  bool was_connected_{false};
  foxtrot::shutdown_coordinator& end_;
  std::atomic<std::uint64_t> ticks_{0};
  std::atomic<bool> asked_{false};
  mutable std::mutex mutex_;  // guards what follows
  progress latest_;
  std::error_code refused_;
};

std::string in_case(std::string text, int (*convert)(int)) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [convert](char c) { return static_cast<char>(convert(static_cast<unsigned char>(c))); });
  return text;
}

// Where the data comes from: what was asked for, completed by a simulated exchange if one is needed.
struct market_source {
  std::optional<foxtrot::exchange> simulation;
  std::vector<std::string> streams;
  std::uint64_t expected{0};                // messages that a replay holds
  std::chrono::nanoseconds clock_shift{0};  // a replay's receive times are those of the recording
  foxtrot::binance::market_data_settings feed;
};

std::vector<foxtrot::symbol_spec> symbols_of(const live_ticks_options& options, foxtrot::sim_market market) {
  std::vector<foxtrot::symbol_spec> specs = foxtrot::default_symbols(market);
  if (options.symbols.empty()) return specs;
  const std::vector<foxtrot::symbol_spec> known = std::exchange(specs, {});
  for (std::size_t i = 0; i < options.symbols.size(); ++i) {
    const std::string name = in_case(options.symbols[i], std::toupper);
    const auto at = std::find_if(known.begin(), known.end(), [&name](const auto& spec) { return spec.name == name; });
    specs.push_back(at != known.end() ? *at : known[i % known.size()]);
    specs.back().name = name;
  }
  return specs;
}

std::error_code prepare_simulation(const live_ticks_options& options, market_source& source) {
  foxtrot::exchange_settings wanted;
  if (options.market == foxtrot::binance::market::usdm) wanted.market = foxtrot::sim_market::usdm;
  if (options.market == foxtrot::binance::market::coinm) wanted.market = foxtrot::sim_market::coinm;
  if (options.capture.empty()) {
    wanted.symbols = symbols_of(options, wanted.market);
    for (const auto& spec : wanted.symbols) {
      for (const std::string& stream : options.streams)
        source.streams.push_back(in_case(spec.name, std::tolower) + "@" + stream);
    }
  } else {
    const auto contents = foxtrot::survey(options.capture);
    if (!contents) return contents.error();
    wanted.replay.path = options.capture;
    wanted.replay.speed = options.speed;
    for (const auto& stream : contents->streams) source.streams.push_back(stream.name);
    source.expected = contents->lines - contents->other;
    source.clock_shift = std::chrono::nanoseconds{contents->first_ns} - foxtrot::epoch_clock::now().time_since_epoch();
    if (contents->market == foxtrot::capture_market::usdm && options.market == foxtrot::binance::market::spot)
      source.feed.market = foxtrot::binance::market::usdm;
  }
  source.simulation.emplace(wanted);
  const auto port = source.simulation->start();
  if (!port) return port.error();
  source.feed.websocket_url = "wss://127.0.0.1:" + std::to_string(*port);
  source.feed.rest_url = "https://127.0.0.1:" + std::to_string(*port);
  source.feed.ca_pem = source.simulation->ca_pem();
  return {};
}

void prepare_server(const live_ticks_options& options, market_source& source) {
  std::vector<std::string> symbols = options.symbols;
  const bool coinm = options.market == foxtrot::binance::market::coinm;
  if (symbols.empty() && coinm) symbols = {"btcusd_perp", "ethusd_perp"};
  if (symbols.empty()) symbols = {"btcusdt", "ethusdt"};
  for (const std::string& symbol : symbols) {
    for (const std::string& stream : options.streams)
      source.streams.push_back(in_case(symbol, std::tolower) + "@" + stream);
  }
  source.feed.websocket_url = options.url;
  source.feed.rest_url = options.rest;
  if (options.rest.empty() && options.url.starts_with("wss")) source.feed.rest_url = "https" + options.url.substr(3);
  source.feed.ca_file = options.ca;
}

std::error_code prepare(const live_ticks_options& options, market_source& source) {
  source.feed.market = options.market;
  if (options.simulated()) {
    if (const std::error_code error = prepare_simulation(options, source)) return error;
  } else {
    prepare_server(options, source);
  }
  source.feed.streams = source.streams;
  source.feed.network = {.name = "net", .cpu = options.cpu_net};
  if (options.spin) source.feed.network.idle = foxtrot::idle::spin;
  source.feed.session.clock_shift = source.clock_shift;
  return {};
}

// One line a second, the simulated accident, and the end: returns when there is a reason to stop.
void watch(const live_ticks_options& options, market_source& source, foxtrot::binance::market_data& feed,
           strategy& trader, const std::stop_token& stop) {
  const clock::time_point start = clock::now();
  const std::chrono::duration<double> length{options.seconds};
  bool accident_due = source.simulation && options.capture.empty();
  const auto accident = std::min<std::chrono::duration<double>>(5s, length / 2);
  clock::time_point next_line = start + 1s;
  std::uint64_t before = 0;
  std::mutex mutex;
  std::condition_variable_any timer;
  std::unique_lock lock{mutex};
  (void)trader.ask();  // the first line wants an answer, too
  while (!stop.stop_requested()) {
    timer.wait_for(lock, stop, 10ms, [] { return false; });
    const clock::time_point now = clock::now();
    if (now - start >= length) return;
    if (accident_due && now - start >= accident) {
      accident_due = false;
      source.simulation->reset_connections();
    }
    const auto& counters = feed.counters();
    const std::uint64_t others = counters.unknown.get() + counters.rejected.get() + counters.duplicates.get();
    if (source.expected != 0 && trader.ticks() + others >= source.expected) return;
    if (now < next_line) continue;
    next_line += 1s;
    const strategy::progress seen = trader.ask();
    if (options.json) continue;
    std::printf("%4.0f s  %llu book tickers, %llu trades, %llu depth; %llu ticks/s; p50 %.1f us, p99 %.1f us; %s\n",
                std::chrono::duration<double>(now - start).count(), static_cast<unsigned long long>(seen.kinds[1]),
                static_cast<unsigned long long>(seen.kinds[2]),
                static_cast<unsigned long long>(seen.kinds[3] + seen.kinds[4]),
                static_cast<unsigned long long>(seen.ticks - before), static_cast<double>(seen.p50_ns) / 1e3,
                static_cast<double>(seen.p99_ns) / 1e3, std::string{to_string(feed.connection_info().state)}.c_str());
    std::fflush(stdout);
    before = seen.ticks;
  }
}

int run(const live_ticks_options& options, foxtrot::signal_guard& signals) {
  // A signal, the strategy, or the end of the run: everything below is stopped from the last to the first.
  foxtrot::shutdown_coordinator end{signals, {}, foxtrot::diagnostics{foxtrot::stderr_sink()}};
  market_source source;
  if (const std::error_code error = prepare(options, source)) throw std::system_error{error, options.capture};
  foxtrot::registered_component simulation;
  if (source.simulation) simulation = end.add("simulated exchange", {.stop = [&source] { source.simulation->stop(); }});
  foxtrot::binance::market_data feed{source.feed};
  strategy trader{options, source.clock_shift, end};
  const clock::time_point start = clock::now();

  std::optional<foxtrot::inline_subscription> handler;
  std::optional<foxtrot::worker> thread;
  foxtrot::registered_component consumer;
  if (options.inline_handler) {
    handler = std::move(*feed.subscribe_inline({}, [&trader](const foxtrot::event& told) { trader.on(told); }));
  } else {
    foxtrot::subscription_settings wanted;
    if (options.spin) wanted.waiting = foxtrot::idle::spin;
    if (source.expected != 0) wanted.when_full = foxtrot::overflow::block;  // a replay is to be complete
    thread.emplace(foxtrot::placement{.name = "strategy", .cpu = options.cpu_strategy},
                   [&trader, ticks = std::move(*feed.subscribe(wanted))](std::stop_token stop) mutable {
                     for (const foxtrot::event& told : ticks.until(stop)) trader.on(told);
                     while (ticks.poll(1024, [&trader](const foxtrot::event& told) { trader.on(told); }) != 0) {
                     }
                   });
    consumer = end.add(*thread);
  }
  const auto connection = end.add("feed", {.stop = [&feed] {
                                    if (const std::error_code late = feed.disconnect()) throw std::system_error{late};
                                  }});
  if (const std::error_code error = feed.connect()) throw std::system_error{error, "network thread"};

  watch(options, source, feed, trader, end.stop_token());

  const clock::time_point stopped = clock::now();
  const int status = end.shutdown("the end of the run");
  const std::chrono::duration<double, std::milli> shutdown = end.report().took;

  if (const std::error_code error = trader.refused()) {
    std::fprintf(stderr, "live_ticks: refused: %s\n", error.message().c_str());
    return 1;
  }
  const foxtrot::session_report report{.seen = trader.seen(),
                                       .feed = feed.counters(),
                                       .seconds = std::chrono::duration<double>(stopped - start).count(),
                                       .shutdown_ms = shutdown.count()};
  std::puts(options.json ? report.json().c_str() : ("\n" + report.table()).c_str());
  if (!options.json) std::fputs(foxtrot::latency_table(feed.latency()).c_str(), stdout);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  foxtrot::signal_guard signals;  // before any other thread
  live_ticks_options options;
  const std::string wrong =
      live_ticks_arguments::read(std::span{argv, static_cast<std::size_t>(argc)}.subspan(1), options);
  if (!wrong.empty()) {
    std::fprintf(stderr, "live_ticks: %s (try --help)\n", wrong.c_str());
    return 2;
  }
  if (options.help) {
    std::fputs(live_ticks_options::usage, stdout);
    return 0;
  }
  try {
    return run(options, signals);
  } catch (const std::system_error& failure) {
    std::fprintf(stderr, "live_ticks: %s\n", failure.what());
    return 2;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "live_ticks: %s\n", failure.what());
    return 1;
  }
}
