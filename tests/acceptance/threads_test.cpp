// tests/acceptance/threads_test.cpp: what is promised of watched threads: crashes, stalls, restarts, and no false
// alarm.
#include <foxtrot/thread/supervisor.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;

/// Every event of a monitor, with the time at which it was told.
class event_log {
 public:
  struct entry {
    thread_event event;
    real::time_point when;
  };

  explicit event_log(thread_monitor& monitor)
      : listening_{monitor.on_event([this](const thread_event& event) {
          const std::lock_guard lock{mutex_};
          entries_.push_back({event, real::now()});
          changed_.notify_all();
        })} {}

  [[nodiscard]] std::vector<entry> wait_for(std::size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, 30s, [&] { return entries_.size() >= count; });
    return entries_;
  }
  [[nodiscard]] std::vector<entry> all() { return wait_for(0); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<entry> entries_;
  thread_monitor::handler_registration listening_;
};

std::chrono::nanoseconds cpu_time_of_process() {
  timespec spent{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
}

}  // namespace

TEST_CASE("threads: each of a thousand crashes is one event, at once, and the process lives", "[acceptance][alone]") {
  thread_monitor monitor;
  event_log log{monitor};
  const std::size_t crashes = repetitions(1000);
  real::duration longest{};
  for (std::size_t i = 0; i < crashes; ++i) {
    std::atomic<real::rep> thrown{0};
    const worker doomed = monitor.start({.name = "doomed"}, [&thrown, i](const std::stop_token&) {
      thrown.store(real::now().time_since_epoch().count(), std::memory_order_release);
      if (i % 2 == 0) throw std::runtime_error{"number " + std::to_string(i)};
      throw static_cast<int>(i);
    });
    const auto told = log.wait_for(i + 1);
    REQUIRE(told.size() == i + 1);
    CHECK(told[i].event.kind == thread_event_kind::crashed);
    CHECK(told[i].event.name == "doomed");
    CHECK(told[i].event.id == i + 1);
    CHECK(told[i].event.what == (i % 2 == 0 ? "number " + std::to_string(i) : "something that is no std::exception"));
    longest = std::max(longest, told[i].when - real::time_point{real::duration{thrown.load()}});
  }
  CHECK(longest < bound(100ms));  // 10 ms are promised
  CHECK(monitor.watched() == 0);
  CHECK(log.all().size() == crashes);
}

TEST_CASE("threads: a blocked loop is told of while it is stuck, and once more when it gets on",
          "[acceptance][alone]") {
  thread_monitor monitor;
  event_log log{monitor};
  std::atomic<bool> stuck{false};
  std::atomic<bool> freed{false};
  std::atomic<real::rep> last_beat{0};
  const worker loop =
      monitor.start({.name = "loop"},
                    [&](const std::stop_token& stop) {
                      const watch_scope here{"the trap"};
                      last_beat.store(real::now().time_since_epoch().count(), std::memory_order_relaxed);
                      beat();
                      stuck.store(true, std::memory_order_release);
                      while (!freed.load(std::memory_order_acquire) && !stop.stop_requested())
                        std::this_thread::yield();
                      while (!stop.stop_requested()) beat();
                    },
                    {.threshold = 100ms});
  auto told = log.wait_for(1);
  REQUIRE(told.size() == 1);
  CHECK(stuck.load());
  CHECK(told[0].event.kind == thread_event_kind::stalled);
  CHECK(told[0].event.scope == "the trap");
  CHECK(told[0].event.silent_for >= 100ms);
  // threshold, one scan, 25 ms: 150 ms are promised
  CHECK(told[0].when - real::time_point{real::duration{last_beat.load()}} < bound(1500ms));
  freed.store(true, std::memory_order_release);
  told = log.wait_for(2);
  REQUIRE(told.size() == 2);
  CHECK(told[1].event.kind == thread_event_kind::recovered);
  CHECK(told[1].event.scope == "the trap");
  CHECK(monitor.report().at(0).longest_loop >= 100ms);
}

