// tests/net/websocket/stream_sweep_test.cpp: scenarios that fail, are cancelled, closed or lose their loop at step 0,
// 1, 2 ... until they pass untouched. Whatever happens: it ends, with the right class of error, and leaves nothing
// behind.
#include <foxtrot/net/websocket/stream.hpp>

#include <foxtrot/net/websocket/handshake_key.hpp>

#include <support/loop_fixture.hpp>
#include <support/memory_stream.hpp>
#include <support/sweep.hpp>
#include <support/websocket_frames.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace foxtrot;
using namespace foxtrot_test;

namespace {

using client_stream = websocket_stream<memory_stream>;
using strings = std::vector<std::string>;
using running = loop_fixture::running<std::error_code>;

const std::string& large_message() {
  static const std::string made(70'000, 'L');
  return made;
}

std::string close_payload(unsigned code) { return {static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)}; }

/// The server's end, played by hand: it answers when nothing else is left to do.
class scripted_peer {
 public:
  explicit scripted_peer(memory_stream stream)
      : stream_{std::move(stream)}, ours_{stream_.end()}, client_{ours_->peer}, decoder_{{.buffer = 1}} {}

  /// Looks at what has arrived, and sends what is due: after the upgrade one part of `sends` each time.
  void turn() {
    if (!upgraded_) return upgrade();
    read();
    if (close_sent_) return end();
    const auto closed = std::find_if(heard_.events.begin(), heard_.events.end(),
                                     [](const std::string& event) { return event.starts_with("close:"); });
    if (closed != heard_.events.end()) {
      deliver(raw_frame(0x88, close_payload(1000)));
      close_sent_ = true;
    } else if (next_ < sends.size()) {
      deliver(sends[next_++]);
      close_sent_ = closes_itself && next_ == sends.size();
    }
  }

  [[nodiscard]] const strings& heard() const noexcept { return heard_.events; }

  strings sends;              // parts, sent one at a time
  bool closes_itself{false};  // the last part is a close
  bool shrinks{false};        // takes less and less at a time

 private:
  void upgrade() {
    const std::string name = "Sec-WebSocket-Key: ";
    make_room();
    if (ours_->received.find("\r\n\r\n") == std::string::npos) return;
    const std::string key = ours_->received.substr(ours_->received.find(name) + name.size(), 24);
    ours_->received.clear();
    upgraded_ = true;
    deliver("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
            websocket_accept(key) + "\r\n\r\n");
  }

  void read() {
    const std::string bytes = std::exchange(ours_->received, {});
    REQUIRE_FALSE(feed(decoder_, heard_, bytes, SIZE_MAX));
    make_room();
  }

  void make_room() {
    if (shrinks) ours_->capacity = std::max<std::size_t>(room_ = room_ * 3 / 4, 1000);
    if (const auto client = client_.lock(); client && client->writable.waiting()) client->writable.notify();
  }

  // The server ends TCP once both closes are through.
  void end() {
    if (const auto client = client_.lock(); client && !client->end) client->finish(errc::closed);
  }

  void deliver(const std::string& bytes) {
    if (const auto client = client_.lock()) client->deliver(bytes);
  }

