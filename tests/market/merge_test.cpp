// tests/market/merge_test.cpp: several subscriptions read as one: order, fairness, sleep, ends.
#include <foxtrot/market/merge.hpp>

#include <foxtrot/market/detail/conflated_channel.hpp>
#include <foxtrot/market/detail/feed_cursor.hpp>
#include <foxtrot/market/detail/feed_ring.hpp>
#include <foxtrot/market/detail/inbox.hpp>
#include <foxtrot/market/detail/status_board.hpp>
#include <foxtrot/market/impl/merged_inbox.hpp>
#include <support/allocation_counter.hpp>
#include <support/market_events.hpp>
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
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;
using foxtrot_test::make_channel;
using foxtrot_test::no_symbols;
using foxtrot_test::publish_depth;
using foxtrot_test::publish_state;
using foxtrot_test::publish_trade;
using foxtrot_test::reader_of;
using foxtrot_test::repetitions;
using foxtrot_test::tag_of;
using foxtrot_test::told;

using strings = std::vector<std::string>;

constexpr idle all_ways[] = {idle::block, idle::spin, idle::adaptive, idle::yield};
constexpr overflow all_policies[] = {overflow::drop_oldest, overflow::drop_newest, overflow::block, overflow::conflate};

detail::consumer_filter everything() { return detail::consumer_filter::make({}, no_symbols()).value(); }
detail::symbol_states no_states() { return {std::make_shared<detail::status_board>(), everything()}; }

/// A producer with one consumer of any policy.
class source {
 public:
  explicit source(overflow policy, std::size_t capacity = 1024) {
    const subscription_settings wanted{.when_full = policy, .capacity = capacity, .level_capacity = 4096};
    switch (policy) {
      case overflow::drop_oldest:
        ring_ = std::make_shared<detail::feed_ring>(ring_settings{.capacity = capacity, .level_capacity = 4096},
                                                    no_symbols());
        break;
      case overflow::conflate: table_ = std::make_shared<detail::conflated_channel>(wanted, no_symbols()); break;
      default: queue_ = std::make_shared<detail::channel>(wanted, no_symbols()); break;
    }
  }

  [[nodiscard]] subscription reader(idle waiting) const {
    const auto made = [waiting](detail::inbox::source from) {
      return subscription{std::make_shared<detail::inbox>(std::move(from), no_states()), waiting};
    };
    if (ring_ != nullptr) return made(std::make_unique<detail::feed_cursor>(ring_, everything()));
    if (table_ != nullptr) return made(table_);
    return made(queue_);
  }

  void trade(std::uint64_t id, symbol_id symbol = symbol_id{1}, std::int64_t received_ns = 0) {
    tick_payload line;
    auto& record = line.emplace<trade_record>();
    record = {};
    record.trade_id = id;
    record.symbol = symbol;
    record.received_ns = received_ns;
    const tick_tag tag{.kind = tick_kind::trade, .where = venue::binance_spot};
    if (ring_ != nullptr) return ring_->publish(line, tag, {});
    if (table_ != nullptr) return table_->put(line, tag, {});
    const auto room = queue_->claim(0);
    if (room.payload == nullptr) return;
    *room.payload = line;
    queue_->publish(room, 0, tag.packed());
  }
  void state(status_code code) {
    const status_record record = make_status(code, 1);
    if (ring_ != nullptr) return ring_->publish_status(record, tag_of(tick_kind::status));
    if (table_ != nullptr) return table_->put_status(record, tag_of(tick_kind::status));
    queue_->publish_status(queue_->claim(0), record, tag_of(tick_kind::status));
  }
  void wake() {
    if (ring_ != nullptr) return ring_->wake_consumers();
    if (table_ != nullptr) return table_->wake_consumer();
    queue_->wake_consumer();
  }
  void close() {
    if (ring_ != nullptr) return ring_->close();
    if (table_ != nullptr) return table_->close_by_producer();
    queue_->close_by_producer();
  }
  [[nodiscard]] bool left() const {
    return table_ != nullptr ? table_->closed_by_consumer() : queue_ != nullptr && queue_->closed_by_consumer();
  }

 private:
  std::shared_ptr<detail::feed_ring> ring_;
  std::shared_ptr<detail::channel> queue_;
  std::shared_ptr<detail::conflated_channel> table_;
};

