// tests/feed/websocket_manager_test.cpp: a session over streams in memory, on a clock that stands still until told.
#include <foxtrot/feed/websocket_manager.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/net/circuit_breaker.hpp>
#include <foxtrot/net/connection_budget.hpp>
#include <foxtrot/net/websocket/handshake_key.hpp>
#include <foxtrot/net/websocket/mask.hpp>
#include <support/fake_clocks.hpp>
#include <support/memory_stream.hpp>
#include <support/websocket_frames.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::memory_end;
using foxtrot_test::fake_clocks;
using foxtrot_test::memory_stream;
using strings = std::vector<std::string>;

/// A venue of few words: "T5" is trade 5, "ok 3" and "no 3" are answers, requests are "sub 3 a,b" and "unsub 4 a".
class words {
 public:
  message_type decode(std::string_view text, std::int64_t received_ns, publisher::batch& out) {
    answer_ = {};
    if (text.starts_with("T")) {
      auto& record = out.begin().payload->emplace<trade_record>();
      record = {};
      record.trade_id = std::stoull(std::string{text.substr(1)});
      record.received_ns = received_ns;
      record.symbol = out.symbols().intern("X").value();
      out.publish({.kind = tick_kind::trade}, record.symbol);
      return message_type::tick;
    }
    if (text.starts_with("ok ") || text.starts_with("no ")) {
      answer_.id = std::stoll(std::string{text.substr(3)});
      if (text.starts_with("no ")) answer_.error = "no";
      return message_type::answer;
    }
    if (text == "bye") return message_type::shutdown;
    return text == "?" ? message_type::unknown : message_type::rejected;
  }
  [[nodiscard]] const control_answer& last_answer() const { return answer_; }
  [[nodiscard]] errc last_error() const { return errc::malformed_message; }
  [[nodiscard]] std::string_view last_event() const { return {}; }
  [[nodiscard]] std::string subscribe_request(std::span<const std::string> streams, std::int64_t id) const {
    return request("sub ", streams, id);
  }
  [[nodiscard]] std::string unsubscribe_request(std::span<const std::string> streams, std::int64_t id) const {
    return request("unsub ", streams, id);
  }
  /// "X@t" brings trades of X; of all others nothing is known.
  [[nodiscard]] std::optional<stream_key> key_of(std::string_view stream) const {
    if (stream != "X@t") return std::nullopt;
    return stream_key{tick_kind::trade, "X"};
  }
  [[nodiscard]] session_limits limits() const { return {.streams_per_request = 100}; }
  [[nodiscard]] venue where() const { return venue::none; }

 private:
  static std::string request(std::string text, std::span<const std::string> streams, std::int64_t id) {
    text += std::to_string(id) + " ";
    for (const std::string& stream : streams) text += (&stream == &streams.front() ? "" : ",") + stream;
    return text;
  }
  control_answer answer_;
};

/// What the next attempts to connect meet, and the far ends of those that succeeded.
struct network {
  std::vector<std::error_code> refusals;  // taken from the front; then connections are made
  bool hang{false};                       // a dial never ends
  int fail_at{-1};                        // of the next connection's steps
  int dials{0};
  int hanging{0};
  std::vector<std::unique_ptr<memory_stream>> peers;
  std::vector<std::shared_ptr<memory_end>> ours;
};

struct memory_dialer {
  using stream_type = memory_stream;
  network* net;

  [[nodiscard]] task<result<memory_stream>> connect(timer_queue& timers) const { return dial(*net, timers); }

  static task<result<memory_stream>> dial(network& net, timer_queue& timers) {
    ++net.dials;
    if (!net.refusals.empty()) {
      const std::error_code refused = net.refusals.front();
      net.refusals.erase(net.refusals.begin());
      co_return refused;
    }
    if (net.hang) {
      ++net.hanging;
      const std::error_code error = co_await timers.sleep_for(1000h);
      --net.hanging;
      co_return error;
    }
    auto pair = memory_stream::make_pair(timers.context());
    net.peers.push_back(std::make_unique<memory_stream>(std::move(pair.second)));
    net.ours.push_back(pair.first.end());
    pair.first.end()->fail_at = std::exchange(net.fail_at, -1);
    co_return std::move(pair.first);
  }
};

/// A session, its loop driven by the test, its peer played by the test.
struct scene {
  explicit scene(session_settings wanted = {}) : scene{std::move(wanted), idle::block} {}
  scene(session_settings wanted, idle how, bool measures = true)
      : bridge{settings_of(how), diagnostics{}, time},
        out{symbols, {}, measures},
        manager{bridge, out, venue, memory_dialer{&net}, with_url(wanted), log} {
    manager.on_connected = [this] { ++connected_calls; };
  }
  ~scene() {
    if (!stopped) stop();
    net.peers.clear();
    poll();
  }

  void poll() {
    bridge.context().restart();
    bridge.context().poll();
  }
  void advance(steady_time::duration step) {
    const steady_time target = time.now() + step;
    poll();
    for (auto next = bridge.timers().next(); next && *next <= target; next = bridge.timers().next()) {
      time.advance_to(std::max(time.now(), *next));
      bridge.timers().run_due();
      poll();
    }
    time.advance_to(target);
    poll();
  }

