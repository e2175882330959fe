// foxtrot/exchange/binance/depth_fetcher.hpp: whole books over REST, one after the other, for the symbols that need
// one.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/protocol.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
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
      const session_error failed = co_await fetch(symbol);
      if (failed.code == errc::cancelled) co_return;
      const bool wanted = std::exchange(asking_, {}) == symbol;
      if (!failed.code) {
        retry.reset();
        continue;
      }
      const error_decision decided = settings_.given.session.errors->handle(failed, timers_.now());
      const bool again = decided.response.retry;  // "no such symbol" will not change
      if (again && wanted) ask(symbol);           // the others have their turn first
      out_.counters().count(decided.kind);
      settings_.given.log.report(severity::warning, "depth_fetcher", "no snapshot of " + symbol, failed.code);
      if (!again) continue;
      // A book cannot wait as long as a connection can, unless the server says so.
      const bool told_to_wait = failed.retry_after || decided.kind == error_kind::rate_limit;
      const steady_time::duration told = told_to_wait ? decided.response.delay : steady_time::duration::zero();
      const auto wait = std::max(retry.next(), told);
      if (const std::error_code stopped = co_await timers_.sleep_for(wait)) co_return;
    }
  }

 private:
  [[nodiscard]] task<session_error> fetch(std::string symbol) {
    session_error outcome;
    url where = settings_.rest;
    where.target = depth_path_of(settings_.given.market);
    where.target += "?symbol=" + escaped_symbol(symbol) + "&limit=" + std::to_string(settings_.given.snapshot_levels);
    const steady_time::duration limit = settings_.given.request_timeout;
    auto answer = co_await client_.get(std::move(where), limit);
    outcome.code = answer ? answer->error() : answer.error();
    if (outcome.code) {
      if (!answer) co_return outcome;
      outcome.http_status = answer->status;
      outcome.venue_code = venue_code_of(answer->body);
      outcome.retry_after = answer->retry_after();
      co_return outcome;
    }
    if (asking_ != symbol) co_return outcome;  // forgotten
    asking_.clear();                           // whom it does not serve may ask again
    outcome.code = publish(symbol, answer->body);
    if (outcome.code) asking_ = symbol;
    co_return outcome;
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
  std::string asking_;  // the symbol of the request under way, while somebody wants it
};

}  // namespace foxtrot::inline v0::binance::detail
