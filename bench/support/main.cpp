// bench/support/main.cpp: the main of every suite: Google Benchmark's, but in passes. One pass measures every subject
// once, in the order of registration, so repetitions are interleaved exactly; reported is the median over the passes.
//
//   foxtrot_bench_<suite> [--quick] [--json FILE] [Google Benchmark's arguments]
#include <support/bench.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sys/utsname.h>

namespace {

using run = benchmark::BenchmarkReporter::Run;

#if defined(__clang__)
constexpr const char* compiler = __VERSION__;  // has its name
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

/// What one subject gave, pass by pass, in the order of the first pass.
struct subject {
  std::string name;
  std::vector<run> passes;
};

/// The name a suite gave, with its arguments and nothing that Google Benchmark adds (/repeats, /manual_time...).
std::string plain_name(const benchmark::BenchmarkName& name) {
  return name.args.empty() ? name.function_name : name.function_name + "/" + name.args;
}

class collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<run>& runs) override {
    for (const run& one : runs) {
      if (one.run_type != run::RT_Iteration) continue;
      const std::string name = plain_name(one.run_name);
      auto known = std::find_if(subjects.begin(), subjects.end(), [&](const subject& s) { return s.name == name; });
      if (known == subjects.end()) known = subjects.insert(known, subject{name, {}});
      known->passes.push_back(one);
    }
  }

  std::vector<subject> subjects;
};

template <class Figure>
double median_of(const std::vector<run>& passes, Figure figure) {
  std::vector<double> values;
  for (const run& pass : passes) values.push_back(figure(pass));
  return foxtrot_bench::median(std::move(values));
}

/// One row: the median of every figure, each by itself.
run median_run(const subject& measured) {
  run row = measured.passes.front();
  for (const run& pass : measured.passes)
    if (pass.error_occurred) row = pass;
  row.run_name = {};
  row.run_name.function_name = measured.name;
  row.repetitions = static_cast<decltype(row.repetitions)>(measured.passes.size());
  row.repetition_index = 0;
  if (row.error_occurred) return row;

  const auto iterations = static_cast<double>(std::max<benchmark::IterationCount>(row.iterations, 1));
  row.real_accumulated_time = iterations * median_of(measured.passes, [](const run& pass) {
                                return pass.GetAdjustedRealTime() / benchmark::GetTimeUnitMultiplier(pass.time_unit);
                              });
  row.cpu_accumulated_time = iterations * median_of(measured.passes, [](const run& pass) {
                               return pass.GetAdjustedCPUTime() / benchmark::GetTimeUnitMultiplier(pass.time_unit);
                             });
  for (auto& [name, counter] : row.counters) {
    counter.value = median_of(measured.passes, [&](const run& pass) {
      const auto found = pass.counters.find(name);
      return found == pass.counters.end() ? 0.0 : found->second.value;
    });
  }
  return row;
}

std::string case_of(const std::string& name) { return name.substr(0, name.rfind('/')); }

/// How many times the figures of another subject a row's are: the medians of what the passes gave.
struct comparison {
  std::string to;
  std::map<std::string, double> ratios;  // by figure
};

comparison compare(const subject& measured, const subject& other, const std::string& to) {
  comparison made{to, {}};
  for (const auto& [label, counter] : measured.passes.front().counters) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(measured.passes.size(), other.passes.size()); ++i) {
      const auto mine = measured.passes[i].counters.find(label);
      const auto its = other.passes[i].counters.find(label);
      if (mine != measured.passes[i].counters.end() && its != other.passes[i].counters.end() && its->second.value != 0)
        ratios.push_back(mine->second.value / its->second.value);
    }
    if (!ratios.empty()) made.ratios[label] = foxtrot_bench::median(std::move(ratios));
  }
  return made;
}

/// By the row's name.
std::map<std::string, std::vector<comparison>> compare(const std::vector<subject>& subjects) {
  std::map<std::string, std::vector<comparison>> made;
  for (const subject& measured : subjects) {
    const auto wanted = foxtrot_bench::compared_to.find(measured.name);
    if (wanted == foxtrot_bench::compared_to.end()) continue;
    for (const std::string& to : wanted->second) {
      const auto other = std::find_if(subjects.begin(), subjects.end(), [&](const subject& each) {
        return each.name == case_of(measured.name) + '/' + to;
      });
      if (other != subjects.end()) made[measured.name].push_back(compare(measured, *other, to));
    }
  }
  return made;
}

std::string number(double value) {
  char text[32];
  if (value != 0 && (value >= 1e7 || value <= -1e7))
    std::snprintf(text, sizeof text, "%.3gM", value / 1e6);
  else if (value != 0 && value < 0.1 && value > -0.1)
    std::snprintf(text, sizeof text, "%.2g", value);
  else
    std::snprintf(text, sizeof text, value < 100 && value > -100 ? "%.2f" : "%.0f", value);
  return text;
}

