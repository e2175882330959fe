// tests/examples/resilience_test.cpp: the example as its user runs it: every fault, scripts, signals, arguments.
#include <catch2/catch.hpp>

#include <support/program.hpp>
#include <support/sanitizer.hpp>
#include <support/temporary_file.hpp>

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot_test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

program resilience(strings arguments) { return program{FOXTROT_RESILIENCE, std::move(arguments)}; }

strings names_of_faults() {
  program run = resilience({"--faults", "list"});
  REQUIRE(run.wait() == 0);
  std::istringstream lines{run.output()};
  strings names;
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

/// What --json ends with.
struct report {
  explicit report(const std::string& output) {
    INFO(output);
    REQUIRE(parser.parse(output).get(json) == simdjson::SUCCESS);
  }
  [[nodiscard]] std::int64_t number(std::string_view key) const { return json[key].get_int64(); }

  simdjson::dom::parser parser;
  simdjson::dom::element json;
};

/// Nothing is lost in silence, nothing comes twice or late, never are there two connections but in a rotation.
void check_totals(const report& seen) {
  for (const char* key : {"lost_unreported", "duplicates", "disordered", "mistold", "renumbered", "failures"}) {
    INFO(key);
    CHECK(seen.number(key) == 0);
  }
  CHECK(seen.number("events") > 100);
  CHECK(seen.number("trades") > 0);
  CHECK(seen.number("most_websockets_per_path") == (seen.number("rotations") == 0 ? 1 : 2));
}

TEST_CASE("resilience: every fault is detected and mended, and nothing is lost without a word", "[alone]") {
  const strings names = names_of_faults();
  CHECK(names.size() >= 20);
  // at the same time, so that one need not wait for the other's silences
  constexpr std::size_t parts = 4;
  std::vector<program> runs;
  for (std::size_t part = 0; part < parts; ++part) {
    strings arguments{"--quick", "--json"};
    for (std::size_t i = part; i < names.size(); i += parts) arguments.push_back(names[i]);
    runs.push_back(resilience(std::move(arguments)));
  }
  std::set<std::string> seen_names;
  for (program& run : runs) {
    CHECK(run.wait() == 0);
    CHECK(run.errors().empty());
    const report seen{run.output()};
    check_totals(seen);
    for (const simdjson::dom::element fault : seen.json["faults"]) {
      const std::string_view name = fault["name"];
      INFO(name);
      seen_names.emplace(name);
      CHECK(bool{fault["detected"]} != bool{fault["harmless"]});
      CHECK(bool{fault["recovered"]});
      CHECK(std::int64_t{fault["lost_unreported"]} == 0);
      CHECK(double{fault["whole_ms"]} >= double{fault["recover_ms"]});
      if (name.starts_with("fallback")) CHECK(fault["first_polled_ms"].is_double());
      if (name == "drop") CHECK(std::int64_t{fault["gaps"]} > 0);
    }
  }
  CHECK(seen_names == std::set<std::string>{names.begin(), names.end()});
}

TEST_CASE("resilience: in words, a line for each fault and the sum") {
  program run = resilience({"--quick", "reset", "duplicate"});
  CHECK(run.wait() == 0);
  INFO(run.output());
  CHECK(run.output().find(" reset ") != std::string::npos);
  CHECK(run.output().find(" duplicate ") != std::string::npos);
  CHECK(run.output().find("not needed") != std::string::npos);
  CHECK(run.output().find(" mute ") == std::string::npos);
  CHECK(run.output().find("lost without a word: 0;") != std::string::npos);
  CHECK(run.output().ends_with("all well\n"));
  CHECK(run.errors().empty());
}

TEST_CASE("resilience: a script of one's own") {
  const temporary_file script{"0ms drop 1/10 for 3s\n2s reset\n2500ms freeze\n"};
  program run = resilience({"--quick", "--json", "--script", script.path()});
  CHECK(run.wait() == 0);
  const report seen{run.output()};
  check_totals(seen);
  CHECK(seen.number("lost_trades") > 0);
}

TEST_CASE("resilience: --help explains, wrong arguments get the usage and status 2") {
  program help = resilience({"--help"});
  REQUIRE(help.wait() == 0);
  CHECK(help.output().find("--script FILE") != std::string::npos);
  CHECK(help.errors().empty());
  const temporary_file wrong_script{"1s reset\nsoon freeze\n"};
  const std::vector<strings> wrong{{"--nonsense"},
                                   {"nonsense"},
                                   {""},
                                   {"reset", "nonsense"},
                                   {"--faults"},
                                   {"--faults", "reset"},
                                   {"--events", "0"},
                                   {"--events", "many"},
                                   {"--script"},
                                   {"--script", "/nonexistent"},
                                   {"--script", wrong_script.path()},
                                   {"--script", wrong_script.path(), "reset"}};
  for (const strings& arguments : wrong) {
    std::string line;
    for (const std::string& each : arguments) line += each + ' ';
    INFO(line);
    program run = resilience(arguments);
    CHECK(run.wait() == 2);
    CHECK(run.output().empty());
    CHECK(run.errors().starts_with("resilience: "));
  }
}

TEST_CASE("resilience: a signal ends it at once, whenever it comes", "[alone]") {
  const auto interrupt = [](program& run, int number) {
    const auto before = std::chrono::steady_clock::now();
    run.signal(number);
    CHECK(run.wait() == 0);
    CHECK(std::chrono::steady_clock::now() - before < bound(3s));
    CHECK(run.errors().empty());
  };
  SECTION("just started") {
    for (const int number : {SIGINT, SIGTERM}) {
      program run = resilience({"--quick"});
      REQUIRE(run.until_guarded());
      interrupt(run, number);
    }
  }
  SECTION("in the middle of a fault") {
    // each line is printed when its fault is over: the signal meets the next one
    const std::vector<std::pair<strings, std::string>> places{
        {{"--events", "2000", "reset", "freeze"}, " reset "},
        {{"--events", "2000", "ack-error", "mute"}, " ack-error "},
        {{"--events", "2000", "reset", "fallback"}, " reset "},
        {{"--events", "2000", "reset", "handshake-stall"}, " reset "}};
    for (const auto& [faults, sign] : places) {
      program run = resilience(faults);  // not --quick: there is time
      REQUIRE(run.until_output(sign));
      interrupt(run, SIGINT);
      CHECK(run.output().ends_with("all well\n"));
    }
  }
}

}  // namespace
