// tests/thread/supervisor_test.cpp: who is started again after a crash, in which order, and when it ends.
#include <foxtrot/thread/supervisor.hpp>

#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

/// What happened, in order, from all threads.
class journal {
 public:
  void write(std::string line) {
    const std::lock_guard lock{mutex_};
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  [[nodiscard]] bool has(const std::string& line, std::ptrdiff_t times = 1) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, 20s, [&] { return std::ranges::count(lines_, line) >= times; });
  }
  [[nodiscard]] strings lines() {
    const std::lock_guard lock{mutex_};
    return lines_;
  }
  [[nodiscard]] strings starting_with(const std::string& prefix) {
    strings found;
    for (const std::string& line : lines()) {
      if (line.starts_with(prefix)) found.push_back(line);
    }
    return found;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  strings lines_;
};

void wait_for_stop(const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock{mutex};
  std::condition_variable_any never;
  const expected_silence nothing_to_do;
  never.wait(lock, stop, [] { return false; });
}

/// Children that write down their lives and crash as often as they are told to.
struct family {
  [[nodiscard]] child_settings child(std::string name) {
    return {.where = {.name = name}, .body = [this, name](const std::stop_token& stop) {
              book.write("start " + name);
              std::unique_lock lock{mutex};
              changed.wait(lock, stop, [&] { return doomed == name; });
              if (doomed == name) {
                doomed.clear();
                throw std::runtime_error{"doomed"};
              }
              lock.unlock();
              book.write("stop " + name);
            }};
  }
  void kill(const std::string& name) {
    {
      const std::lock_guard lock{mutex};
      doomed = name;
    }
    changed.notify_all();
  }
  [[nodiscard]] std::vector<child_settings> three() { return {child("a"), child("b"), child("c")}; }

  journal book;
  std::mutex mutex;
  std::condition_variable_any changed;
  std::string doomed;
  thread_monitor monitor;
  thread_monitor::handler_registration listening{monitor.on_event([this](const thread_event& event) {
    book.write(event.name + ' ' + std::string{to_string(event.kind)} + ' ' + std::to_string(event.restarts));
  })};
};

}  // namespace

TEST_CASE("supervisor: children start in order and stop in reverse", "[thread]") {
  family f;
  {
    supervisor keeper{f.monitor, f.three()};
    for (const char* name : {"start a", "start b", "start c"}) CHECK(f.book.has(name));
    CHECK(keeper.running());
    CHECK(f.monitor.watched() == 3);
    CHECK(keeper.stop().empty());
    CHECK(keeper.stop().empty());
    CHECK_FALSE(keeper.running());
    CHECK(f.book.starting_with("stop") == strings{"stop c", "stop b", "stop a"});
  }
  CHECK(f.monitor.watched() == 0);
  f.monitor.scan();
  CHECK(f.book.lines().size() == 6);
}

TEST_CASE("supervisor: one_for_one starts the crashed child again, and nobody else", "[thread]") {
  family f;
  supervisor keeper{f.monitor, f.three()};
  for (const char* name : {"start a", "start b", "start c"}) CHECK(f.book.has(name));
  f.kill("b");
  CHECK(f.book.has("start b", 2));
  CHECK(f.book.has("b restarted 1"));
  CHECK(f.book.has("b crashed 0"));
  CHECK(keeper.restarts() == 1);
  CHECK(f.book.starting_with("stop").empty());
  CHECK(f.book.starting_with("start").size() == 4);
  CHECK(f.monitor.watched() == 3);
  CHECK(f.monitor.all_well());
}

TEST_CASE("supervisor: one_for_all stops the others in reverse and starts all in order", "[thread]") {
  family f;
  supervisor keeper{f.monitor, f.three(), {.policy = {.strategy = restart_strategy::one_for_all}}};
  for (const char* name : {"start a", "start b", "start c"}) CHECK(f.book.has(name));
  f.kill("b");
  CHECK(f.book.has("c restarted 1"));
  for (const char* name : {"start a", "start b", "start c"}) CHECK(f.book.has(name, 2));
  CHECK(f.book.starting_with("stop") == strings{"stop c", "stop a"});
  CHECK(keeper.restarts() == 1);
}

TEST_CASE("supervisor: rest_for_one restarts what was added after the crashed child", "[thread]") {
  family f;
  supervisor keeper{f.monitor, f.three(), {.policy = {.strategy = restart_strategy::rest_for_one}}};
  for (const char* name : {"start a", "start b", "start c"}) CHECK(f.book.has(name));
  f.kill("b");
  CHECK(f.book.has("c restarted 1"));
  for (const char* name : {"start b", "start c"}) CHECK(f.book.has(name, 2));
  CHECK(f.book.starting_with("stop") == strings{"stop c"});
  CHECK(f.book.starting_with("start a").size() == 1);
}

