#include <foxtrot/thread/worker.hpp>

#include <support/sanitizer.hpp>
#include <support/thread_state.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <new>
#include <semaphore>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;

namespace {

/// Far beyond what any of these threads needs.
constexpr auto patience = bound(10s);

void until_stopped(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock{mutex};
  never.wait(lock, stop, [] { return false; });
}

struct remark {
  severity level;
  std::string component;
  std::string message;
  std::error_code error;
};

/// What workers report, from their own threads.
class remarks {
 public:
  [[nodiscard]] diagnostics sink() {
    return diagnostics{[this](const diagnostic& said) {
      const std::lock_guard lock{mutex_};
      heard_.push_back({said.level, std::string{said.component}, std::string{said.message}, said.error});
    }};
  }
  [[nodiscard]] std::vector<remark> all() {
    const std::lock_guard lock{mutex_};
    return heard_;
  }

 private:
  std::mutex mutex_;
  std::vector<remark> heard_;
};

}  // namespace

TEST_CASE("worker: runs its body on a thread with its name", "[thread]") {
  std::promise<std::pair<std::string, std::thread::id>> told;
  worker thread{placement{.name = "strategy"}, [&told](std::stop_token) {
                  char text[16]{};
                  pthread_getname_np(pthread_self(), text, sizeof(text));
                  told.set_value({text, std::this_thread::get_id()});
                }};
  const auto [name, id] = told.get_future().get();
  CHECK(name == "strategy");
  CHECK(thread.name() == "strategy");
  CHECK(id == thread.id());
  CHECK(id != std::this_thread::get_id());
  CHECK_FALSE(thread.on_this_thread());
  CHECK_FALSE(thread.placement_error());
  thread.join();
  CHECK(thread.current() == worker::state::finished);
  CHECK(thread.failure().empty());
}

TEST_CASE("worker: knows its own thread from inside", "[thread]") {
  std::promise<worker*> self;
  std::promise<bool> answer;
  worker thread{placement{}, [&](std::stop_token) { answer.set_value(self.get_future().get()->on_this_thread()); }};
  self.set_value(&thread);
  CHECK(answer.get_future().get());
}

TEST_CASE("worker: stop is asked for and waited for", "[thread]") {
  worker thread{placement{}, until_stopped};
  CHECK(thread.current() == worker::state::running);
  CHECK_FALSE(thread.finished_within(0ns));
  CHECK_FALSE(thread.stop_token().stop_requested());
  thread.request_stop();
  CHECK(thread.stop_token().stop_requested());
  CHECK(thread.finished_within(patience));
  CHECK(thread.current() == worker::state::finished);
  thread.join();
  thread.join();
  CHECK(thread.finished_within(0ns));
}

TEST_CASE("worker: destruction stops and joins", "[thread]") {
  std::atomic<bool> left{false};
  {
    const worker thread{placement{}, [&left](const std::stop_token& stop) {
                          until_stopped(stop);
                          left.store(true);
                        }};
  }
  CHECK(left.load());
}

TEST_CASE("worker: finished_within waits no longer than it is told", "[thread]") {
  worker thread{placement{}, until_stopped};
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(thread.finished_within(20ms));
  const auto waited = std::chrono::steady_clock::now() - start;
  CHECK(waited >= 20ms);
  CHECK(waited < patience);
}

TEST_CASE("worker: finished_within is woken by the end", "[thread]") {
  std::binary_semaphore go{0};
  worker thread{placement{}, [&go](std::stop_token) { go.acquire(); }};
  std::promise<pid_t> started;
  std::promise<bool> finished;
  std::jthread waiter{[&] {
    started.set_value(foxtrot_test::this_thread());
    finished.set_value(thread.finished_within(patience));
  }};
  REQUIRE(foxtrot_test::falls_asleep(started.get_future().get()));
  go.release();
  CHECK(finished.get_future().get());
}

TEST_CASE("worker: finished_within may wait for ever", "[thread]") {
  std::binary_semaphore go{0};
  const worker thread{placement{}, [&go](std::stop_token) { go.acquire(); }};
  CHECK_FALSE(thread.finished_within(std::chrono::nanoseconds::min()));
  const std::jthread releaser{[&go] { go.release(); }};
  CHECK(thread.finished_within(std::chrono::nanoseconds::max()));
}

