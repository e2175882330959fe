// tests/net/websocket/handshake_test.cpp: what a client sends and what it believes, RFC 6455 section 4.1.
#include <foxtrot/net/websocket/handshake.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using std::chrono::seconds;

// The key and the answer printed in RFC 6455 section 1.3.
constexpr std::string_view rfc_key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view rfc_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

client_handshake start(upgrade_request wanted = {.host = "example.com", .target = "/ws"}) {
  auto made = client_handshake::make(wanted, rfc_key);
  REQUIRE(made);
  return std::move(*made);
}

std::string good_answer(std::string_view extra = {}) {
  std::string text =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
  return text.append(rfc_accept).append("\r\n").append(extra).append("\r\n");
}

TEST_CASE("handshake: the request", "[handshake]") {
  const auto plain = start();
  CHECK(plain.request() ==
        "GET /ws HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");

  const auto full = start({.host = "::1",
                           .port = 9443,
                           .secure = true,
                           .target = "/stream?streams=a@b/c@d",
                           .headers = {{"X-MBX-APIKEY", "a key"}},
                           .subprotocols = {"one", "two"}});
  CHECK(full.request() ==
        "GET /stream?streams=a@b/c@d HTTP/1.1\r\nHost: [::1]:9443\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: one, two\r\nX-MBX-APIKEY: a key\r\n\r\n");
}

TEST_CASE("handshake: a key is 16 fresh bytes", "[handshake]") {
  const auto one = make_websocket_key();
  const auto two = make_websocket_key();
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->size() == 24);
  CHECK(one->ends_with("=="));
  CHECK(*one != *two);
  const auto made = client_handshake::make({.host = "example.com"});
  REQUIRE(made);
  CHECK(made->request().find(*one) == std::string::npos);
}

TEST_CASE("handshake: nothing that could split the request is sent", "[handshake]") {
  for (const char bad : {'\r', '\n', '\0', ' '}) {
    const std::string with = std::string{"ab"} + bad + "cd";
    CHECK(client_handshake::make({.host = with}).error() == errc::bad_argument);
    CHECK(client_handshake::make({.host = "h", .target = "/" + with}).error() == errc::bad_argument);
    CHECK(client_handshake::make({.host = "h", .headers = {{with, "v"}}}).error() == errc::bad_argument);
    CHECK(client_handshake::make({.host = "h", .subprotocols = {with}}).error() == errc::bad_argument);
    const bool value_good = client_handshake::make({.host = "h", .headers = {{"n", with}}}).has_value();
    CHECK(value_good == (bad == ' '));
  }
  for (const char* name : {"host", "Upgrade", "connection", "SEC-WEBSOCKET-KEY", "Sec-WebSocket-Extensions",
                           "Content-Length", "Transfer-Encoding", ""}) {
    CHECK(client_handshake::make({.host = "h", .headers = {{name, "v"}}}).error() == errc::bad_argument);
  }
  CHECK(client_handshake::make({.host = ""}).error() == errc::bad_argument);
  CHECK(client_handshake::make({.host = "h", .port = 0}).error() == errc::bad_argument);
  CHECK(client_handshake::make({.host = "h", .target = "no-slash"}).error() == errc::bad_argument);
  CHECK(client_handshake::make({.host = "h", .subprotocols = {""}}).error() == errc::bad_argument);
}

TEST_CASE("handshake: a good answer is accepted at its last byte, whatever the pieces", "[handshake]") {
  const std::string answers[] = {
      good_answer(), good_answer("Server: x\r\nX-Long: " + std::string(2400, 'l') + "\r\n"),
      "HTTP/1.1 101\r\nupgrade:\tWebSocket \r\nCONNECTION: keep-alive , upgrade\r\nSec-Websocket-Accept:" +
          std::string{rfc_accept} + "\r\n\r\n"};
  for (const std::string& answer : answers) {
    const std::string stream = answer + "\x81\x02hi";
    for (std::size_t cut = 0; cut <= answer.size(); ++cut) {
      auto handshake = start();
      REQUIRE(handshake.feed(std::string_view{stream}.substr(0, cut)) == cut);
      REQUIRE(handshake.done() == (cut == answer.size()));
      REQUIRE_FALSE(handshake.error());
      // frames in the same read as the 101 are left to the caller
      REQUIRE(handshake.feed(std::string_view{stream}.substr(cut)) == answer.size() - cut);
      REQUIRE(handshake.done());
      REQUIRE(handshake.feed("\x81") == 0);
    }
    auto drip = start();
    for (const char c : answer) REQUIRE(drip.feed({&c, 1}) == 1);
    CHECK(drip.done());
    CHECK(drip.failure().status == 101);
  }
}

