// tests/acceptance/upgrade_retry_test.cpp: a session that is refused at the upgrade, over TLS: the right error, nothing
// sent, and the next attempt neither earlier nor later than that refusal deserves.
#include <foxtrot/feed/websocket_manager.hpp>

#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/feed/error_kind.hpp>

#include <support/quiet_venue.hpp>
#include <support/scripted_venue.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;

struct refusal {
  const char* what;
  std::function<std::string(const std::string& proper)> answer;
  errc error;
  error_kind kind;
  std::chrono::milliseconds wait;  // until the next attempt; zero: the backoff alone decides, up to its cap
};

auto fixed(std::string text) {
  return [text = std::move(text)](const std::string&) { return text; };
}
auto with(std::string what, std::string by) {
  return [what = std::move(what), by = std::move(by)](const std::string& proper) {
    std::string text = proper;
    text.replace(text.find(what), what.size(), by);
    return text;
  };
}

TEST_CASE("upgrade retry: each refusal has its class and its wait, and costs not one byte more", "[acceptance]") {
  constexpr std::chrono::milliseconds cap = 2s;
  const auto and_field = [](const std::string& field) { return with("\r\n\r\n", "\r\n" + field + "\r\n\r\n"); };
  const refusal refusals[] = {
      {"bad Accept", with("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: A"), errc::websocket_bad_accept,
       error_kind::protocol, 0ms},
      {"no Upgrade", with("Upgrade: websocket\r\n", ""), errc::websocket_bad_upgrade, error_kind::protocol, 0ms},
      {"extension", and_field("Sec-WebSocket-Extensions: permessage-deflate"), errc::websocket_unrequested_extension,
       error_kind::protocol, 0ms},
      {"subprotocol", and_field("Sec-WebSocket-Protocol: chat"), errc::websocket_unrequested_extension,
       error_kind::protocol, 0ms},
      {"200", fixed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), errc::websocket_upgrade_rejected,
       error_kind::exchange, 30s},
      {"301", fixed("HTTP/1.1 301 Moved Permanently\r\nLocation: wss://elsewhere.test/\r\nContent-Length: 0\r\n\r\n"),
       errc::websocket_upgrade_rejected, error_kind::exchange, 30s},
      {"403", fixed("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), errc::http_forbidden,
       error_kind::rate_limit, 60s},
      {"429", fixed("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"),
       errc::http_rate_limited, error_kind::rate_limit, 7s},
      {"429 without a time", fixed("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"),
       errc::http_rate_limited, error_kind::rate_limit, 60s},
      {"418", fixed("HTTP/1.1 418 I'm a teapot\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"), errc::http_banned,
       error_kind::rate_limit, 120s},
      {"503", fixed("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), errc::http_server_error,
       error_kind::exchange, 30s},
      {"503 with a time", fixed("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"),
       errc::http_server_error, error_kind::exchange, 3s},
      {"no HTTP", fixed("SSH-2.0-OpenSSH_9.2\r\n"), errc::http_malformed, error_kind::protocol, 0ms},
  };
  for (const refusal& refused : refusals) {
    INFO(refused.what);
    loop_fixture f;
    scripted_venue venue{f};
    venue.on_upgrade = [&refused](scripted_venue::connection& who) {
      const std::string proper = switching_protocols(who.head);
      return who.number <= 2 ? refused.answer(proper) : proper;
    };
    session_settings settings;
    settings.retry = {.base = 1s, .cap = cap};
    settings.errors = std::make_shared<websocket_error_handler>(binance::error_settings());
    dial_settings dial;
    dial.addresses = {{asio::ip::address_v4::loopback(), venue.port()}};
    tls_session session{client_context(), dial, settings};
    session.manager.subscribe(std::vector<std::string>{"a"});  // what must not leave before the upgrade
    session.manager.start();
    const auto until = [&](auto happened) { return f.run_until([&] { return session.poll(), happened(); }); };
    const feed_counters& counted = session.out.counters();
    for (std::size_t attempt = 1; attempt <= 2; ++attempt) {
      REQUIRE(until([&] { return counted.failed_attempts.get() == attempt; }));
      CHECK(session.manager.last_error() == refused.error);
      CHECK(counted.errors[static_cast<std::size_t>(refused.kind)].get() == attempt);
      CHECK(session.manager.state() == session_state::reconnecting);
      // the connection is given up, and nothing followed the request
      REQUIRE(until([&] { return venue.latest().over; }));
      CHECK(venue.latest().heard == 0);
      const steady_time failed = session.time.now();
      const steady_time earliest = failed + refused.wait;
      if (refused.wait > 0ms) {
        while (session.advance_to_next(earliest - 1ms)) {
        }
        session.time.advance_to(earliest - 1ms);
        session.poll();
        (void)f.run_until([] { return false; }, 5ms);
        CHECK(venue.accepted == attempt);
      }
      // due at the wait that it deserves, or at what the backoff drew: the later of the two
      while (session.advance_to_next(failed + std::max<steady_time::duration>(refused.wait, cap))) {
        if (session.manager.state() != session_state::reconnecting) break;
      }
      REQUIRE(until([&] { return venue.accepted == attempt + 1; }));
      CHECK(session.time.now() - failed <= std::max<steady_time::duration>(refused.wait, cap));
    }
    REQUIRE(until([&] { return session.manager.state() == session_state::connected; }));
    REQUIRE(until([&] { return venue.latest().heard != 0; }));
    CHECK(counted.failed_attempts.get() == 2);
  }
}

TEST_CASE("upgrade retry: an end before the answer, and an answer that never ends, are failed attempts",
          "[acceptance]") {
  loop_fixture f;
  scripted_venue venue{f};
  venue.on_upgrade = [](scripted_venue::connection& who) -> std::string {
    if (who.number == 1) who.close();
    if (who.number == 2) return "HTTP/1.1 101 Switching Protocols\r\nX: ";
    return who.number < 3 ? std::string{} : switching_protocols(who.head);
  };
  dial_settings dial;
  dial.addresses = {{asio::ip::address_v4::loopback(), venue.port()}};
  session_settings settings;
  settings.retry = {.base = 1s, .cap = 1s};
  tls_session session{client_context(), dial, settings};
  session.manager.start();
  const auto until = [&](auto happened) { return f.run_until([&] { return session.poll(), happened(); }); };
  REQUIRE(until([&] { return session.out.counters().failed_attempts.get() == 1; }));
  CHECK(session.manager.last_error() == condition::transient);
  (void)session.advance_to_next(session.time.now() + 1s);
  REQUIRE(until([&] { return venue.connections.size() == 2 && !venue.latest().head.empty(); }));
  const steady_time asked = session.time.now();
  CHECK(session.manager.state() == session_state::reconnecting);
  while (session.out.counters().failed_attempts.get() == 1 && session.advance_to_next(asked + 10s)) {
  }
  CHECK(session.out.counters().failed_attempts.get() == 2);
  CHECK(session.manager.last_error() == errc::timeout);
  CHECK(session.time.now() - asked == settings.websocket.upgrade_timeout);
  (void)session.advance_to_next(session.time.now() + 1s);
  REQUIRE(until([&] { return session.manager.state() == session_state::connected; }));
}

}  // namespace
