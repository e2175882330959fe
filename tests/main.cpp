// tests/main.cpp: the main of every test program: Catch2's, and two ways in for ctest.
#include <support/skip.hpp>

#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

namespace {

constexpr int skip_return_code = 77;

/// Writes the commands that register every case with ctest: a test each, its labels and properties from its tags.
int write_ctest(const char* program, const char* path) {
  std::ofstream out{path};
  for (const Catch::TestCase& test : Catch::getRegistryHub().getTestCaseRegistry().getAllTests()) {
    if (test.isHidden()) continue;
    const auto has = [&](std::string_view tag) {
      return std::find(test.lcaseTags.begin(), test.lcaseTags.end(), tag) != test.lcaseTags.end();
    };
    const bool soak = has("soak");
    const std::string name = "[==[" + test.name + "]==]";
    out << "add_test(" << name << " [==[" << program << "]==] --case " << name << ")\n"
        << "set_tests_properties(" << name << " PROPERTIES LABELS " << (soak ? "soak" : "fast") << " TIMEOUT "
        << (soak ? 3600 : 300) << " SKIP_RETURN_CODE " << skip_return_code << (has("alone") ? " RUN_SERIAL TRUE" : "")
        << ")\n";
  }
  return out.flush() ? 0 : 1;
}

/// The test specification that matches exactly this name.
std::string exactly(std::string_view name) {
  std::string spec;
  for (const char c : name) {
    if (std::strchr("\\,[]\"~", c) != nullptr) spec += '\\';
    spec += c;
  }
  return spec;
}

int run_case(const char* program, const char* name) {
  const std::string spec = exactly(name);
  const char* const arguments[] = {program, spec.c_str(), "--warn", "NoTests"};
  const int failed = Catch::Session().run(4, arguments);
  return failed == 0 && foxtrot_test::skipped ? skip_return_code : failed;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view way = argc == 3 ? argv[1] : "";
  if (way == "--write-ctest") return write_ctest(argv[0], argv[2]);
  if (way == "--case") return run_case(argv[0], argv[2]);
  return Catch::Session().run(argc, argv);
}
