#include <foxtrot/net/resolver.hpp>

#include <support/child_process.hpp>
#include <support/loop_fixture.hpp>
#include <support/skip.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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
/// For what another thread will certainly do.
template <class Predicate>
void wait_until(Predicate done) {
  while (!done()) std::this_thread::yield();
}
void wait_for_lookups() {
  wait_until([] { return lookups_under_way() == 0; });
}
std::string this_threads_name() {
  char text[16]{};
  pthread_getname_np(pthread_self(), text, sizeof text);
  return text;
}
lookup_function on_a_thread() {
  return [](const std::string& host, std::uint16_t port) { return system_lookup(host, port); };
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
  void let_go() {
    if (const auto held = std::exchange(release, nullptr)) held->set_value();
  }
  ~stuck_lookup() {
    let_go();
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
    *name = this_threads_name() + " " + host + " " + std::to_string(port);
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
  for (const lookup_function& by : {lookup_function{system_lookup}, on_a_thread()}) {
    const auto local = f.run(resolve(f.timers, "localhost", 80, 10s, by));
    REQUIRE(local);
    CHECK_FALSE(local->empty());
    CHECK(std::all_of(local->begin(), local->end(),
                      [](const auto& where) { return where.address().is_loopback() && where.port() == 80; }));
  }
}

TEST_CASE("resolver: a stuck lookup is left behind at the time-out", "[net]") {
  loop_fixture f;
  stuck_lookup stuck;
  auto work = f.start(resolve(f.timers, "slow.test", 1, 5s, stuck.function()));
  f.poll();
  wait_until([] { return lookups_under_way() == 1; });
  f.advance(4999ms);
  CHECK_FALSE(work.done());
  f.advance(1ms);
  REQUIRE(work.done());
  CHECK(work.get().error() == errc::timeout);
  wait_until([] { return lookups_under_way() == 1; });
}

TEST_CASE("resolver: a stuck lookup is left behind by cancellation and by the end of the loop", "[net]") {
  stuck_lookup stuck;
  {
    loop_fixture f;
    auto work = f.start(resolve(f.timers, "slow.test", 1, 5s, stuck.function()));
    f.poll();
    wait_until([] { return lookups_under_way() == 1; });
    work.cancel();
    f.poll();
    REQUIRE(work.done());
    asio::co_spawn(
        f.loop,
        [](timer_queue& timers, lookup_function lookup) -> task<> {
          (void)co_await resolve(timers, "slower.test", 1, 5s, std::move(lookup));
        }(f.timers, stuck.function()),
        asio::detached);
    f.poll();
    wait_until([] { return lookups_under_way() == 2; });
    CHECK(hosts_under_way() == std::vector<std::string>{"slow.test", "slower.test"});
  }  // the loop dies, the threads live on and find nobody to tell
}

TEST_CASE("resolver: a host that is stuck takes one thread however often it is asked for", "[net]") {
  stuck_lookup stuck;
  loop_fixture f;
  for (int attempt = 0; attempt < 10; ++attempt) {  // as a session that reconnects does
    auto work = f.start(resolve(f.timers, "slow.test", 1, 5s, stuck.function()));
    f.poll();
    wait_until([] { return lookups_under_way() == 1; });
    f.advance(5s);
    REQUIRE(work.done());
    CHECK(work.get().error() == errc::timeout);
  }
  CHECK(hosts_under_way() == std::vector<std::string>{"slow.test"});
  const endpoints found{{asio::ip::make_address("192.0.2.1"), 9}};
  const auto other = f.run(resolve(f.timers, "other.test", 9, 5s,
                                   [found](const std::string&, std::uint16_t) -> result<endpoints> { return found; }));
  REQUIRE(other);
  CHECK(*other == found);
}

TEST_CASE("resolver: where every thread is stuck time-outs still work, and the first that returns goes on", "[net]") {
  loop_fixture f;
  stuck_lookup first;
  {
    stuck_lookup others;
    std::vector<loop_fixture::running<result<endpoints>>> under_way;
    under_way.push_back(f.start(resolve(f.timers, "first.test", 1, 5s, first.function())));
    for (const char* host : {"second.test", "third.test", "fourth.test"})
      under_way.push_back(f.start(resolve(f.timers, host, 1, 5s, others.function())));
    f.poll();
    wait_until([] { return lookups_under_way() == detail::resolver_threads::most; });
    auto given_up = f.start(resolve(f.timers, "fifth.test", 1, 1s, never_called()));
    auto cancelled = f.start(resolve(f.timers, "sixth.test", 1, 5s, never_called()));
    f.advance(1s);
    REQUIRE(given_up.done());
    CHECK(given_up.get().error() == errc::timeout);
    cancelled.cancel();
    f.poll();
    CHECK(cancelled.done());
    auto patient = f.start(resolve(f.timers, "seventh.test", 1, 5s, fails(errc::host_not_found)));
    f.poll();
    CHECK_FALSE(patient.done());
    first.let_go();
    REQUIRE(f.run_until([&] { return patient.done(); }));
    CHECK(patient.get().error() == errc::host_not_found);
  }
}

TEST_CASE("resolver: many look-ups at once are all answered", "[net][stress]") {
  loop_fixture f;
  std::vector<loop_fixture::running<result<endpoints>>> under_way;
  const endpoints found{{asio::ip::make_address("192.0.2.1"), 9}};
  const lookup_function lookup = [found](const std::string&, std::uint16_t) -> result<endpoints> {
    std::this_thread::yield();
    return found;
  };
  for (int i = 0; i < 500; ++i)
    under_way.push_back(f.start(resolve(f.timers, "host" + std::to_string(i % 7) + ".test", 9, 20s, lookup)));
  REQUIRE(f.run_until(
      [&] { return std::all_of(under_way.begin(), under_way.end(), [](auto& one) { return one.done(); }); }));
  for (auto& one : under_way) CHECK(one.get().value_or(endpoints{}) == found);
  wait_for_lookups();
}

TEST_CASE("resolver: exit() with a stuck look-up is none of its business", "[net]") {
  foxtrot_test::child_process child{[](const foxtrot_test::child_line& line) -> int {
    static std::promise<void> release;
    static std::promise<void> entered;
    asio::io_context loop{1};
    timer_queue timers{loop};
    const lookup_function stuck = [](const std::string&, std::uint16_t) -> result<endpoints> {
      entered.set_value();
      release.get_future().wait();
      return errc::resolve_failed;
    };
    asio::co_spawn(
        loop,
        [](timer_queue& by, lookup_function lookup) -> task<> {
          (void)co_await resolve(by, "slow.test", 1, 5s, std::move(lookup));
        }(timers, stuck),
        asio::detached);
    loop.poll();
    entered.get_future().wait();
    // Runs first of all that exit() does: the look-up returns in the middle of it.
    std::atexit([] {
      release.set_value();
      while (lookups_under_way() != 0) std::this_thread::yield();
    });
    line.say('x');
    std::exit(7);
  }};
  CHECK(child.hear() == 'x');
  CHECK(child.end() == 7);
}
