// tests/acceptance/restore_test.cpp: after a reconnect the venue is told of every stream again: all of them, in
// batches, no faster than it allows, whatever it rejects or does not answer.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <foxtrot/sim/exchange.hpp>

#include <support/live_feed.hpp>
#include <support/sanitizer.hpp>
#include <support/scripted_venue.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;
using strings = std::vector<std::string>;
using string_set = std::set<std::string>;

string_set set_of(const strings& names) { return {names.begin(), names.end()}; }

/// Real ones first, then names that the venue acknowledges and has nothing for.
strings streams(std::size_t count) {
  strings all{"btcusdt@bookTicker", "ethusdt@bookTicker", "btcusdt@trade"};
  for (std::size_t i = all.size(); i < count; ++i) all.push_back("coin" + std::to_string(i) + "usdt@kline_1m");
  return all;
}

/// The most messages that arrived in any 900 ms: what leaves within a second may arrive within less.
std::size_t most_at_once(const std::vector<scripted_venue::message>& messages, std::size_t connection) {
  std::size_t most = 0;
  for (const auto& first : messages) {
    if (first.connection != connection) continue;
    const auto in_window = std::count_if(messages.begin(), messages.end(), [&](const auto& each) {
      return each.connection == connection && each.at >= first.at && each.at < first.at + 900ms;
    });
    most = std::max(most, static_cast<std::size_t>(in_window));
  }
  return most;
}
std::size_t requests(const scripted_venue& venue, std::size_t connection) {
  return static_cast<std::size_t>(std::count_if(
      venue.messages.begin(), venue.messages.end(),
      [connection](const auto& each) { return each.connection == connection && each.frame.starts_with("1:"); }));
}

TEST_CASE("restore: 1,024 streams, each time in eleven requests and never more than five messages a second",
          "[acceptance][alone]") {
  scripted_feed s{streams(1024)};
  const string_set wanted = set_of(streams(1024));
  REQUIRE_FALSE(s.feed.connect());
  for (std::size_t connection = 1; connection <= 2; ++connection) {
    REQUIRE(s.until([&] { return s.venue.has_upgraded(connection) && s.venue.latest().streams.size() == 1024; }));
    CHECK(s.venue.latest().streams == wanted);
    CHECK(requests(s.venue, connection) == 11);
    CHECK(most_at_once(s.venue.messages, connection) <= 5);
    for (const auto& each : s.venue.messages) {
      if (each.frame.starts_with("1:")) CHECK(std::count(each.frame.begin(), each.frame.end(), '@') <= 100);
    }
    s.forget();
    s.venue.latest().send(quote_frame("BTCUSDT", connection) + quote_frame("ETHUSDT", connection));
    REQUIRE(s.tells("ETHUSDT"));
    if (connection == 1) s.venue.latest().reset();
  }
  CHECK(s.feed.connection_info().disconnects == 1);
}

