// bench/support/bench.hpp: what suites share: the pass's size, percentiles as figures, pinning.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <sched.h>

namespace foxtrot_bench {

/// --quick was given: three passes, and a suite takes smaller inputs where it sizes them itself. Valid once main runs.
inline bool quick = false;

/// The value below which the given share of the sorted samples lies (nearest rank).
[[nodiscard]] inline double percentile(const std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return static_cast<double>(sorted[std::min(rank, sorted.size() - 1)]);
}

/// Adds p50, p99, p99.9 and max of the samples (any unit) to the figures of this row. Sorts the samples.
inline void report_percentiles(benchmark::State& state, std::vector<std::int64_t>& samples) {
  std::sort(samples.begin(), samples.end());
  for (const auto& [name, share] : std::initializer_list<std::pair<const char*, double>>{
           {"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1.0}})
    state.counters[name] = percentile(samples, share);
}

/// Pins the calling thread; false (and unpinned) where that CPU is not to be had.
inline bool pin(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

[[nodiscard]] inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Registers one row. Google Benchmark's own time of the row is what `measure` gives to SetIterationTime: seconds for
/// one hand-off.
template <class Measure>
void add_row(const std::string& name, Measure measure) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [measure](benchmark::State& state) {
                                 for ([[maybe_unused]] auto _ : state) measure(state);
                               })
      ->Iterations(1)
      ->UseManualTime();
}

}  // namespace foxtrot_bench
