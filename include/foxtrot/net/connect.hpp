// foxtrot/net/connect.hpp: from a host name to a connection: look up, try each address, shake hands.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/dial_settings.hpp>
#include <foxtrot/net/resolver.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/tls_stream.hpp>
#include <foxtrot/net/url.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

namespace detail {

[[nodiscard]] inline steady_time stage_end(const timer_queue& timers, std::chrono::milliseconds stage,
                                           const dial_settings& settings) noexcept {
  return std::min(timers.now() + stage, settings.give_up);
}

[[nodiscard]] inline task<result<endpoints>> addresses_of(timer_queue& timers, std::string host, std::uint16_t port,
                                                          dial_settings settings) {
  if (!settings.addresses.empty()) co_return std::move(settings.addresses);
  const auto patience = stage_end(timers, settings.resolve_timeout, settings) - timers.now();
  co_return co_await resolve(timers, std::move(host), port, patience, std::move(settings.lookup));
}

[[nodiscard]] inline task<result<tcp_stream>> connect_to(timer_queue& timers, asio::ip::tcp::endpoint where,
                                                         dial_settings settings) {
  if (settings.before_connect) {
    if (const std::error_code refused = settings.before_connect(where)) co_return refused;
  }
  tcp_stream stream{timers.context()};
  const steady_time until = stage_end(timers, settings.connect_timeout, settings);
  const deadline limit{timers, until, [&stream] { stream.close(); }};
  std::error_code error = co_await stream.connect(where, settings.socket);
  error = limit.map(error);
  if (error) co_return error;
  co_return std::move(stream);
}

[[nodiscard]] inline task<result<tls_stream>> connect_to(timer_queue& timers, asio::ip::tcp::endpoint where,
                                                         dial_settings settings, tls_context context,
                                                         std::string host) {
  auto transport = co_await connect_to(timers, where, settings);
  if (!transport) co_return transport.error();
  tls_stream stream{std::move(*transport), context};
  const steady_time until = stage_end(timers, settings.handshake_timeout, settings);
  const deadline limit{timers, until, [&stream] { stream.close(); }};
  std::error_code error = co_await stream.handshake(std::move(host), std::to_string(where.port()));
  error = limit.map(error);
  if (error) co_return error;
  co_return std::move(stream);
}

// Another address would show the same certificate, and nobody cancels half a dial.
[[nodiscard]] inline bool ends_dial(std::error_code error) noexcept {
  return error == errc::cancelled || error == errc::bad_argument ||
         (error == condition::tls_failure && error != errc::tls_handshake_failed);
}

}  // namespace detail

/// Tries the addresses of `host` in turn, each with a deadline of its own; the error is that of the last one tried, and
/// errc::bad_argument, before any packet leaves, for a host with a byte that no name and no address has.
[[nodiscard]] inline task<result<tcp_stream>> dial_tcp(timer_queue& timers, std::string host, std::uint16_t port,
                                                       dial_settings settings) {
  if (host.empty() || !detail::is_visible_ascii(host)) co_return errc::bad_argument;
  const auto addresses = co_await detail::addresses_of(timers, host, port, settings);
  if (!addresses) co_return addresses.error();
  std::error_code error;
  for (const asio::ip::tcp::endpoint& where : *addresses) {
    auto connected = co_await detail::connect_to(timers, where, settings);
    if (connected) co_return connected;
    error = connected.error();
    if (detail::ends_dial(error) || timers.now() >= settings.give_up) break;
  }
  co_return error;
}

/// The same with TLS on top. A bad certificate ends the attempt: no other address is tried.
[[nodiscard]] inline task<result<tls_stream>> dial_tls(timer_queue& timers, tls_context context, std::string host,
                                                       std::uint16_t port, dial_settings settings) {
  if (host.empty() || !detail::is_visible_ascii(host)) co_return errc::bad_argument;
  const auto addresses = co_await detail::addresses_of(timers, host, port, settings);
  if (!addresses) co_return addresses.error();
  std::error_code error;
  for (const asio::ip::tcp::endpoint& where : *addresses) {
    auto connected = co_await detail::connect_to(timers, where, settings, context, host);
    if (connected) co_return connected;
    error = connected.error();
    if (detail::ends_dial(error) || timers.now() >= settings.give_up) break;
  }
  co_return error;
}

}  // namespace foxtrot::inline v0
