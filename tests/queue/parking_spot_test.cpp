#include <foxtrot/queue/parking_spot.hpp>

#include <support/sanitizer.hpp>
#include <support/thread_state.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <thread>
#include <vector>

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;
using foxtrot_test::repetitions;

namespace {

/// Two threads hand a number back and forth: each parks until the other has answered, and every time anew the one parks
/// just when the other publishes. Who sleeps out its patience while the news is there has lost a wake-up.
/// Listening, they park at a spot of their own that listens to where they are woken.
std::uint64_t lost_wake_ups(std::uint64_t rounds, bool listening = false) {
  struct alignas(cache_line) side {
    explicit side(bool listening) : sleeps_at{listening ? joint : spot} {
      if (!listening) return;
      middle.listen_to(spot);
      joint.listen_to(elsewhere);
      joint.listen_to(middle);
    }
    parking_spot spot;
    parking_spot elsewhere;
    parking_spot middle;
    parking_spot joint;
    parking_spot& sleeps_at;
    std::atomic<std::uint64_t> news{0};
  };
  side here{listening};
  side there{listening};
  std::atomic<std::uint64_t> lost{0};
  const auto patience = bound(2s);
  // Waits until `own.news` is at least `wanted`, some turns by looking first and some by parking straight away.
  const auto await = [&](side& own, std::uint64_t wanted, std::uint64_t looks) {
    const auto missing = [&] { return own.news.load(std::memory_order_relaxed) < wanted; };
    for (std::uint64_t look = 0; look < looks && missing(); ++look) cpu_relax();
    while (missing()) {
      const auto start = std::chrono::steady_clock::now();
      own.sleeps_at.park(missing, patience);
      if (std::chrono::steady_clock::now() - start >= patience && !missing()) {
        lost.fetch_add(1, std::memory_order_relaxed);
        return;
      }
    }
  };
  std::jthread other{[&] {
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      await(there, round, round % 97);
      here.news.store(round, std::memory_order_relaxed);  // the spot carries the order, nothing else
      here.spot.wake();
      if (lost.load(std::memory_order_relaxed) != 0) return;
    }
  }};
  for (std::uint64_t round = 1; round <= rounds; ++round) {
    there.news.store(round, std::memory_order_relaxed);
    there.spot.wake();
    await(here, round, round % 89);
    if (lost.load(std::memory_order_relaxed) != 0) break;
  }
  return lost.load();
}

}  // namespace

TEST_CASE("parking_spot: does not sleep where there is news", "[queue]") {
  parking_spot spot;
  int looks = 0;
  spot.park([&] {
    ++looks;
    return false;
  });
  CHECK(looks == 1);
}

TEST_CASE("parking_spot: patience ends the sleep", "[queue]") {
  parking_spot spot;
  const auto nothing = [] { return true; };
  const auto start = std::chrono::steady_clock::now();
  spot.park(nothing, 20ms);
  const auto slept = std::chrono::steady_clock::now() - start;
  CHECK(slept >= 20ms);
  CHECK(slept < bound(5s));
  spot.park(nothing, 0ns);
  spot.park(nothing, -5s);
  CHECK(std::chrono::steady_clock::now() - start < bound(5s));
}

TEST_CASE("parking_spot: a wake-up before the sleep is not kept, the second look is what counts", "[queue]") {
  parking_spot spot;
  spot.wake();
  spot.wake();
  int looks = 0;
  spot.park(
      [&] {
        ++looks;
        return true;
      },
      1ms);
  CHECK(looks == 1);
}

TEST_CASE("parking_spot: wake between the swap and the sleep ends it", "[queue]") {
  parking_spot spot;
  // the waker comes in the worst moment: after the last look, before the system call
  spot.park([&] {
    spot.wake();
    return true;
  });
  SUCCEED("came back without patience");
}

