#include <foxtrot/market/subscription.hpp>

#include <support/market_events.hpp>
#include <support/sanitizer.hpp>
#include <support/thread_state.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;
using foxtrot_test::make_channel;
using foxtrot_test::publish_depth;
using foxtrot_test::publish_state;
using foxtrot_test::publish_trade;
using foxtrot_test::reader_of;
using foxtrot_test::repetitions;
using foxtrot_test::told;

namespace {

using strings = std::vector<std::string>;

constexpr idle all_ways[] = {idle::block, idle::spin, idle::adaptive, idle::yield};

strings poll_all(subscription& from) {
  strings all;
  from.poll(1000, [&](const event& each) { all.push_back(told(each)); });
  return all;
}

}  // namespace

TEST_CASE("subscription: a default one is closed and empty", "[market]") {
  subscription none;
  CHECK(none.closed());
  CHECK(none.capacity() == 0);
  CHECK(none.dropped() == 0);
  CHECK(none.poll(10, [](const event&) {}) == 0);
  CHECK_FALSE(none.wait(std::stop_token{}));
  for ([[maybe_unused]] const auto& each : none.until(std::stop_token{})) FAIL("an event from nowhere");
  none.cancel();
}

TEST_CASE("subscription: poll takes what is there, at most max, and never waits", "[market]") {
  const auto queue = make_channel({.capacity = 8});
  subscription ticks = reader_of(queue, idle::block);
  CHECK(ticks.capacity() == 8);
  CHECK(poll_all(ticks).empty());
  for (std::uint64_t id = 1; id <= 5; ++id) publish_trade(*queue, id);
  strings seen;
  CHECK(ticks.poll(2, [&](const event& each) { seen.push_back(told(each)); }) == 2);
  CHECK(seen == strings{"trade 1", "trade 2"});
  CHECK(ticks.poll(0, [](const event&) {}) == 0);
  CHECK(poll_all(ticks) == strings{"trade 3", "trade 4", "trade 5"});
}

TEST_CASE("subscription: poll consumes the event whose handler throws, and no other", "[market]") {
  const auto queue = make_channel({.capacity = 8});
  subscription ticks = reader_of(queue, idle::block);
  for (std::uint64_t id = 1; id <= 4; ++id) publish_depth(*queue, id, 1, 1);
  CHECK_THROWS_AS(ticks.poll(10,
                             [](const event& each) {
                               if (told(each) == "depth 2") throw std::runtime_error{"second"};
                             }),
                  std::runtime_error);
  CHECK(poll_all(ticks) == strings{"depth 3", "depth 4"});
}

