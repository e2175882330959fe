// bench/threads/start_stop.cpp: a whole life of an event loop on a thread of its own.
#include <support/bench.hpp>

#include <foxtrot/net/async_thread_bridge.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace {

using namespace foxtrot_bench;
using real = std::chrono::steady_clock;

// Made, started, called once, stopped, destroyed.
void start_stop(benchmark::State& state) {
  std::vector<std::int64_t> took;
  for (int i = quick ? 500 : 3000; i > 0; --i) {
    const auto began = real::now();
    {
      foxtrot::async_thread_bridge bridge;
      if (bridge.start() || bridge.call([] {}, std::chrono::seconds{1}) || bridge.stop())
        return state.SkipWithError("a bridge did not start or stop");
    }
    took.push_back((real::now() - began).count());
  }
  std::sort(took.begin(), took.end());
  state.counters["p50_us"] = percentile(took, 0.5) / 1e3;
  state.counters["p99_us"] = percentile(took, 0.99) / 1e3;
  state.SetIterationTime(percentile(took, 0.5) * 1e-9);
}

[[maybe_unused]] const bool added = [] {
  add_row("threads/start_stop/foxtrot", start_stop);
  return true;
}();

}  // namespace
