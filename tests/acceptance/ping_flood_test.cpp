// tests/acceptance/ping_flood_test.cpp: ten thousand pings a second among the data: few answers leave, nothing grows.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <support/sanitizer.hpp>
#include <support/scripted_venue.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;

/// 125 bytes, the most that a ping can have.
std::string ping_payload(std::uint64_t number) {
  std::string text = std::to_string(number);
  return std::string(125 - text.size(), '0') + text;
}

std::size_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t size = 0;
  std::size_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Keeps the rate up by the real clock: pings, and a quote with each tenth.
struct flood {
  scripted_feed& s;
  std::uint64_t per_second;
  std::uint64_t pings{0};
  real::time_point began{real::now()};

  void go_on() {
    const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(real::now() - began).count();
    const std::uint64_t due = static_cast<std::uint64_t>(passed) * per_second / 1'000'000;
    if (due <= pings || s.venue.latest().out.size() > 256 * 1024) return;
    std::string burst;
    for (const std::uint64_t end = std::min(due, pings + 500); pings < end; ++pings) {
      burst += raw_frame(0x89, ping_payload(pings));
      if (pings % 10 == 0) burst += quote_frame("BTCUSDT", 10 + pings);
    }
    s.venue.latest().send(burst);
  }
  void last(std::chrono::milliseconds time) {
    const auto end = real::now() + time;
    (void)s.until([&] {
      go_on();
      return s.forget(), real::now() >= end;
    });
  }
};

TEST_CASE("ping flood: few answers leave, data flows, and memory stays as it is",
          "[acceptance][alone]") {
  scripted_feed s{{"btcusdt@bookTicker", "ethusdt@bookTicker"}, [](scripted_feed::settings_type& settings) {
                    settings.session.ping_interval = 200ms;  // of ours: they are messages as well
                    settings.session.pong_timeout = 20s;
                    settings.ring = {.capacity = 256, .level_capacity = 256};
                  }};
  REQUIRE_FALSE(s.feed.connect());
  REQUIRE(s.until([&] { return s.venue.has_upgraded(1) && s.venue.latest().streams.size() == 2; }));
  flood storm{s, sanitized ? 2'000U : 10'000U};
  storm.last(1s);  // everything has found its size
  const std::uint64_t pings_before = storm.pings;
  const std::uint64_t ticks_before = published_ticks(s.feed.counters());
  const std::size_t before = resident_bytes();
  const auto began = real::now();
  storm.last(3s);
  const std::size_t after = resident_bytes();
  const std::chrono::duration<double> took = real::now() - began;
  const std::uint64_t pings = storm.pings - pings_before;
  const std::uint64_t ticks = published_ticks(s.feed.counters()) - ticks_before;
  const std::size_t sent = s.venue.messages.size();
  std::printf("ping flood: %.0f pings and %.0f ticks a second, %zu messages in all, %td bytes more\n",
              static_cast<double>(pings) / took.count(), static_cast<double>(ticks) / took.count(), sent,
              static_cast<std::ptrdiff_t>(after - before));
  CHECK(pings > 3'000);
  CHECK(ticks * 10 > pings / 2);  // not more than a burst behind
  CHECK(s.feed.connection_info().disconnects == 0);
  if (!sanitized) CHECK(after <= before + 64 * 1024);

  // A subscription is not starved by them.
  CHECK_FALSE(s.feed.subscribe_streams({"bnbusdt@bookTicker"}));
  CHECK(s.until([&] { return storm.go_on(), s.venue.latest().streams.size() == 3; }));

  // In any second five messages at most, whatever they are; what leaves within a second may arrive within less.
  std::uint64_t last_pong = 0;
  std::size_t pongs = 0;
  for (const scripted_venue::message& first : s.venue.messages) {
    const auto in_window = std::count_if(s.venue.messages.begin(), s.venue.messages.end(), [&](const auto& each) {
      return each.at >= first.at && each.at < first.at + 900ms;
    });
    CHECK(in_window <= 5);
    if (!first.frame.starts_with("10:")) continue;
    ++pongs;
    const std::string payload = first.frame.substr(3);
    REQUIRE(payload.size() == 125);
    const std::uint64_t number = std::stoull(payload);
    CHECK((pongs == 1 || number > last_pong));  // a ping of the venue's, and a later one each time
    last_pong = number;
  }
  CHECK(last_pong < storm.pings);
  CHECK(pongs >= 3);
}

}  // namespace
