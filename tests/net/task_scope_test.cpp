#include <foxtrot/net/task_scope.hpp>

#include <support/allocation_counter.hpp>
#include <support/loop_fixture.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace foxtrot;
using foxtrot_test::loop_fixture;

namespace {

task<> sleep_task(timer_queue& timers, steady_time::duration time) { (void)co_await timers.sleep_for(time); }
task<> throwing_task(timer_queue& timers) {
  (void)co_await timers.sleep_for(1s);
  throw std::runtime_error{"boom"};
}
// Does not end when cancelled, until `release`.
task<> stubborn_task(timer_queue& timers, const bool& release) {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!release) (void)co_await timers.sleep_for(1s);
}
task<> forever(timer_queue& timers, int& rounds) {
  for (;;) {
    (void)co_await timers.sleep_for(1s);
    ++rounds;
  }
}

struct collector {
  std::vector<std::string> lines;
  diagnostics log{[this](const diagnostic& remark) {
    lines.push_back(std::string{remark.component} + ": " + std::string{remark.message});
  }};
};

}  // namespace

TEST_CASE("task_scope: counts and names what lives", "[net]") {
  loop_fixture f;
  task_scope scope{f.loop, "test"};
  CHECK(scope.spawn("short", sleep_task(f.timers, 1s)));
  CHECK(scope.spawn("long", sleep_task(f.timers, 2s)));
  CHECK(scope.live() == 2);
  CHECK(scope.names() == std::vector<std::string>{"short", "long"});
  f.advance(1s);
  CHECK(scope.live() == 1);
  CHECK(scope.names() == std::vector<std::string>{"long"});
  f.advance(1s);
  CHECK(scope.live() == 0);
  CHECK(scope.failed() == 0);
}

TEST_CASE("task_scope: an exception is counted and reported, and ends only its task", "[net]") {
  loop_fixture f;
  collector seen;
  task_scope scope{f.loop, "test", &seen.log};
  scope.spawn("bad", throwing_task(f.timers));
  scope.spawn("good", sleep_task(f.timers, 2s));
  f.advance(1s);
  CHECK(scope.failed() == 1);
  CHECK(scope.live() == 1);
  CHECK(seen.lines == std::vector<std::string>{"test: bad failed: boom"});
  f.advance(1s);
  CHECK(scope.live() == 0);
}

TEST_CASE("task_scope: cancel ends tasks in whatever wait they are, as no failure", "[net]") {
  loop_fixture f;
  collector seen;
  task_scope scope{f.loop, "test", &seen.log};
  int rounds = 0;
  scope.spawn("a", forever(f.timers, rounds));
  scope.spawn("b", forever(f.timers, rounds));
  f.advance(3s);
  CHECK(rounds == 6);
  scope.cancel();
  f.poll();
  CHECK(scope.live() == 0);
  CHECK(scope.failed() == 0);
  CHECK(f.timers.size() == 0);
  CHECK(seen.lines.empty());
  CHECK(scope.spawn("again", sleep_task(f.timers, 1s)));  // cancel is no close
  f.advance(1s);
  CHECK(scope.live() == 0);
}

TEST_CASE("task_scope: a task may cancel its own scope", "[net]") {
  loop_fixture f;
  task_scope scope{f.loop, "test"};
  int rounds = 0;
  scope.spawn("other", forever(f.timers, rounds));
  auto canceller = [](task_scope& own, timer_queue& timers, bool& after) -> task<> {
    (void)co_await timers.sleep_for(1s);
    own.cancel();
    after = true;
    (void)co_await timers.sleep_for(1h);  // throws: this task was cancelled too
    after = false;
  };
  bool after = false;
  scope.spawn("canceller", canceller(scope, f.timers, after));
  f.advance(1s);
  CHECK(scope.live() == 0);
  CHECK(after);
}

TEST_CASE("task_scope: a task that ends at once was there all the same", "[net]") {
  loop_fixture f;
  task_scope scope{f.loop, "test"};
  bool ran = false;
  auto immediate = [](bool& flag) -> task<> {
    flag = true;
    co_return;
  };
  CHECK(scope.spawn("immediate", immediate(ran)));
  f.poll();
  CHECK(ran);
  CHECK(scope.live() == 0);
}

