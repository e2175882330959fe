#include <foxtrot/net/tls_stream.hpp>

#include <support/eventually.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/socket.h>

using namespace foxtrot;
using namespace foxtrot_test;

namespace {

tls_settings only(tls_version version) {
  tls_settings settings;
  settings.min_version = settings.max_version = version;
  return settings;
}

std::error_code first_error(loop_fixture& f, tls_stream& stream) {
  std::array<char, 100> buffer{};
  while (true) {
    const io_result got = stream.read_some(buffer);
    if (got.error && got.error != errc::would_block) return got.error;
    if (got.error) {
      if (const auto error = f.run(stream.wait_readable())) return error;
    }
  }
}

using memory_tls = basic_tls_stream<memory_stream>;

/// Both ends after their handshake, over memory: what one has written the other gets with its next read, all at once.
struct memory_pair {
  explicit memory_pair(loop_fixture& f) : memory_pair{f, memory_stream::make_pair(f.loop)} {}

  /// How much more than it has read the server may be sent, in bytes.
  void room(std::size_t bytes) { server.next_layer().end()->capacity = bytes; }

  memory_tls client;
  memory_tls server;

 private:
  memory_pair(loop_fixture& f, std::pair<memory_stream, memory_stream> wire)
      : client{std::move(wire.first), client_context()}, server{std::move(wire.second), server_context()} {
    auto shaking = f.start(client.handshake("localhost"));
    auto answering = f.start(server.handshake());
    f.poll();
    REQUIRE(shaking.done());
    REQUIRE_FALSE(shaking.get());
    REQUIRE(answering.done());
    REQUIRE_FALSE(answering.get());
  }
};

/// A client that has received more requests for replies than it may keep replies for, from a peer that reads none.
struct blocked_replies : memory_pair {
  explicit blocked_replies(loop_fixture& f) : memory_pair{f} {
    room(0);
    for (int i = 0; i < 4000; ++i) {
      REQUIRE(SSL_key_update(server.native_tls(), SSL_KEY_UPDATE_REQUESTED) == 1);
      REQUIRE(server.write_some(std::string(1, 'x')).bytes == 1);
    }
    std::array<char, 100> buffer{};
    std::size_t seen = 0;
    io_result got;
    while (!(got = client.read_some(buffer)).error) seen += got.bytes;
    REQUIRE(got.error == errc::would_block);
    REQUIRE(seen < 4000);
  }
};

void count_key_update(int sent, int, int content, const void* message, std::size_t size, SSL*, void* count) {
  const bool is_one = sent == 0 && content == SSL3_RT_HANDSHAKE && size != 0 &&
                      *static_cast<const unsigned char*>(message) == SSL3_MT_KEY_UPDATE;
  if (is_one) ++*static_cast<int*>(count);
}

}  // namespace