strings poll_all(subscription& from) {
  strings all;
  from.poll(10'000, [&](const event& each) { all.push_back(told(each)); });
  return all;
}

/// As market_data makes it of the parts of one feed.
subscription one_feed(std::vector<subscription> parts, std::shared_ptr<detail::parts_in_use> used) {
  return detail::merging::merge(std::move(parts), detail::joint_status{std::move(used)});
}

TEST_CASE("merge: of nothing is closed, of one is that one", "[market]") {
  subscription none = merge(subscription{}, subscription{});
  CHECK(none.closed());
  CHECK_FALSE(none.wait(std::stop_token{}));
  const auto queue = make_channel({.capacity = 8});
  subscription one = merge(subscription{}, reader_of(queue, idle::spin));
  publish_trade(*queue, 1);
  CHECK(poll_all(one) == strings{"trade 1"});
  CHECK(one.capacity() == 8);
}

TEST_CASE("merge: each keeps its order, none is left out, whatever their policies", "[market]") {
  std::vector<source> sources;
  for (const overflow policy : all_policies) sources.emplace_back(policy);
  std::vector<subscription> readers;
  for (const source& each : sources) readers.push_back(each.reader(idle::block));
  subscription all = merge(std::move(readers));
  for (std::uint64_t id = 1; id <= 100; ++id) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      // a conflating table shows the latest of each symbol, so each of its trades is of another
      sources[i].trade(1000 * i + id, symbol_id{static_cast<std::uint16_t>(id)});
    }
  }
  std::vector<std::vector<std::uint64_t>> seen(sources.size());
  CHECK(all.poll(10'000, [&](const event& each) {
    each.visit([](const status&) {}, [&](const trade& t) { seen[t.trade_id() / 1000].push_back(t.trade_id() % 1000); });
  }) == 400);
  for (auto& ids : seen) {
    REQUIRE(ids.size() == 100);
    for (std::uint64_t id = 1; id <= 100; ++id) CHECK(ids[id - 1] == id);
  }
  CHECK(all.dropped() == 0);
}

TEST_CASE("merge: a part with much to say does not keep the others from being heard", "[market]") {
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_newest, overflow::block}) {
    std::array<source, 3> parts{source{policy}, source{policy}, source{policy}};
    subscription all = merge(parts[0].reader(idle::spin), parts[1].reader(idle::spin), parts[2].reader(idle::spin));
    for (std::uint64_t id = 0; id < 500; ++id) parts[0].trade(id);
    for (std::uint64_t id = 1000; id < 1500; ++id) parts[2].trade(id);
    parts[1].trade(2000);
    std::vector<std::uint64_t> seen;
    all.poll(10'000, [&](const event& each) {
      each.visit([](const status&) {}, [&](const trade& t) { seen.push_back(t.trade_id()); });
    });
    REQUIRE(seen.size() == 1001);
    constexpr std::size_t turn = detail::merged_inbox::run;
    const auto single = std::find(seen.begin(), seen.end(), 2000);
    CHECK(static_cast<std::size_t>(single - seen.begin()) <= turn);
    std::size_t of_first = 0;
    for (std::size_t i = 0; i < 900; ++i) of_first += seen[i] < 1000 ? 1U : 0U;
    CHECK(of_first >= 450 - turn);
    CHECK(of_first <= 450 + turn);
  }
}

TEST_CASE("merge: an event is one thing: consumed by a throw, by break, and alone in its handler", "[market]") {
  source a{overflow::drop_newest};
  source b{overflow::drop_oldest};
  subscription all = merge(a.reader(idle::spin), b.reader(idle::spin));
  a.trade(1);
  a.trade(2);
  b.trade(3);
  CHECK_THROWS_AS(all.poll(10, [](const event&) { throw std::runtime_error{"first"}; }), std::runtime_error);
  for (const auto& each : all.until(std::stop_token{})) {
    CHECK(told(each) == "trade 2");
    CHECK(poll_all(all).empty());
    break;
  }
  CHECK(poll_all(all) == strings{"trade 3"});
}

TEST_CASE("merge: within a loop over a part, the merged one does not show its event again", "[market]") {
  source a{overflow::drop_newest};
  source b{overflow::drop_newest};
  subscription first = a.reader(idle::spin);
  a.trade(1);
  a.trade(2);
  b.trade(3);
  std::optional<subscription> all;
  first.poll(1, [&](const event& each) {
    CHECK(told(each) == "trade 1");
    all = merge(std::move(first), b.reader(idle::spin));
    CHECK(poll_all(*all) == strings{"trade 3"});
  });
  CHECK(poll_all(*all) == strings{"trade 2"});
}

