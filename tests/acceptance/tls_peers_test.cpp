// tests/acceptance/tls_peers_test.cpp: TLS servers that prove too little, speak the wrong version or break off.
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/sanitizer.hpp>
#include <support/temporary_file.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
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
using strings = std::vector<std::string>;

/// Records of application data that a server decrypts, whatever its library makes of them.
struct data_records {
  explicit data_records(const tls_context& server) {
    SSL_CTX_set_msg_callback(server.native(), &note);
    SSL_CTX_set_msg_callback_arg(server.native(), this);
  }
  static void note(int sent, int, int type, const void* bytes, std::size_t size, SSL* ssl, void* self) {
    const bool inner = type == SSL3_RT_INNER_CONTENT_TYPE;
    const bool outer = type == SSL3_RT_HEADER && SSL_version(ssl) != TLS1_3_VERSION;
    if (sent != 0 || size == 0 || (!inner && !outer)) return;
    if (*static_cast<const unsigned char*>(bytes) == SSL3_RT_APPLICATION_DATA)
      ++static_cast<data_records*>(self)->count;
  }
  int count{0};
};

/// A client that dials, upgrades and talks as soon as it may.
task<std::error_code> talk(timer_queue& timers, tls_context context, std::string host, dial_settings dial) {
  auto dialled = co_await dial_tls(timers, context, host, 443, dial);
  if (!dialled) co_return dialled.error();
  websocket_stream<tls_stream> client{timers, std::move(*dialled)};
  const upgrade_request wanted = plain_request();
  co_return co_await client.upgrade(wanted);
}

struct outcome {
  std::error_code client;
  std::error_code server;
  int data_records;
  std::size_t left_over;  // bytes on the wire that the server never looked at
};

/// One server, met once. Another address must not be tried where the certificate was at fault.
outcome meet(const tls_context& ours, const tls_context& theirs, const std::string& host, bool other_address = true) {
  loop_fixture f;
  listener server{f.loop};
  listener spare{f.loop};
  data_records seen{theirs};
  dial_settings dial;
  dial.addresses = {server.where()};
  if (other_address) dial.addresses.push_back(spare.where());
  auto accepting = f.start(server.accept());
  auto second = f.start(spare.accept());
  auto talking = f.start(talk(f.timers, ours, host, dial));
  REQUIRE(f.run_until([&] { return accepting.done(); }));
  tls_stream stream{accepting.get(), theirs};
  outcome met{};
  met.server = f.run(stream.handshake());
  std::array<char, 1000> buffer{};
  (void)f.run_until([&] {
    if (!met.server) (void)stream.read_some(buffer);
    return talking.done() || seen.count != 0;
  });
  if (!talking.done()) {
    stream.close();
    REQUIRE(f.run_until([&] { return talking.done(); }));
  }
  met.client = talking.get();
  met.data_records = seen.count;
  met.left_over = stream.buffered();
  if (stream.is_open()) {
    const auto more = ::recv(stream.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (more > 0) met.left_over += static_cast<std::size_t>(more);
  }
  CHECK_FALSE(second.done());
  CHECK(f.timers.size() == 0);
  spare.close();
  f.poll();
  return met;
}

tls_settings only(tls_version version) {
  tls_settings settings;
  settings.min_version = settings.max_version = version;
  return settings;
}

tls_context server_with(const issued_certificate& issued, tls_settings settings = {}) {
  settings.role = tls_role::server;
  settings.certificate_pem = issued.certificate_pem;
  settings.key_pem = issued.key_pem;
  return tls_context::make(settings).value();
}

}  // namespace

