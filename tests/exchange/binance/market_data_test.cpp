// tests/exchange/binance/market_data_test.cpp: the whole feed against a simulated exchange, over real TLS on loopback.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/sim/exchange.hpp>
#include <support/loopback.hpp>
#include <support/process_threads.hpp>
#include <support/sanitizer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>

#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using binance::market_data;
using binance::market_data_settings;
using foxtrot_test::bound;
using strings = std::vector<std::string>;

struct running_exchange : exchange {
  explicit running_exchange(exchange_settings settings = {}) : exchange{std::move(settings)} {
    const auto started = start();
    if (!started) FAIL("start: " << started.error().message());
  }
};

exchange_settings busy() {
  exchange_settings settings;
  settings.events_per_second = foxtrot_test::sanitized ? 1'000 : 5'000;
  settings.levels = 200;
  return settings;
}

market_data_settings of(const exchange& venue, strings streams = {"btcusdt@bookTicker", "btcusdt@trade"}) {
  market_data_settings settings;
  settings.streams = std::move(streams);
  settings.websocket_url = "wss://127.0.0.1:" + std::to_string(venue.port());
  settings.rest_url = "https://127.0.0.1:" + std::to_string(venue.port());
  settings.ca_pem = venue.ca_pem();
  settings.session.stable_after = 0ms;
  settings.session.retry = {.base = 20ms, .cap = 200ms};
  return settings;
}

std::size_t entries(const char* folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{folder}) ++count;
  return count;
}

