// foxtrot/exchange/binance/fetch_exchange_info.hpp: asks a market what it trades, on an event loop.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/exchange_info.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/rate_limit.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/http/client.hpp>
#include <foxtrot/net/url.hpp>

#include <chrono>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0::binance {

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

}  // namespace foxtrot::inline v0::binance
