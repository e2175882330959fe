#include <foxtrot/market/channel.hpp>

#include <support/allocation_counter.hpp>
#include <support/every_tick.hpp>
#include <support/market_events.hpp>
#include <support/sanitizer.hpp>
#include <support/thread_state.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>

using namespace foxtrot;
using foxtrot_test::make_channel;
using foxtrot_test::publish_depth;
using foxtrot_test::publish_state;
using foxtrot_test::publish_trade;

namespace {

using foxtrot_test::channel;

/// Takes the front event; empty where there is none.
std::string take(channel& from) {
  const auto item = from.front();
  if (item.payload == nullptr) return {};
  const std::string text = foxtrot_test::told(event{*item.payload, item.tag, item.body, from.symbols()});
  from.pop(item);
  from.wake_producer();
  return text;
}
std::vector<std::string> take_all(channel& from) {
  std::vector<std::string> all;
  for (std::string next = take(from); !next.empty(); next = take(from)) all.push_back(std::move(next));
  return all;
}
using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("channel: events come out as they went in", "[market]") {
  const auto queue = make_channel({.capacity = 8});
  CHECK(queue->capacity() == 8);
  CHECK(take(*queue).empty());
  publish_state(*queue, status_code::connected);
  CHECK(publish_trade(*queue, 1));
  CHECK(publish_depth(*queue, 2, 3, 4));
  CHECK(take_all(*queue) == strings{"connected", "trade 1", "depth 2"});
  CHECK(queue->dropped() == 0);
}

TEST_CASE("channel: front looks again at the same event until it is given back", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  publish_trade(*queue, 1);
  publish_trade(*queue, 2);
  const auto first = queue->front();
  CHECK(queue->front().payload == first.payload);
  queue->pop(first);
  CHECK(queue->front().payload != first.payload);
  CHECK(take_all(*queue) == strings{"trade 2"});
}

TEST_CASE("channel: capacity is a power of two, at least four", "[market]") {
  CHECK(make_channel({.capacity = 0})->capacity() == 4);
  CHECK(make_channel({.capacity = 5})->capacity() == 8);
}

TEST_CASE("channel: a loss is told in its place, with its size", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  for (std::uint64_t id = 1; id <= 4; ++id) CHECK(publish_trade(*queue, id));
  for (std::uint64_t id = 5; id <= 9; ++id) CHECK_FALSE(publish_trade(*queue, id));
  CHECK(queue->dropped() == 5);
  for (std::uint64_t id = 1; id <= 3; ++id) CHECK(take(*queue) == "trade " + std::to_string(id));
  CHECK(publish_trade(*queue, 10));
  CHECK(take_all(*queue) == strings{"trade 4", "dropped 5", "trade 10"});
  CHECK(publish_trade(*queue, 11));
  CHECK(take_all(*queue) == strings{"trade 11"});  // told once
}

TEST_CASE("channel: a loss goes on until there is room for its telling and the next event", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  for (std::uint64_t id = 1; id <= 5; ++id) publish_trade(*queue, id);
  CHECK(take(*queue) == "trade 1");
  CHECK_FALSE(publish_trade(*queue, 6));
  CHECK(take(*queue) == "trade 2");
  CHECK_FALSE(publish_trade(*queue, 7));
  CHECK(take(*queue) == "trade 3");
  CHECK(publish_trade(*queue, 8));
  CHECK(take_all(*queue) == strings{"trade 4", "dropped 3", "trade 8"});
  CHECK(queue->dropped() == 3);
}

TEST_CASE("channel: the last state of the connection is told after a loss, and nothing of what came before",
          "[market]") {
  const auto queue = make_channel({.capacity = 4});
  for (std::uint64_t id = 1; id <= 4; ++id) publish_trade(*queue, id);
  publish_state(*queue, status_code::disconnected);
  publish_state(*queue, status_code::reconnecting);
  publish_trade(*queue, 5);
  publish_state(*queue, status_code::connected);
  publish_state(*queue, status_code::stale);  // no state of the connection: counted
  CHECK(queue->dropped() == 5);
  for (std::uint64_t id = 1; id <= 3; ++id) CHECK(take(*queue) == "trade " + std::to_string(id));
  CHECK(publish_trade(*queue, 6));
  CHECK(take_all(*queue) == strings{"trade 4", "dropped 5", "connected", "trade 6"});
  publish_state(*queue, status_code::disconnected);
  CHECK(take_all(*queue) == strings{"disconnected"});
}

TEST_CASE("channel: a state that finds room again follows the one that was lost", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  for (std::uint64_t id = 1; id <= 4; ++id) publish_trade(*queue, id);
  publish_state(*queue, status_code::disconnected);
  for (std::uint64_t id = 1; id <= 4; ++id) CHECK(take(*queue) == "trade " + std::to_string(id));
  publish_state(*queue, status_code::connected);
  CHECK(take_all(*queue) == strings{"dropped 1", "disconnected", "connected"});
}

TEST_CASE("channel: a consumer that has read everything hears of its losses without another event", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  for (std::uint64_t id = 1; id <= 6; ++id) publish_trade(*queue, id);
  publish_state(*queue, status_code::disconnected);
  CHECK(take_all(*queue) == strings{"trade 1", "trade 2", "trade 3", "trade 4", "dropped 3", "disconnected"});
  CHECK(take_all(*queue).empty());
  CHECK(publish_trade(*queue, 7));
  CHECK(take_all(*queue) == strings{"trade 7"});  // told once
  CHECK(queue->dropped() == 3);
}

TEST_CASE("channel: a loss that front has shown stays in front until it is given back", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  for (std::uint64_t id = 1; id <= 5; ++id) publish_trade(*queue, id);
  for (std::uint64_t id = 1; id <= 4; ++id) CHECK(take(*queue) == "trade " + std::to_string(id));
  const auto shown = queue->front();
  REQUIRE(shown.payload != nullptr);
  CHECK(publish_trade(*queue, 6));
  CHECK(queue->front().payload == shown.payload);
  CHECK(take_all(*queue) == strings{"dropped 1", "trade 6"});
}

TEST_CASE("channel: what was lost at the very end is told after the close", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  for (std::uint64_t id = 1; id <= 7; ++id) publish_trade(*queue, id);
  CHECK_FALSE(queue->closed_by_producer());
  queue->close_by_producer();
  CHECK(queue->closed_by_producer());
  CHECK(take_all(*queue) == strings{"trade 1", "trade 2", "trade 3", "trade 4", "dropped 3"});
  CHECK(take(*queue).empty());
}

TEST_CASE("channel: no room for levels is a loss like any other", "[market]") {
  const auto queue = make_channel({.capacity = 16, .level_capacity = 8});
  CHECK(publish_depth(*queue, 1, 3, 3));
  CHECK_FALSE(publish_depth(*queue, 2, 3, 3));
  CHECK_FALSE(publish_depth(*queue, 3, 100, 0));  // never fits
  CHECK(publish_trade(*queue, 4));
  CHECK(take_all(*queue) == strings{"depth 1", "dropped 2", "trade 4"});
  CHECK(publish_depth(*queue, 5, 8, 0));  // the consumer gave the levels back
  CHECK(take_all(*queue) == strings{"depth 5"});
}

TEST_CASE("channel: a depth event without levels takes none", "[market]") {
  const auto queue = make_channel({.capacity = 4, .level_capacity = 8});
  for (std::uint64_t id = 0; id < 100; ++id) {
    REQUIRE(publish_depth(*queue, 2 * id, 0, 0));
    REQUIRE(publish_depth(*queue, 2 * id + 1, 4, 4));
    CHECK(take_all(*queue).size() == 2);
  }
}

TEST_CASE("channel: an abandoned claim leaves no trace", "[market]") {
  const auto queue = make_channel({.capacity = 4, .level_capacity = 8});
  for (int i = 0; i < 100; ++i) {
    const auto room = queue->try_claim(8);
    REQUIRE(room.payload != nullptr);
    CHECK(room.body.elements.size() == 8);
  }
  CHECK(take(*queue).empty());
  CHECK(queue->dropped() == 0);
  CHECK(publish_trade(*queue, 1));
  CHECK(take_all(*queue) == strings{"trade 1"});
}

TEST_CASE("channel: try_claim never waits and counts nothing", "[market]") {
  for (const overflow policy : {overflow::drop_newest, overflow::block}) {
    const auto queue = make_channel({.when_full = policy, .capacity = 4});
    for (std::uint64_t id = 1; id <= 4; ++id) publish_trade(*queue, id);
    CHECK(queue->try_claim(0).payload == nullptr);
    CHECK(queue->dropped() == 0);
  }
}

TEST_CASE("channel: block waits for the consumer and loses nothing", "[market]") {
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 4});
  constexpr std::uint64_t count = 1000;
  std::promise<pid_t> started;
  std::jthread producer{[&] {
    started.set_value(foxtrot_test::this_thread());
    for (std::uint64_t id = 1; id <= count; ++id) publish_trade(*queue, id);
    queue->close_by_producer();
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));  // the queue is full and it parks
  std::uint64_t next = 1;
  while (next <= count) {
    const std::string text = take(*queue);
    if (text.empty()) {
      std::this_thread::yield();
    } else if (text != "trade " + std::to_string(next++)) {
      FAIL(text);
    }
  }
  producer.join();
  CHECK(take(*queue).empty());
  CHECK(queue->dropped() == 0);
}

