#include <foxtrot/queue/mpmc_queue.hpp>

#include <foxtrot/queue/ends.hpp>
#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>
#include <support/thread_state.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;
using foxtrot_test::repetitions;

namespace {

using numbers = mpmc_queue<std::uint64_t>;
using boxes = mpmc_queue<std::unique_ptr<int>>;
static_assert(producer_end<numbers::producer> && batch_consumer_end<numbers::consumer>);
static_assert(consumer_end<boxes::consumer>);

constexpr std::size_t all = ~std::size_t{0};

template <class T>
std::vector<T> drain(typename mpmc_queue<T>::consumer& out) {
  std::vector<T> seen;
  out.consume(all, [&](T&& each) { seen.push_back(std::move(each)); });
  return seen;
}

/// Number 0 keeps the thread that takes it in the middle of taking.
struct sticky {
  static inline std::atomic<bool> stuck{false};
  static inline std::atomic<bool> let_go{false};
  explicit sticky(int value) : number{value} {}
  sticky(sticky&&) noexcept = default;
  sticky& operator=(sticky&& other) noexcept {
    number = std::exchange(other.number, -1);
    if (number == 0) {
      stuck.store(true, std::memory_order_release);
      while (!let_go.load(std::memory_order_acquire)) std::this_thread::yield();
    }
    return *this;
  }
  int number;
};

/// Counts the living.
struct counted {
  static inline int alive = 0;
  explicit counted(int value) : number{value} { ++alive; }
  counted(counted&& other) noexcept : number{std::exchange(other.number, -1)} { ++alive; }
  counted& operator=(counted&& other) noexcept {
    number = std::exchange(other.number, -1);
    return *this;
  }
  ~counted() { --alive; }
  int number;
};

}  // namespace

TEST_CASE("mpmc_queue: holds exactly its capacity, in order", "[queue]") {
  for (const std::size_t capacity : {1U, 2U, 31U, 32U, 33U, 100U, 1000U}) {
    INFO(capacity);
    numbers queue{capacity, 1};
    CHECK(queue.capacity() == capacity);
    auto in = queue.make_producer().value();
    auto out = queue.make_consumer();
    std::uint64_t pushed = 0;
    std::uint64_t popped = 0;
    for (int lap = 0; lap < 40; ++lap) {
      while (in.try_push(pushed)) ++pushed;
      REQUIRE(pushed - popped == capacity);
      REQUIRE(queue.size() == capacity);
      const std::size_t taken = static_cast<std::size_t>(lap) * 7 % capacity + 1;
      for (std::size_t i = 0; i < taken; ++i, ++popped) {
        std::uint64_t each = 0;
        REQUIRE(out.try_pop(each));
        REQUIRE(each == popped);
      }
    }
    std::uint64_t each = 77;
    while (popped < pushed) REQUIRE((out.try_pop(each) && each == popped++));
    each = 77;
    CHECK_FALSE(out.try_pop(each));
    CHECK(each == 77);
    CHECK(queue.size() == 0);
  }
  CHECK(numbers{0, 0}.capacity() == 1);
}

TEST_CASE("mpmc_queue: a failed push leaves its argument untouched", "[queue]") {
  boxes queue{2, 1};
  auto in = queue.make_producer().value();
  auto out = queue.make_consumer();
  auto third = std::make_unique<int>(3);
  const int* const address = third.get();
  REQUIRE(in.try_push(std::make_unique<int>(1)));
  REQUIRE(in.try_push(std::make_unique<int>(2)));
  CHECK_FALSE(in.try_push(std::move(third)));
  REQUIRE(third.get() == address);
  std::unique_ptr<int> each;
  REQUIRE(out.try_pop(each));
  CHECK(*each == 1);
  CHECK(in.try_push(std::move(third)));
  CHECK(third == nullptr);
  REQUIRE(out.try_pop(each));
  CHECK(*each == 2);
  REQUIRE(out.try_pop(each));
  CHECK(each.get() == address);
}

