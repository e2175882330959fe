#include <foxtrot/queue/conflating_table.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace foxtrot;
using foxtrot_test::bound;
using foxtrot_test::repetitions;

namespace {

constexpr std::size_t all = ~std::size_t{0};

/// A record of any size that shows when part of it is of another record.
template <std::size_t Bytes>
struct record {
  std::array<unsigned char, Bytes> bytes;

  static record of(std::uint64_t number) {
    record made{};
    for (std::size_t i = 0; i < Bytes; ++i) made.bytes[i] = byte_of(number, i);
    return made;
  }
  [[nodiscard]] bool is(std::uint64_t number, std::size_t prefix = Bytes) const {
    for (std::size_t i = 0; i < prefix; ++i) {
      if (bytes[i] != byte_of(number, i)) return false;
    }
    return true;
  }
  static unsigned char byte_of(std::uint64_t number, std::size_t i) {
    return static_cast<unsigned char>(((number + i / 8) * 0x9e3779b97f4a7c15) >> (i % 8 * 8));
  }
};

line_tag tag_for(std::uint64_t number) { return {static_cast<std::uint32_t>(number * 31) & 0xffffff}; }

template <class T>
std::vector<std::size_t> keys_of(conflating_table<T>& table, std::size_t max = all) {
  std::vector<std::size_t> seen;
  table.consume(max, [&](std::size_t key, const T&, std::uint64_t, line_tag) { seen.push_back(key); });
  return seen;
}

using list = std::vector<std::size_t>;

}  // namespace

TEMPLATE_TEST_CASE_SIG("conflating_table: any size of record comes back whole", "[queue]", ((std::size_t Bytes), Bytes),
                       1, 8, 24, 56, 57, 700) {
  using item = record<Bytes>;
  conflating_table<item> table{5};
  CHECK(table.keys() == 5);
  item out = item::of(99);
  std::uint64_t position = 7;
  line_tag tag{8};
  CHECK_FALSE(table.try_load(3, out, position, tag));
  CHECK((out.is(99) && position == 7 && tag == line_tag{8}));

  table.store(3, item::of(1), 10, tag_for(1));
  table.store(3, item::of(2), 20, tag_for(2));
  REQUIRE(table.try_load(3, out, position, tag));
  CHECK((out.is(2) && position == 20 && tag == tag_for(2)));
  CHECK_FALSE(table.try_load(2, out, position, tag));
  CHECK_FALSE(table.try_load(4, out, position, tag));

  int visits = 0;
  CHECK(table.consume(all, [&](std::size_t key, const item& value, std::uint64_t at, line_tag with) {
    ++visits;
    CHECK((key == 3 && value.is(2) && at == 20 && with == tag_for(2)));
  }) == 1);
  CHECK(visits == 1);
  CHECK_FALSE(table.any_dirty());
  CHECK(keys_of(table).empty());
  CHECK(table.try_load(3, out, position, tag));  // still the latest
}

TEST_CASE("conflating_table: an entry of up to 56 bytes is one line", "[queue]") {
  struct resource : std::pmr::memory_resource {
    std::size_t most = 0;
    std::size_t alignment = 0;
    void* do_allocate(std::size_t bytes, std::size_t align) override {
      if (bytes > most) {
        most = bytes;
        alignment = align;
      }
      return std::pmr::new_delete_resource()->allocate(bytes, align);
    }
    void do_deallocate(void* block, std::size_t bytes, std::size_t align) override {
      std::pmr::new_delete_resource()->deallocate(block, bytes, align);
    }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
  };
  resource lines;
  const conflating_table<record<56>> table{1000, lines};
  CHECK((lines.most == 1000 * cache_line && lines.alignment == cache_line));
  resource two_lines;
  const conflating_table<record<57>> larger{1000, two_lines};
  CHECK(two_lines.most == 2000 * cache_line);
}

