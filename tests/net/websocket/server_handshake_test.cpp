// tests/net/websocket/server_handshake_test.cpp: the 101 that a simulated exchange gives.
#include <foxtrot/net/websocket/server_handshake.hpp>

#include <foxtrot/net/websocket/handshake.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace {

using namespace foxtrot;

http_request parse(std::string_view text) {
  http_request_parser parser;
  parser.feed(text);
  REQUIRE(parser.done());
  return parser.request();
}

TEST_CASE("server_handshake: the exchange of RFC 6455 section 1.3", "[server_handshake]") {
  const auto request = parse(
      "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n"
      "Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n");
  CHECK(is_upgrade(request));
  const auto answer = accept_upgrade(request, "chat");
  REQUIRE(answer);
  CHECK(*answer ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
  CHECK(accept_upgrade(request, "other").error() == errc::bad_argument);
}

TEST_CASE("server_handshake: client and server agree on a fresh key", "[server_handshake]") {
  auto client = client_handshake::make({.host = "localhost", .port = 8443, .target = "/ws"});
  REQUIRE(client);
  const auto request = parse(client->request());
  CHECK(request.target == "/ws");
  CHECK(request.headers.find("host") == "localhost:8443");
  const auto answer = accept_upgrade(request);
  REQUIRE(answer);
  CHECK(client->feed(*answer) == answer->size());
  CHECK(client->done());
}

TEST_CASE("server_handshake: an improper request gets no 101", "[server_handshake]") {
  const std::string host = "Host: h\r\n";
  const std::string upgrade = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  CHECK(accept_upgrade(parse("GET / HTTP/1.1\r\n" + host + upgrade + key + version + "\r\n")));
  for (const std::string& bad :
       {"GET / HTTP/1.1\r\n" + host + key + version, "GET / HTTP/1.1\r\n" + host + upgrade + version,
        "GET / HTTP/1.1\r\n" + host + upgrade + key, "POST / HTTP/1.1\r\n" + host + upgrade + key + version,
        "GET / HTTP/1.1\r\n" + host + "Upgrade: websocket\r\n" + key + version,
        "GET / HTTP/1.1\r\n" + host + upgrade + key + key + version,
        "GET / HTTP/1.1\r\n" + host + upgrade + "Sec-WebSocket-Key: short\r\n" + version,
        "GET / HTTP/1.1\r\n" + host + upgrade + key + "Sec-WebSocket-Version: 8\r\n"}) {
    INFO(bad);
    CHECK(accept_upgrade(parse(bad + "\r\n")).error() == errc::websocket_bad_upgrade);
  }
}

}  // namespace
