#include <foxtrot/queue/spsc_ring.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

/// An item that fills its line and shows when part of it is of another item.
struct item {
  std::uint64_t number;
  std::array<std::uint64_t, 6> echo;

  static item of(std::uint64_t number) {
    item made{number, {}};
    for (std::uint64_t i = 0; i < made.echo.size(); ++i) made.echo[i] = number * 0x9e3779b97f4a7c15 + i;
    return made;
  }
  [[nodiscard]] bool whole() const { return echo == of(number).echo; }
};
static_assert(sizeof(item) == line_payload_bytes);

line_tag tag_for(std::uint64_t number) { return {static_cast<std::uint32_t>(number * 31) & 0xffffff}; }

/// Lets the other side run where both share a core.
void pause(unsigned& turns) {
  if (++turns % 64 == 0) std::this_thread::yield();
  cpu_relax();
}

/// What the reading side has seen so far; it keeps count of faults instead of asserting in the loop.
struct ledger {
  std::uint64_t next{0};
  std::uint64_t faults{0};
  void enter(const item& seen, line_tag tag) {
    if (seen.number != next || !seen.whole() || tag != tag_for(next)) ++faults;
    next = seen.number + 1;
  }
};

/// Two threads; `consume_some` takes what it likes and returns how many.
template <class ConsumeSome>
void stress(std::size_t capacity, std::uint64_t count, ConsumeSome consume_some) {
  spsc_ring<item> ring{capacity};
  REQUIRE(ring.capacity() == capacity);
  std::jthread producer{[&](const std::stop_token& stop) {
    unsigned turns = 0;
    for (std::uint64_t number = 0; number < count && !stop.stop_requested();) {
      // a third in place, a third by copy, a third after an abandoned claim
      bool done = false;
      if (number % 3 == 0) {
        if (item* room = ring.try_claim(); room != nullptr) {
          *room = item::of(number);
          ring.publish(tag_for(number));
          done = true;
        }
      } else {
        if (number % 3 == 1) {
          if (item* room = ring.try_claim(); room != nullptr) *room = item::of(~number);
        }
        done = ring.try_push(item::of(number), tag_for(number));
      }
      if (done) {
        ++number;
      } else {
        pause(turns);
      }
    }
  }};
  ledger seen;
  unsigned turns = 0;
  while (seen.next < count && seen.faults == 0) {
    if (consume_some(ring, seen) == 0) pause(turns);
  }
  producer.request_stop();
  producer.join();
  REQUIRE(seen.faults == 0);
  CHECK(seen.next == count);
  CHECK(ring.empty());
}

std::size_t one_by_one(spsc_ring<item>& ring, ledger& seen) {
  const item* oldest = ring.front();
  if (oldest == nullptr) return 0;
  seen.enter(*oldest, ring.front_tag());
  ring.pop();
  return 1;
}

std::size_t in_batches(spsc_ring<item>& ring, ledger& seen) {
  return ring.consume(seen.next % 37 + 1, [&](const item& each, line_tag tag) { seen.enter(each, tag); });
}

}  // namespace

TEST_CASE("spsc_ring: capacity is a power of two, at least two", "[queue]") {
  CHECK(spsc_ring<item>{0}.capacity() == 2);
  CHECK(spsc_ring<item>{1}.capacity() == 2);
  CHECK(spsc_ring<item>{2}.capacity() == 2);
  CHECK(spsc_ring<item>{3}.capacity() == 4);
  CHECK(spsc_ring<item>{1000}.capacity() == 1024);
  CHECK(spsc_ring<item>{1024}.capacity() == 1024);
}

TEST_CASE("spsc_ring: an empty ring gives nothing", "[queue]") {
  spsc_ring<std::uint64_t> ring{4};
  std::uint64_t value = 7;
  CHECK(ring.empty());
  CHECK(ring.front() == nullptr);
  CHECK_FALSE(ring.try_pop(value));
  CHECK(value == 7);
  CHECK(ring.consume(10, [](const std::uint64_t&, line_tag) {}) == 0);
  CHECK(ring.free_lines(4) == 4);
}

TEST_CASE("spsc_ring: holds exactly its capacity, in order, over many laps", "[queue]") {
  for (const std::size_t capacity : {2U, 8U, 64U}) {
    spsc_ring<item> ring{capacity};
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    for (int lap = 0; lap < 50; ++lap) {
      for (std::size_t i = 0; i < capacity; ++i, ++in) REQUIRE(ring.try_push(item::of(in), tag_for(in)));
      CHECK_FALSE(ring.try_push(item::of(in)));
      CHECK(ring.try_claim() == nullptr);
      CHECK(ring.free_lines(1) == 0);
      const std::size_t taken = static_cast<std::size_t>(lap) % capacity + 1;
      for (std::size_t i = 0; i < taken; ++i, ++out) {
        const item* oldest = ring.front();
        REQUIRE(oldest != nullptr);
        CHECK(oldest->number == out);
        CHECK(oldest->whole());
        CHECK(ring.front_tag() == tag_for(out));
        ring.pop();
      }
      CHECK(ring.free_lines(taken) == taken);
      item each;
      for (; out < in; ++out) {
        REQUIRE(ring.try_pop(each));
        CHECK(each.number == out);
      }
    }
  }
}

