#include <foxtrot/feed/command_queue.hpp>

#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

struct numbered {
  std::uint32_t sender;
  std::uint64_t number;
};

}  // namespace

TEST_CASE("command_queue: commands run on the loop, each once, in the order of their sender", "[stress]") {
  constexpr std::uint32_t senders = 3;
  const std::uint64_t count = repetitions(20'000);
  async_thread_bridge bridge;
  std::vector<std::uint64_t> next(senders);
  std::uint64_t faults = 0;
  std::atomic<std::uint64_t> run{0};
  command_queue<numbered> commands{bridge, 64, [&](numbered& each) {
                                     if (!bridge.on_loop_thread() || next[each.sender]++ != each.number) ++faults;
                                     run.fetch_add(1, std::memory_order_release);
                                   }};
  REQUIRE(bridge.start() == std::error_code{});
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t sender = 0; sender < senders; ++sender) {
      threads.emplace_back([&, sender] {
        for (std::uint64_t i = 0; i < count;) {
          if (commands.try_send({sender, i})) {
            ++i;
          } else {
            std::this_thread::yield();
          }
        }
      });
    }
  }
  while (run.load(std::memory_order_acquire) != senders * count) std::this_thread::yield();
  REQUIRE(bridge.stop() == std::error_code{});
  CHECK(faults == 0);
}

TEST_CASE("command_queue: a loop that is stuck takes as many as there is room for, and runs them later") {
  async_thread_bridge bridge;
  std::vector<int> seen;
  command_queue<int> commands{bridge, 4, [&](int& each) { seen.push_back(each); }};
  REQUIRE(bridge.start() == std::error_code{});
  std::promise<void> stuck;
  std::promise<void> go;
  bridge.post([&] {
    stuck.set_value();
    go.get_future().wait();
  });
  stuck.get_future().wait();
  for (int i = 0; i < 4; ++i) CHECK(commands.try_send(int{i}));
  CHECK_FALSE(commands.try_send(4));
  go.set_value();
  REQUIRE(bridge.call([] {}, std::chrono::seconds{20}) == std::error_code{});
  CHECK(commands.try_send(5));
  REQUIRE(bridge.call([] {}, std::chrono::seconds{20}) == std::error_code{});
  REQUIRE(bridge.stop() == std::error_code{});
  CHECK(seen == std::vector<int>{0, 1, 2, 3, 5});
}

TEST_CASE("command_queue: a command may send others, and never waits for who is sending") {
  async_thread_bridge bridge;
  std::vector<int> seen;
  command_queue<int>* all = nullptr;
  command_queue<int> commands{bridge, 8, [&](int& each) {
                                seen.push_back(each);
                                if (each < 3) (void)all->try_send(each + 1);
                              }};
  all = &commands;
  REQUIRE(bridge.start() == std::error_code{});
  CHECK(commands.try_send(1));
  for (int turn = 0; turn < 5; ++turn) REQUIRE(bridge.call([] {}, std::chrono::seconds{20}) == std::error_code{});
  REQUIRE(bridge.stop() == std::error_code{});
  CHECK(seen == std::vector<int>{1, 2, 3});
}
