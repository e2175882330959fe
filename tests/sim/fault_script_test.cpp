// tests/sim/fault_script_test.cpp: every fault as text and back, and what a wrong line is told.
#include <foxtrot/sim/fault_script.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

fault only(std::string_view line) {
  fault_script_problem problem;
  const auto script = fault_script::parse(line, &problem);
  INFO(line << ": " << problem.what);
  REQUIRE(script.has_value());
  REQUIRE(script->faults.size() == 1);
  return script->faults[0];
}

std::size_t wrong_line(std::string_view text) {
  fault_script_problem problem;
  const auto script = fault_script::parse(text, &problem);
  CHECK(script.error() == errc::bad_argument);
  CHECK_FALSE(problem.what.empty());
  return problem.line;
}

// One line at least for each kind.
const std::vector<std::string> lines{
    "500ms reset",
    "500ms reset one",
    "0ms fin",
    "0ms fin newest",
    "3s close 1008",
    "3s close 1012 down for maintenance",
    "1s server-shutdown",
    "3s close oldest 1012 down for maintenance",
    "1s server-shutdown cut 500ms",
    "1s server-shutdown newest",
    "1s server-shutdown one cut 500ms",
    "2s expire 24h",
    "2s expire oldest 24h",
    "2s clear",
    "1s accept-delay 250ms",
    "1s refuse for 2s",
    "12s certificate expired for 2s",
    "12s certificate common-name-only",
    "1s handshake-stall",
    "5s upgrade 503 for 4s",
    "5s upgrade 418 retry-after 120",
    "1s upgrade-stall",
    "1s flap",
    "1s flap 10ms for 1s",
    "2s freeze for 3s",
    "1s drip 10 every 20ms for 1s",
    "1s coalesce 50ms",
    "1s delay 20ms",
    "1s delay 20ms for 5s",
    "1s split 7",
    "1s pause for 1s",
    "1s mute for 1m",
    "4s silence btcusdt@bookTicker for 2s",
    "1s bad-frame 1/100",
    "1s bad-json 1/100",
    "10s drop 1/1000 for 5s",
    "1s duplicate 1/3",
    "1s reorder 1/2",
    "1s ack-loss",
    "1s ack-loss 1/2 for 1s",
    "1s ack-error",
    "1s ack-delay 2s",
    "1s ping-storm 10000 size 125",
    "6s rest 429 retry-after 2 for 1s",
    "1s rest-stall",
    "1s rest-delay 100ms",
    "1s rest-cut",
    "1s rest-length 0",
    "1s rest-slow 16 every 1ms",
    "1s rest-json",
};

TEST_CASE("fault_script: every kind of fault is read, written and read again") {
  std::set<fault_kind> seen;
  for (const std::string& line : lines) {
    const fault read = only(line);
    CHECK(to_string(read) == line);
    CHECK(line.find(' ' + std::string{to_string(read.kind)}) != std::string::npos);
    seen.insert(read.kind);
  }
  CHECK(seen.size() == fault_kinds);
}

