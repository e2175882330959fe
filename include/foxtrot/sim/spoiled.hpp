// foxtrot/sim/spoiled.hpp: messages and frames as no client wants them.
#pragma once

#include <foxtrot/net/websocket/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0 {

/// Three ways by turns: cut in the middle, a symbol (or the bids, or a code) of another type, no JSON at all.
[[nodiscard]] inline std::string spoiled_json(std::string_view text, std::uint64_t turn) {
  using replacement = std::pair<std::string_view, std::string_view>;
  std::string spoiled{text};
  if (turn % 3 == 0) return spoiled.substr(0, text.size() / 2);
  if (turn % 3 == 1) {
    for (const auto& [key, wrong] :
         {replacement{"\"s\":\"", "\"s\":7,\"_\":\""}, replacement{"\"symbol\":\"", "\"symbol\":7,\"_\":\""},
          replacement{"\"bids\":[", "\"bids\":7,\"_\":["},
          replacement{"\"serverTime\":", "\"serverTime\":null,\"_\":"}})
      if (const std::size_t at = text.find(key); at != text.npos) return spoiled.replace(at, key.size(), wrong);
  }
  return "<html><body>Bad Gateway</body></html>";
}

/// The frame of a text as RFC 6455 forbids it, four ways by turns: a reserved bit, a reserved opcode, masked by a
/// server, a length in more bytes than it needs.
[[nodiscard]] inline std::string spoiled_frame(std::string_view payload, std::uint64_t turn) {
  if (turn % 4 == 3) {
    std::string frame = "\x81\x7f";
    frame.resize(10);
    payload = payload.substr(0, 0xffff);
    detail::store_big_endian(frame.data() + 2, payload.size(), 8);
    return frame.append(payload);
  }
  char head[max_frame_header];
  std::string frame{head, encode_frame_header(head, opcode::text, true, payload.size(), std::nullopt)};
  if (turn % 4 == 0) frame[0] = static_cast<char>(0xc1);  // RSV1, and no extension agreed on
  if (turn % 4 == 1) frame[0] = static_cast<char>(0x83);
  if (turn % 4 == 2) frame[1] = static_cast<char>(static_cast<unsigned char>(frame[1]) | 0x80U);
  return frame.append(payload);
}

}  // namespace foxtrot::inline v0