TEST_CASE("conflating_table: positions and tags come back exactly, whatever the bits", "[queue]") {
  for (const std::uint64_t position :
       {std::uint64_t{0}, std::uint64_t{1}, (std::uint64_t{1} << 39) - 1, std::uint64_t{1} << 39,
        (std::uint64_t{1} << 40) - 1, std::uint64_t{1} << 40, std::uint64_t{1} << 63, ~std::uint64_t{0} - 1}) {
    for (const std::uint32_t bits : {0U, 1U, 0xffffffU}) {
      conflating_table<std::uint64_t> table{1};
      table.store(0, 42, position, {bits});
      std::uint64_t out = 0;
      std::uint64_t at = 5;
      line_tag tag{9};
      REQUIRE(table.try_load(0, out, at, tag));
      CHECK((out == 42 && at == position && tag == line_tag{bits}));
      CHECK(table.consume(all, [&](std::size_t, const std::uint64_t& value, std::uint64_t seen_at, line_tag with) {
        CHECK((value == 42 && seen_at == position && with == line_tag{bits}));
      }) == 1);
    }
  }
  // far apart: nothing is inferred from other records
  conflating_table<std::uint64_t> table{2};
  table.store(0, 1, 3);
  table.store(1, 2, std::uint64_t{3} + (std::uint64_t{5} << 40));
  std::vector<std::uint64_t> seen;
  table.consume(all, [&](std::size_t, const std::uint64_t&, std::uint64_t at, line_tag) { seen.push_back(at); });
  CHECK(seen == std::vector<std::uint64_t>{3, 3 + (std::uint64_t{5} << 40)});
}

TEST_CASE("conflating_table: a prefix is stored, and no byte beyond it is read", "[queue]") {
  using item = record<700>;
  conflating_table<item> table{1};
  item out{};
  std::uint64_t position = 0;
  line_tag tag;
  table.store(0, item::of(1), 1);
  std::uint64_t number = 2;
  for (const std::size_t bytes : {0U, 1U, 7U, 8U, 9U, 57U, 699U, 700U, 5000U}) {
    table.store_prefix(0, item::of(number), bytes, number);
    REQUIRE(table.try_load(0, out, position, tag));
    CHECK(out.is(number, std::min<std::size_t>(bytes, sizeof(item))));
    CHECK(position == number);
    ++number;
  }
}

TEST_CASE("conflating_table: keys come up in order, each once with its latest record", "[queue]") {
  conflating_table<std::uint64_t> table{10'000};
  CHECK_FALSE(table.any_dirty());
  std::uint64_t position = 0;
  const list stored{9'999, 4'096, 4'095, 64, 63, 0, 5'000, 64, 0};
  for (const std::size_t key : stored) {
    ++position;
    table.store(key, position, position);
    CHECK(table.any_dirty());
  }
  list seen;
  CHECK(table.consume(all, [&](std::size_t key, const std::uint64_t& value, std::uint64_t at, line_tag) {
    seen.push_back(key);
    CHECK(value == at);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      if (stored[i] == key) CHECK(i + 1 <= value);
    }
  }) == 7);
  CHECK(seen == list{0, 63, 64, 4'095, 4'096, 5'000, 9'999});
  CHECK_FALSE(table.any_dirty());
}

