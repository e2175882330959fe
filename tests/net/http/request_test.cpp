// tests/net/http/request_test.cpp: a GET as it goes out.
#include <foxtrot/net/http/request.hpp>

#include <catch2/catch.hpp>

#include <string>

namespace {

using namespace foxtrot;

TEST_CASE("request: byte for byte", "[request]") {
  CHECK(*encode_get({.host = "api.example.com", .target = "/api/v3/depth?symbol=BTCUSDT&limit=5000"}) ==
        "GET /api/v3/depth?symbol=BTCUSDT&limit=5000 HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
  CHECK(*encode_get({.host = "127.0.0.1", .port = 8080, .secure = false, .headers = {{"Accept", "a, b"}, {"X", ""}}}) ==
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: a, b\r\nX: \r\n\r\n");
  CHECK(*encode_get({.host = "::1", .port = 80, .secure = false}) == "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n");
  CHECK(*encode_get({.host = "h", .port = 443, .secure = false}) == "GET / HTTP/1.1\r\nHost: h:443\r\n\r\n");
}

TEST_CASE("request: nothing that could split it", "[request]") {
  for (const char bad : {'\r', '\n', '\0', ' ', '\x7f', '\t'}) {
    const std::string with = std::string{"a"} + bad + "b";
    CHECK(encode_get({.host = with}).error() == errc::bad_argument);
    CHECK(encode_get({.host = "h", .target = "/" + with}).error() == errc::bad_argument);
    CHECK(encode_get({.host = "h", .headers = {{with, "v"}}}).error() == errc::bad_argument);
    CHECK(encode_get({.host = "h", .headers = {{"n", with}}}).has_value() == (bad == ' ' || bad == '\t'));
  }
  CHECK(encode_get({.host = "h", .target = ""}).error() == errc::bad_argument);
  CHECK(encode_get({.host = "h", .target = "/#part"}).error() == errc::bad_argument);
  CHECK(encode_get({.host = "h", .headers = {{"HOST", "other"}}}).error() == errc::bad_argument);
  CHECK(encode_get({.host = "h", .headers = {{"content-length", "5"}}}).error() == errc::bad_argument);
}

}  // namespace
