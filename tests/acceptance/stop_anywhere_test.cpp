// tests/acceptance/stop_anywhere_test.cpp: disconnect() while the feed waits for a name, an address, TLS, the upgrade,
// its next attempt, or an answer over HTTP: it returns at once, and only a look-up that hangs outlives it.
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/resolver.hpp>
#include <foxtrot/sim/exchange_server.hpp>
#include <foxtrot/sim/generator_source.hpp>
#include <foxtrot/sim/sent_log.hpp>

#include <support/blackhole.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/open_files.hpp>
#include <support/process_threads.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using binance::market_data;
using binance::market_data_settings;
using real = std::chrono::steady_clock;
using strings = std::vector<std::string>;

constexpr auto at_once = 500ms;  // 50 ms are promised; one or two are usual

/// Hangs, as getaddrinfo does where the name service is dead, until this is destroyed.
class stuck_service {
 public:
  lookup_function lookup() {
    return [wait = released_](const std::string&, std::uint16_t) -> result<endpoints> {
      wait.wait();
      return errc::resolve_failed;
    };
  }
  ~stuck_service() {
    release_.set_value();
    while (lookups_under_way() != 0) std::this_thread::yield();
  }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_{release_.get_future().share()};
};

/// Knows where "localhost" and the like are, whatever this machine's configuration says.
lookup_function loopback_lookup() {
  return [](const std::string&, std::uint16_t port) -> result<endpoints> {
    return endpoints{{asio::ip::address_v4::loopback(), port}};
  };
}

/// Takes one connection, as far as TLS where asked to, and hears something. It never says a word after that.
class mute_server {
 public:
  mute_server(loop_fixture& f, bool tls) : from_{f.loop} { asio::co_spawn(f.loop, serve(*this, tls), asio::detached); }
  mute_server(const mute_server&) = delete;
  mute_server& operator=(const mute_server&) = delete;
  [[nodiscard]] asio::ip::tcp::endpoint where() const { return from_.where(); }
  [[nodiscard]] std::string port() const { return std::to_string(from_.port()); }
  [[nodiscard]] bool heard() const noexcept { return heard_; }

 private:
  template <class Stream>
  static task<> listen(mute_server& self, Stream& stream) {
    std::array<char, 4096> bytes{};
    while (!self.heard_) {
      const std::error_code error = co_await stream.wait_readable();
      if (error) co_return;
      self.heard_ = stream.read_some(bytes).bytes != 0;
    }
  }
  static task<> serve(mute_server& self, bool tls) {
    self.tcp_.emplace(co_await self.from_.accept());
    if (!tls) co_return co_await listen(self, *self.tcp_);
    static const tls_context context = server_context();
    self.tls_.emplace(std::move(*self.tcp_), context);
    const std::error_code error = co_await self.tls_->handshake();
    if (!error) co_await listen(self, *self.tls_);
  }

  listener from_;
  std::optional<tcp_stream> tcp_;
  std::optional<tls_stream> tls_;
  bool heard_{false};
};

/// How many connections of this machine have had no answer to their SYN yet.
std::size_t unanswered() {
  std::ifstream table{"/proc/self/net/tcp"};
  std::size_t count = 0;
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream fields{line};  // number, local, remote, state
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    fields >> number >> local >> remote >> state;
    if (state == "02") ++count;
  }
  return count;
}

market_data_settings feed_settings(const std::string& websocket_host, const std::string& rest_host) {
  market_data_settings made;
  made.streams = {"btcusdt@bookTicker", "btcusdt@depth@100ms"};
  made.websocket_url = "wss://" + websocket_host;
  made.rest_url = "https://" + rest_host;
  made.ca_pem = authority().ca_pem();
  made.dial.lookup = loopback_lookup();
  return made;
}

/// What may outlive the feed.
struct remains {
  std::size_t lookups{0};
  std::size_t files{0};  // the peer's end of a connection is the test's
};

/// Connects, waits until the feed is where the test wants it, disconnects, alone or with others.
template <class Predicate>
void check_stop(loop_fixture& f, market_data_settings settings, bool together, Predicate there, remains left = {}) {
  const std::size_t files = open_files();
  const std::size_t others = settled_threads() - lookups_under_way();
  {
    market_data feed{std::move(settings)};
    REQUIRE_FALSE(feed.connect());
    REQUIRE(f.run_until([&] { return there(feed); }));
    std::chrono::duration<double, std::milli> took{};
    if (together) {
      std::vector<std::future<double>> all;
      for (int i = 0; i < 4; ++i) {
        all.push_back(std::async(std::launch::async, [&feed] {
          const auto before = real::now();
          const bool failed = static_cast<bool>(feed.disconnect());
          return failed ? 1e9 : std::chrono::duration<double, std::milli>{real::now() - before}.count();
        }));
      }
      for (auto& one : all) took = std::max(took, decltype(took){one.get()});
    } else {
      const auto before = real::now();
      CHECK_FALSE(feed.disconnect());
      took = real::now() - before;
    }
    CHECK(took <= bound(at_once));
    CHECK(feed.connection_info().state == session_state::disconnected);
    CHECK(lookups_under_way() == left.lookups);
    CHECK(eventually([others] { return threads() - lookups_under_way() == others; }));
    CHECK_FALSE(feed.disconnect());
  }
  CHECK(open_files() <= files + left.files);
}

}  // namespace

