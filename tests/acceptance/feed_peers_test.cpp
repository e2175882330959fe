// tests/acceptance/feed_peers_test.cpp: a live feed whose venue is reset, freezes, says only what is no data, closes at
// once, or forgets one symbol.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <support/sanitizer.hpp>
#include <support/scripted_venue.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;
using strings = std::vector<std::string>;
using milliseconds = std::chrono::duration<double, std::milli>;

const std::string btc_stream = "btcusdt@bookTicker";
const std::string eth_stream = "ethusdt@bookTicker";

/// Connected, subscribed, and a first quote has come.
void begin(scripted_feed& s, std::uint64_t id = 1) {
  REQUIRE_FALSE(s.feed.connect());
  REQUIRE(s.tells("connected"));
  REQUIRE(s.until([&] { return !s.venue.latest().streams.empty(); }));
  s.venue.latest().send(quote_frame("BTCUSDT", id));
  REQUIRE(s.tells("BTCUSDT"));
}
/// The same for a later connection.
void again(scripted_feed& s, std::size_t connection, std::uint64_t id) {
  REQUIRE(s.tells("connected"));
  REQUIRE(s.until(
      [&] { return s.venue.has_upgraded(connection) && s.venue.connections[connection - 1]->streams.size() == 1; }));
  s.venue.latest().send(quote_frame("BTCUSDT", id));
  REQUIRE(s.tells("BTCUSDT"));
}

