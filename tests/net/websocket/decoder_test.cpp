// tests/net/websocket/decoder_test.cpp: RFC 6455 sections 5 to 8 as a client and as a server sees them.
#include <foxtrot/net/websocket/decoder.hpp>

#include <support/allocation_counter.hpp>
#include <support/websocket_frames.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::event_log;
using foxtrot_test::feed;
using foxtrot_test::hex;
using foxtrot_test::raw_frame;
using foxtrot_test::raw_masked_frame;
using events = std::vector<std::string>;

constexpr std::size_t whole = SIZE_MAX;

struct outcome {
  events seen;
  std::error_code error;
};

template <class Decoder = message_decoder<>>
outcome decode(std::string_view bytes, std::size_t chunk = whole, decoder_settings settings = {.buffer = 64 * 1024}) {
  Decoder decoder{settings};
  event_log log;
  const auto error = feed(decoder, log, bytes, chunk);
  return {log.events, error};
}

std::string close_frame(unsigned code, std::string_view reason = {}) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return raw_frame(0x88, payload.append(reason));
}

TEST_CASE("decoder: the examples of RFC 6455 section 5.7", "[decoder]") {
  CHECK(decode(hex("81 05 48 65 6c 6c 6f")).seen == events{"text:Hello"});
  CHECK(decode(hex("01 03 48 65 6c")).seen.empty());
  CHECK(decode(hex("01 03 48 65 6c 80 02 6c 6f")).seen == events{"text:Hello"});
  CHECK(decode(hex("89 05 48 65 6c 6c 6f")).seen == events{"ping:Hello"});
  CHECK(decode(hex("8a 05 48 65 6c 6c 6f")).seen == events{"pong:Hello"});

  const std::string small(256, '\x5a');
  CHECK(decode(hex("82 7e 01 00") + small).seen == events{"binary:" + small});
  const std::string large(65536, '\x5a');
  CHECK(decode(hex("82 7f 00 00 00 00 00 01 00 00") + large).seen == events{"binary:" + large});

  using server = message_decoder<websocket_role::server>;
  CHECK(decode<server>(hex("81 85 37 fa 21 3d 7f 9f 4d 51 58")).seen == events{"text:Hello"});
  CHECK(decode<server>(hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58")).seen == events{"pong:Hello"});
}

TEST_CASE("decoder: a session split at every byte gives the same events", "[decoder]") {
  const std::string medium(300, 'm');
  const events expected{"text:Hello", "ping:a",           "ping:", "text:\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80!",
                        "pong:b",     "binary:" + medium, "text:", "binary:",
                        "text:last",  "close:1000:bye"};
  const std::string stream = raw_frame(0x81, "Hello") + raw_frame(0x01, "\xc3") + raw_frame(0x89, "a") +
                             raw_frame(0x00, "\xa4\xe2\x82") + raw_frame(0x89, "") + raw_frame(0x00, "") +
                             raw_frame(0x00, "\xac\xf0\x9f\x98") + raw_frame(0x80, "\x80!") + raw_frame(0x8a, "b") +
                             raw_frame(0x82, medium) + raw_frame(0x81, "") + raw_frame(0x02, "") + raw_frame(0x80, "") +
                             raw_frame(0x81, "last") + close_frame(1000, "bye");
  REQUIRE(decode(stream).seen == expected);

  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    message_decoder<> decoder{{.buffer = 64 * 1024}};
    event_log log;
    CHECK_FALSE(feed(decoder, log, std::string_view{stream}.substr(0, cut), whole));
    CHECK_FALSE(feed(decoder, log, std::string_view{stream}.substr(cut), whole));
    REQUIRE(log.events == expected);
    CHECK(decoder.closed());
    CHECK_FALSE(decoder.mid_message());
  }
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) REQUIRE(decode(stream, chunk).seen == expected);
}

TEST_CASE("decoder: the server's side unmasks the same session at every split", "[decoder]") {
  using server = message_decoder<websocket_role::server>;
  const std::string payload(1000, 'q');
  const std::string stream = raw_masked_frame(0x01, "Hel", "\x01\x02\x03\x04") +
                             raw_masked_frame(0x89, "ping", "wxyz") + raw_masked_frame(0x80, "lo", "\xff\xfe\xfd\xfc") +
                             raw_masked_frame(0x82, payload, "\x80\x7f\x10\x20") +
                             raw_masked_frame(0x88, "\x03\xe9", "abcd");
  const events expected{"ping:ping", "text:Hello", "binary:" + payload, "close:1001:"};
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    REQUIRE(decode<server>(stream, chunk).seen == expected);
  }
}

