#include <foxtrot/net/websocket/stream.hpp>

#include <foxtrot/net/tls_stream.hpp>
#include <foxtrot/net/websocket/handshake_key.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>
#include <support/websocket_frames.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace foxtrot;
using namespace foxtrot_test;

namespace {

using client_stream = websocket_stream<memory_stream>;
using server_stream = websocket_stream<memory_stream, websocket_role::server>;
using strings = std::vector<std::string>;

upgrade_request request() {
  upgrade_request wanted;
  wanted.host = "exchange.test";
  wanted.target = "/ws";
  return wanted;
}

/// The 101 for the request that `from` holds, and the request is taken out.
std::string accept_upgrade(memory_end& from) {
  const std::string name = "Sec-WebSocket-Key: ";
  const std::size_t at = from.received.find(name) + name.size();
  const std::string key = from.received.substr(at, 24);
  from.received.clear();
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         websocket_accept(key) + "\r\n\r\n";
}

/// A client whose peer is played by the test, byte by byte.
struct scene {
  explicit scene(loop_fixture& fixture, websocket_settings settings = {})
      : scene{fixture, memory_stream::make_pair(fixture.loop), settings} {}

  /// The upgrade, with `behind` in the same read as the answer.
  std::error_code upgrade(const std::string& behind = {}) {
    auto upgrading = f.start(client.upgrade(request()));
    f.poll();
    ours->deliver(accept_upgrade(*theirs) + behind);
    f.poll();
    return upgrading.get();
  }
  /// One pass of a session's loop.
  drain_result drain() { return client.drain(log); }

  /// What the client sent, unmasked, as "opcode:payload".
  strings sent() {
    strings frames;
    std::string& bytes = theirs->received;
    frame_header header;
    while (decode_frame_header(bytes, websocket_role::server, header) == errc{}) {
      std::string payload = bytes.substr(header.size, header.length);
      apply_mask(payload, header.key);
      frames.push_back(std::to_string(static_cast<int>(header.op)) + ":" + payload);
      bytes.erase(0, header.size + header.length);
    }
    return frames;
  }

  loop_fixture& f;
  memory_stream peer;
  std::shared_ptr<memory_end> ours;
  std::shared_ptr<memory_end> theirs;
  client_stream client;
  event_log log;

 private:
  scene(loop_fixture& fixture, std::pair<memory_stream, memory_stream> streams, websocket_settings settings)
      : f{fixture},
        peer{std::move(streams.second)},
        ours{streams.first.end()},
        theirs{peer.end()},
        client{fixture.timers, std::move(streams.first), settings} {}
};

std::string close_payload(unsigned code, const std::string& reason = {}) {
  return std::string{static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)} + reason;
}

}  // namespace

TEST_CASE("websocket_stream: upgrades, whatever the slices", "[net]") {
  for (const std::size_t slice : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    loop_fixture f;
    scene s{f};
    s.ours->max_read = s.ours->max_write = slice;
    CHECK(s.upgrade() == std::error_code{});
    CHECK(s.client.is_open());
    CHECK_FALSE(s.drain().error);
  }
}

TEST_CASE("websocket_stream: a frame in the same read as the 101 is the first message", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade(raw_frame(0x81, "early") + raw_frame(0x81, "half").substr(0, 3)));
  CHECK(f.run(s.client.wait_readable()) == std::error_code{});  // does not wait for what is already there
  CHECK_FALSE(s.drain().error);
  CHECK(s.log.events == strings{"text:early"});
  s.ours->deliver("alf");
  CHECK_FALSE(s.drain().error);
  CHECK(s.log.events == strings{"text:early", "text:half"});
}