  void start(strings streams = {}) {
    manager.subscribe(streams);
    manager.start();
    poll();
  }
  /// The peer accepts the upgrade of the latest connection.
  void accept() {
    memory_end& end = *net.peers.back()->end();
    const std::string name = "Sec-WebSocket-Key: ";
    const std::size_t at = end.received.find(name);
    if (at == std::string::npos) return;  // broken on the way
    const std::string key = end.received.substr(at + name.size(), 24);
    end.received.clear();
    send_raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
             websocket_accept(key) + "\r\n\r\n");
  }
  void connect(strings streams = {}) {
    start(std::move(streams));
    accept();
  }
  void send_raw(const std::string& bytes) {
    net.ours.back()->deliver(bytes);
    poll();
  }
  void send(std::string_view text) { send_raw(foxtrot_test::raw_frame(0x81, text)); }
  /// The connection is cut.
  void cut(std::error_code error = std::make_error_code(std::errc::connection_reset)) {
    net.ours.back()->finish(error);
    poll();
  }
  /// Text frames that the peer has received since the last look; "pong x" and "close" for the others.
  strings received() {
    strings frames;
    std::string& bytes = net.peers.back()->end()->received;
    frame_header header;
    while (decode_frame_header(bytes, websocket_role::server, header) == errc{}) {
      std::string payload = bytes.substr(header.size, header.length);
      apply_mask(payload, header.key);
      if (header.op == opcode::pong) payload = "pong " + payload;
      if (header.op == opcode::ping) payload = "ping " + payload;
      if (header.op == opcode::close) payload = "close";
      frames.push_back(payload);
      bytes.erase(0, header.size + header.length);
    }
    return frames;
  }
  /// What consumers were told since the last look: states, and trades as "T5".
  strings told() {
    strings all;
    queue.poll(10'000, [&](const event& e) {
      e.visit(
          [&](const status& s) {
            std::string text = s.name();
            if (s.code() == status_code::reconnecting) text += " " + std::to_string(s.attempt());
            all.push_back(text);
            if (s.code() == status_code::disconnected) reason = s.error();
          },
          [&](const trade& t) { all.push_back("T" + std::to_string(t.trade_id())); });
    });
    return all;
  }
  std::error_code stop() {
    stopped = true;
    std::optional<std::error_code> outcome;
    auto work = [](scene& self, std::optional<std::error_code>& done) -> task<> {
      done = co_await self.manager.stop(500ms);
    };
    asio::co_spawn(bridge.context(), work(*this, outcome), asio::detached);
    poll();
    for (int step = 0; step < 100 && !outcome; ++step) advance(10ms);
    return outcome.value_or(make_error_code(errc::timeout));
  }

  static bridge_settings settings_of(idle how) {
    bridge_settings made;
    made.waiting = how;
    return made;
  }
  static session_settings with_url(session_settings wanted) {
    wanted.upgrade.host = "venue.test";
    wanted.upgrade.target = "/stream";
    // this peer answers pings only where a test does
    if (wanted.ping_interval == session_settings{}.ping_interval) wanted.ping_interval = 0ms;
    return wanted;
  }

  manual_time time;
  diagnostics log{[this](const diagnostic& d) { remarks.emplace_back(d.message); }};
  strings remarks;
  async_thread_bridge bridge;
  symbol_table symbols;
  publisher out;
  subscription queue{out.subscribe({}).value()};
  words venue;
  network net;
  websocket_manager<words, memory_dialer> manager;
  int connected_calls{0};
  std::error_code reason;  // of the last disconnect
  bool stopped{false};
};

TEST_CASE("websocket_manager: connects, subscribes, publishes, stops") {
  scene s;
  CHECK(s.manager.state() == session_state::disconnected);
  s.start({"b", "a"});
  CHECK(s.manager.state() == session_state::connecting);
  s.accept();
  CHECK(s.manager.state() == session_state::connected);
  CHECK(s.connected_calls == 1);
  CHECK(s.received() == strings{"sub 1 a,b"});
  CHECK(s.manager.subscriptions().confirmed() == 0);
  s.send("ok 1");
  CHECK(s.manager.subscriptions().confirmed() == 2);
  s.send("T1");
  s.send_raw(foxtrot_test::raw_frame(0x81, "T2") + foxtrot_test::raw_frame(0x81, "T3"));
  CHECK(s.told() == strings{"connected", "T1", "T2", "T3"});
  s.send("?");
  s.send("garbage");
  s.send_raw(foxtrot_test::raw_frame(0x82, "T9"));  // binary: not ours
  s.send("bye");
  CHECK(s.told() == strings{"shutdown_announced"});
  const feed_counters& counted = s.out.counters();
  CHECK(counted.messages.get() == 8);
  CHECK(counted.answers.get() == 1);
  CHECK(counted.shutdowns.get() == 1);
  CHECK(counted.unknown.get() == 2);
  CHECK(counted.rejected.get() == 1);
  CHECK(counted.connects.get() == 1);
  s.send_raw(foxtrot_test::raw_frame(0x89, "beat"));
  CHECK(s.received() == strings{"pong beat"});
  CHECK_FALSE(s.stop());
  CHECK(s.manager.state() == session_state::disconnected);
  CHECK(s.told() == strings{"disconnected"});
  CHECK(s.reason == errc::cancelled);
  CHECK(counted.failed_attempts.get() == 0);
}