TEST_CASE("decoder: long streams in any chunk reuse the buffer", "[decoder]") {
  std::string stream;
  events expected;
  std::uint32_t state = 1;
  for (int i = 0; i < 400; ++i) {
    state = state * 1664525U + 1013904223U;
    const std::string payload(state >> 20U, static_cast<char>('a' + i % 26));  // up to 4095 bytes
    stream += raw_frame(0x81, payload);
    expected.push_back("text:" + payload);
  }
  for (const std::size_t chunk : {61U, 1000U, 4096U, 16384U, 65536U}) {
    message_decoder<> decoder{{.buffer = 64 * 1024}};
    event_log log;
    CHECK_FALSE(feed(decoder, log, stream, chunk));
    REQUIRE(log.events == expected);
    CHECK(decoder.frames() == expected.size());
    CHECK(decoder.memory() <= 4 * 64 * 1024);  // half a frame plus room for a full read
  }
}

TEST_CASE("decoder: each violation has its code, its close code and delivers nothing", "[decoder]") {
  struct violation {
    const char* what;
    std::string bytes;
    errc code;
    close_code answer;
  };
  const std::string good = raw_frame(0x81, "ok");
  std::vector<violation> table{
      {"masked", raw_masked_frame(0x81, "x", "abcd"), errc::websocket_masked_frame, close_code::protocol_error},
      {"control of 126", raw_frame(0x89, std::string(126, 'p')), errc::websocket_bad_control_frame,
       close_code::protocol_error},
      {"fragmented ping", raw_frame(0x09, "p"), errc::websocket_bad_control_frame, close_code::protocol_error},
      {"fragmented close", raw_frame(0x08, ""), errc::websocket_bad_control_frame, close_code::protocol_error},
      {"stray continuation", raw_frame(0x80, "x"), errc::websocket_unexpected_continuation, close_code::protocol_error},
      {"stray first continuation", raw_frame(0x00, "x"), errc::websocket_unexpected_continuation,
       close_code::protocol_error},
      {"text in a fragmented message", raw_frame(0x01, "x") + raw_frame(0x81, "y"),
       errc::websocket_expected_continuation, close_code::protocol_error},
      {"binary in a fragmented message", raw_frame(0x02, "x") + raw_frame(0x02, "y"),
       errc::websocket_expected_continuation, close_code::protocol_error},
      {"126 for 125", hex("81 7e 00 7d"), errc::websocket_bad_length, close_code::protocol_error},
      {"127 for 65535", hex("82 7f 00 00 00 00 00 00 ff ff"), errc::websocket_bad_length, close_code::protocol_error},
      {"most significant bit", hex("82 7f 80 00 00 00 00 00 00 00"), errc::websocket_bad_length,
       close_code::protocol_error},
      {"2^63-1 bytes", hex("82 7f 7f ff ff ff ff ff ff ff"), errc::websocket_message_too_big,
       close_code::message_too_big},
      {"one byte too many", hex("82 7e 03 e9"), errc::websocket_message_too_big, close_code::message_too_big},
      {"too many in two frames", raw_frame(0x02, std::string(999, 'x')) + hex("80 02"), errc::websocket_message_too_big,
       close_code::message_too_big},
      {"bad text", raw_frame(0x81, "\xff"), errc::websocket_invalid_utf8, close_code::invalid_payload},
      {"half a character", raw_frame(0x81, "a\xe2\x82"), errc::websocket_invalid_utf8, close_code::invalid_payload},
      {"half a character at the end of fragments", raw_frame(0x01, "\xe2") + raw_frame(0x80, "\x82"),
       errc::websocket_invalid_utf8, close_code::invalid_payload},
      {"surrogate known at its second byte", raw_frame(0x01, "\xed") + raw_frame(0x00, "\xa0"),
       errc::websocket_invalid_utf8, close_code::invalid_payload},
      {"close of one byte", raw_frame(0x88, "\x03"), errc::websocket_bad_close, close_code::protocol_error},
      {"close with a bad reason", close_frame(1000, "\xc0\x80"), errc::websocket_invalid_utf8,
       close_code::invalid_payload},
  };
  for (const unsigned op : {3U, 4U, 5U, 6U, 7U, 0xbU, 0xcU, 0xdU, 0xeU, 0xfU}) {
    table.push_back({"opcode", raw_frame(0x80 | op, "x"), errc::websocket_bad_opcode, close_code::protocol_error});
  }
  for (const unsigned bits : {0x10U, 0x20U, 0x40U, 0x70U}) {
    table.push_back(
        {"reserved bits", raw_frame(0x81 | bits, "x"), errc::websocket_reserved_bits, close_code::protocol_error});
  }

  for (const violation& row : table) {
    INFO(row.what);
    for (const std::size_t chunk : {whole, std::size_t{1}, std::size_t{3}}) {
      message_decoder<> decoder{{.buffer = 64 * 1024, .max_message = 1000}};
      event_log log;
      const auto error = feed(decoder, log, good + row.bytes + good, chunk);
      CHECK(error == row.code);
      CHECK(error == condition::protocol_violation);
      CHECK(close_code_for(error) == row.answer);
      CHECK(log.events == events{"text:ok"});
      // sticky: whatever comes later is neither read nor kept
      CHECK(feed(decoder, log, good, whole) == row.code);
      CHECK(decoder.error() == row.code);
      CHECK(log.events.size() == 1);
    }
  }
}

