#include <foxtrot/net/async_thread_bridge.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <future>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

using namespace std::chrono_literals;
using namespace foxtrot;

namespace {

std::size_t entries(const char* directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{directory}, {}));
}

bridge_settings waiting(idle how) {
  bridge_settings settings;
  settings.waiting = how;
  return settings;
}

task<> sleep_for_ever(timer_queue& timers) { (void)co_await timers.sleep_for(1h); }
task<> ignore_cancellation(timer_queue& timers, const std::atomic<bool>& release) {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!release) (void)co_await timers.sleep_for(1ms);
}

}  // namespace

TEST_CASE("async_thread_bridge: call runs on the loop's thread and brings the value back", "[net]") {
  for (const idle how : {idle::block, idle::spin, idle::adaptive}) {
    CAPTURE(to_string(how));
    async_thread_bridge bridge{waiting(how)};
    REQUIRE(bridge.start() == std::error_code{});
    CHECK(bridge.start() == std::error_code{});
    CHECK_FALSE(bridge.on_loop_thread());
    const auto where = bridge.call([&] { return bridge.on_loop_thread(); }, 5s);
    REQUIRE(where);
    CHECK(*where);
    int seen = 0;
    CHECK(bridge.call([&] { seen = 7; }, 5s) == std::error_code{});
    CHECK(seen == 7);
    CHECK(bridge.call([] { return make_error_code(errc::bad_url); }, 5s) == errc::bad_url);
    const auto failed = bridge.call([] { return result<int>{errc::missing_field}; }, 5s);
    CHECK(failed.error() == errc::missing_field);
    const auto nested = bridge.call([&] { return bridge.call([] { return 3; }, 0ms).value(); }, 5s);
    CHECK(nested.value_or(0) == 3);
    CHECK_THROWS_AS(bridge.call([] { throw std::runtime_error{"boom"}; }, 5s), std::runtime_error);
    const auto name = bridge.call(
        [] {
          char text[16]{};
          pthread_getname_np(pthread_self(), text, sizeof text);
          return std::string{text};
        },
        5s);
    CHECK(name.value_or("") == "net");
    CHECK(bridge.stop() == std::error_code{});
    CHECK(bridge.stop() == std::error_code{});
    CHECK(bridge.call([] {}, 5s) == errc::closed);
    CHECK(bridge.start() == errc::closed);
  }
}

TEST_CASE("async_thread_bridge: a call that timed out never runs, one that began is waited for", "[net]") {
  async_thread_bridge bridge;
  REQUIRE_FALSE(bridge.start());
  std::promise<void> unblock;
  std::promise<void> blocked;
  bridge.post([&] {
    blocked.set_value();
    unblock.get_future().wait();
  });
  blocked.get_future().wait();
  bool ran = false;
  CHECK(bridge.call([&] { ran = true; }, 5ms) == errc::timeout);
  unblock.set_value();
  CHECK_FALSE(bridge.call([] {}, 5s));
  CHECK_FALSE(ran);

  std::promise<void> go;
  std::promise<void> inside;
  auto releaser = std::async(std::launch::async, [&] {
    inside.get_future().wait();
    go.set_value();
  });
  const auto value = bridge.call(
      [&] {
        inside.set_value();
        go.get_future().wait();
        return 5;
      },
      5s);
  CHECK(value.value_or(0) == 5);
  CHECK_FALSE(bridge.stop());
}

TEST_CASE("async_thread_bridge: calls that are waiting when the loop ends are told so", "[net]") {
  async_thread_bridge bridge;
  REQUIRE_FALSE(bridge.start());
  std::promise<void> unblock;
  std::promise<void> blocked;
  bridge.post([&] {
    bridge.context().stop();  // the loop ends right after this handler
    blocked.set_value();
    unblock.get_future().wait();
  });
  blocked.get_future().wait();
  std::vector<std::future<std::error_code>> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(std::async(std::launch::async, [&] { return bridge.call([] {}, 10s); }));
  unblock.set_value();
  for (auto& call : calls) {
    const auto outcome = call.get();  // ran in the last round, or was refused; never left hanging
    CHECK((!outcome || outcome == errc::closed));
  }
  CHECK_FALSE(bridge.stop());
  CHECK(bridge.call([] {}, 10s) == errc::closed);
}

TEST_CASE("async_thread_bridge: stop ends the tasks of its scope", "[net]") {
  async_thread_bridge bridge;
  REQUIRE_FALSE(bridge.start());
  for (int i = 0; i < 10; ++i) bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
  const auto live = bridge.call([&] { return bridge.scope().live(); }, 5s);
  CHECK(live.value_or(0) == 10);
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(bridge.stop());
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  CHECK(bridge.scope().live() == 0);
}

TEST_CASE("async_thread_bridge: an orphan does not hold the stop, and is named", "[net]") {
  std::mutex mutex;
  std::vector<std::string> lines;
  const diagnostics log{[&](const diagnostic& remark) {
    const std::lock_guard lock{mutex};
    lines.emplace_back(remark.message);
  }};
  std::atomic<bool> release{false};
  async_thread_bridge bridge{{}, log};
  REQUIRE_FALSE(bridge.start());
  bridge.spawn("stubborn", ignore_cancellation(bridge.timers(), release));
  REQUIRE_FALSE(bridge.call([] {}, 5s));
  CHECK(bridge.stop(20ms) == errc::timeout);
  CHECK(bridge.scope().names() == std::vector<std::string>{"stubborn"});
  const std::lock_guard lock{mutex};
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "still alive after its scope was closed: stubborn");
}

