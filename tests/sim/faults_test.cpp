// tests/sim/faults_test.cpp: every fault of a simulated exchange, as a client over real TLS sees it.
#include <foxtrot/sim/exchange.hpp>

#include <catch2/catch.hpp>

#include <support/exchange_client.hpp>
#include <support/sanitizer.hpp>

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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
using foxtrot_test::bound;
using foxtrot_test::exchange_client;
using foxtrot_test::loop_fixture;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;

exchange_settings busy(sim_market market = sim_market::spot) {
  exchange_settings settings;
  settings.market = market;
  settings.events_per_second = 5'000;
  settings.levels = 100;
  settings.limits.messages_per_second = 0;
  return settings;
}

struct venue : exchange {
  explicit venue(exchange_settings settings = busy()) : exchange{std::move(settings)} {
    const auto port = start();
    if (!port) FAIL("start: " << port.error().message());
  }
  /// The faults of a script's lines, now. In force when this returns.
  void suffer(std::string_view lines) {
    const auto script = fault_script::parse(lines);
    REQUIRE(script.has_value());
    const std::uint64_t before = statistics().faults_begun;
    for (const fault& each : script->faults) inject(each);
    while (statistics().faults_begun != before + script->faults.size()) std::this_thread::yield();
  }
};

template <class Predicate>
bool eventually(Predicate happened) {
  const auto until = real::now() + 20s;
  while (!happened()) {
    if (real::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// What one GET on a connection of its own gives; its time is up as soon as `enough()`.
result<http_response> get(const exchange& from, const std::string& target, const std::function<bool()>& enough = {}) {
  loop_fixture f;
  http_client_settings settings;
  settings.dial = foxtrot_test::dial_loopback(from);
  http_client client{f.timers, foxtrot_test::trusting(from), settings};
  url where;
  where.host = "localhost";
  where.port = from.port();
  where.target = target;
  auto under_way = f.start(client.get(where, 1h));
  REQUIRE(f.run_until([&] { return under_way.done() || (enough && enough()); }));
  if (!under_way.done()) f.advance(2h);
  REQUIRE(f.run_until([&] { return under_way.done(); }));
  return under_way.get();
}

/// The numbers that follow `key` in these messages.
std::vector<std::uint64_t> ids(const std::vector<std::string>& messages, std::string_view key) {
  std::vector<std::uint64_t> found;
  for (const std::string& text : messages)
    if (const std::size_t at = text.find(key); at != text.npos)
      found.push_back(std::stoull(text.substr(at + key.size(), 20)));
  return found;
}

constexpr const char* trades = "/ws/btcusdt@trade";

TEST_CASE("faults: a script follows its own times and conditions end by themselves") {
  exchange_settings settings = busy();
  settings.faults = fault_script::parse("1ms mute for 100ms\n").value();
  for (int i = 1; i <= 100; ++i)  // whenever the client comes
    settings.faults.faults.push_back({.at = i * 300ms, .kind = fault_kind::close, .code = 1012, .text = "bye"});
  venue exchange{settings};
  exchange_client client{exchange, trades};
  REQUIRE(client.read_to_end());
  REQUIRE(client.peer_close());
  CHECK(client.peer_close()->code == close_code::service_restart);
  CHECK(client.peer_close()->reason == "bye");
  CHECK(exchange.statistics().faults_begun >= 2);
  CHECK(exchange.statistics().sent_total() >= client.messages().size());
}

TEST_CASE("faults: what a script begins at 0 is in force before anybody is let in") {
  exchange_settings settings = busy();
  settings.faults = fault_script::parse("0s upgrade 503").value();
  venue exchange{settings};
  exchange_client client{exchange, trades};
  CHECK(client.refused_with() == 503);
}

TEST_CASE("faults: reset ends every connection with RST") {
  venue exchange;
  exchange_client client{exchange, trades};
  REQUIRE(client.read_messages(1));
  exchange.suffer("0s reset");
  REQUIRE(client.read_to_end());
  CHECK(client.error() == std::errc::connection_reset);
}

TEST_CASE("faults: fin ends without a close frame and without close_notify") {
  venue exchange;
  exchange_client client{exchange, trades};
  REQUIRE(client.read_messages(1));
  exchange.suffer("0s fin");
  REQUIRE(client.read_to_end());
  CHECK(client.error() == errc::tls_truncated);
  CHECK_FALSE(client.peer_close());
  client.stream().close_now();
  CHECK(eventually([&] { return exchange.statistics().open_connections == 0; }));
}

TEST_CASE("faults: an instant hits the oldest, the newest, or any one, and no other") {
  const std::string whom = GENERATE("oldest", "newest", "one");
  venue exchange;
  exchange_client quotes{exchange, "/ws/btcusdt@bookTicker"};
  std::vector<std::unique_ptr<exchange_client>> clients;
  for (std::uint64_t i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<exchange_client>(exchange, trades));
    REQUIRE(clients.back()->read_messages(1));
    REQUIRE(exchange.statistics().open_websockets == i + 2);
  }
  quotes.stream().close_now();  // the oldest has hung up and is none to be hit, whether that was read or not
  exchange.suffer("0s reset " + whom);
  REQUIRE(eventually([&] { return exchange.statistics().open_websockets == 2; }));
  exchange.pause();
  std::vector<std::size_t> ended;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    while (!clients[i]->error() && !clients[i]->silent_for(20ms)) {
    }  // what it was sent before comes before the end
    if (!clients[i]->error()) continue;
    CHECK(clients[i]->error() == std::errc::connection_reset);
    ended.push_back(i);
  }
  REQUIRE(ended.size() == 1);
  if (whom == "oldest") CHECK(ended[0] == 0);
  if (whom == "newest") CHECK(ended[0] == 2);
}

TEST_CASE("faults: which one an instant hits is the seed's choice, and sooner or later everybody's turn") {
  const auto order = [](std::uint64_t seed) {
    exchange_settings settings = busy();
    settings.seed = seed;
    venue exchange{settings};
    std::vector<std::unique_ptr<exchange_client>> clients;
    for (std::uint64_t i = 0; i < 4; ++i) {
      clients.push_back(std::make_unique<exchange_client>(exchange, "/ws"));
      REQUIRE(eventually([&] { return exchange.statistics().open_websockets == i + 1; }));
    }
    std::vector<std::size_t> hit;
    for (std::uint64_t left = 4; left-- > 0;) {
      exchange.suffer("0s close one 1012");
      for (std::size_t i = 0; i < clients.size(); ++i) {
        if (!clients[i] || (clients[i]->silent_for(20ms) && !clients[i]->error())) continue;
        clients[i].reset();
        hit.push_back(i);
      }
    }
    return hit;
  };
  const auto first = order(7);
  CHECK(std::set<std::size_t>(first.begin(), first.end()).size() == 4);
  CHECK(order(7) == first);
  CHECK((order(1) != first || order(2) != first || order(3) != first || order(4) != first));
}

TEST_CASE("faults: expire, close, fin and server-shutdown of one leave the other alone") {
  venue exchange;
  exchange_client old{exchange, trades};
  REQUIRE(old.read_messages(1));
  std::this_thread::sleep_for(20ms);  // its age
  exchange_client young{exchange, trades};
  REQUIRE(young.read_messages(1));
  exchange.suffer("0s expire newest 24h\n0s expire one 24h");  // nobody is so old
  exchange.suffer("0s server-shutdown newest");
  const auto announced = [](exchange_client& client) {
    return std::any_of(client.messages().begin(), client.messages().end(),
                       [](const std::string& text) { return contains(text, "serverShutdown"); });
  };
  REQUIRE(young.read_until([&] { return announced(young); }));
  REQUIRE(old.read_messages(old.messages().size() + 50));
  CHECK_FALSE(announced(old));
  exchange.suffer("0s expire oldest 20ms");
  REQUIRE(old.read_to_end());
  CHECK(old.peer_close()->code == close_code::going_away);
  exchange_client third{exchange, trades};
  REQUIRE(third.read_messages(1));
  exchange.suffer("0s close newest 1012");
  REQUIRE(third.read_to_end());
  exchange.suffer("0s fin one");  // the last WebSocket that is open
  REQUIRE(young.read_to_end());
  CHECK(young.error() == errc::tls_truncated);
  exchange.suffer("0s reset one\n0s fin oldest");  // nobody is left
}

TEST_CASE("faults: a client that ignores the FIN is closed after the limit") {
  exchange_settings settings = busy();
  settings.limits.close_timeout = 20ms;
  venue exchange{settings};
  exchange_client client{exchange, "/ws"};
  exchange.suffer("0s fin");
  CHECK(eventually([&] { return exchange.statistics().open_connections == 0; }));
}

TEST_CASE("faults: close comes with any code and reason") {
  for (const unsigned code : {1000U, 1001U, 1008U, 1012U, 4321U}) {
    venue exchange;
    exchange_client client{exchange, trades};
    REQUIRE(client.read_messages(1));
    exchange.suffer("0s close " + std::to_string(code) + " as the test wants");
    REQUIRE(client.read_to_end());
    REQUIRE(client.peer_close());
    CHECK(static_cast<unsigned>(client.peer_close()->code) == code);
    CHECK(client.peer_close()->reason == "as the test wants");
  }
  venue exchange;
  exchange_client client{exchange, trades};
  exchange.suffer("0s close 1006");
  REQUIRE(client.read_to_end());
  CHECK(client.error() == errc::websocket_bad_close);
}

TEST_CASE("faults: server-shutdown is announced in the form of the connection, and cut after its time") {
  venue exchange;
  exchange_client raw{exchange, trades};
  exchange_client combined{exchange, "/stream?streams=btcusdt@trade"};
  REQUIRE(raw.read_messages(1));
  REQUIRE(combined.read_messages(1));
  exchange.suffer("0s server-shutdown");
  const auto announced = [](exchange_client& client) {
    const auto it = std::find_if(client.messages().begin(), client.messages().end(),
                                 [](const std::string& text) { return contains(text, "serverShutdown"); });
    return it == client.messages().end() ? std::string{} : *it;
  };
  REQUIRE(raw.read_until([&] { return !announced(raw).empty(); }));
  CHECK(announced(raw).starts_with(R"({"e":"serverShutdown","E":1)"));
  REQUIRE(combined.read_until([&] { return !announced(combined).empty(); }));
  CHECK(announced(combined).starts_with(R"({"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1)"));
  raw.forget();
  REQUIRE(raw.read_messages(5));  // and the market goes on
  exchange.suffer("0s server-shutdown cut 50ms");
  REQUIRE(raw.read_to_end());
  CHECK(raw.error() == errc::tls_truncated);
  CHECK_FALSE(announced(raw).empty());
}

TEST_CASE("faults: expire closes those that are old enough") {
  venue exchange;
  exchange_client client{exchange, trades};
  exchange.suffer("0s expire 24h");
  REQUIRE(client.read_messages(3));
  std::this_thread::sleep_for(5ms);  // its age, and nothing that is waited for
  exchange.suffer("0s expire 5ms");
  REQUIRE(client.read_to_end());
  REQUIRE(client.peer_close());
  CHECK(client.peer_close()->code == close_code::going_away);
}

TEST_CASE("faults: accept-delay, refuse, handshake-stall: what new connections get") {
  venue exchange;
  exchange.suffer("0s accept-delay 100ms");
  const auto before = real::now();
  {
    exchange_client late{exchange, trades};
    CHECK_FALSE(late.error());
    CHECK(real::now() - before >= 100ms);
    exchange.suffer("0s clear\n0s refuse");
    REQUIRE(late.read_messages(1));  // who is in stays in
  }
  {
    exchange_client refused{exchange, trades};
    // where the reset was faster than the client's first bytes their sender hears of it, and the reader of an end
    CHECK((refused.error() == std::errc::connection_reset || refused.error() == errc::tls_truncated));
  }
  exchange.suffer("0s clear\n0s handshake-stall");
  {
    loop_fixture f;
    auto dialing = f.start(dial_tls(f.timers, foxtrot_test::trusting(exchange), "localhost", exchange.port(),
                                    foxtrot_test::dial_loopback(exchange)));
    CHECK(f.run_until([&] { return exchange.statistics().answers_withheld == 1; }));
    CHECK_FALSE(f.run_until([&] { return dialing.done(); }, 50ms));
    f.advance(1h);  // until the client's own limit
    REQUIRE(f.run_until([&] { return dialing.done(); }));
    CHECK(dialing.get().error() == errc::timeout);
  }
  exchange.clear_faults();
  exchange_client in{exchange, trades};
  CHECK(in.read_messages(1));
  CHECK(eventually([&] { return exchange.statistics().open_connections == 1; }));
}

TEST_CASE("faults: certificate shows another one, and the right one again") {
  venue exchange;
  const std::vector<std::pair<std::string, errc>> kinds{{"expired", errc::certificate_expired},
                                                        {"not-yet-valid", errc::certificate_not_yet_valid},
                                                        {"wrong-host", errc::certificate_host_mismatch},
                                                        {"common-name-only", errc::certificate_host_mismatch},
                                                        {"self-signed", errc::certificate_unknown_authority}};
  for (const auto& [name, expected] : kinds) {
    INFO(name);
    exchange.suffer("0s certificate " + name);
    exchange_client client{exchange, trades};
    CHECK(client.error() == expected);
  }
  exchange.suffer("0s certificate right");  // the last begun counts
  CHECK_FALSE(exchange_client{exchange, trades}.error());
}

TEST_CASE("faults: upgrade answers with a status and Retry-After, upgrade-stall not at all") {
  venue exchange;
  for (const int status : {403, 418, 429, 503}) {
    exchange.suffer("0s upgrade " + std::to_string(status) + " retry-after 7");
    exchange_client client{exchange, trades};
    CHECK(client.error());
    CHECK(client.refused_with() == status);
    CHECK(client.stream().failure().retry_after == std::optional{7s});
  }
  CHECK(get(exchange, "/api/v3/ping")->status == 200);
  exchange.suffer("0s clear\n0s upgrade-stall");
  {
    loop_fixture f;
    auto dialed = f.run(dial_tls(f.timers, foxtrot_test::trusting(exchange), "localhost", exchange.port(),
                                 foxtrot_test::dial_loopback(exchange)));
    REQUIRE(dialed);
    websocket_stream<tls_stream> stream{f.timers, std::move(*dialed)};
    upgrade_request wanted;
    wanted.host = "localhost";
    wanted.port = exchange.port();
    wanted.target = trades;
    auto upgrading = f.start(stream.upgrade(wanted));
    CHECK(f.run_until([&] { return exchange.statistics().answers_withheld == 1; }));
    CHECK_FALSE(f.run_until([&] { return upgrading.done(); }, 50ms));
    stream.close_now();
    REQUIRE(f.run_until([&] { return upgrading.done(); }));
  }
  CHECK(eventually([&] { return exchange.statistics().open_connections == 0; }));
}

TEST_CASE("faults: flap upgrades and hangs up, at once or later") {
  venue exchange;
  exchange.suffer("0s flap");
  for (int i = 0; i < 3; ++i) {
    exchange_client client{exchange, trades};
    CHECK_FALSE(client.error());
    REQUIRE(client.read_to_end());
    CHECK(client.error() == errc::tls_truncated);
    CHECK(client.messages().empty());
  }
  exchange.suffer("0s flap 500ms");
  exchange_client client{exchange, trades};
  REQUIRE(client.read_to_end());
  CHECK(client.error() == errc::tls_truncated);
  CHECK(client.messages().size() > 0);
  CHECK(exchange.statistics().websockets == 4);
}

TEST_CASE("faults: freeze is a silent peer, for those who are there and those who come; then all goes on") {
  venue exchange;
  exchange_client client{exchange, trades};
  REQUIRE(client.read_messages(10));
  exchange.suffer("0s freeze");
  REQUIRE(eventually([&] { return client.silent_for(50ms); }));
  REQUIRE_FALSE(client.error());
  CHECK(client.silent_for(200ms));
  loop_fixture f;
  auto dialing = f.start(dial_tls(f.timers, foxtrot_test::trusting(exchange), "localhost", exchange.port(),
                                  foxtrot_test::dial_loopback(exchange)));
  CHECK_FALSE(f.run_until([&] { return dialing.done(); }, 100ms));
  CHECK_FALSE(client.send(R"({"method":"LIST_SUBSCRIPTIONS","id":1})"));
  CHECK(client.silent_for(50ms));
  CHECK(exchange.statistics().control_messages == 0);
  exchange.clear_faults();
  REQUIRE(f.run_until([&] { return dialing.done(); }));
  CHECK(dialing.get().has_value());
  REQUIRE(client.read_until([&] { return exchange.statistics().control_messages == 1; }));
  REQUIRE(client.read_messages(client.messages().size() + 10));
  const auto seen = ids(client.messages(), "\"t\":");
  for (std::size_t i = 1; i < seen.size(); ++i) REQUIRE(seen[i] == seen[i - 1] + 1);
}

TEST_CASE("faults: a frozen exchange neither times out its clients nor drops them before it thaws") {
  exchange_settings settings = busy();
  settings.limits.ping_interval = 10ms;
  settings.limits.pong_timeout = 1s;
  settings.limits.max_unsent = 10'000;
  venue exchange{settings};
  exchange_client client{exchange, "/ws/btcusdt@bookTicker/btcusdt@trade/ethusdt@bookTicker"};
  REQUIRE(client.read_messages(1));
  exchange.suffer("0s freeze");
  CHECK(eventually([&] { return exchange.statistics().dropped_slow == 1; }));
  REQUIRE(eventually([&] { return client.silent_for(50ms); }));
  CHECK(client.silent_for(1500ms));
  CHECK(exchange.statistics().open_connections == 1);
  CHECK_FALSE(client.error());
  exchange.clear_faults();
  CHECK(client.read_to_end());
}

TEST_CASE("faults: drip, split and coalesce change when and how bytes come, and none of them") {
  venue exchange;
  exchange_client client{exchange, trades};
  REQUIRE(client.read_messages(1));
  const std::string line = GENERATE("0s drip 40 every 2ms", "0s split 1", "0s split 7", "0s coalesce 50ms",
                                    "0s split 3\n0s coalesce 20ms\n0s drip 1000 every 1ms");
  INFO(line);
  exchange.suffer(line);
  REQUIRE(client.read_messages(200));
  exchange_client fresh{exchange, trades};
  REQUIRE_FALSE(fresh.error());
  REQUIRE(fresh.read_messages(5));
  exchange.clear_faults();
  REQUIRE(client.read_messages(client.messages().size() + 200));
  const auto seen = ids(client.messages(), "\"t\":");
  REQUIRE(seen.size() == client.messages().size());
  for (std::size_t i = 1; i < seen.size(); ++i) REQUIRE(seen[i] == seen[i - 1] + 1);
}

TEST_CASE("faults: drip lets no more through than its rate", "[alone]") {
  venue exchange;
  exchange.suffer("0s drip 500 every 10ms");
  exchange_client client{exchange, trades};  // the handshake drips as well
  REQUIRE_FALSE(client.error());
  const auto before = real::now();
  REQUIRE(client.read_messages(100));
  std::size_t bytes = 0;
  for (const std::string& text : client.messages()) bytes += text.size();
  CHECK(real::now() - before >= std::chrono::milliseconds{bytes / 500 * 10 / 2});
}

TEST_CASE("faults: coalesce sends in few batches", "[alone]") {
  venue exchange;
  exchange_client client{exchange, "/ws/btcusdt@bookTicker"};
  REQUIRE(client.read_messages(1));
  exchange.suffer("0s coalesce 100ms");
  // what is on its way already
  REQUIRE(eventually([&] { return client.silent_for(30ms); }));
  const auto before = real::now();
  std::size_t pauses = 0;
  while (real::now() - before < 1s) pauses += client.silent_for(20ms);
  CHECK(client.messages().size() > 100);
  CHECK(pauses >= 5);  // without the fault: none, at thousands of messages a second
}

TEST_CASE("faults: delay keeps the order and every message, and lets now one line win, now the other") {
  exchange_settings settings = busy();
  settings.log_sent = 100'000;
  venue exchange{settings};
  exchange_client one{exchange, trades};
  exchange_client other{exchange, trades};
  exchange.suffer("0s delay 20ms");
  // reads both by turns and notes which has an id first
  std::map<std::uint64_t, int> first;
  std::size_t looked[2] = {0, 0};
  const auto note = [&](exchange_client& client, int which) {
    (void)client.silent_for(1ms);
    for (; looked[which] < client.messages().size(); ++looked[which])
      for (const std::uint64_t id : ids({client.messages()[looked[which]]}, "\"t\":")) first.try_emplace(id, which);
  };
  REQUIRE(eventually([&] {
    note(one, 0);
    note(other, 1);
    return first.size() > 1'500;
  }));
  const auto wins = std::count_if(first.begin(), first.end(), [](const auto& each) { return each.second == 0; });
  CHECK(wins > 100);
  CHECK(wins < 1'400);
  exchange.suffer("0s clear\n0s pause");  // what is held back leaves with the end of the fault
  for (exchange_client* each : {&one, &other}) {
    (void)each->ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})", "\"result\"");
    const auto seen = ids(each->messages(), "\"t\":");
    for (std::size_t i = 1; i < seen.size(); ++i) REQUIRE(seen[i] == seen[i - 1] + 1);
    CHECK(seen.back() == exchange.truth().find("BTCUSDT")->last_trade_id);
  }
}

