// tests/feed/detail/ping_pong_test.cpp: pongs and pings within the limit in any window, and a dead peer is found.
#include <foxtrot/feed/detail/ping_pong.hpp>

#include <catch2/catch.hpp>

#include <support/loop_fixture.hpp>

#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot::detail::ping_pong;
using strings = std::vector<std::string>;

struct scene : foxtrot_test::loop_fixture {
  explicit scene(rate_limit_settings wanted = {.limit = 5, .window = 1000ms, .reserve = 1})
      : limit{wanted}, messages{wanted} {}

  void send_request() {
    if (messages.try_acquire(time.now())) note("request");
  }
  void note(std::string what) {
    sent.push_back(std::move(what));
    times.push_back(time.now());
  }
  strings take() { return std::exchange(sent, {}); }
  /// The most that were sent in any window of that length.
  [[nodiscard]] std::size_t most_in(steady_time::duration window) const {
    std::size_t most = 0;
    for (std::size_t from = 0, to = 0; from < times.size(); ++from) {
      while (to < times.size() && times[to] - times[from] < window) ++to;
      most = std::max(most, to - from);
    }
    return most;
  }

  rate_limit_settings limit;
  rate_limiter messages;
  strings sent;
  std::vector<steady_time> times;  // of all that was ever sent
  std::vector<std::error_code> ends;
  std::vector<steady_time::duration> trips;
  std::error_code refuse;      // what sending meets
  std::string waits_unread{};  // a pong that look() finds
  ping_pong pings{timers,
                  messages,
                  limit,
                  {.send = [this](opcode op, std::string_view payload) -> std::error_code {
                     if (refuse) return refuse;
                     note((op == opcode::pong ? "pong " : "ping ") + std::string{payload});
                     return {};
                   },
                   .look =
                       [this] {
                         if (!waits_unread.empty()) pings.on_pong(std::exchange(waits_unread, {}));
                       },
                   .give_up = [this](std::error_code why) { ends.push_back(why); },
                   .measured = [this](steady_time::duration trip) { trips.push_back(trip); }}};
};

TEST_CASE("ping_pong: a ping is answered after the read that brought it, with its payload") {
  scene s;
  s.pings.answer();
  CHECK(s.take().empty());
  s.pings.on_ping("a");
  CHECK(s.take().empty());
  s.pings.answer();
  CHECK(s.take() == strings{"pong a"});
  s.pings.answer();
  CHECK(s.take().empty());
  s.advance(1s);
  s.pings.on_ping("");
  s.pings.answer();
  CHECK(s.take() == strings{"pong "});
}

TEST_CASE("ping_pong: of several pings the latest is answered, as soon as the limit allows") {
  scene s;
  s.pings.on_ping("1");
  s.pings.on_ping("2");
  s.pings.answer();
  s.pings.on_ping("3");
  s.pings.answer();
  s.pings.on_ping("4");
  s.pings.answer();
  CHECK(s.take() == strings{"pong 2"});
  CHECK(s.timers.size() == 1);
  s.advance(1s - 1ns);
  CHECK(s.take().empty());
  s.advance(1ns);
  CHECK(s.take() == strings{"pong 4"});
  s.advance(1h);
  CHECK(s.take().empty());
  CHECK(s.timers.size() == 0);
}

