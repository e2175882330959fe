// tests/support/conformance/framing.hpp: cases of RFC 6455 section 5 up to 5.5: frames, control frames, reserved
// values.
#pragma once

#include <support/conformance/script.hpp>
#include <support/websocket_frames.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace foxtrot_test::conformance {

inline const char* name_of(unsigned opcode) {
  constexpr const char* names[] = {"continuation", "text", "binary", "3",    "4",   "5",   "6",   "7",
                                   "close",        "ping", "pong",   "0x0b", "0xc", "0xd", "0xe", "0xf"};
  return names[opcode & 0x0fU];
}

/// Section 1: messages in one frame, around the three forms of the length.
inline void add_echoes(case_table& table) {
  for (const unsigned kind : {1U, 2U}) {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 128U, 65535U, 65536U}) {
      table.add(kind == 1 ? "1.1" : "1.2",
                std::string{name_of(kind)} + " message of " + std::to_string(size) + " bytes",
                [=] { return script{}.message(kind, std::string(size, kind == 1 ? '*' : '\xfe')); });
    }
    table.add(kind == 1 ? "1.1" : "1.2", std::string{name_of(kind)} + ": 50 small messages in a row", [=] {
      script s;
      for (std::size_t i = 0; i < 50; ++i) s.message(kind, std::string(i, static_cast<char>('0' + i)));
      return s;
    });
  }
  table.add("1.3", "text and binary in turn", [] {
    return script{}.text("a").binary(std::string{'\0', '\xff'}).text("").binary("").text("b").binary("c");
  });
}

/// Section 2: pings and pongs.
inline void add_pings(case_table& table) {
  const std::string bytes = hex("00 ff fe fd fc fb 00 ff");
  table.add("2", "empty ping", [] { return script{}.ping(""); });
  table.add("2", "ping with text", [] { return script{}.ping("Hello, world!"); });
  table.add("2", "ping with bytes that are no text", [=] { return script{}.ping(bytes); });
  for (const std::size_t size : {1U, 124U, 125U}) {
    table.add("2", "ping of " + std::to_string(size) + " bytes",
              [=] { return script{}.ping(std::string(size, '\xfe')); });
  }
  for (const unsigned op : {9U, 10U}) {
    table.add("2", std::string{name_of(op)} + " of 126 bytes is too long",
              [=] { return script{}.break_protocol(raw_frame(0x80U | op, std::string(126, 'p')), 2); });
    table.add("2", std::string{name_of(op)} + " with a 64-bit length is too long",
              [=] { return script{}.break_protocol(raw_frame(0x80U | op, std::string(65536, 'p')), 2); });
  }
  table.add("2", "unsolicited pong without payload", [] { return script{}.frame(0x8a); });
  table.add("2", "unsolicited pong with payload", [=] { return script{}.frame(0x8a, bytes); });
  table.add("2", "unsolicited pong, then a ping", [] { return script{}.frame(0x8a, "unasked").ping("asked"); });
  table.add("2", "ten pings in a row", [] {
    script s;
    for (int i = 0; i < 10; ++i) s.ping("ping " + std::to_string(i));
    return s;
  });
  table.add("2", "text between pings", [] { return script{}.ping("one").text("two").ping("three").text("four"); });
}

/// Section 3: nobody negotiated an extension, so all reserved bits are zero.
inline void add_reserved_bits(case_table& table) {
  for (unsigned rsv = 1; rsv < 8; ++rsv) {
    const std::string section = "3." + std::to_string(rsv);
    for (const unsigned op : {1U, 2U, 8U, 9U, 10U}) {
      const unsigned first = 0x80U | rsv << 4U | op;
      const std::string payload = op == 8 ? close_payload(1000) : "Hello";
      const std::string what = std::string{name_of(op)} + " with reserved bits " + std::to_string(rsv);
      table.add(section, what, [=] { return script{}.break_protocol(raw_frame(first, payload), 1); });
      table.add(section, "empty " + what, [=] { return script{}.break_protocol(raw_frame(first, ""), 1); });
      table.add(section, what + " behind a text, before a ping", [=] {
        return script{}.text("before").break_protocol(raw_frame(first, payload), 1).frame(0x89, "after");
      });
    }
    table.add(section, "continuation with reserved bits " + std::to_string(rsv),
              [=] { return script{}.frame(0x01, "one").break_protocol(raw_frame(0x80U | rsv << 4U, "two"), 1); });
  }
}

/// Section 4: opcodes that mean nothing.
inline void add_reserved_opcodes(case_table& table) {
  for (const unsigned op : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    const std::string section = op < 8 ? "4.1" : "4.2";
    const std::string what = std::string{"opcode "} + name_of(op);
    const auto bad = [op](std::string_view payload) { return raw_frame(0x80U | op, payload); };
    table.add(section, what + " without payload", [=] { return script{}.break_protocol(bad(""), 1); });
    table.add(section, what + " with payload", [=] { return script{}.break_protocol(bad("reserved"), 1); });
    table.add(section, what + " behind a text, before a ping",
              [=] { return script{}.text("before").break_protocol(bad(""), 1).frame(0x89); });
    table.add(section, what + " with payload behind a text, before a text",
              [=] { return script{}.text("before").break_protocol(bad("reserved"), 1).frame(0x81, "after"); });
    table.add(section, what + " as the first of several frames",
              [=] { return script{}.break_protocol(raw_frame(op, "one") + raw_frame(0x80, "two"), 1); });
    table.add(section, what + " between two fragments",
              [=] { return script{}.frame(0x01, "one").break_protocol(bad("x") + raw_frame(0x80, "two"), 1); });
  }
}

/// Section 8: masks and lengths that a server may not use.
inline void add_forbidden_headers(case_table& table) {
  for (const unsigned op : {1U, 2U, 8U, 9U, 10U}) {
    const std::string payload = op == 8 ? close_payload(1000) : "Hello";
    table.add("8.1", std::string{"masked "} + name_of(op),
              [=] { return script{}.break_protocol(raw_masked_frame(0x80U | op, payload, "mask"), 2); });
  }
  table.add("8.1", "masked text behind a text",
            [] { return script{}.text("before").break_protocol(raw_masked_frame(0x81, "", "mask"), 2); });
  for (const unsigned op : {1U, 2U}) {
    const std::string first{static_cast<char>(0x80U | op)};
    const auto refused = [&](std::string what, std::string_view length, std::size_t payload) {
      table.add("8.2", name_of(op) + std::string{", "} + what,
                [bytes = first + hex(length) + std::string(payload, 'x'), proof = 1 + hex(length).size()] {
                  return script{}.break_protocol(bytes, proof);
                });
    };
    refused("0 bytes in 16 bits", "7e 00 00", 0);
    refused("125 bytes in 16 bits", "7e 00 7d", 125);
    refused("125 bytes in 64 bits", "7f 00 00 00 00 00 00 00 7d", 125);
    refused("65535 bytes in 64 bits", "7f 00 00 00 00 00 00 ff ff", 65535);
    refused("the most significant bit of 64", "7f 80 00 00 00 00 00 00 00", 64);
    table.add("8.3", std::string{name_of(op)} + " beyond every limit, refused before a byte of it", [=] {
      return script{}.violate(first + hex("7f 7f ff ff ff ff ff ff ff") + "x", 10,
                              foxtrot::close_code::message_too_big);
    });
  }
}

}  // namespace foxtrot_test::conformance
