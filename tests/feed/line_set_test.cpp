// tests/feed/line_set_test.cpp: lines are replaced without a break, whatever happens meanwhile.
#include <foxtrot/feed/line_set.hpp>

#include <foxtrot/core/clock.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_hooks.hpp>
#include <foxtrot/feed/subscription_set.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/trade.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using names = std::vector<std::string>;

// A session without a socket: the test says what happens to it.
struct played_session : session_hooks {
  explicit played_session(publisher& to, const line_place& where) : out{to}, place{where}, leads{where.leads} {}

  void subscribe(std::span<const std::string> streams) { wanted.want(streams); }
  void unsubscribe(std::span<const std::string> streams) { wanted.unwant(streams); }
  void start() {
    if (running) return;
    running = true;
    place.group->join();
    become(session_state::connecting);
  }
  void rest() {
    if (!running) return;
    if (now == session_state::connected) lose(session_state::closing);
    running = false;
    place.group->leave();
    become(session_state::disconnected);
  }
  task<std::error_code> stop(steady_time::duration) {
    rest();
    co_return std::error_code{};
  }
  void cancel() { rest(); }
  void drop(std::error_code) { lose(session_state::reconnecting); }
  void lead(bool on) {
    leads = on;
    out.lines().lead(place.line, on);
  }
  [[nodiscard]] session_state state() const { return now; }
  [[nodiscard]] const subscription_set& subscriptions() const { return wanted; }
  [[nodiscard]] names tasks() const { return running ? names{"played"} : names{}; }

  // --- what happens ---
  void connect() {
    told_whole = place.group->connected();
    become(session_state::connected);
    on_connected();
  }
  void confirm_all() {
    while (const auto asked = wanted.next(100, {})) {
      (void)wanted.answered(asked->id, true);
      on_confirmed(wanted.confirmed_by(asked->id));
    }
  }
  void refuse_all() {
    while (const auto asked = wanted.next(100, {})) (void)wanted.answered(asked->id, false);
  }
  void lose(session_state then) {
    if (now != session_state::connected) return become(then);
    told_lost = place.group->disconnected();
    out.line_lost(place.line);
    wanted.forget_answers();
    become(then);
  }
  void become(session_state next) {
    if (std::exchange(now, next) != next) on_state(next, {});
  }

  publisher& out;
  line_place place;
  subscription_set wanted;
  session_state now{session_state::disconnected};
  bool leads;
  bool running{false};
  bool told_whole{false};
  bool told_lost{false};
};

struct played_line {
  played_line(publisher& out, const line_place& place) : session{out, place} {}
  void rest() { session.rest(); }
  void cancel() { session.cancel(); }
  void gave_up() { ++given_up; }
  played_session session;
  int given_up{0};
};

struct scene {
  explicit scene(line_settings wanted = settings()) : how{wanted} {
    lines.emplace(
        bridge, out, venue::binance_spot, feed, how, log,
        [this](const line_place& place) {
          auto made = std::make_unique<played_line>(out, place);
          made_lines.push_back(made.get());
          return made;
        },
        [this](std::string_view stream) -> std::optional<handover::stream> {
          if (!stream.ends_with("@trade")) return std::nullopt;
          return handover::stream{numbering::trades, *symbols.intern("BTCUSDT")};
        });
  }
  ~scene() {
    lines->cancel();
    poll();
  }
  static line_settings settings() {
    line_settings made;
    made.rotate_after = 10s;
    made.rotate_jitter = 0ms;
    made.overlap = 1s;
    made.handover_limit = 5s;
    return made;
  }

  played_session& at(std::size_t index) { return made_lines.at(index)->session; }
  void bring_up(std::size_t index) {
    at(index).connect();
    at(index).confirm_all();
  }
  void poll() {
    bridge.context().restart();
    bridge.context().poll();
  }
  void advance(steady_time::duration step) {
    const steady_time target = time.now() + step;
    for (auto next = bridge.timers().next(); next && *next <= target; next = bridge.timers().next()) {
      time.advance_to(std::max(time.now(), *next));
      bridge.timers().run_due();
      poll();
    }
    time.advance_to(target);
  }
  names told() {
    names all;
    queue.poll(1000, [&all](const event& e) {
      e.visit([&all](const status& s) { all.emplace_back(s.name()); }, [](const auto&) {});
    });
    return all;
  }