TEST_CASE("subscription: poll frees a producer that waits for room, also by an exception", "[market]") {
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 4});
  subscription ticks = reader_of(queue, idle::block);
  for (std::uint64_t id = 1; id <= 4; ++id) publish_trade(*queue, id);
  std::promise<pid_t> started;
  std::jthread producer{[&] {
    started.set_value(foxtrot_test::this_thread());
    publish_trade(*queue, 5);
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
  CHECK_THROWS(ticks.poll(1, [](const event&) { throw 1; }));
  producer.join();
  CHECK(poll_all(ticks) == strings{"trade 2", "trade 3", "trade 4", "trade 5"});
}

TEST_CASE("subscription: a strategy reads from two queues that block what it needs, and no more", "[market]") {
  const auto queue_a = make_channel({.when_full = overflow::block, .capacity = 64});
  const auto queue_b = make_channel({.when_full = overflow::block, .capacity = 64});
  subscription a = reader_of(queue_a, idle::block);
  subscription b = reader_of(queue_b, idle::block);
  std::promise<pid_t> started;
  std::jthread producer{[&] {
    started.set_value(foxtrot_test::this_thread());
    for (std::uint64_t id = 1; id <= 70; ++id) publish_trade(*queue_a, id);
    publish_trade(*queue_b, 1);
    queue_b->wake_consumer();
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));  // in the sixty-fifth of a
  CHECK(a.poll(10, [](const event&) {}) == 10);
  CHECK(b.wait(std::stop_token{}, bound(10s)));
  producer.join();
  CHECK(poll_all(a).back() == "trade 70");
}

TEST_CASE("subscription: until goes over everything and ends with the feed", "[market]") {
  for (const idle way : all_ways) {
    const auto queue = make_channel({.capacity = 8});
    subscription ticks = reader_of(queue, way);
    publish_state(*queue, status_code::connected);
    publish_trade(*queue, 1);
    publish_depth(*queue, 2, 2, 1);
    queue->close_by_producer();
    CHECK_FALSE(ticks.closed());  // not everything is read
    strings seen;
    for (const auto& each : ticks.until(std::stop_token{})) seen.push_back(told(each));
    CHECK(seen == strings{"connected", "trade 1", "depth 2"});
    CHECK(ticks.closed());
  }
}

TEST_CASE("subscription: losses at the very end come before closed", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  subscription ticks = reader_of(queue, idle::block);
  for (std::uint64_t id = 1; id <= 6; ++id) publish_trade(*queue, id);
  queue->close_by_producer();
  strings seen;
  for (const auto& each : ticks.until(std::stop_token{})) seen.push_back(told(each));
  CHECK(seen == strings{"trade 1", "trade 2", "trade 3", "trade 4", "dropped 2"});
  CHECK(ticks.closed());
  CHECK(ticks.dropped() == 2);
}

TEST_CASE("subscription: leaving the loop consumes exactly the event at hand", "[market]") {
  const auto queue = make_channel({.capacity = 16});
  subscription ticks = reader_of(queue, idle::block);
  for (std::uint64_t id = 1; id <= 6; ++id) publish_depth(*queue, id, 1, 2);

  for (const auto& each : ticks.until(std::stop_token{})) {
    CHECK(told(each) == "depth 1");
    break;
  }
  const auto in_a_function = [&] {
    for (const auto& each : ticks.until(std::stop_token{})) return told(each);
    return std::string{};
  };
  CHECK(in_a_function() == "depth 2");
  CHECK_THROWS_AS(
      [&] {
        for (const auto& each : ticks.until(std::stop_token{})) throw std::runtime_error{told(each)};
      }(),
      std::runtime_error);
  CHECK(poll_all(ticks) == strings{"depth 4", "depth 5", "depth 6"});
}

TEST_CASE("subscription: a range that is never begun consumes nothing", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  subscription ticks = reader_of(queue, idle::block);
  publish_trade(*queue, 1);
  { const auto unused = ticks.until(std::stop_token{}); }
  CHECK(poll_all(ticks) == strings{"trade 1"});
}

TEST_CASE("subscription: a stop that is already requested leaves the events where they are", "[market]") {
  for (const idle way : all_ways) {
    const auto queue = make_channel({.capacity = 4});
    subscription ticks = reader_of(queue, way);
    publish_trade(*queue, 1);
    std::stop_source stop;
    stop.request_stop();
    for ([[maybe_unused]] const auto& each : ticks.until(stop.get_token())) FAIL("stopped before");
    CHECK_FALSE(ticks.wait(stop.get_token()));
    CHECK(poll_all(ticks) == strings{"trade 1"});
  }
}

TEST_CASE("subscription: a stop between two events ends the loop", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  subscription ticks = reader_of(queue, idle::block);
  publish_trade(*queue, 1);
  publish_trade(*queue, 2);
  std::stop_source stop;
  strings seen;
  for (const auto& each : ticks.until(stop.get_token())) {
    seen.push_back(told(each));
    stop.request_stop();
  }
  CHECK(seen == strings{"trade 1"});
  CHECK(poll_all(ticks) == strings{"trade 2"});
}

TEST_CASE("subscription: a stop wakes a consumer that sleeps", "[market]") {
  for (const idle way : {idle::block, idle::adaptive}) {
    const auto queue = make_channel({.capacity = 4});
    std::stop_source stop;
    std::promise<pid_t> started;
    std::promise<int> ended;
    std::jthread consumer{[&] {
      subscription ticks = reader_of(queue, way);
      started.set_value(foxtrot_test::this_thread());
      int events = 0;
      for ([[maybe_unused]] const auto& each : ticks.until(stop.get_token())) ++events;
      ended.set_value(events);
    }};
    REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
    stop.request_stop();
    CHECK(ended.get_future().get() == 0);
  }
}

TEST_CASE("subscription: a stop ends the wait, whenever it comes", "[market][stress]") {
  for (const idle way : all_ways) {
    for (std::size_t round = 0; round < repetitions(200); ++round) {
      const auto queue = make_channel({.capacity = 4});
      subscription ticks = reader_of(queue, way);
      std::stop_source stop;
      std::jthread stopper{[&stop, round] {
        for (std::size_t i = 0; i < round % 50 * 20; ++i) cpu_relax();
        stop.request_stop();
      }};
      if (ticks.wait(stop.get_token())) FAIL("an event from nowhere");
    }
  }
}

TEST_CASE("subscription: news and the feed's end wake a consumer that sleeps", "[market]") {
  const auto queue = make_channel({.capacity = 4});
  std::promise<pid_t> started;
  std::atomic<int> seen{0};
  std::promise<void> first;
  std::jthread consumer{[&] {
    subscription ticks = reader_of(queue, idle::block);
    started.set_value(foxtrot_test::this_thread());
    for ([[maybe_unused]] const auto& each : ticks.until(std::stop_token{})) {
      if (seen.fetch_add(1) == 0) first.set_value();
    }
  }};
  const pid_t thread = started.get_future().get();
  REQUIRE(foxtrot_test::falls_asleep(thread));
  publish_trade(*queue, 1);
  queue->wake_consumer();
  first.get_future().get();
  REQUIRE(foxtrot_test::falls_asleep(thread));
  queue->close_by_producer();
  consumer.join();
  CHECK(seen.load() == 1);
}

TEST_CASE("subscription: a loss wakes a consumer that sleeps", "[market]") {
  const auto queue = make_channel({.capacity = 4, .level_capacity = 4});
  std::promise<pid_t> started;
  std::promise<std::string> first;
  std::jthread consumer{[&] {
    subscription ticks = reader_of(queue, idle::block);
    started.set_value(foxtrot_test::this_thread());
    for (const auto& each : ticks.until(std::stop_token{}, bound(10s))) {
      first.set_value(told(each));
      return;
    }
    first.set_value("nothing");
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
  CHECK_FALSE(publish_depth(*queue, 1, 5, 0));  // never fits
  queue->wake_consumer();
  CHECK(first.get_future().get() == "dropped 1");
}

TEST_CASE("subscription: patience ends the wait", "[market]") {
  for (const idle way : all_ways) {
    const auto queue = make_channel({.capacity = 4});
    subscription ticks = reader_of(queue, way);
    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(ticks.wait(std::stop_token{}, 20ms));
    CHECK(std::chrono::steady_clock::now() - start >= 20ms);
    for ([[maybe_unused]] const auto& each : ticks.until(std::stop_token{}, 5ms)) FAIL("an event from nowhere");
    CHECK_FALSE(ticks.wait(std::stop_token{}, 0ns));
    CHECK_FALSE(ticks.wait(std::stop_token{}, -1s));
    CHECK(std::chrono::steady_clock::now() - start < bound(5s));
    CHECK_FALSE(ticks.closed());

    publish_trade(*queue, 1);
    CHECK(ticks.wait(std::stop_token{}, 0ns));  // what is there needs no patience
    publish_trade(*queue, 2);
    strings seen;
    for (const auto& each : ticks.until(std::stop_token{}, 1ms)) seen.push_back(told(each));
    CHECK(seen == strings{"trade 1", "trade 2"});
  }
}

TEST_CASE("subscription: 128 events since the last wait are a long run, where they make the feed wait", "[market]") {
  for (const overflow policy : {overflow::block, overflow::drop_newest}) {
    const auto queue = make_channel({.when_full = policy, .capacity = 256});
    const auto inbox = foxtrot_test::inbox_of(queue);
    const auto read = [&](std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        publish_trade(*queue, i + 1);
        inbox->pop(inbox->front());
      }
    };
    CHECK_FALSE(inbox->end_long_run());
    read(127);
    CHECK_FALSE(inbox->end_long_run());
    read(1);
    CHECK_FALSE(inbox->end_long_run());
    read(128);
    CHECK(inbox->end_long_run() == (policy == overflow::block));
    CHECK_FALSE(inbox->end_long_run());
  }
}

TEST_CASE("subscription: who has read much waits no longer than its patience, nor after a stop", "[market]") {
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 256});
  subscription ticks = reader_of(queue, idle::block);
  std::stop_source stopping;
  const auto read = [&] {
    for (std::uint64_t id = 1; id <= 200; ++id) publish_trade(*queue, id);
    return ticks.poll(200, [](const event&) {});
  };
  const auto start = std::chrono::steady_clock::now();
  CHECK(read() == 200);
  CHECK_FALSE(ticks.wait(stopping.get_token(), 1ms));
  CHECK(read() == 200);
  CHECK_FALSE(ticks.wait(stopping.get_token(), 200ms));
  CHECK(std::chrono::steady_clock::now() - start >= 200ms);
  CHECK(read() == 200);
  stopping.request_stop();
  CHECK_FALSE(ticks.wait(stopping.get_token(), 1h));
  CHECK(read() == 200);
  queue->close_by_producer();
  CHECK_FALSE(ticks.wait(std::stop_token{}, 1h));
  CHECK(std::chrono::steady_clock::now() - start < bound(20s));
}

