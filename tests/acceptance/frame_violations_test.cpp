// tests/acceptance/frame_violations_test.cpp: servers that break the rules of WebSocket frames, over TCP and TLS.
#include <foxtrot/net/websocket/stream.hpp>

#include <support/allocation_counter.hpp>
#include <support/loop_fixture.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using strings = std::vector<std::string>;

struct violation {
  std::string what;
  std::string bytes;
  errc error;
  unsigned code;
};

/// What the server sends after a proper message, and what the client must make of it: nothing but this error and this
/// close code.
template <class Stream>
void check(const violation& wrong, websocket_settings settings = {}) {
  INFO(wrong.what);
  loop_fixture f;
  websocket_scene<Stream> s{f, settings};
  REQUIRE_FALSE(s.upgrade());
  s.peer.send(raw_frame(0x81, "fine") + wrong.bytes);
  CHECK(s.read() == wrong.error);
  CHECK(s.log.events == strings{"text:fine"});
  CHECK(s.peer.frames() == strings{"8:" + close_payload(wrong.code)});

  // What follows is neither delivered nor answered, and the connection ends with the peer's word.
  s.peer.send(raw_frame(0x81, "ghost") + raw_frame(0x89, "ghost"));
  auto closing = f.start(read_to_end(s.client, s.log));
  f.poll();
  s.client.close_now();
  REQUIRE(f.run_until([&] { return closing.done(); }));
  CHECK(s.log.events == strings{"text:fine"});
  CHECK(s.peer.sees_end());
  CHECK(s.peer.heard().empty());
}

std::string header(unsigned first, unsigned second, std::uint64_t length, int bytes) {
  std::string made{static_cast<char>(first), static_cast<char>(second)};
  while (bytes-- > 0) made.push_back(static_cast<char>((length >> (8 * bytes)) & 0xffU));
  return made;
}

std::string named(const char* what, unsigned number) { return what + std::string{" "} + std::to_string(number); }

}  // namespace

TEMPLATE_TEST_CASE("frame violations: a header that may not be is answered with 1002", "[acceptance]", tcp_stream,
                   tls_stream) {
  check<TestType>({"masked", raw_masked_frame(0x81, "x", "abcd"), errc::websocket_masked_frame, 1002});
  check<TestType>({"masked ping", raw_masked_frame(0x89, "", "abcd"), errc::websocket_masked_frame, 1002});
  for (const unsigned bits : {0x10U, 0x20U, 0x40U, 0x70U}) {
    check<TestType>(
        {named("reserved bits on text", bits), raw_frame(0x81 | bits, "x"), errc::websocket_reserved_bits, 1002});
    check<TestType>(
        {named("reserved bits on a ping", bits), raw_frame(0x89 | bits, "x"), errc::websocket_reserved_bits, 1002});
  }
  for (unsigned op = 0; op < 16; ++op) {
    const bool known = op <= 2 || (op >= 8 && op <= 10);
    if (!known) check<TestType>({named("opcode", op), raw_frame(0x80 | op, "x"), errc::websocket_bad_opcode, 1002});
  }
  for (const unsigned op : {0x8U, 0x9U, 0xaU}) {
    check<TestType>({named("fragmented control", op), raw_frame(op, "x"), errc::websocket_bad_control_frame, 1002});
    check<TestType>({named("long control", op), raw_frame(0x80 | op, std::string(126, 'x')),
                     errc::websocket_bad_control_frame, 1002});
  }
}

TEMPLATE_TEST_CASE("frame violations: fragments out of order are answered with 1002", "[acceptance]", tcp_stream,
                   tls_stream) {
  const std::string begun = raw_frame(0x01, "begun ");
  check<TestType>({"stray continuation", raw_frame(0x80, "x"), errc::websocket_unexpected_continuation, 1002});
  check<TestType>({"stray first continuation", raw_frame(0x00, "x"), errc::websocket_unexpected_continuation, 1002});
  check<TestType>({"text inside", begun + raw_frame(0x81, "x"), errc::websocket_expected_continuation, 1002});
  check<TestType>({"binary inside", begun + raw_frame(0x82, "x"), errc::websocket_expected_continuation, 1002});
  check<TestType>({"another beginning", begun + raw_frame(0x01, "x"), errc::websocket_expected_continuation, 1002});
}

TEMPLATE_TEST_CASE("frame violations: a length that may not be is refused by its header, and nothing is allocated",
                   "[acceptance]", tcp_stream, tls_stream) {
  websocket_settings settings;
  settings.decoder.max_message = 1'000'000;
  const violation cases[] = {
      {"2^63 - 1", header(0x82, 127, ~0ULL >> 1U, 8), errc::websocket_message_too_big, 1009},
      {"2^63", header(0x82, 127, 1ULL << 63U, 8), errc::websocket_bad_length, 1002},
      {"2^64 - 1", header(0x82, 127, ~0ULL, 8), errc::websocket_bad_length, 1002},
      {"125 in two bytes", header(0x82, 126, 125, 2), errc::websocket_bad_length, 1002},
      {"0 in two bytes", header(0x81, 126, 0, 2), errc::websocket_bad_length, 1002},
      {"65535 in eight bytes", header(0x82, 127, 65535, 8), errc::websocket_bad_length, 1002},
      {"1 in eight bytes", header(0x81, 127, 1, 8), errc::websocket_bad_length, 1002},
      {"one more than the limit", header(0x81, 127, 1'000'001, 8), errc::websocket_message_too_big, 1009},
      {"one more than the limit, continued", raw_frame(0x01, "x") + header(0x80, 127, 1'000'000, 8),
       errc::websocket_message_too_big, 1009},
  };
  for (const violation& wrong : cases) {
    check<TestType>(wrong, settings);

    // Only the header ever arrives: at most ten bytes, and they are enough.
    if (wrong.bytes.size() > 10) continue;
    loop_fixture f;
    websocket_scene<TestType> s{f, settings};
    REQUIRE_FALSE(s.upgrade());
    s.peer.send(wrong.bytes);
    REQUIRE_FALSE(f.run(s.client.wait_readable()));
    const std::size_t before = allocations();
    const drain_result drained = s.client.drain(s.log);
    CHECK(allocations() - before == 0);
    CHECK(drained.error == wrong.error);
    CHECK(s.client.counters().bytes == wrong.bytes.size());
  }
}