TEST_CASE("threads: a crash loop is restarted exactly five times, then everything ends in order", "[acceptance]") {
  thread_monitor monitor;
  event_log log{monitor};
  std::stop_source program;
  std::atomic<int> lives{0};
  std::vector<child_settings> children;
  children.push_back({.where = {.name = "crasher"}, .body = [&lives](const std::stop_token&) {
                        ++lives;
                        throw std::runtime_error{"again"};
                      }});
  supervisor_settings settings;
  settings.on_give_up = [&program](std::string_view) { program.request_stop(); };
  const auto before = cpu_time_of_process();
  supervisor keeper{monitor, std::move(children), std::move(settings)};
  const auto told = log.wait_for(6 + 5 + 1);
  REQUIRE(told.size() == 12);
  CHECK(told.back().event.kind == thread_event_kind::failed);
  CHECK(told.back().event.restarts == 5);
  CHECK(keeper.stop().empty());
  CHECK(program.stop_requested());
  CHECK(lives.load() == 6);
  const auto count = [&told](thread_event_kind kind) {
    return std::ranges::count_if(told, [kind](const auto& each) { return each.event.kind == kind; });
  };
  CHECK(count(thread_event_kind::crashed) == 6);
  CHECK(count(thread_event_kind::restarted) == 5);
  CHECK(count(thread_event_kind::failed) == 1);
  CHECK(log.all().size() == 12);
  CHECK(cpu_time_of_process() - before < bound(1s));  // 150 ms of waiting between the restarts, and no spinning
}

TEST_CASE("threads: on an overloaded machine nobody is called crashed or stalled", "[acceptance][soak][alone]") {
  thread_monitor monitor;
  event_log log{monitor};
  std::stop_source over;
  std::vector<std::jthread> burners;
  for (int i = 0; i < 8; ++i) {
    burners.emplace_back([stop = over.get_token()] {
      std::uint64_t work = 1;
      while (!stop.stop_requested()) work = work * 6364136223846793005U + 1;
      static std::atomic<std::uint64_t> kept;
      kept.store(work, std::memory_order_relaxed);
    });
  }
  std::vector<worker> watched;
  for (int i = 0; i < 8; ++i) {
    watched.push_back(monitor.start({.name = "watched"}, [i](const std::stop_token& stop) {
      std::mutex mutex;
      std::unique_lock lock{mutex};
      std::condition_variable_any timer;
      while (!stop.stop_requested()) {
        beat();
        if (i % 2 == 0) (void)timer.wait_for(lock, stop, 10ms, [] { return false; });
      }
    }));
  }
  std::mutex mutex;
  std::unique_lock lock{mutex};
  std::condition_variable never;
  never.wait_for(lock, sanitized ? 3s : 60s, [] { return false; });
  CHECK(log.all().empty());
  CHECK(monitor.all_well());
  watched.clear();
  CHECK(log.all().empty());
  over.request_stop();
}

TEST_CASE("threads: ten thousand threads that come, end well and go leave no event and no entry",
          "[acceptance][stress]") {
  thread_monitor monitor{{.scan_every = 1ms}};
  event_log log{monitor};
  constexpr std::size_t each = repetitions(10'000) / 8;
  std::vector<std::jthread> makers;
  for (int i = 0; i < 8; ++i) {
    makers.emplace_back([&monitor] {
      for (std::size_t k = 0; k < each; ++k) {
        switch (k % 3) {
          case 0: {
            const worker asked = monitor.start({.name = "asked"}, [](const std::stop_token& stop) {
              const expected_silence waiting;
              while (!stop.stop_requested()) std::this_thread::yield();
            });
            break;
          }
          case 1: {
            worker own = monitor.start({.name = "own"}, [](const std::stop_token&) { beat(); }, {.may_return = true});
            own.join();
            break;
          }
          default: {
            auto place = monitor.watch("foreign", std::make_shared<heartbeat>());
            place.is_this_thread();
            place.ended({}, true);
          }
        }
      }
    });
  }
  makers.clear();
  monitor.scan();
  CHECK(log.all().empty());
  CHECK(monitor.watched() == 0);
  CHECK(monitor.handler_failures() == 0);
}

TEST_CASE("threads: who may not have its CPU or priority runs all the same, and the reason is known", "[acceptance]") {
  std::mutex mutex;
  std::vector<std::string> said;
  const diagnostics log{[&](const diagnostic& remark) {
    const std::lock_guard lock{mutex};
    said.push_back(std::string{remark.component} + ": " + std::string{remark.message});
  }};
  thread_monitor monitor{{.where = {.name = "monitor", .cpu = 1 << 20}}, log};
  event_log events{monitor};
  std::atomic<int> ran{0};
  for (const placement& where : {placement{.name = "nowhere", .cpu = 100'000}, placement{.name = "negative", .cpu = -7},
                                 placement{.name = "too high", .realtime_priority = 1000}}) {
    worker odd = monitor.start(where, [&ran](const std::stop_token&) { ++ran; }, {.may_return = true});
    odd.join();
    CHECK((odd.placement_error() == errc::bad_placement || odd.placement_error() == errc::not_permitted));
  }
  CHECK(ran.load() == 3);
  CHECK(events.all().empty());
  const std::lock_guard lock{mutex};
  CHECK(said.size() == 4);  // the monitor's as well
}
