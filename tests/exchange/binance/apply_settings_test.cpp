// tests/exchange/binance/apply_settings_test.cpp: a settings file decides how a feed behaves.
#include <foxtrot/exchange/binance/apply_settings.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/feed/settings_file.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using binance::apply;
using binance::market_data_settings;

market_data_settings from(std::string_view json, market_data_settings given = {}) {
  const auto loaded = parse_settings(json);
  REQUIRE(loaded);
  REQUIRE(loaded->clean());
  return apply(loaded->settings, std::move(given));
}

TEST_CASE("apply_settings: every name of the file has its effect, and nothing else changes") {
  market_data_settings given;
  given.streams = {"btcusdt@trade"};
  given.session.pong_timeout = 7s;
  const market_data_settings made = from(R"({
    "websocket": {
      "enabled": true, "binance": {"enabled": true, "symbols": ["BTCUSDT", "ETHUSDT"]},
      "reconnect": {"max_attempts": 7, "base_delay": 0.25, "max_delay": 8},
      "heartbeat.interval": 12.5,
      "circuit_breaker": {"failure_threshold": 4, "recovery_timeout": 20.5, "half_open_successes": 2},
      "connect_timeout": 3
    },
    "http.poll_interval": 0.5
  })",
                                         given);
  CHECK(made.websocket.symbols() == std::vector<std::string>{"BTCUSDT", "ETHUSDT"});
  CHECK((made.session.max_attempts == 7 && made.session.retry.base == 250ms && made.session.retry.cap == 8s));
  CHECK((made.session.ping_interval == 12'500ms && made.session.silence_limit == 25s));
  CHECK((made.breaker.failure_threshold == 4 && made.breaker.recovery_timeout == 20'500ms));
  CHECK(made.breaker.half_open_successes == 2);
  CHECK(made.dial.connect_timeout == 3s);
  CHECK(made.polling.interval == 500ms);
  CHECK((made.streams == given.streams && made.session.pong_timeout == 7s && made.fallback));
}

TEST_CASE("apply_settings: an empty file means its defaults") {
  const market_data_settings made = from("{}");
  CHECK((made.websocket.is_all() && made.session.max_attempts == 50));
  CHECK((made.session.retry.base == 1s && made.session.retry.cap == 60s));
  CHECK((made.session.ping_interval == 30s && made.session.silence_limit == 60s));
  CHECK((made.breaker.failure_threshold == 5 && made.breaker.recovery_timeout == 60s));
  CHECK((made.breaker.half_open_successes == 3 && made.dial.connect_timeout == 10s && made.polling.interval == 1s));
}

TEST_CASE("apply_settings: WebSocket is switched off for all venues, or for this one") {
  CHECK(from(R"({"websocket.enabled": false})").websocket.is_none());
  CHECK(from(R"({"websocket": {"binance": {"enabled": false, "symbols": ["BTCUSDT"]}}})").websocket.is_none());
  const auto some = from(R"({"websocket.binance.symbols": ["BTCUSDT"]})").websocket;
  CHECK((some.includes("BTCUSDT") && !some.includes("ETHUSDT") && some.includes("")));
}

}  // namespace
