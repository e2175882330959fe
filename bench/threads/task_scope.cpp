// bench/threads/task_scope.cpp: threads/task_scope_overhead/SUBJECT: what it costs to name and count a task.
//
// An event loop starts task after task, each of which keeps it busy for some 10 us and ends; once in a task_scope and
// once by Asio alone, slice by slice in turn. percent is how much longer the loop takes with the scope, the median over
// the pairs of slices; spawn_ns is a task without work in the scope, bare_ns the same without.
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <support/bench.hpp>

#include <benchmark/benchmark.h>
#include <asio/executor_work_guard.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <time.h>

namespace {

using namespace foxtrot_bench;

/// So many dependent steps, in registers: nothing that a neighbour's use of the caches could slow, and, in a function
/// of its own, no code that is another one where it is used twice.
[[gnu::noinline]] void work_for(std::uint64_t steps) {
  std::uint64_t value = steps;
  for (std::uint64_t i = 0; i < steps; ++i) value = value * 6364136223846793005U + 1;
  benchmark::DoNotOptimize(value);
}

foxtrot::task<> one_task(std::uint64_t steps) {
  work_for(steps);
  co_return;
}

/// Nanoseconds that this thread has worked: what others do meanwhile on its CPU does not count.
double worked() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// How many steps are 10 us here and now.
std::uint64_t steps_of_ten_microseconds() {
  constexpr std::uint64_t trial = 200'000;
  std::vector<double> takes;
  for (int i = 0; i < 9; ++i) {
    const double begin = worked();
    work_for(trial);
    takes.push_back(worked() - begin);
  }
  return static_cast<std::uint64_t>(10'000.0 * static_cast<double>(trial) / median(takes));
}

class busy_loop {
 public:
  /// Nanoseconds for each of so many tasks, one after the other.
  [[nodiscard]] double with_scope(std::size_t tasks, std::uint64_t steps) {
    return each(tasks, [&] { scope_.spawn("measured", one_task(steps)); });
  }
  [[nodiscard]] double bare(std::size_t tasks, std::uint64_t steps) {
    return each(tasks, [&] { asio::co_spawn(loop_, one_task(steps), asio::detached); });
  }

 private:
  template <class Start>
  [[nodiscard]] double each(std::size_t tasks, Start start) {
    loop_.restart();
    const double begin = worked();
    for (std::size_t i = 0; i < tasks; ++i) {
      asio::post(loop_, start);  // tasks are started by handlers of a running loop, whose memory they use again
      loop_.poll();
    }
    return (worked() - begin) / static_cast<double>(tasks);
  }

  asio::io_context loop_{1};
  asio::executor_work_guard<foxtrot::io_executor> busy_{loop_.get_executor()};
  foxtrot::task_scope scope_{loop_, "bench"};
};

void measure(benchmark::State& state) {
  const std::size_t pairs = quick ? 500 : 2000;
  constexpr std::size_t tasks = 20;  // 0.2 ms: shorter than most of what disturbs
  const std::uint64_t steps = steps_of_ten_microseconds();
  busy_loop loop;
  std::vector<double> percent;
  std::vector<double> spawn;
  std::vector<double> bare;
  for (std::size_t i = 0; i < pairs; ++i) {
    const bool scope_first = i % 2 == 0;
    double with = scope_first ? loop.with_scope(tasks, steps) : 0;
    const double without = loop.bare(tasks, steps);
    if (!scope_first) with = loop.with_scope(tasks, steps);
    percent.push_back((with / without - 1) * 100);
    spawn.push_back(loop.with_scope(tasks, 0));
    bare.push_back(loop.bare(tasks, 0));
  }
  state.counters["percent"] = median(percent);
  state.counters["spawn_ns"] = median(spawn);
  state.counters["bare_ns"] = median(bare);
  state.SetIterationTime((median(spawn) - median(bare)) * 1e-9);
}

[[maybe_unused]] const bool added = [] {
  add_row("threads/task_scope_overhead/foxtrot", measure);
  return true;
}();

}  // namespace
