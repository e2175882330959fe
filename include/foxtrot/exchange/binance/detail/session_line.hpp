// foxtrot/exchange/binance/detail/session_line.hpp: one connection to the venue that stays up, with all it needs.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/protocol.hpp>
#include <foxtrot/feed/line_group.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/feed/tls_dialer.hpp>
#include <foxtrot/feed/websocket_manager.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/circuit_breaker.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

/// A Line of a line_set. Where it gave up and its streams can be polled meanwhile, it begins again after the breaker's
/// recovery time-out. Loop thread only.
struct session_line : private live_object<session_line> {
  session_line(const checked_settings& wanted, std::string_view path, async_thread_bridge& bridge, publisher& out,
               const line_place& place)
      : settings{wanted},
        timers{bridge.timers()},
        decoder{wanted.given.market},
        breaker{wanted.given.breaker},
        session{bridge,
                out,
                decoder,
                tls_dialer{wanted.tls, wanted.websocket.host, wanted.websocket.port, wanted.given.dial},
                session_of(path),
                wanted.given.log,
                place} {}

  void rest() {
    again.cancel();
    session.rest();
  }
  void cancel() {
    again.cancel();
    session.cancel();
  }
  void gave_up() {
    if (!settings.given.fallback || session.hopeless()) return;
    again =
        timers.call_after(steady_time::duration{settings.given.breaker.recovery_timeout}, [this] { session.start(); });
  }
  /// Whether its streams are better polled: the breaker is not closed, or the session has given up.
  [[nodiscard]] bool falls_back() const {
    return settings.given.fallback &&
           (breaker.state() != breaker_state::closed || session.state() == session_state::error);
  }

  const checked_settings& settings;
  timer_queue& timers;
  protocol decoder;
  circuit_breaker breaker;
  websocket_manager<protocol, tls_dialer> session;
  timer again{};

 private:
  [[nodiscard]] session_settings session_of(std::string_view path) {
    session_settings made = settings.given.session;
    made.upgrade.target = std::string{path} + made.upgrade.target;  // there is the query already
    if (settings.given.fallback) made.breaker = &breaker;
    return made;
  }
};

}  // namespace foxtrot::inline v0::binance::detail
