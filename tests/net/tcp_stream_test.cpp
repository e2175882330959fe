#include <foxtrot/net/tcp_stream.hpp>

#include <support/eventually.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace foxtrot;
using namespace foxtrot_test;

TEST_CASE("tcp_stream: megabytes both ways in odd slices", "[net]") {
  loop_fixture f;
  tcp_pair p{f};
  CHECK(exchange(f, p.client, p.server, 4'000'000));
}

TEST_CASE("tcp_stream: reading never blocks and tells the end", "[net]") {
  loop_fixture f;
  tcp_pair p{f};
  std::array<char, 8> buffer{};
  CHECK(p.client.read_some(buffer).error == errc::would_block);
  CHECK(p.server.write_some(std::string{"0123456789"}).bytes == 10);
  CHECK(f.run(p.client.wait_readable()) == std::error_code{});
  CHECK(p.client.read_some(buffer).bytes == 8);
  CHECK_FALSE(p.client.drained());
  CHECK(p.client.read_some(buffer).bytes == 2);
  CHECK(p.client.drained());
  p.server.close();
  CHECK(f.run(p.client.wait_readable()) == std::error_code{});
  CHECK(p.client.read_some(buffer).error == errc::closed);
}

TEST_CASE("tcp_stream: a reset is an error that may pass, and writing to the dead raises no signal", "[net]") {
  loop_fixture f;
  tcp_pair p{f};
  std::array<char, 8> buffer{};
  p.server.reset();
  CHECK(f.run(p.client.wait_readable()) == std::error_code{});
  const auto got = p.client.read_some(buffer);
  CHECK(got.error == std::error_code{ECONNRESET, std::system_category()});
  CHECK(got.error == condition::transient);
  CHECK(p.client.write_some(std::string{"x"}).error == std::error_code{EPIPE, std::system_category()});
}

TEST_CASE("tcp_stream: close wakes who waits, any number of times", "[net]") {
  loop_fixture f;
  tcp_pair p{f};
  auto waiting = f.start(p.client.wait_readable());
  f.poll();
  CHECK_FALSE(waiting.done());
  p.client.close();
  p.client.close();
  f.poll();
  REQUIRE(waiting.done());
  CHECK(waiting.get() == errc::cancelled);
  std::array<char, 8> buffer{};
  CHECK(p.client.read_some(buffer).error == errc::closed);
  CHECK(p.client.write_some(buffer).error == errc::closed);
  CHECK(f.run(p.client.wait_writable()) == errc::closed);
  CHECK(p.client.native_handle() == -1);
}

TEST_CASE("tcp_stream: cancelling the coroutine ends its wait only", "[net]") {
  loop_fixture f;
  tcp_pair p{f};
  auto waiting = f.start(p.client.wait_readable());
  f.poll();
  waiting.cancel();
  f.run_until([&] { return waiting.done(); });
  CHECK(p.client.is_open());
  CHECK(exchange(f, p.client, p.server, 1000));
}

TEST_CASE("tcp_stream: destroyed under its waiter", "[net]") {
  loop_fixture f;
  auto p = std::make_unique<tcp_pair>(f);
  auto waiting = f.start(p->client.wait_readable());
  f.poll();
  p.reset();
  f.run_until([&] { return waiting.done(); });
  CHECK(waiting.get() == errc::cancelled);
}

TEST_CASE("tcp_stream: connecting to nobody is refused; options are set", "[net]") {
  loop_fixture f;
  listener gone{f.loop};
  const auto where = gone.where();
  gone.close();
  tcp_stream stream{f.loop};
  CHECK(f.run(stream.connect(where)) == std::error_code{ECONNREFUSED, std::system_category()});

  listener there{f.loop};
  tcp_settings settings;
  settings.receive_buffer = 20'000;
  REQUIRE(f.run(stream.connect(there.where(), settings)) == std::error_code{});
  int value = 0;
  socklen_t size = sizeof value;
  getsockopt(stream.native_handle(), SOL_SOCKET, SO_RCVBUF, &value, &size);
  CHECK(value == 40'000);  // Linux doubles it
  getsockopt(stream.native_handle(), IPPROTO_TCP, TCP_NODELAY, &value, &size);
  CHECK(value == 1);
}

TEST_CASE("tcp_stream: a full peer makes writing wait until it reads", "[net]") {
  loop_fixture f;
  tcp_pair p{f};
  const std::string chunk(100'000, 'x');
  std::size_t sent = 0;
  io_result went;
  while (!(went = p.client.write_some(chunk)).error) sent += went.bytes;
  CHECK(went.error == errc::would_block);
  auto waiting = f.start(p.client.wait_writable());
  f.poll();
  CHECK_FALSE(waiting.done());
  CHECK(f.run(read_all(p.server, sent)).size() == sent);
  CHECK(f.run_until([&] { return waiting.done(); }));
}

TEST_CASE("tcp_stream: the kernel says when it received what a read brings", "[net]") {
  const auto wall_ns = [] {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::int64_t{std::chrono::nanoseconds{now}.count()};
  };
  loop_fixture f;
  tcp_pair p{f};
  std::array<char, 8> buffer{};
  CHECK(p.client.take_kernel_stamp() == 0);
  REQUIRE(p.client.stamp_reads());
  CHECK(p.client.read_some(buffer).error == errc::would_block);
  // The system begins to stamp packets a moment after the first socket that wants it.
  std::int64_t stamp = 0;
  std::int64_t sent = 0;
  std::int64_t read = 0;
  REQUIRE(eventually([&] {
    sent = wall_ns();
    CHECK(p.server.write_some(std::string{"01234567"}).bytes == 8);
    CHECK(f.run(p.client.wait_readable()) == std::error_code{});
    CHECK(p.client.read_some(buffer).bytes == 8);
    read = wall_ns();
    stamp = p.client.take_kernel_stamp();
    CHECK(p.client.take_kernel_stamp() == 0);
    return stamp != 0;
  }));
  CHECK(std::string(buffer.data(), buffer.size()) == "01234567");
  CHECK(stamp >= sent);
  CHECK(stamp <= read);

  // that of what is read, and none of what was not asked for
  CHECK(p.client.read_some(buffer).error == errc::would_block);
  CHECK(p.client.take_kernel_stamp() == 0);
  CHECK(p.client.write_some(std::string{"x"}).bytes == 1);
  CHECK(f.run(p.server.wait_readable()) == std::error_code{});
  CHECK(p.server.read_some(buffer).bytes == 1);
  CHECK(p.server.take_kernel_stamp() == 0);
  p.server.close();
  CHECK(f.run(p.client.wait_readable()) == std::error_code{});
  CHECK(p.client.read_some(buffer).error == errc::closed);
}

TEST_CASE("tcp_stream: megabytes through stamped reads", "[net]") {
  loop_fixture f;
  tcp_pair p{f};
  REQUIRE(p.client.stamp_reads());
  CHECK(eventually([&] {  // see above
    CHECK(exchange(f, p.client, p.server, 1'000'000));
    return p.client.take_kernel_stamp() != 0;
  }));
}

TEST_CASE("tcp_stream: a closed one stamps nothing", "[net]") {
  loop_fixture f;
  tcp_pair p{f};
  p.client.close();
  CHECK_FALSE(p.client.stamp_reads());
}
