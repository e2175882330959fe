#include <foxtrot/thread/signal_guard.hpp>

#include <support/child_process.hpp>
#include <support/sanitizer.hpp>
#include <support/skip.hpp>

#include <catch2/catch.hpp>

#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>

#include <pthread.h>
#include <sys/resource.h>

using namespace foxtrot;
using foxtrot_test::child_line;
using foxtrot_test::child_process;

namespace {

bool blocked(int number) {
  sigset_t mask;
  sigemptyset(&mask);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, number) == 1;
}

/// A program that says 'r' when it may be signalled, 's' when it was asked to stop, and then ends on 'e'.
int polite(const child_line& parent) {
  const signal_guard signals;
  const std::stop_callback told{signals.stop_token(), [&] { parent.say('s'); }};
  parent.say('r');
  (void)parent.hear();
  return signals.signal();
}

std::ptrdiff_t entries(const char* directory) {
  return std::distance(std::filesystem::directory_iterator{directory}, std::filesystem::directory_iterator{});
}

}  // namespace

TEST_CASE("signal_guard: the first signal requests a stop, and the program ends as it likes", "[thread]") {
  for (const int number : {SIGINT, SIGTERM}) {
    INFO(number);
    child_process child{polite};
    REQUIRE(child.hear() == 'r');
    child.signal(number);
    CHECK(child.hear() == 's');
    CHECK(child.say('e'));
    CHECK(child.end() == number);
  }
}

TEST_CASE("signal_guard: the second signal ends the process with 128 plus its number", "[thread]") {
  for (const int first : {SIGINT, SIGTERM}) {
    for (const int second : {SIGINT, SIGTERM}) {
      INFO(first << " then " << second);
      child_process child{polite};
      REQUIRE(child.hear() == 'r');
      child.signal(first);
      REQUIRE(child.hear() == 's');
      child.signal(second);
      CHECK(child.end() == 128 + second);
    }
  }
}

TEST_CASE("signal_guard: two signals at once are a first and a second one", "[thread]") {
  child_process child{[](const child_line& parent) {
    const signal_guard signals;
    parent.say('r');
    (void)parent.hear();
    return 0;
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGINT);
  child.signal(SIGTERM);
  const int code = child.end();
  CHECK((code == 128 + SIGINT || code == 128 + SIGTERM));
}

TEST_CASE("signal_guard: other signals keep their meaning", "[thread]") {
  child_process child{polite};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGHUP);
  CHECK(child.end() == -SIGHUP);
}

TEST_CASE("signal_guard: a stop callback may use locks and memory, and wakes a waiting thread", "[thread]") {
  child_process child{[](const child_line& parent) {
    const signal_guard signals;
    parent.say('r');
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock{mutex};
    never.wait(lock, signals.stop_token(), [] { return false; });
    return signals.signal() == SIGTERM ? 0 : 1;
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGTERM);
  CHECK(child.end() == 0);
}

TEST_CASE("signal_guard: stops without a signal, and still knows the first one", "[thread]") {
  child_process child{[](const child_line& parent) {
    signal_guard signals;
    const std::stop_token stop = signals.stop_token();
    if (stop.stop_requested() || signals.signal() != 0) return 1;
    signals.request_stop();
    if (!stop.stop_requested() || signals.signal() != 0) return 2;
    parent.say('r');
    while (signals.signal() == 0) std::this_thread::yield();
    return signals.signal() == SIGINT ? 0 : 3;
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGINT);  // the first signal, though not the first stop: the process goes on
  CHECK(child.end() == 0);
}

TEST_CASE("signal_guard: its token outlives it", "[thread]") {
  std::stop_token stop;
  {
    signal_guard signals;
    stop = signals.stop_token();
    signals.request_stop();
  }
  CHECK(stop.stop_requested());
}

TEST_CASE("signal_guard: destruction restores the mask and leaves nothing behind", "[thread]") {
  REQUIRE_FALSE(blocked(SIGINT));
  REQUIRE_FALSE(blocked(SIGTERM));
  {
    const signal_guard first;
  }  // whatever the process makes once
  const auto descriptors = entries("/proc/self/fd");
  const auto threads = entries("/proc/self/task");
  for (int round = 0; round < 10; ++round) {
    const signal_guard signals;
    CHECK(blocked(SIGINT));
    CHECK(blocked(SIGTERM));
    CHECK_FALSE(blocked(SIGHUP));
    bool inherited = false;
    std::jthread{[&inherited] { inherited = blocked(SIGINT) && blocked(SIGTERM); }}.join();
    CHECK(inherited);
  }
  CHECK_FALSE(blocked(SIGINT));
  CHECK_FALSE(blocked(SIGTERM));
  CHECK(entries("/proc/self/fd") == descriptors);
  CHECK(entries("/proc/self/task") <= threads);
}

TEST_CASE("signal_guard: a mask that was already set stays set", "[thread]") {
  child_process child{[](const child_line&) {
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &terminate, nullptr);
    {
      const signal_guard signals;
    }
    return blocked(SIGTERM) && !blocked(SIGINT) ? 0 : 1;
  }};
  CHECK(child.end() == 0);
}

TEST_CASE("signal_guard: after its destruction a signal has its old meaning", "[thread]") {
  child_process child{[](const child_line& parent) {
    {
      const signal_guard signals;
    }
    parent.say('r');
    (void)parent.hear();
    return 0;
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGTERM);
  CHECK(child.end() == -SIGTERM);
}

TEST_CASE("signal_guard: throws and restores the mask where it cannot be made", "[thread]") {
  if (foxtrot_test::sanitized) return foxtrot_test::skip("sanitizers need descriptors and choose their own stacks");
  const auto attempt = [] {
    try {
      const signal_guard signals;
      return 1;
    } catch (const std::system_error&) {
      return blocked(SIGINT) || blocked(SIGTERM) ? 2 : 0;
    }
  };
  child_process no_descriptors{[&](const child_line&) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_NOFILE, &none);
    return attempt();
  }};
  CHECK(no_descriptors.end() == 0);

  child_process no_threads{[&](const child_line&) {
    pthread_attr_t huge;
    pthread_attr_init(&huge);
    pthread_attr_setstacksize(&huge, std::size_t{1} << 50);  // more than there are addresses
    if (pthread_setattr_default_np(&huge) != 0) return 3;
    return attempt();
  }};
  CHECK(no_threads.end() == 0);
}
