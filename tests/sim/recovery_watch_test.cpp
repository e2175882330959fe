// tests/sim/recovery_watch_test.cpp: when trouble is seen, and when all is well again.
#include <foxtrot/sim/recovery_watch.hpp>

#include <catch2/catch.hpp>

#include <support/event_teller.hpp>

#include <chrono>
#include <stop_token>
#include <thread>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using clock = recovery_watch::clock;

/// Three streams of one symbol.
struct scene {
  void speak() {
    feed.quote(++id);
    feed.trade(++id);
    feed.depth(id, id);
  }
  [[nodiscard]] bool is_whole() const { return watch.look().whole_since.has_value(); }
  [[nodiscard]] bool has_data() const { return watch.look().data_since.has_value(); }

  recovery_watch watch{3};
  foxtrot_test::event_teller feed{[this](const event& told) { watch.on(told); }};
  std::uint64_t id{0};
};

TEST_CASE("recovery_watch: whole once connected and every stream has spoken") {
  scene s;
  s.speak();
  CHECK_FALSE(s.is_whole());  // not connected
  CHECK_FALSE(s.has_data());
  s.feed.say(status_code::connected);
  s.feed.quote(1);
  CHECK(s.has_data());
  s.feed.quote(2);
  s.feed.trade(1);
  CHECK_FALSE(s.is_whole());
  s.feed.depth(1, 1);
  CHECK(s.is_whole());
}

TEST_CASE("recovery_watch: what takes its wholeness away, and what gives it back") {
  const auto trouble = GENERATE(as<int>{}, 0, 1, 2, 3);
  scene s;
  s.feed.say(status_code::connected);
  s.speak();
  REQUIRE(s.is_whole());
  const auto begin = [&] {
    if (trouble == 0) s.feed.say(status_code::disconnected);
    if (trouble == 1) s.feed.say(status_code::stale, "BTC");
    if (trouble == 2) s.feed.say(status_code::fallback_started);
    if (trouble == 3) s.feed.gap(tick_kind::depth_update, 1, 2);
  };
  const auto end = [&] {
    if (trouble == 0) s.feed.say(status_code::connected);
    if (trouble == 1) s.feed.say(status_code::fresh, "BTC");
    if (trouble == 2) s.feed.say(status_code::fallback_ended);
    if (trouble == 3) s.feed.say(status_code::resynchronised, "BTC");
  };
  s.watch.look_out_for({});
  begin();
  CHECK(s.watch.look().last_trouble.has_value());
  CHECK_FALSE(s.is_whole());
  s.speak();
  CHECK_FALSE(s.is_whole());
  end();
  s.speak();
  CHECK(s.is_whole());
}

TEST_CASE("recovery_watch: a hole in the trades is over with the next tick") {
  scene s;
  s.feed.say(status_code::connected);
  s.speak();
  s.feed.gap(tick_kind::trade, 2, 3);
  CHECK_FALSE(s.is_whole());
  s.feed.trade(4);
  CHECK(s.is_whole());
}

TEST_CASE("recovery_watch: the first witness counts, of those that are looked for") {
  scene s;
  s.watch.look_out_for({status_code::stale, status_code::disconnected});
  s.feed.say(status_code::connected);
  CHECK_FALSE(s.watch.look().detected.has_value());
  s.feed.say(status_code::stale, "BTC");
  const auto first = s.watch.look().detected;
  REQUIRE(first.has_value());
  s.feed.say(status_code::disconnected);
  CHECK(s.watch.look().detected == first);
  s.watch.look_out_for({status_code::stale});
  CHECK_FALSE(s.watch.look().detected.has_value());
}

TEST_CASE("recovery_watch: polled ticks count from the fallback on, and never as data again") {
  scene s;
  s.watch.look_out_for({});
  s.feed.quote(0, "BTC", source::http);
  CHECK_FALSE(s.watch.look().polled.has_value());
  s.feed.say(status_code::disconnected);
  s.feed.say(status_code::fallback_started);
  s.feed.quote(0, "BTC", source::http);
  REQUIRE(s.watch.look().polled.has_value());
  CHECK(*s.watch.look().polled >= *s.watch.look().fell_back);
  s.feed.say(status_code::connected);
  s.feed.say(status_code::fallback_ended);
  s.feed.trade(1, "BTC", source::http);
  CHECK_FALSE(s.has_data());
  s.feed.trade(2);
  CHECK(s.has_data());
}

TEST_CASE("recovery_watch: asked for proof, every stream has to speak anew, and data has not stopped") {
  scene s;
  s.feed.say(status_code::connected);
  s.speak();
  const auto since = s.watch.look().data_since;
  s.watch.ask_for_proof();
  CHECK_FALSE(s.is_whole());
  s.speak();
  CHECK(s.is_whole());
  CHECK(s.watch.look().data_since == since);
}

TEST_CASE("recovery_watch: waits end by what they wait for, by time, and by a stop") {
  scene s;
  CHECK_FALSE(s.watch.wait_whole({}, clock::now()));
  CHECK_FALSE(s.watch.wait_detected({}, clock::now()));
  CHECK(s.watch.pass({}, clock::now()));

  s.watch.look_out_for({status_code::disconnected});
  std::jthread teller{[&s] {
    s.feed.say(status_code::disconnected);
    s.feed.say(status_code::connected);
    s.speak();
  }};
  CHECK(s.watch.wait_detected({}, clock::now() + 1min));
  CHECK(s.watch.wait_whole({}, clock::now() + 1min));
  teller.join();

  std::stop_source stop;
  std::jthread stopper{[&stop] { stop.request_stop(); }};
  CHECK_FALSE(s.watch.pass(stop.get_token(), clock::now() + 1min));
  CHECK_FALSE(s.watch.wait_whole(stop.get_token(), clock::now() + 1min));
}

}  // namespace
