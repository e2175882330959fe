// tests/acceptance/flood_test.cpp: peers that never stop sending must not stop the event loop.
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;

/// A stream that is always full of the same frame, and swallows whatever is written. It notes how often it was read in
/// one turn of the loop, and ends where that is absurd.
struct endless {
  struct state {
    std::string frame;
    std::size_t reads{0};
    std::size_t most{0};
    bool closed{false};
  };
  std::shared_ptr<state> self;

  [[nodiscard]] io_result read_some(std::span<char> into) const noexcept {
    if (self->closed || ++self->reads > 1000) return {0, errc::closed};
    self->most = std::max(self->most, self->reads);
    const std::size_t size = self->frame.size();
    for (std::size_t at = 0; at + size <= into.size(); at += size) self->frame.copy(into.data() + at, size);
    return {into.size() / size * size, {}};
  }
  [[nodiscard]] io_result write_some(std::span<const char> from) const noexcept { return {from.size(), {}}; }
  [[nodiscard]] std::error_code flush() const noexcept { return {}; }
  [[nodiscard]] task<std::error_code> wait_readable() const { return wait(self); }
  [[nodiscard]] task<std::error_code> wait_writable() const { return wait(self); }
  [[nodiscard]] std::size_t buffered() const noexcept { return 0; }
  [[nodiscard]] bool drained() const noexcept { return false; }
  void close() const noexcept { self->closed = true; }

  static task<std::error_code> wait(std::shared_ptr<state> on) {
    on->reads = 0;
    const io_executor executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, use_task);
    on->reads = 0;
    co_return on->closed ? make_error_code(errc::cancelled) : std::error_code{};
  }
};

struct scene {
  explicit scene(loop_fixture& fixture, std::string frame) : f{fixture} {
    shared->frame = std::move(frame);
    client.adopt();
  }
  /// Some turns of the loop.
  void turn(int count = 100) {
    for (int i = 0; i < count; ++i) {
      f.loop.restart();
      shared->reads = 0;
      (void)f.loop.poll_one();
    }
  }

  loop_fixture& f;
  std::shared_ptr<endless::state> shared = std::make_shared<endless::state>();
  websocket_stream<endless> client{f.timers, endless{shared}, {.close_timeout = 200ms}};
  event_log log;
};

}  // namespace

TEST_CASE("flood: a close lets others on the loop have their turn, and ends in time", "[acceptance]") {
  for (const std::string& frame : {raw_frame(0x82, ""), raw_frame(0x81, "x"), raw_frame(0x89, "ping")}) {
    loop_fixture f;
    scene s{f, frame};
    auto closing = f.start(s.client.close());
    s.turn();
    CHECK(s.shared->most < 100);
    f.time.advance_to(f.time.now() + 200ms);
    f.timers.run_due();
    s.turn();
    REQUIRE(closing.done());
    CHECK(closing.get() == errc::timeout);
  }
}

TEST_CASE("flood: so does a close after a violation, and one that the peer began", "[acceptance]") {
  for (const std::string& frame : {raw_frame(0xf2, ""), raw_frame(0x88, "")}) {
    loop_fixture f;
    scene s{f, frame};
    CHECK(s.client.drain(s.log).error);
    auto closing = f.start(s.client.close());
    s.turn();
    CHECK(s.shared->most < 100);
    f.time.advance_to(f.time.now() + 200ms);
    f.timers.run_due();
    s.turn();
    CHECK(closing.done());
  }
}

TEST_CASE("flood: a drain over TLS reads the socket once, wherever a read ends in a record", "[acceptance]") {
  loop_fixture f;
  auto ends = connected<memory_tls_stream>(f);
  websocket_stream<memory_tls_stream> client{f.timers, std::move(ends.first)};
  client.adopt();
  const std::string frame = raw_frame(0x82, std::string(10'000, 'x'));
  for (int i = 0; i < 100; ++i) REQUIRE(ends.second.write_some(frame).bytes == frame.size());
  event_log log;
  std::size_t drains = 0;
  for (drain_result got{{}, true}; got.more; ++drains) {
    const std::uint64_t before = client.counters().bytes;
    got = client.drain(log);
    REQUIRE_FALSE(got.error);
    CHECK(client.counters().bytes - before <= 256 * 1024);
  }
  CHECK(drains == 4);
  CHECK(log.events.size() == 100);
}

TEST_CASE("flood: a real peer that sends empty frames as fast as it can does not hold up a close",
          "[acceptance][alone]") {
  loop_fixture f;
  timer_queue timers{f.loop};
  auto ends = connected<tcp_stream>(f);
  const int handle = ends.second.native_handle();
  std::atomic<bool> enough{false};
  std::jthread flooder{[&] {
    std::string frames;
    while (frames.size() < 64 * 1024) frames += raw_frame(0x82, "");
    pollfd writable{handle, POLLOUT, 0};
    std::size_t sent = 0;  // a send may stop in the middle of a frame
    const auto end = std::chrono::steady_clock::now() + bound(3s);
    while (!enough && std::chrono::steady_clock::now() < end) {
      const std::size_t odd = sent % 2;
      const ssize_t went = ::send(handle, frames.data() + odd, frames.size() - odd, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (went >= 0) {
        sent += static_cast<std::size_t>(went);
      } else if (errno == EAGAIN) {
        (void)::poll(&writable, 1, 10);
      } else {
        return;
      }
    }
    (void)::shutdown(handle, SHUT_RDWR);
  }};
  websocket_stream<tcp_stream> client{timers, std::move(ends.first), {.close_timeout = 200ms}};
  client.adopt();
  const auto before = std::chrono::steady_clock::now();
  CHECK(f.run(client.close()) == errc::timeout);
  CHECK(std::chrono::steady_clock::now() - before < bound(1500ms));
  enough = true;
}
