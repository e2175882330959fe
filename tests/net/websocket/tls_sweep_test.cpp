// tests/net/websocket/tls_sweep_test.cpp: a whole WebSocket life over TLS over a wire in memory, interfered with at
// step 0, 1, 2 ... until it passes untouched.
#include <foxtrot/net/websocket/stream.hpp>

#include <foxtrot/net/http/request_parser.hpp>
#include <foxtrot/net/tls_stream.hpp>
#include <foxtrot/net/websocket/server_handshake.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>
#include <support/sweep.hpp>
#include <support/websocket_frames.hpp>

#include <openssl/err.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace foxtrot;
using namespace foxtrot_test;

namespace {

using tls = basic_tls_stream<memory_stream>;
using client_stream = websocket_stream<tls>;
using server_stream = websocket_stream<tls, websocket_role::server>;
using strings = std::vector<std::string>;
using running = loop_fixture::running<std::error_code>;

const std::string& large_message() {
  static const std::string made(60'000, 'L');
  return made;
}

websocket_settings settings() {
  websocket_settings made;
  made.decoder.buffer = 1;
  made.idle_timeout = 60s;
  return made;
}

/// The loop of a session; a wait that fails is explained by the drain after it.
template <class Stream, class Handler>
task<std::error_code> receive(Stream& from, Handler& log, std::size_t wanted) {
  drain_result drained;
  while (!drained.error && log.events.size() < wanted) {
    drained = from.drain(log);
    if (!drained.error && !drained.more && log.events.size() < wanted) (void)co_await from.wait_readable();
  }
  co_return drained.error;
}

/// Handshake, upgrade, a large message, the answers to it, the closing handshake.
task<std::error_code> live(timer_queue& timers, tls transport, std::unique_ptr<client_stream>& client, event_log& log) {
  std::error_code error = co_await transport.handshake("localhost");
  if (error) co_return error;
  client = std::make_unique<client_stream>(timers, std::move(transport), settings());
  upgrade_request wanted;
  wanted.host = "localhost";
  error = co_await client->upgrade(std::move(wanted));
  if (!error) error = client->send(opcode::ping, "alive?");
  if (!error) error = co_await client->write(opcode::text, large_message());
  if (!error) error = co_await receive(*client, log, 3);
  if (!error) error = co_await client->close(close_code::normal, "bye");
  client->close_now();
  co_return error;
}

task<std::error_code> take_upgrade(tls& transport, std::string& rest) {
  http_request_parser parser;
  std::string buffer(1000, '\0');
  while (!parser.done()) {
    const io_result got = transport.read_some(buffer);
    const std::size_t taken = parser.feed({buffer.data(), got.bytes});
    rest.assign(buffer, taken, got.bytes - taken);
    if (got.error && got.error != errc::would_block) co_return got.error;
    if (got.error) (void)co_await transport.wait_readable();
  }
  const std::string answer = accept_upgrade(parser.request()).value();
  std::span<const char> left{answer};
  while (!left.empty()) {
    const io_result went = transport.write_some(left);
    left = left.subspan(went.bytes);
    std::error_code error = went.error;
    if (error == errc::would_block) error = co_await transport.wait_writable();
    if (error) co_return error;
  }
  co_return std::error_code{};
}

/// Says something itself, confirms the message, and goes along with the close.
task<std::error_code> serve(timer_queue& timers, tls transport, std::unique_ptr<server_stream>& server,
                            event_log& log) {
  std::string rest;
  std::error_code error = co_await transport.handshake();
  if (!error) error = co_await take_upgrade(transport, rest);
  if (error) co_return error;
  server = std::make_unique<server_stream>(timers, std::move(transport), settings());
  server->adopt(rest);
  error = server->send(opcode::text, "welcome");
  if (!error) error = co_await receive(*server, log, 2);
  if (!error) error = server->send(opcode::text, "received");
  if (!error) error = co_await receive(*server, log, 100);
  if (error == errc::websocket_closed_by_peer) error = co_await server->close();
  server->close_now();
  co_return error;
}

class stage {
 public:
  stage() : stage{std::make_unique<loop_fixture>()} {}

  int run(int most = no_limit) {
    return run_handlers(*f, most, [this] { return living.done() && serving.done(); }, [] {});
  }
  void check_untouched() {
    CHECK(living.get() == std::error_code{});
    CHECK(serving.get() == std::error_code{});
    CHECK(heard_by_client.events.size() == 3);
    CHECK(heard_by_server.events == strings{"ping:alive?", "text:" + large_message(), "close:1000:bye"});
  }
  void check_over() {
    REQUIRE(living.done());
    if (client) client->close_now();
    ours->closed = true;
    theirs->finish(errc::closed);
    f->poll();
    f->advance(25s);  // the server may still have been waiting for what was lost
    REQUIRE(serving.done());
    if (client) {
      CHECK_FALSE(client->is_open());
      CHECK(client->drain(heard_by_client).error == errc::closed);
    }
    for (const auto& end : {ours, theirs}) {
      CHECK_FALSE(end->readable.waiting());
      CHECK_FALSE(end->writable.waiting());
    }
    CHECK(f->timers.size() == 0);
    CHECK(ERR_peek_error() == 0);
    check_events();
  }
  /// Nothing twice, nothing made up.
  void check_events() {
    strings expected{"text:welcome", "pong:alive?", "text:received"};
    if (heard_by_client.events.size() > 1 && heard_by_client.events.front() != expected.front()) {
      std::swap(expected[0], expected[1]);  // the pong may be faster
    }
    const strings& got = heard_by_client.events;
    CHECK((got.size() <= expected.size() && std::equal(got.begin(), got.end(), expected.begin())));
    strings kinds;
    for (const std::string& event : heard_by_server.events) kinds.push_back(event.substr(0, event.find(':')));
    CHECK(std::count(kinds.begin(), kinds.end(), "ping") <= 1);
    CHECK(std::count(kinds.begin(), kinds.end(), "text") <= 1);
    CHECK(std::count(kinds.begin(), kinds.end(), "close") <= 1);
    CHECK(kinds.size() <= 3);
  }

  std::unique_ptr<loop_fixture> f;
  std::shared_ptr<memory_end> ours;
  std::shared_ptr<memory_end> theirs;
  std::unique_ptr<client_stream> client;
  std::unique_ptr<server_stream> server;
  event_log heard_by_client;
  event_log heard_by_server;
  running living;
  running serving;

 private:
  static tls_context context(tls_role role) {
    tls_settings made;
    made.resume = false;  // so that each run takes the same steps
    return role == tls_role::client ? client_context(made) : server_context(certificate_kind::right, made);
  }
  static tls over(memory_stream wire, tls_role role) {
    static const tls_context of_client = context(tls_role::client);
    static const tls_context of_server = context(tls_role::server);
    return tls{std::move(wire), role == tls_role::client ? of_client : of_server};
  }
  explicit stage(std::unique_ptr<loop_fixture> fixture)
      : stage{memory_stream::make_pair(fixture->loop), std::move(fixture)} {}
  stage(std::pair<memory_stream, memory_stream> wire, std::unique_ptr<loop_fixture> fixture)
      : f{std::move(fixture)},
        ours{wire.first.end()},
        theirs{wire.second.end()},
        living{f->start(live(f->timers, over(std::move(wire.first), tls_role::client), client, heard_by_client))},
        serving{f->start(serve(f->timers, over(std::move(wire.second), tls_role::server), server, heard_by_server))} {}
};

}  // namespace

TEST_CASE("websocket_stream: a whole life over TLS, whatever the slices and the room", "[net]") {
  for (const std::size_t slice : {std::size_t{1}, std::size_t{100}, std::size_t{1'000'000}}) {
    for (const std::size_t room : {std::size_t{700}, std::size_t{1'000'000}}) {
      CAPTURE(slice, room);
      stage s;
      for (const auto& end : {s.ours, s.theirs}) {
        end->max_read = end->max_write = slice;
        end->capacity = room;
      }
      s.run();
      REQUIRE(s.living.done());
      REQUIRE(s.serving.done());
      s.check_untouched();
      s.check_over();
    }
  }
}

TEST_CASE("websocket_stream: a whole life over TLS failing at step 0, 1, 2 ... with each kind of fault", "[net]") {
  for (const std::error_code fault : stream_faults()) {
    int passed_at = -1;
    for (int step = 0; step < 1000 && passed_at < 0; ++step) {
      CAPTURE(fault, step);
      stage s;
      s.ours->fail_at = step;
      s.ours->fail_with = fault;
      s.run();
      if (!s.living.done()) {
        s.ours->finish(fault);  // whoever waited before the fault hears of it as from a socket
        s.f->poll();
      }
      REQUIRE(s.living.done());
      const std::error_code error = s.living.get();
      CAPTURE(error);
      CHECK((!error || error == fault ||
             (fault == errc::closed && (error == errc::tls_truncated || error == errc::http_truncated))));
      if (s.ours->steps <= step) {
        s.check_untouched();
        passed_at = step;
      }
      s.check_over();
    }
    CHECK(passed_at > 20);
  }
}

TEST_CASE("websocket_stream: a whole life over TLS, blocked for a moment at step 0, 1, 2 ...", "[net]") {
  for (const bool of_client : {true, false}) {
    bool passed = false;
    for (int step = 0; step < 1000 && !passed; ++step) {
      CAPTURE(of_client, step);
      stage s;
      const auto& end = of_client ? s.ours : s.theirs;
      end->block_at = step;
      s.run();
      REQUIRE(s.living.done());
      REQUIRE(s.serving.done());
      s.check_untouched();
      s.check_over();
      passed = end->moves <= step;
    }
    CHECK(passed);
  }
}

TEST_CASE("websocket_stream: a whole life over TLS cancelled at every suspension", "[net]") {
  bool passed = false;
  for (int step = 0; step < 1000 && !passed; ++step) {
    CAPTURE(step);
    stage s;
    s.run(step);
    passed = s.living.done();
    if (!passed) {
      s.living.cancel();
      s.f->poll();
      REQUIRE(s.living.done());
      CHECK_FALSE(s.ours->readable.waiting());
      CHECK_FALSE(s.ours->writable.waiting());
      if (s.client) {
        auto closing = s.f->start(s.client->close());
        s.f->advance(1s);
        REQUIRE(closing.done());
      }
    }
    s.check_over();
  }
  CHECK(passed);
}

TEST_CASE("websocket_stream: a whole life over TLS closed, or losing its loop, after every step", "[net]") {
  for (const bool lose_loop : {false, true}) {
    bool passed = false;
    for (int step = 0; step < 1000 && !passed; ++step) {
      CAPTURE(lose_loop, step);
      stage s;
      s.run(step);
      passed = s.living.done();
      if (lose_loop) {
        s.f.reset();
        CHECK_FALSE(s.ours->readable.waiting());
        CHECK_FALSE(s.ours->writable.waiting());
        continue;
      }
      if (!s.client) continue;  // tls_stream's own sweep
      s.client->close_now();
      s.f->poll();
      s.check_over();
    }
    CHECK(passed);
  }
}
