// tests/acceptance/every_step_test.cpp: a client's whole life over TLS in memory, interrupted at every single step.
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/tls_stream.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <openssl/err.h>

#include <catch2/catch.hpp>

#include <cerrno>
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

constexpr auto each_limit = 1000ms;

/// A client and a proper server, and the wire between them in the test's hands. Nothing runs but in `step`.
struct life {
  explicit life(loop_fixture& fixture) : life{fixture, memory_stream::make_pair(fixture.loop)} {}
  life(const life&) = delete;
  life& operator=(const life&) = delete;
  ~life() {
    client.reset();
    ours->wake(errc::cancelled);
    theirs->finish(errc::closed);
    f.poll();
  }

  static task<std::error_code> run(life& self) {
    static const tls_context context = client_context({.resume = false});
    memory_tls_stream tls{std::move(*self.wire), context};
    std::error_code error;
    {
      const deadline limit{self.f.timers, each_limit, [&tls] { tls.close(); }};
      error = co_await tls.handshake("localhost");
      error = limit.map(error);
    }
    if (error) co_return error;
    websocket_settings settings;
    settings.upgrade_timeout = settings.idle_timeout = settings.write_timeout = settings.close_timeout = each_limit;
    self.client.emplace(self.f.timers, std::move(tls), settings);
    const upgrade_request wanted = plain_request();
    error = co_await self.client->upgrade(wanted);
    if (!error) error = co_await self.client->write(opcode::text, "hello");
    while (!error && self.log.events.size() < 2) {
      const drain_result drained = self.client->drain(self.log);
      error = drained.error;
      if (error || drained.more || self.log.events.size() == 2) continue;
      error = co_await self.client->wait_readable();
    }
    if (error && self.client->failure().status == 101) error = self.client->drain(self.log).error;  // says why
    if (!error) error = co_await self.client->close(close_code::normal, "done");
    co_return error;
  }

  bool step() {
    f.loop.restart();
    return f.loop.poll_one() != 0;
  }
  /// At most so many handlers.
  void steps(int count) {
    while (count-- > 0 && !living.done() && step()) {
    }
  }
  /// Until its end; the time passes as it has to.
  void finish(steady_time::duration limit) {
    const steady_time end = f.time.now() + limit;
    f.poll();
    for (auto next = f.timers.next(); !living.done() && next && *next <= end; next = f.timers.next()) {
      f.advance(*next - f.time.now());
    }
  }
  /// What must be true after any end.
  void check_nothing_left() {
    REQUIRE(living.done());
    if (client) client->close_now();
    wire.reset();  // if it was never begun
    CHECK(f.timers.size() == 0);
    CHECK(ours->closed);
    CHECK(ERR_peek_error() == 0);
    const strings seen = log.events;
    CHECK((seen.empty() || seen == strings{"ping:ping"} || seen == strings{"ping:ping", "text:tick"}));
  }

  loop_fixture& f;
  std::optional<memory_stream> wire;
  std::shared_ptr<memory_end> ours;
  std::shared_ptr<memory_end> theirs;
  event_log log;
  std::optional<websocket_stream<memory_tls_stream>> client;
  loop_fixture::running<std::error_code> living;

 private:
  life(loop_fixture& fixture, std::pair<memory_stream, memory_stream> ends)
      : f{fixture}, ours{ends.first.end()}, theirs{ends.second.end()}, living{start(std::move(ends))} {}

  loop_fixture::running<std::error_code> start(std::pair<memory_stream, memory_stream> ends) {
    static const tls_context context = server_context();
    wire.emplace(std::move(ends.first));
    asio::co_spawn(f.loop, serve_one(memory_tls_stream{std::move(ends.second), context}), asio::detached);
    return f.start(run(*this));
  }
};

/// Lets a life go 0, 1, 2 ... steps before `interfere`, until one passes untouched; nothing of it may be left then.
template <class Interfere>
void after_every_step(Interfere interfere) {
  int steps = 0;
  for (bool interrupted = true; interrupted; ++steps) {
    REQUIRE(steps < 1000);
    INFO("after " << steps << " steps");
    loop_fixture f;
    life l{f};
    l.steps(steps);
    interrupted = !l.living.done();
    interfere(l, interrupted);
    l.check_nothing_left();
  }
  CHECK(steps > 8);
}

}  // namespace

TEST_CASE("every step: cancelled, it ends without any time passing", "[acceptance]") {
  after_every_step([](life& l, bool interrupted) {
    const steady_time before = l.f.time.now();
    if (interrupted) l.living.cancel();
    l.f.poll();
    CHECK(l.f.time.now() == before);
    if (!interrupted) CHECK_FALSE(l.living.get());
  });
}

TEST_CASE("every step: the wire breaks, and the error is told", "[acceptance]") {
  int steps = 0;
  for (bool interrupted = true; interrupted; ++steps) {
    REQUIRE(steps < 1000);
    INFO("at step " << steps);
    loop_fixture f;
    life l{f};
    l.ours->fail_at = steps;
    l.ours->fail_with = {ECONNRESET, std::system_category()};
    l.finish(10s);
    interrupted = l.ours->steps > steps;
    l.check_nothing_left();
    const std::error_code error = l.living.get();
    if (!interrupted) CHECK_FALSE(error);
    // what broke after both closes were exchanged is no loss
    if (error) CHECK(error == l.ours->fail_with);
    if (!error) CHECK(l.client->peer_close());
  }
  CHECK(steps > 8);
}

TEST_CASE("every step: the peer falls silent, and the limit of that stage ends it", "[acceptance]") {
  after_every_step([](life& l, bool) {
    l.ours->capacity = 0;
    const steady_time before = l.f.time.now();
    l.finish(10s);
    const auto took = l.f.time.now() - before;
    const std::error_code error = l.living.get();
    CHECK(took <= each_limit);
    if (error) {
      CHECK(took == each_limit);
      CHECK(error == condition::timeout);
    } else {
      CHECK(took == 0ms);  // what it had already received was enough
    }
  });
}

TEST_CASE("every step: the peer stops reading, and nobody waits for ever", "[acceptance]") {
  after_every_step([](life& l, bool) {
    l.theirs->capacity = 0;
    const steady_time before = l.f.time.now();
    l.finish(10s);
    CHECK(l.f.time.now() - before <= each_limit);
    const std::error_code error = l.living.get();
    if (error) CHECK(error == condition::timeout);
  });
}

TEST_CASE("every step: closed from outside, it ends without any time passing", "[acceptance]") {
  after_every_step([](life& l, bool interrupted) {
    if (interrupted && l.client) l.client->close_now();
    if (interrupted && !l.client) {  // whoever dials closes the wire
      l.ours->closed = true;
      l.ours->wake(errc::cancelled);
    }
    const steady_time before = l.f.time.now();
    l.f.poll();
    CHECK(l.f.time.now() == before);
    const std::error_code error = l.living.get();
    CHECK((error || l.client->peer_close()));
  });
}
