// tests/fuzz/fault_script_fuzz.cpp: what is a script can be written out and is the same when it is read again; what is
// none says at which line.
#include <foxtrot/sim/fault_script.hpp>

#include <support/fuzzing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace foxtrot;
using foxtrot_test::insist;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  fault_script_problem problem;
  const auto script = fault_script::parse(text, &problem);
  if (!script) {
    insist(script.error() == errc::bad_argument);
    insist(problem.line >= 1 && problem.line <= lines && !problem.what.empty());
    return 0;
  }
  insist(problem.line == 0 && script->faults.size() <= lines);
  for (const fault& each : script->faults) {
    insist(each.at.count() >= 0 && each.lasts.count() >= 0 && each.wait.count() >= 0 && each.one_in >= 1);
    insist(is_condition(each.kind) || each.lasts.count() == 0);
  }
  const auto again = fault_script::parse(to_string(*script));
  insist(again.has_value() && again->faults == script->faults);
  return 0;
}