template <class Predicate>
bool eventually(Predicate happened) {
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (!happened()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Reads until the handler says true; false where that takes longer than only a hang does.
template <class Handler>
bool read_until(subscription& ticks, Handler handler) {
  const std::stop_token never;
  const auto end = std::chrono::steady_clock::now() + bound(20s);
  for (const event& told : ticks.until(never, 20s)) {
    if (handler(told)) return true;
    if (std::chrono::steady_clock::now() > end) return false;
  }
  return false;
}
bool read_tick(subscription& ticks) {
  return read_until(ticks, [](const event& told) { return told.kind() != tick_kind::status; });
}
bool read_status(subscription& ticks, status_code wanted, std::error_code* why = nullptr) {
  return read_until(ticks, [&](const event& told) {
    bool found = false;
    told.visit([&](const status& s) {
      found = s.code() == wanted;
      if (found && why != nullptr) *why = s.error();
    });
    return found;
  });
}

TEST_CASE("market_data: ticks of every stream arrive, and one book of snapshot and updates is never crossed") {
  running_exchange venue{busy()};
  market_data feed{of(venue, {"btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms", "ethusdt@bookTicker",
                              "ethusdt@depth20@100ms"})};
  auto ticks = feed.subscribe();
  CHECK(feed.connection_info().state == session_state::disconnected);
  REQUIRE_FALSE(feed.connect());
  CHECK_FALSE(feed.connect());

  std::map<decimal, decimal, std::greater<>> bids;
  std::map<decimal, decimal> asks;
  std::vector<std::function<void()>> early;  // updates that came before the snapshot
  std::uint64_t book_id = 0, applied = 0, quotes = 0, trades = 0, partial = 0, breaks = 0, crossed = 0;
  const auto apply = [](auto& side, const std::vector<price_level>& levels) {
    for (const price_level& level : levels) {
      if (level.quantity.is_zero()) {
        side.erase(level.price);
      } else {
        side[level.price] = level.quantity;
      }
    }
  };
  const auto copy = [](const levels& side) {
    std::vector<price_level> all;
    for (const price_level& level : side) all.push_back(level);
    return all;
  };
  const auto update = [&](std::uint64_t first, std::uint64_t last, const auto& new_bids, const auto& new_asks) {
    if (last <= book_id) return;
    breaks += first > book_id + 1;
    apply(bids, new_bids);
    apply(asks, new_asks);
    book_id = last;
    ++applied;
    crossed += !bids.empty() && !asks.empty() && bids.begin()->first >= asks.begin()->first;
  };
  REQUIRE(read_until(ticks, [&](const event& told) {
    told.visit([](const status&) {},
               [&](const book_ticker& t) {
                 ++quotes;
                 crossed += t.bid_price() >= t.ask_price();
                 CHECK_FALSE(t.transaction_time());
               },
               [&](const trade& t) {
                 ++trades;
                 CHECK(t.symbol() == "BTCUSDT");
                 REQUIRE(t.event_time());
                 CHECK(t.received() - *t.event_time() < 60s);
               },
               [&](const depth_update& d) {
                 if (book_id == 0) {
                   early.push_back([&, first = d.first_id(), last = d.last_id(), b = copy(d.bids()),
                                    a = copy(d.asks())] { update(first, last, b, a); });
                   return;
                 }
                 update(d.first_id(), d.last_id(), copy(d.bids()), copy(d.asks()));
               },
               [&](const depth_snapshot& d) {
                 if (d.source() == source::websocket) {
                   ++partial;
                   CHECK(d.symbol() == "ETHUSDT");
                   CHECK(d.bids().size() == 20);
                   return;
                 }
                 CHECK(d.symbol() == "BTCUSDT");
                 CHECK(book_id == 0);
                 apply(bids, copy(d.bids()));
                 apply(asks, copy(d.asks()));
                 book_id = d.last_id();
                 for (const auto& each : early) each();
               });
    return applied > 15 && partial > 3 && trades > 20 && quotes > 200;
  }));
  CHECK(breaks == 0);
  CHECK(crossed == 0);
  CHECK(feed.connection_info().state == session_state::connected);
  CHECK(feed.connection_info().connects == 1);
  CHECK_FALSE(feed.disconnect());
  CHECK(feed.connection_info().state == session_state::disconnected);
  const feed_counters& counted = feed.counters();
  CHECK(counted.unknown.get() == 0);
  CHECK(counted.rejected.get() == 0);
  CHECK(counted.gaps.get() == 0);
  CHECK(ticks.dropped() == 0);
  CHECK(venue.statistics().dropped_noisy == 0);
}

TEST_CASE("market_data: ticks come to spinning and to sleeping threads alike, and to inline handlers") {
  running_exchange venue{busy()};
  for (const idle how : {idle::block, idle::spin, idle::adaptive}) {
    INFO(to_string(how));
    market_data_settings settings = of(venue);
    settings.network.idle = how;
    market_data feed{settings};
    auto ticks = feed.subscribe({.waiting = how}).value();
    std::atomic<std::uint64_t> handled{0};
    auto handler = feed.subscribe_inline({}, [&](const event&) { ++handled; }).value();
    REQUIRE_FALSE(feed.connect());
    CHECK(read_status(ticks, status_code::connected));
    // One more than the handler must have seen: queues get each event before handlers do.
    for (int i = 0; i < 21; ++i) CHECK(read_tick(ticks));
    CHECK(handled.load() > 20);
    venue.reset_connections();
    CHECK(read_status(ticks, status_code::connected));
    CHECK(read_tick(ticks));
    CHECK_FALSE(feed.disconnect());
  }
}

TEST_CASE("market_data: what came while nobody wanted a stream is no gap") {
  running_exchange venue{busy()};
  market_data feed{of(venue, {"btcusdt@trade", "ethusdt@trade"})};
  auto ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  std::uint64_t last = 0;
  int others = 0;
  const auto look = [&](const event& told) {
    told.visit([](const status&) {},
               [&](const trade& t) {
                 const bool ours = t.symbol() == "BTCUSDT";
                 others = ours ? 0 : others + 1;
                 if (ours) last = t.trade_id();
               });
  };
  REQUIRE(read_until(ticks, [&](const event& told) { return look(told), last != 0; }));
  REQUIRE_FALSE(feed.unsubscribe_streams({"btcusdt@trade"}));
  REQUIRE(read_until(ticks, [&](const event& told) { return look(told), others > 40; }));
  const std::uint64_t before = std::exchange(last, 0);
  REQUIRE_FALSE(feed.subscribe_streams({"btcusdt@trade"}));
  REQUIRE(read_until(ticks, [&](const event& told) { return look(told), last != 0; }));
  CHECK(last > before + 1);
  CHECK(feed.counters().gaps.get() == 0);
}

TEST_CASE("market_data: after a reset it says so at once, comes back at once, and has its streams again", "[alone]") {
  running_exchange venue{busy()};
  market_data feed{of(venue, {"btcusdt@bookTicker", "ethusdt@trade", "btcusdt@depth@100ms"})};
  auto ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  REQUIRE(read_status(ticks, status_code::connected));
  for (int round = 0; round < 5; ++round) {
    REQUIRE(read_tick(ticks));
    const auto before = std::chrono::steady_clock::now();
    venue.reset_connections();
    strings order;
    std::error_code why;
    std::chrono::steady_clock::time_point noticed, back;
    std::map<std::string, int> seen;
    REQUIRE(read_until(ticks, [&](const event& told) {
      told.visit(
          [&](const status& s) {
            // Of a symbol: what was missed is told with its next tick, and that a book is mended whenever it is.
            if (s.code() == status_code::gap || s.code() == status_code::resynchronised) return;
            order.push_back(s.name());
            if (s.code() == status_code::disconnected) {
              noticed = std::chrono::steady_clock::now();
              why = s.error();
              seen.clear();
            }
          },
          [&](const depth_snapshot& d) { seen["snapshot"] += d.source() == source::http; },
          [&](const depth_update&) { ++seen["depth"]; },
          [&](const book_ticker& t) { ++seen["quote " + std::string{t.symbol().name()}]; },
          [&](const trade& t) { ++seen["trade " + std::string{t.symbol().name()}]; });
      if (order.size() == 3 && back == decltype(back){} && told.kind() != tick_kind::status)
        back = std::chrono::steady_clock::now();
      return order.size() == 3 && seen["snapshot"] != 0 && seen["depth"] != 0 && seen["quote BTCUSDT"] != 0 &&
             seen["trade ETHUSDT"] != 0;
    }));
    CHECK(order == strings{"disconnected", "reconnecting", "connected"});
    CHECK(why == std::errc::connection_reset);
    CHECK(noticed - before < bound(500ms));
    CHECK(back - before < bound(1000ms));
  }
  CHECK(feed.connection_info().connects == 6);
  CHECK(feed.connection_info().disconnects == 5);
  CHECK(venue.statistics().dropped_noisy == 0);
}

TEST_CASE("market_data: a close by the venue and a drop by the user are survived the same way") {
  running_exchange venue{busy()};
  market_data feed{of(venue)};
  auto ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  REQUIRE(read_tick(ticks));
  std::error_code why;
  venue.close_connections(close_code::service_restart, "maintenance");
  REQUIRE(read_status(ticks, status_code::disconnected, &why));
  CHECK(why == errc::websocket_closed_by_peer);
  REQUIRE(read_status(ticks, status_code::connected));
  REQUIRE(read_tick(ticks));
  feed.drop_connection();
  REQUIRE(read_status(ticks, status_code::disconnected, &why));
  CHECK(why == errc::closed);
  REQUIRE(read_status(ticks, status_code::connected));
  REQUIRE(read_tick(ticks));
}

/// Two ports that take a connection and never say a word, and that do not even take it: their queue is full.
class black_hole {
 public:
  black_hole() {
    for (auto& each : in_the_queue_) {
      each.open(asio::ip::tcp::v4());
      each.non_blocking(true);
      const auto where = full_.where();
      (void)::connect(each.native_handle(), where.data(), static_cast<socklen_t>(where.size()));  // under way, for ever
    }
  }
  [[nodiscard]] std::uint16_t silent_port() const { return silent_.port(); }
  [[nodiscard]] std::uint16_t full_port() const { return full_.port(); }

 private:
  foxtrot_test::loop_fixture f_;
  foxtrot_test::listener silent_{f_.loop};
  foxtrot_test::listener full_{f_.loop, 0};
  std::array<tcp_stream::socket, 4> in_the_queue_{tcp_stream::socket{f_.loop}, tcp_stream::socket{f_.loop},
                                                  tcp_stream::socket{f_.loop}, tcp_stream::socket{f_.loop}};
};

struct refusal {
  certificate_kind certificate;
  bool trusted;
  errc why;
};

TEST_CASE("market_data: a certificate that is not right is refused, by name, before a byte of HTTP is sent") {
  const refusal wanted = GENERATE(refusal{certificate_kind::wrong_host, true, errc::certificate_host_mismatch},
                                  refusal{certificate_kind::common_name_only, true, errc::certificate_host_mismatch},
                                  refusal{certificate_kind::expired, true, errc::certificate_expired},
                                  refusal{certificate_kind::not_yet_valid, true, errc::certificate_not_yet_valid},
                                  refusal{certificate_kind::self_signed, true, errc::certificate_unknown_authority},
                                  refusal{certificate_kind::right, false, errc::certificate_unknown_authority});
  INFO(make_error_code(wanted.why).message());
  exchange_settings settings = busy();
  settings.certificate = wanted.certificate;
  running_exchange venue{settings};
  market_data_settings ours = of(venue, {"btcusdt@bookTicker", "btcusdt@depth"});
  ours.session.retry = {};
  if (!wanted.trusted) ours.ca_pem.clear();  // the system's authorities know nothing of this one
  market_data feed{ours};
  auto ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  std::error_code why;
  REQUIRE(read_status(ticks, status_code::disconnected, &why));
  CHECK(why == wanted.why);
  CHECK(why.message() == make_error_code(wanted.why).message());
  CHECK(why == condition::tls_failure);
  CHECK_FALSE(feed.disconnect());
  CHECK(feed.counters().errors[static_cast<std::size_t>(error_kind::tls)].get() >= 1);
  CHECK(feed.counters().connects.get() == 0);
  const exchange_statistics seen = venue.statistics();
  CHECK(seen.websockets == 0);
  CHECK(seen.rest_requests == 0);
  CHECK(seen.bytes_sent == 0);
  CHECK(seen.connections <= 2);  // no hot retry
}

TEST_CASE("market_data: what cannot be right is refused by the constructor") {
  const auto refused = [](const market_data_settings& settings) {
    try {
      market_data feed{settings};
    } catch (const std::system_error& failure) {
      return failure.code();
    }
    return std::error_code{};
  };
  CHECK(refused({.streams = {"btcusdt"}}) == errc::bad_argument);
  CHECK(refused({.streams = {"btc\"usdt@trade"}}) == errc::bad_argument);
  CHECK(refused({.websocket_url = "ws://localhost:1"}) == errc::bad_url);
  CHECK(refused({.websocket_url = "nonsense"}) == errc::bad_url);
  CHECK(refused({.rest_url = "http://localhost:1"}) == errc::bad_url);
  CHECK(refused({.ca_file = "/nonexistent.pem"}));
  CHECK(refused({.ca_pem = "no certificate"}));
  CHECK_FALSE(refused({.streams = {"btcusdt@trade"}}));
}

TEST_CASE("market_data: connect, disconnect and connect again, in any order and number") {
  running_exchange venue{busy()};
  market_data feed{of(venue)};
  auto ticks = feed.subscribe();
  CHECK_FALSE(feed.disconnect());
  for (int round = 0; round < 3; ++round) {
    CHECK_FALSE(feed.connect());
    CHECK_FALSE(feed.connect());
    REQUIRE(read_status(ticks, status_code::connected));
    REQUIRE(read_tick(ticks));
    CHECK_FALSE(feed.disconnect());
    CHECK_FALSE(feed.disconnect());
    CHECK(read_status(ticks, status_code::disconnected));
    CHECK_FALSE(ticks.closed());
  }
  CHECK(eventually([&] { return venue.statistics().open_connections == 0; }));
}

TEST_CASE("market_data: any thread may connect, disconnect, subscribe and look, all at once") {
  running_exchange venue{busy()};
  market_data feed{of(venue)};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&feed, t] {
        const std::string stream = "s" + std::to_string(t) + "@trade";
        for (int i = 0; i < 10; ++i) {
          (void)feed.connect();
          auto ticks = feed.subscribe();
          (void)feed.subscribe_streams({stream});
          (void)feed.connection_info();
          auto handler = feed.subscribe_inline({}, [](const event&) {});
          feed.drop_connection();
          feed.unsubscribe_streams({stream});
          (void)feed.disconnect();
        }
      });
    }
  }
  CHECK_FALSE(feed.connect());
  auto ticks = feed.subscribe();
  CHECK(read_tick(ticks));
}

