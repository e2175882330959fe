// tests/net/websocket/steady_state_test.cpp: what a frame costs once a connection runs: no memory, hardly a system call.
#include <foxtrot/net/websocket/stream.hpp>

#include <foxtrot/net/tls_stream.hpp>

#include <support/allocation_counter.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/sanitizer.hpp>
#include <support/skip.hpp>
#include <support/websocket_frames.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

using namespace foxtrot;
using namespace foxtrot_test;

namespace {

struct tick_counter {
  std::atomic<int> messages{0};

  void on_message(message_kind, std::string_view) { messages.fetch_add(1, std::memory_order_release); }
  void on_ping(std::string_view) {}
  void on_pong(std::string_view) {}
  void on_close(const close_info&) {}
};

/// Reads as a session does until `last` messages have come; what it allocated after the first `warm` of them.
template <class Socket>
task<std::size_t> allocated_while_reading(Socket& socket, tick_counter& seen, int warm, int last) {
  std::size_t before = 0;
  while (seen.messages.load(std::memory_order_relaxed) < last) {
    if (before == 0 && seen.messages.load(std::memory_order_relaxed) >= warm) before = allocations();
    const drain_result drained = socket.drain(seen);
    if (drained.error) throw std::system_error{drained.error};
    if (drained.more || seen.messages.load(std::memory_order_relaxed) == last) continue;
    if (const std::error_code error = co_await socket.wait_readable()) throw std::system_error{error};
  }
  co_return allocations() - before;
}

/// One message at a time, each when the one before has been read, so that the reader waits for each.
template <class Stream>
std::size_t allocations_in_a_quiet_session(Stream client, Stream server, loop_fixture& f) {
  constexpr int warm = 100;
  constexpr int last = 500;
  tick_counter seen;
  websocket_stream<Stream> socket{f.timers, std::move(client)};
  socket.adopt();
  auto reading = f.start(allocated_while_reading(socket, seen, warm, last));
  const std::string frame = raw_frame(0x81, std::string(150, 't'));
  std::thread sender{[&] {
    for (int i = 0; i < last; ++i) {
      while (seen.messages.load(std::memory_order_acquire) < i) std::this_thread::yield();
      (void)server.write_some(frame);
      (void)server.flush();
    }
  }};
  f.loop.restart();
  f.loop.run();  // one call: Asio keeps the memory of its handlers for as long as it lasts
  sender.join();
  return reading.get();
}

}  // namespace

TEST_CASE("websocket_stream: neither a message nor a wait allocates in the steady state", "[net]") {
  if (sanitized) return skip("Asio is told to reuse no memory under the address sanitizer");
  loop_fixture f;
  tcp_pair plain{f};
  CHECK(allocations_in_a_quiet_session(std::move(plain.client), std::move(plain.server), f) == 0);
  tls_pair secure{f};
  CHECK(allocations_in_a_quiet_session(std::move(secure.client), std::move(secure.server), f) == 0);
}
