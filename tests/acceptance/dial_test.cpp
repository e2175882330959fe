// tests/acceptance/dial_test.cpp: dialling where addresses are silent, refuse or are not who they should be.
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <support/blackhole.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/open_files.hpp>
#include <support/quiet_venue.hpp>
#include <support/sanitizer.hpp>
#include <support/skip.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

/// Lets whatever depends on loopback alone come to rest.
void settle(loop_fixture& f) {
  for (int i = 0; i < 20; ++i) f.poll();
}

task<std::error_code> accept_tls(listener& from, std::optional<tls_stream>& into, const tls_context& context) {
  into.emplace(co_await from.accept(), context);
  co_return co_await into->handshake();
}

task<std::error_code> accept_tcp(listener& from, std::optional<tcp_stream>& into) {
  into.emplace(co_await from.accept());
  co_return std::error_code{};
}

/// Upgrades over what was dialled, and one message there and back.
template <class Stream>
void check_talk(loop_fixture& f, Stream client, Stream server) {
  websocket_scene<Stream> s{f, {std::move(client), std::move(server)}};
  REQUIRE_FALSE(s.upgrade(raw_frame(0x81, "welcome")));
  auto reading = f.start(read_to_end(s.client, s.log));
  REQUIRE(f.run_until([&] { return !s.log.events.empty(); }));
  CHECK(s.log.events == strings{"text:welcome"});
  CHECK_FALSE(s.client.send(opcode::text, "thanks"));
  CHECK(s.peer.frames() == strings{"1:thanks"});
  s.client.close_now();
  REQUIRE(f.run_until([&] { return reading.done(); }));
}

bool has_ipv6() {
  asio::io_context loop;
  std::error_code error;
  asio::ip::tcp::socket probe{loop};
  probe.open(asio::ip::tcp::v6(), error);
  if (!error) probe.bind({asio::ip::address_v6::loopback(), 0}, error);
  return !error;
}

}  // namespace

TEST_CASE("dial: three addresses, two of them silent: each costs its own time-out to the millisecond", "[acceptance]") {
  loop_fixture f;
  blackhole first{f};
  blackhole second{f};
  listener third{f.loop};
  const tls_context context = server_context();
  dial_settings settings;
  settings.connect_timeout = 3s;
  settings.addresses = {first.where(), second.where(), third.where()};
  std::optional<tls_stream> theirs;
  auto serving = f.start(accept_tls(third, theirs, context));
  auto dialling = f.start(dial_tls(f.timers, client_context(), "localhost", 443, settings));
  const steady_time began = f.time.now();
  settle(f);
  REQUIRE(f.timers.next());
  CHECK(*f.timers.next() - began == 3s);
  f.advance(2999ms);
  settle(f);
  CHECK(*f.timers.next() - began == 3s);  // still the first
  f.advance(1ms);
  settle(f);
  CHECK(*f.timers.next() - began == 6s);  // the second has its own
  f.advance(2999ms);
  settle(f);
  CHECK_FALSE(dialling.done());
  CHECK_FALSE(theirs);
  f.advance(1ms);
  REQUIRE(f.run_until([&] { return dialling.done() && serving.done(); }));
  CHECK_FALSE(serving.get());
  auto ours = dialling.get();
  REQUIRE(ours);
  CHECK(f.time.now() - began == 6s);
  CHECK(f.timers.size() == 0);
  check_talk(f, std::move(*ours), std::move(*theirs));
}

TEST_CASE("dial: the same on the real clock", "[acceptance][alone]") {
  loop_fixture f;
  timer_queue timers{f.loop};
  blackhole first{f};
  blackhole second{f};
  listener third{f.loop};
  dial_settings settings;
  settings.connect_timeout = 150ms;
  settings.addresses = {first.where(), second.where(), third.where()};
  const auto began = std::chrono::steady_clock::now();
  auto dialled = f.run(dial_tcp(timers, "unused.test", 1, settings));
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(dialled);
  CHECK(took >= 300ms);
  CHECK(took < bound(1000ms));
}

TEST_CASE("dial: all addresses silent is a time-out, and leaves nothing open", "[acceptance]") {
  loop_fixture f;
  blackhole silent{f};
  const std::size_t before = open_files();
  dial_settings settings;
  settings.connect_timeout = 1s;
  settings.addresses = {silent.where(), silent.where(), silent.where()};
  auto dialling = f.start(dial_tls(f.timers, client_context(), "localhost", 443, settings));
  settle(f);
  CHECK(open_files() == before + 1);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(dialling.done());
    f.advance(1s);
    settle(f);
  }
  REQUIRE(dialling.done());
  CHECK(dialling.get().error() == errc::timeout);
  CHECK(open_files() == before);
}

