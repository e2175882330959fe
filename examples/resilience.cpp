// examples/resilience.cpp: a feed against an exchange where everything goes wrong, and how soon it was told and mended.
#include "support/resilience_options.hpp"

#include <foxtrot/foxtrot.hpp>
#include <foxtrot/sim.hpp>
#include <foxtrot/sim/recovery_cases.hpp>
#include <foxtrot/sim/recovery_drill.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

unsigned long long wide(std::uint64_t number) { return number; }

std::string milliseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// What the run has come to by now, and how it is shown.
class report {
 public:
  explicit report(bool json) : json_{json} {}

  void begin(const foxtrot::recovery_drill_settings& drill) const {
    if (json_) return;
    std::printf("%lld market events a second, %zu symbols; times in ms\n\n",
                static_cast<long long>(drill.events_per_second), drill.symbols);
    std::printf("%8s  %-18s %11s %11s %11s %12s %6s %8s %11s\n", "at", "fault", "detected", "data again", "all again",
                "first polled", "gaps", "lost", "unreported");
    std::fflush(stdout);
  }

  void add(std::chrono::duration<double> at, const foxtrot::recovery_result& seen) {
    failures_ += (!seen.detected && !seen.harmless) || !seen.recovered ? 1U : 0U;
    if (json_) return add_json(seen);
    const std::string detected = !seen.needs_telling ? "not needed"
                                 : seen.detected     ? milliseconds(seen.detect_ms)
                                 : seen.harmless     ? "harmless"
                                                     : "NO";
    std::printf("%7.1fs  %-18s %11s %11s %11s %12s %6llu %8llu %11llu\n", at.count(), seen.name.c_str(),
                detected.c_str(), seen.recovered ? milliseconds(seen.recover_ms).c_str() : "NO",
                seen.recovered ? milliseconds(seen.whole_ms).c_str() : "NO",
                seen.first_polled_ms ? milliseconds(*seen.first_polled_ms).c_str() : "", wide(seen.gaps),
                wide(seen.lost), wide(seen.unreported));
    std::fflush(stdout);
  }

  // The exit status.
  [[nodiscard]] int end(const foxtrot::recovery_totals& all, double seconds) const {
    const bool good = all.clean() && failures_ == 0 && all.one_connection();
    if (json_) {
      std::printf(
          "{\"seconds\":%.3f,\"events\":%llu,\"polled\":%llu,\"trades\":%llu,\"lost_trades\":%llu,"
          "\"lost_unreported\":%llu,\"duplicates\":%llu,\"disordered\":%llu,\"mistold\":%llu,\"renumbered\":%llu,"
          "\"rotations\":%llu,\"most_websockets_per_path\":%llu,\"failures\":%u,\"faults\":[%s]}\n",
          seconds, wide(all.events), wide(all.polled), wide(all.trades.received), wide(all.trades.missing()),
          wide(all.unreported()), wide(all.duplicates()), wide(all.disordered()),
          wide(all.trades.mistold + all.depth.mistold), wide(all.renumbered), wide(all.rotations),
          wide(all.most_websockets_per_path), failures_, faults_.c_str());
      return good ? 0 : 1;
    }
    std::printf("\n%llu events in %.1f s, %llu of them polled; %llu trades, %llu lost, %llu of these told\n",
                wide(all.events), seconds, wide(all.polled), wide(all.trades.received),
                wide(all.trades.missing() + all.trades_behind), wide(all.trades.told));
    std::printf(
        "lost without a word: %llu; twice: %llu; out of order: %llu; told wrongly: %llu; renumbered: %llu; "
        "rotations: %llu; WebSockets at once for one path: %llu\n",
        wide(all.unreported()), wide(all.duplicates()), wide(all.disordered()),
        wide(all.trades.mistold + all.depth.mistold), wide(all.renumbered), wide(all.rotations),
        wide(all.most_websockets_per_path));
    std::puts(good ? "all well" : "NOT well");
    return good ? 0 : 1;
  }