TEST_CASE("market_data: an inline handler may disconnect, and the feed may be connected again") {
  running_exchange venue{busy()};
  market_data feed{of(venue)};
  std::atomic<int> calls{0};
  std::atomic<bool> ended{false};
  std::optional<inline_subscription> handler{feed.subscribe_inline({},
                                                                   [&](const event& told) {
                                                                     if (told.kind() == tick_kind::status) return;
                                                                     ++calls;
                                                                     (void)feed.subscribe_streams({"ethusdt@trade"});
                                                                     (void)feed.connection_info();
                                                                     if (!ended.exchange(true))
                                                                       CHECK_FALSE(feed.connect());  // it is
                                                                     CHECK_FALSE(feed.disconnect());
                                                                     CHECK_FALSE(feed.disconnect());
                                                                     CHECK(feed.connect() == errc::would_block);
                                                                   })
                                                 .value()};
  auto ticks = feed.subscribe();
  for (int round = 0; round < 3; ++round) {
    ended = false;
    REQUIRE_FALSE(feed.connect());
    REQUIRE(read_status(ticks, status_code::disconnected));
    CHECK(eventually([&] { return venue.statistics().open_websockets == 0; }));
  }
  CHECK(calls.load() >= 3);
  handler.reset();
  const auto before = std::chrono::steady_clock::now();
  CHECK_FALSE(feed.disconnect());
  CHECK(std::chrono::steady_clock::now() - before < bound(300ms));
  CHECK_FALSE(feed.connect());
  REQUIRE(read_tick(ticks));
}