TEST_CASE("faults: a delay holds up neither an end nor its announcement") {
  exchange_settings settings = busy();
  settings.limits.close_timeout = 1h;
  venue exchange{settings};
  exchange_client client{exchange, trades};
  REQUIRE(client.read_messages(1));
  exchange.suffer("0s delay 1h\n0s close 1012 bye");
  REQUIRE(client.read_to_end());
  CHECK(client.peer_close()->reason == "bye");
  exchange_client polite{exchange, trades};
  auto closing = [&] {
    (void)polite.send("hello");  // which closes
    return polite.read_to_end();
  };
  CHECK(closing());
  CHECK(polite.peer_close()->code == close_code::policy_violation);
}

TEST_CASE("faults: mute leaves a hole in the ids, pause none; pongs and answers go on") {
  const bool mute = GENERATE(true, false);
  venue exchange;
  exchange_client client{exchange, trades};
  REQUIRE(client.read_messages(5));
  exchange.suffer(mute ? "0s mute" : "0s pause");
  CHECK(contains(client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})"), "btcusdt@trade"));
  const std::uint64_t sent = exchange.statistics().sent_total();
  const std::uint64_t made = exchange.truth().find("BTCUSDT")->last_trade_id;
  if (mute) {
    CHECK(eventually([&] { return exchange.truth().find("BTCUSDT")->last_trade_id > made + 20; }));
  } else {
    std::this_thread::sleep_for(50ms);  // nothing is to happen
    CHECK(exchange.truth().find("BTCUSDT")->last_trade_id == made);
  }
  CHECK(exchange.statistics().sent_total() == sent);
  const std::uint64_t lacking = exchange.statistics().messages_dropped;
  CHECK((lacking >= 20) == mute);
  exchange.clear_faults();
  REQUIRE(client.read_messages(client.messages().size() + 10));
  const auto seen = ids(client.messages(), "\"t\":");
  std::uint64_t holes = 0;
  for (std::size_t i = 1; i < seen.size(); ++i) holes += seen[i] - seen[i - 1] - 1;
  CHECK(holes == exchange.statistics().messages_dropped);
}

