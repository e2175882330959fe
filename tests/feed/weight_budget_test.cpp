// tests/feed/weight_budget_test.cpp: never more weight than is allowed, never less than could be.
#include <foxtrot/feed/weight_budget.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

constexpr steady_time start{1h};

TEST_CASE("weight_budget: two seconds' worth at once, the rest evenly") {
  weight_budget budget{600, 1.0};  // ten a second
  steady_time now = start;
  for (int i = 0; i < 4; ++i) {
    CHECK(budget.next_allowed(5, now) == now);
    budget.spend(5, now);
  }
  CHECK(budget.next_allowed(5, now) == start + 500ms);
  CHECK(budget.next_allowed(10, now) == start + 1s);
  CHECK(budget.next_allowed(0, now) == now);
  now += 500ms;
  CHECK(budget.next_allowed(5, now) == now);
  budget.spend(5, now);
  CHECK(budget.next_allowed(1, now) == now + 100ms);
  now += 1h;  // no more than two seconds' worth is kept
  budget.spend(20, now);
  CHECK(budget.next_allowed(1, now) == now + 100ms);
}

TEST_CASE("weight_budget: what is heavier than all that is kept goes when it is full, and is paid for afterwards") {
  weight_budget budget{600, 1.0};
  CHECK(budget.next_allowed(1'000, start) == start);
  budget.spend(1'000, start);
  CHECK(budget.next_allowed(1, start) == start + 98'100ms);
  CHECK(budget.next_allowed(1'000, start) == start + 100s);
}

TEST_CASE("weight_budget: a share of the limit, whatever the settings say") {
  weight_budget half{1'200, 0.5};
  half.spend(20, start);
  CHECK(half.next_allowed(10, start) == start + 1s);
  weight_budget more_than_all{600, 7.0};
  more_than_all.spend(20, start);
  CHECK(more_than_all.next_allowed(10, start) == start + 1s);
  for (const double odd : {0.0, -1.0, 1e-300}) {
    weight_budget least{0, odd};
    CHECK(least.next_allowed(1, start) == start);
    least.spend(1, start);
    const steady_time next = least.next_allowed(1, start);
    CHECK(next > start);
    CHECK(next <= start + 1000s);
  }
  weight_budget most{std::numeric_limits<std::uint32_t>::max(), 1.0};
  CHECK(most.next_allowed(1'000'000, start) == start);
}

TEST_CASE("weight_budget: nearly all of a minute's weight used, by whomever, keeps it still until the minute ends") {
  weight_budget budget{1'000, 0.5};
  budget.told(899, 30s, start);
  CHECK(budget.next_allowed(1, start) == start);
  budget.told(900, 30s, start);
  CHECK(budget.next_allowed(1, start) == start + 30s);
  CHECK(budget.next_allowed(1, start + 30s - 1ns) == start + 30s);
  CHECK(budget.next_allowed(1, start + 30s) == start + 30s);
  budget.told(4'000'000'000, 60s, start + 40s);
  CHECK(budget.next_allowed(1, start + 40s) == start + 100s);
  budget.told(10, 55s, start + 45s);  // an answer that was longer on its way
  CHECK(budget.next_allowed(1, start + 50s) == start + 100s);
}

TEST_CASE("weight_budget: in any stretch of time no more than its share and what is kept, and hardly less") {
  std::mt19937 random{11};
  for (int round = 0; round < 20; ++round) {
    const std::uint32_t limit = 60 + static_cast<std::uint32_t>(random() % 6'000);
    const double share = 0.1 + static_cast<double>(random() % 90) / 100;
    const double rate = limit * share / 60;
    weight_budget budget{limit, share};
    std::vector<std::pair<steady_time, std::uint32_t>> spent;
    steady_time now = start;
    double total = 0;
    for (int i = 0; i < 400; ++i) {
      const auto weight = static_cast<std::uint32_t>(random() % 40);
      const steady_time when = budget.next_allowed(weight, now);
      REQUIRE(when >= now);
      now = when;
      REQUIRE(budget.next_allowed(weight, now) <= now + 1us);  // the time named is the time
      budget.spend(weight, now);
      spent.emplace_back(now, weight);
      total += weight;
      if (i % 100 == 99) now += std::chrono::milliseconds{random() % 5'000};
    }
    for (std::size_t from = 0; from < spent.size(); from += 7) {
      double within = 0;
      for (std::size_t to = from; to < spent.size(); ++to) {
        within += spent[to].second;
        const double stretch = std::chrono::duration<double>{spent[to].first - spent[from].first}.count();
        REQUIRE(within <= rate * stretch + std::max(2 * rate, 1.0) + 40);
      }
    }
    const double took = std::chrono::duration<double>{now - start}.count();
    CHECK(total >= rate * (took - 20) - 40);  // of which pauses of ours are at most 20 s
  }
}

}  // namespace
