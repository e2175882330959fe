// bench/queue/latency.cpp: queue/latency/SIZE/SUBJECT: how long one item takes from one core to another.
//
// An item goes to the other core through one queue and comes back through a second one of the same kind; one way is
// half of the round trip. ratio_to_limit is the p50 over that of `limit`, one line to and fro, measured right before:
// smaller is better, 1 is the machine's own. Everybody waits with the pause instruction.
#include <foxtrot/core/cpu.hpp>
#include <queue/item.hpp>
#include <queue/limit.hpp>
#include <queue/pair.hpp>
#include <queue/subjects.hpp>
#include <support/bench.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace foxtrot_bench;

template <class Subject, class Item>
class two_queues {
 public:
  void ping(std::uint64_t round) {
    send(there_, round);
    receive(back_);
  }
  void pong(std::uint64_t) { send(back_, receive(there_)); }

 private:
  static void send(Subject& queue, std::uint64_t number) {
    Item value;
    value.set(number);
    while (!queue.push(value)) foxtrot::cpu_relax();
  }
  static std::uint64_t receive(Subject& queue) {
    Item value;
    while (!queue.pop(value)) foxtrot::cpu_relax();
    return value.number();
  }

  Subject there_;
  Subject back_;
};

struct latency {
  double p50_ns;
  double p99_ns;
};

/// One slice: nothing where the CPUs are not to be had.
template <class Link>
std::optional<latency> one_way(Link& link, std::uint64_t& round, std::size_t count) {
  const std::size_t warm_up = count / 8;
  const std::uint64_t first = round;
  const std::uint64_t measured = first + warm_up;
  round = measured + count;
  std::vector<std::int64_t> samples(count);
  const bool ran = run_together(
      [&] {
        for (std::uint64_t i = first; i < measured; ++i) link.ping(i);
        std::int64_t before = ticks();
        for (std::uint64_t i = measured; i < round; ++i) {
          link.ping(i);
          const std::int64_t now = ticks();
          samples[static_cast<std::size_t>(i - measured)] = now - before;
          before = now;
        }
      },
      [&] {
        for (std::uint64_t i = first; i < round; ++i) link.pong(i);
      });
  if (!ran) return {};
  std::sort(samples.begin(), samples.end());
  const double half = ns_per_tick() / 2;
  return latency{percentile(samples, 0.5) * half, percentile(samples, 0.99) * half};
}

template <class Link>
void measure(benchmark::State& state) {
  const slices size = slices::of_this_run();
  const auto limit = std::make_unique<one_line>();
  const auto subject = std::make_unique<Link>();
  std::uint64_t limit_round = 0;
  std::uint64_t subject_round = 0;
  std::vector<double> p50;
  std::vector<double> p99;
  std::vector<double> ratio;
  const bool pinned = for_each_pair(size, [&] {
    const auto floor = one_way(*limit, limit_round, size.round_trips);
    const auto taken = one_way(*subject, subject_round, size.round_trips);
    if (!floor || !taken) return false;
    p50.push_back(taken->p50_ns);
    p99.push_back(taken->p99_ns);
    ratio.push_back(taken->p50_ns / floor->p50_ns);
    return true;
  });
  if (!pinned) return state.SkipWithError("needs CPUs 0 and 1");
  state.counters["p50_ns"] = median(p50);
  state.counters["p99_ns"] = median(p99);
  state.counters["ratio_to_limit"] = median(ratio);
  state.SetIterationTime(median(p50) * 1e-9);
}

template <std::size_t Size>
void add_rows() {
  const std::string prefix = "queue/latency/" + std::to_string(Size) + '/';
  add_row(prefix + "limit", measure<one_line>);
  for_each_subject<item<Size>>(
      [&]<class Subject> { add_row(prefix + Subject::name, measure<two_queues<Subject, item<Size>>>); });
}

[[maybe_unused]] const bool added = [] {
  add_rows<8>();
  add_rows<56>();
  return true;
}();

}  // namespace