TEST_CASE("market_data: a handler that disconnects at the first failure does not block connect") {
  market_data_settings settings;
  settings.streams = {"btcusdt@trade"};
  settings.websocket_url = "wss://127.0.0.1:1";  // nobody listens there
  settings.rest_url = "https://127.0.0.1:1";
  for (int round = 0; round < 20; ++round) {
    market_data feed{settings};
    std::atomic<int> failures{0};
    auto handler = feed.subscribe_inline({},
                                         [&](const event&) {
                                           ++failures;
                                           (void)feed.disconnect();
                                         })
                       .value();
    CHECK_FALSE(feed.connect());
    CHECK(eventually([&] { return failures.load() != 0; }));
  }
}

TEST_CASE("market_data: a handler that does not return is reported, and nothing is used after its end") {
  running_exchange venue{busy()};
  std::atomic<bool> inside{false};
  std::atomic<bool> release{false};
  {
    market_data feed{of(venue)};
    auto ticks = feed.subscribe();
    auto handler = feed.subscribe_inline({},
                                         [&](const event& told) {
                                           if (told.kind() == tick_kind::status || inside.exchange(true)) return;
                                           while (!release.load()) std::this_thread::yield();
                                         })
                       .value();
    REQUIRE_FALSE(feed.connect());
    REQUIRE(eventually([&] { return inside.load(); }));
    CHECK(feed.disconnect() == errc::timeout);
    CHECK(feed.connect() == errc::would_block);
    release = true;
    CHECK(eventually([&] { return !feed.disconnect(); }));
    REQUIRE_FALSE(feed.connect());
    CHECK(read_status(ticks, status_code::disconnected));
    CHECK(read_tick(ticks));
    inside = release = false;
    REQUIRE(eventually([&] { return inside.load(); }));
    CHECK(feed.disconnect() == errc::timeout);
    release = true;
  }  // joins
  CHECK(eventually([&] { return venue.statistics().open_connections == 0; }));
}

