// tests/acceptance/flow_test.cpp: peers that do not answer, do not read, or say only what is no data.
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>
#include <support/open_files.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;
using strings = std::vector<std::string>;

constexpr std::size_t most_waiting = 64 * 1024;

template <class Stream>
void shrink_buffers(Stream& one, Stream& other) {
  const int small = 2048;
  for (const int handle : {one.native_handle(), other.native_handle()}) {
    REQUIRE(::setsockopt(handle, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    REQUIRE(::setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
  }
}

/// What waits above the kernel, in all layers.
template <class Stream>
std::size_t waiting(websocket_stream<Stream>& client) {
  if constexpr (requires { client.next_layer().unsent(); }) return client.unsent() + client.next_layer().unsent();
  return client.unsent();
}

/// Sends subscriptions until no more are taken; the most that waited.
template <class Stream>
std::size_t subscribe_until_full(loop_fixture& f, websocket_stream<Stream>& client) {
  const std::string request = R"({"method":"SUBSCRIBE","id":1,"params":[)" + std::string(4000, 's') + "]}";
  std::size_t most = 0;
  for (int refused = 0; refused < 10;) {
    const std::error_code error = client.send(opcode::text, request);
    if (error && error != errc::would_block) FAIL(error.message());
    refused += error == errc::would_block;
    most = std::max(most, waiting(client));
    f.poll();
  }
  return most;
}

}  // namespace

TEMPLATE_TEST_CASE("flow: a close that is never answered takes its time-out and no more", "[acceptance]", tcp_stream,
                   tls_stream) {
  websocket_settings settings;
  settings.close_timeout = 200ms;
  const std::size_t files = open_files();
  for (const bool talkative : {false, true}) {
    loop_fixture f;
    websocket_scene<TestType> s{f, settings};
    REQUIRE_FALSE(s.upgrade());
    auto closing = f.start(s.client.close(close_code::going_away, "stopping"));
    CHECK(s.peer.frames() == strings{"8:" + close_payload(1001, "stopping")});
    for (int i = 0; i < 199; ++i) {
      if (talkative) s.peer.send(raw_frame(0x81, "still here") + raw_frame(0x89, "there?"));
      f.advance(1ms);
      REQUIRE_FALSE(closing.done());
    }
    f.advance(1ms);
    REQUIRE(closing.done());
    CHECK(closing.get() == errc::timeout);
    CHECK_FALSE(s.client.is_open());
    CHECK(s.peer.sees_end());
    CHECK(s.peer.heard().empty());  // not a pong after the close
    CHECK(f.timers.size() == 0);
  }
  CHECK(open_files() == files);
}

TEST_CASE("flow: the same on the real clock", "[acceptance][alone]") {
  loop_fixture f;
  timer_queue timers{f.loop};
  auto ends = connected<tls_stream>(f);
  websocket_settings settings;
  settings.close_timeout = 200ms;
  websocket_stream<tls_stream> client{timers, std::move(ends.first), settings};
  client.adopt();
  const auto before = real::now();
  CHECK(f.run(client.close(close_code::normal, "")) == errc::timeout);
  const auto took = real::now() - before;
  CHECK(took >= 200ms);
  CHECK(took < bound(1000ms));
}

TEST_CASE("flow: a close_notify that never comes is not waited for", "[acceptance]") {
  loop_fixture f;
  websocket_scene<tls_stream> s{f};
  REQUIRE_FALSE(s.upgrade());
  auto closing = f.start(s.client.close(close_code::normal, ""));
  CHECK(s.peer.frames() == strings{"8:" + close_payload(1000)});
  s.peer.send(raw_frame(0x88, close_payload(1000)));
  REQUIRE(f.run_until([&] { return closing.done(); }));  // no time passes
  CHECK(closing.get() == std::error_code{});
  CHECK(s.peer.sees_end());
  CHECK(s.peer.ended() == errc::closed);  // ours was sent
}

TEMPLATE_TEST_CASE("flow: a peer that closed its ears cannot hold up a close", "[acceptance]", tcp_stream, tls_stream) {
  loop_fixture f;
  auto ends = connected<TestType>(f);
  shrink_buffers(ends.first, ends.second);
  websocket_settings settings;
  settings.close_timeout = 200ms;
  websocket_scene<TestType> s{f, std::move(ends), settings};
  REQUIRE_FALSE(s.upgrade());
  CHECK(subscribe_until_full(f, s.client) <= most_waiting);
  auto closing = f.start(s.client.close(close_code::normal, ""));
  f.advance(199ms);
  CHECK_FALSE(closing.done());
  f.advance(1ms);
  REQUIRE(closing.done());
  CHECK(closing.get() == errc::timeout);
  CHECK(f.timers.size() == 0);
}

TEMPLATE_TEST_CASE("flow: pings alone are no data", "[acceptance]", tcp_stream, tls_stream) {
  websocket_settings settings;
  settings.idle_timeout = 5s;
  loop_fixture f;
  websocket_scene<TestType> s{f, settings};
  REQUIRE_FALSE(s.upgrade());
  auto reading = f.start(read_to_end(s.client, s.log));
  const auto hear = [&](std::size_t events) {
    return f.run_until([&] { return s.log.events.size() >= events || reading.done(); });
  };
  f.advance(4s);
  s.peer.send(raw_frame(0x81, "data"));  // counts
  REQUIRE(hear(1));
  for (std::size_t i = 0; i < 49; ++i) {
    f.advance(100ms);
    s.peer.send(raw_frame(0x89, "ping") + raw_frame(0x8a, "pong"));
    REQUIRE(hear(1 + 2 * (i + 1)));
    REQUIRE_FALSE(reading.done());
  }
  f.advance(99ms);
  CHECK_FALSE(reading.done());
  f.advance(1ms);
  REQUIRE(f.run_until([&] { return reading.done(); }));
  const std::error_code error = reading.get();
  CHECK(error == errc::data_silent);
  CHECK(error == condition::transient);
  CHECK(s.peer.frames(49).size() >= 49);  // every ping was answered
  CHECK(f.timers.size() == 0);
}

TEMPLATE_TEST_CASE("flow: a peer that stops reading in the middle of a subscription is noticed", "[acceptance]",
                   tcp_stream, tls_stream) {
  websocket_settings settings;
  settings.write_timeout = 3s;
  loop_fixture f;
  auto ends = connected<TestType>(f);
  shrink_buffers(ends.first, ends.second);
  websocket_scene<TestType> s{f, std::move(ends), settings};
  REQUIRE_FALSE(s.upgrade());
  auto reading = f.start(read_to_end(s.client, s.log));
  CHECK(subscribe_until_full(f, s.client) <= most_waiting);
  f.advance(2999ms);
  CHECK_FALSE(reading.done());
  CHECK(waiting(s.client) <= most_waiting);
  f.advance(1ms);
  REQUIRE(f.run_until([&] { return reading.done(); }));
  CHECK(reading.get() == errc::timeout);
  CHECK(s.client.send(opcode::text, "more") == errc::closed);
  CHECK(f.timers.size() == 0);
}

TEMPLATE_TEST_CASE("flow: a peer that reads slowly is not given up", "[acceptance]", tcp_stream, tls_stream) {
  websocket_settings settings;
  settings.write_timeout = 3s;
  loop_fixture f;
  auto ends = connected<TestType>(f);
  shrink_buffers(ends.first, ends.second);
  websocket_scene<TestType> s{f, std::move(ends), settings};
  REQUIRE_FALSE(s.upgrade());
  (void)subscribe_until_full(f, s.client);
  auto reading = f.start(read_to_end(s.client, s.log));
  // Every 2.9 s it takes what is there, until nothing waits any more.
  for (int i = 0; i < 1000 && waiting(s.client) != 0; ++i) {
    f.advance(2900ms);
    REQUIRE_FALSE(reading.done());
    const std::size_t before = waiting(s.client);
    REQUIRE(f.run_until([&] { return s.peer.heard().clear(), waiting(s.client) < before; }));
  }
  CHECK(waiting(s.client) == 0);
  f.advance(1h);  // and silence is nothing to be timed
  CHECK_FALSE(reading.done());
  s.client.close_now();
  REQUIRE(f.run_until([&] { return reading.done(); }));
}

TEST_CASE("flow: a full stream in memory runs into the limit to the millisecond", "[acceptance]") {
  websocket_settings settings;
  settings.write_timeout = 250ms;
  loop_fixture f;
  auto [ours, theirs] = memory_stream::make_pair(f.loop);
  const auto there = theirs.end();
  websocket_stream<memory_stream> client{f.timers, std::move(ours), settings};
  client.adopt();
  event_log log;
  auto reading = f.start(read_to_end(client, log));
  there->capacity = 0;
  CHECK(subscribe_until_full(f, client) <= most_waiting);
  f.advance(249ms);
  CHECK_FALSE(reading.done());
  f.advance(1ms);
  REQUIRE(reading.done());
  CHECK(reading.get() == errc::timeout);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("flow: over TLS too every byte that leaves counts, not only whole records", "[acceptance]") {
  websocket_settings settings;
  settings.write_timeout = 3s;
  loop_fixture f;
  auto ends = connected<memory_tls_stream>(f);
  const auto there = ends.second.next_layer().end();
  const auto here = ends.first.next_layer().end();
  websocket_stream<memory_tls_stream> client{f.timers, std::move(ends.first), settings};
  client.adopt();
  event_log log;
  auto reading = f.start(read_to_end(client, log));
  there->capacity = 0;
  CHECK(subscribe_until_full(f, client) <= most_waiting);
  for (int i = 0; i < 20; ++i) {
    f.advance(2900ms);
    REQUIRE_FALSE(reading.done());
    there->received.clear();
    there->capacity = 100;
    here->writable.notify();
    f.poll();
  }
  f.advance(2999ms);
  CHECK_FALSE(reading.done());
  f.advance(1ms);
  REQUIRE(reading.done());
  CHECK(reading.get() == errc::timeout);
}

TEMPLATE_TEST_CASE("flow: what is sent while somebody waits to read leaves as soon as the peer makes room",
                   "[acceptance]", tcp_stream, tls_stream) {
  websocket_settings settings;
  settings.write_timeout = 3s;
  loop_fixture f;
  auto ends = connected<TestType>(f);
  shrink_buffers(ends.first, ends.second);
  websocket_scene<TestType> s{f, std::move(ends), settings};
  REQUIRE_FALSE(s.upgrade());
  auto reading = f.start(read_to_end(s.client, s.log));
  f.poll();  // it waits for something to read, and nothing will come
  (void)subscribe_until_full(f, s.client);
  REQUIRE(waiting(s.client) != 0);
  CHECK(f.run_until([&] { return s.peer.heard().clear(), waiting(s.client) == 0; }));
  f.advance(3s);
  CHECK_FALSE(reading.done());  // the peer has read everything
  s.client.close_now();
  REQUIRE(f.run_until([&] { return reading.done(); }));
}