TEST_CASE("faults: a pause by hand and one by fault end each on its own") {
  venue exchange;
  exchange_client client{exchange, trades};
  REQUIRE(client.read_messages(1));
  exchange.pause();
  exchange.suffer("0s pause\n0s clear");
  const std::uint64_t made = exchange.truth().find("BTCUSDT")->last_trade_id;
  CHECK(client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})") != "");
  CHECK(exchange.truth().find("BTCUSDT")->last_trade_id == made);
  exchange.resume();
  CHECK(eventually([&] { return exchange.truth().find("BTCUSDT")->last_trade_id > made; }));
}

TEST_CASE("faults: silence is one stream's only, and several may be silent") {
  venue exchange;
  exchange_client client{exchange, "/stream?streams=btcusdt@trade/btcusdt@bookTicker/ethusdt@bookTicker"};
  REQUIRE(client.read_messages(1));
  exchange.suffer("0s silence btcusdt@bookTicker\n0s silence btcusdt@trade");
  (void)client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})", "\"result\"");
  client.forget();
  REQUIRE(client.read_messages(100));
  for (const std::string& text : client.messages()) REQUIRE(contains(text, "ethusdt@bookTicker"));
  CHECK(exchange.statistics().messages_dropped > 0);
}

TEST_CASE("faults: drop loses exactly one in N of a stream, two connections not the same ones") {
  venue exchange;
  exchange.suffer("0s drop 1/10");
  exchange.pause();
  exchange_client one{exchange, trades};
  exchange_client other{exchange, trades};
  exchange.resume();
  REQUIRE(one.read_messages(900));
  REQUIRE(other.read_messages(900));
  const auto holes = [](const exchange_client& client) {
    std::vector<std::uint64_t> lost;
    const auto seen = ids(client.messages(), "\"t\":");
    for (std::size_t i = 1; i < seen.size(); ++i)
      for (std::uint64_t id = seen[i - 1] + 1; id < seen[i]; ++id) lost.push_back(id);
    return lost;
  };
  const auto first = holes(one);
  CHECK(first.size() >= one.messages().size() / 9 - 1);
  CHECK(first.size() <= one.messages().size() / 9 + 1);
  for (std::size_t i = 1; i < first.size(); ++i) CHECK(first[i] - first[i - 1] < 20);
  CHECK(first != holes(other));
  CHECK(exchange.statistics().messages_dropped >= first.size());
}

