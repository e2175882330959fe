// tests/acceptance/injection_test.cpp: bytes that could end a line or a request, in every name that goes into one: they
// are refused before anything is connected.
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/http/client.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using binance::market_data;
using binance::market_data_settings;

constexpr char bad_bytes[] = {'\r', '\n', '\0', ' ', '\t', '\x7f'};

/// A port of loopback that notices whoever connects.
class tripwire {
 public:
  explicit tripwire(loop_fixture& f) : f_{f}, from_{f.loop}, accepting_{f.start(from_.accept())} {}
  [[nodiscard]] asio::ip::tcp::endpoint where() const { return from_.where(); }
  [[nodiscard]] std::string port() const { return std::to_string(from_.port()); }
  [[nodiscard]] bool touched() {
    for (int i = 0; i < 10; ++i) f_.poll();
    return accepting_.done();
  }

 private:
  loop_fixture& f_;
  listener from_;
  loop_fixture::running<tcp_stream> accepting_;
};

/// Calls `check` with the byte at every place of the text.
template <class Check>
void everywhere(const std::string& good, Check check) {
  for (const char bad : bad_bytes) {
    for (std::size_t at = 0; at <= good.size(); ++at) {
      CAPTURE(static_cast<int>(bad), at);
      check(std::string{good}.insert(at, 1, bad));
    }
  }
}

std::error_code refusal(const market_data_settings& settings) {
  try {
    market_data feed{settings};
    if (const std::error_code error = feed.connect()) return error;
  } catch (const std::system_error& failure) {
    return failure.code();
  }
  return {};
}

TEST_CASE("injection: in URLs and streams of a feed", "[acceptance]") {
  loop_fixture f;
  tripwire wire{f};
  market_data_settings good;
  good.websocket_url = "wss://127.0.0.1:" + wire.port();
  good.rest_url = "https://127.0.0.1:" + wire.port();
  good.streams = {"btcusdt@bookTicker"};
  for (std::string market_data_settings::*const where :
       {&market_data_settings::websocket_url, &market_data_settings::rest_url}) {
    for (const std::string path : {"", "/", "/stream?streams=a"}) {
      everywhere(good.*where + path, [&](const std::string& bad) {
        market_data_settings settings = good;
        settings.*where = bad;
        CHECK(refusal(settings) == errc::bad_url);
      });
    }
  }
  everywhere("btcusdt@depth@100ms", [&](const std::string& bad) {
    market_data_settings settings = good;
    settings.streams.push_back(bad);
    CHECK(refusal(settings) == errc::bad_argument);
  });
  market_data idle{good};
  everywhere("btcusdt@trade", [&](const std::string& bad) {
    CHECK(idle.subscribe_streams({"ethusdt@trade", bad}) == errc::bad_argument);
  });
  CHECK_FALSE(wire.touched());
  // The wire works: what is good does trip it.
  CHECK_FALSE(refusal(good));
  CHECK(f.run_until([&] { return wire.touched(); }));
}

TEST_CASE("injection: in the host that is dialled, even where its address is known", "[acceptance]") {
  loop_fixture f;
  tripwire wire{f};
  dial_settings dial;
  dial.addresses = {wire.where()};
  int lookups = 0;
  dial_settings looking_up;
  looking_up.lookup = [&](const std::string&, std::uint16_t) {
    ++lookups;
    return endpoints{wire.where()};
  };
  const tls_context context = client_context();
  everywhere("localhost", [&](const std::string& bad) {
    for (const dial_settings& settings : {dial, looking_up}) {
      CHECK(f.run(dial_tcp(f.timers, bad, 1, settings)).error() == errc::bad_argument);
      CHECK(f.run(dial_tls(f.timers, context, bad, 1, settings)).error() == errc::bad_argument);
    }
  });
  CHECK(f.run(dial_tcp(f.timers, "", 1, dial)).error() == errc::bad_argument);
  CHECK(lookups == 0);
  CHECK_FALSE(wire.touched());
  CHECK(f.run(dial_tcp(f.timers, "localhost", 1, dial)));
  CHECK(wire.touched());
}

TEST_CASE("injection: in host, target and headers of an HTTP request", "[acceptance]") {
  loop_fixture f;
  tripwire wire{f};
  http_client_settings settings;
  settings.dial.addresses = {wire.where()};
  const auto refused = [&](const std::string& host, const std::string& target, http_field header) {
    http_client_settings own = settings;
    own.headers = {std::move(header)};
    http_client client{f.timers, client_context(), own};
    url where;
    where.host = host;
    where.target = target;
    return f.run(client.get(where, 10s)).error();
  };
  everywhere("api.test", [&](const std::string& bad) {
    CHECK(refused(bad, "/", {"X-Key", "k"}) == errc::bad_argument);
  });
  everywhere("/api/v3/depth?symbol=BTCUSDT", [&](const std::string& bad) {
    CHECK(refused("api.test", bad, {"X-Key", "k"}) == errc::bad_argument);
  });
  everywhere("X-Key", [&](const std::string& bad) {
    CHECK(refused("api.test", "/", {bad, "k"}) == errc::bad_argument);
  });
  for (const char bad : {'\r', '\n', '\0'}) {
    CHECK(refused("api.test", "/", {"X-Key", std::string{"k"} + bad + "X: y"}) == errc::bad_argument);
  }
  CHECK_FALSE(wire.touched());
}

TEST_CASE("injection: in host, target, headers and subprotocols of an upgrade", "[acceptance]") {
  loop_fixture f;
  const auto sent = [&](const upgrade_request& wanted) {
    auto [ours, theirs] = memory_stream::make_pair(f.loop);
    websocket_stream<memory_stream> client{f.timers, std::move(ours)};
    auto upgrading = f.start(client.upgrade(wanted));
    f.poll();
    std::string seen = theirs.end()->received;
    const bool waits = !upgrading.done();  // for the answer
    client.close_now();
    f.poll();
    if (!waits) CHECK(upgrading.get() == errc::bad_argument);
    return seen;
  };
  CHECK_FALSE(sent(plain_request()).empty());
  everywhere("localhost", [&](const std::string& bad) {
    upgrade_request wanted = plain_request();
    wanted.host = bad;
    CHECK(sent(wanted).empty());
  });
  everywhere("/stream?streams=btcusdt@trade", [&](const std::string& bad) {
    upgrade_request wanted = plain_request();
    wanted.target = bad;
    CHECK(sent(wanted).empty());
  });
  everywhere("chat", [&](const std::string& bad) {
    upgrade_request wanted = plain_request();
    wanted.subprotocols = {bad};
    CHECK(sent(wanted).empty());
    wanted.subprotocols.clear();
    wanted.headers = {{bad, "value"}};
    CHECK(sent(wanted).empty());
  });
}

}  // namespace
