#include <foxtrot/net/async_thread_bridge.hpp>

#include <support/process_threads.hpp>
#include <support/sanitizer.hpp>
#include <support/skip.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

using namespace std::chrono_literals;
using namespace foxtrot;
using foxtrot_test::bound;
using foxtrot_test::repetitions;

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

constexpr idle every_way[] = {idle::block, idle::spin, idle::adaptive, idle::yield};

/// Waits for what another thread brings about; false where only a hang can be the reason.
template <class Predicate>
bool comes_true(Predicate done) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Holds the loop in a handler while it lives.
class held_loop {
 public:
  explicit held_loop(async_thread_bridge& bridge) {
    // shared: the handler may still be on its way out when this is gone
    bridge.post([gate = gate_] {
      gate->entered.set_value();
      gate->leave.get_future().wait();
    });
  }
  held_loop(const held_loop&) = delete;
  held_loop& operator=(const held_loop&) = delete;
  ~held_loop() { gate_->leave.set_value(); }

  void wait() { gate_->entered.get_future().wait(); }

 private:
  struct gate {
    std::promise<void> entered;
    std::promise<void> leave;
  };
  std::shared_ptr<gate> gate_{std::make_shared<gate>()};
};

}  // namespace

TEST_CASE("async_thread_bridge: call runs on the loop's thread and brings the value back", "[net]") {
  for (const idle how : every_way) {
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
  const std::size_t threads = foxtrot_test::settled_threads();
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
  bridge.join();  // nothing to do, unless the machine is so slow that the start could not wait for it
  CHECK(foxtrot_test::threads_are(threads));
  CHECK(bridge.start() == errc::closed);
}

TEST_CASE("async_thread_bridge: what a handler throws is reported and the loop goes on", "[net]") {
  std::atomic<int> reported{0};
  const diagnostics log{[&](const diagnostic& remark) { reported += remark.message == "boom" ? 1 : 0; }};
  for (const idle how : every_way) {
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
  for (const idle how : {idle::spin, idle::adaptive, idle::yield}) {
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
  const std::size_t threads = foxtrot_test::settled_threads();
  const std::size_t files = entries("/proc/self/fd");
  for (int i = 0; i < 100; ++i) {
    async_thread_bridge bridge{waiting(i % 3 == 0 ? idle::adaptive : idle::block)};
    REQUIRE_FALSE(bridge.start());
    bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
    if (i % 2 == 0) REQUIRE_FALSE(bridge.stop());
  }
  CHECK(foxtrot_test::threads_are(threads));
  CHECK(entries("/proc/self/fd") == files);
}

TEST_CASE("async_thread_bridge: one that never started stops and dies quietly", "[net]") {
  async_thread_bridge bridge;
  bridge.post([] { FAIL("nobody runs this"); });
  CHECK_FALSE(bridge.stop());
  CHECK(bridge.call([] {}, 1s) == errc::closed);
}

TEST_CASE("async_thread_bridge: a loop without work beats, however it waits", "[net]") {
  for (const idle how : every_way) {
    CAPTURE(to_string(how));
    bridge_settings settings = waiting(how);
    settings.beat_every = 1ms;
    async_thread_bridge bridge{settings};
    CHECK(bridge.pulse()->read().waiting);  // no thread, no beats
    CHECK_FALSE(bridge.health().running);
    REQUIRE_FALSE(bridge.start());
    CHECK(bridge.call([&] { return heartbeat::of_this_thread() == bridge.pulse().get(); }, 5s).value_or(false));
    CHECK_FALSE(bridge.pulse()->read().waiting);
    CHECK(bridge.health().running);
    const std::uint64_t before = bridge.pulse()->read().beats;
    CHECK(comes_true([&] { return bridge.pulse()->read().beats > before + 5; }));
    CHECK_FALSE(bridge.pulse()->read().waiting);
    CHECK(comes_true([&] { return bridge.health().beats > before + 5; }));
    CHECK_FALSE(bridge.stop());
    const auto after = bridge.pulse()->read();
    CHECK(after.waiting);
    CHECK(bridge.pulse()->read().beats == after.beats);
    CHECK_FALSE(bridge.health().running);
    CHECK(bridge.health().since_beat == 0ns);
  }
}

TEST_CASE("async_thread_bridge: a loop that is told not to beat sleeps as one that waits", "[net]") {
  for (const idle how : {idle::block, idle::adaptive}) {
    CAPTURE(to_string(how));
    bridge_settings settings = waiting(how);
    settings.beat_every = 0ms;
    async_thread_bridge bridge{settings};
    REQUIRE_FALSE(bridge.start());
    CHECK(comes_true([&] { return bridge.pulse()->read().waiting; }));
    held_loop held{bridge};
    held.wait();
    const bridge_health stuck = bridge.health();
    CHECK(stuck.loop_lag == 0ns);
    CHECK(stuck.longest_lag == 0ns);
  }
}

TEST_CASE("async_thread_bridge: a handler that does not return shows as no beats and a growing lag", "[net]") {
  for (const idle how : every_way) {
    CAPTURE(to_string(how));
    bridge_settings settings = waiting(how);
    settings.beat_every = 1ms;
    async_thread_bridge bridge{settings};
    REQUIRE_FALSE(bridge.start());
    {
      held_loop held{bridge};
      held.wait();
      const auto stuck = bridge.pulse()->read();
      CHECK_FALSE(stuck.waiting);
      CHECK(comes_true([&] { return bridge.health().loop_lag > 20ms; }));
      const bridge_health seen = bridge.health();
      CHECK(seen.running);
      CHECK(seen.since_beat > seen.loop_lag - 1ms);
      CHECK(seen.longest_lag >= 20ms);
      CHECK(bridge.pulse()->read().beats == stuck.beats);
    }
    CHECK(comes_true([&] { return bridge.health().loop_lag < 20ms; }));  // over
    CHECK(bridge.health().longest_lag >= 20ms);                          // but not forgotten
    CHECK_FALSE(bridge.stop());
  }
}

TEST_CASE("async_thread_bridge: health counts what waits and what lives", "[net]") {
  async_thread_bridge bridge;
  bridge.post([] {});
  CHECK(bridge.health().queued == 1);
  REQUIRE_FALSE(bridge.start());
  {
    held_loop held{bridge};
    held.wait();
    CHECK(bridge.health().queued == 0);  // that one has begun
    for (int i = 0; i < 5; ++i) bridge.post([] {});
    bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
    CHECK(bridge.health().queued == 6);
    CHECK(bridge.health().tasks == 0);
    CHECK(bridge.call([] {}, 1ms) == errc::timeout);
    CHECK(bridge.health().queued == 7);  // the loop has still to find out that nobody waits for it
  }
  CHECK_FALSE(bridge.call([] {}, 5s));
  CHECK(bridge.health().queued == 0);
  CHECK(bridge.health().tasks == 1);
  CHECK_FALSE(bridge.stop());
  CHECK(bridge.health().tasks == 0);
  bridge.post([] {});
  CHECK(bridge.health().queued == 1);  // never to run
}

TEST_CASE("async_thread_bridge: health may be asked for by anybody at any time", "[net][stress]") {
  bridge_settings settings;
  settings.beat_every = 1ms;
  for (int i = 0; i < 10; ++i) {
    async_thread_bridge bridge{settings};
    std::atomic<bool> over{false};
    std::vector<std::future<std::size_t>> readers;
    for (int reader = 0; reader < 2; ++reader) {
      readers.push_back(std::async(std::launch::async, [&] {
        std::size_t strange = 0;
        while (!over.load(std::memory_order_relaxed)) {
          const bridge_health seen = bridge.health();
          strange += seen.queued > 1000 || seen.loop_lag < 0ns || seen.longest_lag < 0ns ? 1U : 0U;
        }
        return strange;
      }));
    }
    REQUIRE_FALSE(bridge.start());
    for (int posted = 0; posted < 200; ++posted) bridge.post([] {});
    CHECK_FALSE(bridge.stop());
    over.store(true, std::memory_order_relaxed);
    for (auto& reader : readers) CHECK(reader.get() == 0);
  }
}

TEST_CASE("async_thread_bridge: eight threads stop it a thousand times each, and so does a callback", "[net][stress]") {
  for (const idle how : every_way) {
    CAPTURE(to_string(how));
    async_thread_bridge bridge{waiting(how)};
    REQUIRE_FALSE(bridge.start());
    for (int i = 0; i < 3; ++i) bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
    std::atomic<std::size_t> failures{0};
    bridge.post([&] {
      for (int i = 0; i < 1000; ++i) failures += bridge.stop() ? 1U : 0U;
    });
    std::vector<std::thread> stoppers;
    for (int thread = 0; thread < 8; ++thread) {
      stoppers.emplace_back([&] {
        for (std::size_t i = 0; i < repetitions(1000); ++i) failures += bridge.stop() ? 1U : 0U;
      });
    }
    for (std::thread& stopper : stoppers) stopper.join();
    CHECK(failures == 0);
    CHECK_FALSE(bridge.has_thread());
    CHECK(bridge.scope().live() == 0);
    CHECK(bridge.start() == errc::closed);
  }
}

TEST_CASE("async_thread_bridge: a stop takes no time, wherever it comes from", "[net][alone]") {
  constexpr auto at_once = 500ms;  // 50 ms are promised, one is usual
  for (const idle how : every_way) {
    CAPTURE(to_string(how));
    async_thread_bridge bridge{waiting(how)};
    REQUIRE_FALSE(bridge.start());
    bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
    const auto before = std::chrono::steady_clock::now();
    std::promise<std::error_code> asked;
    bridge.post([&] { asked.set_value(bridge.stop()); });
    CHECK_FALSE(asked.get_future().get());
    CHECK(comes_true([&] { return !bridge.health().running; }));  // nobody had to join for that
    CHECK_FALSE(bridge.stop());
    CHECK(std::chrono::steady_clock::now() - before <= bound(at_once));
  }
}

TEST_CASE("async_thread_bridge: what a callback asks for while another thread stops does not wait for it", "[net]") {
  async_thread_bridge bridge;
  REQUIRE_FALSE(bridge.start());
  std::promise<void> stopping;
  std::promise<std::error_code> started;
  std::promise<bool> has_thread;
  bridge.post([&] {
    stopping.get_future().wait();
    has_thread.set_value(bridge.has_thread());
    started.set_value(bridge.start());
    (void)bridge.stop();
  });
  auto stopped = std::async(std::launch::async, [&] {
    stopping.set_value();
    return bridge.stop();
  });
  CHECK(has_thread.get_future().get());
  const std::error_code again = started.get_future().get();
  CHECK((!again || again == errc::closed));  // by who came first
  CHECK_FALSE(stopped.get());
}

TEST_CASE("async_thread_bridge: a start whose loop is stuck for good fails all the same", "[net]") {
  bridge_settings settings;
  settings.start_timeout = 5ms;
  async_thread_bridge bridge{settings};
  {
    held_loop held{bridge};
    CHECK(bridge.start() == errc::timeout);
    CHECK(bridge.has_thread());
    CHECK(bridge.start() == errc::closed);
    CHECK(bridge.stop(1ms) == errc::timeout);
  }
  bridge.join();
  CHECK_FALSE(bridge.has_thread());
  CHECK(bridge.start() == errc::closed);
  CHECK_FALSE(bridge.stop());
}

TEST_CASE("async_thread_bridge: where no thread can be made the start says so and may be tried again", "[net]") {
  pthread_attr_t before;
  REQUIRE(pthread_getattr_default_np(&before) == 0);
  pthread_attr_t greedy;
  REQUIRE(pthread_getattr_default_np(&greedy) == 0);
  REQUIRE(pthread_attr_setstacksize(&greedy, std::size_t{1} << 46U) == 0);  // more than there is address space
  async_thread_bridge bridge;
  bridge.spawn("sleeper", sleep_for_ever(bridge.timers()));
  if (pthread_setattr_default_np(&greedy) != 0) return foxtrot_test::skip("no thread can be made to fail here");
  const std::error_code failed = bridge.start();
  REQUIRE(pthread_setattr_default_np(&before) == 0);
  pthread_attr_destroy(&greedy);
  pthread_attr_destroy(&before);
  if (!failed) return foxtrot_test::skip("a thread was made all the same");
  CHECK(failed == std::errc::resource_unavailable_try_again);
  CHECK_FALSE(bridge.has_thread());
  CHECK_FALSE(bridge.health().running);
  CHECK_FALSE(bridge.start());
  CHECK(bridge.call([&] { return bridge.scope().live(); }, 5s).value_or(0) == 1);
  CHECK_FALSE(bridge.stop());
}

TEST_CASE("async_thread_bridge: the beats end with the loop and keep nothing alive", "[net]") {
  bridge_settings settings;
  settings.beat_every = 1ms;
  for (const idle how : every_way) {
    settings.waiting = how;
    async_thread_bridge bridge{settings};
    REQUIRE_FALSE(bridge.start());
    CHECK(bridge.call([&] { return bridge.timers().size(); }, 5s).value_or(9) == 0);
    CHECK_FALSE(bridge.stop());
    const auto pulse = bridge.pulse();
    const std::uint64_t beats = pulse->read().beats;
    bridge.context().restart();
    CHECK(bridge.context().poll() == 0);  // the owner's turn: no beat is left in it
    CHECK(pulse->read().beats == beats);
  }
}