TEST_CASE("handshake: each wrong answer has its class", "[handshake]") {
  const std::string accept = "Sec-WebSocket-Accept: " + std::string{rfc_accept} + "\r\n";
  const std::string status = "HTTP/1.1 101 Switching Protocols\r\n";
  const std::string upgrade = "Upgrade: websocket\r\n";
  const std::string connection = "Connection: Upgrade\r\n";
  struct row {
    std::string answer;
    errc code;
  };
  const row table[] = {
      {status + upgrade + connection + "Sec-WebSocket-Accept: AAAALMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
       errc::websocket_bad_accept},
      {status + upgrade + connection + "\r\n", errc::websocket_bad_accept},
      {status + upgrade + connection + accept + accept + "\r\n", errc::websocket_bad_accept},
      {status + connection + accept + "\r\n", errc::websocket_bad_upgrade},
      {status + upgrade + upgrade + connection + accept + "\r\n", errc::websocket_bad_upgrade},
      {status + "Upgrade: h2c\r\n" + connection + accept + "\r\n", errc::websocket_bad_upgrade},
      {status + upgrade + accept + "\r\n", errc::websocket_bad_upgrade},
      {status + upgrade + "Connection: close\r\n" + accept + "\r\n", errc::websocket_bad_upgrade},
      {status + upgrade + "Connection: not-upgrade\r\n" + accept + "\r\n", errc::websocket_bad_upgrade},
      {"HTTP/1.0 101 Switching\r\n" + upgrade + connection + accept + "\r\n", errc::websocket_bad_upgrade},
      {"HTTP/1.0 101 Switching\r\nno colon\r\n\r\n", errc::websocket_bad_upgrade},  // the first thing wrong
      {good_answer("Sec-WebSocket-Extensions: permessage-deflate\r\n"), errc::websocket_unrequested_extension},
      {good_answer("Sec-WebSocket-Extensions:\r\n"), errc::websocket_unrequested_extension},
      {good_answer("Sec-WebSocket-Protocol: chat\r\n"), errc::websocket_unrequested_extension},
      {"HTTP/1.1 200 OK\r\n\r\n", errc::websocket_upgrade_rejected},
      {"HTTP/1.1 301 Moved\r\nLocation: wss://other/\r\n\r\n", errc::websocket_upgrade_rejected},
      {"HTTP/1.1 100 Continue\r\n\r\n", errc::websocket_upgrade_rejected},
      {"HTTP/1.1 400 Bad\r\n\r\n", errc::http_client_error},
      {"HTTP/1.1 403 Forbidden\r\n\r\n", errc::http_forbidden},
      {"HTTP/1.1 418 I'm a teapot\r\n\r\n", errc::http_banned},
      {"HTTP/1.1 429 Too Many\r\n\r\n", errc::http_rate_limited},
      {"HTTP/1.1 503 Unavailable\r\n\r\n", errc::http_server_error},
      {"SSH-2.0-OpenSSH_9.2\r\n", errc::http_malformed},
      {"HTTP/1.1 1O1 Switching\r\n", errc::http_malformed},
      {"HTTP/2 101\r\n", errc::http_malformed},
      {"HTTP/1.1 101 Switching\n", errc::http_malformed},
      {"\r\n", errc::http_malformed},
      {status + "Upgrade : websocket\r\n", errc::http_malformed},
      {status + " folded\r\n", errc::http_malformed},
      {status + "no colon\r\n", errc::http_malformed},
      {status + std::string{"A: b\0c\r\n", 8}, errc::http_malformed},
      {status + "A: b\rc\r\n", errc::http_malformed},
  };
  for (const row& r : table) {
    INFO(r.answer);
    for (const std::size_t chunk : {r.answer.size(), std::size_t{1}}) {
      auto handshake = start();
      for (std::size_t at = 0; at < r.answer.size() && !handshake.error(); at += chunk) {
        handshake.feed(std::string_view{r.answer}.substr(at, chunk));
      }
      CHECK(handshake.error() == r.code);
      CHECK_FALSE(handshake.done());
      CHECK(handshake.feed(good_answer()) == 0);
      CHECK(handshake.error() == r.code);
    }
  }
}