TEST_CASE("faults: the same seed spoils the same messages") {
  std::vector<std::uint64_t> lost[2];
  for (auto& offsets : lost) {
    venue exchange;
    exchange.suffer("0s drop 1/7");
    exchange.pause();
    exchange_client client{exchange, trades};
    // one message of the stream before the rest would shift everything: none comes while it is paused
    exchange.resume();
    REQUIRE(client.read_messages(200));
    const auto seen = ids(client.messages(), "\"t\":");
    // the first may be lost as well: count from the first hole
    for (std::size_t i = 1; i < seen.size(); ++i)
      if (seen[i] != seen[i - 1] + 1) offsets.push_back(i);
    offsets.resize(20);
  }
  CHECK(lost[0] == lost[1]);
}

TEST_CASE("faults: duplicate and reorder keep every message, twice or late") {
  venue exchange;
  exchange_client client{exchange, trades};
  REQUIRE(client.read_messages(1));
  client.forget();
  const bool twice = GENERATE(true, false);
  exchange.suffer(twice ? "0s duplicate 1/5" : "0s reorder 1/5");
  REQUIRE(client.read_messages(300));
  exchange.clear_faults();
  REQUIRE(client.read_messages(client.messages().size() + 300));
  const auto seen = ids(client.messages(), "\"t\":");
  std::uint64_t doubled = 0, late = 0;
  for (std::size_t i = 1; i < seen.size(); ++i) {
    doubled += seen[i] == seen[i - 1];
    late += seen[i] + 1 == seen[i - 1];
  }
  std::map<std::uint64_t, int> times;
  for (const std::uint64_t id : seen) ++times[id];
  CHECK(times.rbegin()->first - times.begin()->first + 1 == times.size());  // none is missing
  const exchange_statistics done = exchange.statistics();
  CHECK(doubled == (twice ? done.messages_duplicated : 0));
  CHECK(late <= (twice ? 0 : done.messages_reordered));
  CHECK((twice ? doubled : late) >= 45);
}

