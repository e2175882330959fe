// examples/support/arguments.hpp: the command line that the numbered examples share.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/fault_script.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace example {

/// One option that only this example has.
struct option {
  std::string name;                              // "--fee"
  std::string value;                             // what --help calls its value: "PERCENT"
  std::string help;                              // one line
  std::function<bool(std::string_view)> accept;  // false: not a value for it
};

/// What an example says of itself.
struct description {
  std::string name;   // of the program
  std::string about;  // a few lines, the first thing that --help says
  std::vector<option> options{};
  foxtrot::exchange_settings simulation{};  // the exchange that it starts for itself
  bool real_venue{true};                    // false: it makes no sense there
};

/// What all of them can be told.
struct arguments {
  double seconds{std::numeric_limits<double>::infinity()};
  bool venue{false};
  bool help{false};
  std::vector<foxtrot::fault> faults{};  // what goes wrong at the simulated exchange
};

/// The whole of the text as a number of that range.
template <class Number>
[[nodiscard]] bool read_number(std::string_view text, Number least, Number most, Number& to) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc{} || stop != end || !(value >= least && value <= most)) return false;
  to = value;
  return true;
}
/// The same, exactly.
[[nodiscard]] inline bool read_decimal(std::string_view text, const foxtrot::decimal& least,
                                       const foxtrot::decimal& most, foxtrot::decimal& to) {
  const auto value = foxtrot::decimal::parse(text);
  if (!value || *value < least || *value > most) return false;
  to = *value;
  return true;
}

namespace detail {

[[nodiscard]] inline bool read_fault(std::string_view line, std::vector<foxtrot::fault>& to) {
  const auto script = foxtrot::fault_script::parse(line);
  if (!script || script->faults.size() != 1) return false;
  to.push_back(script->faults.front());
  return true;
}

/// Everything that takes a value.
[[nodiscard]] inline std::vector<option> options_of(const description& what, arguments& to) {
  std::vector<option> all = what.options;
  constexpr double week = 7 * 24 * 3600.0;
  all.push_back({"--seconds", "N", "ends after N seconds; else Ctrl-C does",
                 [&to](std::string_view text) { return read_number(text, 0.01, week, to.seconds); }});
  all.push_back({"--fault", "'2s reset'", "something goes wrong at the simulated exchange; may be repeated",
                 [&to](std::string_view text) { return read_fault(text, to.faults); }});
  if (what.real_venue)
    all.push_back({"--venue", "binance", "streams from the real venue instead",
                   [&to](std::string_view text) { return to.venue = true, text == "binance"; }});
  return all;
}

}  // namespace detail

[[nodiscard]] inline std::string usage(const description& what) {
  arguments unused;
  std::string text = what.name + ": " + what.about + "\n\n";
  constexpr std::size_t column = 24;
  for (const option& each : detail::options_of(what, unused)) {
    std::string line = "  " + each.name + " " + each.value;
    line.resize(std::max(line.size() + 1, column), ' ');
    text += line + each.help + "\n";
  }
  return text +
         "  --help                prints this\n\nExit status: 0, 1 where it could not run, 2 for wrong arguments.\n";
}

/// What is wrong with the command line; empty if nothing.
[[nodiscard]] inline std::string read(std::span<const char* const> words, const description& what, arguments& to) {
  const std::vector<option> known = detail::options_of(what, to);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i];
    if (word == "--help" || word == "-h") {
      to.help = true;
      continue;
    }
    const auto at = std::ranges::find(known, word, &option::name);
    if (at == known.end()) return "no such option: " + word;
    if (++i == words.size()) return word + " needs a value: " + at->value;
    if (!at->accept(words[i])) return "not a value for " + word + ": " + words[i];
  }
  if (to.venue && !to.faults.empty()) return "--fault is for the simulated exchange";
  return {};
}

}  // namespace example