TEST_CASE("TLS peers: whoever does not prove to be the host gets not one byte", "[acceptance]") {
  certificate_request other_name;
  other_name.common_name = "localhost";
  other_name.dns_names = {"localhost.elsewhere.test", "*.test"};
  certificate_request names_only;
  names_only.addresses.clear();
  certificate_request addresses_only;
  addresses_only.dns_names.clear();
  certificate_request address_as_name;
  address_as_name.dns_names = {"127.0.0.1"};
  address_as_name.addresses.clear();
  const auto stranger = certificate_authority::make("stranger").value();

  const struct {
    const char* what;
    issued_certificate certificate;
    const char* host;
    errc expected;
  } cases[] = {
      {"right", authority().issue(certificate_kind::right).value(), "localhost", errc{}},
      {"wrong host", authority().issue(certificate_kind::wrong_host).value(), "localhost",
       errc::certificate_host_mismatch},
      {"longer name", authority().issue(other_name).value(), "localhost", errc::certificate_host_mismatch},
      {"expired", authority().issue(certificate_kind::expired).value(), "localhost", errc::certificate_expired},
      {"not yet valid", authority().issue(certificate_kind::not_yet_valid).value(), "localhost",
       errc::certificate_not_yet_valid},
      {"self-signed", authority().issue(certificate_kind::self_signed).value(), "localhost",
       errc::certificate_unknown_authority},
      {"unknown authority", stranger.issue(certificate_kind::right).value(), "localhost",
       errc::certificate_unknown_authority},
      {"common name only", authority().issue(certificate_kind::common_name_only).value(), "localhost",
       errc::certificate_host_mismatch},
      {"address wanted, name shown", authority().issue(names_only).value(), "127.0.0.1",
       errc::certificate_host_mismatch},
      {"name wanted, address shown", authority().issue(addresses_only).value(), "localhost",
       errc::certificate_host_mismatch},
      {"address shown as a name", authority().issue(address_as_name).value(), "127.0.0.1",
       errc::certificate_host_mismatch},
      {"another address", authority().issue(certificate_kind::right).value(), "127.0.0.2",
       errc::certificate_host_mismatch},
  };
  for (const tls_version version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    for (const auto& [what, certificate, host, expected] : cases) {
      INFO(what << (version == tls_version::tls_1_2 ? ", TLS 1.2" : ", TLS 1.3"));
      const outcome met = meet(client_context(only(version)), server_with(certificate), host);
      if (expected == errc{}) {
        CHECK(met.data_records == 1);  // the request: so they are counted
        continue;
      }
      CHECK(met.client == expected);
      CHECK(met.client == condition::tls_failure);
      CHECK(met.client != condition::transient);
      CHECK(met.data_records == 0);
      CHECK(met.left_over == 0);
      CHECK(ERR_peek_error() == 0);
    }
  }
}

TEST_CASE("TLS peers: a version that either side does not want ends the handshake", "[acceptance]") {
  const auto certificate = authority().issue(certificate_kind::right).value();
  const auto oldest = [&](int version) {
    tls_context made = server_with(certificate);
    REQUIRE(SSL_CTX_set_min_proto_version(made.native(), TLS1_VERSION) == 1);
    REQUIRE(SSL_CTX_set_max_proto_version(made.native(), version) == 1);
    SSL_CTX_set_security_level(made.native(), 0);
    return made;
  };
  const outcome too_old[] = {
      meet(client_context(only(tls_version::tls_1_3)), server_with(certificate, only(tls_version::tls_1_2)),
           "localhost", false),
      meet(client_context(only(tls_version::tls_1_2)), server_with(certificate, only(tls_version::tls_1_3)),
           "localhost", false),
      meet(client_context(), oldest(TLS1_1_VERSION), "localhost", false),
      meet(client_context(), oldest(TLS1_VERSION), "localhost", false),
      meet(client_context(only(tls_version::tls_1_3)), oldest(TLS1_1_VERSION), "localhost", false),
  };
  for (const outcome& met : too_old) {
    CHECK(met.client == errc::tls_handshake_failed);
    CHECK(met.server);
    CHECK(met.data_records == 0);
  }
}

TEST_CASE("TLS peers: the authority may come as a file", "[acceptance]") {
  const temporary_file file{authority().ca_pem()};
  tls_settings settings;
  settings.ca_file = file.path();
  loop_fixture f;
  const tls_pair trusted{f, tls_context::make(settings).value(), server_context()};
  CHECK_FALSE(trusted.client_error);
  const temporary_file other{certificate_authority::make("stranger").value().ca_pem()};
  settings.ca_file = other.path();
  const tls_pair refused{f, tls_context::make(settings).value(), server_context()};
  CHECK(refused.client_error == errc::certificate_unknown_authority);
}

TEST_CASE("TLS peers: what ALPN agrees on is told, no agreement and no answer are none", "[acceptance]") {
  static const unsigned char http[] = "\x08http/1.1";
  const auto choose = [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned count,
                         void*) {
    unsigned char* chosen = nullptr;
    const int found = SSL_select_next_proto(&chosen, size, http, sizeof http - 1, in, count);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
  };
  const auto agreed = [&](strings offered, bool answers) {
    tls_settings settings;
    settings.alpn = std::move(offered);
    const tls_context theirs = server_context();
    if (answers) SSL_CTX_set_alpn_select_cb(theirs.native(), choose, nullptr);
    loop_fixture f;
    const tls_pair p{f, client_context(settings), theirs};
    CHECK_FALSE(p.client_error);
    return std::string{p.client.protocol()};
  };
  CHECK(agreed({"h2", "http/1.1"}, true) == "http/1.1");
  CHECK(agreed({"h2"}, true).empty());
  CHECK(agreed({"http/1.1"}, false).empty());
  CHECK(agreed({}, true).empty());
}

