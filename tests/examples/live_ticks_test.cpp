// tests/examples/live_ticks_test.cpp: the example as its user runs it: arguments, reports, signals.
#include <catch2/catch.hpp>

#include <support/captures.hpp>
#include <support/program.hpp>
#include <support/sanitizer.hpp>
#include <support/temporary_file.hpp>

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using foxtrot_test::bound;
using foxtrot_test::program;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

program live_ticks(strings arguments) { return program{FOXTROT_LIVE_TICKS, std::move(arguments)}; }

std::string last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return std::string{text.substr(text.rfind('\n') + 1)};
}

/// The report that --json ends with.
struct report {
  explicit report(const std::string& output) : line{last_line(output)} {
    INFO(output);
    REQUIRE(parser.parse(line).get(json) == simdjson::SUCCESS);
  }
  [[nodiscard]] std::int64_t number(std::string_view pointer) const {
    INFO(pointer << " in " << line);
    std::int64_t value = -1;
    REQUIRE(json.at_pointer(pointer).get(value) == simdjson::SUCCESS);
    return value;
  }
  std::string line;
  simdjson::dom::parser parser;
  simdjson::dom::element json;
};

TEST_CASE("live_ticks: --json ends with a report that has everything, one reconnect included") {
  program run = live_ticks({"--json", "--seconds", "5"});
  REQUIRE(run.wait() == 0);
  CHECK(run.errors().empty());
  const report seen{run.output()};
  CHECK(seen.number("/messages") > 1000);
  CHECK(seen.number("/unknown") == 0);
  CHECK(seen.number("/rejected") == 0);
  CHECK(seen.number("/dropped") == 0);
  CHECK(seen.number("/reconnects") == 1);
  CHECK(seen.number("/gaps") >= 0);
  std::int64_t ticks = 0;
  for (const char* kind : {"book_ticker", "trade", "depth_update", "depth_snapshot"}) {
    CHECK(seen.number(std::string{"/ticks/"} + kind) > 0);
    ticks += seen.number(std::string{"/ticks/"} + kind);
    CHECK(seen.number(std::string{"/symbols/BTCUSDT/"} + kind) > 0);
    CHECK(seen.number(std::string{"/symbols/ETHUSDT/"} + kind) > 0);
  }
  CHECK(ticks == seen.number("/messages"));
  for (const char* what : {"latency_ns", "venue_delay_ns"}) {
    for (const char* percentile : {"p50", "p90", "p99", "p999", "max"})
      (void)seen.number(std::string{"/"} + what + "/" + percentile);
  }
  CHECK(seen.number("/latency_ns/p50") > 0);
  CHECK(seen.number("/latency_ns/p50") <= seen.number("/latency_ns/p99"));
  CHECK(seen.number("/latency_ns/p99") <= seen.number("/latency_ns/max"));
  CHECK(seen.number("/errors/network") == 1);
  CHECK(double{seen.json["seconds"]} >= 5.0);
  CHECK(double{seen.json["shutdown_ms"]} < bound(1000.0ms).count());
}

TEST_CASE("live_ticks: in words it tells of the connection, of each second, and of the end") {
  program run = live_ticks({"--seconds", "4.5"});
  REQUIRE(run.wait() == 0);
  const std::string text = run.output();
  INFO(text);
  const std::size_t first = text.find("-- connected");
  const std::size_t lost = text.find("-- disconnected: ");
  const std::size_t again = text.find("-- reconnecting, attempt 1");
  const std::size_t back = text.find("-- connected", first + 1);
  REQUIRE(back != std::string::npos);
  CHECK(first < lost);
  CHECK(lost < again);
  CHECK(again < back);
  CHECK(text.find("book tickers") != std::string::npos);
  CHECK(text.find("1 reconnects") != std::string::npos);
  CHECK(text.find("\nread_to_published  book_ticker ") != std::string::npos);
  CHECK(text.find("shutdown: ") != std::string::npos);
  CHECK(run.errors().empty());
}

