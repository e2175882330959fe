// tests/queue/mutants/broadcast_ring.cpp: a producer and two readers; ends with 1 at the first fault. check_mutants.py
// runs it.
#include <foxtrot/queue/broadcast_ring.hpp>

#include "stress.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

using namespace foxtrot;
using stress::fault;
using stress::item;
using stress::tag_for;
using ring_of_items = broadcast_ring<item>;

namespace {

constexpr std::uint64_t events = 3000;

/// A reader and its own account of what it has read.
class auditor {
 public:
  auditor(const ring_of_items& ring, std::uint64_t start) : ring_{ring}, from_{ring, start}, start_{start} {}

  std::uint64_t read_some(bool batch) {
    if (batch) return from_.consume(5, [&](const item& seen, line_tag tag) { check(seen, tag); });
    item seen;
    line_tag tag;
    if (from_.try_read(seen, tag) != read_outcome::read) return 0;
    check(seen, tag);
    return 1;
  }

  void check_end() const {
    if (from_.position() != events) fault("events are missing", from_.position());
    if (read_ + from_.lost() != events - start_) fault("a wrong account", from_.lost());
  }
  [[nodiscard]] bool empty() const { return from_.empty(); }
  [[nodiscard]] std::uint64_t lost() const { return from_.lost(); }

 private:
  void check(const item& seen, line_tag tag) {
    const std::uint64_t expected = start_ + read_ + from_.lost();
    if (seen.number() != expected) fault("another event", expected);
    if (expected < next_) fault("an event again", expected);
    next_ = expected + 1;
    if (tag != tag_for(expected)) fault("another tag", expected);
    if (!seen.whole()) fault("not whole", expected);
    if (from_.position() != expected + 1) fault("another position", expected);
    if (++read_ % 16 == 0) check_published();
  }

  // What counts as published is no longer to come.
  void check_published() const {
    const std::uint64_t newest = ring_.published() - 1;
    ring_of_items::reader late{ring_, newest};
    item seen;
    line_tag tag;
    if (newest < events && late.try_read(seen, tag) == read_outcome::empty) fault("published, but not there", newest);
  }

  const ring_of_items& ring_;
  ring_of_items::reader from_;
  std::uint64_t start_;
  std::uint64_t read_{0};
  std::uint64_t next_{0};
};

void follow(const ring_of_items& ring, const std::atomic<bool>& done, bool batch) {
  auditor each{ring, 0};
  unsigned turns = 0;
  for (bool last = false; !last;) {
    last = done.load(std::memory_order_acquire);
    if (each.read_some(batch) == 0 && !last) stress::pause(turns);
  }
  while (!each.empty()) each.read_some(batch);
  each.check_end();
}

void round(std::size_t capacity, unsigned seed) {
  ring_of_items ring{capacity};
  std::atomic<bool> done{false};
  {
    std::jthread first{[&] { follow(ring, done, false); }};
    std::jthread second{[&] { follow(ring, done, true); }};
    unsigned turns = seed;
    for (std::uint64_t number = 0; number < events; ++number) {
      ring.publish(item::of(number), tag_for(number));
      // slow enough for a reader at its heels in some rounds, in bursts in others
      if (seed % 3 == 0 || number % (capacity * (seed % 3)) == 0) stress::pause(turns);
    }
    done.store(true, std::memory_order_release);
  }
  auditor late{ring, events - capacity};
  for (std::size_t i = 0; i < capacity; ++i) late.read_some(false);
  if (late.lost() != 0) fault("less than its capacity", capacity);
  late.check_end();
}

}  // namespace

int main(int count, char** arguments) { return stress::run(count, arguments, round); }