TEMPLATE_TEST_CASE("TLS peers: an end in the middle of a frame is told, and the half frame dropped",
                   "[acceptance][alone]", tcp_stream, tls_stream) {
  const std::string frame = raw_frame(0x81, "{\"price\":\"123.45\"}");
  for (std::size_t cut = 1; cut < frame.size(); ++cut) {
    INFO("cut at " << cut);
    loop_fixture f;
    websocket_scene<TestType> s{f};
    REQUIRE_FALSE(s.upgrade());
    s.peer.send(raw_frame(0x81, "fine") + frame.substr(0, cut));
    auto reading = f.start(read_to_end(s.client, s.log));
    REQUIRE(f.run_until([&] { return !s.log.events.empty(); }));
    const auto before = std::chrono::steady_clock::now();
    s.peer.stream().close();  // FIN alone
    REQUIRE(f.run_until([&] { return reading.done(); }));
    CHECK(std::chrono::steady_clock::now() - before < bound(100ms));
    const errc expected = std::is_same_v<TestType, tls_stream> ? errc::tls_truncated : errc::websocket_closed_by_peer;
    const std::error_code error = reading.get();
    CHECK(error == expected);
    CHECK(error == condition::transient);
    CHECK(s.log.events == strings{"text:fine"});
    CHECK_FALSE(s.client.peer_close());
  }
}