TEST_CASE("stop anywhere: while a name is looked up", "[acceptance][alone]") {
  loop_fixture f;
  stuck_service dead;
  market_data_settings settings = feed_settings("slow.test:443", "slow.test:443");
  settings.dial.lookup = dead.lookup();
  for (const bool together : {false, true}) {
    check_stop(f, settings, together,
               [](market_data& feed) {
                 return lookups_under_way() == 1 && feed.connection_info().state == session_state::connecting;
               },
               {.lookups = 1});
    CHECK(hosts_under_way() == strings{"slow.test"});  // what a shutdown names
  }
}

TEST_CASE("stop anywhere: while an address does not answer", "[acceptance][alone]") {
  loop_fixture f;
  const blackhole silent{f};
  market_data_settings settings = feed_settings("localhost:443", "localhost:443");
  settings.dial.addresses = {silent.where()};
  for (const bool together : {false, true}) {
    const std::size_t before = unanswered();
    check_stop(f, settings, together, [&](market_data&) { return unanswered() > before; });
  }
}

TEST_CASE("stop anywhere: in the TLS handshake", "[acceptance][alone]") {
  for (const bool together : {false, true}) {
    loop_fixture f;
    const mute_server mute{f, false};
    check_stop(
        f, feed_settings("localhost:" + mute.port(), "localhost:443"), together,
        [&](market_data& feed) { return mute.heard() && feed.connection_info().state == session_state::connecting; },
        {.files = 1});
  }
}

TEST_CASE("stop anywhere: in the upgrade", "[acceptance][alone]") {
  for (const bool together : {false, true}) {
    loop_fixture f;
    const mute_server mute{f, true};
    check_stop(
        f, feed_settings("localhost:" + mute.port(), "localhost:443"), together,
        [&](market_data& feed) { return mute.heard() && feed.connection_info().state == session_state::connecting; },
        {.files = 1});
  }
}

TEST_CASE("stop anywhere: while waiting for the next attempt", "[acceptance][alone]") {
  loop_fixture f;
  std::string refusing;
  {
    const listener gone{f.loop};
    refusing = "localhost:" + std::to_string(gone.port());
  }
  market_data_settings settings = feed_settings(refusing, refusing);
  settings.session.retry = {.base = 1h, .cap = 1h};
  for (const bool together : {false, true}) {
    check_stop(f, settings, together, [](market_data& feed) {
      const auto now = feed.connection_info();
      return now.failed_attempts != 0 && now.state == session_state::reconnecting;
    });
  }
}

namespace {

/// A venue that streams, and whose certificate is of the same authority as a mute server's.
class streaming_venue {
 public:
  streaming_venue() {
    const auto port = server_.listen();
    if (!port || bridge_.start() || bridge_.call([this] { server_.begin(); }, 5s)) FAIL("the venue does not start");
    port_ = *port;
  }
  streaming_venue(const streaming_venue&) = delete;
  streaming_venue& operator=(const streaming_venue&) = delete;
  ~streaming_venue() { bridge_.join(2s); }  // its tasks use the server
  [[nodiscard]] market_data_settings settings(const std::string& rest_host) const {
    return feed_settings("localhost:" + std::to_string(port_), rest_host);
  }

 private:
  exchange_settings settings_;
  foxtrot::detail::exchange_counters counters_;
  generator_source source_{{.symbols = default_symbols(sim_market::spot)}};
  sent_log sent_{0};
  async_thread_bridge bridge_;
  exchange_server server_{settings_, server_context(), bridge_.context(), bridge_.timers(), bridge_.scope(), source_,
                          sent_,     counters_};
  std::uint16_t port_{0};
};

bool is_streaming(market_data& feed) {
  return feed.connection_info().state == session_state::connected && feed.counters().messages.get() != 0;
}

}  // namespace

TEST_CASE("stop anywhere: while the name of the REST service is looked up", "[acceptance][alone]") {
  loop_fixture f;
  streaming_venue venue;
  stuck_service dead;
  market_data_settings settings = venue.settings("slow.test:443");
  settings.dial.lookup = [slow = dead.lookup(), fast = loopback_lookup()](const std::string& host, std::uint16_t port) {
    return (host == "slow.test" ? slow : fast)(host, port);
  };
  for (const bool together : {false, true}) {
    check_stop(f, settings, together,
               [](market_data& feed) { return hosts_under_way() == strings{"slow.test"} && is_streaming(feed); },
               {.lookups = 1});
  }
}

TEST_CASE("stop anywhere: while the REST service does not take the connection", "[acceptance][alone]") {
  loop_fixture f;
  streaming_venue venue;
  const blackhole silent{f};
  const market_data_settings settings = venue.settings("localhost:" + std::to_string(silent.where().port()));
  for (const bool together : {false, true}) {
    const std::size_t before = unanswered();
    check_stop(f, settings, together, [&](market_data& feed) { return unanswered() > before && is_streaming(feed); });
  }
}

TEST_CASE("stop anywhere: while the REST service does not shake hands, or does not answer", "[acceptance][alone]") {
  streaming_venue venue;
  for (const bool tls : {false, true}) {
    for (const bool together : {false, true}) {
      loop_fixture f;
      const mute_server mute{f, tls};
      check_stop(f, venue.settings("localhost:" + mute.port()), together,
                 [&](market_data& feed) { return mute.heard() && is_streaming(feed); }, {.files = 1});
    }
  }
}