TEST_CASE("parking_spot: a sleeper is woken and sees what was written before", "[queue]") {
  parking_spot spot;
  int plain = 0;  // carried by the spot alone, which the thread sanitizer checks
  std::atomic<bool> there{false};
  std::promise<pid_t> started;
  std::jthread sleeper{[&] {
    started.set_value(foxtrot_test::this_thread());
    while (!there.load(std::memory_order_acquire)) {
      spot.park([&] { return !there.load(std::memory_order_acquire); });
    }
    ++plain;
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
  plain = 41;
  there.store(true, std::memory_order_release);
  spot.wake();
  sleeper.join();
  CHECK(plain == 42);
}

TEST_CASE("parking_spot: who has entered and then found news does not sleep", "[queue]") {
  parking_spot spot;
  const auto mine = spot.prepare();
  CHECK(spot.sleepers() == 1);
  spot.cancel(mine);
  CHECK(spot.sleepers() == 0);
  const auto stale = spot.prepare();
  spot.wake();
  spot.wait(stale);  // comes back without patience: it was woken before it slept
  CHECK(spot.sleepers() == 0);
}

TEST_CASE("parking_spot: wakes all sleepers, or as many as asked", "[queue]") {
  constexpr std::uint32_t count = 3;
  parking_spot spot;
  std::atomic<int> round{0};
  std::atomic<std::uint32_t> up{0};
  std::vector<std::promise<pid_t>> started(count);
  std::vector<std::jthread> sleepers;
  for (std::uint32_t i = 0; i < count; ++i) {
    sleepers.emplace_back([&, i] {
      started[i].set_value(foxtrot_test::this_thread());
      while (round.load(std::memory_order_acquire) == 0) {
        spot.park([&] { return round.load(std::memory_order_acquire) == 0; });
      }
      up.fetch_add(1, std::memory_order_relaxed);
    });
  }
  for (auto& each : started) REQUIRE(foxtrot_test::falls_asleep(each.get_future().get()));
  CHECK(spot.sleepers() == count);
  spot.wake(1);  // without news: looks again, sleeps again
  CHECK(up.load(std::memory_order_relaxed) == 0);
  round.store(1, std::memory_order_release);
  spot.wake();
  sleepers.clear();
  CHECK(up.load() == count);
  CHECK(spot.sleepers() == 0);
}

TEST_CASE("parking_spot: who listens is woken by each that it listens to, and sleeps at none of them", "[queue]") {
  parking_spot first;
  parking_spot second;
  parking_spot joint;
  joint.listen_to(first);
  joint.listen_to(second);
  const auto mine = joint.prepare();
  CHECK(joint.sleepers() == 1);
  CHECK(first.sleepers() == 0);
  second.wake();
  joint.wait(mine);  // comes back without patience: it was woken before it slept
  CHECK(joint.sleepers() == 0);
  std::atomic<int> wakes{0};
  for (parking_spot* each : {&first, &second}) {
    std::promise<pid_t> started;
    std::atomic<bool> there{false};
    std::jthread sleeper{[&] {
      started.set_value(foxtrot_test::this_thread());
      while (!there) joint.park([&] { return !there; });
      ++wakes;
    }};
    REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
    there = true;
    each->wake();
  }
  CHECK(wakes == 2);
}

TEST_CASE("parking_spot: a spot that listens may go while others wake", "[queue][stress]") {
  parking_spot news;
  std::jthread waker{[&](const std::stop_token& stop) {
    while (!stop.stop_requested()) news.wake();
  }};
  std::vector<std::jthread> listeners;
  for (int i = 0; i < 2; ++i) {
    listeners.emplace_back([&] {
      for (std::size_t round = 0; round < repetitions(20'000); ++round) {
        parking_spot joint;
        joint.listen_to(news);
        joint.park([] { return true; });
      }
    });
  }
  listeners.clear();
  waker.request_stop();
  waker.join();
  CHECK(news.sleepers() == 0);
}

TEST_CASE("parking_spot: no wake-up is lost", "[queue][stress]") {
  CHECK(lost_wake_ups(repetitions(50'000)) == 0);
  CHECK(lost_wake_ups(repetitions(50'000), true) == 0);
}

TEST_CASE("parking_spot: no wake-up is lost in ten million races", "[queue][stress][soak]") {
  CHECK(lost_wake_ups(repetitions(10'000'000)) == 0);
}