  memory_stream stream_;
  std::shared_ptr<memory_end> ours_;
  std::weak_ptr<memory_end> client_;
  message_decoder<websocket_role::server> decoder_;
  event_log heard_;
  std::size_t next_{0};
  std::size_t room_{40'000};
  bool upgraded_{false};
  bool close_sent_{false};
};

task<std::error_code> upgrade(client_stream& client, event_log&) {
  upgrade_request wanted;
  wanted.host = "exchange.test";
  wanted.target = "/ws";
  co_return co_await client.upgrade(std::move(wanted));
}

/// The loop of a session; a wait that fails is explained by the drain after it.
task<std::error_code> receive(client_stream& client, event_log& log, std::size_t wanted) {
  drain_result drained;
  while (!drained.error && log.events.size() < wanted) {
    drained = client.drain(log);
    if (!drained.error && !drained.more && log.events.size() < wanted) (void)co_await client.wait_readable();
  }
  co_return drained.error;
}

task<std::error_code> read(client_stream& client, event_log& log) {
  std::error_code error = co_await upgrade(client, log);
  if (!error) error = co_await receive(client, log, 6);
  co_return error;
}

task<std::error_code> write(client_stream& client, event_log& log) {
  std::error_code error = co_await upgrade(client, log);
  if (!error) error = co_await client.write(opcode::binary, large_message());
  if (!error) error = client.send(opcode::text, "after");
  if (!error) error = co_await client.flush();
  co_return error;
}

task<std::error_code> close_ourselves(client_stream& client, event_log& log) {
  std::error_code error = co_await upgrade(client, log);
  if (!error) error = co_await client.close(close_code::normal, "bye");
  co_return error;
}

task<std::error_code> closed_by_peer(client_stream& client, event_log& log) {
  std::error_code error = co_await upgrade(client, log);
  if (!error) error = co_await receive(client, log, 100);
  if (error == errc::websocket_closed_by_peer && client.peer_close()) error = co_await client.close();
  co_return error;
}

struct scenario {
  const char* name;
  task<std::error_code> (*act)(client_stream&, event_log&);
  strings sends{};     // by the peer
  strings expected{};  // events of the client, if nothing interferes
  strings heard{};     // by the peer, likewise
  bool closes_itself{false};
  bool shrinks{false};
  bool ends_closed{false};  // whatever ends it; the others leave the closing to their caller
};

std::vector<scenario> scenarios() {
  return {
      {.name = "upgrade", .act = &upgrade, .ends_closed = true},
      {.name = "read",
       .act = &read,
       .sends = {raw_frame(0x81, "one") + raw_frame(0x89, "p1") + raw_frame(0x01, "tw"), raw_frame(0x89, "p2"),
                 raw_frame(0x80, "o") + raw_frame(0x82, std::string(300, 'b')).substr(0, 100),
                 std::string(204, 'b') + raw_frame(0x8a, "q")},
       .expected = {"text:one", "ping:p1", "ping:p2", "text:two", "binary:" + std::string(300, 'b'), "pong:q"},
       .heard = {"pong:p1", "pong:p2"}},
      {.name = "write", .act = &write, .heard = {"binary:" + large_message(), "text:after"}, .shrinks = true},
      {.name = "close by us",
       .act = &close_ourselves,
       .sends = {raw_frame(0x81, "late"), raw_frame(0x89, "late")},
       .heard = {"close:1000:bye"},
       .ends_closed = true},
      {.name = "close by the peer",
       .act = &closed_by_peer,
       .sends = {raw_frame(0x81, "one"), raw_frame(0x81, "two") + raw_frame(0x88, close_payload(1001))},
       .expected = {"text:one", "text:two", "close:1001:"},
       .heard = {"close:1001:"},
       .closes_itself = true},
  };
}

bool begins_with(const strings& all, const strings& some) {
  return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin());
}

/// A scenario under way.
struct stage {
  explicit stage(const scenario& what) : stage{what, std::make_unique<loop_fixture>()} {}

  /// Runs at most so many handlers.
  int run(int most = no_limit) {
    return run_handlers(*f, most, [this] { return life.done(); }, [this] { peer.turn(); });
  }

  /// After the end of the scenario, however it ended.
  void check_over() {
    client.close_now();
    f->poll();
    CHECK_FALSE(client.is_open());
    CHECK(ours->closed);
    CHECK_FALSE(ours->readable.waiting());
    CHECK_FALSE(ours->writable.waiting());
    CHECK(f->timers.size() == 0);
    const std::size_t events = log.events.size();
    CHECK(client.drain(log).error == errc::closed);
    CHECK(log.events.size() == events);
    CHECK(client.send(opcode::text, "x") == errc::closed);
    check_events();
  }
  /// Nothing twice, nothing made up, nothing out of order.
  void check_events() {
    peer.turn();
    CHECK(begins_with(plot.expected, log.events));
    if (!peer.heard().empty())
      CHECK((begins_with(plot.heard, peer.heard()) || peer.heard().back().starts_with("close:")));
  }
  void check_untouched() {
    CHECK(life.get() == std::error_code{});
    CHECK(log.events == plot.expected);
    peer.turn();
    CHECK(begins_with(plot.heard, peer.heard()));
    CHECK(begins_with(peer.heard(), plot.heard));
  }

  const scenario& plot;
  std::unique_ptr<loop_fixture> f;
  scripted_peer peer;
  std::shared_ptr<memory_end> ours;
  client_stream client;
  event_log log;
  running life;

 private:
  static websocket_settings settings() {
    websocket_settings made;
    made.decoder.buffer = 1;
    made.idle_timeout = 60s;
    return made;
  }
  stage(const scenario& what, std::unique_ptr<loop_fixture> fixture)
      : stage{what, memory_stream::make_pair(fixture->loop), std::move(fixture)} {}
  stage(const scenario& what, std::pair<memory_stream, memory_stream> streams, std::unique_ptr<loop_fixture> fixture)
      : plot{what},
        f{std::move(fixture)},
        peer{std::move(streams.second)},
        ours{streams.first.end()},
        client{f->timers, std::move(streams.first), settings()},
        life{f->start(what.act(client, log))} {
    peer.sends = what.sends;
    peer.closes_itself = what.closes_itself;
    peer.shrinks = what.shrinks;
  }
};

/// What a scenario may report when the connection broke with `fault`. The end of a connection has a name of its own
/// while upgrading and while reading; where nothing was lost any more, the end is no error.
bool explains(std::error_code error, std::error_code fault, bool was_open) {
  if (!error || error == fault) return true;
  return fault == errc::closed && error == (was_open ? errc::websocket_closed_by_peer : errc::http_truncated);
}

}  // namespace