TEST_CASE("merge: losses and capacities add up, and each loss is told in its place", "[market]") {
  source a{overflow::drop_newest, 4};
  source b{overflow::drop_newest, 8};
  subscription all = merge(a.reader(idle::spin), b.reader(idle::spin));
  CHECK(all.capacity() == 12);
  for (std::uint64_t id = 1; id <= 6; ++id) a.trade(id);
  for (std::uint64_t id = 1; id <= 11; ++id) b.trade(id);
  CHECK(all.dropped() == 5);
  const strings seen = poll_all(all);
  CHECK(std::count(seen.begin(), seen.end(), "dropped 2") == 1);
  CHECK(std::count(seen.begin(), seen.end(), "dropped 3") == 1);
  CHECK(seen.size() == 4 + 1 + 8 + 1);
}

TEST_CASE("merge: what is conflated stays current until it is read", "[market]") {
  source first{overflow::conflate};
  const source second{overflow::conflate};
  subscription both = merge(first.reader(idle::block), second.reader(idle::block));
  first.trade(1, symbol_id{1});
  first.trade(2, symbol_id{2});
  CHECK(both.poll(1, [](const event&) {}) == 1);
  for (std::uint64_t id = 100; id <= 105; ++id) first.trade(id, symbol_id{2});
  CHECK(poll_all(both) == strings{"trade 105"});
}

TEST_CASE("merge: it has closed when all have, and cancel leaves all", "[market]") {
  for (const overflow policy : all_policies) {
    source a{policy};
    source b{policy};
    subscription all = merge(a.reader(idle::block), b.reader(idle::block));
    a.trade(1);
    a.close();
    CHECK(poll_all(all) == strings{"trade 1"});
    CHECK_FALSE(all.closed());
    b.trade(2);
    b.close();
    CHECK_FALSE(all.closed());
    strings seen;
    for (const auto& each : all.until(std::stop_token{})) seen.push_back(told(each));
    CHECK(seen == strings{"trade 2"});
    CHECK(all.closed());
    all.cancel();
    if (policy != overflow::drop_oldest) CHECK((a.left() && b.left()));
  }
}

TEST_CASE("merge: whichever publishes wakes a consumer that sleeps", "[market]") {
  for (const overflow policy : all_policies) {
    for (const idle way : all_ways) {
      std::array<source, 3> parts{source{policy}, source{policy}, source{policy}};
      subscription all = merge(parts[0].reader(way), parts[1].reader(way), parts[2].reader(way));
      std::promise<pid_t> started;
      std::atomic<std::uint64_t> heard{0};
      std::jthread consumer{[&] {
        started.set_value(foxtrot_test::this_thread());
        for (const auto& each : all.until(std::stop_token{})) {
          each.visit([](const status&) {}, [&](const trade& t) { heard = t.trade_id(); });
        }
      }};
      const pid_t thread = started.get_future().get();
      const bool sleeps = way == idle::block || way == idle::adaptive;
      for (std::uint64_t id = 1; id <= 9; ++id) {
        if (sleeps) REQUIRE(foxtrot_test::falls_asleep(thread));
        parts[id % 3].trade(id);
        parts[id % 3].wake();
        while (heard != id) std::this_thread::yield();
      }
      parts[0].close();
      parts[2].close();
      if (sleeps) REQUIRE(foxtrot_test::falls_asleep(thread));
      parts[1].close();  // wakes it, too
    }
  }
}

TEST_CASE("merge: a stop, an end of patience and a nested merge", "[market]") {
  source a{overflow::drop_oldest};
  source b{overflow::drop_newest};
  source c{overflow::conflate};
  subscription all = merge(merge(a.reader(idle::block), b.reader(idle::block)), c.reader(idle::block));
  CHECK_FALSE(all.wait(std::stop_token{}, 1ms));
  std::stop_source stop;
  std::promise<pid_t> started;
  std::atomic<std::uint64_t> heard{0};
  std::jthread consumer{[&] {
    started.set_value(foxtrot_test::this_thread());
    for (const auto& each : all.until(stop.get_token())) {
      each.visit([](const status&) {}, [&](const trade& t) { heard = t.trade_id(); });
    }
  }};
  const pid_t thread = started.get_future().get();
  std::uint64_t id = 0;
  for (source* each : {&a, &b, &c, &b, &a}) {
    REQUIRE(foxtrot_test::falls_asleep(thread));
    each->trade(++id);
    each->wake();
    while (heard != id) std::this_thread::yield();
  }
  REQUIRE(foxtrot_test::falls_asleep(thread));
  stop.request_stop();
  consumer.join();
  CHECK_FALSE(all.closed());
}

