// tests/queue/mutants/spsc_ring.cpp: two threads and one ring; ends with 1 at the first fault. check_mutants.py runs
// it.
#include <foxtrot/queue/spsc_ring.hpp>

#include "stress.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

using namespace foxtrot;
using stress::fault;
using stress::item;
using stress::tag_for;

namespace {

constexpr std::uint64_t items = 3000;
constexpr unsigned turns_to_arrive = 200'000;  // thousands of times as long as a store takes to be seen

bool push(spsc_ring<item>& ring, std::uint64_t number) {
  if (number % 2 == 0) return ring.try_push(item::of(number), tag_for(number));
  item* room = ring.try_claim();
  if (room == nullptr) return false;
  *room = item::of(number);
  ring.publish(tag_for(number));
  return true;
}

/// What both sides share beside the ring. `pushed` is relaxed: it may not stand in for an order that the ring lacks.
struct scene {
  explicit scene(std::size_t capacity) : ring{capacity} {}
  spsc_ring<item> ring;
  std::atomic<std::uint64_t> pushed{0};
  std::atomic<bool> done{false};
};

void check(const scene& at, const item& seen, line_tag tag, std::uint64_t expected) {
  if (seen.number() != expected) fault("another item", expected);
  if (tag != tag_for(expected)) fault("another tag", expected);
  if (!seen.whole()) fault("not whole", expected);
  if (expected % 8 != 0) return;
  // holds on to some of them until the producer has gone on, if it can: they may not change
  const std::uint64_t before = at.pushed.load(std::memory_order_relaxed);
  for (unsigned turns = 0; turns < 1024 && at.pushed.load(std::memory_order_relaxed) < before + 1;) {
    stress::pause(turns);
  }
  if (seen.number() != expected || !seen.whole()) fault("changed meanwhile", expected);
}

std::uint64_t pop_some(scene& at, std::uint64_t next, bool batch) {
  if (batch) return at.ring.consume(5, [&](const item& seen, line_tag tag) { check(at, seen, tag, next++); });
  const item* oldest = at.ring.front();
  if (oldest == nullptr) return 0;
  check(at, *oldest, at.ring.front_tag(), next);
  at.ring.pop();
  return 1;
}

void push_all(scene& at) {
  unsigned turns = 0;
  for (std::uint64_t number = 0; number < items;) {
    if (push(at.ring, number)) {
      at.pushed.store(++number, std::memory_order_relaxed);
    } else {
      stress::pause(turns);
    }
  }
  at.done.store(true, std::memory_order_release);
}

void round(std::size_t capacity, unsigned seed) {
  scene at{capacity};
  std::jthread producer{[&] { push_all(at); }};
  unsigned turns = 0;
  for (std::uint64_t next = 0; next < items;) {
    const bool last = at.done.load(std::memory_order_acquire);
    const std::uint64_t taken = pop_some(at, next, seed % 2 == 0);
    next += taken;
    if (taken != 0) {
      turns = 0;
      continue;
    }
    if (last) fault("items are missing", next);
    if (turns > turns_to_arrive && at.pushed.load(std::memory_order_relaxed) > next) fault("an item stays away", next);
    stress::pause(turns);
  }
  if (!at.ring.empty()) fault("more than was pushed", items);
}

}  // namespace

int main(int count, char** arguments) { return stress::run(count, arguments, round); }