TEST_CASE("decoder: a server refuses frames without a mask", "[decoder]") {
  using server = message_decoder<websocket_role::server>;
  const auto result = decode<server>(raw_frame(0x81, "x"));
  CHECK(result.error == errc::websocket_unmasked_frame);
  CHECK(result.seen.empty());
}

TEST_CASE("decoder: lengths are refused from the header alone, without memory", "[decoder]") {
  struct row {
    std::string header;
    errc code;
  };
  const row table[] = {{hex("82 7f 7f ff ff ff ff ff ff ff"), errc::websocket_message_too_big},
                       {hex("82 7f 80 00 00 00 00 00 00 00"), errc::websocket_bad_length},
                       {hex("82 7f 00 00 00 00 00 00 00 7d"), errc::websocket_bad_length},
                       {hex("82 7e 00 01"), errc::websocket_bad_length},
                       {hex("82 7f 00 00 00 00 01 00 00 01"), errc::websocket_message_too_big},
                       {hex("89 7e"), errc::websocket_bad_control_frame},
                       {hex("c2"), errc::websocket_reserved_bits},
                       {hex("83"), errc::websocket_bad_opcode}};
  for (const row& r : table) {
    message_decoder<> decoder;  // 16 MiB
    const std::size_t memory = decoder.memory();
    event_log log;
    const std::size_t before = foxtrot_test::allocations();
    const auto early = feed(decoder, log, std::string_view{r.header}.substr(0, r.header.size() - 1), 1);
    const auto error = feed(decoder, log, std::string_view{r.header}.substr(r.header.size() - 1), 1);
    const std::size_t after = foxtrot_test::allocations();
    CHECK_FALSE(early);
    CHECK(error == r.code);
    CHECK(after == before);
    CHECK(decoder.memory() == memory);
  }
}

TEST_CASE("decoder: endless fragments meet a limit", "[decoder]") {
  SECTION("of fragments, where the venue has one") {
    for (const std::string_view payload : {"", "x"}) {
      message_decoder<> decoder{{.buffer = 64 * 1024, .max_fragments = 1024}};
      event_log log;
      REQUIRE_FALSE(feed(decoder, log, raw_frame(0x02, payload), whole));
      for (int i = 1; i < 1024; ++i) REQUIRE_FALSE(feed(decoder, log, raw_frame(0x00, payload), whole));
      const std::size_t memory = decoder.memory();
      const auto error = feed(decoder, log, hex("00 01"), whole);  // from the header alone
      CHECK(error == errc::websocket_too_many_fragments);
      CHECK(close_code_for(error) == close_code::message_too_big);
      CHECK(log.events.empty());
      CHECK(memory <= 64 * 1024 + 4096);
    }
  }
  SECTION("exactly the limit is a message, and the count starts again") {
    message_decoder<> decoder{{.buffer = 64 * 1024, .max_fragments = 3}};
    event_log log;
    for (int i = 0; i < 2; ++i) {
      const std::string message = raw_frame(0x01, "a") + raw_frame(0x00, "b") + raw_frame(0x80, "c");
      REQUIRE_FALSE(feed(decoder, log, message, whole));
    }
    CHECK(log.events == events{"text:abc", "text:abc"});
  }
  SECTION("of bytes, always") {
    message_decoder<> decoder{{.buffer = 64 * 1024, .max_message = 1000}};
    event_log log;
    REQUIRE_FALSE(feed(decoder, log, raw_frame(0x02, "x"), whole));
    for (int i = 1; i < 1000; ++i) REQUIRE_FALSE(feed(decoder, log, raw_frame(0x00, "x"), whole));
    for (int i = 0; i < 5000; ++i) REQUIRE_FALSE(feed(decoder, log, raw_frame(0x00, ""), whole));
    CHECK(decoder.memory() <= 64 * 1024 + 4096);
    CHECK(feed(decoder, log, hex("00 01"), whole) == errc::websocket_message_too_big);
    CHECK(log.events.empty());
  }
}