TEST_CASE("mpmc_queue: in bulk as many go in as fit, and the others stay", "[queue]") {
  mpmc_queue<std::string> queue{5, 1};
  auto in = queue.make_producer().value();
  auto out = queue.make_consumer();
  std::array<std::string, 4> first{"a", "b", "c", std::string(100, 'd')};
  CHECK(in.try_push_bulk({}) == 0);
  CHECK(in.try_push_bulk(first) == 4);
  std::array<std::string, 3> second{std::string(100, 'e'), std::string(100, 'f'), "g"};
  CHECK(in.try_push_bulk(second) == 1);
  CHECK(second[1] == std::string(100, 'f'));
  CHECK(second[2] == "g");
  CHECK(in.try_push_bulk(second) == 0);
  CHECK(drain<std::string>(out) ==
        std::vector<std::string>{"a", "b", "c", std::string(100, 'd'), std::string(100, 'e')});
}

TEST_CASE("mpmc_queue: as many producers as were asked for, and ends are used again", "[queue]") {
  numbers queue{4, 2};
  auto first = queue.make_producer();
  auto second = queue.make_producer();
  REQUIRE((first && second));
  CHECK_FALSE(queue.make_producer());
  REQUIRE(first->try_push(1));
  auto moved = std::move(*first);
  CHECK_FALSE(queue.make_producer());
  REQUIRE(moved.try_push(2));
  first.reset();
  CHECK_FALSE(queue.make_producer());
  moved = std::move(*second);
  second.reset();  // has what moved had
  auto again = queue.make_producer();
  REQUIRE(again);
  CHECK_FALSE(queue.make_producer());
  REQUIRE(again->try_push(3));
  REQUIRE(moved.try_push(4));
  CHECK_FALSE(moved.try_push(5));
  auto out = queue.make_consumer();
  auto seen = drain<std::uint64_t>(out);
  std::ranges::sort(seen);
  CHECK(seen == std::vector<std::uint64_t>{1, 2, 3, 4});
}

TEST_CASE("mpmc_queue: never allocates after construction, whoever fills it", "[queue]") {
  for (const std::size_t capacity : {1U, 5U, 32U, 33U, 64U, 100U, 257U}) {
    INFO(capacity);
    constexpr std::size_t producers = 5;
    numbers queue{capacity, producers};
    const std::size_t before = foxtrot_test::allocations();
    std::size_t wrong = 0;
    std::uint64_t each = 0;
    auto out = queue.make_consumer();
    for (std::size_t round = 0; round < 3 * capacity; ++round) {
      // each producer in turn fills it all, from every position in a block; ends come and go
      for (std::size_t turn = 0; turn < producers; ++turn) {
        auto in = queue.make_producer();
        std::optional<numbers::producer> other;
        if (turn % 2 == 1) other = queue.make_producer();
        auto& filling = other ? *other : *in;
        std::size_t pushed = 0;
        while (filling.try_push(pushed)) ++pushed;
        if (pushed != capacity) ++wrong;
        for (std::size_t i = 0; i < capacity; ++i) {
          if (!out.try_pop(each) || each != i) ++wrong;
        }
      }
      // and a few items through one of them, so that its next turn begins elsewhere
      auto in = queue.make_producer();
      for (std::size_t i = 0; i < round % 7; ++i) {
        if (!in->try_push(i) || !out.try_pop(each)) ++wrong;
      }
    }
    // full all the time, with changing shares
    std::array<std::optional<numbers::producer>, producers> ends;
    for (auto& end : ends) end = queue.make_producer();
    for (std::size_t i = 0; i < 50 * capacity + 1000; ++i) {
      while (ends[i * i / 97 % producers]->try_push(i)) continue;
      if (queue.size() != capacity || !out.try_pop(each)) ++wrong;
    }
    const std::size_t after = foxtrot_test::allocations();
    CHECK(after == before);
    CHECK(wrong == 0);
  }
}

