// bench/queue/throughput.hpp: how many items a second a link carries from one core to another, beside its limit.
#pragma once

#include <queue/item.hpp>
#include <queue/pair.hpp>
#include <support/bench.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace foxtrot_bench {

// A link has
//   void produce(first, end)                     sends the items numbered so
//   std::uint64_t consume(first, end, visit)     visit(const Item&) for each of them, and perhaps for more where they
//                                                come in batches; the number of the first one not seen

enum class outcome { measured, not_pinned, wrong };

struct rate {
  outcome how;
  double million_per_s;
};

/// One slice, timed by the consumer, who is shown every item `times` times. Not inlined: g++ 12 then warns of an
/// overflow inside moodycamel that there is not.
template <class Link>
[[gnu::noinline]] rate items_per_second(Link& link, std::uint64_t& next, std::size_t count, std::uint64_t times) {
  const std::uint64_t first = next;
  next = first + count / 8 + count;
  std::uint64_t digest = 0;
  std::uint64_t measured = 0;
  std::int64_t began = 0;
  std::int64_t ended = 0;
  const bool ran = run_together([&] { link.produce(first, next); },
                                [&] {
                                  std::uint64_t sum = 0;
                                  const auto look = [&sum](const auto& value) { sum += value.digest(); };
                                  const std::uint64_t warm = link.consume(first, first + count / 8, look);
                                  began = ticks();
                                  link.consume(warm, next, look);
                                  ended = ticks();
                                  measured = next - warm;
                                  digest = sum;
                                });
  if (!ran) return {outcome::not_pinned, 0};
  if (digest != times * digest_of(first, next)) return {outcome::wrong, 0};
  const double ns = static_cast<double>(ended - began) * ns_per_tick();
  return {outcome::measured, static_cast<double>(measured) * 1e3 / ns};
}

/// Fills a row: slices of the limit, each with a slice of the link right after it.
template <class Limit, class Link>
void measure_throughput(benchmark::State& state, std::uint64_t times) {
  const slices size = slices::of_this_run();
  const auto limit = std::make_unique<Limit>();
  const auto subject = std::make_unique<Link>();
  std::uint64_t limit_next = 0;
  std::uint64_t subject_next = 0;
  std::vector<double> million_per_s;
  std::vector<double> ratio;
  const bool sound = for_each_pair(size, [&] {
    const rate most = items_per_second(*limit, limit_next, size.items, times);
    const rate done = items_per_second(*subject, subject_next, size.items, times);
    if (most.how != outcome::measured || done.how != outcome::measured) {
      const bool wrong = most.how == outcome::wrong || done.how == outcome::wrong;
      state.SkipWithError(wrong ? "items were lost or damaged" : "needs CPUs 0 and 1");
      return false;
    }
    million_per_s.push_back(done.million_per_s);
    ratio.push_back(done.million_per_s / most.million_per_s);
    return true;
  });
  if (!sound) return;
  state.counters["million_per_s"] = median(million_per_s);
  state.counters["ratio_to_limit"] = median(ratio);
  state.SetIterationTime(1e-6 / median(million_per_s));
}

}  // namespace foxtrot_bench
