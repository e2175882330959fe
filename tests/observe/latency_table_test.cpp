#include <foxtrot/observe/latency_table.hpp>

#include <support/temporary_file.hpp>

#include <catch2/catch.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

using namespace foxtrot;

namespace {

latency_report some() {
  histogram times;
  times.record(1'500, 9);
  times.record(200'000);
  latency_report made;
  made.add(latency_stage::kernel_to_read, tick_kind::trade, times);
  made.add(latency_stage::read_to_strategy, tick_kind::book_ticker, times);
  return made;
}

}  // namespace

TEST_CASE("latency_table: one line for each stage and kind", "[observe]") {
  CHECK(latency_table(some()) ==
        "us                 kind                    ticks       p50       p90       p99     p99.9       max\n"
        "kernel_to_read     trade                      10       1.5       1.5     200.0     200.0     200.0\n"
        "read_to_strategy   book_ticker                10       1.5       1.5     200.0     200.0     200.0\n");
  CHECK(latency_table({}).empty());
}

TEST_CASE("latency_table: a file for each stage and kind", "[observe]") {
  const foxtrot_test::temporary_file place;
  const std::string prefix = place.path() + '-';
  REQUIRE_FALSE(write_latency_files(some(), prefix));
  for (const char* name : {"kernel_to_read.trade.hgrm", "read_to_strategy.book_ticker.hgrm"}) {
    std::ifstream file{prefix + name};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    CHECK(text == percentile_distribution(some().entries().front().times));
    std::remove((prefix + name).c_str());
  }
}

TEST_CASE("latency_table: files that cannot be written are an error", "[observe]") {
  CHECK(write_latency_files(some(), "/nowhere/at/all/") == std::errc::no_such_file_or_directory);
  CHECK_FALSE(write_latency_files({}, "/nowhere/at/all/"));
}