TEST_CASE("mpmc_queue: consume takes at most max, each once", "[queue]") {
  numbers queue{200, 1};
  auto in = queue.make_producer().value();
  auto out = queue.make_consumer();
  std::vector<std::uint64_t> items(100);
  std::iota(items.begin(), items.end(), 0);
  REQUIRE(in.try_push_bulk(items) == 100);
  std::vector<std::uint64_t> seen;
  const auto note = [&](const std::uint64_t& each) { seen.push_back(each); };
  CHECK(out.consume(0, note) == 0);
  CHECK(out.consume(3, note) == 3);
  CHECK(out.consume(50, note) == 50);
  CHECK(queue.size() == 47);
  CHECK(out.consume(all, note) == 47);
  CHECK(out.consume(all, note) == 0);
  CHECK(seen == items);
}

TEST_CASE("mpmc_queue: a visitor that throws has consumed its item, and no other", "[queue]") {
  {
    mpmc_queue<counted> queue{100, 1};
    auto in = queue.make_producer().value();
    auto out = queue.make_consumer();
    for (int i = 0; i < 80; ++i) REQUIRE(in.try_push(counted{i}));
    int next = 0;
    CHECK_THROWS_AS(out.consume(all,
                                [&](counted&& each) {
                                  CHECK(each.number == next++);
                                  if (each.number == 40) throw std::runtime_error{"in the middle"};
                                }),
                    std::runtime_error);
    counted each{-2};
    REQUIRE(out.try_pop(each));
    CHECK(each.number == 41);
    next = 42;
    CHECK(out.consume(20, [&](counted&& other) { CHECK(other.number == next++); }) == 20);
    CHECK(counted::alive == 80 - 62 + 1);
  }
  CHECK(counted::alive == 0);  // what was left went with the queue and with the end
}

TEST_CASE("mpmc_queue: a consumer that is stuck in the middle of taking an item", "[queue]") {
  for (const std::size_t capacity : {1U, 2U, 32U, 100U}) {
    INFO(capacity);
    mpmc_queue<sticky> queue{capacity, 2};
    auto in = queue.make_producer().value();
    auto other = queue.make_producer().value();
    sticky::stuck.store(false);
    sticky::let_go.store(false);
    REQUIRE(in.try_push(sticky{0}));
    std::jthread consumer{[&] {
      auto out = queue.make_consumer();
      sticky each{-1};
      if (!out.try_pop(each)) sticky::stuck.store(true);
    }};
    while (!sticky::stuck.load(std::memory_order_acquire)) std::this_thread::yield();
    auto out = queue.make_consumer();
    sticky each{-1};
    const std::size_t before = foxtrot_test::allocations();
    std::size_t passed = 0;
    sticky item{7};
    if (capacity > 1) {
      // as many as fit go past it, and more than that; at last there is no block, and the item stays as it was
      while (in.try_push(std::move(item)) && out.try_pop(item)) ++passed;
      CHECK(passed >= capacity);
      CHECK(item.number == 7);
      CHECK(queue.size() == 1);
      std::vector<sticky> several;
      for (int i = 1; i <= 3; ++i) several.emplace_back(i);
      CHECK(in.try_push_bulk(several) == 0);
      CHECK((several[0].number == 1 && several[2].number == 3));
      CHECK(queue.size() == 1);
    }
    std::size_t fits = 0;  // the other end has all its blocks
    while (other.try_push(sticky{1})) ++fits;
    CHECK(fits == capacity - 1);
    while (out.try_pop(each)) continue;
    sticky::let_go.store(true, std::memory_order_release);
    consumer.join();
    fits = 0;
    while (in.try_push(sticky{1})) ++fits;
    CHECK(fits == capacity);
    const std::size_t after = foxtrot_test::allocations();
    CHECK(after - before <= (capacity > 1 ? 3 : 0));  // the vector's
  }
}

