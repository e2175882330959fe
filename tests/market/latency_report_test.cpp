#include <foxtrot/market/latency_report.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <initializer_list>

using namespace foxtrot;
using namespace std::chrono_literals;

namespace {

histogram times_of(std::initializer_list<std::int64_t> values) {
  histogram made;
  for (const std::int64_t value : values) made.record(value);
  return made;
}

}  // namespace

TEST_CASE("latency_report: an empty one knows nothing", "[market]") {
  const latency_report none;
  CHECK(none.empty());
  CHECK(none.find(latency_stage::kernel_to_read, tick_kind::trade) == nullptr);
  CHECK(none.figures(latency_stage::kernel_to_read, tick_kind::trade).count == 0);
  CHECK(none.figures(latency_stage::kernel_to_read).max == 0ns);
}

TEST_CASE("latency_report: by stage and kind, in order, without empty ones", "[market]") {
  latency_report report;
  report.add(latency_stage::read_to_strategy, tick_kind::trade, times_of({30}));
  report.add(latency_stage::kernel_to_read, tick_kind::trade, times_of({10, 12}));
  report.add(latency_stage::kernel_to_read, tick_kind::ticker, histogram{});
  report.add(latency_stage::kernel_to_read, tick_kind::book_ticker, times_of({20}));
  report.add(latency_stage::kernel_to_read, tick_kind::trade, times_of({14}));
  REQUIRE(report.entries().size() == 3);
  CHECK(report.entries()[0].kind == tick_kind::book_ticker);
  CHECK(report.entries()[1].kind == tick_kind::trade);
  CHECK(report.entries()[1].times.count() == 3);
  CHECK(report.entries()[2].stage == latency_stage::read_to_strategy);
  CHECK(report.find(latency_stage::kernel_to_read, tick_kind::ticker) == nullptr);
  CHECK(report.find(latency_stage::read_to_published, tick_kind::trade) == nullptr);
  CHECK(report.times(latency_stage::kernel_to_read).count() == 4);
  CHECK(report.times(latency_stage::kernel_to_read).max() == 20);
}

TEST_CASE("latency_report: figures", "[market]") {
  latency_report report;
  histogram times;
  for (std::int64_t value = 1; value <= 200; ++value) times.record(value);
  report.add(latency_stage::read_to_published, tick_kind::kline, times);
  const latency_figures found = report.figures(latency_stage::read_to_published, tick_kind::kline);
  CHECK(found.count == 200);
  CHECK(found.p50 == 100ns);
  CHECK(found.p90 == 180ns);
  CHECK(found.p99 == 198ns);
  CHECK(found.p999 == 200ns);
  CHECK(found.max == 200ns);
}

TEST_CASE("latency_report: merged ones add up", "[market]") {
  latency_report one;
  latency_report other;
  one.add(latency_stage::read_to_strategy, tick_kind::trade, times_of({10}));
  other.add(latency_stage::read_to_strategy, tick_kind::trade, times_of({20, 30}));
  other.add(latency_stage::kernel_to_read, tick_kind::trade, times_of({5}));
  one.merge(other);
  REQUIRE(one.entries().size() == 2);
  CHECK(one.figures(latency_stage::read_to_strategy, tick_kind::trade).count == 3);
  CHECK(one.figures(latency_stage::read_to_strategy, tick_kind::trade).max == 30ns);
  CHECK(one.figures(latency_stage::kernel_to_read, tick_kind::trade).count == 1);
}

TEST_CASE("latency_report: stages have names", "[market]") {
  CHECK(to_string(latency_stage::kernel_to_read) == "kernel_to_read");
  CHECK(to_string(latency_stage::read_to_published) == "read_to_published");
  CHECK(to_string(latency_stage::read_to_strategy) == "read_to_strategy");
  CHECK(to_string(static_cast<latency_stage>(latency_stage_count)) == "?");
}
