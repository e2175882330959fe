// tests/support/plain_decoder.hpp: WebSocket frames and UTF-8 read by the letter of RFC 6455 and RFC 3629, from whole
// buffers, byte by byte, to compare the library's decoder with.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/websocket/decoder.hpp>

#include <support/fuzzing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace foxtrot_test {

enum class text_state : std::uint8_t { whole, unfinished, wrong };

/// Decodes every code point; of one that is cut short it tells whether any continuation could be right.
FOXTROT_TEST_UNSEEN inline text_state state_of_text(std::string_view bytes) noexcept {
  constexpr std::uint32_t least[]{0, 0x80, 0x800, 0x10000};
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<std::uint8_t>(bytes[i++]);
    if (lead < 0x80) continue;
    const unsigned more = lead >= 0xf8 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (more == 0) return text_state::wrong;
    std::uint32_t lowest = lead & (0x3fU >> more);
    unsigned missing = more;
    for (; missing != 0 && i != bytes.size(); --missing) {
      const auto next = static_cast<std::uint8_t>(bytes[i++]);
      if ((next & 0xc0U) != 0x80) return text_state::wrong;
      lowest = lowest << 6U | (next & 0x3fU);
    }
    lowest <<= 6 * missing;
    const std::uint32_t highest = lowest | ((1U << (6 * missing)) - 1);
    if (highest < least[more] || lowest > 0x10ffff || (lowest >= 0xd800 && highest < 0xe000)) return text_state::wrong;
    if (missing != 0) return text_state::unfinished;
  }
  return text_state::whole;
}

/// What a decoder must have found in a stream of bytes.
struct plain_result {
  running_hash hash;
  std::size_t events{0};
  std::size_t frames{0};
  foxtrot::errc error{};
  bool closed{false};
  bool mid_message{false};

  FOXTROT_TEST_UNSEEN void note(foxtrot::opcode op, std::string_view payload) noexcept {
    ++events;
    hash.add(static_cast<std::uint64_t>(op));
    hash.add(payload);
  }
};

class plain_decoder {
 public:
  plain_decoder(foxtrot::websocket_role role, bool check_text, const foxtrot::decoder_settings& settings)
      : settings_{settings}, masked_{role == foxtrot::websocket_role::server}, check_text_{check_text} {}

  [[nodiscard]] FOXTROT_TEST_UNSEEN plain_result read(std::string_view bytes) {
    bytes_ = bytes;
    while (out_.error == foxtrot::errc{} && !out_.closed && read_frame()) {
    }
    out_.mid_message = out_.error == foxtrot::errc{} && !out_.closed && (fragmented_ || at_ != bytes_.size());
    return out_;
  }

 private:
  using errc = foxtrot::errc;

  [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - at_; }
  [[nodiscard]] std::uint64_t number(std::size_t from, std::size_t count) const noexcept {
    std::uint64_t value = 0;
    while (count-- != 0) value = value * 256 + static_cast<std::uint8_t>(bytes_[at_ + from++]);
    return value;
  }
  bool fail(errc error) noexcept {
    out_.error = error;
    return false;
  }