TEST_CASE("live_ticks: --help explains, wrong arguments get one line and status 2") {
  program help = live_ticks({"--help"});
  REQUIRE(help.wait() == 0);
  CHECK(help.output().find("--capture FILE") != std::string::npos);
  CHECK(help.errors().empty());
  const std::vector<strings> wrong{{"--nonsense"},
                                   {"nonsense"},
                                   {""},
                                   {"--seconds"},
                                   {"--seconds", "-1"},
                                   {"--seconds", "soon"},
                                   {"--seconds", "nan"},
                                   {"--count", "0"},
                                   {"--count", "1.5"},
                                   {"--speed", "0"},
                                   {"--cpu-net", "x"},
                                   {"--market", "moon"},
                                   {"--venue", "elsewhere"},
                                   {"--rest", "https://localhost"},
                                   {"--ca", "file"},
                                   {"--venue", "binance", "--url", "wss://localhost"},
                                   {"--url", "nonsense"},
                                   {"--url", "wss://localhost:1", "--ca", "/nonexistent.pem"},
                                   {"--capture", "/nonexistent/capture.gz"},
                                   {"--json", "--capture", "/nonexistent/capture.gz"},
                                   {"--streams", "a b"}};
  for (const strings& arguments : wrong) {
    std::string line;
    for (const std::string& each : arguments) line += each + ' ';
    INFO(line);
    program run = live_ticks(arguments);
    CHECK(run.wait() == 2);
    CHECK(run.output().empty());
    CHECK(std::count(run.errors().begin(), run.errors().end(), '\n') == 1);
    CHECK(run.errors().starts_with("live_ticks: "));
  }
}

TEST_CASE("live_ticks: a signal ends it at once, whenever it comes", "[alone]") {
  const auto interrupt = [](program& run, int number) {
    const auto before = std::chrono::steady_clock::now();
    run.signal(number);
    CHECK(run.wait() == 0);
    CHECK(std::chrono::steady_clock::now() - before < bound(1s));
    const report seen{run.output()};
    CHECK(double{seen.json["shutdown_ms"]} < bound(1000.0ms).count());
  };
  SECTION("just started") {
    // The signals are blocked from main's first line on; before that they kill, as they should.
    for (int i = 0; i < 10; ++i) {
      program run = live_ticks({"--json"});
      REQUIRE(run.until_guarded());
      interrupt(run, i % 2 == 0 ? SIGINT : SIGTERM);
    }
  }
  SECTION("while it connects and starts to stream") {
    for (std::size_t threads = 6; threads <= 8; ++threads) {  // 5 of them are main and those that end it
      program run = live_ticks({"--json"});
      REQUIRE(run.until_guarded());
      REQUIRE(run.until_threads(threads));
      interrupt(run, SIGINT);
    }
  }
  SECTION("in the middle of the stream, and around the reset") {
    for (const char* sign : {"-- connected", "-- disconnected", "-- reconnecting"}) {
      program run = live_ticks({"--seconds", "8"});  // the reset comes after half of it, the signal long before the end
      REQUIRE(run.until_output(sign));
      const auto before = std::chrono::steady_clock::now();
      run.signal(SIGINT);
      CHECK(run.wait() == 0);
      CHECK(std::chrono::steady_clock::now() - before < bound(1s));
      CHECK(run.output().find("shutdown: ") != std::string::npos);
    }
  }
}

