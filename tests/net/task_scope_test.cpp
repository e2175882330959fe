#include <foxtrot/net/task_scope.hpp>

#include <support/loop_fixture.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
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
