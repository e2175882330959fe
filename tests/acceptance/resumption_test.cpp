// tests/acceptance/resumption_test.cpp: when a second TLS connection takes up the session of the first, and when not.
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/tls_stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/quiet_venue.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;

tls_settings only(tls_version version) {
  tls_settings settings;
  settings.min_version = settings.max_version = version;
  return settings;
}
constexpr tls_version versions[] = {tls_version::tls_1_2, tls_version::tls_1_3};
const char* name(tls_version version) { return version == tls_version::tls_1_2 ? "TLS 1.2" : "TLS 1.3"; }

/// A server's context that notes how many clients offered it a session.
struct watched_server {
  explicit watched_server(tls_context as) : context{std::move(as)} {
    SSL_CTX_set_client_hello_cb(context.native(), &note, this);
  }
  watched_server(const watched_server&) = delete;
  watched_server& operator=(const watched_server&) = delete;
  static int note(SSL* ssl, int*, void* self) {
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    const bool key = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &data, &size) == 1;
    const bool ticket = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_session_ticket, &data, &size) == 1 && size != 0;
    static_cast<watched_server*>(self)->offers += key || ticket;
    return SSL_CLIENT_HELLO_SUCCESS;
  }

  tls_context context;
  int offers{0};
};

enum class ending { orderly, client_gone, client_reset, server_reset, truncated };
constexpr ending endings[] = {ending::orderly, ending::client_gone, ending::client_reset, ending::server_reset,
                              ending::truncated};

std::error_code read_error(loop_fixture& f, tls_stream& stream) {
  std::array<char, 1000> buffer{};
  io_result got;
  (void)f.run_until([&] { return (got = stream.read_some(buffer)).error && got.error != errc::would_block; });
  return got.error;
}