/// What the numbers depend on, as far as the program can tell.
void describe_machine() {
  utsname system{};
  ::uname(&system);
  std::string cpu = "unknown";
  std::ifstream info{"/proc/cpuinfo"};
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) cpu = line.substr(std::min(line.find(": ") + 2, line.size()));
  const std::string kernel = std::string{system.sysname} + ' ' + system.release + ' ' + system.machine;
  benchmark::AddCustomContext("cpu_model", cpu);
  benchmark::AddCustomContext("kernel", kernel);
  benchmark::AddCustomContext("compiler", compiler);
  benchmark::AddCustomContext("flags", FOXTROT_BENCH_FLAGS);
  std::printf("%s; %s; %s; %s\n", cpu.c_str(), kernel.c_str(), compiler, FOXTROT_BENCH_FLAGS);
}

/// For the JSON form: "ratio_limit_p50_us" and the like, whichever of the limits it is.
void add_ratios(run& row, const std::map<std::string, std::vector<comparison>>& compared) {
  const auto beside = compared.find(row.run_name.function_name);
  if (beside == compared.end() || row.error_occurred) return;
  for (const comparison& each : beside->second) {
    const std::string to = each.to.starts_with("limit") ? "limit" : each.to;
    for (const auto& [label, ratio] : each.ratios) row.counters["ratio_" + to + '_' + label] = ratio;
  }
}

void print_ratios(const std::string& label, const std::vector<comparison>& beside) {
  const char* before = " (";
  for (const comparison& each : beside) {
    const auto ratio = each.ratios.find(label);
    if (ratio == each.ratios.end()) continue;
    std::printf("%s%.2fx %s", before, ratio->second, each.to.c_str());
    before = ", ";
  }
  if (*before == ',') std::printf(")");
}

/// Every row with its figures; in parentheses how many times the figure of the case's `limit` that is, or of those that
/// it is compared to.
void print_table(const std::vector<run>& rows, const std::map<std::string, std::vector<comparison>>& compared) {
  std::map<std::string, const run*> limits;
  std::size_t width = 0;
  for (const run& row : rows) {
    const std::string& name = row.run_name.function_name;
    width = std::max(width, name.size());
    if (name.ends_with("/limit") && !row.error_occurred) limits[case_of(name)] = &row;
  }
  std::string last_case;
  for (const run& row : rows) {
    const std::string& name = row.run_name.function_name;
    if (!last_case.empty() && case_of(name) != last_case) std::printf("\n");
    last_case = case_of(name);
    std::printf("%-*s", static_cast<int>(width), name.c_str());
    if (row.error_occurred) {
      std::printf("  failed: %s\n", row.error_message.c_str());
      continue;
    }
    const auto found = limits.find(last_case);
    const auto beside = compared.find(name);
    const bool is_compared = beside != compared.end();
    const run* const limit = is_compared || found == limits.end() || found->second == &row ? nullptr : found->second;
    const auto figure = [&](const char* label, double value, double floor) {
      std::printf("  %s %s", label, number(value).c_str());
      if (limit != nullptr && floor != 0) std::printf(" (%.2fx)", value / floor);
    };
    figure(benchmark::GetTimeUnitString(row.time_unit), row.GetAdjustedRealTime(),
           limit == nullptr ? 0 : limit->GetAdjustedRealTime());
    for (const auto& [label, counter] : row.counters) {
      double floor = 0;
      if (limit != nullptr && limit->counters.contains(label)) floor = limit->counters.at(label).value;
      figure(label.c_str(), counter.value, floor);
      if (is_compared) print_ratios(label, beside->second);
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string json;
  std::vector<char*> arguments{argv[0]};
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--quick") {
      foxtrot_bench::quick = true;
    } else if (argument == "--json" && i + 1 < argc) {
      json = argv[++i];
    } else {
      arguments.push_back(argv[i]);
    }
  }
  // A subject that sets neither iterations nor a minimal time measures this long in each pass.
  std::string shorter = "--benchmark_min_time=0.1";
  std::string without = "--benchmark_filter=-^(";
  for (const std::string& row : foxtrot_bench::long_rows) without += (without.back() == '(' ? "" : "|") + row;
  without += ")/";
  if (foxtrot_bench::quick) {  // what was given explicitly follows, and counts
    if (!foxtrot_bench::long_rows.empty()) arguments.insert(arguments.begin() + 1, without.data());
    arguments.insert(arguments.begin() + 1, shorter.data());
  }
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;

  describe_machine();
  const int passes = foxtrot_bench::quick ? 3 : 5;
  collector collected;
  for (int pass = 1; pass <= passes; ++pass) {
    std::fprintf(stderr, "pass %d of %d\n", pass, passes);
    if (benchmark::RunSpecifiedBenchmarks(&collected) == 0) return 2;
  }

  std::vector<run> rows;
  bool failed = false;
  for (const subject& measured : collected.subjects) {
    rows.push_back(median_run(measured));
    failed = failed || rows.back().error_occurred;
  }
  const auto compared = compare(collected.subjects);
  print_table(rows, compared);
  for (run& row : rows) add_ratios(row, compared);
  if (!json.empty()) {
    std::ofstream file{json};
    benchmark::JSONReporter reporter;
    reporter.SetOutputStream(&file);
    reporter.ReportContext(benchmark::BenchmarkReporter::Context{});
    reporter.ReportRuns(rows);
    reporter.Finalize();
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write %s\n", json.c_str());
      return 1;
    }
  }
  return failed ? 1 : 0;
}
