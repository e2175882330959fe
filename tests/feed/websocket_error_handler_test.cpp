// tests/feed/websocket_error_handler_test.cpp: every kind has its answer, a server's word counts more, and what is
// counted takes no more room for being counted for long.
#include <foxtrot/feed/websocket_error_handler.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/exchange/binance/error_codes.hpp>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

constexpr steady_time start{1h};

TEST_CASE("websocket_error_handler: what is most specific decides") {
  websocket_error_handler handler{binance::error_settings()};
  const std::pair<session_error, error_kind> all[] = {
      {{.code = errc::http_client_error, .http_status = 400, .venue_code = -1121}, error_kind::symbol},
      {{.code = errc::http_client_error, .http_status = 400, .venue_code = -1003}, error_kind::rate_limit},
      {{.code = errc::http_client_error, .http_status = 401}, error_kind::authentication},
      {{.code = errc::http_client_error, .http_status = 404}, error_kind::exchange},
      {{.code = errc::http_client_error, .http_status = 404, .venue_code = -424242}, error_kind::exchange},
      {{.code = errc::http_forbidden, .http_status = 403}, error_kind::rate_limit},
      {{.code = errc::websocket_upgrade_rejected, .http_status = 200}, error_kind::exchange},
      {{.code = errc::websocket_closed_by_peer, .close_code = 1000}, error_kind::network},
      {{.code = errc::websocket_closed_by_peer, .close_code = 1001}, error_kind::network},
      {{.code = errc::websocket_closed_by_peer, .close_code = 1002}, error_kind::protocol},
      {{.code = errc::websocket_closed_by_peer, .close_code = 1008}, error_kind::exchange},
      {{.code = errc::websocket_closed_by_peer, .close_code = 1012}, error_kind::network},
      {{.code = errc::websocket_closed_by_peer, .close_code = 4999}, error_kind::network},
      {{.code = errc::subscription_rejected, .venue_code = 2}, error_kind::symbol},
      {{.code = errc::timeout}, error_kind::timeout},
      {{.code = {4711, std::generic_category()}}, error_kind::unknown},
      {{.code = std::make_error_code(std::io_errc::stream)}, error_kind::unknown},
  };
  for (const auto& [error, kind] : all) {
    INFO(error.code.message() << " " << error.http_status << " " << error.close_code << " " << error.venue_code);
    CHECK(to_string(handler.decide(error).kind) == to_string(kind));
  }
  CHECK(to_string(kind_of(session_error{.code = errc::http_forbidden, .http_status = 403})) == "exchange");
}

TEST_CASE("websocket_error_handler: each kind has its answer") {
  const websocket_error_handler handler;
  const auto answer = [&handler](std::error_code code) { return handler.decide({.code = code}).response; };
  const error_response network = answer(errc::closed);
  CHECK((network.severity == error_severity::high && network.retry && network.delay == 0ms && network.trips_breaker));
  const error_response certificate = answer(errc::certificate_expired);
  CHECK((certificate.severity == error_severity::critical && certificate.retry && certificate.delay == 30s));
  const error_response limited = answer(errc::http_rate_limited);
  CHECK((limited.severity == error_severity::medium && limited.retry && limited.delay == 60s));
  const error_response symbol = answer(errc::subscription_rejected);
  CHECK((symbol.severity == error_severity::low && !symbol.retry && !symbol.trips_breaker));
  const error_response venue = answer(errc::http_server_error);
  CHECK((venue.severity == error_severity::high && venue.retry && venue.delay == 30s));
  const error_response data = answer(errc::malformed_message);
  CHECK((data.severity == error_severity::medium && data.retry && data.delay == 1s && !data.trips_breaker));
  const error_response unknown = answer(errc::bad_argument);
  CHECK((unknown.severity == error_severity::high && unknown.retry && unknown.delay == 10s));
  const error_response who = handler.decide({.code = errc::http_client_error, .http_status = 401}).response;
  CHECK((who.severity == error_severity::critical && !who.retry));
}

TEST_CASE("websocket_error_handler: Retry-After takes the place of the delay, within reason") {
  const websocket_error_handler handler;
  const auto delay = [&handler](std::chrono::seconds after) {
    return handler.decide({.code = errc::http_rate_limited, .retry_after = after}).response.delay;
  };
  CHECK(delay(7s) == 7s);
  CHECK(delay(0s) == 0s);
  CHECK(delay(-5s) == 0s);
  CHECK(delay(std::chrono::seconds::max()) == 259'200s);
}

TEST_CASE("websocket_error_handler: rules, answers and the last word can be the user's") {
  error_handler_settings settings;
  settings.rules = {{error_origin::venue, 99, 99, error_kind::rate_limit}};
  settings.responses[static_cast<std::size_t>(error_kind::rate_limit)].delay = 5ms;
  settings.judge = [](const session_error& error, error_decision made) {
    if (error.close_code == 4000) made.response.retry = false;
    return made;
  };
  const websocket_error_handler handler{settings};
  CHECK(handler.decide({.code = errc::subscription_rejected, .venue_code = 99}).response.delay == 5ms);
  CHECK(handler.decide({.code = errc::websocket_closed_by_peer}).response.retry);
  CHECK_FALSE(handler.decide({.code = errc::websocket_closed_by_peer, .close_code = 4000}).response.retry);
}

TEST_CASE("websocket_error_handler: counts by kind, the last minute alone, and the last error") {
  websocket_error_handler handler;
  CHECK_FALSE(handler.statistics(start).last);
  for (int second = 0; second < 600; ++second) {
    handler.handle({.code = errc::closed}, start + std::chrono::seconds{second});
    if (second % 10 == 0) handler.handle({.code = errc::timeout}, start + std::chrono::seconds{second});
  }
  const error_summary seen = handler.statistics(start + 599s);
  CHECK(seen.total == 660);
  CHECK(seen.of(error_kind::network).total == 600);
  CHECK(seen.of(error_kind::network).last_minute == 60);
  CHECK(seen.of(error_kind::timeout).last_minute == 6);
  CHECK(seen.last_minute == 66);
  REQUIRE(seen.last);
  CHECK(seen.last->code == errc::closed);
  CHECK(seen.last_kind == error_kind::network);
  CHECK(seen.last_at == start + 599s);
  // An hour of quiet: the rate is that of now, not of the time since.
  CHECK(handler.statistics(start + 2h).last_minute == 0);
  CHECK(handler.statistics(start + 630s).of(error_kind::network).last_minute == 29);
}

TEST_CASE("websocket_error_handler: errors from many threads are all counted") {
  websocket_error_handler handler;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&handler] {
        for (int i = 0; i < 1000; ++i) handler.handle({.code = errc::timeout}, start + std::chrono::milliseconds{i});
      });
    }
  }
  CHECK(handler.statistics(start).total == 4000);
}

TEST_CASE("binance::venue_code_of: the number in a refusal") {
  using binance::venue_code_of;
  CHECK(venue_code_of(R"({"code":-1121,"msg":"Invalid symbol."})") == -1121);
  CHECK(venue_code_of(R"({"code": 3,"msg":""})") == 3);
  CHECK(venue_code_of(R"({"msg":"no code"})") == 0);
  CHECK(venue_code_of(R"({"code":)") == 0);
  CHECK(venue_code_of(R"({"code":-)") == 0);
  CHECK(venue_code_of(R"({"code":99999999999999999999})") == 0);
  CHECK(venue_code_of("") == 0);
  CHECK(venue_code_of("<html>") == 0);
}

}  // namespace
