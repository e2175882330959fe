// tests/feed/inline_consumer_test.cpp: handlers come and go without anybody waiting for anybody in a circle.
#include <foxtrot/feed/inline_consumer.hpp>

#include <foxtrot/feed/publisher.hpp>

#include <catch2/catch.hpp>

#include <support/sanitizer.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace {

using namespace foxtrot;
using foxtrot_test::repetitions;

struct feed {
  symbol_table symbols;
  publisher out{symbols};

  void tell(int times = 1) {
    publisher::batch batch{out};
    for (int i = 0; i < times; ++i) batch.publish_status(make_status(status_code::connected, 1), venue::none);
  }
  template <class Handler>
  [[nodiscard]] inline_subscription listen(Handler handler) {
    return out.subscribe_inline({}, std::move(handler)).value();
  }
};

/// Tells until it is told to end.
class network {
 public:
  explicit network(feed& of)
      : thread_{[&of](const std::stop_token& stop) {
          while (!stop.stop_requested()) of.tell(3);
        }} {}

 private:
  std::jthread thread_;
};

}  // namespace

TEST_CASE("inline_consumer: the handlers of two feeds that cancel each other do not wait for each other", "[stress]") {
  feed one, other;
  const std::size_t rounds = repetitions(2000);
  for (std::size_t i = 0; i < rounds; ++i) {
    inline_subscription of_one, of_other;
    std::atomic<int> ready{0};
    // both are within their handlers before either cancels
    const auto cancel = [&ready](inline_subscription& which) {
      return [&ready, &which, done = false](const event&) mutable {
        if (std::exchange(done, true)) return;
        ready.fetch_add(1, std::memory_order_acq_rel);
        while (ready.load(std::memory_order_acquire) < 2) std::this_thread::yield();
        which.cancel();
      };
    };
    of_one = one.listen(cancel(of_other));
    of_other = other.listen(cancel(of_one));
    std::jthread left{[&one] { one.tell(3); }};
    other.tell(3);
    left.join();
  }
  CHECK(one.out.counters().handler_failures.get() == 0);
}

TEST_CASE("inline_consumer: handlers of two feeds that register with each other do not wait for each other",
          "[stress]") {
  feed one, other;
  const std::size_t rounds = repetitions(2000);
  for (std::size_t i = 0; i < rounds; ++i) {
    std::atomic<int> ready{0};
    std::atomic<int> calls{0};
    std::optional<inline_subscription> with_other, with_one;
    const auto add = [&](feed& where, std::optional<inline_subscription>& kept) {
      return [&](const event&) {
        if (kept) return;
        ready.fetch_add(1, std::memory_order_acq_rel);
        while (ready.load(std::memory_order_acquire) < 2) std::this_thread::yield();
        kept.emplace(where.listen([&calls](const event&) { ++calls; }));
      };
    };
    const inline_subscription of_one = one.listen(add(other, with_other));
    const inline_subscription of_other = other.listen(add(one, with_one));
    std::jthread left{[&one] { one.tell(3); }};
    other.tell(3);
    left.join();
    one.tell();
    other.tell();
    REQUIRE(calls >= 2);
  }
}

TEST_CASE("inline_consumer: after cancel, no call is under way and nothing of the handler is left", "[stress]") {
  feed busy;
  const network publishing{busy};
  const std::size_t rounds = repetitions(5000);
  std::size_t late = 0;
  for (std::size_t i = 0; i < rounds; ++i) {
    auto held = std::make_shared<std::atomic<int>>(0);
    const std::weak_ptr<std::atomic<int>> seen = held;
    auto handler = busy.listen([held](const event&) { held->fetch_add(1, std::memory_order_relaxed); });
    if (i % 2 == 0) {
      while (held->load(std::memory_order_relaxed) == 0) std::this_thread::yield();
    }
    held.reset();
    handler.cancel();
    late += seen.expired() ? 0 : 1;
  }
  CHECK(late == 0);
}

