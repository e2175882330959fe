// tests/acceptance/shutdown_test.cpp: stopping in the middle of anything: connect, TLS, upgrade, reading, closing.
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <support/blackhole.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/open_files.hpp>
#include <support/quiet_venue.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;

constexpr auto at_once = 500ms;  // 50 ms are promised; one is usual

/// Runs one handler, waiting a moment for one; false where there was none.
bool step(loop_fixture& f) {
  f.loop.restart();
  return f.loop.run_one_for(5ms) != 0;
}

/// A proper server for one connection.
task<> serve(listener& from, const tls_context& context) {
  tls_stream stream{co_await from.accept(), context};
  co_await serve_one(std::move(stream));
}

/// A client's whole life. Its layers are members, so that somebody else can close the one that is at work.
struct client_life {
  explicit client_life(loop_fixture& fixture) : f{fixture}, tcp{fixture.loop} {}

  static task<std::error_code> run(client_life& self, asio::ip::tcp::endpoint where, const tls_context& context) {
    std::error_code error = co_await self.tcp->connect(where);
    if (error) co_return error;
    self.tls.emplace(std::move(*self.tcp), context);
    self.tcp.reset();
    error = co_await self.tls->handshake("localhost");
    if (error) co_return error;
    self.websocket.emplace(self.f.timers, std::move(*self.tls));
    self.tls.reset();
    const upgrade_request wanted = plain_request();
    error = co_await self.websocket->upgrade(wanted);
    while (!error && self.log.events.empty()) {
      const drain_result drained = self.websocket->drain(self.log);
      error = drained.error;
      if (!error && !drained.more && self.log.events.empty()) error = co_await self.websocket->wait_readable();
    }
    if (!error) error = co_await self.websocket->close(close_code::normal, "");
    co_return error;
  }
  /// From outside, whatever it is doing.
  void close() {
    if (tcp) tcp->close();
    if (tls) tls->close();
    if (websocket) websocket->close_now();
  }
  [[nodiscard]] int stage() const { return websocket ? 2 + static_cast<int>(websocket->is_open()) : tls ? 1 : 0; }

  loop_fixture& f;
  std::optional<tcp_stream> tcp;
  std::optional<tls_stream> tls;
  std::optional<websocket_stream<tls_stream>> websocket;
  event_log log;
};

/// Ends a client's life after so many handlers of the loop. False once it lived to its end.
template <class End>
bool interrupt(int steps, std::vector<int>& stages, End end) {
  static const tls_context ours = client_context();
  static const tls_context theirs = server_context();
  const std::size_t files = open_files();
  bool interrupted = false;
  {
    loop_fixture f;
    listener from{f.loop};
    auto life = std::make_unique<client_life>(f);
    asio::co_spawn(f.loop, serve(from, theirs), asio::detached);
    auto living = f.start(client_life::run(*life, from.where(), ours));
    for (int i = 0; i < steps && !living.done(); ++i) (void)step(f);
    interrupted = !living.done();
    if (interrupted) ++stages.at(static_cast<std::size_t>(life->stage()));
    const auto before = real::now();
    if (interrupted) end(*life, living);
    CHECK(f.run_until([&] { return living.done(); }));
    CHECK(real::now() - before < bound(at_once));
    if (interrupted && !living.threw()) {
      const std::error_code error = living.get();
      CHECK((error || life->websocket->peer_close()));  // it may just have come to its end
    }
    if (!interrupted) CHECK_FALSE(living.get());
    life.reset();
    CHECK(f.timers.size() == 0);
    from.close();
    (void)f.run_until([&] { return open_files() <= files + 4; }, 1s);  // the loop's own
  }
  CHECK(open_files() == files);
  return interrupted;
}

}  // namespace

TEST_CASE("shutdown: a client cancelled after 0, 1, 2 ... steps ends at once and leaves nothing",
          "[acceptance][alone]") {
  std::vector<int> stages(4);
  int steps = 0;
  while (interrupt(steps, stages, [](client_life&, auto& living) { living.cancel(); })) REQUIRE(++steps < 1000);
  CHECK(steps > 5);
  for (const int seen : stages) CHECK(seen > 0);  // connect, TLS, upgrade, open
}

