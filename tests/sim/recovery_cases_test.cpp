// tests/sim/recovery_cases_test.cpp: the accidents of a drill, as a list.
#include <foxtrot/sim/recovery_cases.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/fault_script.hpp>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

TEST_CASE("recovery_cases: at least twenty, each with a name of its own") {
  const std::vector<recovery_case> all = recovery_cases();
  std::set<std::string> names;
  for (const recovery_case& each : all) names.insert(each.name);
  CHECK(all.size() >= 20);
  CHECK(names.size() == all.size());
  for (const char* name : {"reset", "fin", "close-1000", "server-shutdown", "expire", "refuse", "flap", "upgrade-429",
                           "certificate", "handshake-stall", "freeze", "mute", "silence", "drop", "duplicate",
                           "ack-loss", "ping-storm", "fallback", "fallback-rest-429"})
    CHECK(names.contains(name));
}

TEST_CASE("recovery_cases: every fault is one that a script can name, and every condition ends") {
  for (const recovery_case& each : recovery_cases()) {
    INFO(each.name);
    REQUIRE_FALSE(each.faults.empty());
    for (const std::vector<fault>& part : {each.faults, each.then}) {
      for (const fault& what : part) {
        const auto read = fault_script::parse(to_string(what));
        REQUIRE(read.has_value());
        CHECK(read->faults == std::vector<fault>{what});
        CHECK(is_condition(what.kind) == (what.lasts > 0ms));
      }
    }
  }
}

TEST_CASE("recovery_cases: hits are those of its own kinds, and of single connections") {
  exchange_statistics counts;
  counts.messages_dropped = 1;
  counts.messages_duplicated = 10;
  counts.messages_reordered = 100;
  counts.messages_spoiled = 1'000;
  for (const recovery_case& each : recovery_cases()) {
    INFO(each.name);
    const std::uint64_t expected = each.name == "drop"                                   ? 1
                                   : each.name == "reorder"                              ? 100
                                   : each.name == "bad-json" || each.name == "bad-frame" ? 1'000
                                                                                         : 0;
    CHECK(each.hits(counts) == expected);
    CHECK(each.hits({}) == 0);
  }
}

TEST_CASE("recovery_cases: silences last longer than the limit that they break") {
  const recovery_limits limits{.silence = 700ms, .quote_age = 300ms, .holds = 100ms};
  for (const recovery_case& each : recovery_cases(limits, "ethusdt@bookTicker")) {
    if (each.name == "freeze") CHECK(each.lasts() > 700ms);
    if (each.name == "mute") CHECK(each.lasts() > 300ms);
    if (each.name == "silence") {
      CHECK(each.lasts() > 300ms);
      CHECK(each.faults.front().text == "ethusdt@bookTicker");
    }
    if (each.name == "reset") CHECK(each.lasts() == 0ms);
    if (each.name == "server-shutdown") CHECK(each.lasts() == 300ms);
  }
}

}  // namespace
