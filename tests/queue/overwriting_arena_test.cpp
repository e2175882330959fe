#include <foxtrot/queue/overwriting_arena.hpp>

#include <foxtrot/queue/broadcast_ring.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory_resource>
#include <random>
#include <span>
#include <thread>
#include <type_traits>
#include <vector>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

/// An element of more than one word that shows when it is of another body or at another place.
struct level {
  std::uint64_t price;
  std::uint64_t quantity;
  friend bool operator==(const level&, const level&) = default;
};
using arena = overwriting_arena<level>;

level level_of(std::uint64_t seed, std::size_t index) {
  return {seed * 0x9e3779b97f4a7c15 + index, ~seed * 31 + index};
}

struct body {
  std::uint64_t position;
  std::size_t count;
  std::uint64_t seed;
};

/// Bodies are built and copied in the caller's memory.
struct room {
  std::vector<level> levels = std::vector<level>(2048);

  body put(arena& store, std::size_t count, std::uint64_t seed) {
    for (std::size_t i = 0; i < count; ++i) levels[i] = level_of(seed, i);
    return {store.publish({levels.data(), count}), count, seed};
  }
  bool copied(const arena& store, const body& named) {
    std::fill_n(levels.begin(), std::min(named.count, levels.size() - 1) + 1, level{1, 2});
    return store.try_copy(named.position, named.count, levels.data());
  }
  /// Nothing else has been written to, and what was is the body.
  [[nodiscard]] bool is(const body& named) const {
    for (std::size_t i = 0; i < named.count; ++i) {
      if (levels[i] != level_of(named.seed, i)) return false;
    }
    return named.count == levels.size() || levels[named.count] == level{1, 2};
  }
};

}  // namespace

TEST_CASE("overwriting_arena: capacity is a power of two, at least two", "[queue]") {
  CHECK(arena{0}.capacity() == 2);
  CHECK(arena{2}.capacity() == 2);
  CHECK(arena{5}.capacity() == 8);
  CHECK(arena{1024}.capacity() == 1024);
}

TEST_CASE("overwriting_arena: layout", "[queue]") {
  static_assert(alignof(arena) == cache_line && sizeof(arena) == 3 * cache_line);
  static_assert(!std::is_copy_constructible_v<arena>);
  static_assert(requires { typename overwriting_arena<std::array<std::uint8_t, 8>>; });
  static_assert(![]<class T>(T) { return requires { typename overwriting_arena<T>; }; }(std::uint32_t{}));
  SUCCEED();
}

TEST_CASE("overwriting_arena: a body is named by the count of elements before it", "[queue]") {
  arena store{8};
  room here;
  const body first = here.put(store, 3, 1);
  const body second = here.put(store, 4, 2);
  const body third = here.put(store, 2, 3);  // 1 is left at the end: it begins at the front, and skips it
  CHECK(first.position == 0);
  CHECK(second.position == 3);
  CHECK(third.position == 8);
  CHECK_FALSE(here.copied(store, first));
  CHECK((here.copied(store, second) && here.is(second)));
  CHECK((here.copied(store, third) && here.is(third)));
}

TEST_CASE("overwriting_arena: keeps exactly its capacity", "[queue]") {
  for (const std::size_t capacity : {2U, 4U, 64U}) {
    for (std::size_t count = 1; count <= capacity; count *= 2) {
      arena store{capacity};
      room here;
      std::vector<body> all;
      for (std::uint64_t seed = 0; seed < 5 * capacity; ++seed) {
        all.push_back(here.put(store, count, seed));
        REQUIRE(all.back().position == seed * count);
        for (std::size_t age = 0; age < std::min(all.size(), capacity + 3); ++age) {
          const body& each = all[all.size() - 1 - age];
          const bool held = here.copied(store, each);
          REQUIRE(held == (age < capacity / count));
          if (held) REQUIRE(here.is(each));
        }
      }
    }
  }
}

TEST_CASE("overwriting_arena: a body that is partly overwritten is gone", "[queue]") {
  arena store{8};
  room here;
  const body first = here.put(store, 8, 1);
  CHECK((here.copied(store, first) && here.is(first)));
  here.put(store, 1, 2);
  CHECK_FALSE(here.copied(store, first));
  // its end alone still stands, and is what it was
  CHECK(store.try_copy(first.position + 1, 7, here.levels.data()));
  CHECK(here.levels[6] == level_of(1, 7));
}

TEST_CASE("overwriting_arena: refuses what is longer than the store, and keeps what there is", "[queue]") {
  arena store{8};
  room here;
  const body first = here.put(store, 8, 1);
  const body longer = here.put(store, 9, 2);
  CHECK(longer.position == arena::refused);
  CHECK((here.copied(store, first) && here.is(first)));
  for (const std::size_t count : {0U, 1U, 8U, 9U}) CHECK_FALSE(here.copied(store, {arena::refused, count, 2}));
  CHECK(here.put(store, 1, 3).position == 8);
}

