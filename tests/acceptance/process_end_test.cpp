// tests/acceptance/process_end_test.cpp: whole programs and how they end: rogue threads, signals, exit, exceptions.
#include <foxtrot/thread/exit_code.hpp>

#include <support/program.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::bound;
using foxtrot_test::program;
using real = std::chrono::steady_clock;

program run(std::string way) { return program{FOXTROT_PROCESS_END, {std::move(way)}}; }

double milliseconds(real::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

/// Signals it and waits for its end; how long that took.
real::duration end_by(program& running, int number, int& code) {
  const auto start = real::now();
  running.signal(number);
  code = running.wait();
  return real::now() - start;
}

}  // namespace

TEST_CASE("process end: a rogue thread is named, and the process ends at the deadline", "[alone]") {
  for (const char* way : {"rogue", "unknown rogue"}) {
    INFO(way);
    program running = run(way);
    REQUIRE(running.until_output("ready"));
    int code = 0;
    const auto took = end_by(running, SIGTERM, code);
    INFO(running.errors());
    std::printf("%s: ended %.1f ms after the signal, 300 to 350 are promised\n", way, milliseconds(took));
    CHECK(code == to_status(exit_code::stuck));
    CHECK(took >= 300ms);
    CHECK(took <= 300ms + bound(500ms));
    CHECK(running.errors().find("critical shutdown: ") != std::string::npos);
    CHECK(running.errors().find(way == std::string_view{"rogue"} ? "rogue-one" : "rogue-two") != std::string::npos);
  }
}

TEST_CASE("process end: the second signal ends it at once, also while a stop callback hangs", "[alone]") {
  double slowest = 0;
  for (int i = 0; i < 20; ++i) {
    program running = run("blocked callback");
    REQUIRE(running.until_output("ready"));
    running.signal(SIGTERM);
    REQUIRE(running.until_output("stopping"));
    int code = 0;
    const auto took = end_by(running, i % 2 == 0 ? SIGINT : SIGTERM, code);
    slowest = std::max(slowest, milliseconds(took));
    CHECK(code == to_status(exit_code::signalled, i % 2 == 0 ? SIGINT : SIGTERM));
    CHECK(took <= bound(200ms));
  }
  std::printf("second signal: the slowest of 20 took %.2f ms, 20 are promised\n", slowest);
}

TEST_CASE("process end: 10,000 signals within a second are one stop", "[alone]") {
  for (const char* way : {"orderly", "survives"}) {
    INFO(way);
    program running = run(way);
    REQUIRE(running.until_output("ready"));
    const auto start = real::now();
    for (int i = 0; i < 10'000; ++i) {
      running.signal(i % 3 == 0 ? SIGINT : SIGTERM);
      std::this_thread::sleep_until(start + i * 100us);
    }
    const auto last = real::now();
    const int code = running.wait();
    const auto took = real::now() - last;
    INFO(running.errors());
    std::printf("storm, %s: status %d, %.1f ms after the last, 500 are promised\n", way, code, milliseconds(took));
    CHECK(took <= bound(5s));
    const std::string& text = running.output();
    const auto first = text.find("stop\n");
    CHECK((first == text.npos || text.find("stop\n", first + 1) == text.npos));
    if (way == std::string_view{"survives"}) {
      CHECK(code == to_status(exit_code::clean));
      CHECK(first != text.npos);
    } else {  // the second signal is what it is, also in a storm
      CHECK((code == to_status(exit_code::signalled, SIGINT) || code == to_status(exit_code::signalled, SIGTERM)));
    }
  }
}

TEST_CASE("process end: one signal, and main returns with a live feed") {
  for (const int number : {SIGINT, SIGTERM}) {
    program running = run("orderly");
    REQUIRE(running.until_output("ready"));
    running.signal(number);
    CHECK(running.wait() == to_status(exit_code::clean));
    CHECK(running.output() == "ready\nstop\n");
    CHECK(running.errors().empty());
  }
}

TEST_CASE("process end: exit() with a live network thread crashes nothing") {
  for (const char* way : {"exits in main", "exits in callback", "exits with static coordinator"}) {
    for (int i = 0; i < 10; ++i) {
      INFO(way);
      program running = run(way);
      CHECK(running.wait() == 7);
      CHECK(running.errors().empty());
    }
  }
}

TEST_CASE("process end: an exception leaves main, caught or not, and everything is stopped in order") {
  program caught = run("throws caught");
  CHECK(caught.wait() == 8);
  CHECK(caught.output() == "stopped in order\n");
  program uncaught = run("throws uncaught");
  CHECK(uncaught.wait() == to_status(exit_code::uncaught));
  CHECK(uncaught.output() == "stopped in order\n");
  CHECK(uncaught.errors().find("critical shutdown: std::terminate: main has failed") != std::string::npos);
}

TEST_CASE("process end: no SIGPIPE while the peer ends TLS connections") {
  program running = run("sigpipe");
  CHECK(running.wait() == 0);
  CHECK(running.errors().empty());
}

TEST_CASE("process end: a thread made before the guard is killed by the signal, and the process with it") {
  program running = run("early thread");
  REQUIRE(running.until_output("ready"));
  running.signal(SIGTERM);
  CHECK(running.wait() == -SIGTERM);
}

TEST_CASE("process end: children inherit what is blocked and ignored, unless it is restored") {
  CHECK(run("children").wait() == 3 * 10 + 0);
}

TEST_CASE("process end: a program's own handler works again after the guard") {
  program running = run("foreign");
  REQUIRE(running.until_output("guarded"));
  running.signal(SIGTERM);
  REQUIRE(running.until_output("ready"));
  running.signal(SIGTERM);
  CHECK(running.wait() == 9);
}