TEST_CASE("task_scope: close waits for the last task and takes no new one", "[net]") {
  loop_fixture f;
  task_scope scope{f.loop, "test"};
  int rounds = 0;
  scope.spawn("a", forever(f.timers, rounds));
  f.poll();
  auto closing = f.start(scope.close(f.timers, 5s));
  f.poll();
  REQUIRE(closing.done());
  CHECK(closing.get() == std::error_code{});
  CHECK_FALSE(scope.spawn("late", forever(f.timers, rounds)));
  CHECK(scope.live() == 0);
  CHECK(f.run(scope.close(f.timers, 5s)) == std::error_code{});  // again: nothing to wait for
  CHECK(f.timers.size() == 0);
}

TEST_CASE("task_scope: who waits until it is idle asks nobody to end", "[net]") {
  loop_fixture f;
  collector seen;
  task_scope scope{f.loop, "test", &seen.log};
  CHECK(f.run(scope.wait_idle(f.timers, 5s)) == std::error_code{});
  scope.spawn("a", sleep_task(f.timers, 1s));
  auto waiting = f.start(scope.wait_idle(f.timers, 5s));
  f.poll();
  scope.spawn("b", sleep_task(f.timers, 2s));  // it takes new ones, and waits for them, too
  f.advance(1999ms);
  CHECK_FALSE(waiting.done());
  f.advance(1ms);
  REQUIRE(waiting.done());
  CHECK(waiting.get() == std::error_code{});

  int rounds = 0;
  scope.spawn("c", forever(f.timers, rounds));
  auto first = f.start(scope.wait_idle(f.timers, 2s));
  auto second = f.start(scope.wait_idle(f.timers, 10s));
  f.advance(2s);
  REQUIRE(first.done());
  CHECK(first.get() == errc::timeout);
  CHECK(seen.lines.empty());  // no orphan: nobody has closed it
  CHECK_FALSE(second.done());
  scope.cancel();
  f.poll();
  REQUIRE(second.done());
  CHECK(second.get() == std::error_code{});
  CHECK(f.timers.size() == 0);
}

TEST_CASE("task_scope: close gives up at its time and names the orphan", "[net]") {
  loop_fixture f;
  collector seen;
  bool release = false;
  task_scope scope{f.loop, "test", &seen.log};
  scope.spawn("stubborn", stubborn_task(f.timers, release));
  f.poll();
  auto closing = f.start(scope.close(f.timers, 5s));
  f.advance(4999ms);
  CHECK_FALSE(closing.done());
  f.advance(1ms);
  REQUIRE(closing.done());
  CHECK(closing.get() == errc::timeout);
  CHECK(scope.names() == std::vector<std::string>{"stubborn"});
  CHECK(seen.lines == std::vector<std::string>{"test: still alive after its scope was closed: stubborn"});
  release = true;
  f.advance(1s);
  CHECK(scope.live() == 0);
}

