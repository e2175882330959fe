// tests/support/conformance/sizes.hpp: cases with large messages, many frames and many messages.
#pragma once

#include <support/conformance/script.hpp>
#include <support/websocket_frames.hpp>

#include <cstddef>
#include <string>

namespace foxtrot_test::conformance {

inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;

/// A payload whose parts cannot be mistaken for each other: text with characters of every length, or any bytes.
inline std::string large_payload(unsigned kind, std::size_t size) {
  std::string payload;
  payload.reserve(size + 32);
  for (std::size_t i = 0; payload.size() < size; ++i) {
    payload += kind == 1 ? "\xe2\x82\xac " : "\xff\xfe";
    payload += std::to_string(i);
  }
  payload.resize(size - 4);
  while (kind == 1 && (static_cast<unsigned char>(payload.back()) & 0x80U) != 0) payload.pop_back();
  return payload.append(size - payload.size(), '.');
}

inline std::string readable(std::size_t size) {
  if (size % mib == 0) return std::to_string(size / mib) + " MiB";
  if (size % kib == 0) return std::to_string(size / kib) + " KiB";
  return std::to_string(size) + " bytes";
}

/// Section 9: up to 16 MiB in one message, in one frame and in many.
inline void add_large_messages(case_table& table) {
  for (const unsigned kind : {1U, 2U}) {
    const std::string name = kind == 1 ? "text" : "binary";
    const std::string section = kind == 1 ? "9.1" : "9.2";
    for (const std::size_t size : {64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib}) {
      table.add(
          section, name + " of " + readable(size), [=] { return script{}.message(kind, large_payload(kind, size)); },
          true);
    }
    for (std::size_t frame = 64; frame <= 4 * mib; frame *= 4) {
      table.add(
          kind == 1 ? "9.3" : "9.4", name + " of 4 MiB in frames of " + readable(frame),
          [=] { return script{}.fragments(kind, large_payload(kind, 4 * mib), frame); }, true);
    }
    table.add(
        kind == 1 ? "9.3" : "9.4", name + " of 16 MiB in frames of 64 bytes",
        [=] { return script{}.fragments(kind, large_payload(kind, 16 * mib), 64); }, true);
    for (const std::size_t size : {0U, 16U, 64U, 256U, 1024U, 4096U}) {
      table.add(
          kind == 1 ? "9.5" : "9.6", "200 " + name + " messages of " + readable(size),
          [=] {
            script s;
            for (int i = 0; i < 200; ++i) s.message(kind, std::string(size, static_cast<char>('a' + i % 26)));
            return s;
          },
          true);
    }
    table.add("9.7", name + " of 16 MiB and one byte, refused with its header", [=] {
      const std::string header = raw_frame(0x80U | kind, "").substr(0, 1) + hex("7f 00 00 00 00 01 00 00 01");
      return script{}.violate(header + std::string(1000, 'x'), header.size(), foxtrot::close_code::message_too_big);
    });
    table.add(
        "9.7", name + " of 16 MiB and one byte in two frames",
        [=] {
          return script{}
              .frame(kind, std::string(mib, 'x'))
              .violate(raw_frame(0, "").substr(0, 1) + hex("7f 00 00 00 00 00 f0 00 01") + std::string(1000, 'x'), 10,
                       foxtrot::close_code::message_too_big);
        },
        true);
  }
}

/// Section 10: a message cut by a server that never sends more than 1300 bytes in a frame.
inline void add_small_frames(case_table& table) {
  for (const unsigned kind : {1U, 2U}) {
    table.add("10.1", std::string{kind == 1 ? "text" : "binary"} + " of 64 KiB in frames of 1300 bytes",
              [=] { return script{}.fragments(kind, large_payload(kind, 64 * kib), 1300); });
  }
}

inline void add_sizes(case_table& table) {
  add_large_messages(table);
  add_small_frames(table);
}

}  // namespace foxtrot_test::conformance