TEST_CASE("market_data: a queue that blocks and is never read does not hold a disconnect") {
  running_exchange venue{busy()};
  market_data feed{of(venue)};
  auto ticks = feed.subscribe({.when_full = overflow::block, .capacity = 8}).value();
  REQUIRE_FALSE(feed.connect());
  std::uint64_t before = 0;
  REQUIRE(eventually([&] {
    const std::uint64_t now = feed.counters().messages.get();
    return now > 8 || (before = now, false);
  }));
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(feed.disconnect());
  CHECK(std::chrono::steady_clock::now() - begin < bound(1s));
}

TEST_CASE("market_data: destroyed while connected; consumers read on and see the end") {
  running_exchange venue{busy()};
  subscription ticks;
  {
    market_data feed{of(venue)};
    ticks = feed.subscribe();
    REQUIRE_FALSE(feed.connect());
    REQUIRE(read_tick(ticks));
  }
  CHECK(read_status(ticks, status_code::disconnected));
  CHECK_FALSE(read_tick(ticks));
  CHECK(ticks.closed());
}

TEST_CASE("market_data: destroyed while it connects to a black hole, without waiting for it") {
  const black_hole hole;
  for (const bool handshake : {true, false}) {
    market_data_settings settings;
    settings.streams = {"btcusdt@trade"};
    const std::string where = "127.0.0.1:" + std::to_string(handshake ? hole.silent_port() : hole.full_port());
    settings.websocket_url = "wss://" + where;
    settings.rest_url = "https://" + where;
    std::chrono::steady_clock::time_point begin;
    {
      market_data feed{settings};
      REQUIRE_FALSE(feed.connect());
      REQUIRE(eventually([&] { return feed.connection_info().state == session_state::connecting; }));
      begin = std::chrono::steady_clock::now();
    }
    CHECK(std::chrono::steady_clock::now() - begin < bound(300ms));
  }
}

