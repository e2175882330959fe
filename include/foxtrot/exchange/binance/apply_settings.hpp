// foxtrot/exchange/binance/apply_settings.hpp: what a settings file says, put into a feed's settings.
#pragma once

#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>
#include <foxtrot/feed/file_settings.hpp>

#include <utility>

namespace foxtrot::inline v0::binance {

/// Everything that a file can say about a feed; the rest of `given` stays. Its shutdown time-out is the
/// shutdown_coordinator's. Throws nothing; market_data checks the outcome.
[[nodiscard]] inline market_data_settings apply(const file_settings& file, market_data_settings given) {
  const auto& websocket = file.websocket;
  given.websocket = !websocket.enabled || !websocket.binance.enabled ? websocket_choice::none()
                    : websocket.binance.symbols.empty()              ? websocket_choice::all()
                                                                     : websocket_choice::of(websocket.binance.symbols);
  given.session.max_attempts = websocket.reconnect.max_attempts;
  given.session.retry.base = websocket.reconnect.base_delay;
  given.session.retry.cap = websocket.reconnect.max_delay;
  given.session.ping_interval = websocket.heartbeat.interval;
  given.session.silence_limit = websocket.heartbeat.stale_after();
  given.breaker.failure_threshold = websocket.circuit_breaker.failure_threshold;
  given.breaker.recovery_timeout = websocket.circuit_breaker.recovery_timeout;
  given.breaker.half_open_successes = websocket.circuit_breaker.half_open_successes;
  given.dial.connect_timeout = websocket.connect_timeout;
  given.polling.interval = file.http.poll_interval;
  return given;
}

}  // namespace foxtrot::inline v0::binance