TEST_CASE("mpmc_queue: closed, nothing goes in and everything comes out", "[queue]") {
  numbers queue{4, 1};
  auto in = queue.make_producer().value();
  auto out = queue.make_consumer();
  REQUIRE(in.try_push(1));
  REQUIRE(in.try_push(2));
  CHECK_FALSE(queue.closed());
  queue.close();
  queue.close();
  CHECK(queue.closed());
  CHECK(queue.size() == 2);
  CHECK_FALSE(in.try_push(3));
  std::array<std::uint64_t, 2> more{4, 5};
  CHECK(in.try_push_bulk(more) == 0);
  std::uint64_t each = 0;
  CHECK((out.pop_wait(each, {}) && each == 1));
  CHECK((out.pop_wait(each, {}) && each == 2));
  CHECK_FALSE(out.pop_wait(each, {}));
}

TEST_CASE("mpmc_queue: waiting ends with the patience, a stop, a close or an item", "[queue]") {
  numbers queue{4, 1};
  auto in = queue.make_producer().value();
  std::uint64_t each = 0;
  {
    auto out = queue.make_consumer();
    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(out.pop_wait(each, {}, 20ms));
    CHECK(std::chrono::steady_clock::now() - start >= 20ms);
    CHECK_FALSE(out.pop_wait(each, {}, 0ns));
    CHECK_FALSE(out.pop_wait(each, {}, -1s));
    std::stop_source stopped;
    stopped.request_stop();
    CHECK_FALSE(out.pop_wait(each, stopped.get_token()));
    REQUIRE(in.try_push(5));
    CHECK((out.pop_wait(each, stopped.get_token(), 0ns) && each == 5));  // the queue comes first
    CHECK(std::chrono::steady_clock::now() - start < bound(5s));
  }
  // the three that come from another thread, each to a sleeper
  for (int way = 0; way < 3; ++way) {
    std::promise<pid_t> started;
    std::stop_source stop;
    bool got = false;
    std::jthread sleeper{[&] {
      auto out = queue.make_consumer();
      started.set_value(foxtrot_test::this_thread());
      got = out.pop_wait(each, stop.get_token());
    }};
    REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
    if (way == 0) REQUIRE(in.try_push(9));
    if (way == 1) stop.request_stop();
    if (way == 2) queue.close();
    sleeper.join();
    CHECK(got == (way == 0));
    CHECK(each == 9);
  }
}

