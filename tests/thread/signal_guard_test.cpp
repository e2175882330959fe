#include <foxtrot/thread/signal_guard.hpp>

#include <support/child_process.hpp>
#include <support/process_threads.hpp>
#include <support/sanitizer.hpp>
#include <support/skip.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
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
#include <unistd.h>

using namespace foxtrot;
using namespace std::chrono_literals;
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

TEST_CASE("signal_guard: signals at once are one request, a later one is the second", "[thread]") {
  child_process child{[](const child_line& parent) {
    const signal_guard signals{{.settle = 100ms}};
    const std::stop_callback told{signals.stop_token(), [&] { parent.say('s'); }};
    parent.say('r');
    (void)parent.hear();
    return 0;
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGINT);
  child.signal(SIGTERM);
  child.signal(SIGINT);
  REQUIRE(child.hear() == 's');
  child.signal(SIGTERM);
  CHECK(child.end() == 128 + SIGTERM);
}

TEST_CASE("signal_guard: a stop callback that hangs does not hold up the second signal", "[thread]") {
  child_process child{[](const child_line& parent) {
    const signal_guard signals;
    const std::stop_callback told{signals.stop_token(), [&] {
                                    parent.say('s');
                                    while (true) ::pause();
                                  }};
    parent.say('r');
    (void)parent.hear();
    return 0;  // its end waits for the callback
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGTERM);
  REQUIRE(child.hear() == 's');
  CHECK(child.say('e'));
  child.signal(SIGINT);
  CHECK(child.end() == 128 + SIGINT);
}

TEST_CASE("signal_guard: further signals may be counted only", "[thread]") {
  child_process child{[](const child_line& parent) {
    const signal_guard signals{{.second_exits = false}};
    std::atomic<int> stops{0};
    const std::stop_callback told{signals.stop_token(), [&] { ++stops; }};
    parent.say('r');
    while (signals.received() < 5) {
      (void)parent.hear();
      const auto before = signals.received();
      parent.say('n');
      while (signals.received() == before) std::this_thread::yield();
    }
    while (!signals.stop_token().stop_requested() || stops == 0) std::this_thread::yield();
    return stops == 1 && signals.signal() == SIGINT ? 0 : 1;
  }};
  REQUIRE(child.hear() == 'r');
  for (int i = 0; i < 5; ++i) {
    CHECK(child.say('g'));
    REQUIRE(child.hear() == 'n');
    child.signal(i == 0 ? SIGINT : SIGTERM);
  }
  CHECK(child.end() == 0);
}

TEST_CASE("signal_guard: the signals can be chosen", "[thread]") {
  child_process child{[](const child_line& parent) {
    const signal_guard signals{{.signals = {SIGHUP, SIGQUIT}}};
    const std::stop_callback told{signals.stop_token(), [&] { parent.say('s'); }};
    if (blocked(SIGTERM)) return 1;
    parent.say('r');
    (void)parent.hear();
    return signals.signal();
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGQUIT);
  REQUIRE(child.hear() == 's');
  CHECK(child.say('e'));
  CHECK(child.end() == SIGQUIT);
  CHECK_THROWS_AS(signal_guard{{.signals = {12345}}}, std::system_error);
}

TEST_CASE("signal_guard: what was ignored stays ignored, unless it is wanted", "[thread]") {
  for (const bool keep : {true, false}) {
    child_process child{[keep](const child_line& parent) {
      std::signal(SIGINT, SIG_IGN);  // as a shell does for what it runs in the background
      const signal_guard signals{{.keep_ignored = keep}};
      const std::stop_callback told{signals.stop_token(), [&] { parent.say('s'); }};
      parent.say('r');
      (void)parent.hear();
      return signals.signal();
    }};
    REQUIRE(child.hear() == 'r');
    child.signal(SIGINT);
    if (keep) child.signal(SIGTERM);
    REQUIRE(child.hear() == 's');
    CHECK(child.say('e'));
    CHECK(child.end() == (keep ? SIGTERM : SIGINT));
  }
}

TEST_CASE("signal_guard: a signal that is pending already counts", "[thread]") {
  child_process child{[](const child_line& parent) {
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &terminate, nullptr);
    ::kill(::getpid(), SIGTERM);
    const signal_guard signals;
    const std::stop_callback told{signals.stop_token(), [&] { parent.say('s'); }};
    (void)parent.hear();
    return signals.signal();
  }};
  REQUIRE(child.hear() == 's');
  CHECK(child.say('e'));
  CHECK(child.end() == SIGTERM);
}

TEST_CASE("signal_guard: SIGPIPE is ignored while it lives, and is what it was after it", "[thread]") {
  child_process child{[](const child_line&) {
    const auto handler = [] {
      struct sigaction now {};
      sigaction(SIGPIPE, nullptr, &now);
      return now.sa_handler;
    };
    const auto mine = [](int) {};
    const sighandler_t own = mine;
    std::signal(SIGPIPE, own);
    {
      const signal_guard signals;
      if (handler() != own) return 1;
    }
    {
      const signal_guard signals{{.ignore_sigpipe = true}};
      if (handler() != SIG_IGN) return 2;
      int ends[2];
      if (::pipe(ends) != 0 || ::close(ends[0]) != 0) return 3;
      if (::write(ends[1], "x", 1) != -1 || errno != EPIPE) return 4;
    }
    if (handler() != own) return 5;
    {
      const signal_guard signals{{.ignore_sigpipe = true}};
      std::signal(SIGPIPE, SIG_DFL);  // somebody else's wish is respected
    }
    return handler() == SIG_DFL ? 0 : 6;
  }};
  CHECK(child.end() == 0);
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
  { const signal_guard first; }  // whatever the process makes once
  const auto descriptors = entries("/proc/self/fd");
  const auto threads = foxtrot_test::settled_threads();
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
  CHECK(foxtrot_test::threads_are_at_most(threads));
}

TEST_CASE("signal_guard: a mask that was already set stays set", "[thread]") {
  child_process child{[](const child_line&) {
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &terminate, nullptr);
    { const signal_guard signals; }
    return blocked(SIGTERM) && !blocked(SIGINT) ? 0 : 1;
  }};
  CHECK(child.end() == 0);
}

TEST_CASE("signal_guard: after its destruction a signal has its old meaning", "[thread]") {
  child_process child{[](const child_line& parent) {
    { const signal_guard signals; }
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