TEST_CASE("channel: a producer that waits is woken for a quarter of the queue, not for each event", "[market]") {
  const std::size_t levels = GENERATE(std::size_t{0}, std::size_t{1} << 10U);
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 16, .level_capacity = levels});
  constexpr std::uint64_t count = 400;
  std::promise<pid_t> started;
  std::promise<long> slept;
  std::jthread producer{[&] {
    started.set_value(foxtrot_test::this_thread());
    for (std::uint64_t id = 1; id <= count; ++id) publish_trade(*queue, id);
    rusage used{};
    (void)::getrusage(RUSAGE_THREAD, &used);
    slept.set_value(used.ru_nvcsw);
  }};
  const pid_t thread = started.get_future().get();
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t taken = 0; taken + 16 < count;) {
    REQUIRE(foxtrot_test::falls_asleep(thread));
    REQUIRE(take(*queue) == "trade " + std::to_string(++taken));
  }
  const long sleeps = slept.get_future().get();
  // it looks by itself as well, once a millisecond
  const auto looks = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
  CHECK(sleeps < static_cast<long>(count / 2) + looks);
  CHECK(take_all(*queue).size() == 16);
}

TEST_CASE("channel: room for less than a quarter is found as well, of events and of levels", "[market]") {
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 64, .level_capacity = 64});
  std::promise<pid_t> started;
  const auto blocked = [&](auto publish) {
    started = {};
    return std::jthread{[&started, publish] {
      started.set_value(foxtrot_test::this_thread());
      publish();
    }};
  };
  SECTION("events") {
    for (std::uint64_t id = 1; id <= 64; ++id) publish_trade(*queue, id);
    std::jthread producer = blocked([&queue] { publish_trade(*queue, 65); });
    REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
    CHECK(take(*queue) == "trade 1");
    producer.join();
    CHECK(take_all(*queue).back() == "trade 65");
  }
  SECTION("levels") {
    for (std::uint64_t id = 1; id <= 8; ++id) REQUIRE(publish_depth(*queue, id, 4, 4));
    std::jthread producer = blocked([&queue] { publish_depth(*queue, 9, 4, 4); });
    REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
    CHECK(take(*queue) == "depth 1");
    producer.join();
    CHECK(take_all(*queue).back() == "depth 9");
  }
  CHECK(queue->dropped() == 0);
}

