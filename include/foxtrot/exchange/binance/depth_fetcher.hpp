// foxtrot/exchange/binance/depth_fetcher.hpp: whole books over REST, one after the other, for the symbols that need
// one.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/protocol.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/backoff.hpp>
#include <foxtrot/net/http/client.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/url.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0::binance::detail {

/// Fetches the depth snapshots that were asked for and publishes them as ticks; a request that fails is tried again,
/// with backoff, until it is answered or forgotten. What it brings may be too old: who asked sees, and asks again. Loop
/// thread only.
class depth_fetcher : private live_object<depth_fetcher> {
 public:
  depth_fetcher(timer_queue& timers, publisher& out, protocol& decoder, const checked_settings& settings)
      : timers_{timers},
        out_{out},
        decoder_{decoder},
        settings_{settings},
        client_{timers, settings.tls, {.dial = settings.given.dial, .limits = {}, .headers = {}}},
        news_{timers.context()} {}

  /// A snapshot of this symbol, unless it is waited for already.
  void ask(std::string symbol) {
    if (symbol == asking_ || std::find(waiting_.begin(), waiting_.end(), symbol) != waiting_.end()) return;
    waiting_.push_back(std::move(symbol));
    news_.notify();
  }
  /// Nobody wants it any more. An answer to come will not be published.
  void forget(const std::string& symbol) {
    std::erase(waiting_, symbol);
    if (asking_ == symbol) asking_.clear();
  }
  /// The same for all.
  void forget() noexcept {
    waiting_.clear();
    asking_.clear();
  }

  /// Runs until cancelled.
  [[nodiscard]] task<> run() {
    backoff retry{
        {.base = std::chrono::milliseconds{500}, .cap = std::chrono::milliseconds{30'000}, .first_immediate = false}};
    while (true) {
      if (waiting_.empty()) {
        if (const std::error_code error = co_await news_.wait()) co_return;
        continue;
      }
      const std::string symbol = std::exchange(waiting_.front(), {});
      waiting_.pop_front();
      asking_ = symbol;
      const std::error_code error = co_await fetch(symbol);
      if (error == errc::cancelled) co_return;
      const bool done = !error || error == errc::http_client_error;  // "no such symbol" will not change
      const bool wanted = std::exchange(asking_, {}) == symbol;
      if (!done && wanted) ask(symbol);  // the others have their turn first
      if (!error) {
        retry.reset();
        continue;
      }
      out_.counters().count(error);
      settings_.given.log.report(severity::warning, "depth_fetcher", "no snapshot of " + symbol, error);
      if (done) continue;
      const auto wait = std::max(retry.next(), not_before_ - timers_.now());
      if (const std::error_code stopped = co_await timers_.sleep_for(wait)) co_return;
    }
  }

 private:
  [[nodiscard]] task<std::error_code> fetch(std::string symbol) {
    url where = settings_.rest;
    where.target = depth_path_of(settings_.given.market);
    where.target += "?symbol=" + symbol + "&limit=" + std::to_string(settings_.given.snapshot_levels);
    const steady_time::duration limit = settings_.given.request_timeout;
    auto answer = co_await client_.get(std::move(where), limit);
    if (!answer) co_return answer.error();
    if (const std::error_code refused = answer->error()) {
      const bool told_to_wait = refused == errc::http_rate_limited || refused == errc::http_banned;
      if (told_to_wait) not_before_ = timers_.now() + answer->retry_after().value_or(std::chrono::seconds{60});
      co_return refused;
    }
    if (asking_ != symbol) co_return std::error_code{};  // forgotten
    asking_.clear();                                     // whom it does not serve may ask again
    const std::error_code unreadable = publish(symbol, answer->body);
    if (unreadable) asking_ = symbol;
    co_return unreadable;
  }

  [[nodiscard]] std::error_code publish(const std::string& symbol, const std::string& body) {
    publisher::batch batch{out_};
    feed_counters& count = batch.counters();
    count.messages.add();
    count.bytes.add(body.size());
    const auto now = epoch_clock::now_ns() + settings_.given.session.clock_shift.count();
    switch (decoder_.messages().decode_depth(body, symbol, now, batch)) {
      case message_type::tick: return {};
      case message_type::rejected: count.count_rejected(decoder_.last_error()); return decoder_.last_error();
      default: count.unknown.add(); return errc::malformed_message;
    }
  }

  timer_queue& timers_;
  publisher& out_;
  protocol& decoder_;
  const checked_settings& settings_;
  http_client client_;
  async_event news_;
  std::deque<std::string> waiting_;
  std::string asking_;        // the symbol of the request under way, while somebody wants it
  steady_time not_before_{};  // the server said when to come back
};

}  // namespace foxtrot::inline v0::binance::detail
