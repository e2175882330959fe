// tests/exchange/binance/capture_test.cpp: recorded market data through TLS, WebSocket, codec and queue: every tick,
// value for value, against a decoder of the test's own.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/capture/survey.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <support/captures.hpp>
#include <support/plain_tick.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::plain_tick;

/// The ticks of a capture one by one, the body of its REST snapshot apart.
class expectation {
 public:
  explicit expectation(const std::string& path) : reader_{capture_reader::open(path).value()} {}

  [[nodiscard]] std::optional<plain_tick> next() {
    capture_record record;
    while (reader_.next(record)) {
      const simdjson::dom::element message = parser_.parse(record.payload.data(), record.payload.size());
      if (message["lastUpdateId"].error() == simdjson::SUCCESS) {
        snapshot_ = foxtrot_test::read_message(message, "BTCUSDT");
        continue;
      }
      auto tick = foxtrot_test::read_message(message);
      if (!tick) throw std::runtime_error{"line without a tick: " + std::string{record.payload}};
      return tick;
    }
    if (reader_.error()) throw std::system_error{reader_.error()};
    return std::nullopt;
  }
  [[nodiscard]] const std::optional<plain_tick>& snapshot() const { return snapshot_; }

 private:
  capture_reader reader_;
  simdjson::dom::parser parser_;
  std::optional<plain_tick> snapshot_;
};

struct capture_case {
  const char* path;
  binance::market market;
  std::array<std::uint64_t, tick_kind_count> ticks;  // by kind
};

void replay_and_compare(const capture_case& wanted) {
  const auto path = foxtrot_test::capture_path(wanted.path);
  if (!path) return;
  const auto contents = survey(*path);
  if (!contents && contents.error() == errc::no_gzip_support) return foxtrot_test::skip("built without zlib");
  REQUIRE(contents);

  exchange_settings simulated;
  simulated.replay = {.path = *path, .speed = 0};
  exchange venue{simulated};
  const auto port = venue.start();
  REQUIRE(port);

  binance::market_data_settings settings;
  settings.market = wanted.market;
  for (const auto& stream : contents->streams) settings.streams.push_back(stream.name);
  settings.websocket_url = "wss://127.0.0.1:" + std::to_string(*port);
  settings.rest_url = "https://127.0.0.1:" + std::to_string(*port);
  settings.ca_pem = venue.ca_pem();
  settings.session.clock_shift = std::chrono::nanoseconds{contents->first_ns} - epoch_clock::now().time_since_epoch();
  binance::market_data feed{settings};
  auto ticks = feed.subscribe({.when_full = overflow::block}).value();
  REQUIRE_FALSE(feed.connect());

  expectation expected{*path};
  std::array<std::uint64_t, tick_kind_count> seen{};
  std::optional<plain_tick> snapshot;
  std::optional<std::string> different;
  std::uint64_t left = contents->lines;
  const std::stop_token never;
  for (const event& told : ticks.until(never, 30s)) {
    ++seen[static_cast<std::size_t>(told.kind())];
    if (told.kind() == tick_kind::status) {
      told.visit([&](const status& s) {
        if (s.code() != status_code::connected && !different) different = s.name();
      });
    } else if (told.kind() == tick_kind::depth_snapshot) {
      snapshot = foxtrot_test::plain(told);
      --left;
    } else {
      const auto tick = foxtrot_test::plain(told);
      const auto right = expected.next();
      if (tick != right && !different) {
        std::ostringstream text;
        text << "tick " << contents->lines - left << ":\n  " << *tick << "\ninstead of\n  ";
        if (right) text << *right;
        different = text.str();
      }
      --left;
    }
    if (left == 0 || different) break;
  }
  INFO(different.value_or(""));
  CHECK_FALSE(different);
  CHECK_FALSE(expected.next());
  REQUIRE(expected.snapshot());
  REQUIRE(snapshot);
  CHECK(snapshot == expected.snapshot());
  CHECK(snapshot->bids.size() == 1000);
  CHECK(snapshot->asks.size() == 1000);
  CHECK(seen == wanted.ticks);
  CHECK(left == 0);

  CHECK_FALSE(feed.disconnect());
  const feed_counters& counted = feed.counters();
  for (std::size_t kind = 1; kind < tick_kind_count; ++kind) CHECK(counted.ticks[kind].get() == wanted.ticks[kind]);
  CHECK(counted.messages.get() - counted.answers.get() == contents->lines);
  CHECK(counted.unknown.get() == 0);
  CHECK(counted.rejected.get() == 0);
  CHECK(counted.gaps.get() == 0);
  CHECK(counted.absent_times.get() == 0);
  CHECK(counted.connects.get() == 1);
  CHECK(ticks.dropped() == 0);
  CHECK(venue.statistics().replay_finished);
  CHECK_FALSE(venue.statistics().replay_failed);
}

TEST_CASE("capture: 41,249 messages of spot arrive as the ticks they are") {
  replay_and_compare({"spot/btcusdt_20240808.txt.gz", binance::market::spot, {1, 28'040, 9'757, 3'451, 1}});
}

TEST_CASE("capture: 93,954 messages of the USD-M futures arrive as the ticks they are") {
  replay_and_compare({"usdm/btcusdt_20240808.txt.gz", binance::market::usdm, {1, 66'089, 21'313, 6'551, 1}});
}

}  // namespace