TEST_CASE("TLS peers: a record that was tampered with ends it, and nothing of it is delivered", "[acceptance][alone]") {
  const tls_version versions[] = {tls_version::tls_1_2, tls_version::tls_1_3};
  for (const tls_version version : versions) {
    for (const int where : {0, 1, 3, 5, 10, 30, -1}) {
      INFO("byte " << where);
      loop_fixture f;
      tls_pair p{f, client_context(only(version)), server_context()};
      REQUIRE_FALSE(p.client_error);
      // A record as the server would send it, caught on a pipe of our own.
      SSL* const server = p.server.native_tls();
      BIO* const caught = BIO_new(BIO_s_mem());
      BIO* const wire = SSL_get_wbio(server);
      REQUIRE(BIO_up_ref(wire) == 1);
      const int handle = p.server.native_handle();
      websocket_stream<tls_stream> client{f.timers, std::move(p.client)};
      client.adopt();
      event_log log;
      auto reading = f.start(read_to_end(client, log));
      const std::string whole = raw_frame(0x81, "fine");
      REQUIRE(p.server.write_some(whole).bytes == whole.size());
      SSL_set0_wbio(server, caught);
      const std::string ghost = raw_frame(0x81, "ghost") + std::string(40, '\0');
      REQUIRE(SSL_write(server, ghost.data(), static_cast<int>(ghost.size())) == static_cast<int>(ghost.size()));
      char* data = nullptr;
      const auto size = static_cast<std::size_t>(BIO_get_mem_data(caught, &data));
      std::string record{data, size};
      SSL_set0_wbio(server, wire);
      char& broken = record[where < 0 ? size - 1 : static_cast<std::size_t>(where)];
      broken = static_cast<char>(broken ^ 0x40);
      // A record that now claims to be longer must not be waited for: what follows is its rest.
      record.resize(record.size() + 20'000, 'x');
      const auto before = std::chrono::steady_clock::now();
      REQUIRE(::send(handle, record.data(), record.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(record.size()));
      REQUIRE(f.run_until([&] { return reading.done(); }));
      CHECK(std::chrono::steady_clock::now() - before < bound(100ms));
      CHECK(reading.get() == errc::tls_protocol_error);
      CHECK(log.events == strings{"text:fine"});
      CHECK(ERR_peek_error() == 0);
    }
  }
}

TEST_CASE("TLS peers: twenty tickets between the messages are no messages", "[acceptance]") {
  loop_fixture f;
  const tls_context theirs = server_context();
  SSL_CTX_set_num_tickets(theirs.native(), 20);
  tls_pair p{f, client_context(), theirs};
  REQUIRE_FALSE(p.client_error);
  SSL* const server = p.server.native_tls();
  websocket_scene<tls_stream> s{f, {std::move(p.client), std::move(p.server)}};
  REQUIRE_FALSE(s.upgrade());
  strings expected;
  auto reading = f.start(read_to_end(s.client, s.log));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(SSL_new_session_ticket(server) == 1);
    const std::string text = "tick " + std::to_string(i);
    s.peer.send(raw_frame(0x81, text));
    expected.push_back("text:" + text);
  }
  REQUIRE(f.run_until([&] { return s.log.events.size() == expected.size(); }));
  CHECK(s.log.events == expected);
  CHECK_FALSE(reading.done());
  s.peer.stream().shutdown();
  REQUIRE(f.run_until([&] { return reading.done(); }));
  CHECK(reading.get() == errc::websocket_closed_by_peer);
}

TEST_CASE("TLS peers: key updates that want answers, from a peer that reads none", "[acceptance]") {
  loop_fixture f;
  tls_pair p{f};
  REQUIRE_FALSE(p.client_error);
  const int small = 4096;
  REQUIRE(::setsockopt(p.client.native_handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
  REQUIRE(::setsockopt(p.server.native_handle(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
  websocket_scene<tls_stream> s{f, {std::move(p.client), std::move(p.server)}};
  REQUIRE_FALSE(s.upgrade());
  auto reading = f.start(read_to_end(s.client, s.log));
  // The client's own messages fill the way back first, up to the last byte that the kernel takes.
  const std::string own(1000, 'c');
  std::size_t sent = 0;
  for (int refused = 0; refused < 100;) {
    const std::error_code error = s.client.send(opcode::text, own);
    sent += !error;
    refused += error == errc::would_block;
    f.poll();
  }
  strings expected;
  std::size_t most = 0;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(SSL_key_update(s.peer.stream().native_tls(), SSL_KEY_UPDATE_REQUESTED) == 1);
    const std::string text = "tick " + std::to_string(i);
    s.peer.send(raw_frame(0x81, text));
    expected.push_back("text:" + text);
    f.poll();
    most = std::max(most, s.client.next_layer().unsent() + s.client.unsent());
  }
  CHECK(most > 40'000);
  CHECK(most <= 64 * 1024);
  // Once the peer reads, everything has arrived on both sides.
  std::size_t heard = 0;
  REQUIRE(f.run_until([&] {
    for (const std::string& frame : s.peer.frames(0)) heard += frame == "1:" + own;
    return s.log.events.size() == expected.size() && heard == sent;
  }));
  CHECK(s.client.unsent() + s.client.next_layer().unsent() == 0);
  CHECK(s.log.events == expected);
  CHECK_FALSE(s.peer.ended());
  CHECK_FALSE(reading.done());
}

TEST_CASE("TLS peers: a renegotiation in the middle of data is refused and costs nothing", "[acceptance]") {
  loop_fixture f;
  tls_pair p{f, client_context(only(tls_version::tls_1_2)), server_context()};
  REQUIRE_FALSE(p.client_error);
  SSL* const server = p.server.native_tls();
  SSL_clear_options(server, SSL_OP_NO_RENEGOTIATION);
  websocket_scene<tls_stream> s{f, {std::move(p.client), std::move(p.server)}};
  REQUIRE_FALSE(s.upgrade());
  auto reading = f.start(read_to_end(s.client, s.log));
  // The server asks again and again, and goes on talking without looking at the refusals.
  strings expected;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(SSL_renegotiate(server) == 1);
    (void)SSL_do_handshake(server);  // the HelloRequest
    s.peer.send(raw_frame(0x81, std::to_string(i)));
    expected.push_back("text:" + std::to_string(i));
    f.poll();
  }
  REQUIRE(f.run_until([&] { return s.log.events.size() == expected.size(); }));
  CHECK(s.log.events == expected);
  CHECK_FALSE(reading.done());
  CHECK(SSL_num_renegotiations(s.client.next_layer().native_tls()) == 0);
  CHECK(s.client.next_layer().unsent() == 0);
}

TEST_CASE("TLS peers: errors that others leave in OpenSSL's queue do not end a session", "[acceptance]") {
  loop_fixture f;
  websocket_scene<tls_stream> s{f};
  REQUIRE_FALSE(s.upgrade());
  struct careless : event_log {
    void on_message(message_kind kind, std::string_view payload) {
      ERR_raise(ERR_LIB_USER, 1);  // a handler that uses OpenSSL for its own ends
      event_log::on_message(kind, payload);
    }
    void on_ping(std::string_view payload) { event_log::on_ping(payload); }
    void on_pong(std::string_view payload) { event_log::on_pong(payload); }
    void on_close(const close_info& info) { event_log::on_close(info); }
  };
  careless log;
  auto reading = f.start(read_to_end(s.client, log));
  for (int i = 0; i < 200; ++i) {
    s.peer.send(raw_frame(0x81, std::to_string(i)) + raw_frame(0x89, "p"));
    ERR_raise(ERR_LIB_USER, 2);
    REQUIRE_FALSE(s.client.send(opcode::text, "c"));
    f.poll();
  }
  REQUIRE(f.run_until([&] { return log.events.size() == 400; }));
  CHECK_FALSE(reading.done());
  CHECK(s.peer.frames(400).size() == 400);
  ERR_clear_error();
}
