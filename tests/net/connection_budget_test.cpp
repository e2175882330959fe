// tests/net/connection_budget_test.cpp: one allowance for each place, shared by all who try.
#include <foxtrot/net/connection_budget.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

constexpr steady_time start{1h};
const rate_limit_settings limit{.limit = 300, .window = 5min, .reserve = 0};

TEST_CASE("connection_budget: 300 in any five minutes, each place for itself") {
  connection_budget budget;
  for (int i = 0; i < 300; ++i) CHECK_FALSE(budget.try_spend("a:1", limit, start + i * 1s));
  const auto later = budget.try_spend("a:1", limit, start + 299s);
  REQUIRE(later);
  CHECK(*later == start + 300s);
  CHECK_FALSE(budget.try_spend("a:2", limit, start + 299s));
  CHECK(budget.try_spend("a:1", limit, start + 300s - 1ns));
  CHECK_FALSE(budget.try_spend("a:1", limit, start + 300s));
  CHECK(*budget.try_spend("a:1", limit, start + 300s) == start + 301s);
}

TEST_CASE("connection_budget: many threads spend no more than there is") {
  connection_budget budget;
  std::atomic<int> spent{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          if (!budget.try_spend("venue:443", limit, start)) spent.fetch_add(1, std::memory_order_relaxed);
        }
      });
    }
  }
  CHECK(spent.load() == 300);
}

TEST_CASE("connection_budget: the process has one") {
  CHECK(&connection_budget::shared() == &connection_budget::shared());
}

}  // namespace