TEST_CASE("task_scope: destroyed with live tasks it reports them, cancels them and leaves nothing dangling", "[net]") {
  loop_fixture f;
  collector seen;
  auto resource = std::make_shared<int>(1);
  auto holder = [](std::shared_ptr<int> held, timer_queue& timers) -> task<> {
    (void)co_await timers.sleep_for(1h);
    *held = 2;
  };
  {
    task_scope scope{f.loop, "test", &seen.log};
    scope.spawn("holder", holder(resource, f.timers));
    f.poll();
  }
  CHECK(seen.lines == std::vector<std::string>{"test: scope destroyed before its task ended: holder"});
  f.poll();
  CHECK(resource.use_count() == 1);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("task_scope: a loop destroyed first destroys the tasks, and the scope knows", "[net]") {
  manual_time time;
  auto loop = std::make_unique<asio::io_context>(1);
  auto timers = std::make_unique<timer_queue>(*loop, time);
  std::optional<task_scope> scope{std::in_place, *loop, "test"};
  scope->spawn("sleeper", sleep_task(*timers, 1h));
  loop->poll();
  CHECK(scope->live() == 1);
  timers.reset();
  loop.reset();
  CHECK(scope->live() == 0);
}

TEST_CASE("task_scope: a name is a literal or a text of its own", "[net]") {
  loop_fixture f;
  task_scope scope{f.loop, "test"};
  std::string built = "a name that is too long to be kept in place: ";
  built += std::to_string(7);
  scope.spawn(built, sleep_task(f.timers, 1s));
  scope.spawn(std::move(built), sleep_task(f.timers, 1s));
  scope.spawn("literal", sleep_task(f.timers, 1s));
  const std::string expected = "a name that is too long to be kept in place: 7";
  CHECK(scope.names() == std::vector<std::string>{expected, expected, "literal"});
}

TEST_CASE("task_scope: tasks end in any order, and the next ones take their places", "[net]") {
  loop_fixture f;
  task_scope scope{f.loop, "test"};
  for (int round = 0; round < 3; ++round) {
    for (const auto& [name, time] : {std::pair{"first", 3s}, std::pair{"second", 1s}, std::pair{"third", 2s}})
      scope.spawn(std::string{name}, sleep_task(f.timers, time));
    CHECK(scope.names() == std::vector<std::string>{"first", "second", "third"});
    f.advance(1s);
    CHECK(scope.names() == std::vector<std::string>{"first", "third"});
    f.advance(1s);
    CHECK(scope.names() == std::vector<std::string>{"first"});
    scope.spawn("fourth", sleep_task(f.timers, 5s));
    f.advance(1s);
    CHECK(scope.names() == std::vector<std::string>{"fourth"});
    scope.cancel();
    f.poll();
    CHECK(scope.live() == 0);
  }
  for (int i = 0; i < 200; ++i) scope.spawn("crowd", sleep_task(f.timers, 1s));  // more than are kept for later
  CHECK(scope.live() == 200);
  f.advance(1s);
  CHECK(scope.live() == 0);
}

TEST_CASE("task_scope: keeping count of a task allocates nothing", "[net]") {
  asio::io_context loop{1};
  task_scope scope{loop, "test"};
  const auto nothing = []() -> task<> { co_return; };
  const auto allocated_by = [&](auto start) {
    std::size_t before = 0;
    for (int i = 0; i < 100; ++i) {
      if (i == 10) before = foxtrot_test::allocations();  // the first ones take what the later ones use
      asio::post(loop, start);
      loop.restart();
      loop.run();
    }
    return foxtrot_test::allocations() - before;
  };
  const std::size_t bare = allocated_by([&] { asio::co_spawn(loop, nothing(), asio::detached); });
  const std::size_t counted = allocated_by([&] { scope.spawn("task", nothing()); });
  CHECK(counted <= bare);
}

TEST_CASE("task_scope: a task that spawns while its scope is closing is told that it is too late", "[net]") {
  loop_fixture f;
  task_scope scope{f.loop, "test"};
  int started = 0;
  int refused = 0;
  const auto spawner = [](task_scope& own, timer_queue& timers, int& yes, int& no) -> task<> {
    co_await asio::this_coro::throw_if_cancelled(false);
    while (true) {
      const std::error_code error = co_await timers.sleep_for(1s);
      const bool taken = own.spawn("child", sleep_task(timers, 1h));
      ++(taken ? yes : no);
      if (error) co_return;
    }
  };
  scope.spawn("spawner", spawner(scope, f.timers, started, refused));
  f.advance(2s);
  CHECK(started == 2);
  CHECK(f.run(scope.close(f.timers, 5s)) == std::error_code{});
  CHECK(started == 2);
  CHECK(refused == 1);
  CHECK(scope.live() == 0);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("task_scope: orphans are named, with their age, until they end", "[net]") {
  loop_fixture f;
  bool release = false;
  task_scope scope{f.loop, "test"};
  scope.spawn("stubborn", stubborn_task(f.timers, release));
  scope.spawn("obedient", sleep_task(f.timers, 1h));
  auto closing = f.start(scope.close(f.timers, 5s));
  f.advance(4s);
  CHECK(scope.names() == std::vector<std::string>{"stubborn"});
  CHECK(scope.orphans().empty());  // it still has a second
  f.advance(1s);
  REQUIRE(closing.done());
  const auto left = scope.orphans();
  REQUIRE(left.size() == 1);
  CHECK(left[0].name == "stubborn");
  CHECK(left[0].age >= 0ns);
  CHECK(scope.orphans()[0].age >= left[0].age);
  release = true;
  f.advance(1s);
  CHECK(scope.orphans().empty());
  CHECK(scope.live() == 0);
  CHECK(f.run(scope.close(f.timers, 5s)) == std::error_code{});
}

TEST_CASE("task_scope: a second close may wait for what the first gave up", "[net]") {
  loop_fixture f;
  bool release = false;
  task_scope scope{f.loop, "test"};
  scope.spawn("stubborn", stubborn_task(f.timers, release));
  auto first = f.start(scope.close(f.timers, 5s));
  auto second = f.start(scope.close(f.timers, 10s));
  f.advance(5s);
  REQUIRE(first.done());
  CHECK(first.get() == errc::timeout);
  CHECK_FALSE(second.done());
  release = true;
  f.advance(1s);
  REQUIRE(second.done());
  CHECK(second.get() == std::error_code{});
}

TEST_CASE("task_scope: a task may destroy its scope", "[net]") {
  loop_fixture f;
  auto scope = std::make_unique<task_scope>(f.loop, "test");
  bool after = false;
  const auto destroyer = [](std::unique_ptr<task_scope>& own, timer_queue& timers, bool& lived) -> task<> {
    (void)co_await timers.sleep_for(1s);
    own.reset();
    lived = true;
    (void)co_await timers.sleep_for(1h);  // cancelled
    lived = false;
  };
  scope->spawn("other", sleep_task(f.timers, 1h));
  scope->spawn("destroyer", destroyer(scope, f.timers, after));
  f.advance(1s);
  CHECK(after);
  CHECK_FALSE(scope);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("task_scope: a loop destroyed while somebody waits for the close leaves nothing behind", "[net]") {
  manual_time time;
  auto held = std::make_shared<int>(0);
  auto loop = std::make_unique<asio::io_context>(1);
  auto timers = std::make_unique<timer_queue>(*loop, time);
  bool release = false;
  std::optional<task_scope> scope{std::in_place, *loop, "test"};
  const auto holder = [](std::shared_ptr<int>, task<> inner) -> task<> { co_await std::move(inner); };
  scope->spawn("stubborn", holder(held, stubborn_task(*timers, release)));
  scope->spawn("another", holder(held, stubborn_task(*timers, release)));
  const auto close = [](std::shared_ptr<int>, task_scope& closing, timer_queue& by) -> task<> {
    (void)co_await closing.close(by, 1h);
  };
  asio::co_spawn(*loop, close(held, *scope, *timers), asio::detached);
  loop->poll();
  CHECK(scope->live() == 2);
  SECTION("and the scope lives on") {}
  SECTION("and the scope is gone") { scope.reset(); }
  timers.reset();
  loop.reset();
  CHECK(held.use_count() == 1);
  if (scope) CHECK(scope->live() == 0);
}

TEST_CASE("task_scope: any thread may look while tasks come and go", "[net][stress]") {
  loop_fixture f;
  task_scope scope{f.loop, "test"};
  std::atomic<bool> over{false};
  auto looking = std::async(std::launch::async, [&] {
    std::size_t strange = 0;
    while (!over.load(std::memory_order_relaxed)) {
      for (const std::string& name : scope.names()) strange += name != "one" && name != "the other" ? 1U : 0U;
      strange += scope.live() > 20 || !scope.orphans().empty() || scope.failed() != 0 ? 1U : 0U;
    }
    return strange;
  });
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < 10; ++i) {
      scope.spawn("one", sleep_task(f.timers, 1s));
      scope.spawn(std::string{"the other"}, sleep_task(f.timers, 1s));
    }
    if (round % 2 == 0) scope.cancel();
    f.advance(1s);
  }
  over.store(true, std::memory_order_relaxed);
  CHECK(looking.get() == 0);
  CHECK(scope.live() == 0);
}