TEST_CASE("decoder: text is checked only where the policy says so", "[decoder]") {
  using trusting = message_decoder<websocket_role::client, text_check::off>;
  CHECK(decode<trusting>(raw_frame(0x81, "\xff")).seen == events{"text:\xff"});
  CHECK(decode<trusting>(raw_frame(0x01, "\xff") + raw_frame(0x80, "\xfe")).seen == events{"text:\xff\xfe"});
  CHECK(decode<trusting>(close_frame(1000, "\xff")).error == errc::websocket_invalid_utf8);
  CHECK(decode(raw_frame(0x82, "\xff")).seen == events{"binary:\xff"});
  CHECK(decode(raw_frame(0x02, "\xff") + raw_frame(0x80, "\xfe")).seen == events{"binary:\xff\xfe"});
}

/// Bytes taken one by one, unless `chunk` says otherwise, until the violation; all of them where there is none.
template <class Decoder>
std::size_t bytes_until_failure(std::string_view bytes, std::size_t chunk = 1) {
  Decoder decoder{{.buffer = 64 * 1024}};
  event_log log;
  for (std::size_t done = 0; done < bytes.size();) {
    const std::string_view piece = bytes.substr(done, chunk);
    done += piece.size();
    const std::error_code error = feed(decoder, log, piece, whole);
    if (!error) continue;
    CHECK(error == errc::websocket_invalid_utf8);
    CHECK(log.events.empty());
    return done;
  }
  return SIZE_MAX;
}

TEST_CASE("decoder: wrong text fails at its first wrong byte, however much of its frame is still to come",
          "[decoder]") {
  using client = message_decoder<>;
  using server = message_decoder<websocket_role::server>;
  const std::string text = "\xce\xba\xe1\xbd\xb9 \xf4\x90 and more, a long way behind the byte that was wrong";
  const std::size_t bad = 8;  // bytes up to U+110000's second, which proves it
  const std::string first = text.substr(0, 3);
  const std::string rest = text.substr(3);
  const std::string key = "\x01\xfe\x77\x80";

  for (const unsigned fin : {0x80U, 0U}) {
    CHECK(bytes_until_failure<client>(raw_frame(fin | 1, text)) == 2 + bad);
    CHECK(bytes_until_failure<server>(raw_masked_frame(fin | 1, text, key)) == 6 + bad);
    CHECK(bytes_until_failure<client>(raw_frame(1, first) + raw_frame(fin, rest)) == 4 + bad);
    CHECK(bytes_until_failure<server>(raw_masked_frame(1, first, key) + raw_masked_frame(fin, rest, "kkey")) ==
          12 + bad);
    CHECK(bytes_until_failure<client>(raw_frame(fin | 2, text)) == SIZE_MAX);
    CHECK(bytes_until_failure<client>(raw_frame(2, first) + raw_frame(fin, rest)) == SIZE_MAX);
  }
  CHECK(bytes_until_failure<message_decoder<websocket_role::client, text_check::off>>(raw_frame(0x81, text)) ==
        SIZE_MAX);
  for (std::size_t chunk = 2; chunk < 30; ++chunk) {
    CHECK(bytes_until_failure<client>(raw_frame(0x81, text), chunk) == (2 + bad + chunk - 1) / chunk * chunk);
  }
  CHECK(bytes_until_failure<client>(raw_frame(0x81, "ends early \xe2\x82")) == 15);  // with the message, not before
}

