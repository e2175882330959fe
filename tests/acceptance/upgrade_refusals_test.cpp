// tests/acceptance/upgrade_refusals_test.cpp: servers that will not, or cannot properly, switch to WebSocket.
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/memory_stream.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <time.h>  // NOLINT(*-deprecated-headers): clock_gettime is POSIX

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;

struct refusal {
  const char* what;
  std::function<std::string(const std::string& proper)> answer;
  errc error;
  int status;
  std::optional<std::chrono::seconds> retry_after{};
};

auto fixed(std::string text) {
  return [text = std::move(text)](const std::string&) { return text; };
}
/// The proper answer with one thing changed.
auto with(std::string what, std::string by) {
  return [what = std::move(what), by = std::move(by)](const std::string& proper) {
    std::string text = proper;
    text.replace(text.find(what), what.size(), by);
    return text;
  };
}
auto and_field(const std::string& field) { return with("\r\n\r\n", "\r\n" + field + "\r\n\r\n"); }

/// CPU time of this thread.
std::chrono::nanoseconds worked() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

template <class Stream>
struct asking {
  explicit asking(loop_fixture& fixture) : s{fixture}, upgrading{fixture.start(s.client.upgrade(plain_request()))} {
    if (!s.peer.hears("\r\n\r\n")) throw std::runtime_error{"no upgrade request"};
    request = std::exchange(s.peer.heard(), {});
  }
  bool ends() {
    return s.f.run_until([this] { return upgrading.done(); });
  }

  websocket_scene<Stream> s;
  loop_fixture::running<std::error_code> upgrading;
  std::string request;
};

}  // namespace