  manual_time time;
  diagnostics log{};
  line_settings how;
  async_thread_bridge bridge{bridge_settings{}, diagnostics{}, time};
  symbol_table symbols;
  publisher out{symbols};
  subscription queue{out.subscribe({}).value()};
  session_group feed;
  std::vector<played_line*> made_lines;  // the set owns them: those that are gone may not be looked at
  std::optional<line_set<played_line>> lines;
};

const names trades{"btcusdt@trade"};
const names both{"btcusdt@trade", "btcusdt@kline_1m"};

TEST_CASE("line_set: who leads before anything has come is nobody's business") {
  auto how = scene::settings();
  how.count = 2;
  scene s{how};
  s.lines->subscribe(both);
  CHECK(s.at(0).leads);
  s.bring_up(1);  // the first to be connected leads
  CHECK(s.at(1).leads);
  CHECK(s.told().empty());
  s.bring_up(0);
  CHECK(s.at(1).leads);
  CHECK(s.told().empty());
  s.at(1).lose(session_state::reconnecting);
  CHECK(s.at(0).leads);
  CHECK(s.told() == names{"line_changed"});
}

TEST_CASE("line_set: a line is replaced at its age and goes when the new one is ready") {
  scene s;
  s.lines->subscribe(both);
  s.bring_up(0);
  CHECK(s.at(0).leads);
  s.advance(9'999ms);
  CHECK(s.made_lines.size() == 1);
  s.advance(1ms);
  REQUIRE(s.made_lines.size() == 2);
  CHECK(s.at(1).running);
  CHECK(s.at(1).wanted.streams() == names{"btcusdt@kline_1m", "btcusdt@trade"});
  s.advance(2s);
  CHECK(s.at(0).running);  // however long the new one takes
  s.bring_up(1);
  CHECK(s.lines->up() == 2);
  CHECK_FALSE(s.at(1).leads);
  CHECK(s.told().empty());
  s.advance(900ms);
  CHECK(s.lines->up() == 2);
  s.advance(200ms);
  CHECK(s.lines->up() == 1);
  CHECK(s.at(1).leads);
  CHECK(s.told() == names{"line_changed"});
  CHECK(s.out.counters().rotations.get() == 1);
  CHECK(s.out.counters().failed_rotations.get() == 0);
  s.advance(10s);
  CHECK(s.made_lines.size() == 3);  // and so on
}

TEST_CASE("line_set: where every stream is numbered nothing is told") {
  scene s;
  s.lines->subscribe(trades);
  s.bring_up(0);
  s.lines->rotate();
  s.bring_up(1);
  s.advance(1100ms);
  CHECK(s.lines->up() == 1);
  CHECK(s.told().empty());
}

TEST_CASE("line_set: an announced shutdown replaces a line at once") {
  scene s;
  s.lines->subscribe(both);
  s.bring_up(0);
  s.at(0).on_shutdown();
  REQUIRE(s.made_lines.size() == 2);
  s.at(0).on_shutdown();
  CHECK(s.made_lines.size() == 2);

  SECTION("while it is under way the new one is told the same: it is replaced in its turn") {
    s.bring_up(1);
    s.at(1).on_shutdown();
    CHECK(s.made_lines.size() == 2);
    s.advance(1100ms);
    CHECK(s.out.counters().rotations.get() == 1);
    REQUIRE(s.made_lines.size() == 3);
    s.bring_up(2);
    s.advance(1100ms);
    CHECK(s.out.counters().rotations.get() == 2);
    CHECK(s.lines->up() == 1);
    CHECK(s.at(2).leads);
  }
  SECTION("the old one is cut off before the new one is there: whoever is first serves") {
    s.at(0).lose(session_state::reconnecting);
    CHECK(s.at(0).told_lost);
    s.bring_up(1);
    CHECK(s.at(1).told_whole);
    s.advance(30ms);
    CHECK(s.lines->up() == 1);
    CHECK(s.at(1).leads);
    CHECK(s.out.counters().rotations.get() == 1);
  }
  SECTION("cut off when the new one is there: nobody hears of a loss") {
    s.bring_up(1);
    s.at(0).lose(session_state::reconnecting);
    CHECK_FALSE(s.at(0).told_lost);
    CHECK(s.at(1).leads);
    s.advance(30ms);
    CHECK(s.out.counters().rotations.get() == 1);
    CHECK(s.told() == names{"line_changed"});
  }
  SECTION("cut off, and it comes back first: what it has now is new, and the other one goes") {
    s.at(0).lose(session_state::reconnecting);
    s.at(1).connect();
    s.at(0).connect();
    s.advance(30ms);
    CHECK(s.lines->up() == 2);  // neither has its streams
    s.at(0).confirm_all();
    s.advance(30ms);
    CHECK(s.lines->up() == 1);
    CHECK(s.at(0).leads);
    CHECK(s.out.counters().rotations.get() == 0);
    CHECK(s.out.counters().failed_rotations.get() == 1);
    s.advance(9'900ms);  // until it is old itself
    CHECK(s.made_lines.size() == 2);
    s.advance(100ms);
    CHECK(s.made_lines.size() == 3);
  }
  SECTION("cut off and back, and the venue refuses its streams: the new one is not given up for that") {
    s.at(0).lose(session_state::reconnecting);
    s.bring_up(0);
    s.at(1).connect();
    s.at(0).lose(session_state::reconnecting);
    s.at(0).connect();
    s.at(0).refuse_all();
    s.advance(100ms);
    CHECK(s.lines->up() == 2);
    s.at(1).confirm_all();
    s.advance(30ms);
    CHECK(s.lines->up() == 1);
    CHECK(s.at(1).leads);
  }
  SECTION("cut off between two looks, and both are back: the new one takes over at once") {
    s.at(0).lose(session_state::reconnecting);
    s.bring_up(0);
    s.bring_up(1);
    s.advance(30ms);
    CHECK(s.lines->up() == 1);
    CHECK(s.at(1).leads);
    CHECK(s.out.counters().rotations.get() == 1);
  }
  SECTION("cut off and back, and both are lost again and again: once one has its streams there are not two") {
    for (int i = 0; i < 3; ++i) {
      s.at(0).lose(session_state::reconnecting);
      s.at(1).lose(session_state::reconnecting);
      s.at(0).connect();
      s.at(1).connect();
      s.advance(500ms);
      CHECK(s.lines->up() == 2);
    }
    s.at(0).confirm_all();
    s.advance(30ms);
    CHECK(s.lines->up() == 1);
    CHECK(s.at(0).leads);
    CHECK(s.out.counters().failed_rotations.get() == 1);
  }
  SECTION("the new one is not ready in time: the old one serves on, and is replaced later") {
    s.at(1).connect();  // confirms nothing
    s.advance(5s);
    CHECK(s.out.counters().failed_rotations.get() == 1);
    CHECK(s.lines->up() == 1);
    CHECK(s.at(0).leads);
    CHECK(s.made_lines.size() == 2);
    s.advance(5s);
    REQUIRE(s.made_lines.size() == 3);
    s.bring_up(2);
    s.advance(1100ms);
    CHECK(s.out.counters().rotations.get() == 1);
    CHECK(s.told() == names{"line_changed"});
  }
  SECTION("the new one is lost meanwhile: it tries again by itself") {
    s.bring_up(1);
    s.advance(900ms);
    s.at(1).lose(session_state::reconnecting);
    s.advance(300ms);
    CHECK(s.at(0).running);
    CHECK(s.at(0).leads);
    s.bring_up(1);
    s.advance(1100ms);
    CHECK(s.out.counters().rotations.get() == 1);
    CHECK(s.at(1).leads);
  }
  SECTION("neither lives when its time is over: the old one stays") {
    s.at(0).lose(session_state::reconnecting);
    s.advance(5s);
    CHECK(s.out.counters().failed_rotations.get() == 1);
    s.bring_up(0);
    CHECK(s.at(0).leads);
    CHECK(s.lines->up() == 1);
  }
  SECTION("streams come and go: the new one has them, too") {
    s.bring_up(1);
    s.advance(900ms);
    s.lines->subscribe(names{"btcusdt@depth"});
    s.lines->unsubscribe(names{"btcusdt@kline_1m"});
    s.advance(200ms);
    CHECK(s.lines->up() == 2);
    s.at(0).confirm_all();
    s.at(1).confirm_all();
    CHECK(s.at(1).wanted.streams() == names{"btcusdt@depth", "btcusdt@trade"});
    s.advance(1100ms);
    CHECK(s.lines->up() == 1);
  }
  SECTION("it is told to rest") {
    s.lines->rest();
    s.at(0).on_shutdown();  // said while it closes: nothing is left to replace
    s.poll();
    CHECK(s.made_lines.size() == 2);
    CHECK(s.lines->up() == 0);
    CHECK_FALSE(s.lines->any([](const played_line& each) { return each.session.running; }));
    s.lines->subscribe(trades);
    s.bring_up(0);
    s.advance(10s);
    CHECK(s.made_lines.size() == 3);  // grown old
  }
  SECTION("it is stopped") {
    bool done = false;
    const auto work = [](line_set<played_line>& of, bool& ended) -> task<> {
      co_await of.stop(500ms);
      ended = true;
    };
    asio::co_spawn(s.bridge.context(), work(*s.lines, done), asio::detached);
    s.poll();
    s.advance(20ms);
    CHECK(done);
    CHECK(s.lines->up() == 0);
    CHECK(s.lines->tasks().empty());
    s.advance(1min);
    CHECK(s.made_lines.size() == 2);
  }
}

TEST_CASE("line_set: two lines are one to everybody") {
  line_settings two = scene::settings();
  two.count = 2;
  scene s{two};
  s.lines->subscribe(both);
  REQUIRE(s.made_lines.size() == 2);
  s.bring_up(1);
  CHECK(s.at(1).told_whole);
  CHECK(s.at(1).leads);  // the other is not there yet
  s.bring_up(0);
  CHECK_FALSE(s.at(0).told_whole);
  CHECK_FALSE(s.at(0).leads);
  (void)s.told();

  SECTION("the one that leads is lost") {
    s.at(1).lose(session_state::reconnecting);
    CHECK_FALSE(s.at(1).told_lost);
    CHECK(s.at(0).leads);
    CHECK_FALSE(s.at(1).leads);
    CHECK(s.told() == names{"line_changed"});
    s.bring_up(1);
    CHECK(s.at(0).leads);
    CHECK(s.told().empty());
  }
  SECTION("the other is lost") {
    s.at(0).lose(session_state::reconnecting);
    CHECK(s.told().empty());
    s.at(1).lose(session_state::reconnecting);
    CHECK(s.at(1).told_lost);
  }
  SECTION("both grow old: one after the other is replaced") {
    s.advance(10s);
    CHECK(s.made_lines.size() == 3);
    s.bring_up(2);
    s.advance(1100ms);
    CHECK(s.lines->up() == 2);
    REQUIRE(s.made_lines.size() == 4);
    s.bring_up(3);
    s.advance(1100ms);
    CHECK(s.lines->up() == 2);
    CHECK(s.out.counters().rotations.get() == 2);
    CHECK((s.at(2).leads != s.at(3).leads));
  }
  SECTION("one gives up") {
    s.at(0).lose(session_state::error);
    CHECK(s.made_lines[0]->given_up == 1);
    CHECK(s.lines->is_up());
  }
}

TEST_CASE("line_set: what another line has already is not confirmed anew") {
  scene s;
  names confirmed;
  std::vector<bool> alone;
  s.lines->on_confirmed = [&](const names& fresh) { confirmed.insert(confirmed.end(), fresh.begin(), fresh.end()); };
  s.lines->on_connected = [&](bool only) { alone.push_back(only); };
  s.lines->subscribe(both);
  s.bring_up(0);
  CHECK(confirmed == names{"btcusdt@kline_1m", "btcusdt@trade"});
  s.lines->rotate();
  s.bring_up(1);
  CHECK(confirmed.size() == 2);
  CHECK(alone == std::vector<bool>{true, false});
}

}  // namespace