TEST_CASE("inline_consumer: many threads register and cancel while two feeds publish", "[stress]") {
  feed feeds[2];
  std::atomic<std::size_t> late{0};
  {
    const network publishing[] = {network{feeds[0]}, network{feeds[1]}};
    const auto come_and_go = [&](std::size_t self) {
      for (std::size_t i = 0; i < repetitions(2000); ++i) {
        auto alive = std::make_unique<std::atomic<bool>>(true);  // read after its end, a sanitizer would see
        inline_subscription of_other = feeds[(self + 1) % 2].listen([](const event&) {});
        auto handler = feeds[self % 2].listen([&, state = alive.get()](const event&) {
          if (!state->load(std::memory_order_relaxed)) late.fetch_add(1, std::memory_order_relaxed);
          of_other.cancel();  // of another feed, whose thread is at work
        });
        handler.cancel();
        alive->store(false, std::memory_order_relaxed);
      }
    };
    std::jthread others[] = {std::jthread{come_and_go, 0U}, std::jthread{come_and_go, 1U}};
    come_and_go(2);
  }
  CHECK(late == 0);
}

TEST_CASE("inline_consumer: a handler that another feed's handler cancels is called no more, and goes with its batch") {
  feed one, other;
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> seen = held;
  inline_subscription victim = other.listen([held](const event&) { ++*held; });
  int* const calls = std::exchange(held, nullptr).get();
  const inline_subscription killer = one.listen([&](const event&) { victim.cancel(); });
  other.tell();
  CHECK(*calls == 1);
  one.tell();
  CHECK(seen.expired());  // no batch was under way
  other.tell();
}

TEST_CASE("inline_consumer: what a cancelled handler held goes at the end of its own batch, not later") {
  feed one;
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> seen = held;
  inline_subscription itself;
  itself = one.listen([&itself, held](const event&) {
    ++*held;
    itself.cancel();
  });
  held.reset();
  {
    publisher::batch batch{one.out};
    batch.publish_status(make_status(status_code::connected, 1), venue::none);
    CHECK_FALSE(seen.expired());  // it may still be running
    batch.publish_status(make_status(status_code::connected, 2), venue::none);
    CHECK(*seen.lock() == 1);
  }
  CHECK(seen.expired());
}

TEST_CASE("inline_consumer: a handler that holds its own registration goes with the feed") {
  struct strategy {
    inline_subscription registration;
    int calls{0};
  };
  std::optional<feed> one{std::in_place};
  auto made = std::make_shared<strategy>();
  made->registration = one->listen([made](const event&) { ++made->calls; });
  const std::weak_ptr<strategy> seen = made;
  one->tell();
  CHECK(made->calls == 1);
  made.reset();
  CHECK_FALSE(seen.expired());
  one.reset();
  CHECK(seen.expired());
}

TEST_CASE("inline_consumer: a handler's end may cancel others") {
  feed one;
  auto inner = std::make_shared<inline_subscription>(one.listen([](const event&) {}));
  auto outer = one.listen([inner](const event&) {});
  inner.reset();
  one.tell();
  outer.cancel();
  auto again =
      one.listen([kept = std::make_shared<inline_subscription>(one.listen([](const event&) {}))](const event&) {});
  one.out.close();
  again.cancel();
  CHECK(one.out.subscribe_inline({}, [](const event&) {}).error() == errc::closed);
}

TEST_CASE("inline_consumer: batches of one thread may be nested, one feed publishing what another one brought") {
  feed one, other;
  int seen = 0;
  inline_subscription last = other.listen([&](const event&) { ++seen; });
  std::optional<inline_subscription> first;
  first.emplace(one.listen([&](const event&) { other.tell(); }));
  const inline_subscription second = one.listen([&](const event&) { first.reset(); });
  one.tell(2);
  one.tell();
  CHECK(seen == 1);
  last.cancel();
  other.tell();
  CHECK(seen == 1);
}
