// tests/thread/thread_monitor_test.cpp: crashes, stalls and recoveries, each told once; time moves by hand where it
// can.
#include <foxtrot/thread/thread_monitor.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

std::string text_of(const thread_event& event) {
  std::string text = event.name + ' ' + std::string{to_string(event.kind)};
  if (!event.scope.empty()) text += " in " + event.scope;
  if (!event.what.empty()) text += ": " + event.what;
  return text;
}

/// A monitor whose time stands still until a step.
struct watched {
  void step(std::chrono::milliseconds by) {
    time.advance(by);
    monitor.scan();
  }
  [[nodiscard]] strings told() { return std::exchange(events, {}); }

  manual_time time;
  thread_monitor monitor{{}, {}, time};
  strings events;
  std::vector<thread_event> whole;
  thread_monitor::handler_registration listening{monitor.on_event([this](const thread_event& event) {
    events.push_back(text_of(event));
    whole.push_back(event);
  })};
};

/// Waits for as many events; a test's time limit is somebody else's matter.
class event_log {
 public:
  explicit event_log(thread_monitor& monitor)
      : listening_{monitor.on_event([this](const thread_event& event) {
          const std::lock_guard lock{mutex_};
          events_.push_back(event);
          changed_.notify_all();
        })} {}
  [[nodiscard]] std::vector<thread_event> wait_for(std::size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, 20s, [&] { return events_.size() >= count; });
    return events_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<thread_event> events_;
  thread_monitor::handler_registration listening_;
};

}  // namespace

TEST_CASE("thread_monitor: a silent thread stalls once, and recovers once", "[thread]") {
  watched w;
  const auto pulse = std::make_shared<heartbeat>();
  const auto place = w.monitor.watch("net", pulse, {.threshold = 100ms});
  for (int i = 0; i < 100; ++i) {
    pulse->beat();
    w.step(25ms);
  }
  CHECK(w.told().empty());
  for (int i = 0; i < 4; ++i) w.step(25ms);
  CHECK(w.told().empty());  // 100 ms: not longer than the threshold
  pulse->set_scope("decode");
  w.step(25ms);
  CHECK(w.told() == strings{"net stalled in decode"});
  CHECK(w.whole.back().silent_for == 125ms);
  for (int i = 0; i < 100; ++i) w.step(25ms);
  CHECK(w.told().empty());
  CHECK_FALSE(w.monitor.all_well());
  CHECK(w.monitor.report().at(0).state == thread_state::stalled);
  pulse->set_scope(nullptr);
  pulse->beat();
  w.step(25ms);
  CHECK(w.told() == strings{"net recovered in decode"});
  CHECK(w.whole.back().silent_for == 2650ms);
  CHECK(w.monitor.all_well());
  const thread_report seen = w.monitor.report().at(0);
  CHECK(seen.state == thread_state::running);
  CHECK(seen.longest_loop == 2650ms);
  CHECK(seen.longest_scope == "decode");
  CHECK(seen.stalls == 1);
  CHECK(seen.beats == 101);
}

TEST_CASE("thread_monitor: a thread that waits is never stalled, and its waits are no loops", "[thread]") {
  watched w;
  const auto pulse = std::make_shared<heartbeat>();
  const auto place = w.monitor.watch("quiet", pulse, {.threshold = 100ms});
  pulse->set_waiting(true);
  for (int i = 0; i < 100; ++i) w.step(50ms);
  CHECK(w.monitor.report().at(0).state == thread_state::waiting);
  pulse->set_waiting(false);
  w.step(25ms);
  w.step(25ms);
  CHECK(w.told().empty());
  CHECK(w.monitor.report().at(0).longest_loop <= 75ms);
  for (int i = 0; i < 5; ++i) w.step(25ms);
  CHECK(w.told() == strings{"quiet stalled"});
  pulse->set_waiting(true);
  w.step(25ms);
  CHECK(w.told() == strings{"quiet recovered"});
}