TEMPLATE_TEST_CASE("upgrade refusals: each has its own error, and nothing follows the request", "[acceptance]",
                   tcp_stream, tls_stream) {
  const std::string accept = "Sec-WebSocket-Accept: ";
  const refusal cases[] = {
      {"wrong accept", with(accept, accept + "A"), errc::websocket_bad_accept, 101},
      {"accept of another key", with(accept, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Was: "),
       errc::websocket_bad_accept, 101},
      {"no accept", with(accept, "X-Accept: "), errc::websocket_bad_accept, 101},
      {"two accepts", and_field(accept + "x"), errc::websocket_bad_accept, 101},
      {"no Upgrade", with("Upgrade: websocket\r\n", ""), errc::websocket_bad_upgrade, 101},
      {"another Upgrade", with("Upgrade: websocket", "Upgrade: h2c"), errc::websocket_bad_upgrade, 101},
      {"no Connection", with("Connection: Upgrade\r\n", ""), errc::websocket_bad_upgrade, 101},
      {"Connection: close", with("Connection: Upgrade", "Connection: close"), errc::websocket_bad_upgrade, 101},
      {"HTTP/1.0", with("HTTP/1.1", "HTTP/1.0"), errc::websocket_bad_upgrade, 101},
      {"extension", and_field("Sec-WebSocket-Extensions: permessage-deflate"), errc::websocket_unrequested_extension,
       101},
      {"subprotocol", and_field("Sec-WebSocket-Protocol: chat"), errc::websocket_unrequested_extension, 101},
      {"200", fixed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), errc::websocket_upgrade_rejected, 200},
      {"301", fixed("HTTP/1.1 301 Moved Permanently\r\nLocation: wss://elsewhere.test/\r\n\r\n"),
       errc::websocket_upgrade_rejected, 301},
      {"400", fixed("HTTP/1.1 400 Bad Request\r\n\r\n"), errc::http_client_error, 400},
      {"403", fixed("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), errc::http_forbidden, 403},
      {"418", fixed("HTTP/1.1 418 I'm a teapot\r\nRetry-After: 120\r\n\r\n"), errc::http_banned, 418, 120s},
      {"429", fixed("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n"), errc::http_rate_limited, 429, 7s},
      {"503", fixed("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\n\r\n"), errc::http_server_error, 503, 3s},
      {"no HTTP", fixed("SSH-2.0-OpenSSH_9.2\r\n"), errc::http_malformed, 0},
      {"line ends without CR", fixed("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n"), errc::http_malformed,
       0},
  };
  for (const refusal& wrong : cases) {
    INFO(wrong.what);
    loop_fixture f;
    asking<TestType> client{f};
    client.s.peer.send(wrong.answer(switching_protocols(client.request)));
    REQUIRE(client.ends());
    CHECK(client.upgrading.get() == wrong.error);
    CHECK(client.s.client.failure().status == wrong.status);
    CHECK(client.s.client.failure().retry_after == wrong.retry_after);
    CHECK_FALSE(client.s.client.is_open());
    CHECK(client.s.client.send(opcode::text, "order") == errc::closed);
    client.s.client.close_now();
    CHECK(client.s.peer.sees_end());
    CHECK(client.s.peer.heard().empty());
  }
}

TEMPLATE_TEST_CASE("upgrade refusals: a proper answer of 2.4 KB is one, in one piece or byte by byte", "[acceptance]",
                   tcp_stream, tls_stream) {
  std::string filler;
  while (filler.size() < 2200)
    filler += "X-Header-" + std::to_string(filler.size()) + ": some value of no interest\r\n";
  filler.resize(filler.size() - 2);
  for (const bool dripping : {false, true}) {
    loop_fixture f;
    asking<TestType> client{f};
    const std::string answer = and_field(filler)(switching_protocols(client.request));
    for (std::size_t at = 0; dripping && at < answer.size(); ++at) {
      client.s.peer.send(answer.substr(at, 1));
      f.poll();
    }
    if (!dripping) client.s.peer.send(answer);
    REQUIRE(client.ends());
    CHECK_FALSE(client.upgrading.get());
  }
}

TEMPLATE_TEST_CASE("upgrade refusals: a head without end is refused at 16 KiB", "[acceptance]", tcp_stream,
                   tls_stream) {
  const std::string endless_line(1000, 'x');
  const std::string endless_fields = "X-Filler: " + std::string(900, 'x') + "\r\n";
  for (const bool in_fields : {false, true}) {
    loop_fixture f;
    asking<TestType> client{f};
    client.s.peer.send("HTTP/1.1 101 Switching Protocols\r\n");
    if (!in_fields) client.s.peer.send("X-Endless: ");
    std::size_t sent = 0;
    while (!client.upgrading.done()) {
      REQUIRE(sent <= 16 * 1024 + 1000);
      const std::string& piece = in_fields ? endless_fields : endless_line;
      client.s.peer.send(piece);
      sent += piece.size();
      // the piece has crossed loopback once the client's socket is readable or the upgrade is over
      (void)f.run_until([&] { return true; });
      for (int i = 0; i < 20; ++i) f.poll();
    }
    CHECK(client.upgrading.get() == errc::http_header_too_large);
  }
}

TEMPLATE_TEST_CASE("upgrade refusals: more than a hundred fields are too many, however short", "[acceptance]",
                   tcp_stream, tls_stream) {
  for (const int count : {97, 98, 125, 1000}) {
    INFO(count << " besides the three of an upgrade");
    loop_fixture f;
    asking<TestType> client{f};
    std::string fields;
    for (int i = 0; i < count; ++i) fields += "A: b\r\n";
    fields.resize(fields.size() - 2);
    client.s.peer.send(and_field(fields)(switching_protocols(client.request)));
    REQUIRE(client.ends());
    CHECK(client.upgrading.get() == (count <= 97 ? std::error_code{} : make_error_code(errc::http_header_too_large)));
  }
}

TEMPLATE_TEST_CASE("upgrade refusals: whoever drips a proper answer has until the end of the time-out in total",
                   "[acceptance]", tcp_stream, tls_stream) {
  loop_fixture f;
  asking<TestType> client{f};
  const std::string answer = switching_protocols(client.request);
  const auto step = 100ms;
  for (int i = 0; i < 99; ++i) {
    client.s.peer.send(answer.substr(static_cast<std::size_t>(i), 1));
    f.advance(step);
    REQUIRE_FALSE(client.upgrading.done());
  }
  f.advance(step - 1ms);
  CHECK_FALSE(client.upgrading.done());
  f.advance(1ms);
  REQUIRE(client.ends());
  CHECK(client.upgrading.get() == errc::timeout);
  CHECK(client.s.peer.sees_end());
  CHECK(f.timers.size() == 0);
}

TEST_CASE("upgrade refusals: 16 KiB in reads of one byte are looked at once each", "[acceptance][alone]") {
  const auto cost = [](const std::string& filler) {
    loop_fixture f;
    auto [ours, theirs] = memory_stream::make_pair(f.loop);
    const auto end = ours.end();
    end->max_read = 1;
    websocket_stream<memory_stream> client{f.timers, std::move(ours)};
    auto upgrading = f.start(client.upgrade(plain_request()));
    f.poll();
    end->deliver("HTTP/1.1 101 Switching Protocols\r\n" + filler);
    const auto before = worked();
    f.poll();
    const auto spent = worked() - before;
    CHECK(upgrading.done());
    CHECK(upgrading.get() == errc::http_header_too_large);
    CHECK(end->taken.size() <= 16 * 1024 + 1);  // the byte too many
    return spent;
  };
  std::string fields;
  while (fields.size() < 20'000) fields += "X-Filler: " + std::string(300, 'x') + "\r\n";
  const auto one_line = cost("X-Endless: " + std::string(20'000, 'x'));
  const auto many_lines = cost(fields);
  CAPTURE(one_line.count(), many_lines.count());
  CHECK(one_line < bound(50ms));
  CHECK(many_lines < bound(50ms));
}