TEMPLATE_TEST_CASE("frame violations: text that is not UTF-8 is answered with 1007, wherever the fault is",
                   "[acceptance]", tcp_stream, tls_stream) {
  const std::pair<const char*, std::string> texts[] = {
      {"a lone continuation byte", "abc\x80"},
      {"a byte that never occurs", "abc\xff"},
      {"overlong", "\xc0\xaf"},
      {"a surrogate", "\xed\xa0\x80"},
      {"above the last character", "\xf4\x90\x80\x80"},
      {"cut short", "abc\xe2\x82"},
  };
  for (const auto& [what, text] : texts) {
    const std::string name{what};
    check<TestType>({name, raw_frame(0x81, text), errc::websocket_invalid_utf8, 1007});
    check<TestType>({name + ", in the close's reason", raw_frame(0x88, close_payload(1000, text)),
                     errc::websocket_invalid_utf8, 1007});
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      const std::string pieces =
          raw_frame(0x01, text.substr(0, cut)) + raw_frame(0x89, "") + raw_frame(0x80, text.substr(cut));
      loop_fixture f;
      INFO(name << ", cut at " << cut);
      websocket_scene<TestType> s{f};
      REQUIRE_FALSE(s.upgrade());
      s.peer.send(pieces);
      CHECK(s.read() == errc::websocket_invalid_utf8);
      for (const std::string& event : s.log.events) CHECK(event == "ping:");
      CHECK(s.peer.frames(1).back() == "8:" + close_payload(1007));
    }
  }
}

TEMPLATE_TEST_CASE("frame violations: a close that says nonsense is answered with 1002", "[acceptance]", tcp_stream,
                   tls_stream) {
  for (const unsigned code : {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
    check<TestType>({named("close code", code), raw_frame(0x88, close_payload(code)), errc::websocket_bad_close, 1002});
  }
  check<TestType>({"a close of one byte", raw_frame(0x88, "x"), errc::websocket_bad_close, 1002});
}

TEMPLATE_TEST_CASE("frame violations: fragments without end stop at the limit of bytes or of fragments", "[acceptance]",
                   tcp_stream, tls_stream) {
  websocket_settings settings;
  settings.decoder.max_message = 10'000;
  const auto fragments = [](std::size_t count, const std::string& payload) {
    std::string all = raw_frame(0x02, payload);
    for (std::size_t i = 1; i < count; ++i) all += raw_frame(0x00, payload);
    return all;
  };
  check<TestType>({"the byte after the limit", fragments(10'001, "x"), errc::websocket_message_too_big, 1009},
                  settings);
  settings.decoder.max_fragments = 1024;
  check<TestType>({"full fragments", fragments(1025, "x"), errc::websocket_too_many_fragments, 1009}, settings);
  check<TestType>({"empty fragments", fragments(1025, ""), errc::websocket_too_many_fragments, 1009}, settings);

  // As many as are allowed are one message.
  loop_fixture f;
  websocket_scene<TestType> s{f, settings};
  REQUIRE_FALSE(s.upgrade());
  s.peer.send(fragments(1023, "x") + raw_frame(0x80, "y"));
  REQUIRE(f.run_until([&] {
    (void)s.client.drain(s.log);
    return !s.log.events.empty();
  }));
  CHECK(s.log.events == strings{"binary:" + std::string(1023, 'x') + "y"});
}

TEMPLATE_TEST_CASE("frame violations: empty fragments without a limit take no memory", "[acceptance]", tcp_stream,
                   tls_stream) {
  loop_fixture f;
  websocket_scene<TestType> s{f};
  REQUIRE_FALSE(s.upgrade());
  std::string many = raw_frame(0x00, "");
  while (many.size() < 16'000) many += many;
  s.peer.send(raw_frame(0x02, "begun"));
  std::size_t sent = 1;
  std::size_t allocated = 0;
  const std::size_t wanted = repetitions(1'000'000);
  while (s.client.frames() < wanted) {
    if (sent < wanted + 8192) {
      s.peer.send(many);
      sent += many.size() / 2;
    }
    const std::size_t before = allocations();
    const drain_result drained = s.client.drain(s.log);
    if (s.client.frames() > 20'000) allocated += allocations() - before;
    REQUIRE_FALSE(drained.error);
  }
  CHECK(allocated == 0);
  CHECK(s.log.events.empty());
}