  FOXTROT_TEST_UNSEEN bool read_frame() {
    if (left() == 0) return false;
    const std::uint64_t first = number(0, 1);
    const std::uint64_t code = first % 16;
    const bool fin = first >= 0x80;
    const bool control = code >= 8;
    if (first / 16 % 8 != 0) return fail(errc::websocket_reserved_bits);
    if (code > 10 || (code > 2 && !control)) return fail(errc::websocket_bad_opcode);
    if (control && !fin) return fail(errc::websocket_bad_control_frame);

    if (left() < 2) return false;
    const bool masked = number(1, 1) >= 0x80;
    std::uint64_t length = number(1, 1) % 0x80;
    if (masked != masked_) return fail(masked ? errc::websocket_masked_frame : errc::websocket_unmasked_frame);
    if (control && length > 125) return fail(errc::websocket_bad_control_frame);
    const std::size_t extra = length == 127 ? 8 : length == 126 ? 2 : 0;
    if (left() < 2 + extra) return false;
    if (extra != 0) {
      length = number(2, extra);
      if (length < (extra == 2 ? 126 : 65536) || length >= std::uint64_t{1} << 63U) {
        return fail(errc::websocket_bad_length);
      }
    }
    const std::size_t head = 2 + extra + (masked ? 4 : 0);
    if (left() < head) return false;
    if (!control && !in_sequence(code == 0, length)) return false;

    // as much of it as there is
    std::string payload{bytes_.substr(at_ + head, static_cast<std::size_t>(std::min<std::uint64_t>(length, left())))};
    for (std::size_t i = 0; masked && i < payload.size(); ++i) {
      payload[i] = static_cast<char>(payload[i] ^ bytes_[at_ + head - 4 + i % 4]);
    }
    const auto op = static_cast<foxtrot::opcode>(code);
    if (payload.size() < length) return control ? false : check_unfinished(op, payload);
    at_ += head + payload.size();
    ++out_.frames;
    if (op == foxtrot::opcode::close) return close(payload);
    if (!control) return fragment(op, fin, payload);
    out_.note(op, payload);
    return true;
  }

  FOXTROT_TEST_UNSEEN bool in_sequence(bool continues, std::uint64_t length) noexcept {
    if (continues && !fragmented_) return fail(errc::websocket_unexpected_continuation);
    if (!continues && fragmented_) return fail(errc::websocket_expected_continuation);
    if (length + message_.size() > settings_.max_message) return fail(errc::websocket_message_too_big);
    if (continues && settings_.max_fragments != 0 && fragments_ == settings_.max_fragments) {
      return fail(errc::websocket_too_many_fragments);
    }
    return true;
  }

  /// Wrong text is refused before the rest of its frame has arrived. Always false: nothing is complete.
  FOXTROT_TEST_UNSEEN bool check_unfinished(foxtrot::opcode op, std::string_view payload) {
    const foxtrot::opcode kind = fragmented_ ? kind_ : op;
    if (!check_text_ || kind != foxtrot::opcode::text) return false;
    if (state_of_text(message_ + std::string{payload}) != text_state::wrong) return false;
    return fail(errc::websocket_invalid_utf8);
  }

  FOXTROT_TEST_UNSEEN bool fragment(foxtrot::opcode op, bool fin, std::string_view payload) {
    if (!fragmented_) kind_ = op;
    fragmented_ = !fin;
    ++fragments_;
    message_ += payload;
    if (check_text_ && kind_ == foxtrot::opcode::text) {
      const text_state state = state_of_text(message_);
      if (state == text_state::wrong || (fin && state != text_state::whole)) return fail(errc::websocket_invalid_utf8);
    }
    if (!fin) return true;
    out_.note(kind_, message_);
    message_.clear();
    fragments_ = 0;
    return true;
  }

  FOXTROT_TEST_UNSEEN bool close(std::string_view payload) {
    if (payload.size() == 1) return fail(errc::websocket_bad_close);
    if (!payload.empty()) {
      const unsigned code = static_cast<std::uint8_t>(payload[0]) * 256U + static_cast<std::uint8_t>(payload[1]);
      const bool reserved = code < 1000 || (code > 1003 && code < 1007) || (code > 1014 && code < 3000) || code > 4999;
      if (reserved) return fail(errc::websocket_bad_close);
      if (state_of_text(payload.substr(2)) != text_state::whole) return fail(errc::websocket_invalid_utf8);
    }
    out_.closed = true;
    out_.note(foxtrot::opcode::close, payload);
    return false;
  }

  const foxtrot::decoder_settings settings_;
  const bool masked_;
  const bool check_text_;
  std::string_view bytes_;
  std::size_t at_{0};
  std::string message_;
  std::size_t fragments_{0};
  foxtrot::opcode kind_{};
  bool fragmented_{false};
  plain_result out_;
};

}  // namespace foxtrot_test
