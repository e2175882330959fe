// bench/recovery.cpp: recovery/FAULT/foxtrot: how soon a feed tells of an accident, and how soon data comes again.
//
// One drill for each row and pass: a simulated exchange with 20,000 market events a second and a feed of four symbols,
// over TLS on loopback. detect_ms is from the injection to the first status that tells of it (0 where none is needed),
// recover_ms from the injection, for a condition from its end, to the first tick by WebSocket while nothing is wrong
// any more; lost_unreported counts trades and changes of books that never came and that no gap named. Time limits are
// short: 1.5 s of silence, 1 s for a quote's age, polling every 200 ms. --quick: one fault of each kind.
#include <support/bench.hpp>

#include <foxtrot/sim/recovery_cases.hpp>
#include <foxtrot/sim/recovery_drill.hpp>

#include <chrono>
#include <set>
#include <string>
#include <system_error>

namespace {

using namespace foxtrot_bench;
using namespace std::chrono_literals;

foxtrot::recovery_drill_settings settings() {
  foxtrot::recovery_drill_settings made;
  made.events_per_second = 20'000;
  made.limits.holds = 1'000ms;
  return made;
}

void measure(benchmark::State& state, const foxtrot::recovery_case& accident) {
  foxtrot::recovery_drill drill{settings()};
  if (const std::error_code error = drill.start()) return state.SkipWithError(error.message().c_str());
  if (!drill.wait_whole()) return state.SkipWithError("the feed did not get ready");
  (void)drill.pass(200ms);  // long enough for the connection to have been a healthy one
  const foxtrot::recovery_result seen = drill.run(accident);
  const foxtrot::recovery_totals all = drill.finish();
  if (seen.harmless) return state.SkipWithError("another connection made good for it: there is nothing to time");
  if (!seen.detected) return state.SkipWithError("not detected");
  if (!seen.recovered) return state.SkipWithError("not recovered");
  // a median would hide a single bad pass
  if (all.unreported() != 0) return state.SkipWithError("something was lost without a word");
  if (all.duplicates() + all.disordered() != 0) return state.SkipWithError("ticks came twice or out of order");
  state.counters["detect_ms"] = seen.detect_ms;
  state.counters["recover_ms"] = seen.recover_ms;
  state.counters["whole_ms"] = seen.whole_ms;
  if (seen.first_polled_ms) state.counters["first_polled_ms"] = *seen.first_polled_ms;
  state.counters["lost_unreported"] = static_cast<double>(all.unreported());
  state.SetIterationTime(seen.recover_ms / 1e3);
}

std::string row_of(const foxtrot::recovery_case& accident) { return "recovery/" + accident.name + "/foxtrot"; }
void add_row_of(const foxtrot::recovery_case& accident) {
  add_row(row_of(accident), [accident](benchmark::State& state) { measure(state, accident); });
}
void add_long_row_of(const foxtrot::recovery_case& accident) {
  add_long_row(row_of(accident), [accident](benchmark::State& state) { measure(state, accident); });
}

[[maybe_unused]] const bool added = [] {
  static const std::set<std::string> of_each_kind{"reset", "upgrade-503", "drop", "fallback"};
  for (const foxtrot::recovery_case& each : foxtrot::recovery_cases(settings().limits)) {
    const auto add = of_each_kind.contains(each.name) ? &add_row_of : &add_long_row_of;
    add(each);
  }
  return true;
}();

}  // namespace