TEST_CASE("market_data: fifty lives leave no thread and no descriptor", "[alone]") {
  running_exchange venue{busy()};
  const auto live = [&](bool wait_for_tick) {
    market_data feed{of(venue, {"btcusdt@bookTicker", "btcusdt@depth@100ms"})};
    auto ticks = feed.subscribe();
    REQUIRE_FALSE(feed.connect());
    if (wait_for_tick) CHECK(read_tick(ticks));
  };
  live(true);
  CHECK(eventually([&] { return venue.statistics().open_connections == 0; }));
  const std::size_t threads = foxtrot_test::settled_threads();
  const std::size_t descriptors = entries("/proc/self/fd");
  for (std::size_t i = 0; i < std::max<std::size_t>(foxtrot_test::repetitions(50), 10); ++i) live(i % 3 != 0);
  CHECK(eventually([&] { return venue.statistics().open_connections == 0; }));
  CHECK(eventually([&] { return entries("/proc/self/fd") == descriptors; }));
  CHECK(foxtrot_test::threads_are(threads));
}

TEST_CASE("market_data: streams come and go while it runs, and over reconnects") {
  running_exchange venue{busy()};
  market_data feed{of(venue, {"btcusdt@bookTicker"})};
  auto ticks = feed.subscribe();
  CHECK(feed.subscribe_streams({"no stream"}) == errc::bad_argument);
  CHECK_FALSE(feed.subscribe_streams({"bnbusdt@trade"}));  // before there is a connection
  REQUIRE_FALSE(feed.connect());
  const auto sees = [&](std::string_view symbol) {
    return read_until(ticks, [&](const event& told) {
      bool found = false;
      told.visit([](const status&) {}, [&](const auto& t) { found = t.symbol() == symbol; });
      return found;
    });
  };
  CHECK(sees("BTCUSDT"));
  CHECK(sees("BNBUSDT"));
  CHECK_FALSE(feed.subscribe_streams({"ethusdt@bookTicker", "solusdt@depth@100ms"}));
  bool quoted = false;
  std::string snapshot_of;
  CHECK(read_until(ticks, [&](const event& told) {
    told.visit([](const status&) {}, [&](const book_ticker& t) { quoted = quoted || t.symbol() == "ETHUSDT"; },
               [&](const depth_snapshot& d) { snapshot_of = d.symbol().name(); });
    return quoted && !snapshot_of.empty();
  }));
  CHECK(snapshot_of == "SOLUSDT");

  feed.unsubscribe_streams({"btcusdt@bookTicker"});
  venue.reset_connections();
  REQUIRE(read_status(ticks, status_code::disconnected));
  REQUIRE(read_status(ticks, status_code::connected));
  std::map<std::string, int> seen;
  REQUIRE(read_until(ticks, [&](const event& told) {
    told.visit([](const status&) {}, [&](const auto& t) { ++seen[std::string{t.symbol().name()}]; });
    return seen["ETHUSDT"] > 20 && seen["BNBUSDT"] > 2 && seen["SOLUSDT"] > 0;
  }));
  CHECK(seen["BTCUSDT"] == 0);
}