TEST_CASE("decoder: text that arrives in pieces is the same text, for both sides", "[decoder]") {
  using server = message_decoder<websocket_role::server>;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
  const std::string half = text.substr(0, 191);  // within a character
  const std::string rest = text.substr(191);
  const std::string plain = raw_frame(0x81, text) + raw_frame(0x01, half) + raw_frame(0x89, "p") +
                            raw_frame(0x80, rest) + raw_frame(0x81, text);
  const std::string masked = raw_masked_frame(0x81, text, "\x9a\x01\x7f\xc3") + raw_masked_frame(0x01, half, "abcd") +
                             raw_masked_frame(0x89, "p", "efgh") + raw_masked_frame(0x80, rest, "ijkl") +
                             raw_masked_frame(0x81, text, "mnop");
  const events expected{"text:" + text, "ping:p", "text:" + text, "text:" + text};
  for (std::size_t chunk = 1; chunk < 420; ++chunk) {
    REQUIRE(decode(plain, chunk).seen == expected);
    REQUIRE(decode<server>(masked, chunk).seen == expected);
  }
}

TEST_CASE("decoder: half a text leaves nothing behind for the connection after it", "[decoder]") {
  message_decoder<> decoder{{.buffer = 64 * 1024}};
  event_log log;
  CHECK_FALSE(feed(decoder, log, raw_frame(0x81, "half \xe2\x82\xac").substr(0, 8), whole));
  decoder.reset();
  CHECK_FALSE(feed(decoder, log, raw_frame(0x81, "whole"), 3));
  CHECK(log.events == events{"text:whole"});
}

TEST_CASE("decoder: close codes on the wire", "[decoder]") {
  const auto allowed = [](unsigned code) {
    switch (code) {
      case 1000:
      case 1001:
      case 1002:
      case 1003:
      case 1007:
      case 1008:
      case 1009:
      case 1010:
      case 1011:
      case 1012:
      case 1013:
      case 1014: return true;
      default: return code >= 3000 && code < 5000;
    }
  };
  for (unsigned code = 0; code < 65536; code += code < 5100 ? 1 : 97) {
    message_decoder<> decoder{{.buffer = 64 * 1024}};
    event_log log;
    const auto error = feed(decoder, log, close_frame(code, "r"), whole);
    if (allowed(code)) {
      REQUIRE(log.events == events{"close:" + std::to_string(code) + ":r"});
    } else {
      INFO(code);
      REQUIRE(error == errc::websocket_bad_close);
      REQUIRE(log.events.empty());
    }
  }
  CHECK(decode(raw_frame(0x88, "")).seen == events{"close:1005:"});
}

TEST_CASE("decoder: nothing after a close frame is looked at", "[decoder]") {
  message_decoder<> decoder;
  event_log log;
  CHECK_FALSE(feed(decoder, log, close_frame(1001) + raw_frame(0x81, "late") + hex("ff ff ff"), whole));
  CHECK_FALSE(feed(decoder, log, raw_frame(0x81, "later"), 1));
  CHECK(log.events == events{"close:1001:"});
  CHECK(decoder.closed());
}

TEST_CASE("decoder: a handler may stop the drain, and the next one goes on", "[decoder]") {
  struct stopping : event_log {
    message_decoder<>* decoder{nullptr};
    void on_message(message_kind kind, std::string_view payload) {
      event_log::on_message(kind, payload);
      decoder->stop();
    }
  };
  message_decoder<> decoder;
  stopping log;
  log.decoder = &decoder;
  const std::string stream = raw_frame(0x81, "a") + raw_frame(0x89, "p") + raw_frame(0x81, "b");
  std::memcpy(decoder.prepare().data(), stream.data(), stream.size());
  decoder.commit(stream.size());
  CHECK_FALSE(decoder.drain(log));
  CHECK(log.events == events{"text:a"});
  CHECK(decoder.mid_message());
  CHECK_FALSE(decoder.drain(log));
  CHECK(log.events == events{"text:a", "ping:p", "text:b"});
  CHECK_FALSE(decoder.mid_message());
}

TEST_CASE("decoder: a handler that throws loses only that event", "[decoder]") {
  struct throwing : event_log {
    void on_message(message_kind kind, std::string_view payload) {
      event_log::on_message(kind, payload);
      if (payload == "bad") throw std::runtime_error{"handler"};
    }
  };
  message_decoder<> decoder;
  throwing log;
  const std::string stream = raw_frame(0x81, "a") + raw_frame(0x81, "bad") + raw_frame(0x01, "b") +
                             raw_frame(0x80, "ad") + raw_frame(0x81, "c");
  std::memcpy(decoder.prepare().data(), stream.data(), stream.size());
  decoder.commit(stream.size());
  CHECK_THROWS(decoder.drain(log));
  CHECK_THROWS(decoder.drain(log));
  CHECK_FALSE(decoder.drain(log));
  CHECK(log.events == events{"text:a", "text:bad", "text:bad", "text:c"});
}