TEST_CASE("subscription: patience may be for ever", "[market]") {
  for (const idle way : all_ways) {
    const auto queue = make_channel({.capacity = 4});
    subscription ticks = reader_of(queue, way);
    std::jthread producer{[&] {
      publish_trade(*queue, 1);
      queue->wake_consumer();
    }};
    CHECK(ticks.wait(std::stop_token{}, subscription::duration::max()));
  }
}

TEST_CASE("subscription: cancelling deregisters and frees the producer", "[market]") {
  const auto queue = make_channel({.when_full = overflow::block, .capacity = 4});
  subscription ticks = reader_of(queue, idle::block);
  for (std::uint64_t id = 1; id <= 4; ++id) publish_trade(*queue, id);
  std::promise<pid_t> started;
  std::jthread producer{[&] {
    started.set_value(foxtrot_test::this_thread());
    publish_trade(*queue, 5);
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
  ticks.cancel();
  producer.join();
  CHECK(queue->closed_by_consumer());
  CHECK(ticks.closed());
  CHECK(poll_all(ticks).empty());
  ticks.cancel();
}

TEST_CASE("subscription: destruction and assignment deregister, moving does not", "[market]") {
  const auto first = make_channel({.capacity = 4});
  const auto second = make_channel({.capacity = 4});
  {
    subscription ticks = reader_of(first, idle::block);
    subscription moved{std::move(ticks)};
    CHECK_FALSE(first->closed_by_consumer());
    publish_trade(*first, 1);
    CHECK(poll_all(moved) == strings{"trade 1"});
    moved = reader_of(second, idle::block);
    CHECK(first->closed_by_consumer());
    CHECK_FALSE(second->closed_by_consumer());
    auto& same = moved;
    moved = std::move(same);
    CHECK_FALSE(second->closed_by_consumer());
  }
  CHECK(second->closed_by_consumer());
}

TEST_CASE("subscription: the feed may go first", "[market]") {
  auto queue = make_channel({.capacity = 4});
  subscription ticks = reader_of(queue, idle::block);
  publish_trade(*queue, 1);
  queue->close_by_producer();
  queue.reset();
  CHECK_FALSE(ticks.closed());
  CHECK(poll_all(ticks) == strings{"trade 1"});
  CHECK(ticks.closed());
  CHECK_FALSE(ticks.wait(std::stop_token{}));
}

namespace {

/// Two threads, trades and depth updates mixed, states of the connection now and then; every event is either read,
/// whole and in order, or told as lost just where it is missing.
void every_event_is_accounted_for(overflow policy, idle way, std::size_t capacity, std::uint64_t count) {
  const auto queue = make_channel({.when_full = policy, .capacity = capacity, .level_capacity = 128, .waiting = way});
  std::uint64_t states_published = 0;
  std::jthread producer{[&] {
    std::mt19937_64 random{count};
    for (std::uint64_t id = 1; id <= count; ++id) {
      if (id % 3 == 0) {
        publish_depth(*queue, id, static_cast<std::uint16_t>(random() % 8), static_cast<std::uint16_t>(random() % 8));
      } else {
        publish_trade(*queue, id);
      }
      if (id % 1000 == 0) {
        publish_state(*queue, id % 2000 == 0 ? status_code::connected : status_code::disconnected);
        ++states_published;
      }
      if (random() % 16 == 0) queue->wake_consumer();
      if (random() % 256 == 0) std::this_thread::yield();  // lets the consumer catch up, and sleep
    }
    queue->wake_consumer();
    queue->close_by_producer();
  }};

  subscription ticks = reader_of(queue, way);
  std::uint64_t seen = 0;
  std::uint64_t states = 0;
  std::uint64_t lost = 0;
  std::uint64_t last = 0;
  std::uint64_t faults = 0;
  bool may_jump = false;
  const auto number = [&](std::uint64_t id, bool intact) {
    if (!intact || id <= last || (id != last + 1 && !may_jump)) ++faults;
    last = id;
    may_jump = false;
    ++seen;
  };
  for (const auto& each : ticks.until(std::stop_token{})) {
    each.visit([&](const trade& t) { number(t.trade_id(), foxtrot_test::whole(t)); },
               [&](const depth_update& d) { number(d.last_id(), foxtrot_test::whole(d)); },
               [&](const status& s) {
                 if (s.code() == status_code::dropped) {
                   lost += s.count();
                   may_jump = true;
                 } else {
                   ++states;
                 }
               },
               [&](const auto&) { ++faults; });
  }
  producer.join();
  CHECK(faults == 0);
  CHECK(lost == queue->dropped());
  // a state that was lost counts as lost and may be told later all the same
  CHECK(seen + lost >= count);
  CHECK(seen + lost <= count + states_published);
  CHECK(seen + states + lost >= count + states_published);
  CHECK(states <= states_published);
  if (policy == overflow::block) {
    CHECK(lost == 0);
    CHECK(seen == count);
    CHECK(states == states_published);
  }
}

}  // namespace

TEST_CASE("subscription: every event is read or told as lost, two threads", "[market][stress]") {
  for (const idle way : all_ways) {
    for (const overflow policy : {overflow::drop_newest, overflow::block}) {
      INFO(to_string(way) << (policy == overflow::block ? ", block" : ", drop_newest"));
      every_event_is_accounted_for(policy, way, 4, repetitions(50'000));
      every_event_is_accounted_for(policy, way, 64, repetitions(100'000));
    }
  }
}

TEST_CASE("subscription: every event is read or told as lost, for long", "[market][stress][soak]") {
  for (const idle way : all_ways) {
    for (const overflow policy : {overflow::drop_newest, overflow::block}) {
      INFO(to_string(way) << (policy == overflow::block ? ", block" : ", drop_newest"));
      every_event_is_accounted_for(policy, way, 4, repetitions(1'000'000));
      every_event_is_accounted_for(policy, way, 64, repetitions(3'000'000));
    }
  }
}

TEST_CASE("subscription: either end may go at any moment", "[market][stress]") {
  for (const overflow policy : {overflow::drop_newest, overflow::block}) {
    for (std::size_t round = 0; round < repetitions(200); ++round) {
      auto queue = make_channel({.when_full = policy, .capacity = 4});
      const bool producer_first = round % 2 == 0;
      std::jthread producer{[queue, producer_first, round] {
        for (std::uint64_t id = 1; producer_first ? id <= round % 40 : !queue->closed_by_consumer(); ++id) {
          publish_trade(*queue, id);
          queue->wake_consumer();
        }
        queue->close_by_producer();
      }};
      subscription ticks = reader_of(std::move(queue), all_ways[round % std::size(all_ways)]);
      std::size_t taken = 0;
      for ([[maybe_unused]] const auto& each : ticks.until(std::stop_token{})) {
        if (++taken > round % 30 && !producer_first) break;
      }
      if (producer_first && !ticks.closed()) FAIL("the feed has closed");
    }
  }
}
