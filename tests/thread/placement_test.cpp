#include <foxtrot/thread/placement.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/error.hpp>

#include <cstddef>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sched.h>

using namespace foxtrot;

namespace {

/// On a thread of its own: placements stay with their thread.
template <class F>
void on_a_thread(F body) {
  std::jthread{std::move(body)}.join();
}

std::string own_name() {
  char text[16]{};
  pthread_getname_np(pthread_self(), text, sizeof(text));
  return text;
}

cpu_set_t own_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  pthread_getaffinity_np(pthread_self(), sizeof(set), &set);
  return set;
}

int first_cpu() {
  const cpu_set_t set = own_cpus();
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) return cpu;
  }
  return -1;
}

}  // namespace

TEST_CASE("placement: names the thread, cut to 15 bytes", "[thread]") {
  on_a_thread([] {
    CHECK_FALSE(apply_placement({.name = "net"}));
    CHECK(own_name() == "net");
    name_this_thread("a name that is far too long");
    CHECK(own_name() == "a name that is ");
    name_this_thread("exactly fifteen");
    CHECK(own_name() == "exactly fifteen");
    name_this_thread("");
    CHECK(own_name().empty());
  });
}

TEST_CASE("placement: pins to one CPU, and leaves the thread alone by default", "[thread]") {
  on_a_thread([] {
    const cpu_set_t before = own_cpus();
    CHECK_FALSE(apply_placement({}));
    const cpu_set_t after = own_cpus();
    CHECK(CPU_EQUAL(&before, &after));

    const int cpu = first_cpu();
    REQUIRE(cpu >= 0);
    CHECK_FALSE(apply_placement({.name = "pinned", .cpu = cpu}));
    const cpu_set_t pinned = own_cpus();
    CHECK(CPU_COUNT(&pinned) == 1);
    CHECK(CPU_ISSET(static_cast<std::size_t>(cpu), &pinned));
    CHECK(sched_getcpu() == cpu);
  });
}

TEST_CASE("placement: a CPU that is not there is reported and changes nothing", "[thread]") {
  on_a_thread([] {
    const cpu_set_t before = own_cpus();
    for (const int cpu : {-2, CPU_SETSIZE, CPU_SETSIZE + 1, 1 << 30, CPU_SETSIZE - 1}) {
      INFO(cpu);
      CHECK(apply_placement({.name = "nowhere", .cpu = cpu}) == errc::bad_placement);
      const cpu_set_t after = own_cpus();
      CHECK(CPU_EQUAL(&before, &after));
      CHECK(own_name() == "nowhere");
    }
  });
}

TEST_CASE("placement: a priority that is none is reported", "[thread]") {
  on_a_thread([] {
    for (const int priority : {100, -1}) {
      const std::error_code failed = apply_placement({.name = "rt", .realtime_priority = priority});
      CHECK((failed == errc::bad_placement || failed == errc::not_permitted));
      CHECK(sched_getscheduler(0) == SCHED_OTHER);
    }
  });
}

TEST_CASE("placement: a real-time priority is had or not permitted", "[thread]") {
  on_a_thread([] {
    const std::error_code failed = apply_placement({.name = "rt", .realtime_priority = 1});
    int policy = -1;
    sched_param parameters{};
    REQUIRE(pthread_getschedparam(pthread_self(), &policy, &parameters) == 0);
    if (failed) {
      CHECK(failed == errc::not_permitted);
      CHECK(policy == SCHED_OTHER);
    } else {
      CHECK(policy == SCHED_FIFO);
      CHECK(parameters.sched_priority == 1);
    }
  });
}

TEST_CASE("placement: the first of two failures is reported", "[thread]") {
  on_a_thread([] {
    CHECK(apply_placement({.name = "both", .cpu = 1 << 20, .realtime_priority = 100}) == errc::bad_placement);
  });
}

TEST_CASE("placement: scheduling policies are had, and a priority goes with the real-time ones alone", "[thread]") {
  on_a_thread([] {
    CHECK_FALSE(apply_placement({.name = "b", .policy = scheduling::batch}));
    CHECK(sched_getscheduler(0) == SCHED_BATCH);
    CHECK_FALSE(apply_placement({.name = "o", .policy = scheduling::other}));
    CHECK(sched_getscheduler(0) == SCHED_OTHER);
    CHECK_FALSE(apply_placement({.name = "i", .policy = scheduling::idle}));
    CHECK(sched_getscheduler(0) == SCHED_IDLE);
    CHECK_FALSE(apply_placement({.name = "inherited"}));
    CHECK(sched_getscheduler(0) == SCHED_IDLE);
  });
  on_a_thread([] {
    for (const auto policy : {scheduling::other, scheduling::batch, scheduling::idle})
      CHECK(apply_placement({.realtime_priority = 1, .policy = policy}) == errc::bad_placement);
    for (const auto policy : {scheduling::fifo, scheduling::round_robin, static_cast<scheduling>(99)})
      CHECK(apply_placement({.policy = policy}) == errc::bad_placement);
    CHECK(sched_getscheduler(0) == SCHED_OTHER);
    const std::error_code failed = apply_placement({.realtime_priority = 2, .policy = scheduling::round_robin});
    CHECK((failed ? failed == errc::not_permitted : sched_getscheduler(0) == SCHED_RR));
  });
}
