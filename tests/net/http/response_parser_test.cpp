// tests/net/http/response_parser_test.cpp: every way a body may end, and every way a response may lie.
#include <foxtrot/net/http/response_parser.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

namespace {

using namespace foxtrot;

/// Feeds in pieces; returns how many bytes the parser took.
std::size_t feed(http_response_parser& parser, std::string_view bytes, std::size_t chunk) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser.done() && !parser.error()) {
    taken += parser.feed(bytes.substr(taken, chunk));
  }
  return taken;
}

struct good_response {
  const char* what;
  std::string bytes;
  int status;
  std::string body;
  bool keep_alive;
  bool until_close;
};

const good_response good_responses[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello", 200, "Hello", true, false},
    {"length zero", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true, false},
    {"length twice, the same", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", 200, "ab", true,
     false},
    {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\nB\r\n in chunks.\r\n000\r\n\r\n",
     200, "Wiki in chunks.", true, false},
    {"chunk extensions and trailers",
     "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;a=\"b c\"\r\n\r\n0\r\n2 \r\nxy\r\n0;last\r\nX-T: 1\r\n"
     "Y: 2\r\n\r\n",
     200, "\r\n0xy", true, false},
    {"until close", "HTTP/1.1 200 OK\r\n\r\nthe rest", 200, "the rest", false, true},
    {"until close, empty", "HTTP/1.1 200 OK\r\n\r\n", 200, "", false, true},
    {"204", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true, false},
    {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, "", true, false},
    {"interim responses",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
     "1\r\n\r\n!",
     200, "!", true, false},
    {"asked to close", "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 1\r\n\r\n!", 200, "!", false,
     false},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n!", 200, "!", false, false},
    {"HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n!", 200, "!", true, false},
    {"no reason", "HTTP/1.1 500\r\nContent-Length: 3\r\n\r\nbad", 500, "bad", true, false},
};

TEST_CASE("response_parser: each kind of body, split at every byte", "[response_parser]") {
  for (const good_response& row : good_responses) {
    INFO(row.what);
    const std::string_view bytes = row.bytes;
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      http_response_parser parser;
      CHECK(parser.started() == false);
      std::size_t taken = feed(parser, bytes.substr(0, cut), bytes.size() + 1);
      taken += feed(parser, bytes.substr(taken), bytes.size() + 1);
      if (row.until_close) {
        REQUIRE_FALSE(parser.done());
        REQUIRE_FALSE(parser.finish());
      }
      REQUIRE(taken == bytes.size());
      REQUIRE(parser.done());
      REQUIRE(parser.response().status == row.status);
      REQUIRE(parser.response().body == row.body);
      REQUIRE(parser.response().keep_alive == row.keep_alive);
    }
    http_response_parser drip;
    feed(drip, bytes, 1);
    drip.finish();
    CHECK(drip.response().body == row.body);
  }
}

TEST_CASE("response_parser: a response cut anywhere is truncated, never complete", "[response_parser]") {
  for (const good_response& row : good_responses) {
    if (row.until_close) continue;
    INFO(row.what);
    for (std::size_t cut = 0; cut < row.bytes.size(); ++cut) {
      http_response_parser parser;
      feed(parser, std::string_view{row.bytes}.substr(0, cut), row.bytes.size());
      REQUIRE_FALSE(parser.done());
      REQUIRE(parser.finish() == errc::http_truncated);
      REQUIRE(parser.started() == (cut > 0));
      REQUIRE_FALSE(parser.done());
    }
  }
}

TEST_CASE("response_parser: a head that is refused as a whole was an answer all the same", "[response_parser]") {
  http_response_parser parser{{.head = {.bytes = 64, .fields = 8}, .body = 64}};
  CHECK(parser.feed("") == 0);
  CHECK_FALSE(parser.started());
  CHECK(parser.feed(std::string(65, 'x')) == 0);
  CHECK(parser.error() == errc::http_header_too_large);
  CHECK(parser.started());
  parser.reset();
  CHECK_FALSE(parser.started());
}

TEST_CASE("response_parser: a kept connection carries the next response", "[response_parser]") {
  const std::string stream =
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n"
      "0\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    http_response_parser parser;
    std::string_view rest = stream;
    std::string bodies;
    int last = 0;
    while (!rest.empty()) {
      rest.remove_prefix(feed(parser, rest, chunk));
      REQUIRE(parser.done());
      const http_response response = parser.take();
      bodies += response.body + ";";
      last = response.status;
      parser.reset();
    }
    REQUIRE(bodies == "one;two;;");
    REQUIRE(last == 404);
  }
}

