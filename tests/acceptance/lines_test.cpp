// tests/acceptance/lines_test.cpp: connections that are replaced, doubled and lost while ticks go on: each id once and
// in order, whatever happens to the lines that bring it.
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/feed/line_settings.hpp>

#include <catch2/catch.hpp>

#include <support/line_scene.hpp>
#include <support/live_feed.hpp>
#include <support/sanitizer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

namespace {

using namespace foxtrot;
using foxtrot_test::bound;
using foxtrot_test::eventually;
using foxtrot_test::hasty_lines;
using foxtrot_test::line_scene;
using foxtrot_test::line_scene_settings;
using namespace std::chrono_literals;

line_scene_settings of_lines(std::size_t count) {
  line_scene_settings made;
  made.lines = hasty_lines(count);
  return made;
}

/// Waits until all of so many connections have been replaced, and none of the old ones is left.
bool rotated(line_scene& scene, std::uint64_t rotations, std::size_t websockets) {
  return eventually([&] { return scene.counters().rotations.get() >= rotations; }) && scene.wait_whole(websockets);
}

TEST_CASE("lines: a rotation loses nothing and repeats nothing; the new connection lives before the old one ends",
          "[acceptance]") {
  const std::size_t count = GENERATE(1U, 2U);
  line_scene scene{of_lines(count)};
  REQUIRE(scene.wait_whole(count));
  for (std::uint64_t i = 1; i <= 5; ++i) {
    scene.feed().rotate();
    REQUIRE(rotated(scene, i * count, count));
  }
  scene.check_untouched();
  CHECK(scene.counters().failed_rotations.get() == 0);
  CHECK(scene.counters().rotations.get() == 5 * count);
  CHECK(scene.venue().statistics().most_websockets_at_once > count);
  CHECK(scene.venue().statistics().websockets == 6 * count);
  CHECK(scene.counters().line_duplicates.get() > 0);
  CHECK(scene.told(status_code::disconnected) == 0);
  CHECK(scene.told(status_code::connected) == 1);
  CHECK(scene.told(status_code::stale) == 0);
}

TEST_CASE("lines: a connection is replaced at its age, again and again", "[acceptance]") {
  const std::size_t count = GENERATE(1U, 2U);
  line_scene_settings wanted = of_lines(count);
  wanted.lines.rotate_after = 300ms;
  wanted.lines.rotate_jitter = 100ms;
  line_scene scene{wanted};
  REQUIRE(eventually([&] { return scene.counters().rotations.get() >= 4 * count; }));
  scene.check_untouched();
  CHECK(scene.counters().failed_rotations.get() == 0);
  CHECK(scene.told(status_code::disconnected) == 0);
}

TEST_CASE("lines: serverShutdown replaces what it was told to, before the venue hangs up", "[acceptance]") {
  const std::size_t count = GENERATE(1U, 2U);
  const std::string whom = GENERATE("", "oldest ", "newest ");
  line_scene scene{of_lines(count)};
  REQUIRE(scene.wait_whole(count));
  scene.suffer("0s server-shutdown " + whom + "cut 1500ms");
  const std::uint64_t hit = whom.empty() ? count : 1;
  REQUIRE(rotated(scene, hit, count));
  REQUIRE(scene.wait_ticks(500));
  scene.check_untouched();
  CHECK(scene.venue().statistics().websockets == count + hit);
  CHECK(scene.told(status_code::shutdown_announced) >= 1);
  CHECK(scene.told(status_code::disconnected) == 0);
}

TEST_CASE("lines: serverShutdown while a rotation is under way asks for no second one", "[acceptance]") {
  const std::size_t count = GENERATE(1U, 2U);
  line_scene scene{of_lines(count)};
  REQUIRE(scene.wait_whole(count));
  scene.suffer("0s accept-delay 200ms");
  scene.feed().rotate();
  REQUIRE(eventually([&] { return scene.venue().statistics().connections > count; }));
  scene.suffer("0s server-shutdown cut 1500ms");
  REQUIRE(rotated(scene, count, count));
  scene.suffer("0s clear");
  REQUIRE(scene.wait_ticks(500));
  scene.check_untouched();
  CHECK(scene.venue().statistics().websockets == 2 * count);
  CHECK(scene.told(status_code::disconnected) == 0);
}

TEST_CASE("lines: a connection that drops right after a rotation is made again, and what that cost is told",
          "[acceptance]") {
  const std::size_t count = GENERATE(1U, 2U);
  line_scene scene{of_lines(count)};
  REQUIRE(scene.wait_whole(count));
  for (std::uint64_t i = 1; i <= 5; ++i) {
    scene.feed().rotate();
    REQUIRE(rotated(scene, i * count, count));
    REQUIRE(scene.lose("0s reset newest", 1, count));
  }
  if (count == 1) {
    CHECK(scene.wait_ticks(1'000));
    CHECK(scene.settle());
    CHECK(scene.told(status_code::disconnected) == 5);
    (void)scene.verdict(false);
    scene.check_honest();
  } else {
    scene.check_untouched();
    CHECK(scene.told(status_code::disconnected) == 0);
    CHECK(scene.counters().lost_lines.get() == 5);
  }
}

TEST_CASE("lines: a line that is lost while another serves is nobody's loss", "[acceptance]") {
  line_scene scene{of_lines(2)};
  REQUIRE(scene.wait_whole(2));
  for (int i = 0; i < 10; ++i) {
    const char* const fault = i % 4 == 0   ? "0s reset one"
                              : i % 4 == 1 ? "0s fin oldest"
                              : i % 4 == 2 ? "0s close newest 1001"
                                           : "0s reset oldest";
    REQUIRE(scene.lose(fault, 1, 2));
    REQUIRE(scene.wait_ticks(200));
  }
  scene.check_untouched();
  CHECK(scene.told(status_code::disconnected) == 0);
  CHECK(scene.counters().lost_lines.get() == 10);
  CHECK(scene.counters().line_duplicates.get() > 0);
}

TEST_CASE("lines: both lines lost at once is a loss, told as one, and both come back", "[acceptance]") {
  line_scene scene{of_lines(2)};
  REQUIRE(scene.wait_whole(2));
  for (int i = 0; i < 5; ++i) {
    REQUIRE(scene.lose("0s reset", 2, 2));
    REQUIRE(scene.wait_ticks(500));
  }
  CHECK(scene.settle());
  // where one was lost and back before the other was lost there was no outage
  CHECK(scene.told(status_code::disconnected) >= 1);
  CHECK(scene.told(status_code::disconnected) <= 5);
  CHECK(scene.told(status_code::connected) == scene.told(status_code::disconnected) + 1);
  (void)scene.verdict(false);
  scene.check_honest();
}

TEST_CASE("lines: where the new connection is refused or never gets ready the old one serves on", "[acceptance]") {
  const std::string obstacle = GENERATE("upgrade 503", "upgrade 429 retry-after 1", "upgrade-stall", "refuse",
                                        "handshake-stall", "ack-loss", "certificate expired", "flap");
  INFO(obstacle);
  line_scene_settings wanted = of_lines(1);
  wanted.lines.handover_limit = bound(400ms);
  line_scene scene{wanted};
  REQUIRE(scene.wait_whole(1));
  scene.suffer("0s " + obstacle);
  scene.feed().rotate();
  REQUIRE(eventually([&] { return scene.counters().failed_rotations.get() >= 1; }));
  REQUIRE(scene.wait_ticks(500));
  CHECK(scene.counters().rotations.get() == 0);
  CHECK(scene.told(status_code::disconnected) == 0);
  scene.suffer("0s clear");
  if (scene.counters().rotations.get() == 0) scene.feed().rotate();
  REQUIRE(rotated(scene, 1, 1));
  scene.check_untouched();
  CHECK(scene.told(status_code::disconnected) == 0);
}

TEST_CASE("lines: a rotation may end at any moment, by a stop", "[acceptance]") {
  const std::size_t count = GENERATE(1U, 2U);
  line_scene scene{of_lines(count)};
  for (std::size_t i = 0; i < foxtrot_test::repetitions(40); ++i) {
    REQUIRE(scene.wait_whole(count));
    scene.feed().rotate();
    std::this_thread::sleep_for(i * 2ms);  // where in the rotation: from before its first packet to after its last
    const auto before = std::chrono::steady_clock::now();
    CHECK_FALSE(scene.feed().disconnect());
    CHECK(std::chrono::steady_clock::now() - before < bound(2s));
    CHECK(scene.feed().tasks().empty());
    CHECK(eventually([&] { return scene.venue().statistics().open_connections == 0; }));
    CHECK(scene.gaps() == 0);
    scene.check_honest();
    scene.open();
  }
}

TEST_CASE("lines: any line may be lost at any moment of a rotation", "[acceptance]") {
  const std::size_t count = GENERATE(1U, 2U);
  const std::string whom = GENERATE("oldest", "newest");
  line_scene scene{of_lines(count)};
  REQUIRE(scene.wait_whole(count));
  for (std::size_t i = 0; i < foxtrot_test::repetitions(40); ++i) {
    INFO("moment " << i);
    const std::uint64_t before = scene.counters().rotations.get();
    scene.feed().rotate();
    std::this_thread::sleep_for(i * 2ms);  // where in the rotation
    scene.suffer("0s reset " + whom);
    // where the only line is lost before it was told to be replaced nothing is
    REQUIRE((count == 1 || eventually([&] { return scene.counters().rotations.get() > before; })));
    REQUIRE(scene.wait_whole(count));
  }
  if (count == 2) {
    scene.check_untouched();
    CHECK(scene.told(status_code::disconnected) == 0);
  } else {
    CHECK(scene.wait_ticks(1'000));
    CHECK(scene.settle());
    (void)scene.verdict(false);
    scene.check_honest();
  }
}

TEST_CASE("lines: with delays the first arrival wins, and nothing comes twice or out of order", "[acceptance]") {
  line_scene_settings wanted = of_lines(2);
  wanted.kinds.emplace_back("@aggTrade");
  line_scene scene{wanted};
  REQUIRE(scene.wait_whole(2));
  scene.suffer("0s delay 20ms");
  for (std::uint64_t i = 1; i <= 5; ++i) {
    REQUIRE(scene.wait_ticks(2'000));
    scene.feed().rotate();
    REQUIRE(rotated(scene, 2 * i, 2));
  }
  scene.suffer("0s clear");
  scene.check_untouched();
  CHECK(scene.counters().line_duplicates.get() > 0);
}

TEST_CASE("lines: what one line lacks comes from the other", "[acceptance]") {
  line_scene_settings wanted = of_lines(2);
  wanted.kinds = {"@trade", "@aggTrade", "@depth@100ms"};  // which say what comes before them
  wanted.events_per_second = 15'000;
  line_scene scene{wanted};
  REQUIRE(scene.wait_whole(2));
  const std::string disturbance = GENERATE("drop 1/50", "drop 1/50\n0s delay 20ms", "duplicate 1/20",
                                           "duplicate 1/20\n0s drop 1/50\n0s delay 20ms");
  INFO(disturbance);
  scene.suffer("0s " + disturbance);
  REQUIRE(scene.wait_ticks(20'000));
  scene.suffer("0s clear");
  REQUIRE(scene.wait_ticks(2'000));
  CHECK(scene.settle());
  CHECK(scene.verdict().told == 0);  // told is what neither was sent
  scene.check_honest();
}

TEST_CASE("lines: each id once and in order or told as a gap, never both, whatever goes wrong on both lines",
          "[acceptance]") {
  line_scene_settings wanted = of_lines(2);
  wanted.kinds.emplace_back("@aggTrade");
  wanted.lines.rotate_after = 700ms;
  wanted.lines.rotate_jitter = 300ms;
  line_scene scene{wanted};
  REQUIRE(scene.wait_whole(2));
  scene.suffer("0s drop 1/100\n0s duplicate 1/100\n0s reorder 1/100\n0s delay 20ms");
  for (int i = 0; i < 10; ++i) {
    REQUIRE(scene.wait_ticks(3'000));
    scene.suffer(i % 3 == 0 ? "0s reset one" : i % 3 == 1 ? "0s server-shutdown one cut 300ms" : "0s reset");
  }
  scene.suffer("0s clear");
  REQUIRE(scene.wait_whole(2));
  REQUIRE(scene.wait_ticks(3'000));
  CHECK(scene.settle());
  (void)scene.verdict(false);
  scene.check_honest();
  CHECK(scene.gaps() > 0);
}

TEST_CASE("lines: lines that are further apart than any limit lose something, perhaps, but never without a word",
          "[acceptance]") {
  const std::size_t count = GENERATE(1U, 2U);
  line_scene_settings wanted = of_lines(count);
  wanted.lines.hold_limit = 50ms;
  line_scene scene{wanted};
  REQUIRE(scene.wait_whole(count));
  scene.suffer("0s delay 300ms\n0s drop 1/200");
  for (std::uint64_t i = 1; i <= 5; ++i) {
    scene.feed().rotate();
    REQUIRE(rotated(scene, i * count, count));
  }
  scene.suffer("0s clear");
  CHECK(scene.settle());
  (void)scene.verdict(false);
  scene.check_honest();
  CHECK(scene.told(status_code::disconnected) == 0);
}

TEST_CASE("lines: more streams than one connection takes are one feed, through rotations and changes", "[acceptance]") {
  line_scene_settings wanted = of_lines(1);
  wanted.lines.max_streams = 4;
  wanted.symbols = 6;  // 18 streams: five connections
  line_scene scene{wanted};
  REQUIRE(scene.wait_whole(5));
  scene.feed().rotate();
  REQUIRE(rotated(scene, 5, 5));
  scene.suffer("0s server-shutdown one cut 1500ms");
  REQUIRE(rotated(scene, 6, 5));
  REQUIRE(scene.wait_ticks(1'000));
  scene.check_untouched();
  CHECK(scene.told(status_code::connected) == 1);
  const exchange_statistics seen = scene.venue().statistics();
  CHECK(seen.most_streams_per_websocket <= 4);
  CHECK(seen.dropped_noisy == 0);
  CHECK(seen.most_messages_per_second <= 5);
}

}  // namespace
