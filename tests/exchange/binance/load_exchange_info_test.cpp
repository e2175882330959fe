// tests/exchange/binance/load_exchange_info_test.cpp: asking a simulated exchange what it trades, over real TLS.
#include <foxtrot/exchange/binance/load_exchange_info.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/exchange/binance/streams_of.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <support/loopback.hpp>
#include <support/sanitizer.hpp>

#include <chrono>
#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using binance::exchange_info;
using binance::load_exchange_info;
using binance::market_data_settings;
using binance::retry_hint;
using foxtrot_test::bound;

struct running_exchange : exchange {
  explicit running_exchange(exchange_settings settings = {}) : exchange{std::move(settings)} {
    const auto started = start();
    if (!started) FAIL("start: " << started.error().message());
  }
};

exchange_settings quiet(sim_market market = sim_market::spot) {
  exchange_settings settings;
  settings.market = market;
  settings.levels = 50;
  return settings;
}

market_data_settings of(const exchange& venue, binance::market market = binance::market::spot) {
  market_data_settings settings;
  settings.market = market;
  settings.websocket_url = "wss://127.0.0.1:" + std::to_string(venue.port());
  settings.rest_url = "https://127.0.0.1:" + std::to_string(venue.port());
  settings.ca_pem = venue.ca_pem();
  return settings;
}

struct pair_of_markets {
  sim_market simulated;
  binance::market ours;
};

TEST_CASE("load_exchange_info: each market says what it trades, and its prices obey") {
  const auto [simulated, ours] = GENERATE(pair_of_markets{sim_market::spot, binance::market::spot},
                                          pair_of_markets{sim_market::usdm, binance::market::usdm},
                                          pair_of_markets{sim_market::coinm, binance::market::coinm});
  exchange_settings wanted = quiet(simulated);
  wanted.symbols = default_symbols(simulated, 12);
  wanted.symbols[1].status = "BREAK";
  running_exchange venue{wanted};
  market_data_settings settings = of(venue, ours);
  const auto info = load_exchange_info(settings, bound(10s));
  REQUIRE(info);
  REQUIRE(info->size() == 12);
  CHECK(info->rejected().empty());
  CHECK(info->trading_symbols().size() == 11);
  CHECK(info->rate_limits().front().limit == wanted.limits.weight_per_minute);
  CHECK(std::chrono::abs(info->server_time() - std::chrono::system_clock::now()) < 1h);
  for (const symbol_spec& spec : wanted.symbols) {
    const auto* const rules = info->find(spec.name);
    REQUIRE(rules != nullptr);
    CHECK(rules->tick_size() == decimal{spec.tick, -spec.price_decimals});
    CHECK(rules->lot_size() == decimal{1, -spec.quantity_decimals});
    CHECK(rules->quote_asset == (simulated == sim_market::coinm ? "USD" : "USDT"));
    CHECK(rules->contract_type == (simulated == sim_market::spot ? "" : "PERPETUAL"));
    CHECK(rules->min_notional.has_value() == (simulated != sim_market::coinm));
    CHECK(rules->contract_size.has_value() == (simulated == sim_market::coinm));
  }

  settings.streams = streams_of(*info, "@bookTicker");
  REQUIRE(settings.streams.size() == 11);
  settings.streams.push_back(settings.streams.front().substr(0, settings.streams.front().find('@')) + "@depth@100ms");
  binance::market_data feed{settings};
  auto ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  std::set<std::string> heard;
  std::uint64_t invalid = 0;
  bool snapshot = false, update = false;
  const auto check = [&](const auto& tick, decimal price, decimal quantity) {
    const auto* const rules = info->find(tick.symbol().name());
    invalid += rules == nullptr || !rules->is_valid_price(price) || !rules->is_valid_quantity(quantity);
    CHECK(tick.venue() == binance::venue_of(ours));
  };
  const auto until = std::chrono::steady_clock::now() + bound(30s);
  const std::stop_token never;
  for (const event& told : ticks.until(never, 20s)) {
    told.visit([](const status&) {},
               [&](const book_ticker& t) {
                 heard.emplace(t.symbol().name());
                 check(t, t.bid_price(), t.bid_quantity());
                 check(t, t.ask_price(), t.ask_quantity());
               },
               [&](const depth_update&) { update = true; }, [&](const depth_snapshot&) { snapshot = true; });
    if ((heard.size() == 11 && snapshot && update) || std::chrono::steady_clock::now() > until) break;
  }
  CHECK(heard.size() == 11);
  CHECK(snapshot);
  CHECK(update);
  CHECK(invalid == 0);
  CHECK_FALSE(feed.disconnect());
  CHECK(feed.counters().rejected.get() == 0);
}

