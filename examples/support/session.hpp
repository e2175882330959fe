// examples/support/session.hpp: what stands around each strategy here: signals, a market, an orderly end.
#pragma once

#include "arguments.hpp"

#include <foxtrot/core/stderr_sink.hpp>
#include <foxtrot/foxtrot.hpp>
#include <foxtrot/sim.hpp>

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace example {

/// A market to stream from, simulated unless asked otherwise, and the end of the run: Ctrl-C, --seconds, or the
/// strategy's own wish begin it.
class session {
 public:
  session(foxtrot::signal_guard& signals, const arguments& given, foxtrot::exchange_settings simulation)
      : end_{signals, {}, foxtrot::diagnostics{foxtrot::stderr_sink()}} {
    if (!given.venue) simulate(std::move(simulation), given.faults);
    if (given.seconds < std::numeric_limits<double>::infinity())
      timer_.emplace(foxtrot::placement{.name = "timer"}, [this, length = given.seconds](const std::stop_token& over) {
        end_after(std::chrono::duration<double>{length}, over);
      });
  }

  /// Where a feed of these streams connects to.
  [[nodiscard]] foxtrot::binance::market_data_settings settings(std::vector<std::string> streams) const {
    foxtrot::binance::market_data_settings made;
    made.streams = std::move(streams);
    if (!exchange_) return made;  // the defaults are the venue's
    const std::string place = "127.0.0.1:" + std::to_string(exchange_->port());
    made.websocket_url = "wss://" + place;
    made.rest_url = "https://" + place;
    made.ca_pem = exchange_->ca_pem();
    return made;
  }
  /// Unless the end has come already.
  void connect(foxtrot::binance::market_data& feed) {
    if (stop_token().stop_requested()) return;
    if (const std::error_code error = feed.connect()) throw std::system_error{error, "network thread"};
  }

  [[nodiscard]] std::stop_token stop_token() const { return end_.stop_token(); }
  /// Stops what registers with it, the latest first, by a deadline.
  [[nodiscard]] foxtrot::shutdown_coordinator& end() { return end_; }
  /// How long it has been running, in seconds.
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  void simulate(foxtrot::exchange_settings wanted, const std::vector<foxtrot::fault>& faults) {
    wanted.faults.faults.insert(wanted.faults.faults.end(), faults.begin(), faults.end());
    exchange_.emplace(std::move(wanted));
    if (const auto port = exchange_->start(); !port) throw std::system_error{port.error(), "simulated exchange"};
    part_ = end_.add("simulated exchange", {.stop = [this] { exchange_->stop(); }});
  }

  void end_after(std::chrono::duration<double> length, const std::stop_token& over) {
    std::mutex mutex;
    std::condition_variable_any timer;
    std::unique_lock lock{mutex};
    const auto when = start_ + std::chrono::duration_cast<std::chrono::nanoseconds>(length);
    (void)timer.wait_until(lock, over, when, [] { return false; });
    if (!over.stop_requested()) end_.request_stop("--seconds");
  }

  const std::chrono::steady_clock::time_point start_{std::chrono::steady_clock::now()};
  foxtrot::shutdown_coordinator end_;
  std::optional<foxtrot::exchange> exchange_;
  foxtrot::registered_component part_;
  std::optional<foxtrot::worker> timer_;
};

/// An example's main: reads the arguments, runs the strategy, returns the exit status.
template <std::invocable<session&> Strategy>
[[nodiscard]] int run(const description& what, int argc, const char* const* argv, Strategy strategy) {
  foxtrot::signal_guard signals;  // before any other thread
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  arguments given;
  const std::string wrong = read(std::span{argv, static_cast<std::size_t>(argc)}.subspan(1), what, given);
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s: %s\n\n%s", what.name.c_str(), wrong.c_str(), usage(what).c_str());
    return 2;
  }
  if (given.help) {
    std::fputs(usage(what).c_str(), stdout);
    return 0;
  }
  try {
    session market{signals, given, what.simulation};
    strategy(market);
    return market.end().shutdown("the end of the run");
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s: %s\n", what.name.c_str(), failure.what());
    return 1;
  }
}

}  // namespace example