TEST_CASE("merge: producers that wait for room go on", "[market]") {
  source a{overflow::block, 4};
  source b{overflow::block, 4};
  subscription all = merge(a.reader(idle::block), b.reader(idle::block));
  constexpr std::uint64_t count = 2'000;
  const auto produce = [](source& to) {
    for (std::uint64_t id = 1; id <= count; ++id) {
      to.trade(id);
      to.wake();
    }
    to.close();
  };
  std::jthread first{[&] { produce(a); }};
  std::jthread second{[&] { produce(b); }};
  std::uint64_t seen = 0;
  for ([[maybe_unused]] const auto& each : all.until(std::stop_token{}, bound(20s))) ++seen;
  CHECK(seen == 2 * count);
  CHECK(all.dropped() == 0);
}

TEST_CASE("merge: several producers at once lose no event and no wake-up", "[market]") {
  const std::uint64_t count = repetitions(40'000);
  for (const idle way : {idle::block, idle::adaptive}) {
    for (const overflow policy : {overflow::drop_oldest, overflow::block}) {
      std::array<source, 3> parts{source{policy, 256}, source{policy, 256}, source{policy, 256}};
      subscription all = merge(parts[0].reader(way), parts[1].reader(way), parts[2].reader(way));
      const auto produce = [](source& to, std::uint64_t base) {
        for (std::uint64_t id = 1; id <= count; ++id) {
          to.trade(base + id);
          if (id % 3 == 0) to.wake();
          if (id % 64 == 0) std::this_thread::yield();
        }
        to.close();
      };
      std::jthread first{[&] { produce(parts[0], 1U << 24); }};
      std::jthread second{[&] { produce(parts[1], 2U << 24); }};
      std::jthread third{[&] { produce(parts[2], 3U << 24); }};
      std::array<std::uint64_t, 4> last{};
      std::uint64_t seen = 0;
      bool in_order = true;
      for (const auto& each : all.until(std::stop_token{}, bound(20s))) {
        each.visit([](const status&) {},
                   [&](const trade& t) {
                     auto& before = last[t.trade_id() >> 24];
                     in_order = in_order && t.trade_id() > before;
                     before = t.trade_id();
                     ++seen;
                   });
      }
      CHECK(in_order);
      CHECK(all.closed());  // and not out of patience
      CHECK(seen + all.dropped() == 3 * count);
    }
  }
}

TEST_CASE("merge: consumers come and go while producers wake", "[market]") {
  std::array<source, 2> parts{source{overflow::drop_oldest}, source{overflow::drop_oldest}};
  std::vector<std::jthread> producers;
  for (source& each : parts) {
    producers.emplace_back([&each](const std::stop_token& stop) {
      for (std::uint64_t id = 1; !stop.stop_requested(); ++id) {
        each.trade(id);
        each.wake();
      }
    });
  }
  for (std::size_t i = 0; i < repetitions(2'000); ++i) {
    subscription all = merge(parts[0].reader(idle::block), parts[1].reader(idle::block));
    REQUIRE(all.wait(std::stop_token{}, bound(20s)));
  }
}

TEST_CASE("merge: the latest of a symbol is the newest of all parts'", "[market]") {
  source a{overflow::conflate};
  source b{overflow::conflate};
  subscription all = merge(a.reader(idle::spin), b.reader(idle::spin));
  const symbol_id symbol = no_symbols().intern("BTCUSDT").value();
  CHECK_FALSE(all.latest<trade>(symbol));
  b.trade(1, symbol, 100);
  REQUIRE(all.latest<trade>(symbol));
  CHECK(all.latest<trade>("BTCUSDT")->trade_id() == 1);
  a.trade(2, symbol, 200);
  CHECK(all.latest<trade>(symbol)->trade_id() == 2);
  b.trade(3, symbol, 150);
  CHECK(all.latest<trade>(symbol)->trade_id() == 2);
}

TEST_CASE("merge: reading allocates nothing", "[market]") {
  source a{overflow::drop_oldest};
  source b{overflow::drop_newest};
  source c{overflow::conflate};
  subscription all = merge(a.reader(idle::block), b.reader(idle::block), c.reader(idle::block));
  std::size_t seen = 0;
  const auto round = [&] {
    for (std::uint64_t id = 1; id <= 100; ++id) {
      a.trade(id);
      b.trade(id);
      c.trade(id);
    }
    all.poll(1000, [&seen](const event&) { ++seen; });
    (void)all.wait(std::stop_token{}, 1us);
  };
  round();
  const std::size_t before = foxtrot_test::allocations();
  round();
  CHECK(foxtrot_test::allocations() == before);
  CHECK(seen >= 2 * 201);
}

TEST_CASE("merge: feeds with tables of their own name their own symbols", "[market]") {
  symbol_table first;
  symbol_table second;
  const symbol_id one = first.intern("ONE").value();
  const symbol_id two = second.intern("TWO").value();
  const auto reader = [](symbol_table& table, std::shared_ptr<detail::channel>& queue) {
    queue = std::make_shared<detail::channel>(subscription_settings{.capacity = 8}, table);
    return subscription{std::make_shared<detail::inbox>(queue, no_states()), idle::spin};
  };
  std::shared_ptr<detail::channel> a;
  std::shared_ptr<detail::channel> b;
  subscription all = merge(reader(first, a), reader(second, b));
  const auto publish = [](detail::channel& to, symbol_id symbol) {
    const auto room = to.claim(0);
    auto& record = room.payload->emplace<trade_record>();
    record = {};
    record.symbol = symbol;
    to.publish(room, 0, tag_of(tick_kind::trade));
  };
  publish(*a, one);
  publish(*b, two);
  strings names;
  all.poll(10, [&](const event& each) {
    each.visit([](const status&) {}, [&](const trade& t) { names.emplace_back(t.symbol().name()); });
  });
  CHECK(names == strings{"ONE", "TWO"});
}

TEST_CASE("merge: the parts of one feed are connected when all are, and lose a connection each", "[market]") {
  for (const overflow policy : all_policies) {
    auto used = std::make_shared<detail::parts_in_use>(7);
    std::array<source, 3> parts{source{policy}, source{policy}, source{policy}};
    std::vector<subscription> readers;
    for (const source& each : parts) readers.push_back(each.reader(idle::spin));
    subscription all = one_feed(std::move(readers), used);
    parts[0].state(status_code::connected);
    parts[1].state(status_code::connected);
    CHECK(poll_all(all).empty());
    parts[2].state(status_code::connected);
    CHECK(poll_all(all) == strings{"connected"});
    parts[1].state(status_code::disconnected);
    parts[1].state(status_code::reconnecting);
    CHECK(poll_all(all) == strings{"disconnected", "reconnecting"});
    parts[0].state(status_code::disconnected);
    CHECK(poll_all(all) == strings{"disconnected"});
    parts[1].state(status_code::connected);
    CHECK(poll_all(all).empty());
    parts[0].state(status_code::connected);
    CHECK(poll_all(all) == strings{"connected"});
  }
}

TEST_CASE("merge: a late consumer of a feed in parts hears one state, and before all ticks", "[market]") {
  for (const status_code second : {status_code::connected, status_code::reconnecting}) {
    auto used = std::make_shared<detail::parts_in_use>(7);
    std::array<source, 3> parts{source{overflow::drop_oldest}, source{overflow::drop_oldest},
                                source{overflow::drop_oldest}};
    for (source& each : parts) each.state(status_code::connected);
    parts[1].state(second);
    if (second == status_code::reconnecting) parts[2].state(second);
    std::vector<subscription> readers;
    for (const source& each : parts) readers.push_back(each.reader(idle::spin));
    subscription all = one_feed(std::move(readers), used);
    for (source& each : parts) each.trade(1);
    const std::string state = second == status_code::connected ? "connected" : "reconnecting";
    if (second == status_code::connected) {
      CHECK(poll_all(all) == strings{"connected", "trade 1", "trade 1", "trade 1"});
    } else {
      const strings seen = poll_all(all);
      CHECK(seen.size() == 4);
      CHECK(seen.front() == "reconnecting");
    }
  }
}

}  // namespace