TEST_CASE("thread_monitor: a crash is told once, with what was thrown", "[thread]") {
  thread_monitor monitor;
  event_log log{monitor};
  std::vector<std::pair<severity, std::string>> said;
  {
    worker thrower =
        monitor.start({.name = "thrower"}, [](const std::stop_token&) { throw std::runtime_error{"out of luck"}; });
    CHECK(thrower.finished_within(20s));
    const auto events = log.wait_for(1);
    REQUIRE(events.size() == 1);
    CHECK(text_of(events[0]) == "thrower crashed: out of luck");
    CHECK(events[0].id != 0);
    CHECK(monitor.report().at(0).state == thread_state::crashed);
    CHECK_FALSE(monitor.all_well());
  }
  CHECK(monitor.watched() == 0);
  CHECK(monitor.all_well());
  worker odd = monitor.start({.name = "odd"}, [](const std::stop_token&) { throw 7; });
  CHECK(text_of(log.wait_for(2).at(1)) == "odd crashed: something that is no std::exception");
  worker early = monitor.start({.name = "early"}, [](const std::stop_token&) {});
  CHECK(text_of(log.wait_for(3).at(2)) == "early crashed: returned before it was asked to");
}

TEST_CASE("thread_monitor: an end that was asked for, or that is the thread's own, is no crash", "[thread]") {
  watched w;
  {
    const worker once = w.monitor.start({.name = "once"}, [](const std::stop_token&) {}, {.may_return = true});
    CHECK(once.finished_within(20s));
    CHECK(w.monitor.report().at(0).state == thread_state::finished);
    worker asked = w.monitor.start({.name = "asked"}, [](const std::stop_token& stop) {
      while (!stop.stop_requested()) std::this_thread::yield();
    });
    CHECK(w.monitor.watched() == 2);
  }
  w.step(10s);
  CHECK(w.told().empty());
  CHECK(w.monitor.watched() == 0);
}

TEST_CASE("thread_monitor: what happened is told even when the thread's place is given up at once", "[thread]") {
  watched w;
  {
    const worker gone = w.monitor.start({.name = "gone"}, [](const std::stop_token&) { throw 1; });
    CHECK(gone.finished_within(20s));
  }
  w.step(1ms);
  CHECK(w.told() == strings{"gone crashed: something that is no std::exception"});
}

TEST_CASE("thread_monitor: registrations and monitors end in any order", "[thread]") {
  watched_thread place;
  thread_monitor::handler_registration listening;
  {
    thread_monitor monitor;
    place = monitor.watch("left", std::make_shared<heartbeat>());
    listening = monitor.on_event([](const thread_event&) {});
  }
  place.is_this_thread();
  place.ended("too late", false);
  place.cancel();
  place.cancel();
  CHECK(place.id() == 0);
}

TEST_CASE("thread_monitor: handlers may throw, end themselves and make others", "[thread]") {
  watched w;
  const auto pulse = std::make_shared<heartbeat>();
  const auto place = w.monitor.watch("net", pulse, {.threshold = 10ms});
  int calls = 0;
  int later = 0;
  thread_monitor::handler_registration self;
  std::vector<thread_monitor::handler_registration> made;
  self = w.monitor.on_event([&](const thread_event&) {
    ++calls;
    self.cancel();
    made.push_back(w.monitor.on_event([&later](const thread_event&) { ++later; }));
    w.monitor.scan();  // nothing new, and no dead end
    throw std::runtime_error{"a handler's mistake"};
  });
  w.step(20ms);
  CHECK(calls == 1);
  CHECK(later == 0);
  CHECK(w.monitor.handler_failures() == 1);
  pulse->beat();
  w.step(20ms);
  CHECK(calls == 1);
  CHECK(later == 1);
  CHECK(w.told() == strings{"net stalled", "net recovered"});
}

