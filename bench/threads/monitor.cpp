// bench/threads/monitor.cpp: how soon a crash or a stall is known, and what it costs to be watched.
#include <support/bench.hpp>

#include <foxtrot/thread/thread_monitor.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

using namespace foxtrot;
using namespace foxtrot_bench;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;

std::int64_t now_ns() { return real::now().time_since_epoch().count(); }

void report_microseconds(benchmark::State& state, std::vector<std::int64_t>& ns) {
  std::sort(ns.begin(), ns.end());
  state.counters["p50_us"] = percentile(ns, 0.5) / 1e3;
  state.counters["p99_us"] = percentile(ns, 0.99) / 1e3;
  state.SetIterationTime(percentile(ns, 0.5) * 1e-9);
}

// When the event of each round was told; the bench waits for it in the kernel, as a program would.
class arrival {
 public:
  explicit arrival(thread_monitor& monitor, thread_event_kind kind)
      : listening_{monitor.on_event([this, kind](const thread_event& event) {
          if (event.kind != kind) return;
          told_.store(now_ns(), std::memory_order_release);
          told_.notify_one();
        })} {}
  [[nodiscard]] std::int64_t wait() {
    told_.wait(0, std::memory_order_acquire);
    return told_.exchange(0, std::memory_order_acq_rel);
  }

 private:
  std::atomic<std::int64_t> told_{0};
  thread_monitor::handler_registration listening_;
};

// From the throw to the handler, with the default settings.
void crash_to_event(benchmark::State& state) {
  thread_monitor monitor;
  arrival told{monitor, thread_event_kind::crashed};
  std::vector<std::int64_t> took;
  for (int i = quick ? 300 : 2000; i > 0; --i) {
    std::int64_t thrown = 0;
    const worker doomed = monitor.start({.name = "doomed"}, [&thrown](const std::stop_token&) {
      ::usleep(200);  // the starter sleeps by now
      thrown = now_ns();
      throw std::runtime_error{"crash"};
    });
    const std::int64_t when = told.wait();
    took.push_back(when - thrown);
  }
  report_microseconds(state, took);
}

// From the moment at which a silence has lasted for its threshold to the handler: at most a scan's period, 25 ms.
void stall_to_event(benchmark::State& state) {
  constexpr auto threshold = 20ms;
  thread_monitor monitor;
  arrival told{monitor, thread_event_kind::stalled};
  std::vector<std::int64_t> took;
  for (int i = quick ? 20 : 60; i > 0; --i) {
    std::atomic<std::int64_t> last{0};
    const worker stuck = monitor.start({.name = "stuck"},
                                       [&last](const std::stop_token& stop) {
                                         beat();
                                         last = now_ns();
                                         while (!stop.stop_requested()) ::usleep(1000);
                                       },
                                       {.threshold = threshold});
    took.push_back(told.wait() - last - std::chrono::nanoseconds{threshold}.count());
  }
  report_microseconds(state, took);
}

// One beat, one scan of 64 threads that all beat meanwhile, and the share of one core that a monitor of 64 takes.
void heartbeats(benchmark::State& state) {
  heartbeat heart;
  const heartbeat::adopted watched{heart};
  constexpr int beats = 10'000'000;
  const std::int64_t began = now_ns();
  for (int i = 0; i < beats; ++i) {
    beat();
    asm volatile("" ::: "memory");
  }
  const double ns_per_beat = static_cast<double>(now_ns() - began) / beats;
  state.counters["ns_per_beat"] = ns_per_beat;

  std::vector<std::shared_ptr<heartbeat>> hearts;
  const auto fill = [&hearts](thread_monitor& monitor) {
    std::vector<watched_thread> places;
    hearts.clear();
    for (int i = 0; i < 64; ++i) {
      hearts.push_back(std::make_shared<heartbeat>());
      places.push_back(monitor.watch("watched", hearts.back()));
    }
    return places;
  };
  {
    manual_time time;
    thread_monitor monitor{{}, {}, time};
    const auto places = fill(monitor);
    constexpr int scans = 20'000;
    std::int64_t spent = 0;
    for (int i = 0; i < scans; ++i) {
      for (const auto& each : hearts) each->beat();
      const std::int64_t before = now_ns();
      monitor.scan();
      spent += now_ns() - before;
    }
    state.counters["ns_per_scan_of_64"] = static_cast<double>(spent) / scans;
  }
  {
    thread_monitor monitor;
    const auto places = fill(monitor);
    const auto mine = monitor.watch("bench", std::make_shared<heartbeat>());
    timespec before{};
    timespec after{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    const std::int64_t start = now_ns();
    ::usleep(quick ? 200'000 : 1'000'000);
    const auto wall = static_cast<double>(now_ns() - start);
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    const double cpu =
        static_cast<double>(after.tv_sec - before.tv_sec) * 1e9 + static_cast<double>(after.tv_nsec - before.tv_nsec);
    state.counters["percent_of_a_core"] = 100 * cpu / wall;
  }
  state.SetIterationTime(ns_per_beat * 1e-9);
}

[[maybe_unused]] const bool added = [] {
  add_row("threads/crash_to_event/foxtrot", crash_to_event);
  add_row("threads/stall_to_event/foxtrot", stall_to_event);
  add_row("threads/heartbeat/foxtrot", heartbeats);
  return true;
}();

}  // namespace
