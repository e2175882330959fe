// tests/acceptance/http_peers_test.cpp: HTTP servers that refuse, lie about lengths, never end, or take their time.
#include <foxtrot/net/http/client.hpp>

#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;

constexpr auto patience = 5s;
constexpr std::size_t most_body = 100'000;

enum class then : std::uint8_t {
  keep,     // waits for the next request
  hang_up,  // ends TLS and TCP in an orderly way
  cut,      // ends TCP alone
  endless,  // goes on sending the last 1,000 bytes
};
struct reply {
  std::string bytes;
  then next{then::keep};
};

/// Answers requests over TLS by their number, from 0.
class server {
 public:
  server(loop_fixture& f, std::function<reply(int)> answer) : f_{f}, answer_{std::move(answer)} {
    asio::co_spawn(f.loop, accept_all(*this), asio::bind_cancellation_slot(stop_.slot(), [](std::exception_ptr) {}));
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server() {
    stop_.emit(asio::cancellation_type::terminal);
    f_.poll();
  }

  [[nodiscard]] url where() const {
    url made;
    made.host = "127.0.0.1";
    made.port = listener_.port();
    made.target = "/api/v3/depth";
    return made;
  }
  int requests{0};
  std::uint64_t sent{0};  ///< bytes that a socket has taken

  /// More of a reply, where the connection is kept.
  std::function<void(std::string_view)> send_more;

 private:
  static task<> accept_all(server& self) {
    for (;;) {
      tls_stream stream{co_await self.listener_.accept(), self.context_};
      if (const std::error_code error = co_await stream.handshake()) continue;
      co_await serve(self, stream);
    }
  }

  static task<> serve(server& self, tls_stream& stream) {
    std::string head;
    std::vector<char> buffer(4096);
    for (;;) {
      const io_result got = stream.read_some(buffer);
      if (got.error && got.error != errc::would_block) co_return;
      if (got.error) {
        if (const std::error_code error = co_await stream.wait_readable()) co_return;
      }
      head.append(buffer.data(), got.bytes);
      if (!head.ends_with("\r\n\r\n")) continue;
      head.clear();
      const reply made = self.answer_(self.requests++);
      if (!co_await send(self, stream, made.bytes)) co_return;
      self.send_more = [&stream](std::string_view more) {
        (void)stream.write_some(std::span{more});
        (void)stream.flush();
      };
      while (made.next == then::endless) {
        if (!co_await send(self, stream, made.bytes.substr(made.bytes.size() - 1000))) co_return;
      }
      if (made.next == then::hang_up) stream.shutdown();
      if (made.next != then::keep) co_return stream.close();
    }
  }

  static task<bool> send(server& self, tls_stream& stream, std::string bytes) {
    for (std::span<const char> left{bytes}; !left.empty() || stream.flush() == errc::would_block;) {
      const io_result went = left.empty() ? io_result{0, errc::would_block} : stream.write_some(left);
      self.sent += went.bytes;
      left = left.subspan(went.bytes);
      if (went.error && went.error != errc::would_block) co_return false;
      if (!went.error) continue;
      if (const std::error_code error = co_await stream.wait_writable()) co_return false;
    }
    co_return true;
  }

  loop_fixture& f_;
  std::function<reply(int)> answer_;
  tls_context context_{server_context()};
  listener listener_{f_.loop};
  asio::cancellation_signal stop_;
};

http_client_settings bounded() {
  http_client_settings settings;
  settings.limits.body = most_body;
  return settings;
}
std::string head_of(int status, const std::string& fields = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " Whatever\r\n" + fields + "\r\n";
}
std::string sized(int status, const std::string& body, const std::string& fields = {}) {
  return head_of(status, fields + "Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
}
std::string chunk(const std::string& data) {
  char size[17] = {};
  (void)std::snprintf(size, sizeof size, "%zx", data.size());
  return std::string{size} + "\r\n" + data + "\r\n";
}
std::error_code code_of(errc error) { return error == errc::none ? std::error_code{} : make_error_code(error); }
const std::string chunked = "Transfer-Encoding: chunked\r\n";

/// A good exchange after the one that is tested, so that its error has not stuck.
void check_next(loop_fixture& f, http_client& client, const server& from) {
  const auto next = f.run(client.get(from.where(), patience));
  REQUIRE(next);
  CHECK(next->body == "fine");
  CHECK(f.timers.size() == 0);
}

TEST_CASE("HTTP peers: each refusal has its class and its wait", "[acceptance]") {
  const struct {
    int status;
    std::string fields;
    errc error;
    bool transient;
    error_kind kind;
    std::chrono::milliseconds wait;
  } refusals[] = {
      {429, "Retry-After: 3\r\n", errc::http_rate_limited, true, error_kind::rate_limit, 3s},
      {429, "", errc::http_rate_limited, true, error_kind::rate_limit, 60s},
      {418, "Retry-After: 120\r\n", errc::http_banned, false, error_kind::rate_limit, 120s},
      {418, "Retry-After: 999999999\r\n", errc::http_banned, false, error_kind::rate_limit, 72h},
      {403, "", errc::http_forbidden, false, error_kind::rate_limit, 60s},
      {404, "", errc::http_client_error, false, error_kind::exchange, 30s},
      {500, "", errc::http_server_error, true, error_kind::exchange, 30s},
      {503, "Retry-After: 2\r\n", errc::http_server_error, true, error_kind::exchange, 2s},
      {504, "Retry-After: nonsense\r\n", errc::http_server_error, true, error_kind::exchange, 30s},
  };
  const websocket_error_handler handler{binance::error_settings()};
  for (const auto& [status, fields, error, transient, kind, wait] : refusals) {
    INFO(status << " " << fields);
    loop_fixture f;
    server venue{f, [&](int number) {
                   return reply{number == 0 ? sized(status, R"({"code":0,"msg":"no"})", fields) : sized(200, "fine")};
                 }};
    http_client client{f.timers, client_context(), bounded()};
    const auto got = f.run(client.get(venue.where(), patience));
    REQUIRE(got);
    CHECK(got->status == status);
    CHECK(got->error() == error);
    CHECK((got->error() == condition::transient) == transient);
    CHECK(got->body == R"({"code":0,"msg":"no"})");
    const error_decision decided =
        handler.decide({.code = got->error(), .http_status = got->status, .retry_after = got->retry_after()});
    CHECK(decided.kind == kind);
    CHECK(decided.response.delay == wait);
    CHECK(decided.response.retry);
    check_next(f, client, venue);
    CHECK(client.connections() == 1);  // a refusal in proper form ends nothing
  }
}

TEST_CASE("HTTP peers: chunked bodies, proper and otherwise", "[acceptance]") {
  const std::string data(3000, 'd');
  const struct {
    const char* what;
    std::string answer;
    then next;
    std::optional<std::string> body;
    errc error{errc::none};
  } answers[] = {
      {"proper", head_of(200, chunked) + chunk("one") + chunk(data) + "0\r\n\r\n", then::keep, "one" + data},
      {"with extension and trailer", head_of(200, chunked) + "3;x=y\r\none\r\n0\r\nX: y\r\n\r\n", then::keep, "one"},
      {"empty", head_of(200, chunked) + "0\r\n\r\n", then::keep, ""},
      {"no size", head_of(200, chunked) + "\r\none\r\n0\r\n\r\n", then::keep, {}, errc::http_malformed},
      {"a size that is none", head_of(200, chunked) + "xyz\r\none\r\n", then::keep, {}, errc::http_malformed},
      {"a negative size", head_of(200, chunked) + "-3\r\none\r\n", then::keep, {}, errc::http_malformed},
      {"a chunk longer than its size",
       head_of(200, chunked) + "2\r\none\r\n0\r\n\r\n",
       then::keep,
       {},
       errc::http_malformed},
      {"a size beyond 64 bits",
       head_of(200, chunked) + "ffffffffffffffffff\r\n",
       then::keep,
       {},
       errc::http_body_too_large},
      {"a chunk beyond the limit", head_of(200, chunked) + "186a1\r\n", then::keep, {}, errc::http_body_too_large},
      {"both lengths",
       head_of(200, chunked + "Content-Length: 3\r\n") + chunk("one") + "0\r\n\r\n",
       then::keep,
       {},
       errc::http_malformed},
      {"cut between chunks", head_of(200, chunked) + chunk("one"), then::hang_up, {}, errc::http_truncated},
      {"cut inside of one", head_of(200, chunked) + "5\r\non", then::hang_up, {}, errc::http_truncated},
      {"cut before the last line",
       head_of(200, chunked) + chunk("one") + "0\r\n",
       then::hang_up,
       {},
       errc::http_truncated},
  };
  for (const auto& answer : answers) {
    INFO(answer.what);
    loop_fixture f;
    server venue{f, [&answer](int number) {
                   return number == 0 ? reply{answer.answer, answer.next} : reply{sized(200, "fine")};
                 }};
    http_client client{f.timers, client_context(), bounded()};
    const auto got = f.run(client.get(venue.where(), patience));
    CHECK(got.error() == code_of(answer.error));
    if (answer.body && got) CHECK(got->body == *answer.body);
    CHECK(got.has_value() == answer.body.has_value());
    check_next(f, client, venue);
    CHECK(client.connections() == (answer.body ? 1 : 2));  // what broke the rules is not used again
  }
}

TEST_CASE("HTTP peers: lengths that are not so", "[acceptance]") {
  const struct {
    const char* what;
    std::string answer;
    then next;
    std::optional<std::string> body;
    errc error{errc::none};
    std::uint64_t connections{2};
  } answers[] = {
      {"longer than the body",
       head_of(200, "Content-Length: 10\r\n") + "short",
       then::hang_up,
       {},
       errc::http_truncated},
      {"shorter than the body", head_of(200, "Content-Length: 3\r\n") + "one too many", then::keep, "one"},
      {"two that agree", head_of(200, "Content-Length: 3\r\nContent-Length: 3\r\n") + "one", then::keep, "one",
       errc::none, 1},
      {"two that do not",
       head_of(200, "Content-Length: 3\r\nContent-Length: 4\r\n") + "one",
       then::keep,
       {},
       errc::http_malformed},
      {"negative", head_of(200, "Content-Length: -1\r\n"), then::keep, {}, errc::http_malformed},
      {"nonsense", head_of(200, "Content-Length: 1x\r\n"), then::keep, {}, errc::http_malformed},
      {"none, and an orderly end", head_of(200) + "all of it", then::hang_up, "all of it"},
      {"beyond the limit", head_of(200, "Content-Length: 100001\r\n"), then::keep, {}, errc::http_body_too_large},
      {"beyond 64 bits",
       head_of(200, "Content-Length: 99999999999999999999999\r\n"),
       then::keep,
       {},
       errc::http_body_too_large},
      {"exactly the limit", sized(200, std::string(most_body, 'x')), then::keep, std::string(most_body, 'x'),
       errc::none, 1},
  };
  for (const auto& answer : answers) {
    INFO(answer.what);
    loop_fixture f;
    server venue{f, [&answer](int number) {
                   return number == 0 ? reply{answer.answer, answer.next} : reply{sized(200, "fine")};
                 }};
    http_client client{f.timers, client_context(), bounded()};
    const auto got = f.run(client.get(venue.where(), patience));
    CHECK(got.error() == code_of(answer.error));
    if (answer.body && got) CHECK(got->body == *answer.body);
    CHECK(got.has_value() == answer.body.has_value());
    check_next(f, client, venue);
    CHECK(client.connections() == answer.connections);
  }
  // without a length and without an orderly end nobody knows whether that was all
  loop_fixture f;
  server venue{f, [](int) { return reply{head_of(200) + "half", then::cut}; }};
  http_client client{f.timers, client_context(), bounded()};
  const auto got = f.run(client.get(venue.where(), patience));
  CHECK(got.error() == condition::transient);
  CHECK_FALSE(got.has_value());
}

TEST_CASE("HTTP peers: a body without end stops at the limit, whatever way it comes", "[acceptance]") {
  const std::string piece(1000, 'p');
  const reply endless[] = {{head_of(200, chunked) + "fffff0\r\n" + piece, then::endless},
                           {head_of(200) + piece, then::endless},
                           {head_of(200, "X-Endless: ") + piece, then::endless}};
  for (const reply& answer : endless) {
    INFO(answer.bytes.substr(0, 60));
    loop_fixture f;
    server venue{f, [&answer](int number) { return number == 0 ? answer : reply{sized(200, "fine")}; }};
    http_client client{f.timers, client_context(), bounded()};
    const auto got = f.run(client.get(venue.where(), patience));
    CHECK(!got);
    CHECK((got.error() == errc::http_body_too_large || got.error() == errc::http_header_too_large));
    // what the client took, and what was under way in the buffers of two sockets
    CHECK(venue.sent < 32U << 20U);
    check_next(f, client, venue);
    CHECK(client.connections() == 2);
  }
}

TEST_CASE("HTTP peers: whoever takes his time has it in total, not for each byte", "[acceptance]") {
  const std::string whole = sized(200, std::string(200, 'b'));
  const std::size_t head = whole.size() - 200;
  for (const std::size_t at_once : {std::size_t{0}, head / 2, head, head + 100}) {
    CAPTURE(at_once);
    loop_fixture f;
    server venue{f, [&](int number) { return reply{number == 0 ? whole.substr(0, at_once) : sized(200, "fine")}; }};
    http_client client{f.timers, client_context(), bounded()};
    auto getting = f.start(client.get(venue.where(), patience));
    REQUIRE(f.run_until([&] { return venue.requests == 1 && venue.send_more; }));
    for (std::size_t i = 0; i < 49; ++i) {
      f.advance(100ms);
      venue.send_more(std::string_view{whole}.substr(at_once + i, 1));
      f.poll();
      REQUIRE_FALSE(getting.done());
    }
    f.advance(99ms);
    CHECK_FALSE(getting.done());
    f.advance(1ms);
    REQUIRE(f.run_until([&] { return getting.done(); }));
    CHECK(getting.get().error() == errc::timeout);
    check_next(f, client, venue);
    CHECK(client.connections() == 2);
  }
}

}  // namespace
