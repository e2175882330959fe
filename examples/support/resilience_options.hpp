// examples/support/resilience_options.hpp: the command line of resilience.
#pragma once

#include <foxtrot/sim/fault_script.hpp>
#include <foxtrot/sim/recovery_cases.hpp>
#include <foxtrot/sim/recovery_drill.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct resilience_options {
  std::vector<std::string> names{};  // empty: all
  std::int64_t events{0};            // a second; 0: as the mode has it
  std::string script{};
  bool quick{false};
  bool json{false};
  bool list{false};
  bool help{false};

  [[nodiscard]] foxtrot::recovery_drill_settings drill() const {
    using std::chrono::milliseconds;
    foxtrot::recovery_drill_settings made;
    if (quick) {
      made.events_per_second = 3'000;
      made.limits = {.step = milliseconds{800},
                     .silence = milliseconds{1000},
                     .quote_age = milliseconds{700},
                     .recovery = milliseconds{500},
                     .holds = milliseconds{300},
                     .one_in = 10};
    }
    if (events != 0) made.events_per_second = events;
    return made;
  }

  static constexpr const char* usage =
      R"(resilience: a feed against an exchange where everything goes wrong, one thing after the other, over TLS.

  resilience [OPTIONS] [FAULT ...]

Without the name of a fault it goes through all of them.
  --faults list        prints their names
  --script FILE        a fault script of your own instead, one fault a line: 2s freeze for 3s
  --events N           market events a second                 [50000, quick: 3000]
  --quick              short time limits, short faults
  --json               prints one JSON object at the end instead
  --help               prints this

A fault is harmless where another connection brought what the one that it hit did not, and there was nothing to tell.

Ctrl-C ends it at any time. Exit status: 0 where nothing was lost without a word, nothing came twice or out of order,
and everything that began was detected or harmless, and mended; 1 otherwise; 2 for wrong arguments.
)";
};

namespace resilience_arguments {

// What is wrong with the script; empty if nothing.
[[nodiscard]] inline std::string read_script(const std::string& file, foxtrot::fault_script& into) {
  std::ifstream in{file};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in) return "cannot read " + file;
  foxtrot::fault_script_problem problem;
  auto script = foxtrot::fault_script::parse(text, &problem);
  if (!script) return file + ":" + std::to_string(problem.line) + ": " + problem.what;
  into = std::move(*script);
  return {};
}

[[nodiscard]] inline bool is_case(std::string_view name) {
  const auto all = foxtrot::recovery_cases();
  return std::any_of(all.begin(), all.end(), [name](const auto& each) { return each.name == name; });
}

// What is wrong with an option that has a value; empty if nothing.
[[nodiscard]] inline std::string apply(resilience_options& to, std::string_view name, std::string_view value) {
  const std::string wrong = "not a value for " + std::string{name} + ": " + std::string{value};
  if (name == "--faults") return to.list = true, value == "list" ? std::string{} : wrong;
  if (name == "--script") return to.script = value, value.empty() ? wrong : std::string{};
  const auto [stop, failed] = std::from_chars(value.data(), value.data() + value.size(), to.events);
  const bool good = failed == std::errc{} && stop == value.data() + value.size() && to.events >= 10;
  return good && to.events <= 1'000'000 ? std::string{} : wrong;
}

// What is wrong with the command line; empty if nothing.
[[nodiscard]] inline std::string read(std::span<char*> arguments, resilience_options& to) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--quick") {
      to.quick = true;
    } else if (name == "--json") {
      to.json = true;
    } else if (name == "--help" || name == "-h") {
      to.help = true;
    } else if (name == "--faults" || name == "--script" || name == "--events") {
      if (++i == arguments.size()) return std::string{name} + " needs a value";
      if (std::string wrong = apply(to, name, arguments[i]); !wrong.empty()) return wrong;
    } else if (name.starts_with("-")) {
      return "unknown option " + std::string{name};
    } else if (!is_case(name)) {
      return "no fault of this name: " + std::string{name};
    } else {
      to.names.emplace_back(name);
    }
  }
  if (!to.script.empty() && !to.names.empty()) return "--script and names of faults exclude each other";
  return {};
}

}  // namespace resilience_arguments
