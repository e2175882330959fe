#include <foxtrot/net/connect.hpp>

#include <support/blackhole.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

using namespace std::chrono_literals;
using namespace foxtrot;
using namespace foxtrot_test;

namespace {

asio::ip::tcp::endpoint refused(loop_fixture& f) {
  listener gone{f.loop};
  return gone.where();
}

/// Lets a connection attempt that depends on manual time only come to rest.
void settle(loop_fixture& f) {
  for (int i = 0; i < 20; ++i) f.poll();
}

}  // namespace

TEST_CASE("connect: TCP by address and by name", "[net]") {
  loop_fixture f;
  listener server{f.loop};
  const dial_settings settings;
  auto by_address = f.run(dial_tcp(f.timers, "127.0.0.1", server.port(), settings));
  CHECK(by_address);
  dial_settings by_lookup;
  by_lookup.lookup = [where = server.where()](const std::string&, std::uint16_t) { return endpoints{where}; };
  auto by_name = f.run(dial_tcp(f.timers, "exchange.test", 1, by_lookup));
  CHECK(by_name);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("connect: the next address is tried, and the last error told", "[net]") {
  loop_fixture f;
  listener server{f.loop};
  dial_settings settings;
  settings.addresses = {refused(f), server.where()};
  CHECK(f.run(dial_tcp(f.timers, "unused.test", 1, settings)));
  settings.addresses = {refused(f), refused(f)};
  CHECK(f.run(dial_tcp(f.timers, "unused.test", 1, settings)).error() ==
        std::error_code{ECONNREFUSED, std::system_category()});
  settings.addresses.clear();
  settings.lookup = [](const std::string&, std::uint16_t) -> result<endpoints> { return errc::host_not_found; };
  CHECK(f.run(dial_tcp(f.timers, "nowhere.test", 1, settings)).error() == errc::host_not_found);
}

TEST_CASE("connect: where the system has no buffers for one address the next is tried, and nothing has left", "[net]") {
  loop_fixture f;
  listener first{f.loop};
  listener second{f.loop};
  auto touched = f.start(first.accept());
  const std::error_code exhausted{ENOBUFS, std::system_category()};
  dial_settings settings;
  settings.addresses = {first.where(), second.where()};
  int asked = 0;
  settings.before_connect = [&](const asio::ip::tcp::endpoint& where) {
    ++asked;
    return where == first.where() ? exhausted : std::error_code{};
  };
  CHECK(f.run(dial_tcp(f.timers, "unused.test", 1, settings)));
  CHECK(asked == 2);
  settings.addresses = {first.where()};
  CHECK(f.run(dial_tcp(f.timers, "unused.test", 1, settings)).error() == exhausted);
  settle(f);
  CHECK_FALSE(touched.done());
  CHECK(f.timers.size() == 0);
  first.close();
  settle(f);
}

TEST_CASE("connect: a host that is no name and no address is refused before anything is looked up", "[net]") {
  loop_fixture f;
  dial_settings settings;
  int lookups = 0;
  settings.lookup = [&](const std::string&, std::uint16_t) -> result<endpoints> {
    ++lookups;
    return errc::host_not_found;
  };
  for (const char* bad : {"", " ", "a b", "host\r\nX: y", "h\xc3\xb6st"}) {
    CHECK(f.run(dial_tcp(f.timers, bad, 1, settings)).error() == errc::bad_argument);
    CHECK(f.run(dial_tls(f.timers, client_context(), bad, 1, settings)).error() == errc::bad_argument);
  }
  CHECK(lookups == 0);
}

TEST_CASE("connect: an address that does not answer costs its time-out, then the next is tried", "[net]") {
  loop_fixture f;
  blackhole silent{f};
  listener server{f.loop};
  dial_settings settings;
  settings.connect_timeout = 3s;
  settings.addresses = {silent.where(), silent.where(), server.where()};
  auto dialling = f.start(dial_tcp(f.timers, "unused.test", 1, settings));
  settle(f);
  f.advance(5999ms);
  settle(f);
  CHECK_FALSE(dialling.done());
  f.advance(1ms);
  REQUIRE(f.run_until([&] { return dialling.done(); }));
  CHECK(dialling.get());
}

TEST_CASE("connect: a total deadline ends it all", "[net]") {
  loop_fixture f;
  blackhole silent{f};
  dial_settings settings;
  settings.addresses = {silent.where(), silent.where(), silent.where()};
  settings.give_up = f.time.now() + 4s;
  auto dialling = f.start(dial_tcp(f.timers, "unused.test", 1, settings));
  settle(f);
  f.advance(4s);
  REQUIRE(f.run_until([&] { return dialling.done(); }));
  CHECK(dialling.get().error() == errc::timeout);
}

TEST_CASE("connect: cancellation ends it at once, in every stage", "[net]") {
  loop_fixture f;
  blackhole silent{f};
  dial_settings settings;
  settings.addresses = {silent.where()};
  auto connecting = f.start(dial_tcp(f.timers, "unused.test", 1, settings));
  settle(f);
  connecting.cancel();
  CHECK(f.run_until([&] { return connecting.done(); }, 1s));

  listener mute{f.loop};
  settings.addresses = {mute.where()};
  auto accepted = f.start(mute.accept());
  auto shaking = f.start(dial_tls(f.timers, client_context(), "localhost", 1, settings));
  REQUIRE(f.run_until([&] { return accepted.done(); }));
  settle(f);
  shaking.cancel();
  CHECK(f.run_until([&] { return shaking.done(); }, 1s));
  CHECK(f.timers.size() == 0);
}

TEST_CASE("connect: TLS, with a server that answers and one that never does", "[net]") {
  loop_fixture f;
  listener server{f.loop};
  dial_settings settings;
  settings.addresses = {server.where()};
  settings.handshake_timeout = 2s;

  auto accepting = f.start(server.accept());
  auto dialling = f.start(dial_tls(f.timers, client_context(), "localhost", 1, settings));
  REQUIRE(f.run_until([&] { return accepting.done(); }));
  tls_stream theirs{accepting.get(), server_context()};
  CHECK(f.run(theirs.handshake()) == std::error_code{});
  REQUIRE(f.run_until([&] { return dialling.done(); }));
  auto ours = dialling.get();
  REQUIRE(ours);
  CHECK(exchange(f, *ours, theirs, 10'000));

  auto mute = f.start(server.accept());
  auto hanging = f.start(dial_tls(f.timers, client_context(), "localhost", 1, settings));
  REQUIRE(f.run_until([&] { return mute.done(); }));
  settle(f);
  f.advance(2s);
  REQUIRE(f.run_until([&] { return hanging.done(); }));
  CHECK(hanging.get().error() == errc::timeout);
}

TEST_CASE("connect: a bad certificate is final, no other address is tried", "[net]") {
  loop_fixture f;
  listener server{f.loop};
  listener second{f.loop};
  dial_settings settings;
  settings.addresses = {server.where(), second.where()};
  auto accepting = f.start(server.accept());
  auto dialling = f.start(dial_tls(f.timers, client_context(), "localhost", 1, settings));
  REQUIRE(f.run_until([&] { return accepting.done(); }));
  tls_stream theirs{accepting.get(), server_context(certificate_kind::expired)};
  CHECK(f.run(theirs.handshake()));
  REQUIRE(f.run_until([&] { return dialling.done(); }));
  CHECK(dialling.get().error() == errc::certificate_expired);
}