TEST_CASE("channel: an interrupt ends the producer's wait, and what does not fit is counted", "[market]") {
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 4});
  for (std::uint64_t id = 1; id <= 4; ++id) publish_trade(*queue, id);
  std::promise<pid_t> started;
  std::promise<bool> published;
  std::jthread producer{[&] {
    started.set_value(foxtrot_test::this_thread());
    published.set_value(publish_trade(*queue, 5));
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
  queue->interrupt(true);
  CHECK_FALSE(published.get_future().get());
  producer.join();
  CHECK_FALSE(publish_trade(*queue, 6));  // at once, as long as the interrupt lasts
  CHECK(queue->dropped() == 2);
  CHECK(take_all(*queue) == strings{"trade 1", "trade 2", "trade 3", "trade 4", "dropped 2"});
  queue->interrupt(false);
  CHECK(publish_trade(*queue, 7));
  CHECK(take_all(*queue) == strings{"trade 7"});
}

TEST_CASE("channel: a consumer that goes frees a waiting producer", "[market]") {
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 4});
  for (std::uint64_t id = 1; id <= 4; ++id) publish_trade(*queue, id);
  std::promise<pid_t> started;
  std::promise<bool> published;
  std::jthread producer{[&] {
    started.set_value(foxtrot_test::this_thread());
    published.set_value(publish_trade(*queue, 5));
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
  queue->close_by_consumer();
  CHECK_FALSE(published.get_future().get());
  CHECK(queue->closed_by_consumer());
}

TEST_CASE("channel: under block, an event that can never fit is lost at once", "[market]") {
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 4, .level_capacity = 8});
  CHECK_FALSE(publish_depth(*queue, 1, 9, 0));
  CHECK(publish_trade(*queue, 2));
  CHECK(take_all(*queue) == strings{"dropped 1", "trade 2"});
}

