// bench/queue/throughput.cpp: queue/single/SIZE/SUBJECT and queue/batch/SIZE/SUBJECT: items per second from one core to
// another, one by one or in batches, both sides as fast as they can.
//
// ratio_to_limit is the rate over that of `limit`, blocks of 64-byte lines with one item each, measured right before:
// larger is better, 1 is all that the path between the cores carries. Queues that lay 8-byte items side by side move
// eight in a line and may exceed it. Nobody pauses while waiting.
//
// peers: libreaderwriterqueue-dev libboost1.74-dev|libboost1.81-dev
#include <queue/item.hpp>
#include <queue/limit.hpp>
#include <queue/subjects.hpp>
#include <queue/throughput.hpp>
#include <support/bench.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace foxtrot_bench;

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

template <std::size_t Size, template <class, class> class Link>
void add_rows(const char* kind) {
  using limit = block_hand_off<item<Size>>;
  const std::string prefix = std::string{"queue/"} + kind + '/' + std::to_string(Size) + '/';
  const auto add = [&prefix]<class Measured>(const char* subject) {
    add_row(prefix + subject, [](benchmark::State& state) { measure_throughput<limit, Measured>(state, 1); });
  };
  add.template operator()<limit>("limit");
  for_each_subject<item<Size>>(
      [&]<class Subject> { add.template operator()<Link<Subject, item<Size>>>(Subject::name); });
}

[[maybe_unused]] const bool added = [] {
  add_rows<8, one_by_one>("single");
  add_rows<56, one_by_one>("single");
  add_rows<8, in_batches>("batch");
  add_rows<56, in_batches>("batch");
  return true;
}();

}  // namespace
