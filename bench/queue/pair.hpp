// bench/queue/pair.hpp: two pinned threads that start together, and the limit measured beside each subject.
#pragma once

#include <support/bench.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace foxtrot_bench {

inline constexpr int producer_cpu = 0;
inline constexpr int consumer_cpu = 1;

/// The cheapest clock there is: the time stamp counter (8 ns, against 20 to 25 of the system's clock).
[[nodiscard]] inline std::int64_t ticks() noexcept {
#if defined(__x86_64__)
  return static_cast<std::int64_t>(__rdtsc());
#else
  return std::chrono::steady_clock::now().time_since_epoch().count();
#endif
}

/// Measured against the system's clock, once.
[[nodiscard]] inline double ns_per_tick() {
  static const double measured = [] {
    using clock = std::chrono::steady_clock;
    const auto began = clock::now();
    const std::int64_t first = ticks();
    while (clock::now() - began < std::chrono::milliseconds{20}) {
    }
    const std::int64_t last = ticks();
    const std::chrono::duration<double, std::nano> elapsed = clock::now() - began;
    return elapsed.count() / static_cast<double>(last - first);
  }();
  return measured;
}

/// Runs `produce` here, on CPU 0, and `consume` in a thread on CPU 1; both begin when both are there. False, and
/// neither has run, where one of the CPUs is not to be had.
template <class Produce, class Consume>
[[nodiscard]] bool run_together(Produce&& produce, Consume&& consume) {
  enum : int { waiting, there, nowhere };
  std::atomic<int> consumer_is{waiting};
  const bool here = pin(producer_cpu);
  std::atomic<bool> go{false};
  std::thread consumer{[&] {
    const bool pinned = here && pin(consumer_cpu);
    consumer_is.store(pinned ? there : nowhere, std::memory_order_release);
    if (!pinned) return;
    while (!go.load(std::memory_order_acquire)) {
    }
    consume();
  }};
  while (consumer_is.load(std::memory_order_acquire) == waiting) {
  }
  const bool both = consumer_is.load(std::memory_order_acquire) == there;
  if (both) {
    go.store(true, std::memory_order_release);
    produce();
  }
  consumer.join();
  return both;
}

/// How much one pass measures.
struct slices {
  std::size_t pairs;                 ///< slices of the limit, each with a slice of the subject right after it
  std::size_t round_trips;           ///< in one slice of a latency case
  std::size_t items;                 ///< in one slice of a throughput case
  std::chrono::milliseconds budget;  ///< no more pairs after that, on a machine that is busy; three at least

  [[nodiscard]] static slices of_this_run() {
    return quick ? slices{.pairs = 8,
                          .round_trips = 4'000,
                          .items = std::size_t{1} << 17,
                          .budget = std::chrono::milliseconds{200}}
                 : slices{.pairs = 16,
                          .round_trips = 10'000,
                          .items = std::size_t{1} << 18,
                          .budget = std::chrono::seconds{1}};
  }
};

/// Calls `measure_pair()` as often as a pass wants; false where it gave false.
template <class Pair>
[[nodiscard]] bool for_each_pair(const slices& size, Pair&& measure_pair) {
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < size.pairs; ++i) {
    if (i >= 3 && std::chrono::steady_clock::now() - began > size.budget) break;
    if (!measure_pair()) return false;
  }
  return true;
}

}  // namespace foxtrot_bench