TEST_CASE("shutdown: a client closed from outside after 0, 1, 2 ... steps ends at once and leaves nothing",
          "[acceptance][alone]") {
  std::vector<int> stages(4);
  int steps = 0;
  while (interrupt(steps, stages, [](client_life& life, auto&) { life.close(); })) REQUIRE(++steps < 1000);
  CHECK(steps > 5);
  for (const int seen : stages) CHECK(seen > 0);
}

TEST_CASE("shutdown: a session stopped after 0, 1, 2 ... steps is gone within its time for a close",
          "[acceptance][alone]") {
  const tls_context theirs = server_context();
  std::vector<int> seen(6);
  for (int steps = 0; steps < 60; ++steps) {
    const std::size_t files = open_files();
    {
      loop_fixture f;
      listener from{f.loop};
      asio::co_spawn(f.loop, serve(from, theirs), asio::detached);
      dial_settings dial;
      dial.addresses = {from.where()};
      tls_session session{client_context(), dial};
      session.manager.start();
      for (int i = 0; i < steps; ++i) {
        for (int turn = 0; turn < 1000 && !session.step(); ++turn) (void)step(f);
        if (session.venue.messages != 0) break;
      }
      ++seen.at(static_cast<std::size_t>(session.manager.state()));
      const steady_time began = session.time.now();
      const auto before = real::now();
      session.start_stop(500ms);
      session.poll();
      while (!session.stopped && session.advance_to_next(began + 50ms)) {
      }
      INFO("after " << steps << " steps");
      REQUIRE(session.stopped);
      CHECK_FALSE(*session.stopped);
      CHECK(real::now() - before < bound(at_once));
      CHECK(session.manager.state() == session_state::disconnected);
      CHECK(session.bridge.timers().size() == 0);
      from.close();
      f.poll();
    }
    CHECK(open_files() == files);
  }
  CHECK(seen.at(static_cast<std::size_t>(session_state::connecting)) > 2);
  CHECK(seen.at(static_cast<std::size_t>(session_state::connected)) > 0);
}

TEST_CASE("shutdown: a session on its own thread stops at once, wherever its server leaves it hanging",
          "[acceptance][alone]") {
  enum class hanging { connect, handshake, upgrade };
  const tls_context theirs = server_context();
  for (const hanging where : {hanging::connect, hanging::handshake, hanging::upgrade}) {
    loop_fixture f;
    const blackhole nobody{f};
    listener server{f.loop};
    dial_settings dial;
    dial.addresses = {where == hanging::connect ? nobody.where() : server.where()};
    const diagnostics log;
    async_thread_bridge bridge;
    symbol_table symbols;
    publisher out{symbols};
    quiet_venue venue;
    session_settings settings;
    settings.upgrade.host = "localhost";
    websocket_manager<quiet_venue, tls_dialer> manager{
        bridge, out, venue, tls_dialer{client_context(), "localhost", 443, dial}, settings, log};
    REQUIRE_FALSE(bridge.start());
    REQUIRE_FALSE(bridge.call([&] { manager.start(); }, 10s));
    std::optional<tcp_stream> wire;
    std::unique_ptr<raw_peer<tls_stream>> peer;
    if (where != hanging::connect) {
      wire.emplace(f.run(server.accept()));
      REQUIRE_FALSE(f.run(wire->wait_readable()));  // the ClientHello
    }
    if (where == hanging::upgrade) {
      tls_stream stream{std::move(*wire), theirs};
      REQUIRE_FALSE(f.run(stream.handshake()));
      peer = std::make_unique<raw_peer<tls_stream>>(f, std::move(stream));
      REQUIRE(peer->hears("\r\n\r\n"));
    }
    CHECK(manager.state() == session_state::connecting);
    std::promise<std::error_code> ended;
    auto stop = [](auto& stopping, std::promise<std::error_code>& done) -> task<> {
      const std::error_code error = co_await stopping.stop(5s);
      done.set_value(error);
    };
    const auto before = real::now();
    bridge.spawn("stop", stop(manager, ended));
    CHECK_FALSE(ended.get_future().get());
    CHECK(real::now() - before < bound(at_once));
    CHECK_FALSE(bridge.stop(5s));
    CHECK(real::now() - before < bound(at_once));
    CHECK(manager.state() == session_state::disconnected);
  }
}
