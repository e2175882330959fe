#include <foxtrot/net/async_event.hpp>

#include <support/loop_fixture.hpp>

#include <catch2/catch.hpp>

#include <optional>

using namespace foxtrot;
using foxtrot_test::loop_fixture;

TEST_CASE("async_event: wakes its waiter from the loop, never from inside notify", "[net]") {
  loop_fixture f;
  async_event event{f.loop};
  auto waiter = f.start(event.wait());
  f.poll();
  CHECK(event.waiting());
  event.notify(errc::timeout);
  CHECK_FALSE(waiter.done());
  f.poll();
  REQUIRE(waiter.done());
  CHECK(waiter.get() == errc::timeout);
  CHECK_FALSE(event.waiting());
}

TEST_CASE("async_event: one early notification is kept", "[net]") {
  loop_fixture f;
  async_event event{f.loop};
  event.notify();
  event.notify();
  CHECK(f.run(event.wait()) == std::error_code{});
  auto second = f.start(event.wait());
  f.poll();
  CHECK_FALSE(second.done());
  event.notify();
  f.poll();
  CHECK(second.done());
}

TEST_CASE("async_event: cancellation and destruction end the wait", "[net]") {
  loop_fixture f;
  std::optional<async_event> event{std::in_place, f.loop};
  auto cancelled = f.start(event->wait());
  f.poll();
  cancelled.cancel();
  event->notify();  // too late for the one that was cancelled: kept for the next
  f.poll();
  CHECK(cancelled.done());
  CHECK(f.run(event->wait()) == std::error_code{});

  auto orphaned = f.start(event->wait());
  f.poll();
  event.reset();
  f.poll();
  REQUIRE(orphaned.done());
  CHECK(orphaned.get() == errc::cancelled);
}

TEST_CASE("async_event: a loop destroyed under a waiter takes the waiter with it", "[net]") {
  auto resource = std::make_shared<int>(1);
  {
    asio::io_context loop{1};
    auto event = std::make_shared<async_event>(loop);
    auto work = [](std::shared_ptr<async_event> on, std::shared_ptr<int> held) -> task<> {
      (void)co_await on->wait();
      *held = 2;
    };
    asio::co_spawn(loop, work(event, resource), asio::detached);
    loop.poll();
    CHECK(event->waiting());
    event.reset();  // the frame holds the last reference to its own event
    CHECK(resource.use_count() > 1);
  }
  CHECK(*resource == 1);
}
