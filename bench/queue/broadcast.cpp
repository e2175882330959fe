// bench/queue/broadcast.cpp: queue/broadcast/K/SUBJECT: items per second from one core to K consumers on another.
//
// Every consumer gets every item. The consumers share one thread, which takes turns between them: two CPUs have no room
// for more, and threads that take turns on one would measure the scheduler. foxtrot's ring overwrites, so the producer
// here waits for a mark of the consumers' progress, set once per batch; the others have one queue for each consumer and
// wait for room in it. `limit` is the block hand-off, each line looked at K times: it travels once. ratio_to_limit is
// the rate over that of `limit`, measured right before.
//
// peers: libreaderwriterqueue-dev libboost1.74-dev|libboost1.81-dev
#include <foxtrot/core/cpu.hpp>
#include <foxtrot/queue/broadcast_ring.hpp>
#include <queue/item.hpp>
#include <queue/limit.hpp>
#include <queue/subjects.hpp>
#include <queue/throughput.hpp>
#include <support/bench.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace foxtrot_bench;
using carried = item<56>;

/// Everybody gets it from the same lines.
template <std::size_t Consumers>
class looked_at_often {
 public:
  void produce(std::uint64_t first, std::uint64_t end) { blocks_.produce(first, end); }
  template <class Visitor>
  std::uint64_t consume(std::uint64_t first, std::uint64_t end, Visitor&& visit) {
    return blocks_.consume(first, end, [&visit](const carried& value) {
      for (std::size_t i = 0; i < Consumers; ++i) visit(value);
    });
  }

 private:
  block_hand_off<carried> blocks_;
};

template <std::size_t Consumers>
class one_ring {
 public:
  void produce(std::uint64_t first, std::uint64_t end) {
    carried value;
    for (std::uint64_t number = first; number < end; ++number) {
      while (number - seen_ >= capacity) seen_ = progress_.load(std::memory_order_acquire);
      value.set(number);
      ring_.publish(value);
    }
  }
  template <class Visitor>
  std::uint64_t consume(std::uint64_t, std::uint64_t end, Visitor&& visit) {
    const auto position = [](const auto& reader) { return reader.position(); };
    while (std::ranges::min(readers_, {}, position).position() < end) {
      for (auto& reader : readers_)
        reader.consume(batch, [&](const carried& value, foxtrot::line_tag) { visit(value); });
      progress_.store(std::ranges::min(readers_, {}, position).position(), std::memory_order_release);
    }
    return end;
  }

 private:
  foxtrot::broadcast_ring<carried> ring_{capacity};
  std::vector<foxtrot::broadcast_ring<carried>::reader> readers_{
      Consumers, foxtrot::broadcast_ring<carried>::reader{ring_}};       // the consumer's
  alignas(foxtrot::cache_line) std::atomic<std::uint64_t> progress_{0};  // written by the consumer
  alignas(foxtrot::cache_line) std::uint64_t seen_{0};                   // the producer's
};

template <class Subject, std::size_t Consumers>
class queue_each {
 public:
  void produce(std::uint64_t first, std::uint64_t end) {
    carried value;
    for (std::uint64_t number = first; number < end; ++number) {
      value.set(number);
      for (Subject& queue : queues_) {
        while (!queue.push(value)) {
        }
      }
    }
  }
  template <class Visitor>
  std::uint64_t consume(std::uint64_t, std::uint64_t end, Visitor&& visit) {
    while (std::ranges::min(done_) < end) {
      for (std::size_t i = 0; i < Consumers; ++i) done_[i] += queues_[i].pop_batch(visit);
    }
    return end;
  }

 private:
  std::array<Subject, Consumers> queues_;
  std::array<std::uint64_t, Consumers> done_{};  // the consumer's: numbers go on from slice to slice
};

template <std::size_t Consumers>
void add_rows() {
  using limit = looked_at_often<Consumers>;
  const std::string prefix = "queue/broadcast/" + std::to_string(Consumers) + '/';
  const auto add = [&prefix]<class Measured>(const char* subject) {
    add_row(prefix + subject, [](benchmark::State& state) { measure_throughput<limit, Measured>(state, Consumers); });
  };
  add.template operator()<limit>("limit");
  add.template operator()<one_ring<Consumers>>("foxtrot");
  for_each_peer<carried>(
      [&]<class Subject> { add.template operator()<queue_each<Subject, Consumers>>(Subject::name); });
}

[[maybe_unused]] const bool added = [] {
  add_rows<1>();
  add_rows<2>();
  return true;
}();

}  // namespace