TEST_CASE("market_data: a handler that throws at each hundredth tick is counted, and disturbs nobody") {
  running_exchange venue{busy()};
  market_data feed{of(venue)};
  auto ticks = feed.subscribe();
  std::atomic<std::uint64_t> calls{0};
  auto handler = feed.subscribe_inline({},
                                       [&](const event& told) {
                                         if (told.kind() != tick_kind::status && ++calls % 100 == 0)
                                           throw std::runtime_error{"strategy"};
                                       })
                     .value();
  std::uint64_t last_trade = 0, holes = 0, read = 0;
  REQUIRE_FALSE(feed.connect());
  REQUIRE(read_until(ticks, [&](const event& told) {
    told.visit([](const status&) {},
               [&](const trade& t) {
                 holes += last_trade != 0 && t.trade_id() != last_trade + 1;
                 last_trade = t.trade_id();
               });
    read += told.kind() != tick_kind::status;
    return read >= 1000;
  }));
  CHECK_FALSE(feed.disconnect());
  CHECK(feed.counters().handler_failures.get() == calls.load() / 100);
  CHECK(calls.load() >= 1000);
  CHECK(holes == 0);
  CHECK(feed.connection_info().connects == 1);
  CHECK(ticks.dropped() == 0);
}

TEST_CASE("market_data: USD-M says when its quotes were made") {
  exchange_settings settings = busy();
  settings.market = sim_market::usdm;
  running_exchange venue{settings};
  market_data_settings ours = of(venue, {"btcusdt@bookTicker", "btcusdt@depth@100ms"});
  ours.market = binance::market::usdm;
  market_data feed{ours};
  auto ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  std::uint64_t last = 0, updates = 0, breaks = 0;
  bool timed = false, snapshot = false;
  REQUIRE(read_until(ticks, [&](const event& told) {
    told.visit([](const status&) {},
               [&](const book_ticker& t) {
                 CHECK(t.venue() == foxtrot::venue::binance_usdm);
                 timed = t.transaction_time().has_value();
               },
               [&](const depth_update& d) {
                 REQUIRE(d.previous_id());
                 breaks += last != 0 && *d.previous_id() != last;
                 last = d.last_id();
                 ++updates;
               },
               [&](const depth_snapshot& d) { snapshot = d.event_time().has_value(); });
    return timed && snapshot && updates > 5;
  }));
  CHECK(breaks == 0);
}

}  // namespace
