// tests/support/conformance/closing.hpp: cases of RFC 6455 section 7: close frames, their codes and what follows them.
#pragma once

#include <foxtrot/net/websocket/close.hpp>

#include <support/conformance/script.hpp>
#include <support/websocket_frames.hpp>

#include <cstddef>
#include <string>

namespace foxtrot_test::conformance {

/// Section 7.1: a close is the end: it is answered, and nothing after it is.
inline void add_closes(case_table& table) {
  const std::string normal = close_payload(1000);
  table.add("7.1", "text, then a close", [=] { return script{}.text("last words").close(normal); });
  table.add("7.1", "two closes", [=] { return script{}.close(normal).frame(0x88, normal); });
  table.add("7.1", "two closes with different codes",
            [=] { return script{}.close(normal).frame(0x88, close_payload(1001)); });
  table.add("7.1", "ping after the close", [=] { return script{}.close(normal).frame(0x89, "late"); });
  table.add("7.1", "text after the close", [=] { return script{}.close(normal).frame(0x81, "late"); });
  table.add("7.1", "violation after the close", [=] { return script{}.close(normal).frame(0xff, "late"); });
  table.add("7.1", "wrong text after the close", [=] { return script{}.close(normal).frame(0x81, "\xff"); });
  table.add("7.1", "close within a message, then the rest of it",
            [=] { return script{}.frame(0x01, "one").close(normal).frame(0x80, "two"); });
  table.add("7.1", "close within a character", [=] { return script{}.frame(0x01, "\xe2\x82").close(normal); });
  table.add("7.1", "ping, then a close", [=] { return script{}.ping("early").close(normal); });
  table.add("7.1", "pong, then a close", [=] { return script{}.frame(0x8a, "unasked").close(normal); });
  table.add("7.1", "nothing but a close", [=] { return script{}.close(normal); });
  table.add("7.1", "large message, then a close",
            [=] { return script{}.text(std::string(30'000, 'x')).close(normal).frame(0x89, "late"); });
}

/// Section 7.2: the payload of a close.
inline void add_close_payloads(case_table& table) {
  table.add("7.2", "no payload", [] { return script{}.close(""); });
  table.add("7.2", "one byte", [] {
    const std::string bad = raw_frame(0x88, "a");
    return script{}.break_protocol(bad, bad.size());
  });
  table.add("7.2", "a code", [] { return script{}.close(close_payload(1000)); });
  table.add("7.2", "a code and a reason", [] { return script{}.close(close_payload(1000, "all done")); });
  for (const std::size_t size : {1U, 122U, 123U}) {
    table.add("7.2", "a reason of " + std::to_string(size) + " bytes",
              [=] { return script{}.close(close_payload(1000, std::string(size, '*'))); });
  }
  table.add("7.2", "a reason of 124 bytes, which is too long",
            [] { return script{}.break_protocol(raw_frame(0x88, close_payload(1000, std::string(124, '*'))), 2); });
  table.add("7.2", "a reason of 300 bytes, which is too long",
            [] { return script{}.break_protocol(raw_frame(0x88, close_payload(1000, std::string(300, '*'))), 2); });
  table.add("7.2", "a reason in several alphabets", [] {
    return script{}.close(close_payload(1001, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5 \xf0\x9f\x98\x80"));
  });
  for (const char* reason : {"\xff", "\xce\xba\xe1\xbd\xb9\xed\xa0\x80 edited", "cut \xe2\x82", "\xc0\xaf"}) {
    table.add("7.2", "a reason that is no UTF-8", [=] {
      const std::string bad = raw_frame(0x88, close_payload(1000, reason));
      return script{}.violate(bad, bad.size(), foxtrot::close_code::invalid_payload);
    });
  }
}

/// Sections 7.3 and 7.4: codes that may and may not be on the wire.
inline void add_close_codes(case_table& table) {
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U, 1013U, 1014U, 3000U,
                              3001U, 3999U, 4000U, 4001U, 4999U}) {
    table.add("7.3", "code " + std::to_string(code), [=] { return script{}.close(close_payload(code)); });
    table.add("7.3", "code " + std::to_string(code) + " and a reason behind a text",
              [=] { return script{}.text("before").close(close_payload(code, "reason")); });
  }
  for (const unsigned code : {0U, 1U, 255U, 256U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 1999U, 2000U, 2999U,
                              5000U, 9999U, 32768U, 65535U}) {
    const std::string name = "forbidden code " + std::to_string(code);
    const auto refused = [code](const std::string& reason) {
      const std::string bad = raw_frame(0x88, close_payload(code, reason));
      return script{}.break_protocol(bad, bad.size());
    };
    table.add("7.4", name, [=] { return refused(""); });
    table.add("7.4", name + " and a reason", [=] { return refused("reason"); });
  }
}

inline void add_closings(case_table& table) {
  add_closes(table);
  add_close_payloads(table);
  add_close_codes(table);
}

}  // namespace foxtrot_test::conformance