TEST_CASE("faults: bad-frame violates RFC 6455 in a different way each time") {
  venue exchange;
  const std::vector<errc> expected{errc::websocket_reserved_bits, errc::websocket_bad_opcode,
                                   errc::websocket_masked_frame, errc::websocket_bad_length};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    exchange_client client{exchange, trades};
    REQUIRE(client.read_messages(3));
    const std::uint64_t spoiled = exchange.statistics().messages_spoiled;
    exchange.suffer("0s bad-frame 1/1");
    REQUIRE(client.read_to_end());
    CHECK(client.error() == expected[spoiled % 4]);
    CHECK(exchange.statistics().messages_spoiled > spoiled);
    exchange.suffer("0s clear");
  }
}

TEST_CASE("faults: bad-json is text that is no message, in a frame that is right") {
  venue exchange;
  exchange_client client{exchange, "/ws/btcusdt@bookTicker"};
  REQUIRE(client.read_messages(1));
  client.forget();
  exchange.suffer("0s bad-json 1/2");
  REQUIRE(client.read_messages(100));
  exchange.suffer("0s clear\n0s mute");
  (void)client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})");
  simdjson::dom::parser parser;
  std::size_t broken = 0, odd = 0;
  for (const std::string& text : client.messages()) {
    simdjson::dom::element message;
    std::string_view symbol;
    std::int64_t number = 0;
    if (parser.parse(text).get(message) != simdjson::SUCCESS || !message.is_object()) {
      ++broken;
    } else if (message["s"].get(number) == simdjson::SUCCESS) {
      ++odd;
    } else if (message["id"].error() != simdjson::SUCCESS) {
      CHECK(message["s"].get(symbol) == simdjson::SUCCESS);
    }
  }
  CHECK(broken + odd == exchange.statistics().messages_spoiled);
  CHECK(broken + odd >= 49);
  CHECK(broken >= 2 * odd - 2);
  CHECK(odd >= 15);
  CHECK_FALSE(client.error());
}