TEST_CASE("tls_stream: megabytes both ways in odd slices, TLS 1.2 and 1.3", "[net]") {
  for (const tls_version version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    loop_fixture f;
    tls_pair p{f, client_context(only(version)), server_context()};
    REQUIRE(p.client_error == std::error_code{});
    REQUIRE(p.server_error == std::error_code{});
    CHECK(p.client.version() == (version == tls_version::tls_1_2 ? "TLSv1.2" : "TLSv1.3"));
    CHECK(exchange(f, p.client, p.server, 3'000'000));
    tls_stream moved = std::move(p.client);  // OpenSSL must not notice
    CHECK(exchange(f, moved, p.server, 100'000));
  }
}

TEST_CASE("tls_stream: the certificate decides, by its own kind of error", "[net]") {
  const struct {
    certificate_kind kind;
    const char* host;
    errc expected;
  } cases[] = {
      {certificate_kind::right, "localhost", errc{}},
      {certificate_kind::right, "127.0.0.1", errc{}},
      {certificate_kind::right, "::1", errc{}},
      {certificate_kind::right, "elsewhere.test", errc::certificate_host_mismatch},
      {certificate_kind::right, "127.0.0.2", errc::certificate_host_mismatch},
      {certificate_kind::wrong_host, "localhost", errc::certificate_host_mismatch},
      {certificate_kind::wrong_host, "127.0.0.1", errc::certificate_host_mismatch},
      {certificate_kind::expired, "localhost", errc::certificate_expired},
      {certificate_kind::not_yet_valid, "localhost", errc::certificate_not_yet_valid},
      {certificate_kind::self_signed, "localhost", errc::certificate_unknown_authority},
      {certificate_kind::common_name_only, "localhost", errc::certificate_host_mismatch},
  };
  for (const auto& [kind, host, expected] : cases) {
    CAPTURE(static_cast<int>(kind), host);
    loop_fixture f;
    const tls_pair p{f, client_context(), server_context(kind), host};
    CHECK(p.client_error == (expected == errc{} ? std::error_code{} : make_error_code(expected)));
    CHECK((p.client_error == condition::tls_failure) == (expected != errc{}));
    CHECK(ERR_peek_error() == 0);
  }
}

TEST_CASE("tls_stream: an unknown authority is refused, and verification can be switched off", "[net]") {
  const auto stranger = certificate_authority::make("stranger").value();
  tls_settings settings;
  settings.ca_pem = stranger.ca_pem();
  loop_fixture f;
  const tls_pair refused{f, client_context(settings), server_context()};
  CHECK(refused.client_error == errc::certificate_unknown_authority);
  CHECK(refused.server_error);
  settings.verify = false;
  const tls_pair blind{f, client_context(settings), server_context(certificate_kind::expired), ""};
  CHECK(blind.client_error == std::error_code{});
}

TEST_CASE("tls_stream: a verifying client must know whom to expect; the name travels as SNI, an address does not",
          "[net]") {
  loop_fixture f;
  tcp_pair wire{f};
  tls_stream nameless{std::move(wire.client), client_context()};
  CHECK(f.run(nameless.handshake("")) == errc::bad_argument);
  const tls_pair named{f};
  CHECK(std::string{SSL_get_servername(named.server.native_tls(), TLSEXT_NAMETYPE_host_name)} == "localhost");
  const tls_pair numbered{f, client_context(), server_context(), "127.0.0.1"};
  CHECK(SSL_get_servername(numbered.server.native_tls(), TLSEXT_NAMETYPE_host_name) == nullptr);
}

TEST_CASE("tls_stream: close_notify is an orderly end, a bare FIN is truncation, a reset is a reset", "[net]") {
  loop_fixture f;
  {
    tls_pair p{f};
    p.server.shutdown();
    p.server.close();
    CHECK(first_error(f, p.client) == errc::closed);
    std::array<char, 1> byte{};
    CHECK(p.client.read_some(byte).error == errc::closed);
  }
  {
    tls_pair p{f};
    CHECK(p.server.write_some(std::string{"half a frame"}).bytes == 12);
    p.server.close();
    CHECK(first_error(f, p.client) == errc::tls_truncated);
    std::array<char, 1> byte{};
    CHECK(p.client.read_some(byte).error == errc::tls_truncated);  // sticky
  }
  {
    tls_pair p{f};
    p.server.reset();
    CHECK(first_error(f, p.client) == condition::transient);
  }
}

TEST_CASE("tls_stream: garbage on the wire is a protocol error", "[net]") {
  loop_fixture f;
  tls_pair p{f};
  const std::string garbage(100, 'G');
  REQUIRE(::send(p.server.native_handle(), garbage.data(), garbage.size(), MSG_NOSIGNAL) == 100);
  CHECK(first_error(f, p.client) == errc::tls_protocol_error);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("tls_stream: a peer that hangs up or talks nonsense during the handshake", "[net]") {
  loop_fixture f;
  {
    tcp_pair wire{f};
    tls_stream client{std::move(wire.client), client_context()};
    auto shaking = f.start(client.handshake("localhost"));
    f.poll();
    wire.server.shutdown_write();
    REQUIRE(f.run_until([&] { return shaking.done(); }));
    CHECK(shaking.get() == errc::tls_truncated);
  }
  {
    tcp_pair wire{f};
    tls_stream client{std::move(wire.client), client_context()};
    auto shaking = f.start(client.handshake("localhost"));
    CHECK(wire.server.write_some(std::string{"HTTP/1.1 400 Bad Request\r\n\r\n"}).bytes != 0);
    REQUIRE(f.run_until([&] { return shaking.done(); }));
    CHECK(shaking.get() == errc::tls_handshake_failed);
  }
  {
    tcp_pair wire{f};
    auto client = std::make_unique<tls_stream>(std::move(wire.client), client_context());
    auto shaking = f.start(client->handshake("localhost"));
    f.poll();
    client.reset();  // destroyed under its handshake
    REQUIRE(f.run_until([&] { return shaking.done(); }));
    CHECK(shaking.get() == errc::cancelled);
  }
}

TEST_CASE("tls_stream: somebody else's OpenSSL error is not taken for ours", "[net]") {
  loop_fixture f;
  tls_pair p{f};
  std::array<char, 10> buffer{};
  ERR_raise(ERR_LIB_USER, 1);
  CHECK(p.client.read_some(buffer).error == errc::would_block);
  ERR_raise(ERR_LIB_USER, 1);
  CHECK(p.client.write_some(std::string{"x"}).bytes == 1);
  ERR_raise(ERR_LIB_USER, 1);
  CHECK(f.run(read_all(p.server, 1)) == "x");
  ERR_raise(ERR_LIB_USER, 1);
  CHECK(exchange(f, p.client, p.server, 1000));
  ERR_clear_error();
}

TEST_CASE("tls_stream: one socket read feeds many records, and says when it is used up", "[net]") {
  loop_fixture f;
  tls_pair p{f};
  for (int i = 0; i < 5; ++i) REQUIRE(p.server.write_some(std::string(10, static_cast<char>('a' + i))).bytes == 10);
  std::array<char, 64> buffer{};
  std::string seen;
  io_result got;
  while ((got = p.client.read_some(buffer)).error == errc::would_block) REQUIRE_FALSE(f.run(p.client.wait_readable()));
  seen.append(buffer.data(), got.bytes);
  while (p.client.buffered() != 0) {
    got = p.client.read_some(buffer);
    REQUIRE_FALSE(got.error);
    seen.append(buffer.data(), got.bytes);
  }
  CHECK(p.client.drained());
  CHECK(seen == "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee");
}

TEST_CASE("tls_stream: what waits to be sent is bounded, and arrives once the peer reads", "[net]") {
  loop_fixture f;
  tls_pair p{f};
  const std::string chunk(100'000, 'x');
  std::size_t sent = 0;
  std::size_t most = 0;
  io_result went;
  while (!(went = p.client.write_some(chunk)).error) {
    sent += went.bytes;
    most = std::max(most, p.client.unsent());
  }
  CHECK(went.error == errc::would_block);
  CHECK(most > 0);
  CHECK(most <= 64 * 1024);
  CHECK(p.client.flush() == errc::would_block);
  auto reading = f.start(read_all(p.server, sent));
  auto waiting = f.start(p.client.wait_readable());  // sends meanwhile
  REQUIRE(f.run_until([&] { return reading.done(); }));
  CHECK(reading.get() == std::string(sent, 'x'));
  CHECK(p.client.unsent() == 0);
  waiting.cancel();
  f.run_until([&] { return waiting.done(); });
}

TEST_CASE("tls_stream: a thousand key updates that want answers lose nothing", "[net]") {
  loop_fixture f;
  tls_pair p{f};
  std::string expected;
  std::string seen;
  std::array<char, 100> buffer{};
  std::size_t most = 0;
  const auto read = [&] {
    io_result got;
    while (!(got = p.client.read_some(buffer)).error) seen.append(buffer.data(), got.bytes);
    most = std::max(most, p.client.unsent());
    return got.error;
  };
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(SSL_key_update(p.server.native_tls(), SSL_KEY_UPDATE_REQUESTED) == 1);
    const std::string byte(1, static_cast<char>('a' + i % 26));
    REQUIRE(p.server.write_some(byte).bytes == 1);
    expected += byte;
    if (i % 100 == 99) CHECK(read() == errc::would_block);
  }
  REQUIRE(f.run_until([&] {
    CHECK(read() == errc::would_block);
    return seen.size() == expected.size();
  }));
  CHECK(seen == expected);
  CHECK(most <= 64 * 1024);
  std::array<char, 10> ignored{};
  CHECK(p.server.read_some(ignored).error == errc::would_block);  // the answers were proper ones
  CHECK(exchange(f, p.client, p.server, 100'000));
}

TEST_CASE("tls_stream: renegotiation is refused and the connection lives on", "[net]") {
  loop_fixture f;
  tls_pair p{f, client_context(only(tls_version::tls_1_2)), server_context()};
  REQUIRE_FALSE(p.client_error);
  SSL_clear_options(p.server.native_tls(), SSL_OP_NO_RENEGOTIATION);
  REQUIRE(SSL_renegotiate(p.server.native_tls()) == 1);
  (void)SSL_do_handshake(p.server.native_tls());  // the HelloRequest
  REQUIRE_FALSE(p.server.flush());
  std::array<char, 100> buffer{};
  CHECK(f.run(p.client.wait_readable()) == std::error_code{});
  CHECK(p.client.read_some(buffer).error == errc::would_block);
  CHECK(p.client.is_open());
  CHECK(SSL_num_renegotiations(p.client.native_tls()) == 0);
}

TEST_CASE("tls_stream: the next connection takes up a session, once, however the last one ended", "[net]") {
  loop_fixture f;
  for (const tls_version version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    tls_settings settings;
    settings.min_version = settings.max_version = version;
    const tls_context ours = client_context(settings);
    const tls_context theirs = server_context(certificate_kind::right, settings);
    for (int round = 0; round < 4; ++round) {
      tls_pair pair{f, ours, theirs};
      REQUIRE_FALSE(pair.client_error);
      CHECK(pair.client.resumed() == (round != 0));
      CHECK(exchange(f, pair.client, pair.server, 1000));  // tickets come with the data
      CHECK(ours.sessions() != 0);
      CHECK(ours.sessions() <= 4);
      if (round == 0) pair.client.shutdown();
      if (round == 1) pair.server.reset();
      if (round == 2) pair.client.reset();
    }
    const tls_context forgetful = server_context(certificate_kind::right, settings);
    tls_pair pair{f, ours, forgetful};
    CHECK_FALSE(pair.client_error);
    CHECK_FALSE(pair.client.resumed());
  }
}

TEST_CASE("tls_stream: no session where the context does not want one, or for another name", "[net]") {
  loop_fixture f;
  tls_settings settings;
  const tls_context ours = client_context(settings);
  const tls_context theirs = server_context();
  {
    tls_pair pair{f, ours, theirs};
    CHECK(exchange(f, pair.client, pair.server, 1000));
  }
  CHECK(ours.sessions() != 0);
  {
    tls_pair pair{f, ours, theirs, "127.0.0.1"};
    CHECK_FALSE(pair.client_error);
    CHECK_FALSE(pair.client.resumed());
  }
  settings.resume = false;
  const tls_context plain = client_context(settings);
  for (int round = 0; round < 2; ++round) {
    tls_pair pair{f, plain, theirs};
    CHECK(exchange(f, pair.client, pair.server, 1000));
    CHECK_FALSE(pair.client.resumed());
    CHECK(plain.sessions() == 0);
  }
}

TEST_CASE("tls_stream: after a shutdown, or two, nothing is written, and all is read", "[net]") {
  loop_fixture f;
  for (const tls_version version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
    const tls_context ours = client_context(only(version));
    tls_pair p{f, ours, server_context()};
    REQUIRE(p.server.write_some(std::string("first")).bytes == 5);
    REQUIRE(p.server.write_some(std::string("waits")).bytes == 5);
    std::array<char, 5> buffer{};
    io_result got;
    REQUIRE(f.run_until([&] { return (got = p.client.read_some(buffer)).error != errc::would_block; }));
    CHECK(std::string_view(buffer.data(), got.bytes) == "first");
    CHECK(p.client.buffered() != 0);
    const std::size_t sessions = ours.sessions();
    REQUIRE(sessions != 0);
    p.client.shutdown();
    p.client.shutdown();
    CHECK(p.client.write_some(std::string("late")).error == errc::closed);
    REQUIRE(p.server.write_some(std::string("after")).bytes == 5);
    got = p.client.read_some(buffer);
    CHECK(std::string_view(buffer.data(), got.bytes) == "waits");
    REQUIRE(f.run_until([&] { return (got = p.client.read_some(buffer)).error != errc::would_block; }));
    CHECK(std::string_view(buffer.data(), got.bytes) == "after");
    REQUIRE(f.run_until([&] { return (got = p.server.read_some(buffer)).error != errc::would_block; }));
    CHECK(got.error == errc::closed);
    CHECK(ours.sessions() == sessions);
  }
}

TEST_CASE("tls_stream: close wakes who waits", "[net]") {
  loop_fixture f;
  tls_pair p{f};
  auto waiting = f.start(p.client.wait_readable());
  f.run_until([&] { return !waiting.done(); });
  f.poll();
  p.client.close();
  p.client.close();
  f.poll();
  REQUIRE(waiting.done());
  std::array<char, 1> byte{};
  CHECK(p.client.read_some(byte).error == errc::closed);
  CHECK(p.client.write_some(byte).error == errc::closed);
}

TEST_CASE("tls_stream: small records come four at a time, and the end behind them is not forgotten", "[net]") {
  loop_fixture f;
  memory_pair p{f};
  for (const char byte : {'a', 'b', 'c', 'd', 'e', 'f'}) CHECK(p.server.write_some({&byte, 1}).bytes == 1);
  p.server.shutdown();
  std::array<char, 100> buffer{};
  io_result got = p.client.read_some(buffer);
  CHECK(std::string_view{buffer.data(), got.bytes} == "abcd");
  CHECK_FALSE(got.error);
  CHECK(p.client.drained());  // all had come with one read of the socket
  CHECK(p.client.buffered() != 0);
  got = p.client.read_some(buffer);
  CHECK(std::string_view{buffer.data(), got.bytes} == "ef");
  CHECK_FALSE(got.error);
  CHECK(p.client.buffered() != 0);
  auto waiting = f.start(p.client.wait_readable());
  f.poll();
  REQUIRE(waiting.done());
  CHECK(p.client.read_some(buffer).error == errc::closed);

  memory_pair narrow{f};
  for (const char byte : {'a', 'b', 'c'}) CHECK(narrow.server.write_some({&byte, 1}).bytes == 1);
  CHECK(narrow.client.read_some({buffer.data(), 1}).bytes == 1);  // more would be cut in two
  CHECK(buffer[0] == 'a');
}

TEST_CASE("tls_stream: a corrupt record does not take the good one before it along, and is not forgotten", "[net]") {
  loop_fixture f;
  memory_pair p{f};
  CHECK(p.server.write_some(std::string{"good"}).bytes == 4);
  // a header of 32 bytes of application data, and nothing that was ever encrypted
  p.client.next_layer().end()->deliver(std::string{"\x17\x03\x03\x00\x20", 5} + std::string(32, 'G'));
  std::array<char, 100> buffer{};
  const io_result got = p.client.read_some(buffer);
  CHECK(std::string_view{buffer.data(), got.bytes} == "good");
  CHECK_FALSE(got.error);
  CHECK(p.client.buffered() != 0);
  auto waiting = f.start(p.client.wait_readable());
  f.poll();
  REQUIRE(waiting.done());
  CHECK(p.client.read_some(buffer).error == errc::tls_protocol_error);
  CHECK(p.client.read_some(buffer).error == errc::tls_protocol_error);  // sticky
  CHECK(p.server.read_some(buffer).error == errc::tls_protocol_error);  // it was told
}

TEST_CASE("tls_stream: a reply that cannot be sent yet does not hold up the data before it, and is sent", "[net]") {
  loop_fixture f;
  memory_pair p{f};
  int answered = 0;
  SSL_set_msg_callback(p.server.native_tls(), &count_key_update);
  SSL_set_msg_callback_arg(p.server.native_tls(), &answered);
  p.room(0);
  std::array<char, 100> buffer{};
  int asked = 0;
  std::size_t before = 0;
  do {  // Each read finds one byte of data and behind it a request. OpenSSL replies to it once it has got the next one.
    before = p.client.unsent();
    REQUIRE(p.server.write_some(std::string(1, 'x')).bytes == 1);
    REQUIRE(SSL_key_update(p.server.native_tls(), SSL_KEY_UPDATE_REQUESTED) == 1);
    REQUIRE(SSL_do_handshake(p.server.native_tls()) == 1);
    REQUIRE_FALSE(p.server.flush());
    ++asked;
    REQUIRE(p.client.read_some(buffer).bytes == 1);
  } while ((asked == 1 || p.client.unsent() != before) && asked < 10'000);
  REQUIRE(p.client.unsent() == before);  // no room for another reply
  CHECK(p.client.buffered() != 0);
  CHECK(p.client.read_some(buffer).error == errc::would_block);
  auto waiting = f.start(p.client.wait_readable());
  f.poll();
  CHECK(p.server.write_some(std::string{"z"}).bytes == 1);
  f.poll();
  CHECK_FALSE(waiting.done());  // it would not be read: the replies go first
  p.room(1'000'000);
  p.client.next_layer().end()->wake();
  f.poll();
  REQUIRE(waiting.done());
  CHECK_FALSE(waiting.get());
  CHECK(p.client.read_some(buffer).bytes == 1);
  CHECK(buffer[0] == 'z');
  CHECK(p.client.write_some(std::string{"y"}).bytes == 1);  // the reply to the last request goes before it
  CHECK(p.server.read_some(buffer).bytes == 1);
  CHECK(buffer[0] == 'y');
  CHECK(answered == asked);
}

TEST_CASE("tls_stream: replies that the socket takes after all do not leave what was received undecrypted", "[net]") {
  loop_fixture f;
  blocked_replies b{f};
  b.room(1'000'000);
  auto waiting = f.start(b.client.wait_readable());
  f.poll();
  REQUIRE(waiting.done());  // the peer has sent all it had: it would be waiting for us
  CHECK_FALSE(waiting.get());
  std::array<char, 100> buffer{};
  CHECK(b.client.read_some(buffer).bytes != 0);
}

TEST_CASE("tls_stream: a shutdown is told though there is no room for it, or a reply comes first", "[net]") {
  loop_fixture f;
  for (int replies = 2400; replies <= 2440; ++replies) {  // from room for one more reply to none
    INFO(replies << " replies");
    memory_pair p{f};
    p.room(0);
    for (int i = 0; i < replies; ++i) {
      REQUIRE(SSL_key_update(p.server.native_tls(), SSL_KEY_UPDATE_REQUESTED) == 1);
      REQUIRE(p.server.write_some(std::string(1, 'x')).bytes == 1);
    }
    std::array<char, 100> buffer{};
    io_result got;
    while (!(got = p.client.read_some(buffer)).error) {
    }
    REQUIRE(got.error == errc::would_block);
    p.client.shutdown();
    CHECK(p.client.write_some(std::string("late")).error == errc::closed);
    p.room(1'000'000);
    while (!(got = p.client.read_some(buffer)).error) {
    }
    REQUIRE(got.error == errc::would_block);
    CHECK(p.server.read_some(buffer).error == errc::closed);
  }
}

TEST_CASE("tls_stream: a shutdown before the handshake has succeeded does nothing", "[net]") {
  loop_fixture f;
  auto wire = memory_stream::make_pair(f.loop);
  memory_tls client{std::move(wire.first), client_context()};
  memory_tls server{std::move(wire.second), server_context()};
  client.shutdown();
  auto answering = f.start(server.handshake());
  CHECK_FALSE(f.run(client.handshake("localhost")));
  REQUIRE(f.run_until([&] { return answering.done(); }));
  CHECK_FALSE(answering.get());
  CHECK(client.write_some(std::string("data")).bytes == 4);
}

TEST_CASE("tls_stream: replies that can never be sent end the connection", "[net]") {
  loop_fixture f;
  blocked_replies b{f};
  b.server.close();
  std::array<char, 100> buffer{};
  std::error_code error = errc::would_block;
  for (int i = 0; i < 10 && error == errc::would_block; ++i) error = b.client.read_some(buffer).error;
  CHECK(error == std::errc::broken_pipe);
}

TEST_CASE("tls_stream: a chain of certificates larger than what may wait to be sent", "[net]") {
  loop_fixture f;
  tls_settings settings;
  const auto issued = authority().issue(certificate_kind::right).value();
  settings.role = tls_role::server;
  settings.key_pem = issued.key_pem;
  settings.certificate_pem = issued.certificate_pem;
  for (int i = 0; i < 170; ++i) settings.certificate_pem += authority().ca_pem();
  auto wire = memory_stream::make_pair(f.loop);
  memory_tls client{std::move(wire.first), client_context()};
  memory_tls server{std::move(wire.second), tls_context::make(settings).value()};
  auto shaking = f.start(client.handshake("localhost"));
  auto answering = f.start(server.handshake());
  f.poll();
  CHECK(answering.done());
  REQUIRE(shaking.done());
  CHECK_FALSE(shaking.get());
}

TEST_CASE("tls_stream: nothing is read or written without a handshake that succeeded", "[net]") {
  loop_fixture f;
  auto wire = memory_stream::make_pair(f.loop);
  memory_tls client{std::move(wire.first), client_context()};
  memory_tls server{std::move(wire.second), server_context()};
  CHECK(f.run(client.handshake()) == errc::bad_argument);  // whom should it trust?
  auto answering = f.start(server.handshake());
  std::array<char, 100> buffer{};
  for (int i = 0; i < 10; ++i) {
    CHECK(client.write_some(std::string{"secret"}).error == errc::closed);
    CHECK(client.read_some(buffer).error == errc::closed);
    f.poll();
  }
  CHECK_FALSE(answering.done());
  CHECK(server.next_layer().end()->taken.empty());
  CHECK_FALSE(f.run(client.handshake("localhost")));
}

TEST_CASE("tls_stream: the kernel's stamp is the socket's, once for all records of one read", "[net]") {
  loop_fixture f;
  tls_pair p{f};
  REQUIRE(p.client.stamp_reads());
  std::array<char, 64> buffer{};
  std::int64_t stamp = 0;
  CHECK(eventually([&] {
    CHECK(p.server.write_some(std::string{"one"}).bytes == 3);
    CHECK(p.server.write_some(std::string{"two"}).bytes == 3);
    CHECK(f.run(p.client.wait_readable()) == std::error_code{});
    while (p.client.read_some(buffer).bytes == 0) CHECK(f.run(p.client.wait_readable()) == std::error_code{});
    stamp = p.client.take_kernel_stamp();
    while (p.client.buffered() != 0) CHECK(p.client.read_some(buffer).bytes == 3);
    CHECK(p.client.take_kernel_stamp() == 0);
    while (p.client.read_some(buffer).bytes != 0) (void)p.client.take_kernel_stamp();
    return stamp != 0;
  }));
}