TEST_CASE("conflating_table: begins where the last call left off", "[queue]") {
  for (const std::size_t keys : {5U, 64U, 65U, 200U, 4'096U, 4'097U, 9'000U}) {
    conflating_table<std::uint64_t> table{keys};
    std::uint64_t position = 0;
    const auto store_all = [&] {
      for (std::size_t key = 0; key < keys; ++key, ++position) table.store(key, position, position);
    };
    store_all();
    std::size_t expected = 0;
    // steps of 3 while every key is dirty again each time: each key has its turn
    for (std::size_t step = 0; step < 2 * keys && step < 1000; ++step) {
      list wanted;
      for (std::size_t i = 0; i < 3; ++i, expected = (expected + 1) % keys) wanted.push_back(expected);
      REQUIRE(keys_of(table, 3) == wanted);
      for (const std::size_t key : wanted) table.store(key, position, position), ++position;
      REQUIRE(table.any_dirty());
    }
    const list rest = keys_of(table);
    CHECK(rest.size() == keys);
    CHECK(rest.front() == expected);
    CHECK_FALSE(table.any_dirty());
    CHECK(table.consume(0, [](std::size_t, const std::uint64_t&, std::uint64_t, line_tag) {}) == 0);
  }
}

TEST_CASE("conflating_table: a key that its visit makes dirty again waits for the next call", "[queue]") {
  conflating_table<std::uint64_t> table{100};
  std::uint64_t position = 1;
  table.store(1, 0, position);
  table.store(70, 0, position);
  const auto again = [&](std::size_t key, const std::uint64_t&, std::uint64_t, line_tag) {
    table.store(key, 0, ++position);
  };
  for (int call = 0; call < 5; ++call) CHECK(table.consume(all, again) == 2);
  CHECK(keys_of(table) == list{1, 70});
}

TEST_CASE("conflating_table: no record is shown twice", "[queue]") {
  conflating_table<std::uint64_t> table{100};
  table.store(1, 10, 1);
  table.store(2, 20, 2);
  table.store(3, 30, 3);
  // key 2 is stored again after its bit was taken and before it is shown
  std::vector<std::uint64_t> seen;
  const auto note = [&](std::size_t key, const std::uint64_t& value, std::uint64_t, line_tag) {
    if (key == 1 && value == 10) table.store(2, 21, 4);
    seen.push_back(value);
  };
  CHECK(table.consume(all, note) == 3);
  CHECK(seen == std::vector<std::uint64_t>{10, 21, 30});
  CHECK(table.any_dirty());
  CHECK(table.consume(all, note) == 0);
  CHECK_FALSE(table.any_dirty());
}

TEST_CASE("conflating_table: what a visitor declines stays dirty and is not counted", "[queue]") {
  conflating_table<std::uint64_t> table{300};
  for (std::size_t key = 0; key < 300; ++key) table.store(key, key, key);
  const auto odd = [](std::size_t key, const std::uint64_t&, std::uint64_t, line_tag) { return key % 2 == 1; };
  CHECK(table.consume(10, odd) == 10);
  CHECK(table.consume(all, odd) == 140);
  CHECK(table.consume(all, odd) == 0);
  CHECK(table.any_dirty());
  table.store(4, 99, 1000);  // declined, and overwritten since
  std::size_t found = 0;
  CHECK(table.consume(all, [&](std::size_t key, const std::uint64_t& value, std::uint64_t, line_tag) {
    CHECK(key % 2 == 0);
    CHECK(value == (key == 4 ? 99 : key));
    ++found;
  }) == 150);
  CHECK(found == 150);
  CHECK_FALSE(table.any_dirty());
}

TEST_CASE("conflating_table: a visitor that throws has consumed its record, and no other", "[queue]") {
  conflating_table<std::uint64_t> table{5'000};
  const list stored{3, 70, 71, 72, 4'500};
  for (const std::size_t key : stored) table.store(key, key, 1);
  CHECK_THROWS_AS(table.consume(all,
                                [](std::size_t key, const std::uint64_t&, std::uint64_t, line_tag) {
                                  if (key == 71) throw std::runtime_error{"third"};
                                }),
                  std::runtime_error);
  CHECK(table.any_dirty());
  table.store(1, 1, 2);
  CHECK(keys_of(table) == list{72, 4'500, 1});
  CHECK_FALSE(table.any_dirty());
}

TEST_CASE("conflating_table: no keys at all", "[queue]") {
  conflating_table<std::uint64_t> table{0};
  CHECK(table.keys() == 0);
  CHECK_FALSE(table.any_dirty());
  CHECK(keys_of(table).empty());
}

TEST_CASE("conflating_table: allocates in the constructor only", "[queue]") {
  conflating_table<record<700>> table{500};
  const auto item = record<700>::of(1);
  const std::size_t made = foxtrot_test::allocations();
  std::size_t seen = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    table.store(i * 7 % 500, item, i);
    if (i % 100 == 0) {
      seen += table.consume(all, [](std::size_t, const record<700>&, std::uint64_t, line_tag) {});
    }
  }
  const std::size_t after = foxtrot_test::allocations();
  CHECK(after == made);
  CHECK(seen > 0);
}

namespace {

/// What one reader has seen of each key; it keeps count of faults instead of asserting in the loop.
template <class Item>
struct ledger {
  explicit ledger(std::size_t keys) : latest(keys) {}
  std::vector<std::uint64_t> latest;  // positions begin at 1
  std::uint64_t faults{0};
  void enter(std::size_t key, const Item& value, std::uint64_t position, line_tag tag, bool maybe_again = false) {
    if (!value.is(position * 2 + key) || tag != tag_for(position)) ++faults;
    if (position < latest[key] || (position == latest[key] && !maybe_again)) ++faults;
    latest[key] = position;
  }
};

/// One producer, one consumer, one thread that only loads. The producer stores `count` records of `keys` keys, most of
/// them of few keys, then stops; the consumer must end with exactly the last of each.
template <class Item>
void stress(std::size_t keys, std::uint64_t count, std::size_t batch, bool with_reader) {
  conflating_table<Item> table{keys};
  std::vector<std::uint64_t> last(keys);
  std::atomic<bool> over{false};
  std::jthread producer{[&] {
    std::uint64_t random = 88172645463325252;
    for (std::uint64_t position = 1; position <= count; ++position) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      const std::size_t key = random % (position % 4 == 0 ? keys : std::min<std::size_t>(keys, 3));
      table.store(key, Item::of(position * 2 + key), position, tag_for(position));
      last[key] = position;
      if (position % 1024 == 0) std::this_thread::yield();
    }
    over.store(true, std::memory_order_release);
  }};
  ledger<Item> loaded{keys};
  std::jthread reader;
  if (with_reader) {
    reader = std::jthread{[&] {
      for (std::size_t turn = 0; !over.load(std::memory_order_acquire); ++turn) {
        Item value;
        std::uint64_t position = 0;
        line_tag tag;
        const std::size_t key = turn % std::min<std::size_t>(keys, 5);
        if (table.try_load(key, value, position, tag)) loaded.enter(key, value, position, tag, true);
        if (turn % 64 == 0) std::this_thread::yield();
      }
    }};
  }
  ledger<Item> seen{keys};
  std::uint64_t visits = 0;
  const auto visit = [&](std::size_t key, const Item& value, std::uint64_t position, line_tag tag) {
    seen.enter(key, value, position, tag);
    return ++visits % 7 != 0 || (--seen.latest[key], false);  // now and then: later
  };
  unsigned idle = 0;
  for (bool done = false; !done;) {
    done = over.load(std::memory_order_acquire);
    while (table.consume(batch, visit) != 0 || (done && table.any_dirty())) idle = 0;
    if (++idle % 16 == 0) std::this_thread::yield();
  }
  producer.join();
  if (with_reader) reader.join();
  CHECK(seen.faults == 0);
  CHECK(loaded.faults == 0);
  CHECK(seen.latest == last);
  CHECK_FALSE(table.any_dirty());
}

}  // namespace

TEST_CASE("conflating_table: two threads, records whole, nothing forgotten", "[queue][stress]") {
  for (const std::size_t keys : {1U, 3U, 130U, 5'000U}) {
    INFO(keys);
    stress<record<56>>(keys, repetitions(100'000), all, false);
    stress<record<56>>(keys, repetitions(100'000), 2, true);
    stress<record<9>>(keys, repetitions(100'000), 5, true);
  }
  stress<record<700>>(3, repetitions(20'000), all, true);
}

TEST_CASE("conflating_table: nothing forgotten at the end of many short runs", "[queue][stress]") {
  for (std::size_t run = 0; run < repetitions(4000); ++run) stress<record<8>>(70, 1 + run % 37, all, false);
}

TEST_CASE("conflating_table: every record arrives though none follows it", "[queue][stress]") {
  conflating_table<record<8>> table{70};
  const std::uint64_t rounds = repetitions(200'000);
  std::atomic<std::uint64_t> arrived{0};
  std::atomic<bool> lost{false};
  std::jthread producer{[&] {
    for (std::uint64_t position = 1; position <= rounds && !lost.load(std::memory_order_relaxed); ++position) {
      table.store(position % 70, record<8>::of(position), position);
      const auto limit = std::chrono::steady_clock::now() + bound(std::chrono::seconds{5});
      for (unsigned turns = 1; arrived.load(std::memory_order_relaxed) < position; ++turns) {
        if (turns % 1024 == 0) {
          std::this_thread::yield();
          if (std::chrono::steady_clock::now() > limit) lost.store(true, std::memory_order_relaxed);
          if (lost.load(std::memory_order_relaxed)) break;
        }
      }
    }
  }};
  std::uint64_t faults = 0;
  unsigned idle = 0;
  while (arrived.load(std::memory_order_relaxed) < rounds && !lost.load(std::memory_order_relaxed)) {
    table.consume(all, [&](std::size_t, const record<8>& value, std::uint64_t position, line_tag) {
      if (!value.is(position)) ++faults;
      arrived.store(position, std::memory_order_relaxed);
      idle = 0;
    });
    if (++idle % 1024 == 0) std::this_thread::yield();
  }
  producer.join();
  CHECK_FALSE(lost.load());
  CHECK(faults == 0);
}

TEST_CASE("conflating_table: two threads for millions of records", "[queue][stress][soak]") {
  for (const std::size_t keys : {1U, 130U, 5'000U}) {
    INFO(keys);
    stress<record<56>>(keys, repetitions(5'000'000), all, false);
    stress<record<56>>(keys, repetitions(5'000'000), 2, true);
  }
  stress<record<700>>(20, repetitions(100'000), all, true);
}
