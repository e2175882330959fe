// tests/support/conformance/client_reader.hpp: what a client sends, read and judged without the library's decoder.
#pragma once

#include <foxtrot/net/websocket/frame.hpp>

#include <support/conformance/script.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot_test {

/// Puts messages together and stops at the first thing that RFC 6455 forbids a client.
class client_reader {
 public:
  void feed(std::string_view bytes) {
    pending_ += bytes;
    std::size_t at = 0;
    while (wrong_.empty()) {
      const std::size_t taken = read_frame(std::string_view{pending_}.substr(at));
      if (taken == 0) break;
      at += taken;
    }
    pending_.erase(0, at);
  }

  [[nodiscard]] const std::vector<statement>& said() const noexcept { return said_; }
  /// Why this is no client of RFC 6455; empty if it is one.
  [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// True within a frame or a message.
  [[nodiscard]] bool unfinished() const noexcept { return !pending_.empty() || fragmented_; }

 private:
  struct head {
    unsigned op;
    bool fin;
    std::size_t size;
    std::uint64_t length;
  };

  static unsigned byte(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

  // Bytes of the frame at the front; 0 where it is not complete, or wrong.
  std::size_t read_frame(std::string_view bytes) {
    if (bytes.size() < 2) return 0;
    head h{byte(bytes, 0) & 0x0fU, (byte(bytes, 0) & 0x80U) != 0, 2, byte(bytes, 1) & 0x7fU};
    if (closed_) return fail("frame after its close");
    if ((byte(bytes, 0) & 0x70U) != 0) return fail("reserved bits");
    if (h.op > 10 || (h.op > 2 && h.op < 8)) return fail("reserved opcode");
    if ((byte(bytes, 1) & 0x80U) == 0) return fail("frame without a mask");
    if (h.op >= 8 && (!h.fin || h.length > 125)) return fail("control frame fragmented or too long");
    if (h.length >= 126) {
      const std::size_t digits = h.length == 126 ? 2 : 8;
      if (bytes.size() < 2 + digits) return 0;
      h.size += digits;
      h.length = 0;
      for (std::size_t i = 0; i < digits; ++i) h.length = h.length << 8U | byte(bytes, 2 + i);
      if (h.length < (digits == 2 ? 126U : 65536U)) return fail("length not in its shortest form");
    }
    if (bytes.size() < h.size + 4 + h.length) return 0;
    const std::string_view key = bytes.substr(h.size, 4);
    std::string payload{bytes.substr(h.size + 4, h.length)};
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
    take(h, std::move(payload));
    return h.size + 4 + static_cast<std::size_t>(h.length);
  }

  void take(const head& h, std::string payload) {
    if (h.op >= 8) return take_control(h.op, std::move(payload));
    if ((h.op == 0) != fragmented_) {
      (void)fail(fragmented_ ? "message within a message" : "continuation of nothing");
      return;
    }
    if (!fragmented_) kind_ = static_cast<foxtrot::opcode>(h.op);
    message_ += payload;
    fragmented_ = !h.fin;
    if (h.fin) said_.push_back({kind_, std::exchange(message_, {})});
  }

  void take_control(unsigned op, std::string payload) {
    if (op == 8) {
      closed_ = true;
      if (payload.size() == 1) (void)fail("close of one byte");
      payload.resize(std::min<std::size_t>(payload.size(), 2));
    }
    said_.push_back({static_cast<foxtrot::opcode>(op), std::move(payload)});
  }

  std::size_t fail(std::string what) {
    wrong_ = std::move(what);
    return 0;
  }

  std::string pending_;
  std::string message_;
  std::string wrong_;
  std::vector<statement> said_;  // a message when it has ended
  foxtrot::opcode kind_{foxtrot::opcode::text};
  bool fragmented_{false};
  bool closed_{false};
};

}  // namespace foxtrot_test