 private:
  void add_json(const foxtrot::recovery_result& seen) {
    const auto word = [](bool yes) { return yes ? "true" : "false"; };
    if (!faults_.empty()) faults_ += ',';
    faults_ += "{\"name\":\"" + seen.name + "\",\"needs_telling\":" + word(seen.needs_telling) +
               ",\"detected\":" + word(seen.detected) + ",\"harmless\":" + word(seen.harmless) +
               ",\"recovered\":" + word(seen.recovered) + ",\"detect_ms\":" + milliseconds(seen.detect_ms) +
               ",\"recover_ms\":" + milliseconds(seen.recover_ms) + ",\"whole_ms\":" + milliseconds(seen.whole_ms) +
               ",\"first_polled_ms\":" + (seen.first_polled_ms ? milliseconds(*seen.first_polled_ms) : "null") +
               ",\"gaps\":" + std::to_string(seen.gaps) + ",\"lost\":" + std::to_string(seen.lost) +
               ",\"lost_unreported\":" + std::to_string(seen.unreported) + "}";
  }

  bool json_;
  unsigned failures_{0};
  std::string faults_;  // JSON
};

std::vector<foxtrot::recovery_case> wanted_cases(const resilience_options& options,
                                                 const foxtrot::recovery_limits& limits) {
  std::vector<foxtrot::recovery_case> all = foxtrot::recovery_cases(limits);
  if (!options.names.empty()) {
    std::erase_if(all, [&options](const auto& each) {
      return std::find(options.names.begin(), options.names.end(), each.name) == options.names.end();
    });
  }
  return all;
}

// The last moment that the script speaks of, and some time to recover.
std::chrono::milliseconds length_of(const foxtrot::fault_script& script) {
  std::chrono::milliseconds last{0};
  for (const foxtrot::fault& each : script.faults) last = std::max(last, each.at + each.lasts);
  return last + 1s;
}

int run(const resilience_options& options, const std::stop_token& stop) {
  foxtrot::recovery_drill_settings wanted = options.drill();
  if (!options.script.empty()) {
    if (const std::string wrong = resilience_arguments::read_script(options.script, wanted.faults); !wrong.empty()) {
      std::fprintf(stderr, "resilience: %s\n", wrong.c_str());
      return 2;
    }
  }
  report shown{options.json};
  shown.begin(wanted);
  foxtrot::recovery_drill drill{wanted};
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [start] { return std::chrono::duration<double>{std::chrono::steady_clock::now() - start}; };
  if (const std::error_code error = drill.start()) throw std::system_error{error, "cannot start"};

  if (!options.script.empty()) {
    drill.pass(length_of(wanted.faults), stop);
    drill.venue().clear_faults();  // some last until then
  }
  const bool connected = drill.wait_whole(stop);
  if (!connected && !stop.stop_requested()) {
    std::fputs("resilience: the feed does not get well\n", stderr);
    return 1;
  }
  if (options.script.empty()) {
    for (const foxtrot::recovery_case& each : wanted_cases(options, wanted.limits)) {
      if (stop.stop_requested()) break;
      const auto at = passed();
      const foxtrot::recovery_result seen = drill.run(each, stop);
      if (!stop.stop_requested()) shown.add(at, seen);
    }
  }
  const foxtrot::recovery_totals all = drill.finish(stop);
  const double seconds = passed().count();
  if (const std::error_code late = drill.stop()) throw std::system_error{late, "cannot stop"};
  return shown.end(all, seconds);
}

}  // namespace

int main(int argc, char** argv) {
  foxtrot::signal_guard signals;  // before any other thread
  resilience_options options;
  const std::string wrong =
      resilience_arguments::read(std::span{argv, static_cast<std::size_t>(argc)}.subspan(1), options);
  if (!wrong.empty()) {
    std::fprintf(stderr, "resilience: %s\n\n%s", wrong.c_str(), resilience_options::usage);
    return 2;
  }
  if (options.help) {
    std::fputs(resilience_options::usage, stdout);
    return 0;
  }
  if (options.list) {
    for (const foxtrot::recovery_case& each : foxtrot::recovery_cases()) std::puts(each.name.c_str());
    return 0;
  }
  try {
    return run(options, signals.stop_token());
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "resilience: %s\n", failure.what());
    return 1;
  }
}