TEST_CASE("faults: acks get lost, are refused, or come late") {
  venue exchange;
  exchange_client client{exchange, "/ws"};
  exchange.suffer("0s ack-loss 1/2");
  for (int id = 1; id <= 6; ++id)
    CHECK_FALSE(client.send(R"({"method":"SUBSCRIBE","params":["s)" + std::to_string(id) + R"(@t"],"id":)" +
                            std::to_string(id) + "}"));
  REQUIRE(client.read_until([&] { return exchange.statistics().control_messages == 6; }));
  REQUIRE(client.read_until([&] { return client.messages().size() >= 3; }));
  CHECK(eventually([&] { return exchange.statistics().answers_withheld == 3; }));
  exchange.suffer("0s clear\n0s ack-error");
  client.forget();
  CHECK(client.ask(R"({"method":"SUBSCRIBE","params":["never@t"],"id":"abc"})") ==
        R"({"error":{"code":2,"msg":"Invalid request: out of order"},"id":"abc"})");
  exchange.suffer("0s clear\n0s ack-delay 100ms");
  const auto before = real::now();
  const std::string listed = client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":9})");
  CHECK(real::now() - before >= 100ms);
  CHECK(contains(listed, "s1@t"));  // what was not acknowledged was done all the same
  CHECK(contains(listed, "s6@t"));
  CHECK_FALSE(contains(listed, "never@t"));
  // data does not wait for a late ack
  CHECK_FALSE(client.send(R"({"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":10})"));
  client.forget();
  REQUIRE(client.read_messages(1));
  CHECK(contains(client.messages()[0], "BTCUSDT"));
  CHECK(client.read_until([&] {
    return std::any_of(client.messages().begin(), client.messages().end(),
                       [](const std::string& text) { return contains(text, "\"id\":10"); });
  }));
}