TEST_CASE("overwriting_arena: names that no body has are not followed", "[queue]") {
  arena store{8};
  room here;
  CHECK_FALSE(here.copied(store, {0, 1, 0}));
  CHECK_FALSE(here.copied(store, {1, 0, 0}));
  here.put(store, 6, 1);
  here.put(store, 1, 2);
  CHECK_FALSE(here.copied(store, {5, 3, 0}));                      // not all of it published
  CHECK_FALSE(here.copied(store, {7, ~std::size_t{0} - 6, 0}));    // a count that wraps
  CHECK_FALSE(here.copied(store, {~std::uint64_t{0} - 1, 3, 0}));  // a position that wraps
  here.put(store, 4, 3);
  CHECK_FALSE(here.copied(store, {6, 4, 0}));  // over the end of the store
}

TEST_CASE("overwriting_arena: an empty body has a place too", "[queue]") {
  arena store{4};
  room here;
  const body nothing = here.put(store, 0, 1);
  CHECK((nothing.position == 0 && here.copied(store, nothing) && here.is(nothing)));
  const body some = here.put(store, 4, 2);
  const body end = here.put(store, 0, 3);
  CHECK(end.position == 4);
  CHECK((here.copied(store, some) && here.is(some)));
  CHECK((here.copied(store, end) && here.is(end)));
  here.put(store, 1, 4);
  CHECK_FALSE(here.copied(store, nothing));
}

TEST_CASE("overwriting_arena: random bodies, each whole for as long as it is held", "[queue]") {
  std::mt19937_64 random{42};
  for (const std::size_t capacity : {2U, 8U, 64U, 1024U}) {
    arena store{capacity};
    room here;
    std::vector<body> all;
    for (std::size_t step = 0; step < repetitions(20'000); ++step) {
      all.push_back(here.put(store, random() % (step % 5 == 0 ? capacity : capacity / 4 + 1) + 1, step));
      const body newest = all.back();
      if (!here.copied(store, newest) || !here.is(newest)) FAIL("the newest is always there");
      const body some = all[all.size() - 1 - random() % std::min<std::size_t>(all.size(), 12)];
      const bool held = here.copied(store, some);
      const std::uint64_t end = newest.position + newest.count;
      if (held != (end - some.position <= capacity)) FAIL("held for another time than promised");
      if (held && !here.is(some)) FAIL("damaged");
    }
  }
}

TEST_CASE("overwriting_arena: allocates once, in the constructor, from the memory it was given", "[queue]") {
  room here;
  const std::size_t before = foxtrot_test::allocations();
  {
    arena store{1024};
    const std::size_t made = foxtrot_test::allocations();
    CHECK(made - before == 1);
    for (std::uint64_t i = 0; i < 1000; ++i) {
      const body each = here.put(store, i % 1024 + 1, i);
      if (!here.copied(store, each)) FAIL(i);
    }
    const std::size_t after = foxtrot_test::allocations();
    CHECK(after == made);
  }
  alignas(cache_line) std::array<std::byte, 8 * sizeof(level)> buffer;
  std::pmr::monotonic_buffer_resource memory{buffer.data(), buffer.size(), std::pmr::null_memory_resource()};
  arena store{8, memory};
  const body each = here.put(store, 8, 1);
  CHECK((here.copied(store, each) && here.is(each)));
}

namespace {

/// What one reading thread has found. It counts faults instead of asserting: Catch2's macros are for one thread.
struct tally {
  std::uint64_t whole{0};
  std::uint64_t overtaken{0};
  std::uint64_t faults{0};
};

/// Bodies of random length in the arena, named by records of the ring; the readers copy what they can.
void stress(std::size_t lines, std::size_t capacity, std::size_t readers, std::uint64_t count) {
  INFO(lines << " lines, " << capacity << " elements, " << readers << " readers");
  broadcast_ring<body> ring{lines};
  arena store{capacity};
  std::atomic<bool> done{false};
  std::latch all_here{static_cast<std::ptrdiff_t>(readers) + 1};
  std::vector<tally> found(readers);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < readers; ++i) {
    threads.emplace_back([&, i] {
      room here;
      broadcast_ring<body>::reader records{ring};
      all_here.arrive_and_wait();
      unsigned turns = 0;
      for (;;) {
        const bool last = done.load(std::memory_order_acquire);
        body named{};
        if (records.try_pop(named)) {
          if (!here.copied(store, named)) {
            ++found[i].overtaken;
          } else if (here.is(named)) {
            ++found[i].whole;
          } else {
            ++found[i].faults;
          }
        } else if (last) {
          break;
        } else if (++turns % 64 == 0) {
          std::this_thread::yield();
        }
      }
      if (found[i].whole + found[i].overtaken + records.lost() != ring.published()) ++found[i].faults;
    });
  }
  all_here.arrive_and_wait();
  std::mt19937_64 random{capacity};
  room here;
  for (std::uint64_t number = 0; number < count; ++number) {
    ring.publish(here.put(store, random() % std::min<std::size_t>(capacity, 40) + 1, number));
    if (random() % 64 == 0) std::this_thread::yield();
  }
  done.store(true, std::memory_order_release);
  threads.clear();
  for (const tally& each : found) {
    CHECK(each.faults == 0);
    CHECK(each.whole > 0);  // the newest is there when the producer has ended
  }
}

}  // namespace

TEST_CASE("overwriting_arena: every body that is copied is whole", "[queue][stress]") {
  for (const std::size_t readers : {1U, 2U}) {
    stress(64, 8, readers, repetitions(100'000));
    stress(64, 256, readers, repetitions(100'000));
    stress(1024, 1024, readers, repetitions(100'000));
  }
}
