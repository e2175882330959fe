// tests/acceptance/delivery_test.cpp: whatever pieces a session arrives in, the messages are the same to the bit.
#include <foxtrot/capture/reader.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <support/captures.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using strings = std::vector<std::string>;

/// What a server sends, frame by frame, and what a client must make of it.
struct session {
  strings frames;
  strings events;

  void add(unsigned first, const std::string& payload, const std::string& event) {
    frames.push_back(raw_frame(first, payload));
    if (!event.empty()) events.push_back(event);
  }
  void text(const std::string& payload) { add(0x81, payload, "text:" + payload); }

  [[nodiscard]] std::string bytes() const {
    std::string all;
    for (const std::string& frame : frames) all += frame;
    return all;
  }
  /// Its beginning, up to so many bytes.
  [[nodiscard]] session first(std::size_t most) const {
    session some;
    for (std::size_t i = 0, size = 0; i < frames.size() && (size += frames[i].size()) <= most; ++i) {
      some.frames.push_back(frames[i]);
      if (i < events.size()) some.events.push_back(events[i]);
    }
    return some;
  }
};

std::string random_text(std::size_t size) {
  std::string text = random_bytes(size, static_cast<unsigned>(size));
  for (char& c : text) c = static_cast<char>('a' + static_cast<unsigned char>(c) % 26);
  return text;
}

/// All kinds of frames; small ones only, or with every form of the length.
session every_kind(bool large) {
  session made;
  made.text("");
  made.text("x");
  made.text(R"({"e":"trade","s":"\u00fc"})");
  made.add(0x89, "ping", "ping:ping");
  made.add(0x01, "snow \xe2\x98", "");
  made.add(0x89, "inside", "ping:inside");
  made.add(0x00, "", "");
  made.add(0x8a, "inside", "pong:inside");
  made.add(0x80, "\x83 man", "text:snow \xe2\x98\x83 man");
  made.add(0x82, std::string("\0\xff\x80", 3), "binary:" + std::string("\0\xff\x80", 3));
  for (const std::size_t size : {124U, 125U, 126U, 127U, 128U, 300U}) made.text(std::string(size, 'm'));
  if (large) {
    for (const std::size_t size : {65'535U, 65'536U, 300'000U}) made.text(random_text(size));
  }
  made.add(0x89, "", "ping:");
  made.text("last");
  return made;
}

/// A connection to feed sessions through, one after the other. The client reads as a session does.
template <class Stream>
class feeder {
 public:
  explicit feeder(loop_fixture& f) : s_{f}, reading_{start(f)} {}
  ~feeder() {
    s_.client.close_now();
    (void)s_.f.run_until([&] { return reading_.done(); });
  }

  void send(std::string_view piece) {
    s_.peer.send(piece);
    sent_ += piece.size();
  }
  /// Sends, and goes on only when the client has read that much.
  void send_alone(std::string_view piece) {
    send(piece);
    arrive();
  }
  void arrive() {
    REQUIRE(s_.f.run_until([&] { return s_.client.counters().bytes == sent_ || reading_.done(); }));
    REQUIRE_FALSE(reading_.done());
  }
  /// What the client made of it since the last look.
  strings events() {
    arrive();
    (void)s_.peer.heard();  // pongs must not fill the socket
    s_.peer.heard().clear();
    return std::exchange(s_.log.events, {});
  }

 private:
  loop_fixture::running<std::error_code> start(loop_fixture& f) {
    if (s_.upgrade()) throw std::runtime_error{"no upgrade"};
    return f.start(read_to_end(s_.client, s_.log));
  }

  websocket_scene<Stream> s_;
  loop_fixture::running<std::error_code> reading_;
  std::uint64_t sent_{0};
};

template <class Stream>
void check_two_pieces(const session& whole) {
  loop_fixture f;
  feeder<Stream> to{f};
  const std::string bytes = whole.bytes();
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    to.send_alone(std::string_view{bytes}.substr(0, cut));
    to.send_alone(std::string_view{bytes}.substr(cut));
    const bool same = to.events() == whole.events;
    if (!same) FAIL("cut at " << cut);
  }
}

template <class Stream>
void check_single_bytes(const session& whole) {
  loop_fixture f;
  feeder<Stream> to{f};
  const std::string bytes = whole.bytes();
  for (std::size_t at = 0; at < bytes.size(); ++at) to.send(std::string_view{bytes}.substr(at, 1));  // a record each
  CHECK((to.events() == whole.events));
}

/// So many frames in a record: every number, or each double the one before.
template <class Stream>
void check_coalesced(const session& whole, bool every_number) {
  loop_fixture f;
  feeder<Stream> to{f};
  for (std::size_t together = 1; together <= 64; together = every_number ? together + 1 : together * 2) {
    INFO(together << " frames in a record");
    std::string record;
    std::size_t in_record = 0;
    for (const std::string& frame : whole.frames) {
      record += frame;
      if (++in_record == together) to.send(std::exchange(record, {})), in_record = 0;
    }
    if (!record.empty()) to.send(record);
    CHECK((to.events() == whole.events));
  }
  odd_sizes sizes{7};
  std::string_view left;
  const std::string bytes = whole.bytes();
  for (left = bytes; !left.empty();) {
    const std::string_view record = left.substr(0, sizes.next(16 * 1024));
    to.send(record);
    left.remove_prefix(record.size());
  }
  CHECK((to.events() == whole.events));
}

/// One recorded stream, up to so many messages.
session recorded(const std::string& path, std::size_t most) {
  session made;
  auto file = capture_reader::open(path).value();
  capture_record record;
  while (made.frames.size() < most && file.next(record)) made.text(std::string{record.payload});
  REQUIRE_FALSE(file.error());
  return made;
}

constexpr const char* recordings[] = {"spot/btcusdt_20240808.txt.gz", "spot/ethusdt_20240808.txt.gz",
                                      "spot/four_symbols_202110.txt.gz", "usdm/btcusdt_20240808.txt.gz",
                                      "usdm/many_symbols_202107.txt.gz"};

}  // namespace

TEMPLATE_TEST_CASE("delivery: a session cut in two at every byte", "[acceptance]", tcp_stream, tls_stream,
                   memory_tls_stream) {
  check_two_pieces<TestType>(every_kind(false));
}

TEMPLATE_TEST_CASE("delivery: a session byte by byte", "[acceptance]", tcp_stream, tls_stream, memory_tls_stream) {
  constexpr bool in_memory = std::is_same_v<TestType, memory_tls_stream>;  // whose queue would be long
  check_single_bytes<TestType>(every_kind(!sanitized && !in_memory));
}

TEMPLATE_TEST_CASE("delivery: a session of 1 to 64 frames a record", "[acceptance]", tcp_stream, tls_stream,
                   memory_tls_stream) {
  check_coalesced<TestType>(every_kind(true), !sanitized);
}

TEMPLATE_TEST_CASE("delivery: recorded sessions in pieces of every kind", "[acceptance]", tcp_stream, tls_stream) {
  for (const char* const name : recordings) {
    const auto path = capture_path(name);
    if (!path) return;
    INFO(name);
    const session all = recorded(*path, repetitions(100'000));
    REQUIRE(all.frames.size() > 10);
    check_coalesced<TestType>(all, false);
    check_single_bytes<TestType>(all.first(repetitions(100'000)));
    check_two_pieces<TestType>(all.first(repetitions(5'000)));
  }
}