TEST_CASE("response_parser: each lie has its class", "[response_parser]") {
  struct row {
    const char* what;
    std::string bytes;
    errc code;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  const row table[] = {
      {"two lengths", ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", errc::http_malformed},
      {"a list of lengths", ok + "Content-Length: 1, 2\r\n\r\n", errc::http_malformed},
      {"negative length", ok + "Content-Length: -1\r\n\r\n", errc::http_malformed},
      {"signed length", ok + "Content-Length: +1\r\n\r\n", errc::http_malformed},
      {"hexadecimal length", ok + "Content-Length: 0x1\r\n\r\n", errc::http_malformed},
      {"empty length", ok + "Content-Length:\r\n\r\n", errc::http_malformed},
      {"length and encoding", ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", errc::http_malformed},
      {"encoding first", ok + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", errc::http_malformed},
      {"unknown encoding", ok + "Transfer-Encoding: gzip\r\n\r\n", errc::http_malformed},
      {"two encodings", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", errc::http_malformed},
      {"chunked twice", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", errc::http_malformed},
      {"length over the limit", ok + "Content-Length: 1001\r\n\r\n", errc::http_body_too_large},
      {"length over 64 bits", ok + "Content-Length: 99999999999999999999999\r\n\r\n", errc::http_body_too_large},
      {"until close over the limit", ok + "\r\n" + std::string(1001, 'x'), errc::http_body_too_large},
      {"chunk over the limit", chunked + "3e9\r\n", errc::http_body_too_large},
      {"chunk over 64 bits", chunked + "fffffffffffffffff\r\n", errc::http_body_too_large},
      {"chunks over the limit", chunked + "3e8\r\n" + std::string(1000, 'x') + "\r\n1\r\n", errc::http_body_too_large},
      {"no chunk size", chunked + "\r\n", errc::http_malformed},
      {"no digit", chunked + "g\r\n", errc::http_malformed},
      {"extension without size", chunked + ";x\r\n", errc::http_malformed},
      {"signed chunk", chunked + "-1\r\n", errc::http_malformed},
      {"chunk with 0x", chunked + "0x1\r\n", errc::http_malformed},
      {"bare LF after a size", chunked + "1\n", errc::http_malformed},
      {"CR without LF after a size", chunked + "1\rx", errc::http_malformed},
      {"chunk longer than its size", chunked + "1\r\nab", errc::http_malformed},
      {"bare LF after a chunk", chunked + "1\r\na\n", errc::http_malformed},
      {"bare LF in a trailer", chunked + "0\r\nA: b\n", errc::http_malformed},
      {"endless extension", chunked + "1;" + std::string(17'000, 'x'), errc::http_header_too_large},
      {"endless trailers", chunked + "0\r\nA: " + std::string(17'000, 'x'), errc::http_header_too_large},
      {"endless zeros", chunked + std::string(17'000, '0'), errc::http_header_too_large},
      {"endless head", ok + "A: " + std::string(17'000, 'x'), errc::http_header_too_large},
      {"101 unasked", "HTTP/1.1 101 Switching Protocols\r\n\r\n", errc::http_malformed},
      {"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", errc::http_malformed},
      {"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", errc::http_malformed},
      {"status 600", "HTTP/1.1 600 ?\r\n\r\n", errc::http_malformed},
      {"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", errc::http_malformed},
      {"not HTTP", "220 smtp.example.com ESMTP\r\n\r\n", errc::http_malformed},
      {"bare LF", "HTTP/1.1 200 OK\n\n", errc::http_malformed},
      {"name with a space", ok + "A b: c\r\n\r\n", errc::http_malformed},
      {"no name", ok + ": c\r\n\r\n", errc::http_malformed},
  };
  for (const row& r : table) {
    INFO(r.what);
    for (const std::size_t chunk : {r.bytes.size(), std::size_t{1}, std::size_t{7}}) {
      http_response_parser parser{{.body = 1000}};
      feed(parser, r.bytes, chunk);
      CHECK(parser.error() == r.code);
      CHECK_FALSE(parser.done());
      CHECK(parser.response().body.size() <= 1000);
      CHECK(parser.feed("HTTP/1.1 200 OK\r\n\r\n") == 0);
      CHECK(parser.finish() == r.code);
    }
  }
}

TEST_CASE("response_parser: exactly the limit is a body", "[response_parser]") {
  const std::string body(1000, 'x');
  for (const std::string& bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + body,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + body + "\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n" + body}) {
    http_response_parser parser{{.body = 1000}};
    CHECK(parser.feed(bytes) == bytes.size());
    CHECK_FALSE(parser.finish());
    CHECK(parser.response().body == body);
  }
}

TEST_CASE("response_parser: interim responses are bounded", "[response_parser]") {
  http_response_parser parser;
  for (int i = 0; i < 100 && !parser.error(); ++i) parser.feed("HTTP/1.1 103 Early Hints\r\n\r\n");
  CHECK(parser.error() == errc::http_malformed);
}

TEST_CASE("response_parser: the class of a status and its Retry-After", "[response_parser]") {
  const auto parse = [](const std::string& status, const std::string& fields) {
    http_response_parser parser;
    parser.feed("HTTP/1.1 " + status + " x\r\nContent-Length: 0\r\n" + fields + "\r\n");
    REQUIRE(parser.done());
    return parser.take();
  };
  CHECK_FALSE(parse("200", "").error());
  CHECK(parse("429", "").error() == errc::http_rate_limited);
  CHECK(parse("418", "").error() == errc::http_banned);
  CHECK(parse("403", "").error() == errc::http_forbidden);
  CHECK(parse("404", "").error() == errc::http_client_error);
  CHECK(parse("502", "").error() == errc::http_server_error);
  CHECK(parse("302", "").error() == errc::http_unexpected_status);
  CHECK(parse("429", "RETRY-AFTER: 7\r\n").retry_after() == std::chrono::seconds{7});
  CHECK(parse("429", "").retry_after() == std::nullopt);
  CHECK(parse("200", "X-Mbx-Used-Weight-1m: 12\r\n").headers.find("x-mbx-used-weight-1M") == "12");
  CHECK(parse("200", "").headers.find("missing") == std::nullopt);
}

}  // namespace
