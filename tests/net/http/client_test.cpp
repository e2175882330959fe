#include <foxtrot/net/http/client.hpp>

#include <foxtrot/net/http/response.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace foxtrot;
using namespace foxtrot_test;

namespace {

/// Serves plain or TLS connections one after the other; `answer` makes the bytes for each request's number, and an
/// empty answer hangs up.
class web_server {
 public:
  using answers = std::function<std::string(int request)>;

  web_server(loop_fixture& f, bool secure, answers answer) : f_{f}, secure_{secure}, answer_{std::move(answer)} {
    asio::co_spawn(f.loop, serve(), asio::bind_cancellation_slot(stop_.slot(), [](std::exception_ptr) {}));
  }
  ~web_server() {
    stop_.emit(asio::cancellation_type::terminal);
    f_.poll();
  }

  [[nodiscard]] url at(const std::string& target) const {
    url where;
    where.secure = secure_;
    where.host = "127.0.0.1";
    where.port = listener_.port();
    where.target = target;
    return where;
  }
  int requests{0};
  std::string last;

 private:
  task<> serve() {
    while (true) {
      tcp_stream wire = co_await listener_.accept();
      if (!secure_) {
        co_await serve_one(wire);
        continue;
      }
      tls_stream tls{std::move(wire), context_};
      if (const std::error_code error = co_await tls.handshake()) continue;
      co_await serve_one(tls);
      tls.shutdown();
    }
  }

  template <byte_stream Stream>
  task<> serve_one(Stream& stream) {
    std::string request;
    std::vector<char> buffer(4096);
    while (true) {
      const io_result got = stream.read_some(buffer);
      if (got.error && got.error != errc::would_block) co_return;
      if (got.error) {
        if (const std::error_code error = co_await stream.wait_readable()) co_return;
      }
      request.append(buffer.data(), got.bytes);
      if (!request.ends_with("\r\n\r\n")) continue;
      last = std::exchange(request, {});
      const std::string answer = answer_(requests++);
      if (answer.empty()) co_return;
      if (const std::error_code error = co_await write_all(stream, answer)) co_return;
    }
  }

  loop_fixture& f_;
  bool secure_;
  answers answer_;
  tls_context context_{server_context()};
  listener listener_{f_.loop};
  asio::cancellation_signal stop_;
};

}  // namespace