TEST_CASE("feed peers: a reset in the middle of a frame is told at once, and made good at once",
          "[acceptance][alone]") {
  scripted_feed s{{btc_stream}};
  begin(s);
  milliseconds slowest_notice{};
  milliseconds slowest_data{};
  for (std::size_t round = 1; round <= 20; ++round) {
    s.forget();
    const std::string half = quote_frame("BTCUSDT", 1000 * round);
    s.venue.latest().send(std::string_view{half}.substr(0, half.size() / 2));
    (void)s.until([&] { return s.venue.latest().out.empty(); });
    const auto cut = scripted_feed::now();
    s.venue.latest().reset();
    again(s, round + 1, 2 * round + 1);
    CHECK(s.told == strings{"disconnected", "reconnecting", "connected", "BTCUSDT"});
    CHECK(s.reasons == std::vector{std::error_code{ECONNRESET, std::system_category()}});
    slowest_notice = std::max<milliseconds>(slowest_notice, s.when("disconnected") - cut);
    slowest_data = std::max<milliseconds>(slowest_data, s.when("BTCUSDT") - cut);
  }
  std::printf("reset: noticed within %.2f ms, 10 are promised; data again within %.2f ms, 100 are promised\n",
              slowest_notice.count(), slowest_data.count());
  CHECK(slowest_notice < bound(100ms));
  CHECK(slowest_data < bound(1'000ms));
  CHECK(s.feed.counters().disconnects.get() == 20);
  CHECK(s.feed.counters().failed_attempts.get() == 0);
  CHECK(s.feed.counters().rejected.get() == 0);  // the half frames reached nobody
}

TEST_CASE("feed peers: one that freezes without a word is noticed by our own timers", "[acceptance][alone]") {
  const bool pinging = GENERATE(true, false);
  CAPTURE(pinging);
  scripted_feed s{{btc_stream}, [pinging](scripted_feed::settings_type& settings) {
                    settings.session.ping_interval = pinging ? 200ms : 0ms;
                    settings.session.pong_timeout = 300ms;
                    settings.session.silence_limit = pinging ? 60'000ms : 500ms;
                  }};
  begin(s);
  if (pinging) {
    // as long as it answers, pings are enough
    REQUIRE(s.until([&] {
      return std::count_if(s.venue.messages.begin(), s.venue.messages.end(),
                           [](const auto& each) { return each.frame.starts_with("9:"); }) >= 5;
    }));
    CHECK(s.told == strings{"connected", "BTCUSDT"});
  }
  s.forget();
  const auto frozen = scripted_feed::now();
  s.venue.latest().deaf = true;  // the socket stays open, and the kernel goes on confirming what arrives
  again(s, 2, 5);
  CHECK(s.reasons == std::vector<std::error_code>{errc::heartbeat_lost});
  CHECK(s.reasons.front() == condition::timeout);
  CHECK(s.reasons.front() == condition::transient);
  const milliseconds took = s.when("disconnected") - frozen;
  std::printf("freeze: noticed after %.1f ms, %s\n", took.count(), pinging ? "500 at most" : "500");
  CHECK(took > (pinging ? 200ms : 300ms));  // the last byte came a little before
  CHECK(took < 500ms + bound(1'000ms));
  CHECK_FALSE(s.venue.connections.front()->over);  // it has not ended anything
}

TEST_CASE("feed peers: one that sends pings and pongs and no data is left at the limit for data",
          "[acceptance][alone]") {
  scripted_feed s{{btc_stream}, [](scripted_feed::settings_type& settings) {
                    settings.session.websocket.idle_timeout = 600ms;
                    settings.session.ping_interval = 50ms;
                  }};
  begin(s);
  s.forget();
  const auto last_data = scripted_feed::now();
  // Faster than any timer of the feed's; they are answered, and so are the feed's own.
  auto next = real::now();
  REQUIRE(s.until([&] {
    if (real::now() >= next && !s.venue.latest().over && s.venue.connections.size() == 1) {
      s.venue.latest().send(raw_frame(0x89, "are you there") + raw_frame(0x8a, ""));
      next = real::now() + 10ms;
    }
    return s.count("disconnected") != 0;
  }));
  CHECK(s.reasons == std::vector<std::error_code>{errc::data_silent});
  const milliseconds took = s.when("disconnected") - last_data;
  std::printf("pings alone: left after %.1f ms, 600 to 700 are promised\n", took.count());
  CHECK(took > 500ms);
  CHECK(took < 600ms + bound(1'000ms));
  again(s, 2, 2);
}

TEST_CASE("feed peers: a symbol that falls silent while others flow is stale, and fresh with its next tick",
          "[acceptance][alone]") {
  scripted_feed s{{btc_stream, eth_stream}, [](scripted_feed::settings_type& settings) {
                    settings.session.ages.stale_after(tick_kind::book_ticker) = 500ms;
                    settings.session.ages.look_every = 20ms;
                  }};
  begin(s);
  REQUIRE(s.until([&] { return s.venue.latest().streams.size() == 2; }));
  std::uint64_t id = 10;
  auto next = real::now();
  const auto flow = [&](bool both) {  // every 20 ms
    if (real::now() < next) return;
    next = real::now() + 20ms;
    s.venue.latest().send(quote_frame("ETHUSDT", ++id));
    if (both) s.venue.latest().send(quote_frame("BTCUSDT", ++id));
  };
  REQUIRE(s.until([&] { return flow(true), s.count("BTCUSDT") > 20; }));
  CHECK(s.count("stale BTCUSDT") == 0);
  for (int round = 0; round < 2; ++round) {
    s.forget();
    const auto silent = scripted_feed::now();
    REQUIRE(s.until([&] { return flow(false), s.count("stale BTCUSDT") != 0; }));
    const milliseconds took = s.when("stale BTCUSDT") - silent;
    std::printf("one symbol silent: told after %.1f ms, 500 to 520 are promised\n", took.count());
    CHECK(took > 400ms);
    CHECK(took < 500ms + bound(1'000ms));
    const std::size_t others = s.count("ETHUSDT");
    REQUIRE(s.until([&] { return flow(false), s.count("ETHUSDT") >= others + 30; }));  // longer than the limit
    CHECK(s.count("stale BTCUSDT") == 1);                                              // once
    CHECK(s.count("stale ETHUSDT") == 0);                                              // and nobody else
    s.forget();
    s.venue.latest().send(quote_frame("BTCUSDT", ++id));
    REQUIRE(s.tells("BTCUSDT"));
    std::erase(s.told, "ETHUSDT");
    CHECK(s.told == strings{"fresh BTCUSDT", "BTCUSDT"});  // before the tick that ends it
  }
  CHECK(s.feed.counters().stale.get() == 2);
  CHECK(s.feed.connection_info().disconnects == 0);
}

TEST_CASE("feed peers: a close 20 ms after the accept, a hundred times, costs no more than that many attempts",
          "[acceptance][alone]") {
  connection_budget budget;
  const bool upgrading = GENERATE(true, false);
  CAPTURE(upgrading);
  scripted_feed s{{btc_stream}, [&budget](scripted_feed::settings_type& settings) {
                    settings.budget = &budget;
                    settings.session.stable_after = 2'000ms;
                    settings.session.retry = {.base = 1ms, .cap = 4ms};
                  }};
  if (!upgrading) s.venue.on_upgrade = [](auto&) { return std::string{}; };
  std::vector<std::pair<real::time_point, std::size_t>> due;  // when which connection is to be closed
  std::size_t seen = 0;
  std::size_t closed = 0;
  REQUIRE_FALSE(s.feed.connect());
  const auto close_all_in_time = [&] {
    for (; seen < s.venue.connections.size(); ++seen) due.emplace_back(real::now() + 20ms, seen);
    for (; closed < due.size() && real::now() >= due[closed].first; ++closed) s.venue.connections[closed]->close();
  };
  REQUIRE(s.until([&] { return close_all_in_time(), closed >= 100; }));
  const binance::connection_info info = s.feed.connection_info();
  CHECK(info.connects + info.failed_attempts <= s.venue.accepted + 1);
  CHECK(s.venue.accepted <= 300);
  CHECK(info.state != session_state::error);
  for (const auto& each : s.venue.messages) {
    // never two requests on one connection that ended so soon
    CHECK(std::count_if(s.venue.messages.begin(), s.venue.messages.end(), [&](const auto& other) {
            return other.connection == each.connection && other.frame.starts_with("1:");
          }) <= 1);
  }
  CHECK_FALSE(s.feed.disconnect());  // wherever it is just now
  const std::size_t at_the_end = s.venue.accepted;
  (void)s.f.run_until([] { return false; }, 100ms);
  CHECK(s.venue.accepted <= at_the_end + 1);  // one may have been in the queue
}

TEST_CASE("feed peers: whatever a venue sends or does not send, a feed stops at once", "[acceptance][alone]") {
  const bool busy = GENERATE(true, false);
  CAPTURE(busy);
  scripted_feed s{{btc_stream}};
  begin(s);
  if (busy) {
    std::string many;
    for (std::uint64_t id = 2; id < 20'000; ++id) many += quote_frame("BTCUSDT", id);
    s.venue.latest().send(many);
    REQUIRE(s.tells("BTCUSDT", 100));
  }
  const auto before = real::now();
  CHECK_FALSE(s.feed.disconnect());  // nobody answers the goodbye: the venue runs in this thread
  const milliseconds took = real::now() - before;
  std::printf("stop of a %s feed: %.1f ms\n", busy ? "busy" : "quiet", took.count());
  CHECK(took < bound(550ms));
  CHECK(s.feed.connection_info().state == session_state::disconnected);
  CHECK(s.feed.tasks().empty());
}

}  // namespace