TEST_CASE("websocket_manager: each read's ticks have the times of their way") {
  const fake_clocks clocks;
  scene s;
  s.out.use_clocks(fake_clocks::as_stamp_clocks());
  auto timed = s.out.subscribe({}).value();
  s.connect();
  CHECK(s.net.ours.back()->stamped);
  fake_clocks::step = 700;  // from the receive time to the next look
  s.net.ours.back()->kernel_stamp = fake_clocks::wall() - 20'000;
  s.send_raw(foxtrot_test::raw_frame(0x81, "T1") + foxtrot_test::raw_frame(0x81, "T2"));
  fake_clocks::step = 0;
  fake_clocks::epoch += 1'000'000;
  s.send("T3");  // the kernel did not say
  fake_clocks::epoch += 9'000;
  CHECK(timed.poll(100, [](const event&) {}) == 4);

  const latency_report report = s.out.latency();
  const latency_figures published = report.figures(latency_stage::read_to_published, tick_kind::trade);
  CHECK(published.count == 3);
  CHECK(published.max == 700ns);
  const latency_figures kernel = report.figures(latency_stage::kernel_to_read, tick_kind::trade);
  CHECK(kernel.count == 2);
  // the lead of the wall clock seems larger by the one step that lies between the looks at both
  CHECK(report.times(latency_stage::kernel_to_read).min() == 20'700);
  CHECK(timed.latency().times(latency_stage::read_to_strategy).min() >= 9'000);
}

TEST_CASE("websocket_manager: a feed that does not measure asks no kernel") {
  scene s{session_settings{}, idle::block, false};
  s.connect();
  s.send("T1");
  CHECK_FALSE(s.net.ours.back()->stamped);
  CHECK(s.out.latency().empty());
  CHECK(s.told() == strings{"connected", "T1"});
  CHECK(s.queue.latency().empty());
}

TEST_CASE("websocket_manager: a close is answered before the end, and nobody can hold it up") {
  scene s;
  s.connect();
  SECTION("the peer answers") {
    s.stopped = true;
    std::optional<std::error_code> outcome;
    auto work = [](scene& self, std::optional<std::error_code>& done) -> task<> {
      done = co_await self.manager.stop(500ms);
    };
    asio::co_spawn(s.bridge.context(), work(s, outcome), asio::detached);
    s.poll();
    CHECK(s.received() == strings{"close"});
    CHECK(s.manager.state() == session_state::closing);
    CHECK_FALSE(outcome);
    s.send_raw(foxtrot_test::raw_frame(0x88, ""));
    REQUIRE(outcome);
    CHECK_FALSE(*outcome);
  }
  SECTION("the peer does not") {
    const steady_time before = s.time.now();
    CHECK_FALSE(s.stop());
    CHECK(s.time.now() - before <= 60ms);
    CHECK(s.received() == strings{"close"});
  }
  SECTION("the peer does not even read") {
    s.net.peers.back()->end()->capacity = 0;
    const steady_time before = s.time.now();
    CHECK_FALSE(s.stop());
    CHECK(s.time.now() - before <= 60ms);
  }
  CHECK(s.told() == strings{"connected", "disconnected"});
  CHECK(s.bridge.timers().size() == 0);
}

TEST_CASE("websocket_manager: never more than five messages a second, one of them kept for a pong") {
  scene s;
  strings all;
  for (int i = 0; i < 1024; ++i) all.push_back("s" + std::to_string(10'000 + i));
  s.connect(all);
  std::vector<std::pair<steady_time, std::size_t>> sent;
  std::size_t requests = 0, streams = 0, pongs = 0;
  for (int step = 0; step < 400 && (requests < 11 || step < 390); ++step) {
    if (step % 3 == 1) s.send_raw(foxtrot_test::raw_frame(0x89, "p"));
    const strings frames = s.received();
    if (!frames.empty()) sent.emplace_back(s.time.now(), frames.size());
    for (const std::string& frame : frames) {
      if (frame == "pong p") {
        ++pongs;
        continue;
      }
      ++requests;
      const auto ids = frame.substr(4);
      streams += static_cast<std::size_t>(std::count(frame.begin(), frame.end(), ',')) + 1;
      s.send("ok " + ids.substr(0, ids.find(' ')));
    }
    s.advance(10ms);
  }
  CHECK(requests == 11);
  CHECK(streams == 1024);
  CHECK(pongs == 4);  // one a second: what is reserved for them
  CHECK(s.manager.subscriptions().confirmed() == 1024);
  for (const auto& [begin, ignored] : sent) {
    std::size_t window = 0;
    for (const auto& [at, count] : sent) window += at >= begin && at < begin + 1s ? count : 0;
    CHECK(window <= 5);
  }
}

TEST_CASE("websocket_manager: of pings that come faster than pongs may leave the latest is answered") {
  scene s;
  s.connect({"a"});
  CHECK(s.received().size() == 1);
  s.send_raw(foxtrot_test::raw_frame(0x89, "1") + foxtrot_test::raw_frame(0x89, "2") +
             foxtrot_test::raw_frame(0x89, "3"));
  CHECK(s.received() == strings{"pong 3"});
  for (int ping = 4; ping < 1'000; ++ping) s.send_raw(foxtrot_test::raw_frame(0x89, std::to_string(ping)));
  CHECK(s.received().empty());
  s.manager.subscribe(strings{"b"});  // which no flood keeps from leaving
  CHECK(s.received() == strings{"sub 2 b"});
  s.send("ok 1");
  s.send("ok 2");
  s.advance(999ms);
  CHECK(s.received().empty());
  s.advance(1ms);
  CHECK(s.received() == strings{"pong 999"});
  s.advance(10s);
  CHECK(s.received().empty());
}

TEST_CASE("websocket_manager: without pings four requests leave in any second") {
  scene s;
  strings all;
  for (int i = 0; i < 1024; ++i) all.push_back("s" + std::to_string(i));
  s.connect(all);
  CHECK(s.received().size() == 4);
  s.advance(999ms);
  CHECK(s.received().empty());
  s.advance(1ms);
  CHECK(s.received().size() == 4);
  s.advance(1s);
  CHECK(s.received().size() == 3);
  s.advance(1s);
  CHECK(s.received().empty());
}

TEST_CASE("websocket_manager: only the answer to the request confirms it, an error refuses its streams alone") {
  scene s;
  s.connect({"a"});
  s.manager.subscribe(strings{"b"});
  CHECK(s.received() == strings{"sub 1 a", "sub 2 b"});
  s.send("ok 7");
  s.send("ok -1");
  s.send("no 9");
  CHECK(s.manager.subscriptions().confirmed() == 0);
  s.send("no 2");
  CHECK(s.manager.subscriptions().rejected() == 1);
  s.send("ok 1");
  CHECK(s.manager.subscriptions().confirmed() == 1);
  CHECK(std::count(s.remarks.begin(), s.remarks.end(), "b refused: no") == 1);
  s.advance(30s);
  CHECK(s.manager.state() == session_state::connected);  // nothing is waited for any more
}

TEST_CASE("websocket_manager: an error that names no request is about the oldest") {
  scene s;
  s.connect({"a"});
  s.manager.subscribe(strings{"b"});
  s.send("no -1");
  CHECK(s.manager.subscriptions().rejected() == 1);
  s.send("ok 2");
  CHECK(s.manager.subscriptions().confirmed() == 1);
  CHECK(std::count(s.remarks.begin(), s.remarks.end(), "a refused: no") == 1);
}

TEST_CASE("websocket_manager: tells whom it concerns which streams the venue has confirmed") {
  scene s;
  std::vector<strings> told;
  s.manager.on_confirmed = [&](const strings& streams) { told.push_back(streams); };
  s.connect({"a", "b"});
  CHECK(told.empty());
  s.send("ok 9");
  s.send("ok 1");
  s.manager.subscribe(strings{"c"});
  s.send("no 2");
  CHECK(std::count(told.begin(), told.end(), strings{"a", "b"}) == 1);
  CHECK(std::count(told.begin(), told.end(), strings{"c"}) == 0);
}

TEST_CASE("websocket_manager: what is not understood is counted each time and said once a second") {
  scene s;
  s.connect();
  for (int i = 0; i < 500; ++i) {
    s.send("garbage");
    s.advance(10ms);
  }
  CHECK(s.out.counters().rejected.get() == 500);
  const auto said = std::count(s.remarks.begin(), s.remarks.end(), "message not understood");
  CHECK(said >= 1);
  CHECK(said <= 6);
}

TEST_CASE("websocket_manager: a request that is not answered is made again, at last on a new connection") {
  scene s;
  s.connect({"a", "b"});
  CHECK(s.received() == strings{"sub 1 a,b"});
  s.advance(9'999ms);
  CHECK(s.manager.state() == session_state::connected);
  s.send("T1");  // data does not replace the answer
  s.advance(1ms);
  CHECK(s.received() == strings{"sub 2 a,b"});
  s.send("ok 1");  // late: whether it is still so is being asked
  CHECK(s.manager.subscriptions().confirmed() == 0);
  s.advance(10s);
  CHECK(s.received() == strings{"sub 3 a,b"});
  CHECK(s.manager.state() == session_state::connected);
  s.advance(10s);
  CHECK(s.told() == strings{"connected", "T1", "disconnected", "reconnecting 1"});
  CHECK(s.reason == errc::timeout);
  s.accept();
  CHECK(s.received() == strings{"sub 4 a,b"});
  s.send("ok 3");  // late, from another life
  CHECK(s.manager.subscriptions().confirmed() == 0);
  s.send("ok 4");
  CHECK(s.manager.subscriptions().confirmed() == 2);
}

TEST_CASE("websocket_manager: silence ends the connection; pings are no silence") {
  scene s;
  s.connect();
  for (int i = 0; i < 10; ++i) {
    s.advance(50s);
    s.send_raw(foxtrot_test::raw_frame(0x89, "p"));
  }
  CHECK(s.told() == strings{"connected"});
  s.net.hang = true;
  s.advance(59'999ms);  // counted from the last byte
  CHECK(s.manager.state() == session_state::connected);
  s.advance(1ms);
  CHECK(s.told().front() == "disconnected");
  CHECK(s.reason == errc::heartbeat_lost);

  scene deaf;
  deaf.connect();
  deaf.advance(59'999ms);
  CHECK(deaf.told() == strings{"connected"});
  deaf.advance(1ms);
  CHECK(deaf.told().front() == "disconnected");
}

TEST_CASE("websocket_manager: after a healthy connection the first retry is immediate") {
  scene s;
  s.connect({"a"});
  s.send("ok 1");
  s.send("T1");
  s.advance(2s);
  s.cut();
  CHECK(s.net.dials == 2);
  CHECK(s.told() == strings{"connected", "T1", "disconnected", "reconnecting 1"});
  CHECK(s.reason == std::errc::connection_reset);
  CHECK(s.manager.state() == session_state::reconnecting);
  s.accept();
  CHECK(s.received() == strings{"sub 2 a"});
  CHECK(s.told() == strings{"connected"});
  CHECK(s.connected_calls == 2);
  CHECK(s.out.counters().disconnects.get() == 1);
}

TEST_CASE("websocket_manager: a connection without data or without age was not healthy, and is not retried hotly") {
  for (const bool has_data : {true, false}) {
    session_settings settings;
    settings.retry = {.base = 1000ms, .cap = 60'000ms};
    int immediate = 0;
    for (int round = 0; round < 12; ++round) {
      scene s{settings};
      s.connect({"a"});
      s.send("ok 1");
      if (has_data) {
        s.send("T1");
        s.advance(1'999ms);
      } else {
        s.advance(50s);
      }
      s.cut();
      immediate += s.net.dials == 2;
      s.advance(1s);
      CHECK(s.net.dials == 2);
    }
    CHECK(immediate == 0);
  }
}

TEST_CASE("websocket_manager: attempts that fail are told one by one, and the waits grow up to the cap") {
  session_settings settings;
  settings.retry = {.base = 100ms, .cap = 400ms};
  scene s{settings};
  const std::error_code refused = std::make_error_code(std::errc::connection_refused);
  s.net.refusals.assign(200, refused);
  s.start();
  CHECK(s.told() == strings{"disconnected"});
  CHECK(s.reason == std::errc::connection_refused);
  steady_time last = s.time.now();
  std::vector<steady_time::duration> waits;
  for (int dials = 1; waits.size() < 150;) {
    const auto next = s.bridge.timers().next();
    REQUIRE(next);
    s.advance(*next - s.time.now());
    REQUIRE(s.net.dials == ++dials);
    waits.push_back(s.time.now() - last);
    last = s.time.now();
    const strings told = s.told();
    REQUIRE(told.size() == 2);
    CHECK(told[0] == "reconnecting " + std::to_string(dials));
    CHECK(told[1] == "disconnected");
    if (waits.size() == 1) CHECK(waits[0] <= 100ms);
    if (waits.size() == 2) CHECK(waits[1] <= 200ms);
    CHECK(waits.back() <= 400ms);
  }
  CHECK(*std::max_element(waits.begin(), waits.end()) > 300ms);
  CHECK(s.out.counters().failed_attempts.get() == 151);
  CHECK(s.out.counters().connects.get() == 0);
  CHECK(s.out.counters().errors[static_cast<std::size_t>(error_kind::network)].get() == 151);
}

TEST_CASE("websocket_manager: a limit on attempts ends in the state error, once and for all") {
  session_settings settings;
  settings.max_attempts = 3;
  scene s{settings};
  s.net.refusals.assign(10, errc::certificate_expired);
  s.start();
  s.advance(10min);
  CHECK(s.net.dials == 3);
  CHECK(s.manager.state() == session_state::error);
  CHECK(s.told().back() == "disconnected");
  CHECK(s.reason == errc::attempts_exhausted);
  CHECK_FALSE(s.stop());
}

TEST_CASE("websocket_manager: an upgrade that is refused or never answered is a failed attempt") {
  scene s;
  s.start();
  s.send_raw("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  CHECK(s.told() == strings{"disconnected"});
  CHECK(s.reason == errc::http_server_error);
  s.advance(29'999ms);
  CHECK(s.net.dials == 1);
  s.advance(1ms);
  CHECK(s.net.dials == 2);
  s.advance(10s);  // this one says nothing
  CHECK(s.reason == errc::http_server_error);
  CHECK(s.told().at(1) == "disconnected");
  CHECK(s.reason == errc::timeout);
  CHECK(s.manager.state() == session_state::reconnecting);
}

TEST_CASE("websocket_manager: a server that names a time is left alone until then, and no longer") {
  const struct {
    const char* status;
    errc error;
    error_kind kind;
  } refusals[] = {{"429 Too Many Requests", errc::http_rate_limited, error_kind::rate_limit},
                  {"418 I'm a teapot", errc::http_banned, error_kind::rate_limit},
                  {"503 Service Unavailable", errc::http_server_error, error_kind::exchange}};
  for (const auto& [status, error, kind] : refusals) {
    INFO(status);
    session_settings settings;
    settings.retry = {.base = 100ms, .cap = 1000ms};
    scene s{settings};
    s.start();
    for (int round = 1; round <= 5; ++round) {
      s.send_raw(std::string{"HTTP/1.1 "} + status + "\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
      CHECK(s.told().back() == "disconnected");
      CHECK(s.reason == error);
      CHECK(s.net.dials == round);
      s.advance(6'999ms);
      CHECK(s.net.dials == round);
      s.advance(1ms);
      CHECK(s.net.dials == round + 1);
    }
    CHECK(s.out.counters().errors[static_cast<std::size_t>(kind)].get() == 5);
    // A refusal without a time has the time of its kind.
    s.send_raw("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
    s.advance(59'999ms);
    CHECK(s.net.dials == 6);
    s.advance(1ms);
    CHECK(s.net.dials == 7);
    s.accept();
    CHECK(s.manager.state() == session_state::connected);
  }
}

TEST_CASE("websocket_manager: a peer that does not answer pings is left, whatever else it says") {
  session_settings settings;
  settings.ping_interval = 20s;
  settings.pong_timeout = 5s;
  scene s{settings};
  s.connect();
  s.advance(19'999ms);
  CHECK(s.received().empty());
  s.advance(1ms);
  CHECK(s.received() == strings{"ping 1"});
  s.advance(3s);
  s.send_raw(foxtrot_test::raw_frame(0x8a, "1"));
  s.advance(17s);
  CHECK(s.received() == strings{"ping 2"});
  for (int i = 0; i < 49; ++i) {
    s.send("T" + std::to_string(i + 1));
    s.send_raw(foxtrot_test::raw_frame(0x89, "p"));
    s.send_raw(foxtrot_test::raw_frame(0x8a, "1"));  // of before
    s.advance(100ms);
  }
  CHECK(s.manager.state() == session_state::connected);
  s.advance(100ms);
  CHECK(s.told().back() == "reconnecting 1");
  CHECK(s.reason == errc::heartbeat_lost);
}

TEST_CASE("websocket_manager: a stream that falls silent is told once, and once when it speaks") {
  session_settings settings;
  settings.ages.stale_after(tick_kind::trade) = 5s;
  scene s{settings};
  s.connect({"X@t", "other"});
  s.send("ok 1");
  s.send("T1");
  s.advance(4'900ms);
  CHECK(s.told() == strings{"connected", "T1"});
  s.advance(300ms);
  CHECK(s.told() == strings{"stale"});
  s.advance(50s);
  CHECK(s.told().empty());
  s.send("T2");
  CHECK(s.told() == strings{"fresh", "T2"});
  CHECK(s.out.counters().stale.get() == 1);
  s.advance(5'200ms);
  CHECK(s.told() == strings{"stale"});
  s.manager.unsubscribe(strings{"X@t"});
  CHECK(s.told() == strings{"fresh"});
}

TEST_CASE("websocket_manager: what stays silent after its confirmation is asked for again alone, then given up") {
  session_settings settings;
  settings.ages.first_after(tick_kind::trade) = 5s;
  scene s{settings};
  s.connect({"X@t", "other"});
  CHECK(s.received() == strings{"sub 1 X@t,other"});
  s.send("ok 1");
  s.advance(4'900ms);
  CHECK(s.received().empty());
  s.advance(200ms);
  CHECK(s.received() == strings{"sub 2 X@t"});
  s.send("ok 2");
  s.advance(5'200ms);
  CHECK(s.received().empty());
  CHECK(s.told() == strings{"connected", "stale"});
  CHECK(s.manager.subscriptions().silent() == 1);
  CHECK(s.manager.subscriptions().confirmed() == 1);
  CHECK(s.out.counters().silent_streams.get() == 1);
  CHECK(std::count(s.remarks.begin(), s.remarks.end(), "X@t is confirmed and silent") == 1);
  s.send("T1");
  s.advance(200ms);
  CHECK(s.told() == strings{"fresh", "T1"});
  CHECK(s.manager.subscriptions().silent() == 0);
  CHECK(s.manager.state() == session_state::connected);
}

TEST_CASE("websocket_manager: without a connection no stream is missed; what was stale is told fresh on the next") {
  session_settings settings;
  settings.ages.stale_after(tick_kind::trade) = 5s;
  scene s{settings};
  s.connect({"X@t"});
  s.send("ok 1");
  s.send("T1");
  CHECK(s.told() == strings{"connected", "T1"});
  s.advance(6s);
  CHECK(s.told() == strings{"stale"});
  s.net.hang = true;
  s.cut();
  s.advance(1h);
  CHECK(s.told() == strings{"disconnected", "reconnecting 1"});
  CHECK_FALSE(s.stop());
}

TEST_CASE("websocket_manager: only what was not answered is asked again") {
  scene s;
  s.connect({"a"});
  s.send("ok 1");
  s.manager.subscribe(strings{"b"});
  s.manager.unsubscribe(strings{"a"});
  CHECK(s.received() == strings{"sub 1 a", "sub 2 b", "unsub 3 a"});
  s.send("ok 2");
  s.advance(10s);
  CHECK(s.received() == strings{"unsub 4 a"});
  s.send("ok 4");
  CHECK(s.manager.subscriptions().streams() == strings{"b"});
  s.advance(30s);
  CHECK(s.received().empty());
  CHECK(s.manager.state() == session_state::connected);
}

TEST_CASE("websocket_manager: who is not let in does not try again") {
  scene s;
  s.start({"a"});
  s.send_raw("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  CHECK(s.manager.state() == session_state::error);
  CHECK(s.told() == strings{"disconnected", "disconnected"});
  CHECK(s.reason == errc::attempts_exhausted);
  s.advance(1h);
  CHECK(s.net.dials == 1);
  CHECK_FALSE(s.stop());
}

TEST_CASE("websocket_manager: a certificate that is not right is not tried hotly") {
  session_settings settings;
  settings.retry = {.base = 1ms, .cap = 1ms};
  scene s{settings};
  s.net.refusals.assign(3, errc::certificate_expired);
  s.start();
  for (int dials = 1; dials <= 3; ++dials) {
    CHECK(s.net.dials == dials);
    s.advance(29'999ms);
    CHECK(s.net.dials == dials);
    s.advance(1ms);
  }
  CHECK(s.net.dials == 4);
}

TEST_CASE("websocket_manager: the reason for a close decides how soon it comes back") {
  for (const auto& [code, wait] : {std::pair{1012, 0ms}, std::pair{1008, 30'000ms}}) {
    INFO(code);
    scene s;
    s.connect();
    s.send("T1");
    s.advance(3s);
    const std::string bytes{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    s.send_raw(foxtrot_test::raw_frame(0x88, bytes));
    if (wait > 0ms) {
      CHECK(s.net.dials == 1);
      s.advance(wait - 1ms);
      CHECK(s.net.dials == 1);
      s.advance(1ms);
    }
    CHECK(s.net.dials == 2);
  }
}

TEST_CASE("websocket_manager: a peer that accepts and closes gets no more than its share of attempts") {
  connection_budget budget;
  session_settings settings;
  settings.retry = {.base = 1ms, .cap = 1ms};
  settings.budget = &budget;
  scene s{settings};
  s.net.refusals.assign(100'000, std::make_error_code(std::errc::connection_refused));
  s.start();
  s.advance(10s);
  CHECK(s.net.dials == 300);
  s.advance(4min + 49s);
  CHECK(s.net.dials == 300);
  s.advance(2s);
  CHECK(s.net.dials > 300);
  CHECK(s.net.dials <= 600);
  const steady_time before = s.time.now();
  CHECK_FALSE(s.stop());  // while it waits for its share
  CHECK(s.time.now() == before);
}

TEST_CASE("websocket_manager: accept, then close, for a minute: the waits grow, the messages are few") {
  session_settings settings;
  connection_budget budget;
  settings.budget = &budget;
  scene s{settings};
  s.start({"a"});
  std::vector<steady_time> messages;
  std::size_t answered = 0;
  while (s.time.now() < steady_time{1h} + 60s) {
    if (s.net.peers.size() > answered) {
      answered = s.net.peers.size();
      s.accept();
      for (std::size_t i = s.received().size(); i > 0; --i) messages.push_back(s.time.now());
      s.cut();
    }
    s.advance(10ms);
  }
  CHECK(s.net.dials >= 4);
  CHECK(s.net.dials <= 30);
  for (const steady_time begin : messages) {
    CHECK(std::count_if(messages.begin(), messages.end(),
                        [begin](steady_time at) { return at >= begin && at < begin + 1s; }) <= 5);
  }
}

TEST_CASE("websocket_manager: errors are counted where the user looks for them") {
  session_settings settings;
  settings.errors = std::make_shared<websocket_error_handler>();
  scene s{settings};
  s.connect({"a"});
  s.send("no 1");
  s.cut();
  const error_summary seen = settings.errors->statistics(s.time.now());
  CHECK(seen.total == 2);
  CHECK(seen.of(error_kind::symbol).total == 1);
  CHECK(seen.of(error_kind::network).total == 1);
  REQUIRE(seen.last);
  CHECK(seen.last->code == std::errc::connection_reset);
}

TEST_CASE("websocket_manager: stop does not wait for the time that a server named") {
  scene s;
  s.start();
  s.send_raw("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\n\r\n");
  s.advance(1s);
  const steady_time before = s.time.now();
  CHECK_FALSE(s.stop());
  CHECK(s.time.now() == before);
}

TEST_CASE("websocket_manager: a peer that takes nothing of a subscription is left at the write time-out") {
  session_settings settings;
  settings.websocket.write_timeout = 3s;
  settings.answer_timeout = 1h;
  scene s{settings};
  s.connect();
  s.net.peers.back()->end()->capacity = 10;
  s.manager.subscribe(strings{"a", "b"});
  s.advance(2'999ms);
  CHECK(s.told() == strings{"connected"});
  s.advance(1ms);
  CHECK(s.told().front() == "disconnected");
  CHECK(s.reason == errc::timeout);
  s.advance(1s);
  s.accept();
  CHECK(s.received() == strings{"sub 2 a,b"});
  CHECK(s.manager.state() == session_state::connected);
}

TEST_CASE("websocket_manager: pings do not stand in for data where a limit for data is set") {
  session_settings settings;
  settings.websocket.idle_timeout = 5s;
  scene s{settings};
  s.connect();
  for (int i = 0; i < 49; ++i) {
    s.advance(100ms);
    s.send_raw(foxtrot_test::raw_frame(0x89, "p"));
  }
  CHECK(s.told() == strings{"connected"});
  s.advance(100ms);
  CHECK(s.told().front() == "disconnected");
  CHECK(s.reason == errc::data_silent);
  s.advance(1s);
  s.accept();
  CHECK(s.manager.state() == session_state::connected);
}

TEST_CASE("websocket_manager: a close by the peer and a broken frame reconnect, too") {
  scene s;
  s.connect();
  s.send_raw(foxtrot_test::raw_frame(0x88, std::string("\x03\xf4", 2) + "restart"));
  CHECK(s.told().back() == "disconnected");
  CHECK(s.reason == errc::websocket_closed_by_peer);
  s.advance(2s);
  s.accept();
  CHECK(s.told().back() == "connected");
  s.send_raw(foxtrot_test::raw_frame(0xf1, "reserved bits"));
  CHECK(s.told().back() == "disconnected");
  CHECK(s.reason == errc::websocket_reserved_bits);
}

TEST_CASE("websocket_manager: wishes made without a connection are honoured on the next one") {
  scene s;
  s.connect({"a", "b"});
  s.send("ok 1");
  s.send("T1");
  s.advance(2s);
  s.net.refusals.assign(1, errc::host_not_found);
  s.cut();
  s.manager.unsubscribe(strings{"a"});
  s.manager.subscribe(strings{"c"});
  s.advance(2s);
  s.accept();
  CHECK(s.received() == strings{"sub 2 b,c"});
  s.send("ok 2");
  CHECK(s.manager.subscriptions().streams() == strings{"b", "c"});
  s.manager.unsubscribe(strings{"b"});
  CHECK(s.received() == strings{"unsub 3 b"});
  s.send("ok 3");
  CHECK(s.manager.subscriptions().streams() == strings{"c"});
  CHECK(s.manager.subscriptions().confirmed() == 1);
}

TEST_CASE("websocket_manager: ids that were missed while away are a gap, told before the tick") {
  scene s;
  s.connect();
  s.send("T5");
  s.advance(2s);
  s.cut();
  s.accept();
  s.send("T9");
  CHECK(s.told() == strings{"connected", "T5", "disconnected", "reconnecting 1", "connected", "gap", "T9"});
}

session_settings with_breaker(circuit_breaker& breaker) {
  session_settings settings;
  settings.breaker = &breaker;
  settings.retry = {.base = 10ms, .cap = 10ms};
  settings.stable_after = 0ms;
  return settings;
}

TEST_CASE("websocket_manager: five failures of the network open the breaker, and it alone says when to try again") {
  circuit_breaker breaker;
  scene s{with_breaker(breaker)};
  std::vector<breaker_state> changes;
  s.manager.on_breaker = [&](breaker_state now) { changes.push_back(now); };
  s.net.refusals.assign(6, std::make_error_code(std::errc::connection_refused));
  s.start({"a"});
  CHECK((s.net.dials == 1 && breaker.state() == breaker_state::closed));
  s.advance(1s);
  CHECK((s.net.dials == 5 && breaker.state() == breaker_state::open));
  s.advance(58s);
  CHECK(s.net.dials == 5);
  s.advance(1100ms);  // the fifth came some milliseconds after the first
  CHECK((s.net.dials == 6 && breaker.state() == breaker_state::open));  // the probe failed, too
  s.advance(59s);
  CHECK(s.net.dials == 6);
  s.advance(1s);
  REQUIRE(s.net.dials == 7);
  CHECK(breaker.state() == breaker_state::half_open);
  s.accept();
  CHECK(breaker.state() == breaker_state::half_open);  // a connection proves nothing
  s.send("ok 1");
  s.send("T1");
  s.send("T2");
  CHECK(breaker.state() == breaker_state::half_open);
  s.send("T3");
  CHECK(breaker.state() == breaker_state::closed);
  CHECK(changes == std::vector{breaker_state::open, breaker_state::half_open, breaker_state::open,
                               breaker_state::half_open, breaker_state::closed});
}

TEST_CASE("websocket_manager: data is a success, and begins the count of failures anew") {
  circuit_breaker breaker;
  scene s{with_breaker(breaker)};
  s.start({"a"});
  for (std::uint32_t round = 0; round < 3; ++round) {
    CAPTURE(round);
    s.accept();
    s.send("T" + std::to_string(round + 1));
    CHECK(breaker.failures() == 0);
    s.net.refusals.assign(3, std::make_error_code(std::errc::network_unreachable));
    s.cut();
    CHECK(breaker.failures() == 2);  // the loss itself, and the retry that followed at once
    s.advance(1s);
    CHECK((breaker.failures() == 4 && breaker.state() == breaker_state::closed));
  }
  s.cut();  // the fifth
  CHECK(breaker.state() == breaker_state::open);
}

TEST_CASE("websocket_manager: what is not the connection's fault does not count against it") {
  circuit_breaker breaker;
  error_handler_settings forgiving;
  forgiving.judge = [](const session_error&, error_decision made) {
    made.response.trips_breaker = false;
    return made;
  };
  session_settings settings = with_breaker(breaker);
  settings.errors = std::make_shared<websocket_error_handler>(forgiving);
  scene s{settings};
  s.net.refusals.assign(20, std::make_error_code(std::errc::connection_refused));
  s.start({"a"});
  s.advance(1s);
  CHECK((s.net.dials == 21 && breaker.state() == breaker_state::closed && breaker.failures() == 0));
}

TEST_CASE("websocket_manager: stop while the breaker is open is immediate") {
  circuit_breaker breaker;
  scene s{with_breaker(breaker)};
  s.net.refusals.assign(5, std::make_error_code(std::errc::connection_refused));
  s.start({"a"});
  s.advance(1s);
  REQUIRE(breaker.state() == breaker_state::open);
  const steady_time before = s.time.now();
  CHECK_FALSE(s.stop());
  CHECK(s.time.now() == before);
  CHECK(s.bridge.timers().size() == 0);
}

TEST_CASE("websocket_manager: observers hear of every state, and why") {
  session_settings settings;
  strings seen;
  settings.on_state = [&](session_state now, std::error_code why) {
    seen.push_back(std::string{to_string(now)} + (why ? " " + why.message() : ""));
  };
  scene s{settings};
  s.connect({"a"});
  s.cut(make_error_code(errc::tls_truncated));
  s.advance(2s);
  s.accept();
  CHECK_FALSE(s.stop());
  CHECK(seen == strings{"connecting", "connected", "reconnecting " + make_error_code(errc::tls_truncated).message(),
                        "connected", "closing", "disconnected"});
}

TEST_CASE("websocket_manager: at rest it has no connection; started again it has all its streams") {
  scene s;
  s.connect({"a"});
  CHECK(s.received() == strings{"sub 1 a"});
  SECTION("the venue answers the goodbye") {
    s.manager.rest();
    CHECK(s.received() == strings{"close"});
    s.send_raw(foxtrot_test::raw_frame(0x88, ""));
  }
  SECTION("the venue does not") {
    s.manager.rest();
    s.advance(60ms);
  }
  SECTION("there is none to say it to") {
    s.cut();
    s.net.hang = true;
    s.advance(2s);
    REQUIRE(s.net.hanging == 1);
    s.manager.rest();
    s.poll();
    CHECK(s.net.hanging == 0);
    s.net.hang = false;
  }
  CHECK((s.manager.state() == session_state::disconnected && !s.manager.running()));
  const int dials = s.net.dials;
  s.advance(1min);
  CHECK(s.net.dials == dials);
  (void)s.told();
  s.manager.start();
  s.poll();
  s.advance(2s);
  REQUIRE(s.net.dials == dials + 1);
  s.accept();
  CHECK(s.received().front().ends_with(" a"));
  CHECK(s.manager.state() == session_state::connected);
}

TEST_CASE("websocket_manager: told to begin while it says goodbye, it begins afterwards") {
  scene s;
  s.connect({"a"});
  s.manager.rest();
  s.manager.start();
  CHECK(s.net.dials == 1);
  s.advance(60ms);
  s.advance(2s);
  CHECK((s.net.dials == 2 && s.manager.running()));
}

TEST_CASE("websocket_manager: sessions of one group are connected when all are") {
  scene s;
  session_group group;
  line_group first{group};
  line_group second{group};
  words other_venue;
  network other_net;
  session_settings settings;
  settings.upgrade.host = "venue.test";
  settings.ping_interval = 0ms;
  websocket_manager<words, memory_dialer> one{
      s.bridge, s.out, s.venue, memory_dialer{&s.net}, settings, s.log, {.group = &first}};
  websocket_manager<words, memory_dialer> two{
      s.bridge, s.out, other_venue, memory_dialer{&other_net}, settings, s.log, {.group = &second}};
  const auto at_other = [&](auto action) {
    std::swap(s.net, other_net);
    action();
    std::swap(s.net, other_net);
  };
  one.start();
  two.start();
  s.poll();
  s.accept();
  CHECK(s.told().empty());
  CHECK_FALSE(group.whole());
  at_other([&] { s.accept(); });
  CHECK(s.told() == strings{"connected"});
  CHECK(group.whole());
  at_other([&] { s.cut(); });
  CHECK(s.told() == strings{"disconnected"});
  s.advance(2s);
  CHECK(s.told() == strings{"reconnecting 2"});
  at_other([&] { s.accept(); });
  CHECK(s.told() == strings{"connected"});
  one.cancel();
  two.cancel();
  s.poll();
  s.poll();
  CHECK(group.up() == 0);
}

TEST_CASE("websocket_manager: after a rest and a new beginning a stop still waits for the goodbye") {
  scene s;
  s.connect({"a"});
  s.manager.rest();
  s.send_raw(foxtrot_test::raw_frame(0x88, ""));
  REQUIRE_FALSE(s.manager.running());
  s.manager.start();
  s.advance(2s);
  s.accept();
  REQUIRE(s.manager.state() == session_state::connected);
  (void)s.received();
  s.stopped = true;
  std::optional<std::error_code> outcome;
  auto work = [](scene& self, std::optional<std::error_code>& done) -> task<> {
    done = co_await self.manager.stop(500ms);
  };
  asio::co_spawn(s.bridge.context(), work(s, outcome), asio::detached);
  s.poll();
  CHECK(s.received() == strings{"close"});
  CHECK_FALSE(outcome);
  CHECK(s.manager.state() == session_state::closing);
  s.send_raw(foxtrot_test::raw_frame(0x88, ""));
  REQUIRE(outcome);
  CHECK_FALSE(*outcome);
}

TEST_CASE("websocket_manager: told to rest between the end and the new beginning, it rests") {
  scene s;
  s.connect({"a"});
  s.manager.rest();
  s.manager.start();                              // afterwards
  s.send_raw(foxtrot_test::raw_frame(0x88, ""));  // the end; the beginning is due
  REQUIRE_FALSE(s.manager.running());
  SECTION("rest") { s.manager.rest(); }
  SECTION("cancel") { s.manager.cancel(); }
  s.advance(1min);
  CHECK(s.net.dials == 1);
  CHECK_FALSE(s.manager.running());
  CHECK(s.manager.state() == session_state::disconnected);
}

TEST_CASE("websocket_manager: begun and told to rest in one turn of the loop, it can begin again") {
  scene s;
  s.manager.subscribe(strings{"a"});
  s.manager.start();
  SECTION("rest") { s.manager.rest(); }
  SECTION("cancel") { s.manager.cancel(); }
  s.poll();
  CHECK_FALSE(s.manager.running());
  CHECK(s.manager.tasks().empty());
  s.manager.start();
  s.poll();
  s.advance(2s);
  REQUIRE_FALSE(s.net.peers.empty());
  s.accept();
  CHECK(s.manager.state() == session_state::connected);
}

TEST_CASE("websocket_manager: rest and start in any order and at any moment: the last word holds") {
  std::uint32_t random = 1;
  const auto draw = [&random](std::uint32_t below) {
    random = random * 1'664'525 + 1'013'904'223;
    return (random >> 16U) % below;
  };
  for (int round = 0; round < 150; ++round) {
    session_settings settings;
    settings.retry = {.base = 10ms, .cap = 20ms};
    scene s{settings};
    s.manager.subscribe(strings{"a"});
    bool wanted = false;
    std::size_t accepted = 0;
    for (int step = 0; step < 40; ++step) {
      switch (draw(7)) {
        case 0: s.manager.start(), wanted = true; break;
        case 1: s.manager.rest(), wanted = false; break;
        case 2: s.poll(); break;
        case 3: s.advance(std::chrono::milliseconds{draw(80)}); break;
        case 4:
          if (s.net.peers.size() > accepted) accepted = s.net.peers.size(), s.accept();
          break;
        case 5:
          if (!s.net.ours.empty()) s.cut();
          break;
        default:
          if (!s.net.ours.empty()) s.send_raw(foxtrot_test::raw_frame(0x88, ""));
          break;
      }
    }
    INFO("round " << round);
    s.advance(1s);
    const int dials = s.net.dials;
    if (wanted) {
      if (s.net.peers.size() > accepted) s.accept();
      s.advance(1s);
      if (s.manager.state() != session_state::connected && !s.net.peers.empty()) s.accept();
      CHECK(s.manager.running());
      CHECK(s.manager.state() == session_state::connected);
    } else {
      CHECK_FALSE(s.manager.running());
      CHECK(s.manager.tasks().empty());
      s.advance(10s);
      CHECK(s.net.dials == dials);
      CHECK(s.manager.state() == session_state::disconnected);
    }
  }
}

TEST_CASE("websocket_manager: a beginning after the last end is none, and its group does not wait for it") {
  scene s;
  session_group group;
  line_group line{group};
  session_settings settings;
  settings.upgrade.host = "venue.test";
  settings.ping_interval = 0ms;
  websocket_manager<words, memory_dialer> one{
      s.bridge, s.out, s.venue, memory_dialer{&s.net}, settings, s.log, {.group = &line}};
  std::optional<std::error_code> outcome;
  auto work = [](websocket_manager<words, memory_dialer>& of, std::optional<std::error_code>& done) -> task<> {
    done = co_await of.stop(500ms);
  };
  asio::co_spawn(s.bridge.context(), work(one, outcome), asio::detached);
  s.poll();
  REQUIRE(outcome);
  one.start();
  s.poll();
  CHECK_FALSE(one.running());
  CHECK(s.net.dials == 0);
  group.join();
  CHECK(group.connected());  // alone
}

TEST_CASE("websocket_manager: a rest does not make a server's time any shorter") {
  scene s;
  s.start();
  const std::string refusal = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
  s.send_raw(refusal);
  REQUIRE(s.net.dials == 1);
  s.advance(5s);
  s.manager.rest();
  s.poll();
  s.manager.start();
  s.advance(25s - 1ms);
  CHECK(s.net.dials == 1);
  s.advance(2s);
  CHECK(s.net.dials == 2);
}

TEST_CASE("websocket_manager: stop during backoff, dial and upgrade is immediate") {
  const steady_time::duration none{};
  {
    scene s;
    s.net.refusals.assign(5, errc::host_not_found);
    s.start();
    s.advance(50ms);
    const steady_time before = s.time.now();
    CHECK_FALSE(s.stop());
    CHECK(s.time.now() - before == none);
    CHECK(s.manager.state() == session_state::disconnected);
  }
  {
    scene s;
    s.net.hang = true;
    s.start();
    CHECK(s.net.hanging == 1);
    const steady_time before = s.time.now();
    CHECK_FALSE(s.stop());
    CHECK(s.time.now() - before == none);
    CHECK(s.net.hanging == 0);
    CHECK(s.told().empty());  // it was never there
  }
  {
    scene s;
    s.start();
    const steady_time before = s.time.now();
    CHECK_FALSE(s.stop());
    CHECK(s.time.now() - before == none);
    CHECK(s.bridge.timers().size() == 0);
    CHECK(s.net.ours.back()->closed);
  }
  {
    scene s;  // not even started
    CHECK_FALSE(s.stop());
  }
  {
    scene s;
    s.connect();
    CHECK_FALSE(s.stop());
    CHECK_FALSE(s.stop());
  }
}

/// One scenario: connect, subscribe, get ticks, lose the connection, come back, get ticks. True if it went through
/// without meeting the failure.
bool run_scenario(int fail_at, bool stop_there) {
  INFO("failing at step " << fail_at);
  session_settings settings;
  settings.retry = {.base = 10ms, .cap = 10ms};
  settings.stable_after = 0ms;
  scene s{settings};
  s.net.fail_at = fail_at;
  s.start({"a"});
  const bool untouched = [&] {
    s.accept();
    if (s.manager.state() != session_state::connected) return false;
    s.send("ok 1");
    s.send("T1");
    s.send_raw(foxtrot_test::raw_frame(0x89, "p"));
    s.send("T2");
    return s.manager.state() == session_state::connected && s.net.dials == 1;
  }();
  if (stop_there) {
    CHECK_FALSE(s.stop());
    CHECK(s.manager.state() == session_state::disconnected);
    CHECK(s.bridge.timers().size() == 0);
    for (const auto& end : s.net.ours) CHECK(end->closed);
    return untouched;
  }
  if (untouched) s.cut();
  for (int round = 0; round < 100 && s.manager.state() != session_state::connected; ++round) {
    s.advance(10ms);
    // what a broken attempt left behind cannot be accepted any more
    if (!s.net.peers.empty() && !s.net.ours.back()->closed && s.net.ours.back()->fail_at < 0) s.accept();
  }
  CHECK(s.manager.state() == session_state::connected);
  strings told = s.told();
  REQUIRE_FALSE(told.empty());
  CHECK(told.back() == "connected");
  CHECK(std::count(told.begin(), told.end(), "disconnected") >= 1);
  s.send("T3");
  told = s.told();  // perhaps after the gap of what broke with the connection
  REQUIRE_FALSE(told.empty());
  CHECK(told.back() == "T3");
  const strings asked = s.received();
  REQUIRE(asked.size() == 1);
  CHECK(asked.front().starts_with("sub "));
  CHECK(asked.front().ends_with(" a"));
  CHECK_FALSE(s.stop());
  return untouched;
}

TEST_CASE("websocket_manager: whichever step fails, it comes back with everything, and stops cleanly") {
  for (const bool stop_there : {false, true}) {
    int step = 0;
    while (!run_scenario(step, stop_there)) {
      REQUIRE(step < 200);
      ++step;
    }
    CHECK(step > 5);
  }
}

}  // namespace
