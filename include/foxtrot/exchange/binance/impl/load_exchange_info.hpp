// foxtrot/exchange/binance/impl/load_exchange_info.hpp: what load_exchange_info.hpp declares.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/exchange_info.hpp>
#include <foxtrot/exchange/binance/fetch_exchange_info.hpp>
#include <foxtrot/exchange/binance/load_exchange_info.hpp>
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
#include <utility>

namespace foxtrot::inline v0::binance {

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

FOXTROT_DECL result<exchange_info> load_exchange_info(const market_data_settings& settings,
                                                      std::chrono::milliseconds timeout, retry_hint* retry_after) {
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