TEST_CASE("dial: a server that accepts and says nothing costs the handshake's time-out, then the next is tried",
          "[acceptance]") {
  loop_fixture f;
  listener mute{f.loop};
  listener proper{f.loop};
  const tls_context context = server_context();
  dial_settings settings;
  settings.handshake_timeout = 2s;
  settings.addresses = {mute.where(), proper.where()};
  std::optional<tcp_stream> silent;
  std::optional<tls_stream> theirs;
  auto accepting = f.start(accept_tcp(mute, silent));
  auto serving = f.start(accept_tls(proper, theirs, context));
  auto dialling = f.start(dial_tls(f.timers, client_context(), "localhost", 443, settings));
  REQUIRE(f.run_until([&] { return accepting.done(); }));
  settle(f);
  f.advance(1999ms);
  settle(f);
  CHECK_FALSE(theirs);
  f.advance(1ms);
  REQUIRE(f.run_until([&] { return dialling.done() && serving.done(); }));
  auto ours = dialling.get();
  REQUIRE(ours);
  check_talk(f, std::move(*ours), std::move(*theirs));
}

TEST_CASE("dial: ws and wss, to 127.0.0.1 and ::1", "[acceptance]") {
  const tls_context context = server_context();
  for (const bool six : {false, true}) {
    if (six && !has_ipv6()) return skip("no IPv6 on loopback");
    const asio::ip::address local =
        six ? asio::ip::address{asio::ip::address_v6::loopback()} : asio::ip::address{asio::ip::address_v4::loopback()};
    const std::string host = six ? "::1" : "127.0.0.1";
    loop_fixture f;
    listener server{f.loop, 16, local};
    {
      std::optional<tcp_stream> theirs;
      auto serving = f.start(accept_tcp(server, theirs));
      auto ours = f.run(dial_tcp(f.timers, host, server.port(), {}));
      REQUIRE(ours);
      REQUIRE(f.run_until([&] { return serving.done(); }));
      check_talk(f, std::move(*ours), std::move(*theirs));
    }
    {
      std::optional<tls_stream> theirs;
      auto serving = f.start(accept_tls(server, theirs, context));
      auto ours = f.run(dial_tls(f.timers, client_context(), host, server.port(), {}));
      REQUIRE(ours);
      REQUIRE(f.run_until([&] { return serving.done(); }));
      REQUIRE_FALSE(serving.get());
      check_talk(f, std::move(*ours), std::move(*theirs));
    }
  }
}

TEST_CASE("dial: a session does not hammer a server whose certificate is wrong", "[acceptance]") {
  for (const certificate_kind kind :
       {certificate_kind::wrong_host, certificate_kind::expired, certificate_kind::self_signed}) {
    loop_fixture f;
    listener server{f.loop};
    const tls_context context = server_context(kind);
    int visits = 0;
    const auto serve = [](listener& from, const tls_context& as, int& count) -> task<> {
      while (true) {
        tls_stream stream{co_await from.accept(), as};
        ++count;
        (void)co_await stream.handshake();
      }
    };
    asio::co_spawn(f.loop, serve(server, context, visits), asio::detached);
    dial_settings dial;
    dial.addresses = {server.where()};
    tls_session session{client_context(), dial};
    session.manager.start();
    const auto refused = [&] {
      const auto before = session.out.counters().failed_attempts.get();
      return f.run_until([&] {
        session.poll();
        return session.out.counters().failed_attempts.get() > before;
      });
    };
    REQUIRE(refused());
    CHECK(session.manager.last_error() == condition::tls_failure);
    // Whatever real time passes, the next attempt waits for its backoff.
    (void)f.run_until([&] { return session.poll(), false; }, 50ms);
    CHECK(visits == 1);
    const steady_time began = session.time.now();
    while (session.advance_to_next(began + 60s)) {
      const auto failed = session.out.counters().failed_attempts.get();
      (void)f.run_until([&] { return session.poll(), session.out.counters().failed_attempts.get() > failed; }, 500ms);
    }
    CHECK(visits >= 2);
    CHECK(visits <= 30);  // full jitter of 1, 2, 4 ... 60 s: about eight
    CHECK(session.manager.state() == session_state::reconnecting);
    server.close();
  }
}