TEST_CASE("spsc_ring: a full ring leaves the argument and the waiting items untouched", "[queue]") {
  spsc_ring<item> ring{2};
  REQUIRE(ring.try_push(item::of(1)));
  REQUIRE(ring.try_push(item::of(2)));
  const item third = item::of(3);
  CHECK_FALSE(ring.try_push(third));
  CHECK(third.number == 3);
  CHECK(third.whole());
  item each;
  REQUIRE(ring.try_pop(each));
  CHECK((each.number == 1 && each.whole()));
  REQUIRE(ring.try_push(third));
  REQUIRE(ring.try_pop(each));
  CHECK((each.number == 2 && each.whole()));
  REQUIRE(ring.try_pop(each));
  CHECK((each.number == 3 && each.whole()));
}

TEST_CASE("spsc_ring: an abandoned claim is invisible and claimed again", "[queue]") {
  spsc_ring<item> ring{4};
  item* first = ring.try_claim();
  REQUIRE(first != nullptr);
  *first = item::of(1);
  CHECK(ring.front() == nullptr);
  CHECK(ring.try_claim() == first);
  CHECK(ring.free_lines(4) == 4);
  *ring.try_claim() = item::of(2);
  ring.publish();
  item each;
  REQUIRE(ring.try_pop(each));
  CHECK(each.number == 2);
  CHECK(ring.empty());
}

TEST_CASE("spsc_ring: front is read in place and stays until pop", "[queue]") {
  spsc_ring<item> ring{2};
  item* room = ring.try_claim();
  *room = item::of(5);
  ring.publish({0xabcdef});
  const item* seen = ring.front();
  CHECK(seen == room);
  CHECK(ring.front() == seen);
  CHECK(ring.front_tag() == line_tag{0xabcdef});
  CHECK_FALSE(ring.empty());
  ring.pop();
  CHECK(ring.front() == nullptr);
}

TEST_CASE("spsc_ring: consume takes at most max and gives the lines back together", "[queue]") {
  spsc_ring<std::uint64_t> ring{8};
  for (std::uint64_t i = 0; i < 8; ++i) REQUIRE(ring.try_push(i));
  std::vector<std::uint64_t> seen;
  std::size_t free_inside = 99;
  CHECK(ring.consume(3, [&](const std::uint64_t& each, line_tag) {
    seen.push_back(each);
    free_inside = ring.free_lines(8);
  }) == 3);
  CHECK(free_inside == 0);
  CHECK(ring.free_lines(8) == 3);
  CHECK(ring.consume(100, [&](const std::uint64_t& each, line_tag) { seen.push_back(each); }) == 5);
  CHECK(seen == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(ring.consume(0, [](const std::uint64_t&, line_tag) {}) == 0);
}

TEST_CASE("spsc_ring: consume ends after a lap even if its visitor publishes more", "[queue]") {
  spsc_ring<std::uint64_t> ring{4};
  for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(ring.try_push(i));
  std::size_t pushed = 0;
  const std::size_t taken = ring.consume(100, [&](const std::uint64_t&, line_tag) {
    if (ring.try_push(9)) ++pushed;
  });
  CHECK(taken == 4);
  CHECK(pushed == 0);
}

TEST_CASE("spsc_ring: a visitor that throws has consumed its item, and no other", "[queue]") {
  spsc_ring<std::uint64_t> ring{8};
  for (std::uint64_t i = 0; i < 8; ++i) REQUIRE(ring.try_push(i));
  CHECK_THROWS_AS(ring.consume(8,
                               [](const std::uint64_t& each, line_tag) {
                                 if (each == 2) throw std::runtime_error{"third"};
                               }),
                  std::runtime_error);
  CHECK(ring.free_lines(8) == 3);
  std::uint64_t each = 0;
  REQUIRE(ring.try_pop(each));
  CHECK(each == 3);
}

TEST_CASE("spsc_ring: allocates once, in the constructor", "[queue]") {
  const std::size_t before = foxtrot_test::allocations();
  spsc_ring<item> ring{1024};
  const std::size_t made = foxtrot_test::allocations();
  CHECK(made - before == 1);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    if (!ring.try_push(item::of(i))) {
      ring.consume(1000, [&](const item& each, line_tag) { sum += each.number; });
    }
  }
  const std::size_t after = foxtrot_test::allocations();
  CHECK(after == made);
  CHECK(sum > 0);
}

TEST_CASE("spsc_ring: sides stand on lines of their own", "[queue]") {
  static_assert(alignof(spsc_ring<item>) == cache_line);
  static_assert(sizeof(spsc_ring<item>) == 4 * cache_line);  // what both read, and what one of them writes: three
  SUCCEED();
}

TEST_CASE("spsc_ring: two threads, every item once, whole and in order", "[queue][stress]") {
  for (const std::size_t capacity : {2U, 8U, 1024U}) {
    INFO(capacity);
    stress(capacity, repetitions(200'000), one_by_one);
    stress(capacity, repetitions(200'000), in_batches);
  }
}

TEST_CASE("spsc_ring: two threads for millions of items", "[queue][stress][soak]") {
  for (const std::size_t capacity : {2U, 8U, 1024U}) {
    INFO(capacity);
    stress(capacity, repetitions(1'000'000), one_by_one);
    stress(capacity, repetitions(1'000'000), in_batches);
  }
}