TEST_CASE("websocket_stream: a refusal tells status and Retry-After, a hang-up is transient", "[net]") {
  loop_fixture f;
  {
    scene s{f};
    auto upgrading = f.start(s.client.upgrade(request()));
    f.poll();
    s.ours->deliver("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    f.poll();
    CHECK(upgrading.get() == errc::http_rate_limited);
    CHECK(s.client.failure().status == 429);
    CHECK(s.client.failure().retry_after == 7s);
    CHECK_FALSE(s.client.is_open());
    CHECK(s.drain().error == errc::closed);
    CHECK(s.client.send(opcode::text, "x") == errc::closed);
  }
  {
    scene s{f};
    auto upgrading = f.start(s.client.upgrade(request()));
    f.poll();
    s.peer.close();
    f.poll();
    CHECK(upgrading.get() == errc::http_truncated);
    CHECK(make_error_code(errc::http_truncated) == condition::transient);
  }
  {
    scene s{f};
    auto bad = request();
    bad.target = "/ws HTTP/1.1\r\nX: y";
    CHECK(f.run(s.client.upgrade(bad)) == errc::bad_argument);
    CHECK(s.theirs->received.empty());
  }
}

TEST_CASE("websocket_stream: a total deadline ends a server that drips", "[net]") {
  loop_fixture f;
  websocket_settings settings;
  settings.upgrade_timeout = 5s;
  scene s{f, settings};
  auto upgrading = f.start(s.client.upgrade(request()));
  f.poll();
  const std::string answer = accept_upgrade(*s.theirs);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK_FALSE(upgrading.done());
    s.ours->deliver(answer.substr(i, 1));
    f.advance(500ms);
  }
  REQUIRE(upgrading.done());
  CHECK(upgrading.get() == errc::timeout);
}