TEST_CASE("thread_monitor: a handler's registration waits for a call that is under way", "[thread][stress]") {
  manual_time time;
  thread_monitor monitor{{}, {}, time};
  for (std::size_t round = 0; round < repetitions(300); ++round) {
    const auto pulse = std::make_shared<heartbeat>();
    const auto place = monitor.watch("net", pulse, {.threshold = 10ms});
    std::atomic<bool> inside{false};
    auto touched = std::make_unique<int>(0);
    auto listening = monitor.on_event([&](const thread_event&) {
      inside.store(true, std::memory_order_release);
      ++*touched;
    });
    std::thread teller{[&] {
      time.advance(20ms);
      monitor.scan();
    }};
    if (round % 2 == 0) {
      while (!inside.load(std::memory_order_acquire)) std::this_thread::yield();
    }
    listening.cancel();
    touched.reset();  // the handler's: under the sanitizers a late call would show
    teller.join();
  }
  CHECK(monitor.handler_failures() == 0);
}

TEST_CASE("thread_monitor: it blames nobody for time in which it could not look itself", "[thread]") {
  // On the real clock: a monitor that is kept from scanning by a handler, while a thread is silent for longer than its
  // threshold for half of that time.
  thread_monitor monitor{{.scan_every = 5ms}};
  event_log log{monitor};
  const auto pulse = std::make_shared<heartbeat>();
  auto trigger = std::make_shared<heartbeat>();
  std::atomic<bool> held{false};
  const auto holding = monitor.on_event([&](const thread_event& event) {
    if (event.name != "trigger" || event.kind != thread_event_kind::stalled) return;
    held.store(true, std::memory_order_release);
    std::this_thread::sleep_for(400ms);  // the overload itself
  });
  const auto place = monitor.watch("innocent", pulse, {.threshold = 300ms});
  auto cause = monitor.watch("trigger", trigger, {.threshold = 1ms});
  while (!held.load(std::memory_order_acquire)) pulse->beat();
  const auto events = log.wait_for(1);
  cause.cancel();
  for (int i = 0; i < 1000; ++i) {
    pulse->beat();
    monitor.scan();
  }
  for (const thread_event& event : log.wait_for(1)) CHECK(event.name == "trigger");
}

TEST_CASE("thread_monitor: reports tell what the system counts", "[thread]") {
  thread_monitor monitor;
  std::atomic<bool> spun{false};
  worker busy = monitor.start({.name = "busy"}, [&spun](const std::stop_token& stop) {
    timespec used{};
    while (used.tv_sec == 0 && used.tv_nsec < 5'000'000) ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    std::this_thread::sleep_for(1ms);  // a voluntary switch: a thread that only spins may have none
    spun.store(true, std::memory_order_release);
    const expected_silence done;
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  while (!spun.load(std::memory_order_acquire)) std::this_thread::yield();
  const thread_report seen = monitor.report().at(0);
  CHECK(seen.name == "busy");
  CHECK(seen.tid > 0);
  CHECK(seen.cpu_time >= 5ms);
  CHECK(seen.voluntary_switches > 0);
  busy.request_stop();
  CHECK(busy.finished_within(20s));
  CHECK(monitor.report().at(0).tid == 0);
}

TEST_CASE("thread_monitor: beats and scans without news allocate nothing", "[thread]") {
  watched w;
  std::vector<std::shared_ptr<heartbeat>> hearts;
  std::vector<watched_thread> places;
  for (int i = 0; i < 64; ++i) {
    hearts.push_back(std::make_shared<heartbeat>());
    places.push_back(w.monitor.watch("t" + std::to_string(i), hearts.back()));
  }
  w.step(25ms);
  const std::size_t before = allocations();
  for (int i = 0; i < 1000; ++i) {
    for (const auto& heart : hearts) heart->beat();
    w.step(25ms);
  }
  CHECK(allocations() == before);
  CHECK(w.told().empty());
}