TEST_CASE("faults: a storm of pings, whose pongs are not held against the client") {
  exchange_settings settings = busy();
  settings.limits.messages_per_second = 5;
  venue exchange{settings};
  exchange_client client{exchange, trades};
  exchange.suffer("0s ping-storm 1000 size 100");
  REQUIRE(client.read_until([&] { return client.pings().size() >= 200; }));
  CHECK(client.pings()[7].size() == 100);
  exchange_client fresh{exchange, trades};  // who comes later gets it, too
  REQUIRE(fresh.read_until([&] { return fresh.pings().size() >= 10; }));
  exchange.clear_faults();
  client.forget();
  REQUIRE(client.read_messages(100));
  CHECK_FALSE(client.error());
  CHECK(exchange.statistics().dropped_noisy == 0);
  CHECK(exchange.statistics().pings_sent >= 210);
}

TEST_CASE("faults: REST answers with a status and Retry-After") {
  venue exchange;
  for (const int status : {418, 429, 500, 503, 599}) {
    exchange.suffer("0s rest " + std::to_string(status) + " retry-after 3");
    const auto response = get(exchange, "/api/v3/depth?symbol=BTCUSDT");
    REQUIRE(response);
    CHECK(response->status == status);
    CHECK(response->retry_after() == std::optional{3s});
    if (status == 429) CHECK(contains(response->body, "-1003"));
  }
  exchange_client client{exchange, trades};
  CHECK(client.read_messages(1));  // REST only
  exchange.suffer("0s clear\n0s rest 503");
  CHECK_FALSE(get(exchange, "/api/v3/ping")->retry_after());
}

TEST_CASE("faults: REST answers never, late, slowly, or lies about its length") {
  venue exchange;
  const std::string ping = "/api/v3/ping";
  const std::string depth = "/api/v3/depth?symbol=BTCUSDT&limit=100";
  exchange.suffer("0s rest-stall");
  const auto withheld = [&] { return exchange.statistics().answers_withheld == 1; };
  CHECK(get(exchange, ping, withheld).error() == errc::timeout);
  CHECK(withheld());
  CHECK(eventually([&] { return exchange.statistics().open_connections == 0; }));
  exchange.suffer("0s clear\n0s rest-delay 100ms");
  auto before = real::now();
  CHECK(get(exchange, ping)->body == "{}");
  CHECK(real::now() - before >= 100ms);
  exchange.suffer("0s clear\n0s rest-slow 200 every 5ms");
  before = real::now();
  const std::string slow = get(exchange, depth)->body;
  CHECK(slow.ends_with('}'));
  CHECK(real::now() - before >= std::chrono::milliseconds{slow.size() / 200 * 5});
  exchange.suffer("0s clear\n0s rest-cut");
  CHECK(get(exchange, depth).error() == errc::http_truncated);
  exchange.suffer("0s clear\n0s rest-length 1000000");
  const std::uint64_t asked = exchange.statistics().rest_requests;
  const auto sent = [&] { return exchange.statistics().rest_requests > asked; };
  CHECK(get(exchange, depth, sent).error() == errc::timeout);
  exchange.suffer("0s clear\n0s rest-length 1");
  CHECK(get(exchange, ping)->body == "{");
  exchange.clear_faults();
  CHECK(get(exchange, ping)->body == "{}");
}

TEST_CASE("faults: rest-json answers with bodies that are none") {
  venue exchange;
  exchange.suffer("0s rest-json");
  simdjson::dom::parser parser;
  std::size_t broken = 0, odd = 0;
  for (int i = 0; i < 6; ++i) {
    const auto response = get(exchange, "/api/v3/depth?symbol=BTCUSDT");
    REQUIRE(response);
    CHECK(response->status == 200);
    simdjson::dom::element body;
    simdjson::dom::array bids;
    if (parser.parse(response->body).get(body) != simdjson::SUCCESS) {
      ++broken;
    } else {
      odd += body["bids"].get(bids) != simdjson::SUCCESS;
    }
  }
  CHECK(broken == 4);
  CHECK(odd == 2);
  CHECK(exchange.statistics().messages_spoiled == 6);
}

