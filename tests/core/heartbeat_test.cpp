// tests/core/heartbeat_test.cpp: beats, waits and scopes as a monitor reads them.
#include <foxtrot/core/heartbeat.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <string_view>
#include <thread>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

using namespace foxtrot;

TEST_CASE("heartbeat: each beat is counted", "[core]") {
  heartbeat heart;
  CHECK(heart.read().beats == 0);
  for (int i = 0; i < 1000; ++i) heart.beat();
  CHECK(heart.read().beats == 1000);
  CHECK_FALSE(heart.read().waiting);
  CHECK(heart.read().scope == nullptr);
}

TEST_CASE("heartbeat: a thread has its own, or none", "[core]") {
  CHECK(heartbeat::of_this_thread() == nullptr);
  beat();  // nobody watches: nothing
  heartbeat outer;
  heartbeat inner;
  {
    const heartbeat::adopted watched{outer};
    CHECK(heartbeat::of_this_thread() == &outer);
    beat();
    {
      const heartbeat::adopted deeper{inner};
      beat();
      beat();
    }
    beat();
    heartbeat* elsewhere = &outer;
    std::thread{[&elsewhere] { elsewhere = heartbeat::of_this_thread(); }}.join();
    CHECK(elsewhere == nullptr);
  }
  CHECK(heartbeat::of_this_thread() == nullptr);
  CHECK(outer.read().beats == 2);
  CHECK(inner.read().beats == 2);
}

TEST_CASE("heartbeat: expected silence nests and counts as beats", "[core]") {
  heartbeat heart;
  const heartbeat::adopted watched{heart};
  {
    const expected_silence outer;
    CHECK(heart.read().waiting);
    {
      const expected_silence inner;
      CHECK(heart.read().waiting);
    }
    CHECK(heart.read().waiting);
    beat();
    CHECK(heart.read().waiting);
  }
  CHECK_FALSE(heart.read().waiting);
  CHECK(heart.read().beats == 5);
}

TEST_CASE("heartbeat: the innermost scope is seen", "[core]") {
  heartbeat heart;
  const heartbeat::adopted watched{heart};
  {
    const watch_scope outer{"decode"};
    {
      const watch_scope inner{"publish"};
      CHECK(heart.read().scope == std::string_view{"publish"});
    }
    CHECK(heart.read().scope == std::string_view{"decode"});
  }
  CHECK(heart.read().scope == nullptr);
}

namespace {

// A thread's life as its monitor sees it.
void live(int rounds) {
  for (int i = 0; i < rounds; ++i) {
    beat();
    const watch_scope at{"work"};
    const expected_silence waiting;
    beat();
  }
}

}  // namespace

TEST_CASE("heartbeat: no allocation", "[core]") {
  heartbeat heart;
  const heartbeat::adopted watched{heart};
  const std::size_t before = foxtrot_test::allocations();
  live(10'000);
  CHECK(foxtrot_test::allocations() == before);
  CHECK(heart.read().beats == 40'000);
}

TEST_CASE("heartbeat: no system call", "[core]") {
  if (foxtrot_test::sanitized) return;  // the sanitizer's own
  heartbeat heart;
  const heartbeat::adopted watched{heart};
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // from here any system call but read, write, exit and return from a signal kills
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) ::_exit(2);
    live(100'000);
    ::syscall(SYS_exit, heart.read().beats == 400'000 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
