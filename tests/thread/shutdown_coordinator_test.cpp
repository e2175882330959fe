#include <foxtrot/thread/shutdown_coordinator.hpp>

#include <support/child_process.hpp>
#include <support/process_threads.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <iterator>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;
using foxtrot_test::child_line;
using foxtrot_test::child_process;

namespace {

/// What happened, in its order.
class event_list {
 public:
  void add(std::string what) {
    const std::lock_guard lock{mutex_};
    all_.push_back(std::move(what));
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<std::string> all() const {
    const std::lock_guard lock{mutex_};
    return all_;
  }
  [[nodiscard]] bool has(std::string_view part) const {
    const std::lock_guard lock{mutex_};
    return find(part);
  }
  /// False after a time that only a hang takes.
  bool sees(std::string_view part) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, bound(10s), [&] { return find(part); });
  }

 private:
  [[nodiscard]] bool find(std::string_view part) const {
    return std::any_of(all_.begin(), all_.end(),
                       [part](const std::string& each) { return each.find(part) != each.npos; });
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

/// Something that hangs until the test lets it go.
class gate {
 public:
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_{false};
};

/// A coordinator on a clock that stands still, whose end of the process is one more event.
struct scene {
  event_list events;
  event_list remarks;
  manual_time time;
  std::vector<registered_component> handles;
  shutdown_coordinator coordinator{
      shutdown_settings{.deadline = 20s,
                        .on_terminate = false,
                        .exit = [this](int status) { events.add("exit " + std::to_string(status)); }},
      diagnostics{[this](const diagnostic& told) {
        remarks.add(std::string{to_string(told.level)} + " " + std::string{told.message});
      }},
      time};

  gate stuck;

  ~scene() {
    stuck.open();
    handles.clear();
  }

  /// An action that hangs until the end of the scene.
  [[nodiscard]] std::function<void()> hanging(const std::string& name) {
    return [this, name] {
      events.add("hangs in " + name);
      stuck.pass();
    };
  }

  void add(const std::string& name) {
    handles.push_back(coordinator.add(name, {.stop = [this, name] { events.add("stop " + name); },
                                             .force = [this, name] { events.add("force " + name); }}));
  }
  /// Advances in steps of a tenth of a second until the shutdown is over.
  void run_to_end() {
    while (!coordinator.wait_for(2ms)) time.advance(100ms);
  }
  [[nodiscard]] component_report report_of(std::string_view name) const {
    for (component_report& each : coordinator.report().components)
      if (each.name == name) return std::move(each);
    return {};
  }
  /// Waits until its stop has not only run, but is known to have returned. False after a time that only a hang takes.
  [[nodiscard]] bool sees_stopped(std::string_view name) const {
    const auto patience = std::chrono::steady_clock::now() + bound(10s);
    while (!report_of(name).stopped) {
      if (std::chrono::steady_clock::now() > patience) return false;
      std::this_thread::yield();
    }
    return true;
  }
};

using strings = std::vector<std::string>;

std::ptrdiff_t entries(const char* directory) {
  return std::distance(std::filesystem::directory_iterator{directory}, std::filesystem::directory_iterator{});
}

}  // namespace

TEST_CASE("shutdown_coordinator: stops what is registered, the latest first", "[thread]") {
  scene s;
  for (const char* name : {"first", "second", "third"}) s.add(name);
  CHECK_FALSE(s.coordinator.stop_token().stop_requested());
  CHECK(s.coordinator.report().phase == shutdown_phase::none);
  CHECK(s.coordinator.shutdown("enough") == to_status(exit_code::clean));
  CHECK(s.events.all() == strings{"stop third", "stop second", "stop first"});
  CHECK(s.coordinator.stop_token().stop_requested());
  const shutdown_report report = s.coordinator.report();
  CHECK(report.reason == "enough");
  CHECK(report.phase == shutdown_phase::over);
  REQUIRE(report.components.size() == 3);
  CHECK(report.components[0].name == "third");
  for (const component_report& each : report.components) CHECK(each.clean());
  CHECK(report.text().find("shutdown (enough): over") == 0);
  CHECK(s.remarks.sees("info begins: enough"));
}

TEST_CASE("shutdown_coordinator: begun again and again it is one shutdown with the first reason", "[thread]") {
  scene s;
  s.add("only");
  s.coordinator.request_stop("first");
  s.coordinator.request_stop("second");
  CHECK(s.coordinator.shutdown("third") == 0);
  CHECK(s.coordinator.shutdown() == 0);
  CHECK(s.coordinator.report().reason == "first");
  CHECK(s.events.all() == strings{"stop only"});
}

TEST_CASE("shutdown_coordinator: the token stops before any component does", "[thread]") {
  scene s;
  const std::stop_callback told{s.coordinator.stop_token(), [&] { s.events.add("token"); }};
  s.add("component");
  CHECK(s.coordinator.shutdown() == 0);
  CHECK(s.events.all() == strings{"token", "stop component"});
}

TEST_CASE("shutdown_coordinator: a component that hangs costs the others its share of the time", "[thread]") {
  scene s;
  s.add("first");
  s.handles.push_back(s.coordinator.add("slow", {.stop = s.hanging("slow")}));
  s.add("last");
  s.coordinator.request_stop();
  REQUIRE(s.events.sees("hangs in slow"));
  for (int i = 0; i < 69; ++i) s.time.advance(100ms);  // two share 14 s
  CHECK_FALSE(s.events.has("stop first"));
  s.time.advance(200ms);
  CHECK(s.events.sees("stop first"));
  CHECK(s.remarks.sees("warning slow takes its time to stop"));
  s.stuck.open();
  REQUIRE(s.coordinator.wait_for(bound(10s)));
  CHECK(s.coordinator.report().code() == exit_code::clean);
  CHECK(s.report_of("slow").took >= 7s);
}

TEST_CASE("shutdown_coordinator: what hangs in stop is forced after 70 % of the deadline", "[thread]") {
  scene s;
  s.add("other");
  s.handles.push_back(s.coordinator.add("slow", {.stop = s.hanging("slow"), .force = [&] {
                                                   s.events.add("forced");
                                                   s.stuck.open();
                                                 }}));
  s.coordinator.request_stop();
  REQUIRE(s.events.sees("hangs in slow"));
  s.time.advance(13'900ms);
  REQUIRE(s.sees_stopped("other"));
  CHECK_FALSE(s.events.has("forced"));
  s.time.advance(200ms);
  CHECK(s.events.sees("forced"));
  REQUIRE(s.coordinator.wait_for(bound(10s)));
  CHECK(s.coordinator.report().code() == exit_code::unclean);
  CHECK(s.report_of("slow").phase == shutdown_phase::force);
  CHECK(s.report_of("other").clean());
  CHECK_FALSE(s.events.has("force other"));
  CHECK_FALSE(s.events.has("exit"));
}

TEST_CASE("shutdown_coordinator: what hangs in everything is named, and at the deadline the process ends", "[thread]") {
  // hangs in: stop, stop and force, stop and force and who
  for (int hangs = 1; hangs <= 3; ++hangs) {
    INFO(hangs);
    scene s;
    s.add("first");
    const auto force = [&] {
      s.events.add("force rogue");
      if (hangs >= 2) s.stuck.pass();
    };
    const auto who = [&] {
      if (hangs >= 3) s.stuck.pass();
      return std::string{"thread 4711"};
    };
    s.handles.push_back(s.coordinator.add("rogue", {.stop = s.hanging("rogue"), .force = force, .who = who}));
    s.add("last");
    s.coordinator.request_stop();
    REQUIRE(s.events.sees("hangs in rogue"));
    s.time.advance(7s);  // its share
    REQUIRE(s.sees_stopped("first"));
    s.time.advance(7s);
    REQUIRE(s.events.sees("force rogue"));
    s.time.advance(4'900ms);
    CHECK_FALSE(s.remarks.has("critical"));
    s.time.advance(200ms);
    CHECK(s.remarks.sees("critical rogue does not stop"));
    CHECK(s.remarks.sees("critical threads alive: "));
    if (hangs < 3) CHECK(s.remarks.sees("critical rogue: thread 4711"));
    CHECK(s.coordinator.report().phase == shutdown_phase::emergency);
    CHECK(s.coordinator.report().code() == exit_code::stuck);
    CHECK_FALSE(s.events.has("exit"));
    CHECK_FALSE(s.coordinator.wait_for(0ms));
    s.time.advance(900ms);
    CHECK(s.events.sees("exit 1"));
    CHECK(s.coordinator.wait_for(bound(10s)));
    CHECK_FALSE(s.report_of("rogue").stopped);
    CHECK(s.report_of("last").clean());
    CHECK(s.report_of("first").clean());
    CHECK(s.coordinator.report().text().find("rogue: does not stop") != std::string::npos);
  }
}

TEST_CASE("shutdown_coordinator: whichever component hangs, wherever, the others are stopped", "[thread]") {
  constexpr std::size_t count = 4;
  for (std::size_t bad = 0; bad < count; ++bad) {
    for (const bool force_helps : {true, false}) {
      INFO(bad << " hangs, force helps: " << force_helps);
      scene s;
      for (std::size_t i = 0; i < count; ++i) {
        if (i != bad) {
          s.add(std::to_string(i));
          continue;
        }
        component_actions actions{.stop = s.hanging("bad")};
        if (force_helps) actions.force = [&] { s.stuck.open(); };
        s.handles.push_back(s.coordinator.add("bad", std::move(actions)));
      }
      s.coordinator.request_stop();
      s.run_to_end();
      for (std::size_t i = 0; i < count; ++i)
        if (i != bad) CHECK(s.report_of(std::to_string(i)).clean());
      CHECK(s.coordinator.report().code() == (force_helps ? exit_code::unclean : exit_code::stuck));
      CHECK(s.events.has("exit 1") == !force_helps);
    }
  }
}

TEST_CASE("shutdown_coordinator: what a component throws is kept, and it is forced then", "[thread]") {
  scene s;
  s.add("first");
  auto throwing = s.coordinator.add("throwing", {.stop = [] { throw std::runtime_error{"no can do"}; },
                                                 .force = [&] { s.events.add("force throwing"); }});
  auto worse = s.coordinator.add("worse", {.stop = [] { throw 1; }, .force = [] { throw std::runtime_error{""}; }});
  auto helpless = s.coordinator.add("helpless", {.stop = [] { throw std::runtime_error{"nothing"}; }});
  CHECK(s.coordinator.shutdown() == to_status(exit_code::unclean));
  CHECK(s.events.all() == strings{"stop first", "force throwing"});
  CHECK(s.report_of("throwing").said == "no can do");
  CHECK(s.report_of("worse").said == "something that is no std::exception; an exception without a text");
  CHECK(s.report_of("helpless").said == "nothing");
  CHECK(s.report_of("helpless").stopped);
  CHECK(s.report_of("first").clean());
  CHECK(s.remarks.sees("error throwing: no can do"));
}

TEST_CASE("shutdown_coordinator: every action may be left out", "[thread]") {
  scene s;
  auto nothing = s.coordinator.add("nothing", {});
  auto named = s.coordinator.add("named", {.who = [] { return std::string{"nobody"}; }});
  auto forced = s.coordinator.add("forced", {.force = [&] { s.events.add("forced"); }});
  s.add("first");
  CHECK(s.coordinator.shutdown() == to_status(exit_code::unclean));
  CHECK(s.events.all() == strings{"stop first", "forced"});  // without a stop: once the others have had theirs
}

TEST_CASE("shutdown_coordinator: a stop callback that hangs is one that is named", "[thread]") {
  scene s;
  std::optional<std::stop_callback<std::function<void()>>> blocking;
  blocking.emplace(s.coordinator.stop_token(), s.hanging("callback"));
  s.add("component");
  s.coordinator.request_stop();
  s.run_to_end();
  CHECK(s.events.all() == strings{"hangs in callback", "stop component", "exit 1"});
  CHECK(s.remarks.sees("critical stop callbacks does not stop"));
  s.stuck.open();
}

TEST_CASE("shutdown_coordinator: from inside an action it only begins, and a wait does not wait", "[thread]") {
  scene s;
  s.add("first");
  std::atomic<int> waited{-1};
  auto asking = s.coordinator.add("asking", {.stop = [&] {
                                    (void)s.coordinator.shutdown("again");
                                    waited = s.coordinator.wait() ? 1 : 0;
                                  }});
  const std::stop_callback told{s.coordinator.stop_token(), [&] { (void)s.coordinator.shutdown("callback"); }};
  CHECK(s.coordinator.shutdown("outside") == 0);
  CHECK(waited == 0);
  CHECK(s.coordinator.report().reason == "outside");
}

TEST_CASE("shutdown_coordinator: begun by a worker that it stops", "[thread]") {
  scene s;
  worker thread{placement{.name = "strategy"}, [&](const std::stop_token& stop) {
                  s.stuck.pass();  // until it is registered
                  s.coordinator.request_stop("strategy has enough");
                  while (!stop.stop_requested()) std::this_thread::yield();
                }};
  const auto handle = s.coordinator.add(thread);
  s.stuck.open();
  CHECK(s.coordinator.wait());
  CHECK(s.report_of("strategy").clean());
  CHECK(thread.finished_within(0ms));
}

TEST_CASE("shutdown_coordinator: a plain thread is asked and joined", "[thread]") {
  scene s;
  std::jthread thread{[](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
  }};
  const auto handle = s.coordinator.add("plain", thread);
  CHECK(s.coordinator.shutdown() == 0);
  CHECK_FALSE(thread.joinable());
}

TEST_CASE("shutdown_coordinator: a component that has left is not stopped", "[thread]") {
  scene s;
  for (const char* name : {"a", "b", "c"}) s.add(name);
  s.handles[1].reset();
  s.handles[1].reset();
  CHECK(s.coordinator.shutdown() == 0);
  CHECK(s.events.all() == strings{"stop c", "stop a"});
  CHECK(s.coordinator.report().components.size() == 2);
}

TEST_CASE("shutdown_coordinator: leaving waits for the action that runs", "[thread]") {
  scene s;
  s.add("first");
  s.add("waiting");
  registered_component busy = s.coordinator.add("busy", {.stop = [&] {
                                                  s.hanging("busy")();
                                                  s.events.add("done");
                                                }});
  s.coordinator.request_stop();
  REQUIRE(s.events.sees("hangs in busy"));
  s.handles.pop_back();  // not its turn yet: taken out at once
  std::jthread leaving{[&] {
    busy.reset();
    s.events.add("left");
  }};
  CHECK_FALSE(s.coordinator.wait_for(20ms));
  CHECK_FALSE(s.events.has("left"));
  s.stuck.open();
  leaving.join();
  REQUIRE(s.coordinator.wait_for(bound(10s)));
  const strings all = s.events.all();
  CHECK(std::find(all.begin(), all.end(), "left") > std::find(all.begin(), all.end(), "done"));
  CHECK(std::count(all.begin(), all.end(), "stop waiting") == 0);
  CHECK(std::count(all.begin(), all.end(), "stop first") == 1);
}

TEST_CASE("shutdown_coordinator: a component may leave inside its own action", "[thread]") {
  scene s;
  std::optional<registered_component> suicidal;
  suicidal.emplace(s.coordinator.add("suicidal", {.stop = [&] {
                                       suicidal.reset();
                                       s.events.add("still there");
                                     }}));
  CHECK(s.coordinator.shutdown() == 0);
  CHECK(s.events.all() == strings{"still there"});
}

TEST_CASE("shutdown_coordinator: one that is added during the shutdown is stopped, one after it is refused",
          "[thread]") {
  scene s;
  registered_component late;
  auto adding = s.coordinator.add(
      "adding", {.stop = [&] { late = s.coordinator.add("late", {.stop = [&] { s.events.add("stop late"); }}); }});
  s.add("last");
  CHECK(s.coordinator.shutdown() == 0);
  CHECK(late);
  CHECK(s.events.all() == strings{"stop last", "stop late"});
  CHECK_FALSE(s.coordinator.add("too late", {.stop = [] {}}));
}

TEST_CASE("shutdown_coordinator: a handle may outlive it and be moved", "[thread]") {
  std::atomic<int> stops{0};
  registered_component kept;
  {
    shutdown_coordinator coordinator{{.on_terminate = false}};
    registered_component made = coordinator.add("kept", {.stop = [&] { ++stops; }});
    kept = std::move(made);
  }  // shuts down
  CHECK(stops == 1);
  CHECK(kept);
  kept.reset();
  CHECK_FALSE(kept);
}

TEST_CASE("shutdown_coordinator: what its sink does, throw or hang, holds nothing up", "[thread]") {
  gate stuck;
  event_list events;
  manual_time time;
  std::optional<shutdown_coordinator> coordinator;
  coordinator.emplace(
      shutdown_settings{.deadline = 1s, .on_terminate = false, .exit = [&](int) { events.add("exit"); }},
      diagnostics{[&](const diagnostic&) { stuck.pass(); }}, time);
  auto rogue = coordinator->add("rogue", {.stop = [&] { stuck.pass(); }});
  coordinator->request_stop();
  for (int i = 0; i < 2000 && !events.has("exit"); ++i) {
    time.advance(10ms);
    std::this_thread::sleep_for(1ms);
  }
  CHECK(events.sees("exit"));
  stuck.open();
  rogue.reset();
  coordinator.reset();
}

TEST_CASE("shutdown_coordinator: where all have stopped, the rest of main meets the deadline, too", "[thread]") {
  {
    scene s;
    s.add("component");
    REQUIRE(s.coordinator.shutdown() == 0);
    s.time.advance(19'500ms);
    CHECK(s.remarks.sees("critical all components have stopped, but the process does not end"));
    CHECK_FALSE(s.events.has("exit"));
    s.time.advance(500ms);
    CHECK(s.events.sees("exit 1"));
  }
  event_list events;
  manual_time time;
  {
    shutdown_coordinator coordinator{
        {.until_destroyed = false, .on_terminate = false, .exit = [&](int) { events.add("exit"); }}, {}, time};
    CHECK(coordinator.shutdown() == 0);
    time.advance(1h);
  }
  CHECK_FALSE(events.has("exit"));
}

TEST_CASE("shutdown_coordinator: a scope that is left by an exception shuts down before its objects die", "[thread]") {
  event_list events;
  try {
    shutdown_coordinator coordinator{{.on_terminate = false}};
    struct thing {
      event_list& told;
      ~thing() { told.add("dies"); }
    } const object{events};
    const auto handle = coordinator.add("object", {.stop = [&] { events.add("stops"); }});
    const shutdown_scope scope{coordinator};
    throw std::runtime_error{"main fails"};
  } catch (const std::runtime_error&) {
  }
  CHECK(events.all() == strings{"stops", "dies"});
}

TEST_CASE("shutdown_coordinator: eight threads begin it, wait for it, join and leave", "[thread][stress]") {
  for (std::size_t round = 0; round < foxtrot_test::repetitions(200); ++round) {
    std::atomic<int> stops{0};
    std::atomic<int> refused{0};
    {
      shutdown_coordinator coordinator{{.on_terminate = false}};
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
          for (int n = 0; n < 20; ++n) {
            auto handle = coordinator.add("thread", {.stop = [&] { ++stops; }});
            if (!handle) ++refused;
            if (n == i * 2) coordinator.request_stop("thread");
          }
          (void)coordinator.shutdown("the end");
        });
      }
      threads.clear();
      CHECK(coordinator.report().code() == exit_code::clean);
    }
    CHECK(stops + refused <= 160);
  }
}

TEST_CASE("shutdown_coordinator: leaves no threads and no descriptors behind", "[thread]") {
  { const shutdown_coordinator first; }  // whatever the process makes once
  const auto descriptors = entries("/proc/self/fd");
  const auto threads = foxtrot_test::settled_threads();
  for (int round = 0; round < 10; ++round) {
    shutdown_coordinator coordinator;
    auto handle = coordinator.add("one", {.stop = [] {}});
    (void)coordinator.shutdown();
  }
  CHECK(entries("/proc/self/fd") == descriptors);
  CHECK(foxtrot_test::threads_are_at_most(threads));
}

TEST_CASE("shutdown_coordinator: the guard's first signal begins it, and gives the reason", "[thread]") {
  child_process child{[](const child_line& parent) {
    signal_guard signals;
    shutdown_coordinator coordinator{signals};
    auto handle = coordinator.add("one", {.stop = [&] { parent.say('s'); }});
    parent.say('r');
    if (!coordinator.wait()) return 1;
    return coordinator.report().reason == "SIGTERM" ? coordinator.status() : 2;
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGTERM);
  CHECK(child.hear() == 's');
  CHECK(child.end() == 0);
}

TEST_CASE("shutdown_coordinator: without a guard a handler of the program's own begins it", "[thread]") {
  static shutdown_coordinator* whom = nullptr;
  child_process child{[](const child_line& parent) {
    std::signal(SIGTERM, [](int number) { whom->request_stop_from_handler(number); });
    shutdown_coordinator coordinator;
    whom = &coordinator;
    auto handle = coordinator.add("one", {.stop = [&] { parent.say('s'); }});
    parent.say('r');
    if (!coordinator.wait()) return 1;
    return coordinator.report().reason == "a signal handler: SIGTERM" ? coordinator.status() : 2;
  }};
  REQUIRE(child.hear() == 'r');
  child.signal(SIGTERM);
  CHECK(child.hear() == 's');
  CHECK(child.end() == 0);
}

TEST_CASE("shutdown_coordinator: std::terminate shuts down first, and has a status of its own", "[thread]") {
  for (const bool thrown : {true, false}) {
    child_process child{[thrown](const child_line& parent) {
      shutdown_coordinator coordinator;
      auto handle = coordinator.add("one", {.stop = [&] { parent.say('s'); }});
      const std::function<void()> end = [thrown] {
        if (thrown) throw std::runtime_error{"uncaught"};
        std::terminate();
      };
      const auto fatal = [&end]() noexcept { end(); };
      fatal();
      return 0;
    }};
    CHECK(child.hear() == 's');
    CHECK(child.end() == to_status(exit_code::uncaught));
  }
  child_process plain{[](const child_line&) {
    { const shutdown_coordinator over; }
    std::terminate();
    return 0;
  }};
  CHECK(plain.end() == -SIGABRT);
}
