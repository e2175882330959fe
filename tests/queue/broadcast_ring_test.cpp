#include <foxtrot/queue/broadcast_ring.hpp>

#include <foxtrot/queue/ends.hpp>

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
#include <set>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

using namespace foxtrot;
using detail::mark_of;
using detail::word_of;
using foxtrot_test::repetitions;

namespace {

constexpr std::uint64_t wrap = std::uint64_t{1} << detail::position_bits;

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

using ring_of_items = broadcast_ring<item>;
using reader = ring_of_items::reader;

line_tag tag_for(std::uint64_t number) { return {static_cast<std::uint32_t>(number * 31) & 0xffffff}; }

template <class Ring>
void publish(Ring& ring, std::uint64_t from, std::uint64_t to) {
  for (; from < to; ++from) ring.publish(item::of(from), tag_for(from));
}

/// A ring that has long been in use.
struct old_ring : ring_of_items {
  old_ring(std::size_t minimum, std::uint64_t position)
      : ring_of_items{minimum, *std::pmr::new_delete_resource(), position} {}
};

/// Remembers where the lines are, so that a test can set the scene of a producer that has stopped half way.
class known_memory : public std::pmr::memory_resource {
 public:
  [[nodiscard]] detail::line_view<detail::broadcast_line<item>> lines(std::size_t capacity) const {
    return {static_cast<detail::broadcast_line<item>*>(last_), capacity - 1};
  }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return last_ = std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* at, std::size_t bytes, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(at, bytes, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  void* last_{nullptr};
};

/// One look, checked: what is read is the event of the reader's position, whole, with its tag.
read_outcome look(reader& from) {
  const std::uint64_t position = from.position();
  const std::uint64_t lost = from.lost();
  item each{};
  line_tag tag;
  const read_outcome found = from.try_read(each, tag);
  if (found == read_outcome::read) {
    REQUIRE((each.number == position && each.whole() && tag == tag_for(position)));
    REQUIRE((from.position() == position + 1 && from.lost() == lost));
  } else {
    REQUIRE(each.number == 0);
    REQUIRE(from.lost() - lost == from.position() - position);
    REQUIRE((found == read_outcome::lapped ? from.position() > position : from.position() == position));
  }
  return found;
}

/// Reads `count` events, then finds nothing.
void check_reads(reader& from, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(look(from) == read_outcome::read);
  REQUIRE(look(from) == read_outcome::empty);
  REQUIRE(from.empty());
  REQUIRE(from.lag() == 0);
}

}  // namespace

TEST_CASE("broadcast_ring: capacity is a power of two, at least two", "[queue]") {
  CHECK(ring_of_items{0}.capacity() == 2);
  CHECK(ring_of_items{1}.capacity() == 2);
  CHECK(ring_of_items{3}.capacity() == 4);
  CHECK(ring_of_items{1000}.capacity() == 1024);
  CHECK(ring_of_items{1024}.capacity() == 1024);
}

TEST_CASE("broadcast_ring: layout", "[queue]") {
  using line = detail::broadcast_line<item>;
  static_assert(sizeof(line) == cache_line && alignof(line) == cache_line);
  static_assert(offsetof(line, payload) == sizeof(std::uint64_t));
  static_assert(detail::broadcast_line<char>::used == 1 && detail::broadcast_line<std::array<char, 9>>::used == 2);
  static_assert(line::used == 7);
  static_assert(alignof(ring_of_items) == cache_line && sizeof(ring_of_items) == 3 * cache_line);
  static_assert(std::is_trivially_copyable_v<reader> && sizeof(reader) <= cache_line);
  static_assert(!std::is_copy_constructible_v<ring_of_items>);
  static_assert(batch_consumer_end<reader>);
  CHECK(to_string(read_outcome::lapped) == "lapped");
}

TEST_CASE("broadcast_ring: the words of one line are told apart, and its mark from all of them", "[queue]") {
  static_assert(!detail::word_is_at(mark_of(5), 5) && detail::is_still_to_come(mark_of(5), 5));
  for (const std::uint64_t capacity : {2U, 4U, 8U, 64U, 1024U, 1U << 20}) {
    for (const std::uint64_t middle : {wrap / 2, wrap, wrap + wrap / 2, 5 * wrap}) {
      for (std::uint64_t position = middle - 3; position < middle + 3; ++position) {
        CHECK(detail::word_ahead_of(word_of(position, {0xffffff}), position) == 0);
        CHECK(detail::word_ahead_of(mark_of(position), position) == 1);
        for (std::uint64_t lap = 1; lap < 70; ++lap) {
          const std::uint64_t newer = position + lap * capacity;
          const std::uint64_t older = position - lap * capacity;
          for (const std::uint64_t other : {newer, older}) {
            // the same line, and neither its word nor its mark is taken for the event at `position`
            if (detail::line_index(other, capacity - 1) != detail::line_index(position, capacity - 1)) FAIL(other);
            if (detail::word_is_at(word_of(other, {7}), position)) FAIL(other);
            if (detail::word_is_at(mark_of(other), position)) FAIL(other);
          }
          if (detail::is_still_to_come(word_of(newer, {7}), position)) FAIL(newer);
          if (detail::is_still_to_come(mark_of(newer), position)) FAIL(newer);
          if (!detail::is_still_to_come(word_of(older, {7}), position)) FAIL(older);
          if (!detail::is_still_to_come(mark_of(older), position)) FAIL(older);
        }
      }
    }
  }
}

TEST_CASE("broadcast_ring: positions share a line only a multiple of the capacity apart", "[queue]") {
  for (std::size_t capacity = 2; capacity <= 4096; capacity *= 2) {
    for (const std::uint64_t from : {std::uint64_t{0}, wrap - capacity / 2, ~std::uint64_t{0} - capacity / 2}) {
      std::set<std::size_t> used;
      for (std::uint64_t i = 0; i < capacity; ++i) used.insert(detail::line_index(from + i, capacity - 1));
      CHECK(used.size() == capacity);
    }
  }
}

TEST_CASE("broadcast_ring: a fresh ring gives nothing", "[queue]") {
  const ring_of_items ring{4};
  reader each{ring};
  CHECK(ring.published() == 0);
  CHECK(each.position() == 0);
  for (std::uint64_t start = 0; start < 10; ++start) {
    reader later{ring, start};
    check_reads(later, 0);
  }
  item value{};
  CHECK_FALSE(each.try_pop(value));
  CHECK(each.consume(10, [](const item&, line_tag) {}) == 0);
}

TEST_CASE("broadcast_ring: in order, exactly its capacity, over many laps", "[queue]") {
  for (const std::size_t capacity : {2U, 8U, 64U, 1024U}) {
    INFO(capacity);
    ring_of_items ring{capacity};
    reader each{ring};
    std::uint64_t number = 0;
    for (std::size_t lap = 0; lap < 20; ++lap) {
      publish(ring, number, number + capacity);
      number += capacity;
      REQUIRE(ring.published() == number);
      REQUIRE(each.lag() == capacity);
      REQUIRE_FALSE(each.empty());
      check_reads(each, capacity);
    }
    CHECK(each.lost() == 0);
    CHECK(each.position() == number);
  }
}

TEST_CASE("broadcast_ring: who is lapped resumes half a ring before the head, with every loss counted", "[queue]") {
  for (const std::size_t capacity : {2U, 4U, 8U, 64U}) {
    for (const std::size_t behind : {std::size_t{1}, std::size_t{2}, capacity, 5 * capacity + 1, 100 * capacity}) {
      for (std::uint64_t start = 0; start < capacity + 2; ++start) {
        INFO(capacity << ' ' << behind << ' ' << start);
        ring_of_items ring{capacity};
        publish(ring, 0, start);
        reader each{ring};
        const std::uint64_t head = start + capacity + behind;
        publish(ring, start, head);
        REQUIRE(each.lag() == capacity + behind);
        REQUIRE_FALSE(each.empty());
        REQUIRE(look(each) == read_outcome::lapped);
        REQUIRE(each.position() == head - capacity / 2);
        REQUIRE(each.lost() == capacity / 2 + behind);
        check_reads(each, capacity / 2);
      }
    }
  }
}

TEST_CASE("broadcast_ring: readers join late, at any place, and go at their own speed", "[queue]") {
  ring_of_items ring{16};
  publish(ring, 0, 100);
  reader late{ring};
  CHECK(late.position() == 100);
  check_reads(late, 0);
  reader oldest{ring, 84};
  check_reads(oldest, 16);
  reader gone{ring, 83};
  CHECK(look(gone) == read_outcome::lapped);
  CHECK((gone.position() == 92 && gone.lost() == 9));
  reader first{ring, 0};
  CHECK(look(first) == read_outcome::lapped);
  CHECK((first.position() == 92 && first.lost() == 92));
  reader future{ring, 110};
  check_reads(future, 0);

  reader slow = late;
  reader copy{ring, 95};
  publish(ring, 100, 105);
  check_reads(late, 5);
  REQUIRE(look(slow) == read_outcome::read);
  reader twin = slow;
  check_reads(slow, 4);
  check_reads(twin, 4);
  check_reads(copy, 10);
  check_reads(future, 0);
  publish(ring, 105, 112);
  check_reads(future, 2);
  check_reads(late, 7);
  CHECK(late.lost() + slow.lost() + twin.lost() + copy.lost() + future.lost() == 0);
}

TEST_CASE("broadcast_ring: what is read and what is lost is what was published", "[queue]") {
  std::mt19937_64 random{7};
  for (const std::size_t capacity : {2U, 8U, 64U}) {
    ring_of_items ring{capacity};
    std::vector<reader> readers(4, reader{ring});
    std::vector<std::uint64_t> read(readers.size());
    for (std::size_t step = 0; step < 2000; ++step) {
      publish(ring, ring.published(), ring.published() + random() % (2 * capacity));
      for (std::size_t i = 0; i < readers.size(); ++i) {
        for (std::size_t looks = random() % (capacity * (i + 1)); looks != 0; --looks) {
          if (look(readers[i]) == read_outcome::read) ++read[i];
        }
        REQUIRE(read[i] + readers[i].lost() + readers[i].lag() == ring.published());
      }
    }
    CHECK(readers[0].lost() > 0);
  }
}

TEST_CASE("broadcast_ring: a producer that stops half way hides the old event and shows no new one", "[queue]") {
  for (const std::size_t capacity : {2U, 4U, 8U}) {
    for (std::uint64_t written = 0; written < 3 * capacity; ++written) {
      INFO(capacity << ' ' << written);
      known_memory memory;
      ring_of_items ring{capacity, memory};
      const auto lines = memory.lines(capacity);
      publish(ring, 0, written);
      const std::uint64_t oldest = written < capacity ? 0 : written - capacity;
      reader behind{ring, oldest};
      reader next{ring};
      // event number `written` is begun, over the oldest one, and four of its words are there
      lines[written].word.store(mark_of(written));
      const item begun = item::of(written);
      for (std::size_t i = 0; i < 4; ++i) lines[written].payload[i].store(i == 0 ? begun.number : begun.echo[i - 1]);

      check_reads(next, 0);
      if (written >= capacity) {
        REQUIRE(look(behind) == read_outcome::lapped);
        REQUIRE(behind.position() == written - capacity / 2);
        check_reads(behind, capacity / 2);
      } else {
        check_reads(behind, written);
      }
      // and ended
      publish(ring, written, written + 1);
      check_reads(next, 1);
      check_reads(behind, 1);
    }
  }
}

TEST_CASE("broadcast_ring: a copy is thrown away when the line's word has changed meanwhile", "[queue]") {
  detail::broadcast_line<item> line;
  line.fill(3, item::of(3), {5});
  item copy{};
  CHECK(line.copy_if(word_of(3, {5}), &copy));
  CHECK((copy.number == 3 && copy.whole()));
  copy = item{};
  CHECK_FALSE(line.copy_if(word_of(3, {6}), &copy));
  CHECK_FALSE(line.copy_if(word_of(3 - 2, {5}), &copy));
  line.word.store(mark_of(5));
  CHECK_FALSE(line.copy_if(word_of(3, {5}), &copy));
  line.fill(5, item::of(5), {5});
  CHECK_FALSE(line.copy_if(word_of(3, {5}), &copy));
  CHECK(copy.number == 0);
}

TEST_CASE("broadcast_ring: the 40 bits of a line's position may wrap", "[queue]") {
  for (const std::size_t capacity : {2U, 8U, 64U}) {
    for (const std::uint64_t middle : {wrap / 2, wrap, 7 * wrap}) {
      const std::uint64_t start = middle - capacity - 3;
      INFO(capacity << ' ' << start);
      old_ring ring{capacity, start};
      REQUIRE(ring.published() == start);
      reader follows{ring};
      reader stays{ring};
      check_reads(follows, 0);
      for (std::uint64_t number = start; number < middle + 3 * capacity; ++number) {
        reader next{ring, number + 1};
        reader far{ring, number + 100 * capacity};
        publish(ring, number, number + 1);
        check_reads(follows, 1);
        check_reads(next, 0);
        check_reads(far, 0);
        reader once = stays;
        const std::uint64_t published = number + 1 - start;
        REQUIRE(once.lag() == published);
        if (published <= capacity) {
          check_reads(once, published);
        } else {
          REQUIRE(look(once) == read_outcome::lapped);
          REQUIRE(once.lost() == published - capacity / 2);
          check_reads(once, capacity / 2);
        }
      }
      CHECK(follows.lost() == 0);
    }
  }
}

TEST_CASE("broadcast_ring: lapped by nearly as much as 40 bits can tell", "[queue]") {
  constexpr std::uint64_t limit = wrap / 2;
  old_ring ring{8, 3 * wrap};
  publish(ring, 3 * wrap, 3 * wrap + 20);
  reader each{ring, 3 * wrap + 20 - (limit - 8)};
  CHECK(look(each) == read_outcome::lapped);
  CHECK(each.lost() == limit - 8 - 4);
  check_reads(each, 4);
}

TEST_CASE("broadcast_ring: try_pop and consume go over losses", "[queue]") {
  ring_of_items ring{8};
  reader popping{ring};
  reader consuming{ring};
  publish(ring, 0, 20);
  item each{};
  REQUIRE(popping.try_pop(each));
  CHECK((each.number == 16 && each.whole()));
  CHECK((popping.lost() == 16 && popping.position() == 17));
  for (int i = 0; i < 3; ++i) REQUIRE(popping.try_pop(each));
  CHECK(each.number == 19);
  CHECK_FALSE(popping.try_pop(each));

  std::vector<std::uint64_t> seen;
  const auto visit = [&](const item& event, line_tag tag) {
    CHECK((event.whole() && tag == tag_for(event.number)));
    CHECK((consuming.position() == event.number + 1 && consuming.lost() == 16));
    seen.push_back(event.number);
  };
  CHECK(consuming.consume(0, visit) == 0);
  CHECK(consuming.lost() == 0);
  CHECK(consuming.consume(3, visit) == 3);
  CHECK(consuming.consume(100, visit) == 1);
  CHECK(consuming.consume(100, visit) == 0);
  CHECK(seen == std::vector<std::uint64_t>{16, 17, 18, 19});

  publish(ring, 20, 22);
  std::uint64_t sum = 0;
  CHECK(consuming.consume(100, [&](const item& event) { sum += event.number; }) == 2);
  CHECK(sum == 41);
}

TEST_CASE("broadcast_ring: a visitor that throws has consumed its event, and no other", "[queue]") {
  ring_of_items ring{8};
  reader each{ring};
  publish(ring, 0, 5);
  CHECK_THROWS_AS(each.consume(8,
                               [](const item& event, line_tag) {
                                 if (event.number == 2) throw std::runtime_error{"third"};
                               }),
                  std::runtime_error);
  check_reads(each, 2);
}

TEMPLATE_TEST_CASE("broadcast_ring: payloads of any size up to the line's", "[queue]", (std::array<std::uint8_t, 1>),
                   (std::array<std::uint8_t, 7>), (std::array<std::uint8_t, 9>), (std::array<std::uint64_t, 1>),
                   (std::array<std::uint64_t, 3>), (std::array<std::uint8_t, 55>), (std::array<std::uint8_t, 56>)) {
  const auto made = [](std::uint64_t number) {
    TestType each{};
    for (std::size_t i = 0; i < each.size(); ++i) {
      each[i] = static_cast<typename TestType::value_type>(number * 0x9e3779b97f4a7c15 >> (i % 50));
    }
    return each;
  };
  broadcast_ring<TestType> ring{8};
  typename broadcast_ring<TestType>::reader reader{ring};
  for (std::uint64_t number = 0; number < 100; ++number) {
    ring.publish(made(number), tag_for(number));
    struct {
      TestType value{};
      std::array<std::uint8_t, 8> guard{};
    } room;
    room.guard.fill(0xa5);
    line_tag tag;
    REQUIRE(reader.try_read(room.value, tag) == read_outcome::read);
    CHECK(room.value == made(number));
    CHECK(tag == tag_for(number));
    CHECK(std::all_of(room.guard.begin(), room.guard.end(), [](std::uint8_t byte) { return byte == 0xa5; }));
  }
}

TEST_CASE("broadcast_ring: allocates once, in the constructor, from the memory it was given", "[queue]") {
  const std::size_t before = foxtrot_test::allocations();
  {
    ring_of_items ring{1024};
    const std::size_t made = foxtrot_test::allocations();
    CHECK(made - before == 1);
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      ring.publish(item::of(i));
      reader each{ring, i};
      each.consume(2, [&](const item& event, line_tag) { sum += event.number; });
    }
    const std::size_t after = foxtrot_test::allocations();
    CHECK(after == made);
    CHECK(sum == 9'999U * 5'000U);
  }
  alignas(cache_line) std::array<std::byte, 8 * cache_line> buffer;
  std::pmr::monotonic_buffer_resource memory{buffer.data(), buffer.size(), std::pmr::null_memory_resource()};
  ring_of_items ring{8, memory};
  reader each{ring};
  publish(ring, 0, 8);
  check_reads(each, 8);
}

