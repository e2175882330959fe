#include <foxtrot/queue/ends.hpp>

#include <foxtrot/queue/spsc_ring.hpp>

#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

/// A user's own queue: nothing of foxtrot's in it.
class locked_queue {
 public:
  using value_type = std::uint64_t;
  explicit locked_queue(std::size_t most) : most_{most} {}
  bool try_push(const value_type& item) {
    const std::lock_guard lock{mutex_};
    if (items_.size() == most_) return false;
    items_.push_back(item);
    return true;
  }
  bool try_pop(value_type& item) {
    const std::lock_guard lock{mutex_};
    if (items_.empty()) return false;
    item = items_.front();
    items_.pop_front();
    return true;
  }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::deque<value_type> items_;
};

struct push_only {
  using value_type = int;
  bool try_push(const int&) { return false; }
};

static_assert(producer_end<locked_queue> && consumer_end<locked_queue> && !batch_consumer_end<locked_queue>);
static_assert(producer_end<spsc_ring<std::uint64_t>> && batch_consumer_end<spsc_ring<std::uint64_t>>);
static_assert(producer_end<push_only> && !consumer_end<push_only>);
static_assert(!producer_end<int> && !consumer_end<int>);

/// One thread pushes the numbers from 1, the other adds them up; both wait when they must.
template <class Queue, class MakeIdle>
std::uint64_t sum_across(Queue& queue, std::uint64_t count, MakeIdle make_idle) {
  std::jthread producer{[&](const std::stop_token& stop) {
    auto waiting = make_idle();
    for (std::uint64_t number = 1; number <= count; ++number) {
      if (!push_waiting(queue, number, waiting, stop)) return;
    }
  }};
  auto waiting = make_idle();
  std::uint64_t sum = 0;
  std::uint64_t item = 0;
  for (std::uint64_t taken = 0; taken < count; ++taken) {
    if (!pop_waiting(queue, item, waiting, std::stop_token{})) break;
    sum += item;
  }
  return sum;
}

}  // namespace

TEST_CASE("ends: waiting works on any queue, with any strategy", "[queue][stress]") {
  const std::uint64_t count = repetitions(20'000);
  const std::uint64_t expected = count * (count + 1) / 2;
  locked_queue own{16};
  spsc_ring<std::uint64_t> ring{16};
  CHECK(sum_across(own, count, [] { return yield_idle{}; }) == expected);
  CHECK(sum_across(ring, count, [] { return yield_idle{}; }) == expected);
  CHECK(sum_across(ring, repetitions(2'000), [] { return spin_idle{}; }) ==
        repetitions(2'000) * (repetitions(2'000) + 1) / 2);
}

TEST_CASE("ends: a stop ends the waiting, and the item is not in", "[queue]") {
  spsc_ring<std::uint64_t> ring{2};
  std::stop_source stop;
  stop.request_stop();
  yield_idle waiting;
  std::uint64_t item = 7;
  CHECK_FALSE(pop_waiting(ring, item, waiting, stop.get_token()));
  CHECK(item == 7);
  REQUIRE(push_waiting(ring, 1, waiting, stop.get_token()));  // there is room: nothing to wait for
  REQUIRE(push_waiting(ring, 2, waiting, stop.get_token()));
  CHECK_FALSE(push_waiting(ring, 3, waiting, stop.get_token()));
  CHECK(pop_waiting(ring, item, waiting, stop.get_token()));
  CHECK(item == 1);
}

TEST_CASE("ends: a stop that finds a sleeper leaves none behind", "[queue]") {
  spsc_ring<std::uint64_t> ring{2};
  parking_spot spot;
  std::jthread consumer{[&](const std::stop_token& stop) {
    const std::stop_callback wake{stop, [&] { spot.wake(); }};
    block_idle waiting{spot};
    std::uint64_t item = 0;
    (void)pop_waiting(ring, item, waiting, stop);
  }};
  consumer.request_stop();
  consumer.join();
  CHECK(spot.sleepers() == 0);
}
