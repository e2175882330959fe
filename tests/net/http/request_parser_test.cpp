// tests/net/http/request_parser_test.cpp: requests as a simulated exchange reads them.
#include <foxtrot/net/http/request_parser.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace {

using namespace foxtrot;

TEST_CASE("request_parser: a request split at every byte", "[request_parser]") {
  const std::string bytes = "GET /api/v3/time?x=1 HTTP/1.1\r\nHost: h\r\nX-Key: a b\r\n\r\n";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    http_request_parser parser;
    const std::string stream = bytes + "GET";
    REQUIRE(parser.feed(std::string_view{stream}.substr(0, cut)) == cut);
    REQUIRE(parser.done() == (cut == bytes.size()));
    REQUIRE(parser.feed(std::string_view{stream}.substr(cut)) == bytes.size() - cut);
    REQUIRE(parser.done());
    CHECK(parser.request().method == "GET");
    CHECK(parser.request().target == "/api/v3/time?x=1");
    CHECK(parser.request().headers.find("x-key") == "a b");
    CHECK(parser.request().keep_alive);
  }
}

TEST_CASE("request_parser: the next request on the same connection", "[request_parser]") {
  http_request_parser parser;
  parser.feed("GET /one HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(parser.done());
  parser.reset();
  CHECK_FALSE(parser.done());
  parser.feed("GET /two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  REQUIRE(parser.done());
  CHECK(parser.request().target == "/two");
  CHECK_FALSE(parser.request().keep_alive);
}

TEST_CASE("request_parser: what is no plain request", "[request_parser]") {
  for (const char* bad :
       {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/2\r\nHost: a\r\n\r\n", "GET /\r\nHost: a\r\n\r\n", "GET http://h/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "G\tT / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "\r\n"}) {
    INFO(bad);
    http_request_parser parser;
    parser.feed(bad);
    CHECK(parser.error() == errc::http_malformed);
    CHECK_FALSE(parser.done());
  }
  http_request_parser endless;
  endless.feed("GET / HTTP/1.1\r\nX: " + std::string(17'000, 'x'));
  CHECK(endless.error() == errc::http_header_too_large);
}

}  // namespace