namespace {

/// What one reading thread has found. It counts faults instead of asserting: Catch2's macros are for one thread.
struct tally {
  std::uint64_t read{0};
  std::uint64_t lost{0};
  std::uint64_t faults{0};
};

/// Enters an event that `from` has just read.
void enter(tally& found, const reader& from, const item& event, line_tag tag) {
  ++found.read;
  if (event.number + 1 != from.position() || !event.whole() || tag != tag_for(event.number)) ++found.faults;
}

std::uint64_t read_one_way(tally& found, reader& from, unsigned way) {
  item event{};
  line_tag tag;
  switch (way % 3) {
    case 0:
      if (from.try_read(event, tag) != read_outcome::read) return 0;
      enter(found, from, event, tag);
      return 1;
    case 1:
      if (!from.try_pop(event)) return 0;
      enter(found, from, event, tag_for(event.number));
      return 1;
    default: return from.consume(17, [&](const item& each, line_tag its) { enter(found, from, each, its); });
  }
}

/// Reads up to a few events and checks that the cursor goes forward only, over those and over losses.
std::uint64_t read_some(tally& found, reader& from, unsigned way) {
  const std::uint64_t position = from.position();
  const std::uint64_t lost = from.lost();
  const std::uint64_t read = read_one_way(found, from, way);
  if (from.lost() < lost || from.position() - position != read + (from.lost() - lost)) ++found.faults;
  return read;
}

/// Joins and leaves, anywhere, until the producer is done; then sees the last events.
void come_and_go(const ring_of_items& ring, const std::atomic<bool>& done, unsigned seed, tally& found) {
  std::mt19937 random{seed};
  for (bool last = false; !last;) {
    last = done.load(std::memory_order_acquire);
    reader each{ring};
    if (const std::uint64_t back = random() % (2 * ring.capacity()) + 1; last || random() % 2 == 0) {
      each = reader{ring, each.position() - std::min(each.position(), back)};
    }
    const std::uint64_t start = each.position();
    const std::uint64_t read_before = found.read;
    const auto way = static_cast<unsigned>(random());
    for (std::size_t looks = random() % 3000; looks != 0; --looks) {
      if (read_some(found, each, way) == 0 && looks % 64 == 0) std::this_thread::yield();
    }
    if (last) {
      while (!each.empty()) read_some(found, each, way);
      if (each.position() != ring.published() || each.lag() != 0) ++found.faults;
    }
    if (found.read - read_before + each.lost() != each.position() - start) ++found.faults;
    found.lost += each.lost();
  }
}

void stress(std::size_t capacity, std::size_t readers, std::uint64_t count) {
  INFO(capacity << " lines, " << readers << " readers");
  ring_of_items ring{capacity};
  std::atomic<bool> done{false};
  std::latch all_here{static_cast<std::ptrdiff_t>(readers) + 1};
  std::vector<tally> found(readers);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < readers; ++i) {
    threads.emplace_back([&, i] {
      all_here.arrive_and_wait();
      come_and_go(ring, done, static_cast<unsigned>(i), found[i]);
    });
  }
  all_here.arrive_and_wait();
  std::mt19937_64 random{capacity};
  for (std::uint64_t number = 0; number < count;) {
    const std::uint64_t burst = std::min(count - number, random() % (4 * capacity) + 1);
    publish(ring, number, number + burst);
    number += burst;
    if (random() % 8 == 0) std::this_thread::yield();
  }
  done.store(true, std::memory_order_release);
  threads.clear();
  CHECK(ring.published() == count);
  for (const tally& each : found) {
    CHECK(each.faults == 0);
    CHECK(each.read > 0);
  }
}