TEST_CASE("websocket_stream: a drain delivers every frame and bounds its work", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += raw_frame(0x81, "m" + std::to_string(i));
  s.ours->deliver(bytes);
  CHECK_FALSE(s.drain().more);
  CHECK(s.log.events.size() == 1000);
  CHECK(s.log.events.back() == "text:m999");
  CHECK(s.client.counters().messages == 1000);
  CHECK(s.client.counters().bytes == bytes.size());
  CHECK(s.client.frames() == 1000);

  s.ours->deliver(raw_frame(0x82, std::string(800'000, 'b')));
  int drains = 1;
  while (s.drain().more) ++drains;
  CHECK(drains > 2);  // 256 KiB each
  CHECK(s.log.events.size() == 1001);
}

TEST_CASE("websocket_stream: pings are answered, all or only the latest", "[net]") {
  loop_fixture f;
  const std::string pings = raw_frame(0x89, "1") + raw_frame(0x89, "2") + raw_frame(0x89, "3");
  {
    scene s{f};
    REQUIRE_FALSE(s.upgrade());
    s.ours->deliver(pings);
    CHECK_FALSE(s.drain().error);
    CHECK(s.sent() == strings{"10:1", "10:2", "10:3"});
    CHECK(s.log.events == strings{"ping:1", "ping:2", "ping:3"});
  }
  {
    websocket_settings settings;
    settings.answer_latest_ping_only = true;
    scene s{f, settings};
    REQUIRE_FALSE(s.upgrade());
    s.ours->deliver(pings);
    CHECK_FALSE(s.drain().error);
    CHECK(s.sent() == strings{"10:3"});
    CHECK(s.client.counters().pings == 3);
  }
}

TEST_CASE("websocket_stream: between two pongs it may have to wait, and then answers the latest ping", "[net]") {
  loop_fixture f;
  websocket_settings settings;
  settings.answer_latest_ping_only = true;
  settings.pong_interval = 1s;
  scene s{f, settings};
  REQUIRE_FALSE(s.upgrade());
  const auto ping = [&](const std::string& payload) {
    s.ours->deliver(raw_frame(0x89, payload));
    CHECK_FALSE(s.drain().error);
  };
  ping("1");
  CHECK(s.sent() == strings{"10:1"});
  for (const char* each : {"2", "3", "4"}) ping(each);
  CHECK_FALSE(s.client.send(opcode::text, "not held up"));
  CHECK(s.sent() == strings{"1:not held up"});
  f.advance(999ms);
  CHECK(s.sent().empty());
  f.advance(1ms);
  CHECK(s.sent() == strings{"10:4"});
  CHECK(s.client.pongs_sent() == 2);
  f.advance(10s);
  CHECK(s.sent().empty());  // nothing was asked
  ping("5");
  CHECK(s.sent() == strings{"10:5"});
  ping("6");
  s.client.close_now();
  CHECK(f.timers.size() == 0);
}

TEST_CASE("websocket_stream: a peer that pings without reading gets the last answer once it reads", "[net]") {
  loop_fixture f;
  websocket_settings settings;
  settings.max_unsent = 64;
  scene s{f, settings};
  REQUIRE_FALSE(s.upgrade());
  s.theirs->capacity = 0;
  for (int i = 0; i < 100; ++i) s.ours->deliver(raw_frame(0x89, "ping" + std::to_string(i)));
  CHECK_FALSE(s.drain().error);
  CHECK(s.client.unsent() <= 64);
  auto waiting = f.start(s.client.wait_readable());
  f.poll();
  s.theirs->capacity = 1000;
  s.ours->writable.notify();
  f.poll();  // what waits leaves by itself, whoever else waits for what
  CHECK_FALSE(waiting.done());
  const strings answers = s.sent();
  REQUIRE_FALSE(answers.empty());
  CHECK(answers.front() == "10:ping0");
  CHECK(answers.back() == "10:ping99");
  CHECK(s.client.unsent() == 0);
}

TEST_CASE("websocket_stream: sending is bounded and flush waits for the peer", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  s.theirs->capacity = 10;
  const std::string text(10'000, 't');
  int sent = 0;
  std::error_code error;
  while (!(error = s.client.send(opcode::text, text))) ++sent;
  CHECK(error == errc::would_block);
  CHECK(sent == 4);
  CHECK(s.client.unsent() <= 47 * 1024);
  CHECK(s.client.send(opcode::text, std::string(60'000, 't')) == errc::bad_argument);
  CHECK(s.client.send(opcode::ping, std::string(126, 't')) == errc::bad_argument);
  auto flushing = f.start(s.client.flush());
  f.poll();
  CHECK_FALSE(flushing.done());
  s.theirs->capacity = 1'000'000;
  s.ours->writable.notify();
  f.poll();
  REQUIRE(flushing.done());
  CHECK_FALSE(flushing.get());
  CHECK(s.sent().size() == 4);
}

TEST_CASE("websocket_stream: the peer's close is echoed and told", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  s.ours->deliver(raw_frame(0x81, "last") + raw_frame(0x88, close_payload(1001, "rotation")) +
                  raw_frame(0x81, "ghost"));
  CHECK(s.drain().error == errc::websocket_closed_by_peer);
  CHECK(s.log.events == strings{"text:last", "close:1001:rotation"});
  REQUIRE(s.client.peer_close());
  CHECK(s.client.peer_close()->code == close_code::going_away);
  CHECK(s.sent() == strings{"8:" + close_payload(1001)});
  CHECK(s.client.send(opcode::text, "x") == errc::closed);
  s.peer.close();
  CHECK(f.run(s.client.close()) == std::error_code{});
  CHECK(s.ours->closed);
}

TEST_CASE("websocket_stream: an end without a close frame", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  s.ours->deliver(raw_frame(0x81, "half").substr(0, 4));
  s.peer.close();
  CHECK(s.drain().more);
  CHECK(s.drain().error == errc::websocket_closed_by_peer);
  CHECK_FALSE(s.client.peer_close());
  CHECK(s.log.events.empty());

  scene cut{f};
  REQUIRE_FALSE(cut.upgrade());
  cut.ours->finish(errc::tls_truncated);
  CHECK(cut.drain().error == errc::tls_truncated);
}

TEST_CASE("websocket_stream: each violation is answered with its own close code", "[net]") {
  const struct {
    std::string bytes;
    errc error;
    unsigned code;
  } cases[] = {
      {raw_masked_frame(0x81, "x", "abcd"), errc::websocket_masked_frame, 1002},
      {raw_frame(0xc1, "x"), errc::websocket_reserved_bits, 1002},
      {raw_frame(0x81, "\xff"), errc::websocket_invalid_utf8, 1007},
      {hex("82 7f 00 00 00 00 7f ff ff ff"), errc::websocket_message_too_big, 1009},
  };
  for (const auto& [bytes, error, code] : cases) {
    loop_fixture f;
    scene s{f};
    REQUIRE_FALSE(s.upgrade());
    s.ours->deliver(raw_frame(0x81, "fine") + bytes);
    CHECK(s.drain().error == error);
    CHECK(s.log.events == strings{"text:fine"});
    CHECK(s.sent() == strings{"8:" + close_payload(code)});
    s.ours->deliver(raw_frame(0x81, "ignored"));
    CHECK_FALSE(s.drain().error);
    CHECK(s.log.events.size() == 1);
    auto closing = f.start(s.client.close(close_code::normal, ""));
    f.poll();
    CHECK_FALSE(closing.done());  // waits for the peer to hang up
    s.peer.close();
    f.poll();
    REQUIRE(closing.done());
    CHECK(closing.get() == std::error_code{});
  }
}

TEST_CASE("websocket_stream: our close waits for the peer's, throwing away what still comes", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  auto closing = f.start(s.client.close(close_code::normal, "done"));
  f.poll();
  CHECK(s.sent() == strings{"8:" + close_payload(1000, "done")});
  s.ours->deliver(raw_frame(0x81, "late") + raw_frame(0x89, "ping"));
  f.poll();
  CHECK_FALSE(closing.done());
  CHECK(s.sent().empty());  // nothing after a close, not even a pong
  s.ours->deliver(raw_frame(0x88, close_payload(1000)));
  f.poll();
  REQUIRE(closing.done());
  CHECK(closing.get() == std::error_code{});
  CHECK(s.log.events.empty());
  CHECK(s.ours->closed);
  CHECK(f.timers.size() == 0);
  CHECK(f.run(s.client.close(close_code::normal, "")) == errc::closed);
}

TEST_CASE("websocket_stream: a silent or deaf peer cannot hold a close beyond its time", "[net]") {
  for (const bool deaf : {false, true}) {
    loop_fixture f;
    websocket_settings settings;
    settings.close_timeout = 200ms;
    scene s{f, settings};
    REQUIRE_FALSE(s.upgrade());
    if (deaf) s.theirs->capacity = 0;
    auto closing = f.start(s.client.close(close_code::normal, ""));
    f.advance(199ms);
    CHECK_FALSE(closing.done());
    f.advance(1ms);
    REQUIRE(closing.done());
    CHECK(closing.get() == errc::timeout);
    CHECK(s.ours->closed);
  }
}

TEST_CASE("websocket_stream: a handler may send, and may drop the connection in the middle of a drain", "[net]") {
  struct quitter {
    client_stream& client;
    int messages{0};
    void on_message(message_kind, std::string_view) {
      ++messages;
      CHECK_FALSE(client.send(opcode::text, "answer"));
      if (messages == 2) client.close_now();
    }
    void on_ping(std::string_view) {}
    void on_pong(std::string_view) {}
    void on_close(const close_info&) {}
  };
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  quitter handler{s.client};
  s.ours->deliver(raw_frame(0x81, "1") + raw_frame(0x81, "2") + raw_frame(0x81, "3"));
  CHECK(s.client.drain(handler).error == errc::closed);
  CHECK(handler.messages == 2);
  CHECK(s.sent() == strings{"1:answer", "1:answer"});
  CHECK(s.client.drain(handler).error == errc::closed);
}

TEST_CASE("websocket_stream: a message of any size leaves in fragments, as fast as the peer reads", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  const std::string message = random_bytes(1'000'000, 5);
  s.theirs->capacity = 100'000;
  auto writing = f.start(s.client.write(opcode::binary, message));
  message_decoder<websocket_role::server> decoder;
  event_log got;
  for (int turn = 0; turn < 100 && !writing.done(); ++turn) {
    f.poll();
    CHECK(s.client.unsent() <= 47 * 1024);
    if (turn == 3) CHECK(s.client.send(opcode::text, "between") == errc::would_block);
    if (turn == 4) CHECK(f.run(s.client.write(opcode::text, "between")) == errc::bad_argument);
    CHECK_FALSE(feed(decoder, got, std::exchange(s.theirs->received, {}), 64 * 1024));
    s.theirs->wake();
    s.ours->wake();
  }
  REQUIRE(writing.done());
  CHECK(writing.get() == std::error_code{});
  CHECK_FALSE(feed(decoder, got, std::exchange(s.theirs->received, {}), 64 * 1024));
  CHECK(got.events == strings{"binary:" + message});
  CHECK_FALSE(s.client.send(opcode::text, "after"));
}

TEST_CASE("websocket_stream: only what is a message or a ping can be sent as one", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  CHECK(s.client.send(opcode::continuation, "x") == errc::bad_argument);
  CHECK(s.client.send(opcode::close, "") == errc::bad_argument);
  CHECK(s.client.send(opcode::ping, std::string(126, 'x')) == errc::bad_argument);
  CHECK(f.run(s.client.write(opcode::ping, "x")) == errc::bad_argument);
  CHECK_FALSE(f.run(s.client.write(opcode::text, "")));
  CHECK(s.sent() == strings{"1:"});
}

TEST_CASE("websocket_stream: a peer that takes nothing is given up at the write timeout", "[net]") {
  loop_fixture f;
  websocket_settings settings;
  settings.write_timeout = 3s;
  scene s{f, settings};
  REQUIRE_FALSE(s.upgrade());
  s.theirs->capacity = 10;
  CHECK_FALSE(s.client.send(opcode::text, std::string(30, 'x')));  // takes some of it
  auto waiting = f.start(s.client.wait_readable());
  f.advance(2999ms);
  CHECK_FALSE(waiting.done());
  s.theirs->received.clear();  // reads a little: that is a sign of life
  s.ours->writable.notify();
  f.poll();
  CHECK_FALSE(waiting.done());
  f.advance(2999ms);
  CHECK(s.client.is_open());
  const std::string message(100, 'w');
  auto writing = f.start(s.client.write(opcode::text, message));
  f.advance(1ms);
  CHECK_FALSE(s.client.is_open());
  REQUIRE(waiting.done());
  REQUIRE(writing.done());
  CHECK(writing.get() == errc::timeout);
  CHECK(s.drain().error == errc::timeout);
  CHECK(s.client.send(opcode::text, "x") == errc::closed);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("websocket_stream: messages keep it alive, pings do not", "[net]") {
  loop_fixture f;
  websocket_settings settings;
  settings.idle_timeout = 10s;
  scene s{f, settings};
  REQUIRE_FALSE(s.upgrade());
  for (int i = 0; i < 5; ++i) {
    f.advance(9s);
    s.ours->deliver(raw_frame(0x81, "tick"));
    CHECK_FALSE(s.drain().error);
  }
  auto waiting = f.start(s.client.wait_readable());
  for (int i = 0; i < 9; ++i) {
    f.advance(1s);
    s.ours->deliver(raw_frame(0x89, "ping"));
    CHECK_FALSE(s.drain().error);
  }
  waiting = f.start(s.client.wait_readable());
  f.advance(999ms);
  CHECK_FALSE(waiting.done());
  f.advance(1ms);
  REQUIRE(waiting.done());
  CHECK(waiting.get() == errc::cancelled);
  CHECK(s.drain().error == errc::data_silent);
  CHECK_FALSE(s.client.is_open());
}

TEST_CASE("websocket_stream: after the peer's close the client waits for the end of the connection", "[net]") {
  for (const bool ends : {true, false}) {
    loop_fixture f;
    scene s{f};
    REQUIRE_FALSE(s.upgrade());
    s.ours->deliver(raw_frame(0x88, close_payload(1000)) + raw_frame(0x81, "late"));
    CHECK(s.drain().error == errc::websocket_closed_by_peer);
    auto closing = f.start(s.client.close());
    f.poll();
    s.ours->deliver(raw_frame(0x81, "later still"));
    f.poll();
    CHECK_FALSE(closing.done());
    CHECK_FALSE(s.ours->closed);
    if (ends) s.ours->finish(errc::closed);
    f.advance(ends ? 0ms : 1000ms);
    REQUIRE(closing.done());
    CHECK(closing.get() == std::error_code{});
    CHECK(s.ours->closed);
    CHECK(s.sent() == strings{"8:" + close_payload(1000)});
  }
}

TEST_CASE("websocket_stream: closed under a waiting coroutine", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  auto waiting = f.start(s.client.wait_readable());
  f.poll();
  s.client.close_now();
  f.poll();
  REQUIRE(waiting.done());
  CHECK(waiting.get() == errc::cancelled);
}

namespace {

/// A whole life: upgrade, a message each way, the closing handshake.
task<std::error_code> live(client_stream& client, event_log& log) {
  std::error_code error = co_await client.upgrade(request());
  if (error) co_return error;
  error = client.send(opcode::text, "hello");
  if (!error) error = co_await client.flush();
  while (!error && log.events.empty()) {
    const drain_result drained = client.drain(log);
    error = drained.error;
    if (!error && !drained.more && log.events.empty()) error = co_await client.wait_readable();
  }
  if (error) co_return error;
  co_return co_await client.close(close_code::normal, "");
}

/// The other side of it: answers whatever comes, for as long as something comes.
void serve(loop_fixture& f, scene& s, bool& upgraded) {
  f.poll();
  if (!upgraded && s.theirs->received.find("\r\n\r\n") != std::string::npos) {
    s.ours->deliver(accept_upgrade(*s.theirs));
    upgraded = true;
  } else if (upgraded) {
    for (const std::string& frame : s.sent()) {
      if (frame == "1:hello") s.ours->deliver(raw_frame(0x89, "p") + raw_frame(0x81, "welcome"));
      if (frame.starts_with("8:")) s.ours->deliver(raw_frame(0x88, frame.substr(2)));
    }
  }
  f.poll();
}

}  // namespace

TEST_CASE("websocket_stream: failing at step 0, 1, 2 ... until a whole life passes", "[net]") {
  int passed_at = -1;
  for (int step = 0; step < 200 && passed_at < 0; ++step) {
    CAPTURE(step);
    loop_fixture f;
    scene s{f};
    s.ours->fail_at = step;
    s.ours->fail_with = {ECONNRESET, std::system_category()};
    auto life = f.start(live(s.client, s.log));
    bool upgraded = false;
    for (int turn = 0; turn < 20 && !life.done(); ++turn) serve(f, s, upgraded);
    if (!life.done()) f.advance(1s);
    REQUIRE(life.done());
    const std::error_code error = life.get();
    if (s.ours->steps <= step) {
      CHECK(error == std::error_code{});
      passed_at = step;
    } else if (error) {
      CHECK(error == std::error_code{ECONNRESET, std::system_category()});
    }
    if (error) s.client.close_now();
    CHECK(s.ours->closed);
    CHECK(f.timers.size() == 0);
  }
  CHECK(passed_at > 10);
}

TEST_CASE("websocket_stream: client and server talk over TLS, in bursts", "[net]") {
  loop_fixture f;
  foxtrot_test::tls_pair p{f};
  websocket_stream<tls_stream> client{f.timers, std::move(p.client)};
  websocket_stream<tls_stream, websocket_role::server> server{f.timers, std::move(p.server)};
  server.adopt();
  client.adopt();
  event_log heard;
  event_log answered;
  for (int i = 0; i < 500; ++i) REQUIRE_FALSE(server.send(opcode::text, "tick " + std::to_string(i)));
  REQUIRE_FALSE(client.send(opcode::ping, "alive?"));
  const auto pump = [](auto& stream, event_log& log, std::size_t wanted) -> task<std::error_code> {
    while (log.events.size() < wanted) {
      const drain_result drained = stream.drain(log);
      if (drained.error) co_return drained.error;
      if (!drained.more && log.events.size() < wanted) {
        if (const std::error_code error = co_await stream.wait_readable()) co_return error;
      }
    }
    co_return std::error_code{};
  };
  CHECK_FALSE(f.run(pump(client, heard, 500)));
  CHECK_FALSE(f.run(pump(server, answered, 1)));
  CHECK_FALSE(f.run(pump(client, heard, 501)));
  CHECK(heard.events[499] == "text:tick 499");
  CHECK(heard.events[500] == "pong:alive?");
  CHECK(client.counters().reads < 510);

  auto closing = f.start(client.close(close_code::normal, "bye"));
  event_log rest;
  CHECK(f.run(pump(server, rest, 2)) == errc::websocket_closed_by_peer);
  REQUIRE(f.run_until([&] { return closing.done(); }));
  CHECK(closing.get() == std::error_code{});
  CHECK(rest.events == strings{"close:1000:bye"});
}

TEST_CASE("websocket_stream: a close that is only started lets the drain see the peer's own", "[net]") {
  loop_fixture f;
  scene s{f};
  s.client.start_close();
  CHECK(s.theirs->received.empty());  // not open: nothing to close
  REQUIRE_FALSE(s.upgrade());
  s.client.start_close(close_code::going_away, "bye");
  s.client.start_close(close_code::normal, "again");
  CHECK(s.sent() == strings{"8:" + close_payload(1001, "bye")});
  CHECK(s.client.send(opcode::text, "x") == errc::closed);
  s.ours->deliver(raw_frame(0x81, "meanwhile") + raw_frame(0x88, close_payload(1001)));
  CHECK(s.drain().error == errc::websocket_closed_by_peer);
  CHECK(s.log.events == strings{"text:meanwhile", "close:1001:"});
  CHECK(s.sent().empty());
}

TEST_CASE("websocket_stream: gone before what it could not send had its turn", "[net]") {
  loop_fixture f;
  auto ends = memory_stream::make_pair(f.loop);
  ends.second.end()->capacity = 10;
  auto client = std::make_unique<client_stream>(f.timers, std::move(ends.first));
  client->adopt();
  CHECK_FALSE(client->send(opcode::text, std::string(100, 'x')));
  client.reset();
  f.poll();  // a sanitizer looks on
}

TEST_CASE("websocket_stream: a flush ends with the last byte, whoever got it taken", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  s.theirs->capacity = 10;
  CHECK_FALSE(s.client.send(opcode::text, std::string(100, 'x')));
  auto flushing = f.start(s.client.flush());
  f.poll();
  CHECK_FALSE(flushing.done());
  // There is room now, but not enough for the kernel to call the socket writable.
  s.theirs->capacity = 1000;
  CHECK_FALSE(s.client.send(opcode::ping, "p"));
  CHECK(s.client.unsent() == 0);
  f.poll();
  CHECK(flushing.done());
}

TEST_CASE("websocket_stream: nobody else sends a part of a message under way", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  s.theirs->capacity = 20'000;
  const std::string message(100'000, 'x');
  auto writing = f.start(s.client.write(opcode::binary, message));
  f.poll();
  REQUIRE_FALSE(writing.done());
  CHECK(s.client.send(opcode::continuation, "y") == errc::bad_argument);
  CHECK(s.client.unsent() != 0);
}

TEST_CASE("websocket_stream: a message cut off by cancellation ends the connection", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  s.theirs->capacity = 20'000;
  const std::string message(100'000, 'x');
  auto writing = f.start(s.client.write(opcode::binary, message));
  f.poll();
  REQUIRE_FALSE(writing.done());
  writing.cancel();
  f.poll();
  REQUIRE(writing.done());
  // No other message could ever be sent, and an end would make half of it look whole.
  CHECK_FALSE(s.client.is_open());
  CHECK(s.drain().error == errc::closed);
  CHECK(s.client.send(opcode::text, "x") == errc::closed);
}

TEST_CASE("websocket_stream: a handler that throws costs its own message, and delays no other", "[net]") {
  loop_fixture f;
  scene s{f};
  REQUIRE_FALSE(s.upgrade());
  struct thrower : event_log {
    void on_message(message_kind kind, std::string_view payload) {
      if (payload == "bad") throw std::runtime_error{"bad"};
      event_log::on_message(kind, payload);
    }
  } log;
  s.ours->deliver(raw_frame(0x81, "1") + raw_frame(0x81, "bad") + raw_frame(0x89, "p") + raw_frame(0x81, "2"));
  CHECK_THROWS(s.client.drain(log));
  CHECK(f.run(s.client.wait_readable()) == std::error_code{});
  CHECK_FALSE(s.client.drain(log).error);
  CHECK(log.events == strings{"text:1", "ping:p", "text:2"});
  CHECK(s.sent() == strings{"10:p"});
}

TEST_CASE("websocket_stream: adopts any number of bytes", "[net]") {
  loop_fixture f;
  auto ends = memory_stream::make_pair(f.loop);
  websocket_settings settings;
  settings.decoder.buffer = 64 * 1024;
  client_stream client{f.timers, std::move(ends.first), settings};
  const std::string message = random_bytes(100'000, 7);
  client.adopt(raw_frame(0x82, message) + raw_frame(0x81, "next"));
  event_log log;
  CHECK_FALSE(client.drain(log).error);
  CHECK(log.events == strings{"binary:" + message, "text:next"});
}

TEST_CASE("websocket_stream: dropped by its handler it watches nothing any more", "[net]") {
  loop_fixture f;
  websocket_settings settings;
  settings.idle_timeout = 10s;
  scene s{f, settings};
  REQUIRE_FALSE(s.upgrade());
  struct dropper : event_log {
    client_stream& client;
    explicit dropper(client_stream& stream) : client{stream} {}
    void on_message(message_kind, std::string_view) { client.close_now(); }
  } log{s.client};
  s.ours->deliver(raw_frame(0x81, "enough"));
  CHECK(s.client.drain(log).error == errc::closed);
  CHECK(f.timers.size() == 0);
  f.advance(10s);
  CHECK(s.drain().error == errc::closed);
}

TEST_CASE("websocket_stream: where waiting for room fails for want of memory, a flush and a close end", "[net]") {
  struct poor_stream {
    memory_stream below;

    [[nodiscard]] io_result read_some(std::span<char> into) noexcept { return below.read_some(into); }
    [[nodiscard]] io_result write_some(std::span<const char> from) noexcept { return below.write_some(from); }
    [[nodiscard]] std::error_code flush() noexcept { return below.flush(); }
    [[nodiscard]] task<std::error_code> wait_readable() { return below.wait_readable(); }
    [[nodiscard]] task<std::error_code> wait_writable() {
      throw std::bad_alloc{};
      co_return std::error_code{};
    }
    void close() noexcept { below.close(); }
  };
  loop_fixture f;
  auto ends = memory_stream::make_pair(f.loop);
  ends.second.end()->capacity = 10;
  websocket_stream<poor_stream> client{f.timers, poor_stream{std::move(ends.first)}};
  client.adopt();
  CHECK_FALSE(client.send(opcode::text, std::string(100, 'x')));
  auto flushing = f.start(client.flush());
  auto closing = f.start(client.close());
  f.advance(1s);
  REQUIRE(flushing.done());
  CHECK(flushing.get() == std::errc::not_enough_memory);
  CHECK(closing.done());
}
