// tests/support/quiet_venue.hpp: a venue whose messages mean nothing, for tests of a session's connections, and a
// session with it over TLS that the test drives.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/feed/protocol.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/feed/tls_dialer.hpp>
#include <foxtrot/feed/websocket_manager.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot_test {

class quiet_venue {
 public:
  foxtrot::message_type decode(std::string_view, std::int64_t, foxtrot::publisher::batch&) {
    ++messages;
    return foxtrot::message_type::unknown;
  }
  [[nodiscard]] const foxtrot::control_answer& last_answer() const { return answer_; }
  [[nodiscard]] foxtrot::errc last_error() const { return foxtrot::errc::malformed_message; }
  [[nodiscard]] std::string_view last_event() const { return {}; }
  [[nodiscard]] std::string subscribe_request(std::span<const std::string>, std::int64_t) const { return "subscribe"; }
  [[nodiscard]] std::string unsubscribe_request(std::span<const std::string>, std::int64_t) const {
    return "unsubscribe";
  }
  [[nodiscard]] std::optional<foxtrot::stream_key> key_of(std::string_view) const { return std::nullopt; }
  [[nodiscard]] foxtrot::session_limits limits() const { return {}; }
  [[nodiscard]] foxtrot::venue where() const { return foxtrot::venue::none; }

  int messages{0};

 private:
  foxtrot::control_answer answer_;
};

/// A session over real sockets on a clock that only the test advances. Its loop runs in `poll`.
class tls_session {
 public:
  tls_session(foxtrot::tls_context trusted, foxtrot::dial_settings dial, foxtrot::session_settings settings = {})
      : bridge{{}, foxtrot::diagnostics{}, time},
        manager{bridge,
                out,
                venue,
                foxtrot::tls_dialer{std::move(trusted), "localhost", 443, std::move(dial)},
                with_url(std::move(settings)),
                log} {}
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;
  ~tls_session() {
    manager.cancel();
    poll();
    poll();
  }

  void poll() {
    bridge.context().restart();
    bridge.context().poll();
  }
  /// One handler of the loop, at most.
  bool step() {
    bridge.context().restart();
    return bridge.context().poll_one() != 0;
  }
  /// To the next timer, if it is due within `limit`.
  bool advance_to_next(foxtrot::steady_time limit) {
    const auto next = bridge.timers().next();
    if (!next || *next > limit) return false;
    time.advance_to(std::max(time.now(), *next));
    bridge.timers().run_due();
    poll();
    return true;
  }
  void start_stop(std::chrono::milliseconds patience) {
    auto work = [](tls_session& self, std::chrono::milliseconds limit) -> foxtrot::task<> {
      self.stopped = co_await self.manager.stop(limit);
    };
    asio::co_spawn(bridge.context(), work(*this, patience), asio::detached);
  }

  foxtrot::manual_time time;
  foxtrot::diagnostics log;
  foxtrot::async_thread_bridge bridge;
  foxtrot::symbol_table symbols;
  foxtrot::publisher out{symbols};
  quiet_venue venue;
  foxtrot::websocket_manager<quiet_venue, foxtrot::tls_dialer> manager;
  std::optional<std::error_code> stopped;

 private:
  static foxtrot::session_settings with_url(foxtrot::session_settings settings) {
    settings.upgrade.host = "localhost";
    settings.upgrade.target = "/ws";
    return settings;
  }
};

}  // namespace foxtrot_test