TEST_CASE("load_exchange_info: a refusal says for how long") {
  exchange_settings strict = quiet();
  strict.limits.weight_per_minute = 1;
  running_exchange venue{strict};
  retry_hint wait;
  const auto refused = load_exchange_info(of(venue), bound(10s), &wait);
  CHECK(refused.error() == errc::http_rate_limited);
  CHECK(refused.error() == condition::transient);
  REQUIRE(wait);
  CHECK(*wait > 0s);
  CHECK(*wait <= 60s);

  running_exchange other{quiet(sim_market::usdm)};
  CHECK(load_exchange_info(of(other), bound(10s), &wait).error() == errc::http_client_error);  // 404: not its path
  CHECK_FALSE(wait);
}

TEST_CASE("load_exchange_info: who is not to be trusted, not there or silent is an error in time") {
  running_exchange venue{quiet()};
  market_data_settings settings = of(venue);
  settings.ca_pem.clear();
  CHECK(load_exchange_info(settings, bound(10s)).error() == condition::tls_failure);
  settings = of(venue);
  settings.rest_url = "http://127.0.0.1:" + std::to_string(venue.port());
  CHECK(load_exchange_info(settings, bound(10s)).error() == errc::bad_url);
  settings = of(venue);
  CHECK(load_exchange_info(settings, 0ms).error() == errc::timeout);
  settings.rest_url = "https://127.0.0.1:1";
  CHECK(load_exchange_info(settings, bound(10s)).error() == condition::transient);

  asio::io_context loop;
  const foxtrot_test::listener silent{loop};  // connections wait in its backlog for ever
  settings.rest_url = "https://127.0.0.1:" + std::to_string(silent.port());
  const auto before = std::chrono::steady_clock::now();
  CHECK(load_exchange_info(settings, 100ms).error() == errc::timeout);
  CHECK(std::chrono::steady_clock::now() - before >= 100ms);
}

TEST_CASE("market_data: times are in microseconds where spot is asked for them") {
  running_exchange venue{quiet()};
  market_data_settings settings = of(venue);
  settings.streams = {"btcusdt@trade", "ethusdt@trade"};
  settings.time_unit = binance::time_unit::microseconds;
  binance::market_data feed{settings};
  auto ticks = feed.subscribe();
  REQUIRE_FALSE(feed.connect());
  bool fine = false;
  const auto until = std::chrono::steady_clock::now() + bound(30s);
  const std::stop_token never;
  for (const event& told : ticks.until(never, 20s)) {
    told.visit([](const status&) {},
               [&](const trade& t) {
                 REQUIRE(t.event_time());
                 fine = fine || t.event_time()->time_since_epoch() % 1ms != 0ns;
               });
    if (fine || std::chrono::steady_clock::now() > until) break;
  }
  CHECK(fine);
  CHECK_FALSE(feed.disconnect());

  settings.market = binance::market::usdm;
  CHECK_THROWS_AS(binance::market_data{settings}, std::system_error);
}

TEST_CASE("market: names, addresses and paths of each") {
  using binance::market;
  for (const market which : {market::spot, market::usdm, market::coinm}) {
    CHECK(binance::market_of(to_string(which)) == which);
    CHECK(binance::public_endpoints(which).rest.starts_with("https://"));
    CHECK(binance::public_endpoints(which).websocket.starts_with("wss://"));
  }
  CHECK_FALSE(binance::market_of("options"));
  CHECK(binance::venue_of(market::coinm) == venue::binance_coinm);
  CHECK(binance::paths_of(market::coinm) == std::vector<std::string_view>{"/stream"});
  CHECK(binance::depth_path_of(market::spot) == "/api/v3/depth");
  CHECK(binance::depth_path_of(market::coinm) == "/dapi/v1/depth");
  CHECK(binance::exchange_info_path_of(market::usdm) == "/fapi/v1/exchangeInfo");
}

}  // namespace
