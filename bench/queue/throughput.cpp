// bench/queue/throughput.cpp: queue/single/SIZE/SUBJECT and queue/batch/SIZE/SUBJECT: items per second from one core to
// another, one by one or in batches, both sides as fast as they can.
//
// ratio_to_limit is the rate over that of `limit`, blocks of 64-byte lines with one item each, measured right before:
// larger is better, 1 is all that the path between the cores carries. Queues that lay 8-byte items side by side move
// eight in a line and may exceed it. Nobody pauses while waiting: between two cores a pause costs foxtrot's consumer
// half.
//
// peers: libreaderwriterqueue-dev libboost1.74-dev|libboost1.81-dev
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
#include <string>
#include <vector>

namespace {

using namespace foxtrot_bench;

// The links: produce(first, end) sends the items numbered so; consume(first, end, visit) sees each of them, and perhaps
// more where they come in batches: it returns the number of the first one not seen.

template <class Subject, class Item>
class one_by_one {
 public:
  void produce(std::uint64_t first, std::uint64_t end) {
    Item value;
    for (std::uint64_t number = first; number < end; ++number) {
      value.set(number);
      while (!queue_.push(value)) {
      }
    }
  }
  template <class Visitor>
  std::uint64_t consume(std::uint64_t first, std::uint64_t end, Visitor&& visit) {
    Item value;
    for (std::uint64_t number = first; number < end; ++number) {
      while (!queue_.pop(value)) {
      }
      visit(value);
    }
    return end;
  }

 private:
  Subject queue_;
};

template <class Subject, class Item>
class in_batches {
 public:
  void produce(std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t number = first; number < end;)
      number += queue_.push_batch(number, static_cast<std::size_t>(std::min<std::uint64_t>(batch, end - number)));
  }
  template <class Visitor>
  std::uint64_t consume(std::uint64_t first, std::uint64_t end, Visitor&& visit) {
    std::uint64_t number = first;
    while (number < end) number += queue_.pop_batch(visit);
    return number;
  }

 private:
  Subject queue_;
};

enum class outcome { measured, not_pinned, wrong };

struct rate {
  outcome how;
  double million_per_s;
};

/// One slice, timed by the consumer. Not inlined: g++ 12 then warns of an overflow inside moodycamel that there is not.
template <class Link>
[[gnu::noinline]] rate items_per_second(Link& link, std::uint64_t& next, std::size_t count) {
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
  if (digest != digest_of(first, next)) return {outcome::wrong, 0};
  const double ns = static_cast<double>(ended - began) * ns_per_tick();
  return {outcome::measured, static_cast<double>(measured) * 1e3 / ns};
}

template <class Limit, class Link>
void measure(benchmark::State& state) {
  const slices size = slices::of_this_run();
  const auto limit = std::make_unique<Limit>();
  const auto subject = std::make_unique<Link>();
  std::uint64_t limit_next = 0;
  std::uint64_t subject_next = 0;
  std::vector<double> million_per_s;
  std::vector<double> ratio;
  const bool sound = for_each_pair(size, [&] {
    const rate most = items_per_second(*limit, limit_next, size.items);
    const rate done = items_per_second(*subject, subject_next, size.items);
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

template <std::size_t Size, template <class, class> class Link>
void add_rows(const char* kind) {
  using limit = block_hand_off<item<Size>>;
  const std::string prefix = std::string{"queue/"} + kind + '/' + std::to_string(Size) + '/';
  add_row(prefix + "limit", measure<limit, limit>);
  for_each_subject<item<Size>>(
      [&]<class Subject> { add_row(prefix + Subject::name, measure<limit, Link<Subject, item<Size>>>); });
}

[[maybe_unused]] const bool added = [] {
  add_rows<8, one_by_one>("single");
  add_rows<56, one_by_one>("single");
  add_rows<8, in_batches>("batch");
  add_rows<56, in_batches>("batch");
  return true;
}();

}  // namespace
