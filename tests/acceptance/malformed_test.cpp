// tests/acceptance/malformed_test.cpp: a venue that sends nonsense between its messages: each is dropped and counted by
// what is wrong with it, the next tick is right, and the log is not flooded.
#include <foxtrot/exchange/binance/protocol.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/feed/websocket_manager.hpp>
#include <foxtrot/net/websocket/handshake_key.hpp>
#include <support/memory_stream.hpp>
#include <support/websocket_frames.hpp>

#include <asio/detached.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::memory_end;
using foxtrot_test::memory_stream;

struct wire {
  std::unique_ptr<memory_stream> peer;
  std::shared_ptr<memory_end> ours;
};

struct memory_dialer {
  using stream_type = memory_stream;
  wire* to;

  [[nodiscard]] task<result<memory_stream>> connect(timer_queue& timers) const { return dial(*to, timers); }
  static task<result<memory_stream>> dial(wire& to, timer_queue& timers) {
    auto pair = memory_stream::make_pair(timers.context());
    to.peer = std::make_unique<memory_stream>(std::move(pair.second));
    to.ours = pair.first.end();
    co_return std::move(pair.first);
  }
};

/// A session with the venue's own protocol, on a clock that stands still until told.
struct scene {
  scene() {
    manager.subscribe({});
    manager.start();
    poll();
    const std::string& request = peer.peer->end()->received;
    const std::string name = "Sec-WebSocket-Key: ";
    const std::size_t at = request.find(name);
    REQUIRE(at != std::string::npos);
    peer.ours->deliver(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
        websocket_accept(request.substr(at + name.size(), 24)) + "\r\n\r\n");
    poll();
  }
  ~scene() {
    manager.cancel();
    poll();
    poll();
  }

  void poll() {
    bridge.context().restart();
    bridge.context().poll();
  }
  void send(const std::string& text) {
    peer.ours->deliver(foxtrot_test::raw_frame(0x81, text));
    poll();
  }
  /// Trades that have come since the last look, by id, and whether any of them had a price that nobody sent.
  std::vector<std::uint64_t> trades() {
    std::vector<std::uint64_t> ids;
    queue.poll(10'000, [&](const event& told) {
      told.visit([](const status&) {},
                 [&](const trade& t) {
                   ids.push_back(t.trade_id());
                   invented += t.price() != *decimal::parse("64990.90") || t.symbol() != "BTCUSDT" ? 1 : 0;
                 },
                 [&](const auto&) { ++invented; });
    });
    return ids;
  }

  static session_settings with_url() {
    session_settings settings;
    settings.upgrade.host = "localhost";
    settings.upgrade.target = "/stream";
    return settings;
  }

  manual_time time;
  int remarks{0};
  int invented{0};
  diagnostics log{[this](const diagnostic& said) { remarks += said.message == "message not understood" ? 1 : 0; }};
  symbol_table symbols;
  publisher out{symbols};
  subscription queue{out.subscribe({.capacity = 4096}).value()};
  wire peer;
  binance::protocol protocol{binance::market::spot};
  async_thread_bridge bridge{{}, diagnostics{}, time};
  websocket_manager<binance::protocol, memory_dialer> manager{bridge,     out, protocol, memory_dialer{&peer},
                                                              with_url(), log};
};

std::string trade_with(std::string_view price, std::uint64_t id = 1) {
  return R"({"e":"trade","E":1786171884624,"s":"BTCUSDT","t":)" + std::to_string(id) + R"(,"p":)" + std::string{price} +
         R"(,"q":"0.002","T":1786171884471,"m":true,"M":true})";
}

struct nonsense {
  std::string text;
  rejection why;
};

std::vector<nonsense> all_nonsense() {
  const std::string good = trade_with("\"64990.90\"");
  std::vector<nonsense> made{
      {"", rejection::malformed},
      {"\xEF\xBB\xBF" + good, rejection::malformed},
      {good + good, rejection::malformed},
      {trade_with("NaN"), rejection::malformed},
      {trade_with("\"NaN\""), rejection::malformed},
      {trade_with("1e400"), rejection::wrong_type},
      {trade_with("\"1e400\""), rejection::malformed},
      {trade_with("\"\""), rejection::malformed},
      {trade_with("\"-1\""), rejection::out_of_range},
      {trade_with("\"" + std::string(40, '9') + "\""), rejection::out_of_range},
      {trade_with("64990.90"), rejection::wrong_type},
      {trade_with("null"), rejection::wrong_type},
      {trade_with("{}"), rejection::missing_field},
      {trade_with("\"1\",\"p\":\"2\""), rejection::malformed},
      {trade_with("\"\xff\xfe\""), rejection::malformed},
      {trade_with(std::string(2'000, '[') + std::string(2'000, ']')), rejection::malformed},
      {std::string(2'000, '{'), rejection::malformed},
      {R"({"e":"trade","E":1786171884624,"s":"BTCUSDT","t":1,"q":"0.002","T":1786171884471,"m":true})",
       rejection::missing_field},
      {R"({"e":"kline","E":1786171884624,"s":"BTCUSDT"})", rejection::missing_field},
      {R"([{"e":"24hrMiniTicker","E":1786171884624,"s":"BTCUSDT"}])", rejection::missing_field},
      {"17", rejection::wrong_type},
  };
  for (std::size_t cut = 1; cut < good.size(); ++cut) made.push_back({good.substr(0, cut), rejection::malformed});
  return made;
}

TEST_CASE("malformed: what is no message is dropped and counted by its fault, and the next tick is right") {
  scene s;
  std::vector<std::uint64_t> by_class(rejection_count);
  std::uint64_t id = 1'000;
  std::uint64_t dropped = 0;
  for (const nonsense& each : all_nonsense()) {
    INFO(each.text.substr(0, 200));
    s.send(each.text);
    ++by_class[static_cast<std::size_t>(each.why)];
    ++dropped;
    const feed_counters& counted = s.out.counters();
    CHECK(counted.rejected.get() == dropped);
    CHECK(counted.rejections[static_cast<std::size_t>(each.why)].get() == by_class[static_cast<std::size_t>(each.why)]);
    CHECK(s.trades().empty());
    s.send(trade_with("\"64990.90\"", ++id));
    CHECK(s.trades() == std::vector{id});
  }
  CHECK(dropped > 100);
  CHECK(s.invented == 0);
  CHECK(s.manager.state() == session_state::connected);
}

TEST_CASE("malformed: a flood of it is remarked on once a second") {
  scene s;
  for (int second = 1; second <= 3; ++second) {
    for (int i = 0; i < 1'000; ++i) s.send("nonsense");
    CHECK(s.remarks == second);
    CHECK(s.out.counters().rejected.get() == static_cast<std::uint64_t>(second) * 1'000);
    s.time.advance_to(s.time.now() + 1s);
    s.bridge.timers().run_due();
    s.poll();
  }
}

}  // namespace