TEST_CASE("restore: the simulated exchange, which counts messages itself, never objects", "[acceptance][alone]") {
  foxtrot::exchange venue;
  REQUIRE(venue.start());
  binance::market_data_settings settings = feed_settings(venue, streams(1024));
  binance::market_data feed{settings};
  subscription ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  for (std::uint64_t connection = 1; connection <= 3; ++connection) {
    REQUIRE(eventually([&] { return venue.statistics().control_messages == 11 * connection; }));
    // what is subscribed brings data again: the sorted list's first and last request among them
    std::map<std::string, int> seen;
    const std::stop_token never;
    for (const event& told : ticks.until(never, bound(20s))) {
      told.visit([](const status&) {}, [&](const book_ticker& t) { ++seen[std::string{t.symbol().name()} + " quote"]; },
                 [&](const trade& t) { ++seen[std::string{t.symbol().name()} + " trade"]; });
      if (seen["BTCUSDT quote"] > 0 && seen["ETHUSDT quote"] > 0 && seen["BTCUSDT trade"] > 0) break;
    }
    CHECK(seen["BTCUSDT trade"] > 0);
    CHECK(seen["ETHUSDT quote"] > 0);
    CHECK(venue.statistics().dropped_noisy == 0);
    CHECK(venue.statistics().websockets == connection);
    if (connection == 3) break;
    venue.reset_connections();
    REQUIRE(eventually([&] { return feed.counters().disconnects.get() == connection; }));
    while (ticks.poll(100'000, [](const event&) {}) != 0) {
    }
  }
  CHECK(feed.counters().disconnects.get() == 2);
}

TEST_CASE("restore: what the venue rejects is not asked for again, and costs the others nothing", "[acceptance]") {
  scripted_feed s{streams(250)};
  const strings all = streams(250);
  string_set in_vain;
  s.venue.on_request = [&in_vain](auto&, const venue_request& what) {
    if (std::find(what.streams.begin(), what.streams.end(), "btcusdt@trade") == what.streams.end())
      return venue_answer(what);
    in_vain.insert(what.streams.begin(), what.streams.end());
    return venue_refusal(what);
  };
  REQUIRE_FALSE(s.feed.connect());
  for (std::size_t connection = 1; connection <= 2; ++connection) {
    REQUIRE(s.until([&] { return s.venue.has_upgraded(connection) && requests(s.venue, connection) == 3; }));
    string_set wanted = set_of(all);
    for (const std::string& each : in_vain) wanted.erase(each);
    CHECK(in_vain.size() == 100);  // the whole of that request
    REQUIRE(s.until([&] { return s.venue.latest().streams == wanted; }));
    REQUIRE(s.until(
        [&] { return s.feed.counters().errors[static_cast<std::size_t>(error_kind::symbol)].get() == connection; }));
    if (connection == 1) s.venue.latest().reset();
  }
  // on a new connection the venue may think otherwise: all were asked for once more, and not again since
  CHECK(requests(s.venue, 2) == 3);
  CHECK(s.feed.connection_info().disconnects == 1);
}

TEST_CASE("restore: an answer that gets lost, or comes for another request, confirms nothing", "[acceptance]") {
  scripted_feed s{streams(150), [](scripted_feed::settings_type& settings) {
                    settings.session.answer_timeout = 300ms;
                    settings.session.answer_attempts = 100;
                  }};
  int lost = 0;
  int strange = 0;
  s.venue.on_request = [&](scripted_venue::connection&, const venue_request& what) -> std::string {
    if (lost < 2) return ++lost, "";
    if (strange < 2) return ++strange, R"({"result":null,"id":987654})";
    return venue_answer(what);
  };
  REQUIRE_FALSE(s.feed.connect());
  REQUIRE(s.until([&] { return s.venue.has_upgraded(1) && requests(s.venue, 1) >= 6; }));
  REQUIRE(s.until([&] { return s.venue.latest().streams == set_of(streams(150)); }));
  CHECK(most_at_once(s.venue.messages, 1) <= 5);
  CHECK(s.feed.connection_info().disconnects == 0);
  // once all is answered nothing is asked for any more
  const std::size_t asked = requests(s.venue, 1);
  (void)s.f.run_until([] { return false; }, 700ms);
  CHECK(requests(s.venue, 1) == asked);
}

TEST_CASE("restore: wishes made while there is no connection are on the next one, and nothing else is",
          "[acceptance]") {
  scripted_feed s{streams(120)};
  s.venue.on_upgrade = [&](scripted_venue::connection& who) {
    // the second connection is not let in before the wishes were made
    return who.number == 2 ? std::string{"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"}
                           : switching_protocols(who.head);
  };
  REQUIRE_FALSE(s.feed.connect());
  REQUIRE(s.until([&] { return s.venue.has_upgraded(1) && s.venue.latest().streams.size() == 120; }));
  s.forget();
  s.venue.latest().reset();
  REQUIRE(s.tells("disconnected"));
  CHECK_FALSE(s.feed.subscribe_streams({"bnbusdt@bookTicker", "solusdt@trade"}));
  CHECK_FALSE(s.feed.unsubscribe_streams({"btcusdt@trade", "coin5usdt@kline_1m"}));
  string_set wanted = set_of(streams(120));
  wanted.insert({"bnbusdt@bookTicker", "solusdt@trade"});
  wanted.erase("btcusdt@trade");
  wanted.erase("coin5usdt@kline_1m");
  REQUIRE(s.until([&] { return s.venue.has_upgraded(3) && s.venue.latest().streams == wanted; }));
  // and while it is being restored
  s.venue.latest().reset();
  REQUIRE(s.until([&] { return s.venue.has_upgraded(4); }));
  CHECK_FALSE(s.feed.subscribe_streams({"xrpusdt@bookTicker"}));
  CHECK_FALSE(s.feed.unsubscribe_streams({"bnbusdt@bookTicker"}));
  wanted.insert("xrpusdt@bookTicker");
  wanted.erase("bnbusdt@bookTicker");
  REQUIRE(s.until([&] { return s.venue.latest().streams == wanted; }));
  CHECK(most_at_once(s.venue.messages, 4) <= 5);
  s.forget();
  s.venue.latest().send(quote_frame("XRPUSDT", 1));  // a symbol that came after the start is watched like any other
  REQUIRE(s.tells("XRPUSDT"));
}

TEST_CASE("restore: a symbol that was subscribed after the start, and after a reconnect, is missed like any other",
          "[acceptance]") {
  scripted_feed s{{"btcusdt@bookTicker"}, [](scripted_feed::settings_type& settings) {
                    settings.session.ages.stale_after(tick_kind::book_ticker) = 300ms;
                    settings.session.ages.look_every = 20ms;
                  }};
  REQUIRE_FALSE(s.feed.connect());
  REQUIRE(s.until([&] { return s.venue.has_upgraded(1); }));
  CHECK_FALSE(s.feed.subscribe_streams({"ethusdt@bookTicker"}));
  for (std::size_t connection = 1; connection <= 2; ++connection) {
    REQUIRE(s.until([&] { return s.venue.has_upgraded(connection) && s.venue.latest().streams.size() == 2; }));
    s.forget();
    s.venue.latest().send(quote_frame("ETHUSDT", 10 * connection));
    REQUIRE(s.tells("stale ETHUSDT"));
    s.venue.latest().send(quote_frame("ETHUSDT", 10 * connection + 1));
    REQUIRE(s.tells("fresh ETHUSDT"));
    if (connection == 1) s.venue.latest().reset();
  }
}

}  // namespace
