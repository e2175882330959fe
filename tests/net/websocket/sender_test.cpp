#include <foxtrot/net/websocket/sender.hpp>

#include <support/loop_fixture.hpp>
#include <support/memory_stream.hpp>
#include <support/websocket_frames.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace foxtrot;
using namespace foxtrot_test;

TEST_CASE("sender: a server's frames leave unmasked, a client's masked afresh each time", "[net]") {
  loop_fixture f;
  auto [one, other] = memory_stream::make_pair(f.loop);
  frame_sender<websocket_role::server> server{1000};
  CHECK_FALSE(server.queue(opcode::text, "hello"));
  CHECK_FALSE(server.flush(one));
  CHECK(other.end()->received == raw_frame(0x81, "hello"));

  other.end()->received.clear();
  frame_sender<websocket_role::client> client{1000};
  CHECK_FALSE(client.queue(opcode::text, "hello"));
  CHECK_FALSE(client.queue(opcode::text, "hello"));
  CHECK_FALSE(client.flush(one));
  const std::string wire = other.end()->received;
  REQUIRE(wire.size() == 2 * (6 + 5));
  const std::string first = wire.substr(0, 11);
  const std::string second = wire.substr(11);
  CHECK(first == raw_masked_frame(0x81, "hello", first.substr(2, 4)));
  CHECK(second == raw_masked_frame(0x81, "hello", second.substr(2, 4)));
  CHECK(first != second);
  CHECK(client.frames() == 2);
}

TEST_CASE("sender: keeps to its bound and takes a frame whole or not at all", "[net]") {
  loop_fixture f;
  auto [one, other] = memory_stream::make_pair(f.loop);
  other.end()->capacity = 0;
  frame_sender<websocket_role::server> sender{100};
  CHECK(sender.queue(opcode::text, std::string(99, 'x')) == errc::bad_argument);  // with its header it never fits
  CHECK(sender.queue(opcode::ping, std::string(126, 'x')) == errc::bad_argument);
  CHECK_FALSE(sender.queue(opcode::text, std::string(50, 'x')));
  CHECK(sender.queue(opcode::text, std::string(50, 'y')) == errc::would_block);
  CHECK(sender.unsent() == 52);
  CHECK(sender.flush(one) == errc::would_block);
  other.end()->capacity = 10;
  CHECK(sender.flush(one) == errc::would_block);
  CHECK(sender.unsent() == 42);
  other.end()->capacity = 1000;
  CHECK_FALSE(sender.flush(one));
  CHECK(other.end()->received == raw_frame(0x81, std::string(50, 'x')));
}

TEST_CASE("sender: pongs without room shrink to the latest one", "[net]") {
  loop_fixture f;
  auto [one, other] = memory_stream::make_pair(f.loop);
  frame_sender<websocket_role::server> sender{10};
  for (int i = 0; i < 9; ++i) sender.queue_pong("p" + std::to_string(i), false);  // four bytes each
  CHECK_FALSE(sender.flush(one));
  CHECK(other.end()->received == raw_frame(0x8a, "p0") + raw_frame(0x8a, "p1") + raw_frame(0x8a, "p8"));
  other.end()->received.clear();
  for (int i = 0; i < 9; ++i) sender.queue_pong("q" + std::to_string(i), true);
  CHECK_FALSE(sender.flush(one));
  CHECK(other.end()->received == raw_frame(0x8a, "q8"));
}

TEST_CASE("sender: the close is the last frame", "[net]") {
  loop_fixture f;
  auto [one, other] = memory_stream::make_pair(f.loop);
  frame_sender<websocket_role::server> sender{4};
  sender.queue_pong("late pong", true);
  sender.queue_close(close_code::going_away, "bye");
  sender.queue_close(close_code::normal, "again");
  sender.queue_pong("later", false);
  CHECK(sender.queue(opcode::text, "x") == errc::closed);
  CHECK_FALSE(sender.flush(one));
  CHECK(other.end()->received == raw_frame(0x88, std::string{"\x03\xe9"} + "bye"));
}