namespace {

struct parcel {
  std::uint64_t from{0};
  std::uint64_t end{0};  // which of its ends, one after the other
  std::uint64_t number{0};
  std::uint64_t check{0};
  static parcel of(std::uint64_t from, std::uint64_t end, std::uint64_t number) {
    return {from, end, number, from * 31 + end * 7 + number * 17};
  }
  [[nodiscard]] bool whole() const { return check == of(from, end, number).check; }
};

enum class way_out : std::uint8_t { waiting, batches, mixed };

/// All of it: every parcel arrives once, whole; each consumer sees those of each end in order; nobody sleeps while
/// something is there (the test would not end).
void stress(std::size_t capacity, std::size_t producers, std::size_t consumers, std::uint64_t each, way_out how) {
  mpmc_queue<parcel> queue{capacity, producers};
  std::atomic<std::uint64_t> faults{0};
  std::vector<std::vector<std::uint64_t>> seen(consumers);  // per consumer: how many of each producer
  std::vector<std::jthread> threads;
  for (std::size_t consumer = 0; consumer < consumers; ++consumer) {
    seen[consumer].assign(producers, 0);
    threads.emplace_back([&, consumer] {
      auto out = queue.make_consumer();
      std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> next;
      const auto enter = [&](const parcel& it) {
        std::uint64_t& expected = next[{it.from, it.end}];  // or a later one: others take as well
        if (!it.whole() || it.from >= producers || it.number < expected) {
          faults.fetch_add(1, std::memory_order_relaxed);
          return;
        }
        expected = it.number + 1;
        ++seen[consumer][it.from];
      };
      const bool in_batches = how == way_out::batches || (how == way_out::mixed && consumer % 2 == 0);
      parcel it;
      while (out.pop_wait(it, {})) {
        enter(it);
        if (in_batches) out.consume(it.number % 50, enter);
      }
    });
  }
  std::vector<std::jthread> sources;
  for (std::size_t from = 0; from < producers; ++from) {
    sources.emplace_back([&, from] {
      auto in = queue.make_producer();
      if (!in) {
        faults.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      std::array<parcel, 20> some;
      std::uint64_t end = 0;
      for (std::uint64_t number = 0; number < each;) {
        std::uint64_t done = 0;
        if (number % 3 == 0) {
          const std::size_t count = std::min<std::uint64_t>(some.size(), each - number);
          for (std::size_t i = 0; i < count; ++i) some[i] = parcel::of(from, end, number + i);
          done = in->try_push_bulk(std::span{some}.first(count));
        } else {
          done = in->try_push(parcel::of(from, end, number)) ? 1 : 0;
        }
        number += done;
        if (done == 0) std::this_thread::yield();
        if (number % 1000 == 0) {  // an end goes, the next one comes
          in.reset();
          in = queue.make_producer();
          ++end;
        }
      }
    });
  }
  for (auto& source : sources) source.join();
  queue.close();
  for (auto& thread : threads) thread.join();
  CHECK(faults.load() == 0);
  for (std::size_t from = 0; from < producers; ++from) {
    std::uint64_t sum = 0;
    for (const auto& counts : seen) sum += counts[from];
    CHECK(sum == each);
  }
  CHECK(queue.size() == 0);
}

/// Each item is answered before the next one: consumers go to sleep all the time, and every wake-up counts.
void one_at_a_time(std::size_t consumers, std::uint64_t rounds) {
  numbers queue{8, 1};
  std::atomic<std::uint64_t> answered{0};
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < consumers; ++i) {
    threads.emplace_back([&] {
      auto out = queue.make_consumer();
      for (std::uint64_t each = 0; out.pop_wait(each, {});) answered.fetch_add(1, std::memory_order_release);
    });
  }
  auto in = queue.make_producer().value();
  bool lost = false;
  for (std::uint64_t round = 1; round <= rounds && !lost; ++round) {
    const std::uint64_t count = round % 3 == 0 ? 2 : 1;
    const std::uint64_t wanted = answered.load(std::memory_order_acquire) + count;
    for (std::uint64_t i = 0; i < round % 41; ++i) cpu_relax();  // at every moment of their way to sleep
    for (std::uint64_t i = 0; i < count; ++i) lost = !in.try_push(round) || lost;
    const auto limit = std::chrono::steady_clock::now() + bound(5s);
    for (unsigned turns = 1; answered.load(std::memory_order_acquire) < wanted && !lost; ++turns) {
      if (turns % 64 == 0) {
        std::this_thread::yield();
        lost = std::chrono::steady_clock::now() > limit;
      }
    }
  }
  CHECK_FALSE(lost);
  queue.close();
}

}  // namespace

TEST_CASE("mpmc_queue: every item once, from many to many", "[queue][stress]") {
  for (const std::size_t capacity : {1U, 7U, 1024U}) {
    for (const way_out how : {way_out::waiting, way_out::batches, way_out::mixed}) {
      INFO(capacity << ' ' << static_cast<int>(how));
      stress(capacity, 3, 3, repetitions(capacity == 1 ? 2'000 : 20'000), how);
      stress(capacity, 1, 2, repetitions(capacity == 1 ? 2'000 : 20'000), how);
    }
  }
}

TEST_CASE("mpmc_queue: no wake-up is lost", "[queue][stress]") {
  one_at_a_time(1, repetitions(40'000));
  one_at_a_time(3, repetitions(10'000));
}

TEST_CASE("mpmc_queue: many to many for millions of items", "[queue][stress][soak]") {
  for (const way_out how : {way_out::waiting, way_out::batches, way_out::mixed}) {
    stress(64, 4, 4, repetitions(400'000), how);
    stress(4096, 2, 2, repetitions(1'000'000), how);
  }
  one_at_a_time(1, repetitions(500'000));
  one_at_a_time(2, repetitions(100'000));
}