TEST_CASE("http_client: keeps its connection, plain and TLS", "[net]") {
  for (const bool secure : {false, true}) {
    loop_fixture f;
    web_server server{f, secure, [](int n) { return encode_response(200, "OK", "body " + std::to_string(n)); }};
    http_client_settings settings;
    settings.headers = {{"X-Key", "k"}};
    http_client client{f.timers, client_context(), settings};
    for (int i = 0; i < 3; ++i) {
      const auto got = f.run(client.get(server.at("/api?n=1"), 10s));
      REQUIRE(got);
      CHECK(got->status == 200);
      CHECK(got->body == "body " + std::to_string(i));
      CHECK(got->body.capacity() >= got->body.size() + http_client::body_padding);
    }
    CHECK(client.connections() == 1);
    CHECK(client.answered() == 3);
    CHECK(server.last.starts_with("GET /api?n=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
    CHECK(server.last.find("X-Key: k\r\n") != std::string::npos);
    CHECK(f.timers.size() == 0);
  }
}

TEST_CASE("http_client: a kept connection that died is replaced once, unseen", "[net]") {
  loop_fixture f;
  // every second request is not answered: the server hangs up instead
  web_server server{f, true, [](int n) { return n % 2 == 1 ? "" : encode_response(200, "OK", std::to_string(n)); }};
  http_client client{f.timers, client_context(), {}};
  CHECK(f.run(client.get(server.at("/"), 10s)).value().body == "0");
  const auto second =
      f.run(client.get(server.at("/"), 10s));  // request 1 dies with its connection, 2 is the same again
  REQUIRE(second);
  CHECK(second->body == "2");
  CHECK(client.connections() == 2);
}

TEST_CASE("http_client: a fresh connection that dies is an error, not a loop", "[net]") {
  loop_fixture f;
  web_server server{f, true, [](int) { return std::string{}; }};
  http_client client{f.timers, client_context(), {}};
  const auto got = f.run(client.get(server.at("/"), 10s));
  CHECK(got.error() == errc::http_truncated);
  CHECK(server.requests == 1);
}

TEST_CASE("http_client: statuses are results with their meaning", "[net]") {
  loop_fixture f;
  web_server server{f, false, [](int) { return encode_response(429, "Too Many", "{}", {{"Retry-After", "3"}}); }};
  http_client client{f.timers, client_context(), {}};
  const auto got = f.run(client.get(server.at("/"), 10s));
  REQUIRE(got);
  CHECK(got->status == 429);
  CHECK(got->error() == errc::http_rate_limited);
  CHECK(got->retry_after() == 3s);
}

TEST_CASE("http_client: limits hold, and what breaks them is not reused", "[net]") {
  loop_fixture f;
  web_server server{f, false, [](int n) { return encode_response(200, "OK", std::string(n == 0 ? 5000 : 50, 'x')); }};
  http_client_settings settings;
  settings.limits.body = 1000;
  http_client client{f.timers, client_context(), settings};
  CHECK(f.run(client.get(server.at("/"), 10s)).error() == errc::http_body_too_large);
  CHECK(f.run(client.get(server.at("/"), 10s)));
  CHECK(client.connections() == 2);
}

TEST_CASE("http_client: bytes behind a response end the connection", "[net]") {
  loop_fixture f;
  web_server server{f, false, [](int) { return encode_response(200, "OK", "one") + "HTTP/1.1 200 Injected\r\n"; }};
  http_client client{f.timers, client_context(), {}};
  CHECK(f.run(client.get(server.at("/"), 10s)).value().body == "one");
  CHECK(f.run(client.get(server.at("/"), 10s)).value().body == "one");
  CHECK(client.connections() == 2);
}

TEST_CASE("http_client: the deadline covers all of it", "[net]") {
  loop_fixture f;
  web_server server{f, true, [](int) { return std::string{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}; }};
  http_client client{f.timers, client_context(), {}};
  auto getting = f.start(client.get(server.at("/"), 5s));
  REQUIRE(f.run_until([&] { return server.requests == 1; }));
  auto second = f.start(client.get(server.at("/"), 5s));
  f.poll();
  REQUIRE(second.done());
  CHECK(second.get().error() == errc::would_block);
  f.advance(4999ms);
  CHECK_FALSE(getting.done());
  f.advance(1ms);
  REQUIRE(f.run_until([&] { return getting.done(); }));
  CHECK(getting.get().error() == errc::timeout);

  listener mute{f.loop};  // takes the connection and never shakes hands
  url where = server.at("/");
  where.port = mute.port();
  auto hanging = f.start(client.get(where, 5s));
  for (int i = 0; i < 10; ++i) f.poll();
  f.advance(5s);
  REQUIRE(f.run_until([&] { return hanging.done(); }));
  CHECK(hanging.get().error() == errc::timeout);
}

TEST_CASE("http_client: cancellation and close end a request", "[net]") {
  loop_fixture f;
  web_server server{f, true, [](int) { return std::string{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}; }};
  http_client client{f.timers, client_context(), {}};
  auto cancelled = f.start(client.get(server.at("/"), 5s));
  REQUIRE(f.run_until([&] { return server.requests == 1; }));
  cancelled.cancel();
  REQUIRE(f.run_until([&] { return cancelled.done(); }, 1s));
  auto closed = f.start(client.get(server.at("/"), 5s));
  REQUIRE(f.run_until([&] { return server.requests == 2; }));
  client.close();
  REQUIRE(f.run_until([&] { return closed.done(); }, 1s));
  CHECK(closed.get().error() == errc::cancelled);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("http_client: a bad certificate or target sends nothing", "[net]") {
  loop_fixture f;
  web_server server{f, true, [](int) { return encode_response(200, "OK", ""); }};
  tls_settings nobody;
  nobody.ca_pem = certificate_authority::make("nobody").value().ca_pem();
  http_client wary{f.timers, client_context(nobody), {}};
  CHECK(f.run(wary.get(server.at("/"), 10s)).error() == errc::certificate_unknown_authority);
  http_client client{f.timers, client_context(), {}};
  CHECK(f.run(client.get(server.at("/ HTTP/1.1\r\nX: y"), 10s)).error() == errc::bad_argument);
  CHECK(client.connections() == 0);
  CHECK(server.requests == 0);
}

TEST_CASE("http_client: an exchange failing at step 0, 1, 2 ... until it passes", "[net]") {
  bool passed = false;
  int step = 0;
  for (; step < 100 && !passed; ++step) {
    CAPTURE(step);
    loop_fixture f;
    auto [ours, theirs] = memory_stream::make_pair(f.loop);
    ours.end()->max_read = ours.end()->max_write = 20;
    ours.end()->fail_at = step;
    ours.end()->fail_with = {ECONNRESET, std::system_category()};
    http_response_parser parser;
    auto exchanging = f.start(http_exchange(ours, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", parser));
    f.poll();
    theirs.end()->peer.lock()->deliver(encode_response(200, "OK", "a body of some length"));
    f.poll();
    REQUIRE(exchanging.done());
    const std::error_code error = exchanging.get();
    passed = !error;
    if (error) CHECK(error == ours.end()->fail_with);
    if (passed) CHECK(parser.response().body == "a body of some length");
  }
  CHECK(passed);
  CHECK(step > 5);
}
