// tests/acceptance/clock_step.cpp: a program whose wall clock jumps by an hour, to and fro, while it waits: nothing
// ends early or late, and nobody is called stalled. The program answers clock_gettime itself, as an administrator's
// step would make the kernel do for CLOCK_REALTIME.
#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>

#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::atomic<std::int64_t> wall_shift{0};  // seconds

}  // namespace

extern "C" int clock_gettime(clockid_t which, timespec* now) noexcept {
  const long failed = ::syscall(SYS_clock_gettime, which, now);
  if (failed == 0 && which == CLOCK_REALTIME) now->tv_sec += wall_shift.load(std::memory_order_relaxed);
  return static_cast<int>(failed);
}

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

int failures = 0;

void check(bool well, const char* what) {
  if (well) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

// Waits, with the wall clock jumping meanwhile; 200 ms are asked for.
template <class Wait>
void check_wait(const char* what, Wait wait) {
  const auto began = std::chrono::steady_clock::now();
  wait();
  const auto took = std::chrono::steady_clock::now() - began;
  check(took >= 195ms, (std::string{what} + " ended early").c_str());
  check(took < 5s, (std::string{what} + " ended late").c_str());
}

void run() {
  std::atomic<int> events{0};
  thread_monitor monitor;
  const auto listening = monitor.on_event([&events](const thread_event&) { ++events; });
  async_thread_bridge bridge;
  check(!bridge.start(), "a bridge starts");
  const worker beating = monitor.start({.name = "beating"},
                                       [](const std::stop_token& stop) {
                                         while (!stop.stop_requested()) {
                                           beat();
                                           std::this_thread::yield();
                                         }
                                       },
                                       {.threshold = 2s});
  const worker stepper{{.name = "stepper"}, [](const std::stop_token& stop) {
                         while (!stop.stop_requested()) {
                           for (const std::int64_t shift : {3600, 0, -3600, 0}) {
                             wall_shift.store(shift, std::memory_order_relaxed);
                             ::usleep(10'000);
                           }
                         }
                       }};
  while (wall_shift.load() == 0) std::this_thread::yield();

  check_wait("a worker's end", [&] { check(!beating.finished_within(200ms), "a worker runs on"); });
  check_wait("a consumer's patience", [] {
    publisher out;
    auto made = out.subscribe({});
    subscription ticks = std::move(*made);
    check(!ticks.wait(std::stop_token{}, 200ms), "no tick comes");
  });
  check_wait("a timer", [&] {
    std::atomic<bool> fired{false};
    timer pending;
    (void)bridge.call([&] { pending = bridge.timers().call_after(200ms, [&fired] { fired = true; }); }, 5s);
    while (!fired) std::this_thread::yield();
    (void)bridge.call([&] { pending.cancel(); }, 5s);
  });
  check_wait("a call's deadline", [&] {
    std::atomic<bool> go_on{false};
    bridge.post([&go_on] {
      while (!go_on) std::this_thread::yield();
    });
    check(bridge.call([] {}, 200ms) == errc::timeout, "a call into a stuck loop ends by its deadline");
    go_on = true;
  });
  const auto first = epoch_clock::now_ns();
  wall_shift.store(-3600);
  check(epoch_clock::now_ns() >= first, "ticks' times never go back");
  check(!bridge.stop(), "a bridge stops");
  check(events == 0, "no thread was called stalled or crashed");
}

}  // namespace

int main() {
  run();
  if (failures == 0) std::puts("no time-out fired early or late");
  return failures == 0 ? 0 : 1;
}
