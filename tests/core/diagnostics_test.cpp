#include <foxtrot/core/diagnostics.hpp>

#include <foxtrot/core/error.hpp>

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

using namespace foxtrot;

TEST_CASE("diagnostics: without a sink remarks go nowhere", "[core]") {
  const diagnostics silent;
  CHECK_FALSE(silent);
  silent.report(severity::critical, "nobody", "listens", errc::timeout);
  CHECK_FALSE(diagnostics{diagnostics::sink{}});
}

TEST_CASE("diagnostics: the sink is told everything, by every copy", "[core]") {
  struct remark {
    severity level;
    std::string component;
    std::string message;
    std::error_code error;
  };
  std::vector<remark> heard;
  const diagnostics log{[&heard](const diagnostic& said) {
    heard.push_back({said.level, std::string{said.component}, std::string{said.message}, said.error});
  }};
  REQUIRE(log);
  log.report(severity::warning, "worker", "runs elsewhere", errc::bad_placement);
  const diagnostics copy = log;
  copy.report(severity::info, "feed", "connected");
  REQUIRE(heard.size() == 2);
  CHECK(heard[0].level == severity::warning);
  CHECK(heard[0].component == "worker");
  CHECK(heard[0].message == "runs elsewhere");
  CHECK(heard[0].error == errc::bad_placement);
  CHECK(heard[1].component == "feed");
  CHECK_FALSE(heard[1].error);
}

TEST_CASE("diagnostics: severities have names", "[core]") {
  std::set<std::string_view> names;
  for (const severity level :
       {severity::debug, severity::info, severity::warning, severity::error, severity::critical}) {
    CHECK(names.insert(to_string(level)).second);
  }
  CHECK(to_string(severity::warning) == "warning");
}