TEST_CASE("decoder: a message bigger than the buffer grows it, up to the limit", "[decoder]") {
  std::string payload(3'000'000, 'x');
  for (std::size_t i = 0; i < payload.size(); i += 977) payload[i] = static_cast<char>('a' + i % 26);
  const std::string stream = raw_frame(0x81, "before") + raw_frame(0x81, payload) + raw_frame(0x81, "after");
  for (const std::size_t chunk : {whole, std::size_t{5000}}) {
    message_decoder<> decoder{{.buffer = 64 * 1024, .max_message = 3'000'000}};
    event_log log;
    CHECK_FALSE(feed(decoder, log, stream, chunk));
    CHECK((log.events == events{"text:before", "text:" + payload, "text:after"}));
    CHECK(decoder.memory() <= 2 * (3'000'000 + 64 * 1024 + 14));
  }
  CHECK(decode(stream, whole, {.buffer = 64 * 1024, .max_message = 2'999'999}).error ==
        errc::websocket_message_too_big);
}

TEST_CASE("decoder: a payload that ends with the buffer is followed by readable bytes", "[decoder]") {
  // event_log reads 64 bytes behind each payload: a sanitizer sees one too few
  const std::string exact(64 * 1024 - 4, 'e');
  message_decoder<> decoder{{.buffer = 64 * 1024}};
  event_log log;
  REQUIRE(decoder.prepare().size() == 64 * 1024);
  CHECK_FALSE(feed(decoder, log, raw_frame(0x82, exact), whole));
  CHECK(log.events == events{"binary:" + exact});
  CHECK_FALSE(feed(decoder, log, raw_frame(0x02, exact) + raw_frame(0x80, exact), whole));
  CHECK(log.events.back() == "binary:" + exact + exact);
}

TEST_CASE("decoder: a reset decoder knows nothing of the connection before", "[decoder]") {
  message_decoder<> decoder{{.buffer = 64 * 1024, .max_message = 100'000}};
  event_log log;
  const std::string big = raw_frame(0x82, std::string(90'000, 'b'));
  REQUIRE_FALSE(feed(decoder, log, big, whole));
  const std::size_t memory = decoder.memory();
  for (const std::string& end :
       {raw_frame(0x83, ""), close_frame(1000), raw_frame(0x01, "half \xe2"), hex("81 05 48")}) {
    (void)feed(decoder, log, end, whole);
    decoder.reset();
    CHECK_FALSE(decoder.error());
    CHECK_FALSE(decoder.closed());
    CHECK_FALSE(decoder.mid_message());
    CHECK(decoder.frames() == 0);
    log.events.clear();
    CHECK_FALSE(feed(decoder, log, raw_frame(0x01, "\xc3") + raw_frame(0x80, "\xa4"), 1));
    CHECK(log.events == events{"text:\xc3\xa4"});
  }
  CHECK(decoder.memory() >= memory);
}

TEST_CASE("decoder: the steady state allocates nothing", "[decoder]") {
  struct counter {
    std::size_t messages{0};
    std::size_t bytes{0};
    void on_message(message_kind, std::string_view payload) {
      ++messages;
      bytes += payload.size();
    }
    void on_ping(std::string_view) {}
    void on_pong(std::string_view) {}
    void on_close(const close_info&) {}
  };
  std::string stream;
  for (std::size_t i = 0; i < 500; ++i) {
    const std::string payload(100 + i % 150, 'p');
    stream += raw_frame(0x81, payload);
    if (i % 10 == 0) stream += raw_frame(0x01, payload) + raw_frame(0x89, "now") + raw_frame(0x80, payload);
  }
  message_decoder<> decoder;
  counter seen;
  CHECK_FALSE(feed(decoder, seen, stream, 10'000));  // both buffers find their size
  const std::size_t before = foxtrot_test::allocations();
  std::error_code error;
  for (int round = 0; round < 50 && !error; ++round)
    error = feed(decoder, seen, stream, 10'000 + std::size_t(round) * 97);
  const std::size_t after = foxtrot_test::allocations();
  CHECK_FALSE(error);
  CHECK(after == before);
  CHECK(seen.messages == 51 * 550);
}

}  // namespace