TEST_CASE("worker: an exception is kept with its text and reported", "[thread]") {
  remarks heard;
  worker thread{placement{.name = "broken"}, [](std::stop_token) { throw std::runtime_error{"no such luck"}; },
                heard.sink()};
  CHECK(thread.finished_within(patience));
  CHECK(thread.current() == worker::state::failed);
  CHECK(thread.failure() == "no such luck");
  const auto all = heard.all();  // reported before the state shows it
  REQUIRE(all.size() == 1);
  CHECK(all[0].level == severity::error);
  CHECK(all[0].component == "broken");
  CHECK(all[0].message == "no such luck");
}

TEST_CASE("worker: whatever is thrown, the process goes on and the failure has a text", "[thread]") {
  class silent final : public std::exception {
   public:
    const char* what() const noexcept override { return ""; }
  };
  worker number{placement{}, [](std::stop_token) { throw 42; }};
  worker wordless{placement{}, [](std::stop_token) { throw silent{}; }};
  worker memory{placement{}, [](std::stop_token) { throw std::bad_alloc{}; }};
  for (worker* each : {&number, &wordless, &memory}) {
    CHECK(each->finished_within(patience));
    CHECK(each->current() == worker::state::failed);
    CHECK_FALSE(each->failure().empty());
  }
}

TEST_CASE("worker: a CPU that is not there leaves it running where it may", "[thread]") {
  remarks heard;
  std::promise<int> cpus;
  worker thread{placement{.name = "lost", .cpu = 1 << 20},
                [&cpus](const std::stop_token& stop) {
                  cpu_set_t set;
                  CPU_ZERO(&set);
                  pthread_getaffinity_np(pthread_self(), sizeof(set), &set);
                  cpus.set_value(CPU_COUNT(&set));
                  until_stopped(stop);
                },
                heard.sink()};
  CHECK(thread.placement_error() == errc::bad_placement);  // final as soon as the constructor is back
  cpu_set_t own;
  CPU_ZERO(&own);
  pthread_getaffinity_np(pthread_self(), sizeof(own), &own);
  CHECK(cpus.get_future().get() == CPU_COUNT(&own));
  CHECK(thread.current() == worker::state::running);
  thread.request_stop();
  thread.join();
  CHECK(thread.current() == worker::state::finished);
  const auto all = heard.all();
  REQUIRE(all.size() == 1);
  CHECK(all[0].level == severity::warning);
  CHECK(all[0].error == errc::bad_placement);
}

TEST_CASE("worker: moves while it runs", "[thread]") {
  worker first{placement{.name = "moved"}, until_stopped};
  const auto id = first.id();
  worker second{std::move(first)};
  CHECK(second.id() == id);
  CHECK(second.name() == "moved");
  CHECK(second.current() == worker::state::running);
  second.request_stop();
  second.join();
  CHECK(second.current() == worker::state::finished);
}

TEST_CASE("worker: takes a body that can only be moved", "[thread]") {
  auto owned = std::make_unique<int>(5);
  std::promise<int> told;
  worker thread{placement{}, [owned = std::move(owned), &told](std::stop_token) { told.set_value(*owned); }};
  CHECK(told.get_future().get() == 5);
}

TEST_CASE("worker: state may be asked from many threads", "[thread][stress]") {
  for (int round = 0; round < 20; ++round) {
    std::latch together{4};
    worker thread{placement{}, [&together](std::stop_token) {
                    together.arrive_and_wait();
                    throw std::runtime_error{"asked"};
                  }};
    std::atomic<int> right{0};
    {
      std::vector<std::jthread> askers;
      for (int i = 0; i < 3; ++i) {
        askers.emplace_back([&] {
          together.arrive_and_wait();
          thread.request_stop();
          if (thread.finished_within(patience) && thread.current() == worker::state::failed &&
              thread.failure() == "asked") {
            right.fetch_add(1);
          }
        });
      }
    }
    CHECK(right.load() == 3);
  }
}
