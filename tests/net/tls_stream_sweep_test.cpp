// tests/net/tls_stream_sweep_test.cpp: TLS over a wire in memory that fails, blocks, is cut or corrupted at step or
// byte 0, 1, 2 ... and a whole WebSocket life over it. It ends, with the right class of error, and nothing arrives
// twice.
#include <foxtrot/net/tls_stream.hpp>

#include <foxtrot/net/websocket/handshake_key.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>
#include <support/sanitizer.hpp>
#include <support/sweep.hpp>
#include <support/websocket_frames.hpp>

#include <openssl/err.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace foxtrot;
using namespace foxtrot_test;

namespace {

using stream = basic_tls_stream<memory_stream>;
using running = loop_fixture::running<std::error_code>;

constexpr std::array versions{tls_version::tls_1_2, tls_version::tls_1_3};

/// Full handshakes each time, so that each run takes the same steps.
tls_context context(tls_role role, tls_version version) {
  tls_settings settings;
  settings.min_version = settings.max_version = version;
  settings.resume = false;
  return role == tls_role::client ? client_context(settings) : server_context(certificate_kind::right, settings);
}
const tls_context& context_of(tls_role role, tls_version version) {
  static const std::array made{
      context(tls_role::client, tls_version::tls_1_2), context(tls_role::client, tls_version::tls_1_3),
      context(tls_role::server, tls_version::tls_1_2), context(tls_role::server, tls_version::tls_1_3)};
  return made[(role == tls_role::server ? 2U : 0U) + (version == tls_version::tls_1_3 ? 1U : 0U)];
}

const std::string& question() {
  static const std::string made = random_bytes(20'000, 1);
  return made;
}
const std::string& answer() {
  static const std::string made = random_bytes(5'000, 2);
  return made;
}

task<std::error_code> send(stream& to, std::string_view bytes) {
  std::span<const char> left{bytes};
  while (!left.empty()) {
    const io_result went = to.write_some(left);
    left = left.subspan(went.bytes);
    std::error_code error = went.error;
    if (error == errc::would_block) error = co_await to.wait_writable();
    if (error) co_return error;
  }
  std::error_code error = to.flush();
  while (error == errc::would_block) {
    error = co_await to.wait_writable();
    if (!error) error = to.flush();
  }
  co_return error;
}

/// A wait that fails is explained by the read after it.
task<std::error_code> receive(stream& from, std::string& into, std::size_t size) {
  std::string buffer(3000, '\0');
  while (into.size() < size) {
    const io_result got = from.read_some(buffer);
    into.append(buffer.data(), got.bytes);
    if (got.error && got.error != errc::would_block) co_return got.error;
    if (got.error) (void)co_await from.wait_readable();
  }
  co_return std::error_code{};
}

task<std::error_code> ask(stream& client, std::string& heard) {
  std::error_code error = co_await client.handshake("localhost");
  if (!error) error = co_await send(client, question());
  if (!error) error = co_await receive(client, heard, answer().size());
  if (!error) {
    client.shutdown();
    error = co_await send(client, {});  // the close_notify, however long that takes
  }
  client.close();
  co_return error;
}

task<std::error_code> reply(stream& server, std::string& heard) {
  std::error_code error = co_await server.handshake();
  if (!error) error = co_await receive(server, heard, question().size());
  if (!error) error = co_await send(server, answer());
  if (!error) error = co_await receive(server, heard, question().size() + 1);
  server.close();
  co_return error == errc::closed ? std::error_code{} : error;  // close_notify is what it waits for
}

/// A client and a server over one wire, both under way.
class stage {
 public:
  explicit stage(tls_version version) : stage{version, std::make_unique<loop_fixture>()} {}

  int run(int most = no_limit) {
    return run_handlers(*f, most, [this] { return over(); }, [] {});
  }
  [[nodiscard]] bool over() const { return asking.done() && replying.done(); }

  void check_untouched() {
    CHECK(asking.get() == std::error_code{});
    CHECK(replying.get() == std::error_code{});
    CHECK(heard_by_client == answer());
    CHECK(heard_by_server == question());
  }
  void check_over() {
    client.close();
    server.close();
    f->poll();
    REQUIRE(asking.done());
    REQUIRE(replying.done());
    for (const auto& end : {ours, theirs}) {
      CHECK(end->closed);
      CHECK_FALSE(end->readable.waiting());
      CHECK_FALSE(end->writable.waiting());
    }
    std::array<char, 10> buffer{};
    CHECK(client.read_some(buffer).error);
    CHECK(client.read_some(buffer).error != errc::would_block);
    CHECK(client.write_some(buffer).error == errc::closed);
    CHECK(ERR_peek_error() == 0);
    CHECK(question().starts_with(heard_by_server));
    CHECK(answer().starts_with(heard_by_client));
  }

  std::unique_ptr<loop_fixture> f;
  std::shared_ptr<memory_end> ours;
  std::shared_ptr<memory_end> theirs;
  stream client;
  stream server;
  std::string heard_by_client;
  std::string heard_by_server;
  running asking;
  running replying;

 private:
  stage(tls_version version, std::unique_ptr<loop_fixture> fixture)
      : stage{version, memory_stream::make_pair(fixture->loop), std::move(fixture)} {}
  stage(tls_version version, std::pair<memory_stream, memory_stream> wire, std::unique_ptr<loop_fixture> fixture)
      : f{std::move(fixture)},
        ours{wire.first.end()},
        theirs{wire.second.end()},
        client{std::move(wire.first), context_of(tls_role::client, version)},
        server{std::move(wire.second), context_of(tls_role::server, version)},
        asking{f->start(ask(client, heard_by_client))},
        replying{f->start(reply(server, heard_by_server))} {}
};

/// What `from` takes off the wire until its handshake is through, in bytes.
std::size_t handshake_bytes(tls_version version, bool of_client) {
  loop_fixture f;
  auto wire = memory_stream::make_pair(f.loop);
  const auto end = of_client ? wire.first.end() : wire.second.end();
  stream client{std::move(wire.first), context_of(tls_role::client, version)};
  stream server{std::move(wire.second), context_of(tls_role::server, version)};
  end->max_read = 1;  // so that nothing behind it is taken
  auto ours = f.start(client.handshake("localhost"));
  auto theirs = f.start(server.handshake());
  for (int turn = 0; turn < 100'000 && !(of_client ? ours : theirs).done(); ++turn) {
    f.loop.restart();
    f.loop.poll_one();
  }
  const std::size_t taken = end->taken.size();
  f.poll();
  REQUIRE_FALSE(ours.get());
  REQUIRE_FALSE(theirs.get());
  return taken;
}

}  // namespace

TEST_CASE("tls_stream: a conversation over memory, whatever the slices", "[net]") {
  for (const tls_version version : versions) {
    for (const std::size_t slice : {std::size_t{1}, std::size_t{7}, std::size_t{1'000'000}}) {
      CAPTURE(static_cast<int>(version), slice);
      stage s{version};
      for (const auto& end : {s.ours, s.theirs}) end->max_read = end->max_write = slice;
      s.run();
      s.check_untouched();
      s.check_over();
    }
  }
}

TEST_CASE("tls_stream: a conversation failing at step 0, 1, 2 ... with each kind of fault", "[net]") {
  for (const tls_version version : versions) {
    for (const std::error_code fault : stream_faults()) {
      int passed_at = -1;
      for (int step = 0; step < 1000 && passed_at < 0; ++step) {
        CAPTURE(static_cast<int>(version), fault, step);
        stage s{version};
        s.ours->fail_at = step;
        s.ours->fail_with = fault;
        s.run();
        if (!s.asking.done()) {
          s.ours->finish(fault);  // whoever waited before the fault hears of it as from a socket
          s.f->poll();
        }
        REQUIRE(s.asking.done());
        REQUIRE(s.replying.done());
        const std::error_code error = s.asking.get();
        CAPTURE(error);
        CHECK((!error || error == fault || (fault == errc::closed && error == errc::tls_truncated)));
        CHECK_FALSE(error == condition::tls_failure);
        CHECK_FALSE(error == condition::protocol_violation);
        if (s.ours->steps <= step) {
          s.check_untouched();
          passed_at = step;
        }
        s.check_over();
      }
      CHECK(passed_at > 10);
    }
  }
}

TEST_CASE("tls_stream: a read or write that moves nothing, at step 0, 1, 2 ..., changes nothing", "[net]") {
  for (const tls_version version : versions) {
    for (const bool of_client : {true, false}) {
      bool passed = false;
      for (int step = 0; step < 1000 && !passed; ++step) {
        CAPTURE(static_cast<int>(version), of_client, step);
        stage s{version};
        const auto& end = of_client ? s.ours : s.theirs;
        end->block_at = step;
        s.run();
        REQUIRE(s.asking.done());
        REQUIRE(s.replying.done());
        s.check_untouched();
        s.check_over();
        passed = end->moves <= step;
      }
      CHECK(passed);
    }
  }
}

TEST_CASE("tls_stream: a conversation cancelled at every suspension", "[net]") {
  for (const tls_version version : versions) {
    bool passed = false;
    for (int step = 0; step < 1000 && !passed; ++step) {
      CAPTURE(static_cast<int>(version), step);
      stage s{version};
      s.run(step);
      passed = s.asking.done();
      if (!passed) {
        s.asking.cancel();
        s.f->poll();
        REQUIRE(s.asking.done());
        CHECK_FALSE(s.ours->readable.waiting());
        CHECK_FALSE(s.ours->writable.waiting());
      }
      s.check_over();
    }
    CHECK(passed);
  }
}

TEST_CASE("tls_stream: a conversation closed from outside, or without its loop, after every step", "[net]") {
  for (const tls_version version : versions) {
    for (const bool lose_loop : {false, true}) {
      bool passed = false;
      for (int step = 0; step < 1000 && !passed; ++step) {
        CAPTURE(static_cast<int>(version), lose_loop, step);
        stage s{version};
        s.run(step);
        passed = s.asking.done();
        if (lose_loop) {
          s.f.reset();
          CHECK_FALSE(s.ours->readable.waiting());
          CHECK_FALSE(s.ours->writable.waiting());
          continue;
        }
        s.client.close();
        s.f->poll();
        REQUIRE(s.asking.done());
        if (!passed) {
          const std::error_code error = s.asking.get();
          CAPTURE(error);
          CHECK((error == errc::closed || error == errc::cancelled));
        }
        REQUIRE(s.replying.done());
        s.check_over();
      }
      CHECK(passed);
    }
  }
}

TEST_CASE("tls_stream: a wire cut at every byte of the handshake is the network's fault", "[net]") {
  for (const tls_version version : versions) {
    for (const bool of_client : {true, false}) {
      const std::size_t all = handshake_bytes(version, of_client);
      CHECK(all > 100);
      for (const std::error_code fault :
           {make_error_code(errc::closed), std::error_code{ECONNRESET, std::system_category()}}) {
        const std::size_t stride = fault == errc::closed && !sanitized ? 1 : 13;
        for (std::size_t cut = 0; cut < all; cut += stride) {
          CAPTURE(static_cast<int>(version), of_client, fault, cut);
          stage s{version};
          const auto& end = of_client ? s.ours : s.theirs;
          end->cut_at = cut;
          end->cut_with = fault;
          s.run();
          REQUIRE(s.asking.done());
          REQUIRE(s.replying.done());
          const std::error_code error = of_client ? s.asking.get() : s.replying.get();
          CAPTURE(error);
          CHECK(error == (fault == errc::closed ? make_error_code(errc::tls_truncated) : fault));
          CHECK(error == condition::transient);
          CHECK(s.heard_by_client.empty());
          // signatures differ by a few bytes: the handshake of this run may have been shorter than the measured one
          CHECK((s.heard_by_server.empty() || cut + 10 > all));
          s.check_over();
        }
      }
    }
  }
}

TEST_CASE("tls_stream: a handshake with any byte changed fails, or did not depend on it", "[net]") {
  for (const tls_version version : versions) {
    for (const bool of_client : {true, false}) {
      const std::size_t all = handshake_bytes(version, of_client);
      int failed = 0;
      for (std::size_t at = 0; at + 10 < all; at += sanitized ? 17 : 3) {
        CAPTURE(static_cast<int>(version), of_client, at);
        stage s{version};
        const auto& end = of_client ? s.ours : s.theirs;
        bool changed = false;
        const auto change = [&] {
          const std::size_t first = end->taken.size();
          if (changed || at < first || at >= first + end->received.size()) return;
          char& byte = end->received[at - first];
          byte = static_cast<char>(byte ^ 1);
          changed = true;
        };
        const auto over = [&] {
          change();
          return s.over();
        };
        run_handlers(*s.f, no_limit, over, [] {});
        CHECK(changed);
        if (!s.over()) {  // a length grew: both wait for what never comes
          s.ours->finish(errc::closed);
          s.theirs->finish(errc::closed);
          s.f->poll();
        }
        REQUIRE(s.over());
        const std::error_code client_error = s.asking.get();
        const std::error_code server_error = s.replying.get();
        CAPTURE(client_error, server_error);
        failed += client_error && server_error ? 1 : 0;
        for (const std::error_code error : {client_error, server_error}) {
          CHECK((!error || error == condition::tls_failure || error == errc::tls_truncated ||
                 error == errc::tls_protocol_error || error == condition::transient));
        }
        if (!client_error) {
          s.check_untouched();
        } else {
          CHECK(s.heard_by_client.empty());
        }
        s.check_over();
      }
      CHECK(failed > 10);
    }
  }
}