/// The producer keeps within reach of the readers that report their progress; `paused` looks once in a while.
void paced(std::size_t capacity, std::size_t fast, std::uint64_t count) {
  INFO(capacity << " lines, " << fast << " fast readers");
  struct alignas(cache_line) progress {
    std::atomic<std::uint64_t> position{0};
  };
  ring_of_items ring{capacity};
  std::vector<progress> at(fast);
  std::vector<tally> found(fast);
  tally found_paused;
  reader paused{ring};
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < fast; ++i) {
      threads.emplace_back([&, i] {
        reader each{ring, 0};
        for (unsigned turns = 0; each.position() < count && found[i].faults == 0;) {
          if (read_some(found[i], each, static_cast<unsigned>(i)) == 0 && ++turns % 64 == 0) std::this_thread::yield();
          at[i].position.store(each.position(), std::memory_order_release);
        }
        found[i].lost = each.lost();
        at[i].position.store(count, std::memory_order_release);
      });
    }
    for (std::uint64_t number = 0; number < count; ++number) {
      for (const progress& each : at) {
        for (unsigned turns = 0; number - each.position.load(std::memory_order_acquire) + 1 > capacity &&
                                 each.position.load(std::memory_order_acquire) <= number;) {
          if (++turns % 64 == 0) std::this_thread::yield();
        }
      }
      publish(ring, number, number + 1);
      if (number % (3 * capacity) == 0) read_some(found_paused, paused, 0);
    }
  }
  for (const tally& each : found) {
    CHECK(each.faults == 0);
    CHECK(each.lost == 0);
    CHECK(each.read == count);
  }
  while (!paused.empty()) read_some(found_paused, paused, 0);
  CHECK(found_paused.faults == 0);
  CHECK(paused.lost() > 0);
  CHECK(found_paused.read + paused.lost() == count);
}

}  // namespace

TEST_CASE("broadcast_ring: readers come and go while the producer runs", "[queue][stress]") {
  for (const std::size_t capacity : {2U, 8U, 1024U}) {
    for (const std::size_t readers : {1U, 2U, 3U}) stress(capacity, readers, repetitions(500'000));
  }
}

TEST_CASE("broadcast_ring: a paused reader does not disturb the others", "[queue][stress]") {
  for (const std::size_t capacity : {2U, 8U, 1024U}) {
    for (const std::size_t fast : {1U, 2U}) paced(capacity, fast, repetitions(capacity < 1024 ? 40'000 : 200'000));
  }
}

TEST_CASE("broadcast_ring: millions of events", "[queue][stress][soak]") {
  for (const std::size_t capacity : {2U, 8U, 1024U}) {
    for (const std::size_t readers : {1U, 2U, 3U}) stress(capacity, readers, repetitions(5'000'000));
  }
}