TEST_CASE("channel: publishing and reading allocate nothing", "[market]") {
  const auto queue = make_channel({.capacity = 16, .level_capacity = 64});
  const std::size_t before = foxtrot_test::allocations();
  std::uint64_t seen = 0;
  for (std::uint64_t id = 0; id < 1000; ++id) {
    publish_trade(*queue, id);
    publish_depth(*queue, id, 2, 2);
    publish_state(*queue, status_code::stale);
    queue->wake_consumer();
    if (id % 7 != 0) continue;  // so that some are lost
    for (auto item = queue->front(); item.payload != nullptr; item = queue->front()) {
      ++seen;
      queue->pop(item);
    }
  }
  const std::size_t after = foxtrot_test::allocations();
  CHECK(after == before);
  CHECK(seen > 1000);
  CHECK(queue->dropped() > 0);
}

TEST_CASE("channel: every kind comes out as it went in, bodies round the end of their store included", "[market]") {
  const auto queue = make_channel({.capacity = 64, .level_capacity = 256});
  std::uint64_t number = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<std::string> expected;
    for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
      const auto made = foxtrot_test::make_tick(kind, ++number, symbol_id::none);
      const auto room = queue->claim(made.body.size());
      REQUIRE(room.payload != nullptr);
      *room.payload = made.line;
      std::copy(made.body.begin(), made.body.end(), room.body.elements.begin());
      if (detail::has_body(kind)) detail::set_body_position(*room.payload, room.body.position);
      queue->publish(room, made.body.size(), made.tag.packed());
      expected.push_back(foxtrot_test::told_of_made(kind, number));
    }
    for (const auto& each : expected) {
      const auto oldest = queue->front();
      REQUIRE(oldest.payload != nullptr);
      CHECK(foxtrot_test::told_of_any(event{*oldest.payload, oldest.tag, oldest.body, queue->symbols()}) == each);
      queue->pop(oldest);
    }
    CHECK(queue->front().payload == nullptr);
  }
}
