// examples/7_http_fallback.cpp: WebSocket is refused for a while, and the ticks go on over HTTP, marked as such.
#include "support/describe.hpp"
#include "support/session.hpp"

#include <foxtrot/foxtrot.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace {

using namespace std::chrono_literals;

// Counts ticks by the way they came, and says where the way changes.
class watcher {
 public:
  void on(const foxtrot::event& told) {
    told.visit([this](const foxtrot::book_ticker& quote) { on_tick(quote); },
               [this](const foxtrot::trade& trade) { on_tick(trade); },
               [this](const foxtrot::status& status) { on_status(status); });
  }

  void print_summary() const {
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf(
        "\n%llu ticks by websocket, %llu by http; %llu fallbacks began, %llu ended; on http for %.1f s; the longest "
        "silence: %.0f ms\n",
        number(ticks_[0]), number(ticks_[1]), number(begun_), number(ended_),
        std::chrono::duration<double>(on_http_).count(), std::chrono::duration<double, std::milli>(silence_).count());
  }

 private:
  // A strategy decides here what an older price is good for: to value a position, perhaps; to quote, hardly.
  template <class Tick>
  void on_tick(const Tick& tick) {
    ++ticks_[static_cast<std::size_t>(tick.source())];
    if (last_) silence_ = std::max<std::chrono::nanoseconds>(silence_, tick.received() - *last_);
    last_ = tick.received();
    if (source_ == tick.source()) return;
    source_ = tick.source();
    std::printf("   ticks come by %s\n", std::string{to_string(tick.source())}.c_str());
  }

  void on_status(const foxtrot::status& status) {
    std::puts(example::describe(status).c_str());
    if (status.code() == foxtrot::status_code::fallback_started) {
      ++begun_;
      began_at_ = status.received();
    } else if (status.code() == foxtrot::status_code::fallback_ended && began_at_) {
      ++ended_;
      on_http_ += status.received() - *began_at_;
      began_at_.reset();
    }
  }

  std::array<std::uint64_t, 2> ticks_{};  // by source
  std::optional<foxtrot::source> source_;
  std::optional<foxtrot::timestamp> last_, began_at_;
  std::chrono::nanoseconds silence_{0}, on_http_{0};
  std::uint64_t begun_{0};
  std::uint64_t ended_{0};
};

void http_fallback(example::session& market) {
  auto settings = market.settings({"btcusdt@bookTicker", "btcusdt@trade", "ethusdt@bookTicker"});
  // Quicker than the defaults (5 failures, 60 s, 3 successes, 1 s), so that a few seconds show everything.
  settings.breaker = {.failure_threshold = 2, .recovery_timeout = 1s, .half_open_successes = 1};
  settings.polling.interval = 200ms;
  settings.polling.weight_per_minute = 60'000;
  foxtrot::binance::market_data feed{settings};
  const auto part = foxtrot::add_feed(market.end(), "feed", feed);
  auto ticks = feed.subscribe();
  market.connect(feed);

  watcher strategy;
  for (const foxtrot::event& told : ticks.until(market.stop_token())) strategy.on(told);
  strategy.print_summary();
}

}  // namespace

int main(int argc, char** argv) {
  example::description what{
      .name = "http_fallback",
      .about = "two seconds after the start WebSocket is refused for four seconds: ticks are polled.",
      .real_venue = false};
  // The refusal comes with a Retry-After, which is obeyed: without it a venue in trouble is left alone for longer.
  what.simulation.faults.faults = {
      {.at = 2s, .kind = foxtrot::fault_kind::upgrade, .lasts = 4s, .code = 503, .retry_after = 1s},
      {.at = 2s, .kind = foxtrot::fault_kind::reset}};
  what.simulation.limits.weight_per_minute = 60'000;
  return example::run(what, argc, argv, http_fallback);
}
