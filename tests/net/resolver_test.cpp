#include <foxtrot/net/resolver.hpp>

#include <support/loop_fixture.hpp>
#include <support/skip.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include <pthread.h>

using namespace std::chrono_literals;
using namespace foxtrot;
using foxtrot_test::loop_fixture;

namespace {

lookup_function never_called() {
  return [](const std::string&, std::uint16_t) -> result<endpoints> { throw std::logic_error{"looked up"}; };
}
lookup_function fails(errc with) {
  return [with](const std::string&, std::uint16_t) -> result<endpoints> { return with; };
}
void wait_for_lookups() {
  while (lookups_under_way() != 0) std::this_thread::yield();
}

// A lookup that hangs until it is destroyed, as a dead name server makes getaddrinfo do.
struct stuck_lookup {
  std::shared_ptr<std::promise<void>> release = std::make_shared<std::promise<void>>();
  std::shared_future<void> released = release->get_future().share();

  lookup_function function() {
    return [wait = released](const std::string&, std::uint16_t) -> result<endpoints> {
      wait.wait();
      return errc::resolve_failed;
    };
  }
  ~stuck_lookup() {
    release->set_value();
    wait_for_lookups();
  }
};

}  // namespace

TEST_CASE("resolver: numeric addresses are not looked up", "[net]") {
  loop_fixture f;
  const auto four = f.run(resolve(f.timers, "127.0.0.1", 80, 1s, never_called()));
  REQUIRE(four);
  CHECK(four->front() == asio::ip::tcp::endpoint{asio::ip::make_address("127.0.0.1"), 80});
  const auto six = f.run(resolve(f.timers, "::1", 443, 1s, never_called()));
  REQUIRE(six);
  CHECK(six->front().address().is_v6());
  CHECK(six->front().port() == 443);
}

TEST_CASE("resolver: a name is looked up on a thread of its own", "[net]") {
  loop_fixture f;
  auto name = std::make_shared<std::string>();
  const endpoints found{{asio::ip::make_address("192.0.2.1"), 9}, {asio::ip::make_address("192.0.2.2"), 9}};
  const lookup_function lookup = [name, found](const std::string& host, std::uint16_t port) -> result<endpoints> {
    char text[16]{};
    pthread_getname_np(pthread_self(), text, sizeof text);
    *name = text + std::string{" "} + host + " " + std::to_string(port);
    return found;
  };
  const auto answer = f.run(resolve(f.timers, "exchange.test", 9, 1s, lookup));
  REQUIRE(answer);
  CHECK(*answer == found);
  CHECK(*name == "foxtrot-resolve exchange.test 9");
  wait_for_lookups();
}

TEST_CASE("resolver: errors and exceptions of the lookup arrive as errors", "[net]") {
  loop_fixture f;
  CHECK(f.run(resolve(f.timers, "a.test", 1, 1s, fails(errc::host_not_found))).error() == errc::host_not_found);
  CHECK(f.run(resolve(f.timers, "a.test", 1, 1s, never_called())).error() == errc::resolve_failed);
}

TEST_CASE("resolver: the system knows localhost", "[net]") {
  std::ifstream hosts{"/etc/hosts"};  // a bare installation may have none, and no other source of names
  const std::string names{std::istreambuf_iterator<char>{hosts}, {}};
  if (names.find("localhost") == std::string::npos) return foxtrot_test::skip("localhost is not in /etc/hosts");
  loop_fixture f;
  const auto local = f.run(resolve(f.timers, "localhost", 80));
  REQUIRE(local);
  CHECK(std::all_of(local->begin(), local->end(),
                    [](const auto& where) { return where.address().is_loopback() && where.port() == 80; }));
}

TEST_CASE("resolver: a stuck lookup is left behind at the time-out", "[net]") {
  loop_fixture f;
  stuck_lookup stuck;
  auto work = f.start(resolve(f.timers, "slow.test", 1, 5s, stuck.function()));
  f.advance(4999ms);
  CHECK_FALSE(work.done());
  f.advance(1ms);
  REQUIRE(work.done());
  CHECK(work.get().error() == errc::timeout);
  CHECK(lookups_under_way() == 1);
}

TEST_CASE("resolver: a stuck lookup is left behind by cancellation and by the end of the loop", "[net]") {
  stuck_lookup stuck;
  {
    loop_fixture f;
    auto work = f.start(resolve(f.timers, "slow.test", 1, 5s, stuck.function()));
    f.poll();
    work.cancel();
    f.poll();
    REQUIRE(work.done());
    asio::co_spawn(
        f.loop,
        [](timer_queue& timers, lookup_function lookup) -> task<> {
          (void)co_await resolve(timers, "slow.test", 1, 5s, std::move(lookup));
        }(f.timers, stuck.function()),
        asio::detached);
    f.poll();
    CHECK(lookups_under_way() == 2);
  }  // the loop dies, the threads live on and find nobody to tell
}
