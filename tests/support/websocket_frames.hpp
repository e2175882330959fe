// tests/support/websocket_frames.hpp: frames written out by hand, independent of the library's encoder, and a handler
// that notes every event as a line of text.
#pragma once

#include <foxtrot/net/websocket/decoder.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace foxtrot_test {

using foxtrot::close_info;
using foxtrot::message_kind;

/// "81 05" -> two bytes. Spaces are ignored.
inline std::string hex(std::string_view digits) {
  std::string bytes;
  int high = -1;
  for (const char c : digits) {
    if (c == ' ') continue;
    const int value = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = value;
    } else {
      bytes.push_back(static_cast<char>(high * 16 + value));
      high = -1;
    }
  }
  return bytes;
}

/// An unmasked frame; `first` is FIN, RSV and opcode in one byte.
inline std::string raw_frame(unsigned first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  const std::size_t size = payload.size();
  int length_bytes = 0;
  if (size < 126) {
    frame.push_back(static_cast<char>(size));
  } else if (size < 65536) {
    frame.push_back(126);
    length_bytes = 2;
  } else {
    frame.push_back(127);
    length_bytes = 8;
  }
  while (length_bytes-- > 0) frame.push_back(static_cast<char>((size >> (8 * length_bytes)) & 0xff));
  return frame.append(payload);
}

/// The same with a mask, byte by byte as in RFC 6455 section 5.3.
inline std::string raw_masked_frame(unsigned first, std::string_view payload, std::string_view key) {
  std::string frame = raw_frame(first, payload);
  const std::size_t header = frame.size() - payload.size();
  frame[1] = static_cast<char>(static_cast<std::uint8_t>(frame[1]) | 0x80U);
  for (std::size_t i = 0; i < payload.size(); ++i)
    frame[header + i] = static_cast<char>(frame[header + i] ^ key[i % 4]);
  return frame.insert(header, key);
}

/// Notes every event and reads the bytes that must be readable behind each payload.
struct event_log {
  std::vector<std::string> events;
  unsigned overread{0};

  void on_message(message_kind kind, std::string_view payload) {
    note(kind == message_kind::text ? "text:" : "binary:", payload);
  }
  void on_ping(std::string_view payload) { note("ping:", payload); }
  void on_pong(std::string_view payload) { note("pong:", payload); }
  void on_close(const close_info& info) {
    events.push_back("close:" + std::to_string(static_cast<unsigned>(info.code)) + ":" + info.reason);
  }

 private:
  void note(std::string_view what, std::string_view payload) {
    char behind[64];
    std::memcpy(behind, payload.data() + payload.size(), sizeof behind);
    for (const char c : behind) overread += static_cast<unsigned char>(c);
    events.push_back(std::string{what}.append(payload));
  }
};

/// Feeds bytes in pieces of `chunk` with a drain after each, as a session does; stops at the first error.
template <class Decoder, class Handler>
std::error_code feed(Decoder& decoder, Handler& handler, std::string_view bytes, std::size_t chunk) {
  std::error_code error = decoder.drain(handler);
  while (!bytes.empty() && !error) {
    const auto space = decoder.prepare();
    const std::size_t size = std::min({bytes.size(), chunk, space.size()});
    std::memcpy(space.data(), bytes.data(), size);
    decoder.commit(size);
    error = decoder.drain(handler);
    bytes.remove_prefix(size);
  }
  return error;
}

}  // namespace foxtrot_test