/// One connection over which data goes both ways, and its end. Whether it took up a session.
bool visit(const tls_context& ours, const tls_context& theirs, ending how = ending::orderly,
           const std::string& host = "localhost") {
  loop_fixture f;
  tls_pair p{f, ours, theirs, host};
  REQUIRE_FALSE(p.client_error);
  REQUIRE_FALSE(p.server_error);
  CHECK(p.client.resumed() == (SSL_session_reused(p.server.native_tls()) == 1));
  CHECK(foxtrot_test::exchange(f, p.client, p.server, 5'000));
  switch (how) {
    case ending::orderly:
      p.server.shutdown();
      CHECK(read_error(f, p.client) == errc::closed);
      p.client.shutdown();
      break;
    case ending::client_gone: p.client.close(); break;
    case ending::client_reset: p.client.reset(); break;
    case ending::server_reset:
      p.server.reset();
      CHECK(read_error(f, p.client) == std::errc::connection_reset);
      break;
    case ending::truncated:
      CHECK(p.server.write_some(std::string("half")).bytes == 4);
      p.server.close();
      CHECK(read_error(f, p.client) == errc::tls_truncated);
      break;
  }
  const bool resumed = p.client.resumed();
  return resumed;
}

/// One side sends what is no record of TLS; the other finds out, and tells it by an alert.
void fail(loop_fixture& f, tls_pair& p, bool client_finds = true) {
  tls_stream& finder = client_finds ? p.client : p.server;
  tls_stream& forger = client_finds ? p.server : p.client;
  const std::string forged = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
  CHECK(forger.next_layer().write_some(forged).bytes == forged.size());
  CHECK(read_error(f, finder) == errc::tls_protocol_error);
  CHECK(read_error(f, forger) == errc::tls_protocol_error);
}

/// A handshake that is expected to fail.
std::error_code refused(const tls_context& ours, const tls_context& theirs) {
  loop_fixture f;
  const tls_pair p{f, ours, theirs};
  return p.client_error;
}

}  // namespace

TEST_CASE("resumption: the second connection resumes, however the first one ended", "[acceptance]") {
  for (const tls_version version : versions) {
    for (const ending how : endings) {
      INFO(name(version) << ", ending " << static_cast<int>(how));
      const tls_context ours = client_context(only(version));
      const tls_context theirs = server_context();
      CHECK_FALSE(visit(ours, theirs, how));
      for (int again = 0; again < 5; ++again) CHECK(visit(ours, theirs, how));
      CHECK(ERR_peek_error() == 0);
    }
  }
}

TEST_CASE("resumption: a ticket is good for one connection", "[acceptance]") {
  const tls_context ours = client_context(only(tls_version::tls_1_3));
  watched_server theirs{server_context()};
  SSL_CTX_set_num_tickets(theirs.context.native(), 1);
  CHECK_FALSE(visit(ours, theirs.context));
  CHECK(ours.sessions() == 1);
  SSL_CTX_set_num_tickets(theirs.context.native(), 0);  // no more from here on
  CHECK(visit(ours, theirs.context));
  CHECK(ours.sessions() == 0);
  CHECK(theirs.offers == 1);
  CHECK_FALSE(visit(ours, theirs.context));
  CHECK(theirs.offers == 1);
}

TEST_CASE("resumption: of two connections at once only one gets the ticket", "[acceptance]") {
  const tls_context ours = client_context(only(tls_version::tls_1_3));
  watched_server theirs{server_context()};
  SSL_CTX_set_num_tickets(theirs.context.native(), 1);
  CHECK_FALSE(visit(ours, theirs.context));
  SSL_CTX_set_num_tickets(theirs.context.native(), 0);
  loop_fixture f;
  tcp_pair one{f};
  tcp_pair other{f};
  tls_stream clients[] = {{std::move(one.client), ours}, {std::move(other.client), ours}};
  tls_stream servers[] = {{std::move(one.server), theirs.context}, {std::move(other.server), theirs.context}};
  auto first = f.start(clients[0].handshake("localhost"));
  auto second = f.start(clients[1].handshake("localhost"));
  CHECK_FALSE(f.run(servers[0].handshake()));
  CHECK_FALSE(f.run(servers[1].handshake()));
  REQUIRE(f.run_until([&] { return first.done() && second.done(); }));
  CHECK_FALSE(first.get());
  CHECK_FALSE(second.get());
  CHECK(clients[0].resumed() != clients[1].resumed());
  CHECK(theirs.offers == 1);
}

TEST_CASE("resumption: what is kept is not the connection's own session, which OpenSSL goes on using", "[acceptance]") {
  for (const tls_version version : versions) {
    INFO(name(version));
    const tls_context ours = client_context(only(version));
    const tls_context theirs = server_context();
    for (const bool again : {false, true}) {
      loop_fixture f;
      tls_pair p{f, ours, theirs};
      CHECK(p.client.resumed() == again);
      CHECK(foxtrot_test::exchange(f, p.client, p.server, 1000));
      std::vector<detail::tls_session_store::entry> kept;
      const std::string server = std::string("localhost") + '\0';
      while (true) {
        auto each = ours.session_store()->take(server);
        if (!each.session) break;
        CHECK(each.session.get() != SSL_get0_session(p.client.native_tls()));
        kept.push_back(std::move(each));
      }
      REQUIRE_FALSE(kept.empty());
      ours.session_store()->put(server, kept.front().failed, *kept.front().session);
    }
  }
}

TEST_CASE("resumption: a connection that fails takes its sessions with it, and no others", "[acceptance]") {
  for (const tls_version version : versions) {
    for (const bool first_fails : {true, false}) {
      for (const bool client_finds : {true, false}) {  // and tells the other by an alert
        INFO(name(version) << (first_fails ? ", the first" : ", the second")
                           << (client_finds ? ", client" : ", server"));
        const tls_context ours = client_context(only(version));
        const tls_context theirs = server_context();
        SSL_CTX_set_num_tickets(theirs.native(), 3);
        CHECK_FALSE(visit(ours, theirs, ending::orderly, "127.0.0.1"));
        const std::size_t of_others = ours.sessions();
        loop_fixture f;
        tls_pair first{f, ours, theirs};
        CHECK(foxtrot_test::exchange(f, first.client, first.server, 1000));
        tls_pair second{f, ours, theirs};
        CHECK(foxtrot_test::exchange(f, second.client, second.server, 1000));
        CHECK(second.client.resumed());

        fail(f, first_fails ? first : second, client_finds);
        // In TLS 1.2 both have the same secret; in 1.3 the second took one of the first's tickets and got one.
        const std::size_t left = version == tls_version::tls_1_2 ? 0 : first_fails ? 1 : 2;
        CHECK(ours.sessions() == of_others + left);
        CHECK(visit(ours, theirs) == (left != 0));
        CHECK(visit(ours, theirs, ending::orderly, "127.0.0.1"));
      }
    }
  }
}

TEST_CASE("resumption: a connection that fails leaves the sessions of those that asked for its own in vain",
          "[acceptance]") {
  const struct {
    tls_version first;
    tls_version second;
  } cases[] = {{tls_version::tls_1_2, tls_version::tls_1_2},
               {tls_version::tls_1_3, tls_version::tls_1_3},
               {tls_version::tls_1_2, tls_version::tls_1_3}};
  for (const auto& each : cases) {
    INFO(name(each.first) << ", then " << name(each.second));
    const tls_context ours = client_context();
    const tls_context theirs = server_context(certificate_kind::right, only(each.first));
    const tls_context restarted = server_context(certificate_kind::right, only(each.second));
    loop_fixture f;
    tls_pair first{f, ours, theirs};
    CHECK(foxtrot_test::exchange(f, first.client, first.server, 1000));
    tls_pair second{f, ours, restarted};
    CHECK_FALSE(second.client.resumed());
    CHECK(foxtrot_test::exchange(f, second.client, second.server, 1000));
    fail(f, first);
    CHECK(ours.sessions() == (each.second == tls_version::tls_1_2 ? 1 : 2));
    CHECK(visit(ours, restarted));
  }
}

TEST_CASE("resumption: a server that keeps its sessions itself does so however a connection ended", "[acceptance]") {
  for (const tls_version version : versions) {
    for (const ending how : endings) {
      INFO(name(version) << ", ending " << static_cast<int>(how));
      const tls_context ours = client_context(only(version));
      const tls_context theirs = server_context();
      SSL_CTX_set_options(theirs.native(), SSL_OP_NO_TICKET);
      CHECK_FALSE(visit(ours, theirs, how));
      CHECK(visit(ours, theirs, how));
    }
  }
}

TEST_CASE("resumption: a server that forgot gets a full handshake", "[acceptance]") {
  for (const tls_version version : versions) {
    INFO(name(version));
    const tls_context ours = client_context(only(version));
    CHECK_FALSE(visit(ours, server_context()));
    watched_server restarted{server_context()};  // with other keys for its tickets
    CHECK_FALSE(visit(ours, restarted.context));
    CHECK(restarted.offers == 1);
    // The newest session is offered first: the restarted server's own.
    CHECK(visit(ours, restarted.context));
  }
}

TEST_CASE("resumption: another name or another service is never offered the session", "[acceptance]") {
  for (const tls_version version : versions) {
    INFO(name(version));
    const tls_context ours = client_context(only(version));
    watched_server theirs{server_context()};
    CHECK_FALSE(visit(ours, theirs.context));
    REQUIRE(ours.sessions() != 0);
    CHECK_FALSE(visit(ours, theirs.context, ending::orderly, "127.0.0.1"));
    CHECK(theirs.offers == 0);
    CHECK(visit(ours, theirs.context));
    CHECK(theirs.offers == 1);

    loop_fixture f;
    tcp_pair wire{f};
    tls_stream client{std::move(wire.client), ours};
    tls_stream server{std::move(wire.server), theirs.context};
    auto shaking = f.start(client.handshake("localhost", "another port"));
    CHECK_FALSE(f.run(server.handshake()));
    REQUIRE(f.run_until([&] { return shaking.done(); }));
    CHECK_FALSE(client.resumed());
    CHECK(theirs.offers == 1);
  }
}

TEST_CASE("resumption: dialling tells servers on different ports apart", "[acceptance]") {
  loop_fixture f;
  const tls_context ours = client_context();
  watched_server theirs{server_context()};
  listener ports[] = {listener{f.loop}, listener{f.loop}};
  const auto dial = [&](std::size_t which) {
    dial_settings settings;
    settings.addresses = {ports[which].where()};
    auto accepting = f.start(ports[which].accept());
    auto dialling = f.start(dial_tls(f.timers, ours, "localhost", 443, settings));
    REQUIRE(f.run_until([&] { return accepting.done(); }));
    tls_stream server{accepting.get(), theirs.context};
    CHECK_FALSE(f.run(server.handshake()));
    REQUIRE(f.run_until([&] { return dialling.done(); }));
    auto client = dialling.get();
    REQUIRE(client);
    CHECK(foxtrot_test::exchange(f, *client, server, 1000));
    return client->resumed();
  };
  CHECK_FALSE(dial(0));
  CHECK_FALSE(dial(1));
  CHECK(theirs.offers == 0);
  CHECK(dial(0));
  CHECK(dial(1));
  CHECK(theirs.offers == 2);
}

TEST_CASE("resumption: what is kept is bounded, for a server and in total", "[acceptance]") {
  const tls_context ours = client_context();
  const tls_context theirs = server_context();
  SSL_CTX_set_num_tickets(theirs.native(), 20);
  CHECK_FALSE(visit(ours, theirs));
  CHECK(ours.sessions() >= 1);
  CHECK(ours.sessions() <= 4);
  for (int service = 0; service < 50; ++service) {
    loop_fixture f;
    tcp_pair wire{f};
    tls_stream client{std::move(wire.client), ours};
    tls_stream server{std::move(wire.server), theirs};
    auto shaking = f.start(client.handshake("localhost", std::to_string(service)));
    CHECK_FALSE(f.run(server.handshake()));
    REQUIRE(f.run_until([&] { return shaking.done(); }));
    CHECK(foxtrot_test::exchange(f, client, server, 100));
  }
  CHECK(ours.sessions() <= 64);
}

TEST_CASE("resumption: a certificate that was refused leaves nothing to resume", "[acceptance]") {
  for (const tls_version version : versions) {
    for (const certificate_kind kind :
         {certificate_kind::wrong_host, certificate_kind::expired, certificate_kind::not_yet_valid,
          certificate_kind::self_signed, certificate_kind::common_name_only}) {
      INFO(name(version) << ", certificate " << static_cast<int>(kind));
      const tls_context ours = client_context(only(version));
      const tls_context impostor = server_context(kind);
      const std::error_code first = refused(ours, impostor);
      CHECK(first == condition::tls_failure);
      CHECK(ours.sessions() == 0);
      CHECK(refused(ours, impostor) == first);
    }
  }
}

TEST_CASE("resumption: whoever cannot read the ticket has to show a right certificate", "[acceptance]") {
  for (const tls_version version : versions) {
    INFO(name(version));
    const tls_context ours = client_context(only(version));
    const tls_context theirs = server_context();
    CHECK_FALSE(visit(ours, theirs));
    CHECK(refused(ours, server_context(certificate_kind::self_signed)) == errc::certificate_unknown_authority);
    CHECK(refused(ours, server_context(certificate_kind::wrong_host)) == errc::certificate_host_mismatch);
    (void)visit(ours, theirs);
    CHECK(visit(ours, theirs));  // no harm done
  }
}

TEST_CASE("resumption: a session that is cut off resumes on its way back", "[acceptance]") {
  loop_fixture f;
  listener from{f.loop};
  const tls_context theirs = server_context();
  dial_settings dial;
  dial.addresses = {from.where()};
  session_settings settings;
  settings.retry = {.base = std::chrono::milliseconds{1}, .cap = std::chrono::milliseconds{1}};
  tls_session session{client_context(), dial, settings};
  session.manager.start();
  for (int round = 0; round < 4; ++round) {
    INFO("round " << round);
    const auto turn = [&](auto done) {
      REQUIRE(f.run_until([&] {
        session.poll();
        (void)session.advance_to_next(session.time.now() + std::chrono::milliseconds{1});
        return done();
      }));
    };
    auto accepting = f.start(from.accept());
    turn([&] { return accepting.done(); });
    tls_stream stream{accepting.get(), theirs};
    auto shaking = f.start(stream.handshake());
    turn([&] { return shaking.done(); });
    CHECK_FALSE(shaking.get());
    CHECK((SSL_session_reused(stream.native_tls()) == 1) == (round != 0));
    raw_peer<tls_stream> peer{f, std::move(stream)};
    turn([&] { return peer.heard().find("\r\n\r\n") != std::string::npos; });
    const int messages = session.venue.messages;
    peer.send(switching_protocols(peer.heard()) + raw_frame(0x81, "tick"));
    turn([&] { return session.venue.messages == messages + 1; });
    if (round % 2 == 0) {
      peer.stream().reset();
    } else {
      peer.stream().close();
    }
  }
  CHECK(session.out.counters().failed_attempts.get() == 0);
}

TEST_CASE("resumption: threads share one context", "[acceptance]") {
  const tls_context ours = client_context();
  const tls_context theirs = server_context();
  std::atomic<int> resumed{0};
  std::atomic<int> failed{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 25; ++round) {
          loop_fixture f;
          tls_pair p{f, ours, theirs};
          if (p.client_error || p.server_error || !foxtrot_test::exchange(f, p.client, p.server, 1000)) ++failed;
          resumed += p.client.resumed();
          if (round % 8 != 7) continue;  // what is left is a connection that is dropped, or one that fails
          const std::string forged = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
          std::array<char, 100> buffer{};
          io_result got;
          (void)p.server.next_layer().write_some(forged);
          (void)f.run_until([&] { return (got = p.client.read_some(buffer)).error != errc::would_block; });
          if (got.error != errc::tls_protocol_error) ++failed;
        }
      });
    }
  }
  CHECK(failed == 0);
  CHECK(resumed > 50);
  CHECK(ours.sessions() <= 4);
}
