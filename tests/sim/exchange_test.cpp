// tests/sim/exchange_test.cpp: the whole simulated exchange, seen by foxtrot's own clients over real TLS.
#include <foxtrot/sim/exchange.hpp>

#include <catch2/catch.hpp>

#include <support/exchange_client.hpp>
#include <support/process_threads.hpp>

#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::exchange_client;
using foxtrot_test::rest_client;
using namespace std::chrono_literals;

struct running_exchange : exchange {
  explicit running_exchange(exchange_settings settings = {}) : exchange{std::move(settings)} {
    const auto port = start();
    if (!port) FAIL("start: " << port.error().message());
  }
};

exchange_settings busy(sim_market market = sim_market::spot) {
  exchange_settings settings;
  settings.market = market;
  settings.events_per_second = 20'000;
  settings.levels = 200;
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

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

TEST_CASE("exchange: a subscription in the path delivers raw messages of these streams only") {
  running_exchange venue{busy()};
  exchange_client client{venue, "/ws/btcusdt@bookTicker/ethusdt@trade"};
  REQUIRE_FALSE(client.error());
  REQUIRE(client.read_messages(200));
  std::size_t quotes = 0, trades = 0, other = 0;
  for (const std::string& text : client.messages()) {
    if (contains(text, "\"s\":\"BTCUSDT\",\"b\":")) {
      ++quotes;
    } else if (contains(text, "{\"e\":\"trade\"") && contains(text, "\"s\":\"ETHUSDT\"")) {
      ++trades;
    } else {
      ++other;
    }
  }
  CHECK(quotes > 50);
  CHECK(trades > 0);
  CHECK(other == 0);
  const exchange_statistics seen = venue.statistics();
  CHECK(seen.connections == 1);
  CHECK(seen.open_websockets == 1);
  CHECK(seen.sent_of(sim_message::book_ticker) >= quotes);
  CHECK(seen.sent_of(sim_message::depth) == 0);
}

TEST_CASE("exchange: /stream wraps, microseconds are an option, and SET_PROPERTY unwraps") {
  running_exchange venue{busy()};
  exchange_client client{venue, "/stream?streams=btcusdt%40trade&timeUnit=MICROSECOND"};
  REQUIRE(client.read_messages(3));
  simdjson::dom::parser parser;
  const simdjson::dom::element first = parser.parse(client.messages()[0]);
  CHECK(std::string_view{first["stream"]} == "btcusdt@trade");
  CHECK(std::int64_t{first["data"]["E"]} > 1'000'000'000'000'000);
  CHECK(client.messages()[0].starts_with(R"({"stream":"btcusdt@trade","data":{"e":"trade","E":)"));
  CHECK(client.ask(R"({"method":"SET_PROPERTY","params":["combined",false],"id":5})") == R"({"result":null,"id":5})");
  client.forget();
  REQUIRE(client.read_messages(3));
  CHECK(client.messages()[0].starts_with(R"({"e":"trade")"));
}

TEST_CASE("exchange: SUBSCRIBE acknowledges, unknown streams are silent, UNSUBSCRIBE ends the data") {
  running_exchange venue{busy()};
  exchange_client client{venue, "/ws"};
  CHECK(client.ask(R"({"method":"SUBSCRIBE","params":["nopeusdt@trade","BTCUSDT@trade"],"id":1})") ==
        R"({"result":null,"id":1})");
  CHECK(client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":2})") ==
        R"({"result":["nopeusdt@trade","BTCUSDT@trade"],"id":2})");
  CHECK(client.messages().size() == 2);
  CHECK(client.ask(R"({"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":3})") == R"({"result":null,"id":3})");
  REQUIRE(client.read_messages(10));
  CHECK(client.ask(R"({"method":"UNSUBSCRIBE","params":["btcusdt@bookTicker"],"id":4})") ==
        R"({"result":null,"id":4})");
  client.forget();
  CHECK(contains(client.ask(R"({"method":"FOO","id":20})"),
                 R"({"error":{"code":2,"msg":"Invalid request: unknown variant `FOO`)"));
  CHECK(client.messages().size() == 1);
  CHECK(venue.statistics().control_messages == 5);
}

TEST_CASE("exchange: a text that is no JSON closes with 1008") {
  running_exchange venue{busy()};
  exchange_client client{venue, "/ws"};
  CHECK_FALSE(client.send("hello"));
  REQUIRE(client.read_to_end());
  CHECK(client.error() == errc::websocket_closed_by_peer);
  REQUIRE(client.peer_close());
  CHECK(client.peer_close()->code == close_code::policy_violation);
  CHECK(client.peer_close()->reason == "Invalid request");
}

TEST_CASE("exchange: the sixth message within a second ends the connection") {
  running_exchange venue{busy()};
  exchange_client client{venue, "/ws"};
  for (int i = 0; i < 6; ++i) CHECK_FALSE(client.send(R"({"method":"LIST_SUBSCRIPTIONS","id":1})"));
  REQUIRE(client.read_to_end());
  REQUIRE(client.peer_close());
  CHECK(client.peer_close()->code == close_code::policy_violation);
  CHECK(client.messages().size() == 5);
  CHECK(venue.statistics().dropped_noisy == 1);
  CHECK(venue.statistics().most_messages_per_second == 6);
}

TEST_CASE("exchange: more than 1024 streams in a path are refused before the upgrade, unknown paths as well") {
  running_exchange venue{busy()};
  std::string path = "/ws";
  for (int i = 0; i < 1025; ++i) path += "/s" + std::to_string(i) + "@t";
  exchange_client many{venue, path};
  CHECK(many.error() == errc::http_client_error);
  CHECK(many.refused_with() == 400);
  exchange_client lost{venue, "/nowhere"};
  CHECK(lost.refused_with() == 404);
}

TEST_CASE("exchange: a SUBSCRIBE that would pass 1024 streams is refused as a whole, and changes nothing") {
  exchange_settings settings = busy();
  settings.limits.messages_per_second = 0;
  running_exchange venue{settings};
  exchange_client client{venue, "/ws"};
  const auto subscribe = [&](int from, int count) {
    std::string names;
    for (int i = from; i < from + count; ++i) names += (i == from ? "\"s" : ",\"s") + std::to_string(i) + "@trade\"";
    return client.ask(R"({"method":"SUBSCRIBE","params":[)" + names + R"(],"id":1})");
  };
  for (int i = 0; i < 1000; i += 200) CHECK(subscribe(i, 200) == R"({"result":null,"id":1})");
  CHECK(subscribe(1000, 25) == R"({"error":{"code":2,"msg":"Invalid request: too many streams"},"id":1})");
  CHECK(venue.statistics().most_streams_per_websocket == 1000);
  CHECK(subscribe(1000, 24) == R"({"result":null,"id":1})");
  CHECK(subscribe(0, 1024) == R"({"result":null,"id":1})");  // it has them all
  CHECK(venue.statistics().most_streams_per_websocket == 1024);
  CHECK(venue.statistics().open_websockets == 1);
}

TEST_CASE("exchange: two connections with the same streams get the same ids at the same time") {
  exchange_settings settings = busy();
  settings.log_sent = 1'000'000;
  running_exchange venue{settings};
  const std::string path = "/stream?streams=btcusdt@bookTicker/btcusdt@trade/btcusdt@depth@100ms/ethusdt@trade";
  exchange_client one{venue, path};
  exchange_client other{venue, path};
  REQUIRE(other.read_messages(2'000));
  venue.pause();
  for (exchange_client* each : {&one, &other})
    CHECK(each->ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})", "\"result\"") != "");
  for (const char* stream : {"btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms", "ethusdt@trade"}) {
    INFO(stream);
    const sent_messages sent = venue.sent(stream);
    CHECK(sent.complete);
    std::map<std::uint64_t, std::int64_t> first;
    std::vector<std::uint64_t> of_second;
    for (const sent_message& each : sent.all) {
      if (each.client == 1) first.emplace(each.id, each.at_ns);
      if (each.client == 2) of_second.push_back(each.id);
    }
    REQUIRE_FALSE(of_second.empty());
    CHECK(std::is_sorted(of_second.begin(), of_second.end()));
    CHECK(static_cast<std::ptrdiff_t>(of_second.size()) ==
          std::distance(first.find(of_second.front()), first.end()));  // none that one lacks
    for (const sent_message& each : sent.all) {
      if (each.client != 2) continue;
      REQUIRE(first.contains(each.id));
      CHECK(each.at_ns - first[each.id] < 1'000'000'000);
    }
  }
  // what the clients got is what was logged, and quotes are kept from the market's beginning
  const auto count = [](const exchange_client& client, std::string_view stream) {
    return std::count_if(client.messages().begin(), client.messages().end(),
                         [&](const std::string& text) { return contains(text, stream); });
  };
  const sent_messages quotes = venue.sent("btcusdt@bookTicker");
  for (const auto& [client, number] : {std::pair{&one, 1U}, std::pair{&other, 2U}})
    CHECK(count(*client, "\"stream\":\"btcusdt@bookTicker\"") ==
          std::count_if(quotes.all.begin(), quotes.all.end(),
                        [its = number](const sent_message& each) { return each.client == its; }));
  CHECK(quotes.made_ids().size() >= quotes.sent_ids().size());
  CHECK(quotes.made_ids().back() == venue.truth().find("BTCUSDT")->last_quote_id);
  CHECK(venue.sent("btcusdt@trade").made_ids().empty());
  CHECK(venue.sent("nobody@trade").all.empty());
}

TEST_CASE("exchange: three thousand streams over three connections, each of which speaks") {
  exchange_settings settings;
  settings.symbols = default_symbols(sim_market::spot, 1'000);
  settings.events_per_second = 8'000;
  settings.depth_interval = 500ms;
  settings.levels = 20;
  running_exchange venue{settings};
  std::vector<std::unique_ptr<exchange_client>> clients;
  std::vector<std::string> wanted;
  for (const symbol_spec& each : settings.symbols) {
    std::string name = each.name;
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    for (const char* kind : {"@bookTicker", "@depth@100ms", "@depth5@100ms"}) wanted.push_back(name + kind);
  }
  for (std::size_t i = 0; i < wanted.size(); i += 1'000) {
    clients.push_back(std::make_unique<exchange_client>(venue, "/stream"));
    for (std::size_t from = i; from < i + 1'000; from += 250) {  // four messages: within the limit of five
      std::string names;
      for (std::size_t k = from; k < from + 250; ++k) names += (k == from ? "\"" : ",\"") + wanted[k] + "\"";
      REQUIRE(clients.back()->ask(R"({"method":"SUBSCRIBE","params":[)" + names + R"(],"id":1})") ==
              R"({"result":null,"id":1})");
    }
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    std::set<std::string> silent{wanted.begin() + static_cast<std::ptrdiff_t>(i * 1'000),
                                 wanted.begin() + static_cast<std::ptrdiff_t>((i + 1) * 1'000)};
    std::size_t looked_at = 0;
    CHECK(clients[i]->read_until([&] {
      for (const auto& all = clients[i]->messages(); looked_at < all.size(); ++looked_at) {
        const std::size_t name = all[looked_at].find(':') + 2;
        silent.erase(all[looked_at].substr(name, all[looked_at].find('"', name) - name));
      }
      return silent.empty();
    }));
    CHECK(silent.size() == 0);
  }
  const exchange_statistics seen = venue.statistics();
  CHECK(seen.connections == 3);
  CHECK(seen.open_websockets == 3);
  CHECK(seen.most_websockets_per_path == 3);
  CHECK(seen.most_streams_per_websocket == 1'000);
  CHECK(seen.most_messages_per_second <= 4);
  CHECK(seen.dropped_slow + seen.dropped_noisy == 0);
}

TEST_CASE("exchange: upgrades that are refused are counted, and no WebSockets") {
  exchange_settings settings = busy();
  settings.faults = fault_script::parse("0s upgrade 503").value();
  running_exchange venue{settings};
  for (int i = 0; i < 3; ++i) CHECK(exchange_client{venue, "/ws"}.refused_with() == 503);
  CHECK(venue.statistics().upgrades_refused == 3);
  CHECK(venue.statistics().websockets == 0);
  CHECK(venue.statistics().connections == 3);
}

TEST_CASE("exchange: pings carry the time and are answered, silence after them closes with 1008") {
  exchange_settings settings = busy();
  settings.limits.ping_interval = 20ms;
  settings.limits.pong_timeout = 200ms;
  settings.limits.messages_per_second = 0;
  running_exchange venue{settings};
  exchange_client good{venue, "/ws"};
  REQUIRE(good.read_until([&] { return good.pings().size() >= 30; }));
  CHECK(good.pings()[0].size() == 13);
  CHECK(eventually([&] { return venue.statistics().pongs_received >= 20; }));

  exchange_client deaf{venue, "/ws"};  // reads nothing, so it answers nothing
  CHECK(good.read_until([&] { return venue.statistics().websockets == 2; }));
  CHECK(good.read_until([&] { return venue.statistics().open_websockets == 1; }));
  REQUIRE(deaf.read_to_end());
  REQUIRE(deaf.peer_close());
  CHECK(deaf.peer_close()->code == close_code::policy_violation);
  CHECK(deaf.peer_close()->reason == "Pong timeout");
  CHECK_FALSE(good.error());
}

TEST_CASE("exchange: REST answers on the same port, in the shape of its market") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm, sim_market::coinm);
  running_exchange venue{busy(market)};
  rest_client rest{venue};
  const std::string base = market == sim_market::spot   ? "/api/v3/"
                           : market == sim_market::usdm ? "/fapi/v1/"
                                                        : "/dapi/v1/";
  const std::string tail = market == sim_market::coinm ? "USD_PERP" : "USDT";
  CHECK(rest.get(base + "ping").body == "{}");
  simdjson::dom::parser parser;
  simdjson::dom::element body;
  const auto json = [&](const std::string& target) {
    const http_response response = rest.get(base + target);
    INFO(response.body);
    REQUIRE(parser.parse(response.body).get(body) == simdjson::SUCCESS);
    CHECK(response.headers.find("X-MBX-USED-WEIGHT-1M").has_value());
    return response.status;
  };
  CHECK(json("time") == 200);
  CHECK(std::int64_t{body["serverTime"]} > 1'600'000'000'000);
  CHECK(json("depth?symbol=BTC" + tail + "&limit=10") == 200);
  CHECK(body["bids"].get_array().size() == 10);
  CHECK(json("exchangeInfo") == 200);
  CHECK(body["symbols"].get_array().size() == 4);
  if (market == sim_market::spot) {
    CHECK(json("exchangeInfo?symbol=ETHUSDT&showPermissionSets=false") == 200);
    CHECK(body["symbols"].get_array().size() == 1);
    CHECK(body["symbols"].at(0)["permissionSets"].get_array().size() == 0);
    CHECK(json("exchangeInfo?symbols=%5B%22BTCUSDT%22,%22SOLUSDT%22%5D") == 200);
    CHECK(body["symbols"].get_array().size() == 2);
    CHECK(body["symbols"].at(0)["permissionSets"].get_array().size() == 1);
    CHECK(json("exchangeInfo?symbol=NOPE") == 400);
    CHECK(std::int64_t{body["code"]} == -1121);
  }
  CHECK(json("ticker/bookTicker?symbol=ETH" + tail) == 200);
  if (market != sim_market::coinm) CHECK(std::string_view{body["symbol"]} == "ETHUSDT");
  CHECK(json("ticker/bookTicker") == 200);
  CHECK(body.get_array().size() == 4);
  if (market == sim_market::spot) {
    CHECK(json("ticker/bookTicker?symbols=%5B%22BTCUSDT%22,%22SOLUSDT%22%5D") == 200);
    CHECK(body.get_array().size() == 2);
  }
  CHECK(json("depth?symbol=NOPE") == 400);
  CHECK(std::int64_t{body["code"]} == -1121);
  CHECK(std::string_view{body["msg"]} == "Invalid symbol.");
  CHECK(json("depth") == 400);
  CHECK(std::int64_t{body["code"]} == -1102);
  CHECK(rest.get("/elsewhere").status == 404);
  CHECK(venue.statistics().connections == 1);
}

TEST_CASE("exchange: REST weight over the limit is 429 with Retry-After") {
  exchange_settings settings = busy();
  settings.limits.weight_per_minute = 20;
  running_exchange venue{settings};
  rest_client rest{venue};
  http_response last;
  for (int i = 0; i < 30 && last.status != 429; ++i) last = rest.get("/api/v3/depth?symbol=BTCUSDT");
  CHECK(last.status == 429);
  CHECK(last.retry_after().has_value());
  CHECK(contains(last.body, "-1003"));
}

TEST_CASE("exchange: a snapshot and the diffs of the stream fit together") {
  running_exchange venue{busy()};
  exchange_client client{venue, "/ws/btcusdt@depth@100ms"};
  REQUIRE(client.read_messages(2));
  rest_client rest{venue};
  simdjson::dom::parser parser;
  const std::string text = rest.get("/api/v3/depth?symbol=BTCUSDT&limit=5000").body;
  const std::uint64_t snapshot = parser.parse(text)["lastUpdateId"];
  REQUIRE(client.read_messages(client.messages().size() + 3));
  bool bracketed = false;
  std::uint64_t last = 0;
  for (const std::string& message : client.messages()) {
    const simdjson::dom::element diff = parser.parse(message);
    const std::uint64_t first = diff["U"];
    if (last != 0) CHECK(first == last + 1);
    last = diff["u"];
    bracketed = bracketed || (first <= snapshot + 1 && snapshot + 1 <= last);
  }
  CHECK(bracketed);
}

TEST_CASE("exchange: USD-M serves quotes on /public and the root, trades' aggregates and mark prices on /market") {
  running_exchange venue{busy(sim_market::usdm)};
  const std::string all = "streams=btcusdt@bookTicker/btcusdt@aggTrade/btcusdt@markPrice@1s/btcusdt@depth@100ms";
  exchange_client quotes{venue, "/public/stream?" + all};
  exchange_client root{venue, "/stream?" + all};
  exchange_client market{venue, "/market/stream?" + all};
  const auto seen = [](exchange_client& client, std::string_view part) {
    for (const std::string& text : client.messages())
      if (contains(text, part)) return true;
    return false;
  };
  REQUIRE(market.read_until([&] { return seen(market, "@aggTrade\"") && seen(market, "@markPrice@1s\""); }));
  REQUIRE(quotes.read_until([&] { return seen(quotes, "@bookTicker\"") && seen(quotes, "@depth@100ms\""); }));
  REQUIRE(root.read_until([&] { return seen(root, "@bookTicker\""); }));
  CHECK_FALSE(seen(market, "@bookTicker\""));
  CHECK_FALSE(seen(quotes, "@aggTrade\""));
  CHECK_FALSE(seen(root, "@markPrice"));
}

TEST_CASE("exchange: pause stops the data and nothing else; ids go on where they stopped") {
  running_exchange venue{busy()};
  exchange_client client{venue, "/ws/btcusdt@trade"};
  REQUIRE(client.read_messages(5));
  venue.pause();
  CHECK(client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":2})") == R"({"result":["btcusdt@trade"],"id":2})");
  const std::uint64_t sent = venue.statistics().sent_total();
  const std::size_t before = client.messages().size();
  CHECK(client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":3})") == R"({"result":["btcusdt@trade"],"id":3})");
  CHECK(client.messages().size() == before + 1);
  CHECK(venue.statistics().sent_total() == sent);
  venue.resume();
  REQUIRE(client.read_messages(before + 6));
  simdjson::dom::parser parser;
  std::uint64_t last = 0, holes = 0;
  for (const std::string& text : client.messages()) {
    std::uint64_t id = 0;
    if (parser.parse(text)["t"].get(id) != simdjson::SUCCESS) continue;
    holes += last != 0 && id != last + 1;
    last = id;
  }
  CHECK(holes == 0);
}

TEST_CASE("exchange: connections can be reset or closed from outside, and come back") {
  running_exchange venue{busy()};
  exchange_client first{venue, "/ws/btcusdt@bookTicker"};
  REQUIRE(first.read_messages(1));
  venue.reset_connections();
  REQUIRE(first.read_to_end());
  CHECK(first.error() == std::errc::connection_reset);
  CHECK_FALSE(first.peer_close());

  exchange_client second{venue, "/ws/btcusdt@bookTicker"};
  REQUIRE(second.read_messages(1));
  venue.close_connections(close_code::service_restart, "maintenance");
  REQUIRE(second.read_to_end());
  REQUIRE(second.peer_close());
  CHECK(second.peer_close()->code == close_code::service_restart);
  CHECK(second.peer_close()->reason == "maintenance");
  CHECK(eventually([&] { return venue.statistics().open_connections == 0; }));
  CHECK(venue.statistics().connections == 2);
}

TEST_CASE("exchange: a client that does not read is dropped, others are not") {
  exchange_settings settings = busy();
  settings.events_per_second = 200'000;
  settings.limits.max_unsent = 256 * 1024;
  running_exchange venue{settings};
  const std::string all = "/ws/btcusdt@bookTicker/ethusdt@bookTicker/bnbusdt@bookTicker/solusdt@bookTicker";
  exchange_client lazy{venue, all};
  exchange_client keen{venue, "/ws/solusdt@trade"};
  REQUIRE_FALSE(lazy.error());
  CHECK(keen.read_until([&] { return venue.statistics().dropped_slow == 1; }));
  CHECK(lazy.read_to_end());
  keen.forget();
  CHECK(keen.read_messages(1));
}

TEST_CASE("exchange: a bad certificate is seen as such by the client") {
  exchange_settings settings = busy();
  settings.certificate = certificate_kind::expired;
  running_exchange venue{settings};
  exchange_client client{venue, "/ws"};
  CHECK(client.error() == errc::certificate_expired);
}

TEST_CASE("exchange: stop with clients connected leaves neither thread nor descriptor") {
  { const running_exchange warm_up{busy()}; }  // what libraries open once stays open
  const std::size_t descriptors = entries("/proc/self/fd");
  const std::size_t threads = foxtrot_test::settled_threads();
  {
    running_exchange venue{busy()};
    exchange_client reading{venue, "/ws/btcusdt@bookTicker"};
    exchange_client idle{venue, "/ws"};
    rest_client rest{venue};
    CHECK(rest.get("/api/v3/ping").status == 200);
    REQUIRE(reading.read_messages(1));
    CHECK(foxtrot_test::threads_are(threads + 1));
    CHECK_FALSE(venue.stop());
    CHECK_FALSE(venue.stop());
    CHECK(venue.statistics().open_connections == 0);
    CHECK(reading.read_to_end());
  }
  CHECK(entries("/proc/self/fd") == descriptors);
  CHECK(foxtrot_test::threads_are(threads));
}

TEST_CASE("exchange: what cannot start says why") {
  exchange_settings settings;
  settings.replay.path = "/nonexistent/capture";
  exchange missing{settings};
  CHECK(missing.start().error() == std::errc::no_such_file_or_directory);

  running_exchange first{busy()};
  exchange_settings same = busy();
  same.port = first.port();
  exchange second{same};
  CHECK(second.start().error() == std::errc::address_in_use);
}

}  // namespace