TEST_CASE("faults: an exchange stops within its patience under every condition, clients connected or connecting") {
  const std::size_t kind = GENERATE(range(std::size_t{0}, fault_kinds));
  if (!is_condition(static_cast<fault_kind>(kind))) return;
  INFO(to_string(static_cast<fault_kind>(kind)));
  venue exchange;
  exchange_client client{exchange, "/ws/btcusdt@trade/btcusdt@bookTicker"};
  REQUIRE(client.read_messages(1));
  fault what;
  what.kind = static_cast<fault_kind>(kind);
  what.code = 503;
  what.per_second = 1'000;
  what.bytes = 10;
  what.wait = 10ms;
  what.one_in = 2;
  what.text = "btcusdt@trade";
  what.certificate = certificate_kind::expired;
  exchange.inject(what);
  CHECK(eventually([&] { return exchange.statistics().faults_begun == 1; }));
  (void)client.send(R"({"method":"LIST_SUBSCRIPTIONS","id":1})");
  loop_fixture f;
  auto dialing = f.start(dial_tls(f.timers, foxtrot_test::trusting(exchange), "localhost", exchange.port(),
                                  foxtrot_test::dial_loopback(exchange)));
  http_client_settings settings;
  settings.dial = foxtrot_test::dial_loopback(exchange);
  http_client rest{f.timers, foxtrot_test::trusting(exchange), settings};
  url where;
  where.host = "localhost";
  where.port = exchange.port();
  where.target = "/api/v3/depth?symbol=BTCUSDT";
  auto asking = f.start(rest.get(where, 1h));
  (void)f.run_until([&] { return dialing.done() && asking.done(); }, 30ms);
  const auto before = real::now();
  CHECK_FALSE(exchange.stop());
  CHECK(real::now() - before < bound(2s));
  CHECK(exchange.statistics().open_connections == 0);
  f.advance(2h);
  CHECK(f.run_until([&] { return dialing.done() && asking.done(); }));
}

TEST_CASE("faults: the most WebSockets at once, by path, without those whose client has hung up") {
  venue exchange{busy(sim_market::usdm)};
  {
    // a client knows that it is in before the exchange has counted it
    const auto most = [&](std::uint64_t at_once, std::uint64_t per_path) {
      return eventually([&] {
        const exchange_statistics seen = exchange.statistics();
        return seen.most_websockets_at_once == at_once && seen.most_websockets_per_path == per_path;
      });
    };
    exchange_client quotes{exchange, "/public/stream?streams=btcusdt@bookTicker"};
    exchange_client market{exchange, "/market/stream?streams=btcusdt@aggTrade"};
    CHECK(most(2, 1));
    exchange_client second{exchange, "/public/stream?streams=ethusdt@bookTicker"};
    CHECK(most(3, 2));
  }
  venue other;
  for (int i = 0; i < 3; ++i) {  // each hangs up before the next comes, which the exchange has no chance to read
    exchange_client client{other, trades};
    REQUIRE(client.read_messages(1));
    client.stream().close_now();
  }
  CHECK(other.statistics().most_websockets_at_once == 1);
}

TEST_CASE("faults: the truth is what a client has seen that missed nothing") {
  venue exchange;
  exchange_client client{exchange, "/ws/btcusdt@trade/btcusdt@aggTrade/btcusdt@bookTicker/btcusdt@depth@100ms"};
  REQUIRE(
      client.read_until([&] { return !ids(client.messages(), "\"u\":").empty() && client.messages().size() > 200; }));
  exchange.pause();
  (void)client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})", "\"result\"");
  (void)client.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":2})", "\"result\"");
  const exchange_truth truth = exchange.truth();
  REQUIRE(truth.symbols.size() == 4);
  const symbol_truth* symbol = truth.find("BTCUSDT");
  REQUIRE(symbol != nullptr);
  std::vector<std::string> quotes, diffs, aggregates;
  for (const std::string& text : client.messages()) {
    if (contains(text, "\"e\":\"depthUpdate\"")) diffs.push_back(text);
    if (contains(text, "\"e\":\"aggTrade\"")) aggregates.push_back(text);
    if (text.starts_with("{\"u\":")) quotes.push_back(text);
  }
  CHECK(ids(client.messages(), "\"t\":").back() == symbol->last_trade_id);
  CHECK(ids(aggregates, "\"a\":").back() == symbol->last_aggregate_trade_id);
  CHECK(ids(quotes, "{\"u\":").back() == symbol->last_quote_id);
  if (!diffs.empty()) CHECK(ids(diffs, "\"u\":").back() == symbol->last_depth_id);
  CHECK(symbol->last_book_update_id >= symbol->last_quote_id);
  CHECK(symbol->last_book_update_id >= symbol->last_depth_id);
  CHECK(truth.find("NOPE") == nullptr);
}

}  // namespace
