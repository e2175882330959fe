#include <foxtrot/queue/payload_arena.hpp>

#include <foxtrot/queue/spsc_ring.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <thread>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

using arena = payload_arena<std::uint64_t>;

struct body {
  std::uint64_t position;
  std::size_t count;
  std::uint64_t seed;
};

void fill(std::span<std::uint64_t> room, std::uint64_t seed) {
  for (std::size_t i = 0; i < room.size(); ++i) room[i] = seed * 1'000'003 + i;
}
bool filled(std::span<const std::uint64_t> room, std::uint64_t seed) {
  for (std::size_t i = 0; i < room.size(); ++i) {
    if (room[i] != seed * 1'000'003 + i) return false;
  }
  return true;
}

/// Claims, fills and commits; a count of 0 where there was no room.
body put(arena& store, std::size_t count, std::uint64_t seed) {
  const auto room = store.try_claim(count);
  if (room.elements.empty()) return {0, 0, 0};
  fill(room.elements, seed);
  store.commit(room, count);
  return {room.position, count, seed};
}

}  // namespace

TEST_CASE("payload_arena: capacity is a power of two, at least two", "[queue]") {
  CHECK(arena{0}.capacity() == 2);
  CHECK(arena{2}.capacity() == 2);
  CHECK(arena{5}.capacity() == 8);
  CHECK(arena{1024}.capacity() == 1024);
}

TEST_CASE("payload_arena: claims what fits and nothing else", "[queue]") {
  arena store{8};
  CHECK(store.try_claim(0).elements.empty());
  CHECK(store.try_claim(9).elements.empty());
  CHECK(store.try_claim(8).elements.size() == 8);
  const body first = put(store, 5, 1);
  CHECK(first.count == 5);
  CHECK(store.try_claim(4).elements.empty());
  const body second = put(store, 3, 2);
  CHECK(second.count == 3);
  CHECK(store.try_claim(1).elements.empty());
  CHECK(filled(store.view(first.position, 5), 1));
  CHECK(filled(store.view(second.position, 3), 2));
}

TEST_CASE("payload_arena: an abandoned claim takes nothing, a short commit only what it keeps", "[queue]") {
  arena store{8};
  const auto abandoned = store.try_claim(8);
  const auto again = store.try_claim(8);
  CHECK(again.position == abandoned.position);
  CHECK(again.elements.data() == abandoned.elements.data());
  store.commit(again, 3);
  const auto next = store.try_claim(5);
  REQUIRE(next.elements.size() == 5);
  CHECK(next.position == again.position + 3);
}

TEST_CASE("payload_arena: a body is never split at the end of the store", "[queue]") {
  arena store{8};
  const body first = put(store, 6, 1);
  store.release(first.position, first.count);
  const body second = put(store, 4, 2);  // 2 are left at the end: it begins at the front
  REQUIRE(second.count == 4);
  CHECK(second.position == 8);
  CHECK(filled(store.view(second.position, 4), 2));
  CHECK(store.view(second.position, 4).data() == store.view(0, 1).data());
}

TEST_CASE("payload_arena: an empty store has room for the longest body, wherever it stands", "[queue]") {
  for (std::size_t offset = 0; offset < 8; ++offset) {
    arena store{8};
    if (offset != 0) {
      const body before = put(store, offset, 9);
      store.release(before.position, before.count);
    }
    INFO(offset);
    const body longest = put(store, 8, 1);
    REQUIRE(longest.count == 8);
    CHECK(filled(store.view(longest.position, 8), 1));
    CHECK(store.try_claim(1).elements.empty());
    store.release(longest.position, longest.count);
    const body next = put(store, 8, 2);
    CHECK(next.count == 8);
  }
}

TEST_CASE("payload_arena: the skipped tail counts as taken while something is alive", "[queue]") {
  arena store{8};
  const body first = put(store, 3, 1);
  const body second = put(store, 3, 2);
  store.release(first.position, first.count);
  // second is alive at 3..5; 4 would need the 2 at the end skipped and 4 at the front, where only 3 are free
  CHECK(store.try_claim(4).elements.empty());
  const body third = put(store, 3, 3);
  REQUIRE(third.count == 3);
  CHECK(third.position == 8);
  CHECK(filled(store.view(second.position, 3), 2));
  CHECK(filled(store.view(third.position, 3), 3));
  CHECK(store.try_claim(1).elements.empty());
}

TEST_CASE("payload_arena: random bodies never overlap and always come back", "[queue]") {
  std::mt19937_64 random{42};
  for (const std::size_t capacity : {2U, 8U, 64U, 1024U}) {
    INFO(capacity);
    arena store{capacity};
    std::deque<body> alive;
    std::uint64_t seed = 0;
    std::size_t put_count = 0;
    for (std::size_t step = 0; step < repetitions(50'000); ++step) {
      const std::size_t count = random() % (step % 5 == 0 ? capacity : capacity / 2 + 1) + 1;
      const auto room = store.try_claim(count);
      if (!room.elements.empty()) {
        // contiguous, inside, and apart from everything alive
        const auto* front = store.view(0, 1).data();
        if (room.elements.data() < front || room.elements.data() + count > front + capacity) FAIL("outside");
        for (const body& other : alive) {
          const auto* begin = store.view(other.position, other.count).data();
          if (room.elements.data() < begin + other.count && begin < room.elements.data() + count) FAIL("overlap");
        }
        if (random() % 8 != 0) {  // else abandoned
          const std::size_t kept = random() % count + 1;
          fill(room.elements.first(kept), ++seed);
          store.commit(room, kept);
          alive.push_back({room.position, kept, seed});
          ++put_count;
        }
      } else if (alive.empty()) {
        FAIL("an empty store refuses " << count << " of " << capacity);
      }
      while (!alive.empty() && random() % 3 != 0) {
        const body oldest = alive.front();
        if (!filled(store.view(oldest.position, oldest.count), oldest.seed)) FAIL("damaged");
        store.release(oldest.position, oldest.count);
        alive.pop_front();
      }
    }
    CHECK(put_count > repetitions(10'000));
  }
}

TEST_CASE("payload_arena: two threads, every body whole", "[queue][stress]") {
  for (const std::size_t capacity : {8U, 1024U}) {
    arena store{capacity};
    spsc_ring<body> ring{64};
    const std::uint64_t count = repetitions(100'000);
    std::jthread producer{[&] {
      std::mt19937_64 random{capacity};
      std::size_t turns = 0;
      for (std::uint64_t number = 0; number < count;) {
        const std::size_t length = random() % std::min<std::size_t>(capacity, 40) + 1;
        body made{};
        while (made.count == 0 || !ring.try_push(made)) {
          if (made.count == 0) made = put(store, length, number);
          if (++turns % 64 == 0) std::this_thread::yield();
        }
        ++number;
      }
    }};
    std::uint64_t faults = 0;
    std::size_t turns = 0;
    for (std::uint64_t number = 0; number < count;) {
      body next{};
      if (!ring.try_pop(next)) {
        if (++turns % 64 == 0) std::this_thread::yield();
        continue;
      }
      if (next.seed != number || !filled(store.view(next.position, next.count), number)) ++faults;
      store.release(next.position, next.count);
      ++number;
    }
    producer.join();
    CHECK(faults == 0);
  }
}

TEST_CASE("payload_arena: allocates once, in the constructor", "[queue]") {
  arena store{1024};
  const std::size_t before = foxtrot_test::allocations();
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const body each = put(store, i % 1024 + 1, i);
    store.release(each.position, each.count);
  }
  const std::size_t after = foxtrot_test::allocations();
  CHECK(after == before);
}
