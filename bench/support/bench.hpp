// bench/support/bench.hpp: what suites share: the pass's size, percentiles as figures, what a row is compared to.
#pragma once

#include <support/system.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

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

[[nodiscard]] inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// The subjects of the same case that a row, by its name, is compared to, pass by pass. Other rows are compared to the
/// row `limit` of their case, if there is one, median by median.
inline std::map<std::string, std::vector<std::string>> compared_to{};

/// Registers one row. Google Benchmark's own time of the row is what `measure` gives to SetIterationTime: seconds for
/// one hand-off.
template <class Measure>
void add_row(const std::string& name, Measure measure, const std::vector<std::string>& beside = {}) {
  if (!beside.empty()) compared_to[name] = beside;
  benchmark::RegisterBenchmark(name.c_str(),
                               [measure](benchmark::State& state) {
                                 for ([[maybe_unused]] auto _ : state) measure(state);
                               })
      ->Iterations(1)
      ->UseManualTime();
}

/// Rows that --quick leaves out unless they are asked for by name.
inline std::vector<std::string> long_rows{};

template <class Measure>
void add_long_row(const std::string& name, Measure measure) {
  long_rows.push_back(name);
  add_row(name, measure);
}

}  // namespace foxtrot_bench