TEST_CASE("fault_script: the members hold what the line says") {
  const fault freeze = only("2s freeze for 3s");
  CHECK(freeze.at == 2s);
  CHECK(freeze.lasts == 3s);
  CHECK(freeze.kind == fault_kind::freeze);
  CHECK(only("1s freeze").lasts == 0ms);
  const fault rest = only("1m rest 429 retry-after 2 for 1h");
  CHECK(rest.at == 1min);
  CHECK(rest.code == 429);
  CHECK(rest.retry_after == 2s);
  CHECK(rest.lasts == 1h);
  const fault close = only("1s close 1008  Too   many ");
  CHECK(close.code == 1008);
  CHECK(close.text == "Too many");
  CHECK(only("1s close 1000 for ever").text == "for ever");
  const fault drip = only("1s drip 10 every 20ms");
  CHECK(drip.bytes == 10);
  CHECK(drip.wait == 20ms);
  CHECK(only("1s drop 1/7").one_in == 7);
  CHECK(only("1s ack-loss for 2s").one_in == 1);
  CHECK(only("1s certificate wrong-host").certificate == certificate_kind::wrong_host);
  CHECK(only("1s silence btcusdt@trade").text == "btcusdt@trade");
  const fault storm = only("1s ping-storm 50");
  CHECK(storm.per_second == 50);
  CHECK(storm.bytes == 125);
  CHECK(only("1s server-shutdown cut 2s").wait == 2s);
  CHECK(only("1s flap").wait == 0ms);
  CHECK(only("1s delay 20ms").wait == 20ms);
  CHECK(only("1s reset").whom == fault_victims::all);
  CHECK(only("1s reset one").whom == fault_victims::one);
  CHECK(only("1s expire oldest 1ms").whom == fault_victims::oldest);
  const fault named = only("1s close newest 1012 newest");
  CHECK(named.whom == fault_victims::newest);
  CHECK(named.code == 1012);
  CHECK(named.text == "newest");
  CHECK(only("1s close 1012 one").whom == fault_victims::all);
}

TEST_CASE("fault_script: comments, blank lines, carriage returns and tabs") {
  const auto script = fault_script::parse("# a timeline\r\n\n  500ms\treset\r\n2s freeze for 3s # silence\n#\n");
  REQUIRE(script.has_value());
  REQUIRE(script->faults.size() == 2);
  CHECK(script->faults[1].lasts == 3s);
  CHECK(to_string(*script) == "500ms reset\n2s freeze for 3s\n");
  CHECK(fault_script::parse("")->faults.empty());
  CHECK(fault_script::parse(" \n\t\n")->faults.empty());
}

TEST_CASE("fault_script: a wrong line is told by its number") {
  for (const std::string bad : {"reset",
                                "1 reset",
                                "-1s reset",
                                "1s",
                                "1s nothing",
                                "1s reset now",
                                "1s reset for 2s",
                                "1s reset all",
                                "1s reset one oldest",
                                "1s clear one",
                                "1s freeze one",
                                "1s delay",
                                "1s delay 0ms",
                                "1s freeze for",
                                "1s freeze for 0s",
                                "1s freeze 2s",
                                "1s close",
                                "1s close 65536",
                                "1s close x",
                                "1s upgrade 199",
                                "1s upgrade 600",
                                "1s upgrade 503 retry-after",
                                "1s upgrade 503 retry-after 0",
                                "1s drop",
                                "1s drop 2/3",
                                "1s drop 1/0",
                                "1s drop 1/x",
                                "1s drop 1/",
                                "1s drop 1/99999999999999999999",
                                "1s silence",
                                "1s certificate",
                                "1s certificate good",
                                "1s drip 10",
                                "1s drip 10 each 5ms",
                                "1s drip 10 every 0ms",
                                "1s drip 0 every 5ms",
                                "1s split 0",
                                "1s ping-storm 0",
                                "1s ping-storm 10 size 126",
                                "1s expire",
                                "99999999999999999999s reset",
                                "9223372036854775807h reset",
                                "1.5s reset",
                                "1days reset",
                                "1s RESET",
                                "1s server-shutdown cut 0s",
                                "1s rest-slow",
                                "1s accept-delay for 2s"}) {
    INFO(bad);
    CHECK(wrong_line(bad) == 1);
    CHECK(wrong_line("# so far so good\n1s reset\n\n" + bad + "\n1s reset") == 4);
  }
  fault_script_problem problem;
  CHECK_FALSE(fault_script::parse("1s drop 1/0", &problem).has_value());
  CHECK(problem.what == "no number from 1 to 1000000000: 0");
  CHECK_FALSE(fault_script::parse("1s frieze", &problem).has_value());
  CHECK(problem.what == "no fault of this name: frieze");
  CHECK_FALSE(fault_script::parse("1s freeze for", &problem).has_value());
  CHECK(problem.what == "no duration like 500ms, 2s, 3m or 24h: the line ends");
}

}  // namespace