TEST_CASE("websocket_stream: scenarios pass where nothing interferes, whatever the slices", "[net]") {
  for (const scenario& plot : scenarios()) {
    for (const std::size_t slice : {std::size_t{1}, std::size_t{7}, std::size_t{1'000'000}}) {
      if (plot.shrinks && slice < 1000) continue;
      CAPTURE(plot.name, slice);
      stage s{plot};
      s.ours->max_read = s.ours->max_write = slice;
      s.run();
      REQUIRE(s.life.done());
      s.check_untouched();
      s.check_over();
    }
  }
}

TEST_CASE("websocket_stream: each scenario failing at step 0, 1, 2 ... with each kind of fault", "[net]") {
  for (const scenario& plot : scenarios()) {
    for (const std::error_code fault : stream_faults()) {
      int passed_at = -1;
      for (int step = 0; step < 1000 && passed_at < 0; ++step) {
        CAPTURE(plot.name, fault, step);
        stage s{plot};
        s.ours->fail_at = step;
        s.ours->fail_with = fault;
        s.run();
        if (!s.life.done()) {
          s.ours->finish(fault);  // whoever waited before the fault hears of it as from a socket
          s.f->poll();
        }
        REQUIRE(s.life.done());
        const bool was_open = s.client.frames() != 0 || s.client.frames_sent() != 0 || s.client.is_open();
        const std::error_code error = s.life.get();
        CAPTURE(error, was_open);
        CHECK(explains(error, fault, was_open));
        if (error && plot.ends_closed) CHECK_FALSE(s.client.is_open());
        if (s.ours->steps <= step) {
          s.check_untouched();
          passed_at = step;
        }
        s.check_over();
      }
      CHECK(passed_at > 3);
    }
  }
}

namespace {

/// Plays each scenario for 0, 1, 2 ... steps before `interfere`, until it passes untouched.
template <class Interfere>
void after_every_step(Interfere interfere) {
  for (const scenario& plot : scenarios()) {
    bool passed = false;
    for (int step = 0; step < 1000 && !passed; ++step) {
      CAPTURE(plot.name, step);
      stage s{plot};
      s.run(step);
      passed = s.life.done();
      interfere(s, passed);
    }
    CHECK(passed);
  }
}

}  // namespace

TEST_CASE("websocket_stream: each scenario cancelled at every suspension", "[net]") {
  after_every_step([](stage& s, bool passed) {
    if (!passed) {
      s.life.cancel();
      s.f->poll();
      REQUIRE(s.life.done());
      CHECK_FALSE(s.ours->readable.waiting());  // what was queued may still wait to be written
      // What was cancelled can still be closed in an orderly way, within its time, however silent the peer is.
      auto closing = s.f->start(s.client.close());
      s.f->advance(1s);
      REQUIRE(closing.done());
    } else {
      s.check_untouched();
    }
    s.check_over();
  });
}

TEST_CASE("websocket_stream: each scenario closed from outside after every step", "[net]") {
  after_every_step([](stage& s, bool passed) {
    if (!passed) {
      const bool was_open = s.client.is_open();
      const std::size_t events = s.log.events.size();
      s.client.close_now();
      s.f->poll();
      REQUIRE(s.life.done());
      const std::error_code error = s.life.get();
      CAPTURE(error, was_open);
      const bool both_closed = !error && s.client.peer_close();
      CHECK((error == errc::cancelled || error == errc::closed || both_closed));
      CHECK(s.log.events.size() == events);
    } else {
      s.check_untouched();
    }
    s.check_over();
  });
}

TEST_CASE("websocket_stream: each scenario losing its loop after every step", "[net]") {
  after_every_step([](stage& s, bool passed) {
    if (!passed) s.f.reset();  // with the coroutine in it
    CHECK_FALSE(s.ours->readable.waiting());
    CHECK_FALSE(s.ours->writable.waiting());
  });
}

TEST_CASE("websocket_stream: each scenario with a peer that falls silent after every step ends in time", "[net]") {
  after_every_step([](stage& s, bool passed) {
    if (!passed) {
      s.f->advance(75s);  // more than any of the limits, and than two of them in a row
      REQUIRE(s.life.done());
      const std::error_code error = s.life.get();
      CAPTURE(error);
      CHECK((!error || error == condition::timeout));
      CHECK_FALSE(s.client.is_open());
    } else {
      s.check_untouched();
      s.check_over();
    }
    CHECK((passed || s.f->timers.size() == 0));
  });
}
