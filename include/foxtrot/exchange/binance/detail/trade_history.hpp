// foxtrot/exchange/binance/detail/trade_history.hpp: the venue of a gap repairer: trades by their ids, over REST.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/detail/used_weight.hpp>
#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/poll_plan.hpp>
#include <foxtrot/exchange/binance/rest_decoder.hpp>
#include <foxtrot/feed/gap_repair_settings.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/repair_request.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/http/client.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/url.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0::binance::detail {

/// Implements repair_venue. Aggregate trades are asked for by `fromId` everywhere. Trades are on spot, at hosts that
/// serve more than market data; elsewhere that needs a key, or is not served, and the latest thousand have to do.
/// Weights and limits: rest-api.md of binance-spot-api-docs, "Old trade lookup", "Recent trades list" and
/// "Compressed/Aggregate trades list", all without a key; faqs/market_data_only.md there; the pages "Recent Trades
/// List", "Old Trades Lookup" and "Compressed/Aggregate Trades List" of the futures. Loop thread only.
class trade_history : private live_object<trade_history> {
 public:
  trade_history(timer_queue& timers, const checked_settings& settings)
      : settings_{settings},
        decoder_{settings.given.market},
        client_{timers, settings.tls, {.dial = settings.given.dial, .limits = {}, .headers = {}}} {}
  trade_history(const trade_history&) = delete;
  trade_history& operator=(const trade_history&) = delete;

  [[nodiscard]] bool has(tick_kind kind) const noexcept {
    return kind == tick_kind::trade || kind == tick_kind::aggregate_trade;
  }
  [[nodiscard]] std::size_t most_ids() const noexcept { return 1'000; }
  [[nodiscard]] venue where() const noexcept { return venue_of(market()); }
  [[nodiscard]] std::uint32_t weight_per_minute() const noexcept {
    const std::uint32_t wanted = settings_.given.polling.weight_per_minute;
    return wanted != 0 ? wanted : poll_plan{market()}.weight_per_minute();
  }

  [[nodiscard]] repair_request plan(tick_kind kind, std::string_view symbol, std::uint64_t first,
                                    std::size_t count) const {
    repair_request made{.kind = kind, .symbol = std::string{symbol}, .first = first, .count = count};
    const bool aggregate = kind == tick_kind::aggregate_trade;
    const bool by_id = aggregate || serves_history();
    const bool spot = market() == binance::market::spot;
    made.target = spot ? "/api/v3/" : market() == binance::market::usdm ? "/fapi/v1/" : "/dapi/v1/";
    made.target += aggregate ? "aggTrades" : by_id ? "historicalTrades" : "trades";
    made.target += "?symbol=" + escaped_symbol(made.symbol);
    if (by_id) made.target += "&fromId=" + std::to_string(first);
    made.target += "&limit=" + std::to_string(by_id ? count : most_ids());
    made.weight = aggregate ? (spot ? 4 : 20) : (spot ? 25 : 5);
    return made;
  }

  [[nodiscard]] task<repair_answer> ask(const repair_request& request) {
    repair_answer made;
    url where = settings_.rest;
    where.target = request.target;
    auto answer = co_await client_.get(std::move(where), patience());
    session_error& error = made.how.error;
    error.code = answer ? answer->error() : answer.error();
    if (!answer) co_return made;
    made.how.used_weight = used_weight(answer->headers);
    if (error.code) {
      error.http_status = answer->status;
      error.venue_code = venue_code_of(answer->body);
      error.retry_after = answer->retry_after();
    }
    made.body = std::move(answer->body);
    co_return made;
  }

  [[nodiscard]] errc decode(const repair_request& request, std::string_view body, publisher::batch& out) {
    const std::int64_t now = epoch_clock::now_ns() + settings_.given.session.clock_shift.count();
    const auto wanted = [](tick_kind, symbol_id) { return true; };
    return request.kind == tick_kind::trade ? decoder_.trades(body, request.symbol, now, out, wanted)
                                            : decoder_.aggregate_trades(body, request.symbol, now, out, wanted);
  }

 private:
  [[nodiscard]] binance::market market() const noexcept { return settings_.given.market; }
  [[nodiscard]] bool serves_history() const noexcept {
    return market() == binance::market::spot && settings_.rest.host != "data-api.binance.vision";
  }
  // Nobody waits longer.
  [[nodiscard]] steady_time::duration patience() const noexcept {
    const steady_time::duration usual{settings_.given.request_timeout};
    const gap_repair_settings& wanted = settings_.given.gap_repair;
    return wanted.mode == gap_repair::before ? std::min(usual, steady_time::duration{wanted.limit}) : usual;
  }

  const checked_settings& settings_;
  rest_decoder decoder_;
  http_client client_;
};
static_assert(repair_venue<trade_history>);

}  // namespace foxtrot::inline v0::binance::detail
