// tests/thread/restart_policy_test.cpp: how many restarts there may be, and how far apart.
#include <foxtrot/thread/restart_policy.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <vector>

using namespace foxtrot;
using namespace std::chrono_literals;

TEST_CASE("restart_policy: so many within so long, and as old ones are forgotten new ones are allowed", "[thread]") {
  restart_budget budget{{.most_restarts = 3, .within = 10s}};
  steady_time now{1h};
  CHECK(budget.allow(now));
  CHECK(budget.allow(now += 4s));
  CHECK(budget.allow(now += 4s));
  CHECK_FALSE(budget.allow(now += 1s));
  CHECK_FALSE(budget.allow(now));
  CHECK(budget.allow(now += 1s));  // the first is ten seconds old
  CHECK_FALSE(budget.allow(now));
  CHECK(budget.allow(now += 1h));
}

TEST_CASE("restart_policy: none at all", "[thread]") {
  restart_budget budget{{.most_restarts = 0}};
  CHECK_FALSE(budget.allow(steady_time{1h}));
}

TEST_CASE("restart_policy: the first restart comes at once, the others ever later, never beyond the longest",
          "[thread]") {
  restart_budget budget{{.most_restarts = 100, .within = 10s}};
  std::vector<std::chrono::milliseconds> waits;
  for (int i = 0; i < 12; ++i) {
    CHECK(budget.allow(steady_time{1h}));
    waits.push_back(budget.delay());
  }
  CHECK(waits == std::vector<std::chrono::milliseconds>{0ms, 10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms,
                                                        1000ms, 1000ms, 1000ms});
  CHECK(budget.allow(steady_time{2h}));
  CHECK(budget.delay() == 0ms);  // a new series
}

TEST_CASE("restart_policy: strategies have names", "[thread]") {
  CHECK(to_string(restart_strategy::one_for_one) == "one_for_one");
  CHECK(to_string(restart_strategy::one_for_all) == "one_for_all");
  CHECK(to_string(restart_strategy::rest_for_one) == "rest_for_one");
  CHECK(to_string(static_cast<restart_strategy>(9)) == "?");
}