TEST_CASE("live_ticks: --count ends it, with a queue, inline, and spinning") {
  for (const strings& how : {strings{}, strings{"--inline"}, strings{"--spin"}, strings{"--inline", "--spin"}}) {
    strings arguments{"--json", "--count", "2000"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    program run = live_ticks(arguments);
    REQUIRE(run.wait() == 0);
    const report seen{run.output()};
    CHECK(seen.number("/messages") >= 2000);
    CHECK(seen.number("/dropped") == 0);
    CHECK(seen.number("/rejected") == 0);
    CHECK(double{seen.json["seconds"]} < 60);
  }
}

TEST_CASE("live_ticks: symbols, streams and the market can be chosen") {
  program run = live_ticks(
      {"--json", "--market", "usdm", "--symbols", "ethusdt,newusdt", "--streams", "bookTicker", "--count", "500"});
  REQUIRE(run.wait() == 0);
  const report seen{run.output()};
  CHECK(seen.number("/ticks/book_ticker") >= 500);
  CHECK(seen.number("/ticks/trade") == 0);
  CHECK(seen.number("/symbols/ETHUSDT/book_ticker") > 0);
  CHECK(seen.number("/symbols/NEWUSDT/book_ticker") > 0);
  CHECK(seen.json.at_pointer("/symbols/BTCUSDT").error() != simdjson::SUCCESS);
  CHECK(seen.number("/venue_delay_ns/p50") != 0);
}

TEST_CASE("live_ticks: a small recording is replayed to its end, and unknown lines are counted") {
  std::string capture;
  const std::int64_t start = 1'723'161'253'937'085'768;
  for (int i = 0; i < 300; ++i) {
    const std::string number = std::to_string(1000 + i);
    capture += std::to_string(start + i * 1'000'000) + " ";
    if (i % 3 == 0) {
      capture += R"({"stream":"btcusdt@bookTicker","data":{"u":)" + number +
                 R"(,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}})";
    } else if (i % 3 == 1) {
      capture += R"({"stream":"!contractInfo","data":{"e":"contractInfo","E":1723161254208,"s":"BTCUSDT"}})";
    } else {
      capture += R"({"stream":"btcusdt@trade","data":{"e":"trade","E":1723161254208,"s":"BTCUSDT","t":)" +
                 std::to_string(i / 3) +
                 R"(,"p":"61837.63000000","q":"0.00100000","T":1723161254207,"m":true,"M":true}})";
    }
    capture += '\n';
  }
  const foxtrot_test::temporary_file file{capture};
  for (const char* speed : {"max", "10"}) {
    program run = live_ticks({"--json", "--capture", file.path(), "--speed", speed});
    REQUIRE(run.wait() == 0);
    const report seen{run.output()};
    CHECK(seen.number("/messages") == 300);
    CHECK(seen.number("/ticks/book_ticker") == 100);
    CHECK(seen.number("/ticks/trade") == 100);
    CHECK(seen.number("/unknown") == 100);
    CHECK(seen.number("/gaps") == 0);
    CHECK(seen.number("/reconnects") == 0);
  }
  const foxtrot_test::temporary_file empty{""};
  const foxtrot_test::temporary_file garbage{"not a capture\n"};
  for (const std::string& path : {empty.path(), garbage.path()}) {
    program run = live_ticks({"--capture", path});
    CHECK(run.wait() == 2);
    CHECK(std::count(run.errors().begin(), run.errors().end(), '\n') == 1);
  }
}

TEST_CASE("live_ticks: the recorded captures give exactly what is in them") {
  struct expected {
    const char* path;
    std::int64_t messages, quotes, trades, updates;
  };
  for (const expected& right : {expected{"spot/btcusdt_20240808.txt.gz", 41'249, 28'040, 9'757, 3'451},
                                expected{"usdm/btcusdt_20240808.txt.gz", 93'954, 66'089, 21'313, 6'551}}) {
    const auto path = foxtrot_test::capture_path(right.path);
    if (!path) return;
    program run = live_ticks({"--json", "--capture", *path, "--speed", "max"});
    if (run.wait() == 2 && run.errors().find("zlib") != std::string::npos)
      return foxtrot_test::skip("built without zlib");
    const report seen{run.output()};
    CHECK(seen.number("/messages") == right.messages);
    CHECK(seen.number("/ticks/book_ticker") == right.quotes);
    CHECK(seen.number("/ticks/trade") == right.trades);
    CHECK(seen.number("/ticks/depth_update") == right.updates);
    CHECK(seen.number("/ticks/depth_snapshot") == 1);
    for (const char* none : {"/unknown", "/rejected", "/gaps", "/dropped", "/reconnects"})
      CHECK(seen.number(none) == 0);
  }
}

}  // namespace