TEST_CASE("ping_pong: pings and pongs at random: the limit holds in any window, and the last ping is answered") {
  std::mt19937 random{3};
  for (int round = 0; round < 30; ++round) {
    const std::size_t limit = 2 + random() % 6;
    const std::size_t reserve = random() % limit;
    scene s{{.limit = limit, .window = 1000ms, .reserve = reserve}};
    s.pings.start(std::chrono::milliseconds{50 + random() % 2'000}, 1h);
    int last = 0;
    std::string open_ping;
    for (int i = 0; i < 1'500; ++i) {
      switch (random() % 4) {
        case 0: s.pings.on_ping(std::to_string(++last)); [[fallthrough]];
        case 1: s.pings.answer(); break;
        case 2: s.send_request(); break;
        default: break;
      }
      s.advance(std::chrono::microseconds{random() % (round % 2 == 0 ? 20'000 : 700'000)});
      if (!s.sent.empty() && s.sent.back().starts_with("ping ")) s.pings.on_pong(s.sent.back().substr(5));
    }
    s.pings.answer();
    s.advance(5s);
    CHECK(s.most_in(1s) <= limit);
    std::string last_pong;
    std::size_t pongs = 0;
    for (const std::string& each : s.sent) {
      if (!each.starts_with("pong ")) continue;
      ++pongs;
      last_pong = each;
    }
    CHECK(last_pong == "pong " + std::to_string(last));
    CHECK(pongs > 10);
    CHECK(s.ends.empty());
  }
}

TEST_CASE("ping_pong: a flood of pings keeps no request from leaving") {
  scene s;
  for (int i = 0; i < 1'000; ++i) {
    s.pings.on_ping("p");
    s.pings.answer();
    s.advance(1ms);
  }
  std::size_t requests = 0;
  for (int i = 0; i < 4; ++i) requests += s.messages.try_acquire(s.time.now()) ? 1 : 0;
  CHECK(requests >= 3);  // the other one is the pong's that has just left
}

TEST_CASE("ping_pong: pings of ours go out, and their way there and back is measured") {
  scene s;
  s.pings.start(30s, 10s);
  s.advance(30s);
  CHECK(s.take() == strings{"ping 1"});
  s.advance(3s);
  s.pings.on_pong("0");
  s.pings.on_pong("");
  CHECK(s.trips.empty());  // unsolicited
  s.pings.on_pong("1");
  s.pings.on_pong("1");
  CHECK(s.trips == std::vector<steady_time::duration>{3s});
  s.advance(27s);
  CHECK(s.take() == strings{"ping 2"});
  CHECK(s.ends.empty());
}

TEST_CASE("ping_pong: zero is never") {
  scene s;
  s.pings.start(0ms, 10s);
  CHECK(s.timers.size() == 0);
  s.advance(1h);
  CHECK(s.take().empty());
}

TEST_CASE("ping_pong: no pong in time is the end, but what waits unread is looked at before") {
  scene s;
  s.pings.start(30s, 10s);
  s.advance(30s);
  SECTION("it waits") {
    s.waits_unread = "1";
    s.advance(20s);
    CHECK(s.ends.empty());
    CHECK(s.trips == std::vector<steady_time::duration>{10s});
    s.advance(10s);
    CHECK(s.take() == strings{"ping 1", "ping 2"});
  }
  SECTION("it does not") {
    s.advance(10s - 1ns);
    CHECK(s.ends.empty());
    s.advance(1ns);
    REQUIRE(s.ends.size() == 1);
    CHECK(s.ends.front() == errc::heartbeat_lost);
  }
  SECTION("another one's waits") {
    s.waits_unread = "7";
    s.advance(10s);
    CHECK(s.ends.size() == 1);
  }
}

TEST_CASE("ping_pong: requests go before: a ping that the limit does not allow waits for its next turn") {
  scene s;
  s.pings.start(30s, 10s);
  s.advance(30s - 1ms);
  for (int i = 0; i < 4; ++i) s.send_request();
  (void)s.take();
  s.advance(1ms);
  CHECK(s.take().empty());
  s.advance(29s);
  CHECK(s.take().empty());
  s.advance(1s);
  CHECK(s.take() == strings{"ping 1"});
  CHECK(s.ends.empty());
}

TEST_CASE("ping_pong: what cannot be sent ends the connection, unless its goodbye is under way") {
  scene s;
  s.refuse = errc::would_block;
  bool ends = true;
  SECTION("too much waits to be sent") {}
  SECTION("a close was sent") {
    s.refuse = errc::closed;
    ends = false;
  }
  s.pings.on_ping("x");
  s.pings.answer();
  CHECK(s.ends.size() == (ends ? 1U : 0U));
  s.ends.clear();
  s.pings.start(30s, 10s);
  s.advance(39s);
  CHECK(s.ends.size() == (ends ? 1U : 0U));
  s.advance(15s);  // nothing is due for a ping that never left
  CHECK(s.ends.size() == (ends ? 1U : 0U));
}

TEST_CASE("ping_pong: destroyed, it leaves no timer behind") {
  foxtrot_test::loop_fixture f;
  rate_limiter messages;
  {
    ping_pong pings{f.timers,
                    messages,
                    {},
                    {.send = [](opcode, std::string_view) { return std::error_code{}; },
                     .look = [] {},
                     .give_up = [](std::error_code) {},
                     .measured = [](steady_time::duration) {}}};
    pings.start(10ms, 1h);
    f.advance(10ms);
    pings.on_ping("a");
    pings.answer();
    pings.on_ping("b");
    pings.answer();
    CHECK(f.timers.size() == 3);
  }
  CHECK(f.timers.size() == 0);
}

}  // namespace
