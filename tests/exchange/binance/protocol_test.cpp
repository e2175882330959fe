// tests/exchange/binance/protocol_test.cpp: the venue's requests, limits and names of streams.
#include <foxtrot/exchange/binance/protocol.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/rate_limiter.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

TEST_CASE("protocol: requests as the venue documents them") {
  const binance::protocol venue{binance::market::spot};
  const std::vector<std::string> streams{"btcusdt@aggTrade", "btcusdt@depth"};
  CHECK(venue.subscribe_request(streams, 1) ==
        R"({"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@depth"],"id":1})");
  CHECK(venue.unsubscribe_request({streams.data(), 1}, 9'000'000'000) ==
        R"({"method":"UNSUBSCRIBE","params":["btcusdt@aggTrade"],"id":9000000000})");
}

TEST_CASE("protocol: whatever the network delays by up to 100 ms, no second sees more than five messages arrive") {
  const session_limits limits = binance::protocol{binance::market::spot}.limits();
  CHECK(limits.max_streams == 1024);
  CHECK(limits.attempts.limit == 300);
  CHECK(limits.attempts.window == 5min);
  std::mt19937_64 random{5};
  rate_limiter limiter{limits.messages};
  std::vector<steady_time> arrived;
  steady_time now{1h};
  for (int i = 0; i < 20'000; ++i) {
    // as fast as it lets us, and now and then a pong on top
    if (!limiter.try_acquire(now)) {
      if (random() % 2 == 0 || !limiter.try_acquire(now, send_priority::urgent)) {
        now = *limiter.next_allowed(now);
        continue;
      }
    }
    const steady_time arrival = now + std::chrono::microseconds{random() % 100'000};
    arrived.push_back(arrived.empty() ? arrival : std::max(arrival, arrived.back()));  // TCP keeps their order
  }
  REQUIRE(arrived.size() > 5'000);
  std::size_t most = 0;
  for (std::size_t first = 0, end = 0; first < arrived.size(); ++first) {
    while (end < arrived.size() && arrived[end] < arrived[first] + 1s) ++end;
    most = std::max(most, end - first);
  }
  CHECK(most == 5);
}

TEST_CASE("protocol: a stream's name cannot break out of a request") {
  for (const char* good :
       {"btcusdt@trade", "btcusdt@depth@100ms", "!miniTicker@arr", "!bookTicker", "btcusdt@kline_1d@+08:00"}) {
    CHECK(binance::is_stream_name(good));
  }
  for (const char* bad : {"", "btcusdt", "@trade", "btcusdt@", "!"}) CHECK_FALSE(binance::is_stream_name(bad));
  CHECK_FALSE(binance::is_stream_name(std::string(120, 'x') + "@trade@100ms"));
  const std::string name = "btcusdt@depth@100ms";
  for (const char c : std::string_view{"\r\n\0 \t\"\\/?#\x7f", 11}) {
    for (std::size_t at = 0; at <= name.size(); ++at) {
      CHECK_FALSE(binance::is_stream_name(std::string{name}.insert(at, 1, c)));
    }
  }
}

}  // namespace
