// foxtrot/exchange/binance/load_exchange_info.hpp: asks a market what it trades, once.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/exchange_info.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/http/client.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/url.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0::binance {

/// How long the venue wants to be left alone: set with errc::http_rate_limited and errc::http_banned only.
using retry_hint = std::optional<std::chrono::seconds>;

/// Asks `rest` (a base URL) over `client`, on the client's loop. The errors are those of http_client::get, of the
/// status, and of exchange_info::parse; `retry_after`, if any, is set before it returns.
[[nodiscard]] inline task<result<exchange_info>> fetch_exchange_info(http_client& client, url rest, market which,
                                                                     steady_time::duration limit,
                                                                     retry_hint* retry_after = nullptr) {
  constexpr std::chrono::seconds untold{60};
  if (retry_after != nullptr) retry_after->reset();
  rest.target = exchange_info_path_of(which);
  // Most of spot's answer is who may trade what; nobody reads it here. rest-api.md, "Exchange information".
  if (which == market::spot) rest.target += "?showPermissionSets=false";
  auto answer = co_await client.get(std::move(rest), limit);
  if (!answer) co_return answer.error();
  if (const std::error_code refused = answer->error()) {
    const bool told_to_wait = refused == errc::http_rate_limited || refused == errc::http_banned;
    if (told_to_wait && retry_after != nullptr) *retry_after = answer->retry_after().value_or(untold);
    co_return refused;
  }
  co_return exchange_info::parse(answer->body);
}

namespace detail {

struct exchange_info_request {
  std::optional<result<exchange_info>> outcome;
  std::exception_ptr failure;
  bool done{false};
};

[[nodiscard]] inline task<> run(exchange_info_request& request, http_client& client, url rest, market which,
                                steady_time::duration limit, retry_hint* retry_after) {
  request.outcome.emplace(co_await fetch_exchange_info(client, std::move(rest), which, limit, retry_after));
}

}  // namespace detail

/// Asks the market of these settings, over TLS, and waits for the answer: market, URL, authorities and dial settings
/// count, streams need not be there yet. Connecting included it takes no longer than `timeout`, errc::timeout then. Any
/// thread that may wait: not an inline handler's. Its loop lives for this call alone.
[[nodiscard]] inline result<exchange_info> load_exchange_info(const market_data_settings& settings,
                                                              std::chrono::milliseconds timeout,
                                                              retry_hint* retry_after = nullptr) {
  constexpr std::size_t largest_body = std::size_t{64} << 20U;
  auto checked = detail::checked_settings::make(settings);
  if (!checked) return checked.error();
  if (timeout <= std::chrono::milliseconds{0}) return errc::timeout;
  asio::io_context loop{1};
  timer_queue timers{loop, system_time()};
  http_client client{
      timers, checked->tls, {.dial = settings.dial, .limits = {.head = {}, .body = largest_body}, .headers = {}}};
  detail::exchange_info_request request;
  asio::co_spawn(loop, detail::run(request, client, checked->rest, settings.market, timeout, retry_after),
                 [&request](std::exception_ptr failure) {
                   request.failure = std::move(failure);
                   request.done = true;
                 });
  while (!request.done) loop.run_one();
  if (request.failure) std::rethrow_exception(request.failure);
  if (!*request.outcome) {
    settings.log.report(severity::warning, "exchange_info", "no answer from " + checked->rest.host,
                        request.outcome->error());
  }
  return std::move(*request.outcome);
}

}  // namespace foxtrot::inline v0::binance
