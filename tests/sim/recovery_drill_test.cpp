// tests/sim/recovery_drill_test.cpp: a feed and an exchange that goes wrong, both real, over TLS.
#include <foxtrot/sim/recovery_drill.hpp>

#include <catch2/catch.hpp>

#include <support/sanitizer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::bound;
using namespace std::chrono_literals;

recovery_drill_settings small() {
  return {.events_per_second = 2'000,
          .symbols = 2,
          .limits = {.step = bound(500ms),
                     .silence = bound(600ms),
                     .quote_age = bound(400ms),
                     .recovery = 300ms,
                     .holds = 300ms,
                     .one_in = 10},
          .patience = bound(10'000ms)};
}

recovery_case find(std::string_view name, const recovery_limits& limits) {
  const std::vector<recovery_case> all = recovery_cases(limits);
  return *std::find_if(all.begin(), all.end(), [name](const auto& each) { return each.name == name; });
}

struct drill : recovery_drill {
  explicit drill(const recovery_drill_settings& settings = small()) : recovery_drill{settings} {
    if (const std::error_code error = start()) FAIL(error.message());
  }
};

void check(const recovery_totals& all) {
  CHECK(all.unreported() == 0);
  CHECK(all.duplicates() == 0);
  CHECK(all.disordered() == 0);
  CHECK(all.clean());
  CHECK(all.trades_behind == 0);
  CHECK(all.trades.received > 0);
  CHECK(all.one_connection());
  CHECK(all.most_websockets_per_path == 1);
}

TEST_CASE("recovery_drill: accidents of each sort are detected, mended and told") {
  drill d;
  REQUIRE(d.wait_whole());
  std::uint64_t lost = 0;
  for (const char* name : {"reset", "drop", "mute", "duplicate", "fallback"}) {
    INFO(name);
    const recovery_result seen = d.run(find(name, small().limits));
    CHECK(seen.name == name);
    CHECK(seen.detected);
    CHECK_FALSE(seen.harmless);
    CHECK(seen.recovered);
    CHECK(seen.unreported == 0);
    CHECK(seen.whole_ms >= seen.recover_ms);
    CHECK(seen.needs_telling == (seen.name != "duplicate"));
    CHECK(seen.first_polled_ms.has_value() == (seen.name == "fallback"));
    if (seen.name == "drop" || seen.name == "mute") {
      CHECK(seen.gaps > 0);
      CHECK(seen.lost > 0);
    }
    if (seen.name == "duplicate") CHECK(seen.lost == 0);
    lost += seen.lost;
  }
  const recovery_totals all = d.finish();
  check(all);
  CHECK(all.trades.told == lost);
  CHECK(all.polled > 0);
  CHECK_FALSE(d.stop());
}

TEST_CASE("recovery_drill: a reset and a silent peer are detected in time", "[alone]") {
  drill d;
  REQUIRE(d.wait_whole());
  const recovery_result reset = d.run(find("reset", small().limits));
  CHECK(reset.detect_ms < bound(100ms).count());
  CHECK(reset.recover_ms < bound(1'000ms).count());
  const recovery_result freeze = d.run(find("freeze", small().limits));
  const auto limit = static_cast<double>(small().limits.silence.count());
  CHECK(freeze.detect_ms > limit / 2);
  CHECK(freeze.detect_ms < limit + static_cast<double>(bound(1'000ms).count()));
  check(d.finish());
}

// Nothing goes wrong by itself, however busy the machine is.
recovery_drill_settings calm(std::int64_t events_per_second, std::chrono::milliseconds patience) {
  recovery_drill_settings made = small();
  made.events_per_second = events_per_second;
  made.limits.step = made.limits.silence = made.limits.quote_age = bound(20s);
  made.patience = bound(patience);
  return made;
}

recovery_case lots(fault_kind kind, std::uint32_t one_in, std::chrono::milliseconds lasts) {
  return {std::string{to_string(kind)}, {{.kind = kind, .lasts = lasts, .one_in = one_in}}, {status_code::gap}};
}

TEST_CASE("recovery_drill: what another connection makes good is harmless, not detected, and soon known", "[alone]") {
  const recovery_drill_settings patient = calm(2'000, 60s);
  drill d{patient};
  REQUIRE(d.wait_whole());
  const feed_counters& counters = d.feed().counters();
  const auto until = [&d](auto holds) {
    for (int i = 0; i < 3'000 && !holds(); ++i) (void)d.pass(10ms);
    return holds();
  };
  for (const fault_kind kind : {fault_kind::drop, fault_kind::reorder, fault_kind::bad_json}) {
    recovery_result seen;
    // it is told all the same where both lack the same message, or one of them is gone too early
    for (int attempt = 0; attempt < 10 && !seen.harmless; ++attempt) {
      const std::uint64_t twice = counters.line_duplicates.get();
      const std::uint64_t over = counters.rotations.get() + counters.failed_rotations.get();
      REQUIRE_FALSE(d.feed().rotate());
      REQUIRE(until([&] { return counters.line_duplicates.get() > twice + 20; }));
      const auto before = std::chrono::steady_clock::now();
      seen = d.run(lots(kind, 100, 500ms));
      CHECK(std::chrono::steady_clock::now() - before < patient.patience / 4);
      CHECK(seen.recovered);
      CHECK(seen.harmless != seen.detected);
      REQUIRE(until([&] { return counters.rotations.get() + counters.failed_rotations.get() > over; }));
    }
    INFO(to_string(kind));
    CHECK(seen.harmless);
    CHECK(seen.lost == 0);
    CHECK(seen.unreported == 0);
    CHECK(seen.gaps == 0);
  }
  const recovery_totals all = d.finish();
  CHECK(all.clean());
  CHECK(all.one_connection());
}

TEST_CASE("recovery_drill: a fault that does nothing is neither detected nor harmless") {
  drill d{calm(2'000, 2s)};
  REQUIRE(d.wait_whole());
  const recovery_case nothing = lots(fault_kind::drop, 1'000'000'000, 100ms);
  const auto check_unnoticed = [&d](const recovery_case& what) {
    const recovery_result seen = d.run(what);
    CHECK_FALSE(seen.detected);
    CHECK_FALSE(seen.harmless);
    CHECK(seen.recovered);
    CHECK(seen.lost == 0);
  };
  check_unnoticed(nothing);
  const std::uint64_t twice = d.feed().counters().line_duplicates.get();
  REQUIRE_FALSE(d.feed().rotate());
  for (int i = 0; i < 3'000 && d.feed().counters().line_duplicates.get() == twice; ++i) (void)d.pass(10ms);
  check_unnoticed(nothing);  // there are two connections: it is not they who made good
  CHECK(d.feed().counters().line_duplicates.get() > twice);
  check_unnoticed(lots(fault_kind::duplicate, 10, 100ms));
  CHECK(d.venue().statistics().messages_dropped == 0);
  CHECK(d.venue().statistics().messages_duplicated > 0);
  CHECK(d.venue().statistics().faults_begun == 3);
}

TEST_CASE("recovery_drill: what hits the only connection is not harmless, even where nothing that counts was lost") {
  drill d{calm(2'000, 2s)};
  REQUIRE(d.wait_whole());
  recovery_case quotes = lots(fault_kind::drop, 1'000'000'000, 200ms);
  quotes.faults.push_back({.kind = fault_kind::silence, .lasts = 200ms, .text = "btcusdt@bookTicker"});
  const recovery_result seen = d.run(quotes);
  CHECK(quotes.hits(d.venue().statistics()) > 0);
  CHECK(seen.lost + seen.unreported == 0);
  CHECK_FALSE(seen.detected);
  CHECK_FALSE(seen.harmless);
}

TEST_CASE("recovery_drill: what never ends is not called mended") {
  recovery_drill_settings impatient = small();
  impatient.patience = 1s;
  drill d{impatient};
  REQUIRE(d.wait_whole());
  const recovery_case endless{
      "endless", {{.kind = fault_kind::mute}, {.kind = fault_kind::reset}}, {status_code::shutdown_announced}};
  const recovery_result seen = d.run(endless);
  CHECK_FALSE(seen.detected);
  CHECK_FALSE(seen.harmless);
  CHECK_FALSE(seen.recovered);
  // and trades that were made and never came are not overlooked
  CHECK(d.finish().trades_behind > 0);
}

TEST_CASE("recovery_drill: the script of its settings is the exchange's own") {
  recovery_drill_settings scripted = small();
  scripted.faults = fault_script::parse("0ms drop 1/20 for 300ms\n").value();
  drill d{scripted};
  REQUIRE(d.wait_whole());
  REQUIRE(d.pass(300ms));
  check(d.finish());
  CHECK(d.venue().statistics().faults_begun == 1);
}

TEST_CASE("recovery_drill: a stop ends whatever it waits for, at once", "[alone]") {
  drill d;
  REQUIRE(d.wait_whole());
  recovery_limits long_ones = small().limits;
  long_ones.holds = 60s;
  for (const char* name : {"drop", "drip", "refuse"}) {
    std::stop_source stop;
    const auto before = std::chrono::steady_clock::now();
    std::jthread stopper{[&stop] {
      std::this_thread::sleep_for(50ms);
      stop.request_stop();
    }};
    CHECK_FALSE(d.run(find(name, long_ones), stop.get_token()).recovered);
    const recovery_totals all = d.finish(stop.get_token());
    CHECK(std::chrono::steady_clock::now() - before < bound(2s));
    CHECK(all.clean());
    d.venue().clear_faults();
    d.venue().resume();
  }
}

}  // namespace