TEST_CASE("handshake: the refusal's status and Retry-After are kept", "[handshake]") {
  struct row {
    const char* field;
    std::optional<seconds> wait;
  };
  const row table[] = {{"Retry-After: 30\r\n", seconds{30}},
                       {"retry-after:0\r\n", seconds{0}},
                       {"Retry-After: 99999999999999999999999999\r\n", seconds{2147483647}},
                       {"Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n", std::nullopt},
                       {"Retry-After: -1\r\n", std::nullopt},
                       {"Retry-After:\r\n", std::nullopt},
                       {"", std::nullopt}};
  for (const row& r : table) {
    auto handshake = start();
    handshake.feed(std::string{"HTTP/1.1 429 Too Many Requests\r\n"} + r.field + "\r\n");
    CHECK(handshake.error() == errc::http_rate_limited);
    CHECK(handshake.failure().status == 429);
    CHECK(handshake.failure().retry_after == r.wait);
  }
}

TEST_CASE("handshake: only a subprotocol that was asked for", "[handshake]") {
  const upgrade_request wanted{.host = "h", .subprotocols = {"one", "two"}};
  auto chosen = start(wanted);
  chosen.feed(good_answer("Sec-WebSocket-Protocol: two\r\n"));
  CHECK(chosen.done());
  CHECK(chosen.subprotocol() == "two");

  auto none = start(wanted);
  none.feed(good_answer());
  CHECK(none.done());
  CHECK(none.subprotocol().empty());

  auto other = start(wanted);
  other.feed(good_answer("Sec-WebSocket-Protocol: Two\r\n"));
  CHECK(other.error() == errc::websocket_unrequested_extension);

  auto both = start(wanted);
  both.feed(good_answer("Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: two\r\n"));
  CHECK(both.error() == errc::websocket_bad_upgrade);
}

TEST_CASE("handshake: an answer that never ends is refused within its limits", "[handshake]") {
  SECTION("by size, one byte at a time") {
    for (const std::string_view endless : {"x",
                                           "X-Filler: 0123456789 0123456789 0123456789 0123456789 0123456789 "
                                           "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
                                           "0123456789 0123456789 0123456789 0123456789 0123456789 01234\r\n"}) {
      auto handshake = start();
      handshake.feed("HTTP/1.1 101 Switching Protocols\r\n");
      std::size_t sent = 0;
      while (!handshake.error() && sent < 20'000) handshake.feed(endless.substr(sent++ % endless.size(), 1));
      CHECK(handshake.error() == errc::http_header_too_large);
      CHECK(sent <= 16 * 1024);
    }
  }
  SECTION("by number") {
    std::string hundred;
    for (int i = 0; i < 97; ++i) hundred += "N: v\r\n";
    auto fits = start();
    fits.feed(good_answer(hundred));
    CHECK(fits.done());
    auto too_many = start();
    too_many.feed(good_answer(hundred + "N: v\r\n"));
    CHECK(too_many.error() == errc::http_header_too_large);
  }
  SECTION("in linear time") {
    const std::string answer = good_answer("X: " + std::string(16'000, 'x') + "\r\n");
    REQUIRE(answer.size() < 16 * 1024);
    auto handshake = start();
    const auto before = std::chrono::steady_clock::now();
    for (const char c : answer) handshake.feed({&c, 1});
    const auto spent = std::chrono::steady_clock::now() - before;
    CHECK(handshake.done());
    CHECK(spent < std::chrono::milliseconds{200});  // about 1 ms; ten times the promise, for sanitizers
  }
}

}  // namespace