TEST_CASE("supervisor: past its limit it gives up, says so once, and stops the others", "[thread]") {
  family f;
  std::atomic<int> lives{0};
  std::vector<child_settings> children;
  children.push_back(f.child("good"));
  children.push_back({.where = {.name = "bad"}, .body = [&lives](const std::stop_token&) {
                        ++lives;
                        throw std::runtime_error{"again"};
                      }});
  supervisor_settings settings;
  settings.policy.delay_step = 1ms;
  settings.on_give_up = [&f](std::string_view why) { f.book.write("gave up: " + std::string{why}); };
  supervisor keeper{f.monitor, std::move(children), std::move(settings)};
  CHECK(f.book.has("gave up: bad: again"));
  CHECK(f.book.has("stop good"));
  CHECK(f.book.has("bad failed 5"));
  CHECK(lives.load() == 6);  // once, and five times more
  CHECK(keeper.restarts() == 5);
  CHECK_FALSE(keeper.running());
  CHECK(keeper.stop().empty());
  CHECK(f.book.has("bad crashed 0", 6));
  CHECK(f.book.starting_with("bad restarted").size() == 5);
  CHECK(f.book.starting_with("bad failed").size() == 1);
  CHECK(f.book.starting_with("gave up").size() == 1);
}

TEST_CASE("supervisor: a child that ends well stays down", "[thread]") {
  family f;
  std::vector<child_settings> children;
  children.push_back({.where = {.name = "once"},
                      .body = [&f](const std::stop_token&) { f.book.write("did it"); },
                      .watch = {.may_return = true}});
  supervisor keeper{f.monitor, std::move(children)};
  CHECK(f.book.has("did it"));
  CHECK(keeper.stop().empty());
  CHECK(keeper.restarts() == 0);
  f.monitor.scan();
  CHECK(f.book.lines() == strings{"did it"});
}

TEST_CASE("supervisor: a child that returns unasked has crashed", "[thread]") {
  family f;
  std::atomic<int> lives{0};
  std::vector<child_settings> children;
  children.push_back({.where = {.name = "early"}, .body = [&lives](const std::stop_token& stop) {
                        if (++lives > 2) wait_for_stop(stop);
                      }});
  const supervisor keeper{f.monitor, std::move(children)};
  CHECK(f.book.has("early restarted 2"));
  CHECK(keeper.restarts() == 2);
}

TEST_CASE("supervisor: a child that does not stop in time is named, and joined by the destructor", "[thread]") {
  family f;
  std::atomic<bool> let_go{false};
  std::vector<child_settings> children;
  children.push_back(f.child("good"));
  children.push_back({.where = {.name = "rogue"}, .body = [&let_go](const std::stop_token&) {
                        while (!let_go.load(std::memory_order_acquire)) std::this_thread::yield();
                      }});
  supervisor keeper{f.monitor, std::move(children), {.stop_timeout = 20ms}};
  CHECK(f.book.has("start good"));
  CHECK(keeper.stop() == strings{"rogue"});
  CHECK(f.book.has("stop good"));  // nobody waited for the rogue
  let_go.store(true, std::memory_order_release);
}

TEST_CASE("supervisor: stop from a child and from on_give_up only asks", "[thread]") {
  family f;
  std::atomic<supervisor*> owner{nullptr};
  std::vector<child_settings> children;
  children.push_back(f.child("good"));
  children.push_back({.where = {.name = "tired"}, .body = [&](const std::stop_token& stop) {
                        while (owner.load(std::memory_order_acquire) == nullptr) std::this_thread::yield();
                        (void)owner.load()->stop();
                        wait_for_stop(stop);
                      }});
  supervisor keeper{f.monitor, std::move(children)};
  owner.store(&keeper, std::memory_order_release);
  CHECK(f.book.has("stop good"));
  CHECK(keeper.stop().empty());
}

TEST_CASE("supervisor: stops at any moment of a crash loop", "[thread][stress]") {
  for (std::size_t round = 0; round < repetitions(200); ++round) {
    thread_monitor monitor{{.scan_every = 1ms}};
    std::atomic<std::size_t> lives{0};
    std::vector<child_settings> children;
    for (const char* name : {"a", "b", "c"}) {
      children.push_back({.where = {.name = name}, .body = [&lives](const std::stop_token&) {
                            ++lives;
                            throw 1;
                          }});
    }
    const auto strategy = static_cast<restart_strategy>(round % 3);
    supervisor keeper{
        monitor, std::move(children), {.policy = {.strategy = strategy, .most_restarts = 1000, .delay_step = 0ms}}};
    while (lives.load() < round % 17) std::this_thread::yield();
    CHECK(keeper.stop().empty());
    const std::size_t at_the_end = lives.load();
    CHECK(keeper.restarts() <= 1000);
    CHECK(lives.load() == at_the_end);
  }
}
