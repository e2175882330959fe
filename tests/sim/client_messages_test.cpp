// tests/sim/client_messages_test.cpp: the busiest second of a client, and the message that is one too many.
#include <foxtrot/sim/client_messages.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/clock.hpp>

#include <chrono>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

TEST_CASE("client_messages: the limit holds for any second, wherever it begins") {
  detail::exchange_counters counters;
  const exchange_limits limits;
  client_messages heard{limits, counters};
  const steady_time start{1h};
  for (int i = 0; i < 5; ++i) CHECK(heard.admit(start + i * 100ms));
  CHECK_FALSE(heard.admit(start + 999ms));
  CHECK(counters.look().most_messages_per_second == 6);
  CHECK(heard.admit(start + 1000ms));
  CHECK_FALSE(heard.admit(start + 1050ms));
}

TEST_CASE("client_messages: without a limit the busiest second of any connection is known all the same") {
  detail::exchange_counters counters;
  exchange_limits limits;
  limits.messages_per_second = 0;
  const steady_time start{1h};
  client_messages one{limits, counters};
  client_messages other{limits, counters};
  for (int i = 0; i < 30; ++i) CHECK(one.admit(start + i * 100ms));
  CHECK(counters.look().most_messages_per_second == 10);
  for (int i = 0; i < 12; ++i) CHECK(other.admit(start));
  CHECK(counters.look().most_messages_per_second == 12);
}

}  // namespace