TEST_CASE("async_thread_bridge: stop from a callback only asks; the owner joins", "[net]") {
  async_thread_bridge bridge;
  REQUIRE_FALSE(bridge.start());
  bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
  std::promise<std::error_code> asked;
  bridge.post([&] { asked.set_value(bridge.stop()); });
  CHECK(asked.get_future().get() == std::error_code{});
  CHECK_FALSE(bridge.stop());
}

TEST_CASE("async_thread_bridge: several threads may stop it at once", "[net]") {
  async_thread_bridge bridge;
  REQUIRE_FALSE(bridge.start());
  bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
  std::vector<std::future<std::error_code>> stops;
  for (int i = 0; i < 4; ++i) stops.push_back(std::async(std::launch::async, [&] { return bridge.stop(); }));
  for (auto& stop : stops) CHECK(stop.get() == std::error_code{});
}

TEST_CASE("async_thread_bridge: a start that times out leaves no thread", "[net]") {
  std::thread{[] {}}.join();  // a sanitizer starts a thread of its own with the first
  const std::size_t threads = entries("/proc/self/task");
  bridge_settings settings;
  settings.start_timeout = 1ms;
  async_thread_bridge bridge{settings};
  std::promise<void> unblock;
  std::promise<void> entered;
  bridge.post([&] {
    entered.set_value();
    unblock.get_future().wait();
  });
  // Released only once start() has given up on the loop and asked it to stop.
  auto releaser = std::async(std::launch::async, [&] {
    entered.get_future().wait();
    while (!bridge.context().stopped()) std::this_thread::yield();
    unblock.set_value();
  });
  CHECK(bridge.start() == errc::timeout);
  releaser.get();
  CHECK(entries("/proc/self/task") == threads);
  CHECK(bridge.start() == errc::closed);
}

TEST_CASE("async_thread_bridge: what a handler throws is reported and the loop goes on", "[net]") {
  std::atomic<int> reported{0};
  const diagnostics log{[&](const diagnostic& remark) { reported += remark.message == "boom" ? 1 : 0; }};
  for (const idle how : {idle::block, idle::spin, idle::adaptive}) {
    reported = 0;
    async_thread_bridge bridge{waiting(how), log};
    REQUIRE_FALSE(bridge.start());
    bridge.post([] { throw std::runtime_error{"boom"}; });
    CHECK_FALSE(bridge.call([] {}, 5s));
    CHECK(reported == 1);
  }
}

TEST_CASE("async_thread_bridge: a spinning loop calls its pollers, runs its timers and serves its event loop",
          "[net]") {
  for (const idle how : {idle::spin, idle::adaptive}) {
    CAPTURE(to_string(how));
    async_thread_bridge bridge{waiting(how)};
    std::atomic<int> polls{0};
    std::promise<void> polled;
    std::promise<void> fired;
    timer alarm;
    REQUIRE_FALSE(bridge.start());
    auto handle = bridge.call(
        [&] {
          alarm = bridge.timers().call_after(1ms, [&] { fired.set_value(); });
          return bridge.add_poller([&] {
            if (++polls == 100) polled.set_value();
            return polls < 200;
          });
        },
        5s);
    REQUIRE(handle);
    CHECK(polled.get_future().wait_for(5s) == std::future_status::ready);
    CHECK(fired.get_future().wait_for(5s) == std::future_status::ready);
    CHECK_FALSE(bridge.call([&] { handle->release(); }, 5s));
    const int before = polls;
    CHECK_FALSE(bridge.call([] {}, 5s));
    CHECK(polls == before);
  }
}

TEST_CASE("async_thread_bridge: timers on manual time stand still until somebody moves them", "[net]") {
  manual_time time;
  async_thread_bridge bridge{{}, {}, time};
  REQUIRE_FALSE(bridge.start());
  bool fired = false;
  const auto alarm = bridge.call([&] { return bridge.timers().call_after(1h, [&] { fired = true; }); }, 5s);
  REQUIRE(alarm);
  time.advance(2h);
  CHECK(bridge.call([&] { return bridge.timers().run_due(); }, 5s).value_or(0) == 1);
  CHECK(fired);
  CHECK_FALSE(bridge.stop());
}

TEST_CASE("async_thread_bridge: a hundred starts and stops leave no thread and no descriptor", "[net]") {
  std::thread{[] {}}.join();  // a sanitizer starts a thread of its own with the first
  const std::size_t threads = entries("/proc/self/task");
  const std::size_t files = entries("/proc/self/fd");
  for (int i = 0; i < 100; ++i) {
    async_thread_bridge bridge{waiting(i % 3 == 0 ? idle::adaptive : idle::block)};
    REQUIRE_FALSE(bridge.start());
    bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
    if (i % 2 == 0) REQUIRE_FALSE(bridge.stop());
  }
  CHECK(entries("/proc/self/task") == threads);
  CHECK(entries("/proc/self/fd") == files);
}

TEST_CASE("async_thread_bridge: one that never started stops and dies quietly", "[net]") {
  async_thread_bridge bridge;
  bridge.post([] { FAIL("nobody runs this"); });
  CHECK_FALSE(bridge.stop());
  CHECK(bridge.call([] {}, 1s) == errc::closed);
}
