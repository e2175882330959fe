// bench/compile/compile.cpp: compile/CASE/SUBJECT: how long a user's file takes to compile, and how much memory.
//
// CASE: strategy is a file that sees ticks and threads (<foxtrot/strategy.hpp>); hello_world the README's first
// program. SUBJECT: foxtrot is the file of a program that links foxtrot::compiled; foxtrot_header_only one that links
// foxtrot::foxtrot, where that file compiles everything; asio the same with Asio compiled elsewhere; single_include and
// single_include_compiled the like with the single header; std_only includes the standard headers that foxtrot's file
// reaches, and nothing else; beast is the same client on Boost.Beast, as C++17, which this compiler needs.
// The compiler is the suite's own, at -O2, one process at a time. `seconds` is the wall's time, `max_rss_mb` the most
// memory that it held; --quick leaves out what takes minutes. The first pass has read the headers from the disk
// already: each is compiled once before.
//
// peers: libboost1.74-dev+libboost-system1.74-dev|libboost1.81-dev+libboost-system1.81-dev
#include <support/bench.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace foxtrot_bench;
using strings = std::vector<std::string>;

const std::string root = FOXTROT_ROOT;
const std::string inputs = root + "/bench/support/compile/";

struct compiled {
  double seconds{0};
  double max_rss_mb{0};
};

// Nothing where the compiler fails.
std::optional<compiled> compile(const std::string& file, const strings& flags) {
  strings arguments{FOXTROT_CXX, "-O2", "-c", file, "-o", "/dev/null"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::vector<char*> raw;
  for (std::string& each : arguments) raw.push_back(each.data());
  raw.push_back(nullptr);
  const auto began = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::execvp(raw[0], raw.data());
    ::_exit(127);
  }
  int status = 0;
  rusage used{};
  if (child < 0 || ::wait4(child, &status, 0, &used) != child || status != 0) return std::nullopt;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return compiled{took.count(), static_cast<double>(used.ru_maxrss) / 1024};
}

// The standard headers that a header of foxtrot reaches; without definitions what it reaches as a declaration.
void standard_headers(const std::string& header, std::set<std::string>& seen, std::set<std::string>& found) {
  static const std::regex include{R"(^\s*#\s*include <([^>]+)>)"};
  static const std::regex standard{"[a-z_]+"};
  if (!seen.insert(header).second) return;
  std::ifstream file{root + "/include/" + header};
  bool definitions = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "#ifdef FOXTROT_DEFINITIONS") definitions = true;
    if (line.starts_with("#endif")) definitions = false;
    std::smatch match;
    if (definitions || !std::regex_search(line, match, include)) continue;
    const std::string target = match[1];
    if (target.starts_with("foxtrot/")) {
      standard_headers(target, seen, found);
    } else if (std::regex_match(target, standard)) {
      found.insert(target);
    }
  }
}

std::string std_only(const std::string& entry) {
  std::set<std::string> seen;
  std::set<std::string> found;
  standard_headers("foxtrot/" + entry + ".hpp", seen, found);
  const std::string path = std::filesystem::temp_directory_path() / ("foxtrot_std_only_" + entry + ".cpp");
  std::ofstream file{path};
  for (const std::string& header : found)
    file << "#if __has_include(<" << header << ">)\n#include <" << header << ">\n#endif\n";
  file << "int main() {}\n";
  return path;
}

void add(const std::string& name, const std::string& file, const strings& flags, bool is_long = false) {
  const auto measure = [file, flags](benchmark::State& state) {
    static std::set<std::string> warm;
    if (warm.insert(file).second && !compile(file, flags)) return state.SkipWithError("it does not compile");
    const auto seen = compile(file, flags);
    if (!seen) return state.SkipWithError("it does not compile");
    state.counters["seconds"] = seen->seconds;
    state.counters["max_rss_mb"] = seen->max_rss_mb;
    state.SetIterationTime(seen->seconds);
  };
  is_long ? add_long_row("compile/" + name, measure) : add_row("compile/" + name, measure);
}

[[maybe_unused]] const bool added = [] {
  const std::string headers = "-I" + root + "/include";
  const std::string single = "-I" + root + "/single_include";
  const std::string separate = "-DFOXTROT_SEPARATE_COMPILATION";
  const std::string cxx20 = "-std=c++20";
  add("strategy/std_only", std_only("strategy"), {cxx20});
  add("strategy/foxtrot", inputs + "strategy.cpp", {cxx20, headers, separate});
  add("strategy/foxtrot_header_only", inputs + "strategy.cpp", {cxx20, headers}, true);
  add("hello_world/std_only", std_only("foxtrot"), {cxx20}, true);
  add("hello_world/foxtrot", inputs + "hello_world.cpp", {cxx20, headers, separate}, true);
  add("hello_world/single_include_compiled", inputs + "hello_world.cpp", {cxx20, single, separate}, true);
  add("hello_world/single_include", inputs + "hello_world.cpp", {cxx20, single}, true);
  add("hello_world/foxtrot_header_only", inputs + "hello_world.cpp", {cxx20, headers}, true);
  add("hello_world/foxtrot_header_only_asio", inputs + "hello_world.cpp",
      {cxx20, headers, "-DASIO_SEPARATE_COMPILATION"}, true);
#ifdef FOXTROT_BENCH_WITH_BOOST
  add("hello_world/beast", inputs + "beast.cpp", {"-std=c++17"}, true);
#endif
  return true;
}();

}  // namespace
