// foxtrot/net/websocket/decoder.hpp: bytes in, messages out, in place; RFC 6455 sections 5 to 8.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/detail/padded_buffer.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/net/websocket/decoder_settings.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/net/websocket/mask.hpp>
#include <foxtrot/net/websocket/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

enum class message_kind : std::uint8_t { text, binary };

/// Who takes what a decoder finds. The views live during the call only; at least 64 readable bytes follow each.
template <class H>
concept message_handler = requires(H& handler, message_kind kind, std::string_view payload, const close_info& close) {
  handler.on_message(kind, payload);
  handler.on_ping(payload);
  handler.on_pong(payload);
  handler.on_close(close);
};

/// Whether text is checked to be UTF-8. Off suits a session whose parser checks it anyway.
enum class text_check : bool { off, on };

/// Turns what was received into messages. A message in one frame is a view into the receive buffer; fragments are put
/// together in a second one. Nothing is allocated once both have grown to what the session needs. One thread.
///
///     space = decoder.prepare(); n = recv(space); decoder.commit(n); error = decoder.drain(handler);
template <websocket_role Role = websocket_role::client, text_check Check = text_check::on>
class message_decoder {
 public:
  static constexpr std::size_t min_read = 64 * 1024;
  static constexpr std::size_t padding = detail::padded_buffer::padding;

  explicit message_decoder(decoder_settings settings = {})
      : settings_{settings}, received_{std::max(settings.buffer, min_read)}, assembled_{0} {}

  /// Free space of at least 64 KiB to receive into. Moves half a frame to the front only where space runs short, and
  /// grows only for a frame that outgrows the buffer. Call `drain` between two reads: what it leaves is less than a
  /// frame.
  [[nodiscard]] std::span<char> prepare() { return received_.prepare(min_read); }

  /// The first `count` bytes of the space have been filled.
  void commit(std::size_t count) noexcept { received_.commit(count); }

  /// Hands over every complete frame. Returns the peer's violation, which is final and found as early as the bytes
  /// prove it, in the text of an unfinished frame too; a close frame is no violation, but nothing after it is looked
  /// at. A frame counts as taken before its handler runs: one that throws loses only that frame.
  template <message_handler Handler>
  std::error_code drain(Handler& handler) {
    stopped_ = error_ || closed_;
    while (received_.size() != 0 && !stopped_ && step(handler)) {
    }
    if (error_ || closed_) received_.clear();
    received_.rewind_if_empty();
    return error_;
  }

  /// Called by a handler: `drain` returns after this event, and the next one goes on where it stopped.
  void stop() noexcept { stopped_ = true; }

  /// Ready for another connection; the buffers keep their size.
  void reset() noexcept {
    received_.clear();
    assembled_.clear();
    error_.clear();
    frames_ = 0;
    checked_ = 0;
    fragmented_ = closed_ = stopped_ = false;
  }

  /// The violation that ended the decoding, zero if none; `close_code_for` says what to answer.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  /// True once the peer's close frame was handed over.
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// True where a message has begun and not ended.
  [[nodiscard]] bool mid_message() const noexcept { return fragmented_ || received_.size() != 0; }
  /// Frames taken so far, of every kind.
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  /// Bytes that the buffers hold now.
  [[nodiscard]] std::size_t memory() const noexcept { return received_.capacity() + assembled_.capacity(); }

 private:
  /// Takes one frame; false where there is no complete one.
  template <message_handler Handler>
  bool step(Handler& handler) {
    const std::span<char> pending = received_.data();
    if (const std::size_t header = usual_header(pending); header != 0) [[likely]] {
      return take_usual(handler, pending, header);
    }
    frame_header header;
    errc bad = decode_frame_header(pending, Role, header);
    if (bad == errc::would_block) return false;
    // Everything a header can be wrong about is known now, before a byte of its payload is waited for.
    if (bad == errc{}) bad = check_sequence(header);
    if (bad != errc{}) return fail(bad);
    if (pending.size() - header.size < header.length) return check_unfinished(header, pending.subspan(header.size));

    const std::span<char> body = pending.subspan(header.size, static_cast<std::size_t>(header.length));
    if constexpr (Role == websocket_role::server) apply_mask(body.subspan(checked_), header.key, checked_);
    received_.consume(header.size + body.size());
    ++frames_;
    return deliver(handler, header, std::string_view{body.data(), body.size()});
  }

  // Nearly every frame that a client gets is a whole message of less than 64 KiB that has arrived completely. Its
  // header takes a glance: the size of such a one, or 0 where it is anything else, which `step` then looks at in full.
  [[nodiscard]] std::size_t usual_header(std::span<const char> pending) const noexcept {
    if (Role == websocket_role::server || pending.size() < 4 || fragmented_ || checked_ != 0) return 0;
    const auto first = static_cast<std::uint8_t>(pending[0]);
    const auto length = static_cast<std::uint8_t>(pending[1]);
    if ((first != 0x81 && first != 0x82) || length > 126) return 0;
    if (length < 126) return fits(length, pending.size() - 2) ? 2 : 0;
    const auto extended = static_cast<std::size_t>(detail::load_big_endian(&pending[2], 2));
    return extended >= 126 && fits(extended, pending.size() - 4) ? 4 : 0;
  }
  [[nodiscard]] bool fits(std::size_t payload, std::size_t arrived) const noexcept {
    return payload <= arrived && payload <= settings_.max_message;
  }

  template <message_handler Handler>
  bool take_usual(Handler& handler, std::span<char> pending, std::size_t header) {
    const bool text = pending[0] == static_cast<char>(0x81);
    const std::size_t size = header == 2 ? static_cast<std::size_t>(pending[1])
                                         : static_cast<std::size_t>(detail::load_big_endian(&pending[2], 2));
    const std::string_view payload{pending.data() + header, size};
    received_.consume(header + size);
    ++frames_;
    kind_ = text ? message_kind::text : message_kind::binary;
    if (Check == text_check::on && text && !is_valid_utf8(payload)) return fail(errc::websocket_invalid_utf8);
    handler.on_message(kind_, payload);
    return true;
  }

  /// Text that is wrong already is refused before the rest of its frame is waited for. Each byte is looked at once:
  /// `checked_` counts those that are unmasked and in `text_`. Always false: there is no frame to hand over.
  bool check_unfinished(const frame_header& header, std::span<char> body) {
    if (!is_checked_text(header)) return false;
    const std::span<char> fresh = body.subspan(checked_);
    if constexpr (Role == websocket_role::server) apply_mask(fresh, header.key, checked_);
    if (checked_ == 0 && header.op == opcode::text) text_.reset();
    checked_ = body.size();
    if (!text_.feed({fresh.data(), fresh.size()})) return fail(errc::websocket_invalid_utf8);
    return false;
  }

  [[nodiscard]] errc check_sequence(const frame_header& header) const noexcept {
    if (is_control(header.op)) return {};
    const bool continues = header.op == opcode::continuation;
    if (continues && !fragmented_) return errc::websocket_unexpected_continuation;
    if (!continues && fragmented_) return errc::websocket_expected_continuation;
    if (header.length > settings_.max_message - assembled_.size()) return errc::websocket_message_too_big;
    if (continues && settings_.max_fragments != 0 && fragments_ >= settings_.max_fragments) {
      return errc::websocket_too_many_fragments;
    }
    return {};
  }

  template <message_handler Handler>
  bool deliver(Handler& handler, const frame_header& header, std::string_view payload) {
    switch (header.op) {
      case opcode::ping: handler.on_ping(payload); return true;
      case opcode::pong: handler.on_pong(payload); return true;
      case opcode::close: return deliver_close(handler, payload);
      case opcode::continuation: return deliver_fragment(handler, header, payload);
      case opcode::text:
      case opcode::binary: break;
    }
    kind_ = header.op == opcode::text ? message_kind::text : message_kind::binary;
    if (!header.fin) return deliver_fragment(handler, header, payload);
    if (is_checked_text(header) && !is_valid_text(payload)) return fail(errc::websocket_invalid_utf8);
    handler.on_message(kind_, payload);
    return true;
  }

  template <message_handler Handler>
  bool deliver_fragment(Handler& handler, const frame_header& header, std::string_view payload) {
    if (!fragmented_) {
      fragmented_ = true;
      fragments_ = 0;
      assembled_.clear();
      if (checked_ == 0) text_.reset();
    }
    ++fragments_;
    if (is_checked_text(header) && (!feed_rest(payload) || (header.fin && !text_.complete()))) {
      return fail(errc::websocket_invalid_utf8);
    }
    assembled_.append(payload);
    if (!header.fin) return true;
    fragmented_ = false;
    const std::string_view message = assembled_.view();
    assembled_.clear();  // the bytes stay where they are until the next fragment
    handler.on_message(kind_, message);
    return true;
  }

  template <message_handler Handler>
  bool deliver_close(Handler& handler, std::string_view payload) {
    close_info info;
    if (const errc bad = decode_close(payload, info); bad != errc{}) return fail(bad);
    closed_ = true;
    handler.on_close(info);
    return false;
  }

  [[nodiscard]] bool is_checked_text(const frame_header& header) const noexcept {
    if constexpr (Check == text_check::off) return false;
    return header.op == opcode::text || (header.op == opcode::continuation && kind_ == message_kind::text);
  }

  [[nodiscard]] bool is_valid_text(std::string_view payload) noexcept {
    if (checked_ == 0) [[likely]]
      return is_valid_utf8(payload);
    return feed_rest(payload) && text_.complete();
  }

  // What `check_unfinished` has not seen of the frame.
  [[nodiscard]] bool feed_rest(std::string_view payload) noexcept {
    return text_.feed(payload.substr(std::exchange(checked_, 0)));
  }

  bool fail(errc code) noexcept {
    error_ = code;
    return false;
  }

  decoder_settings settings_;
  detail::padded_buffer received_;
  detail::padded_buffer assembled_;  // fragments of the message under way
  utf8_validator text_;
  std::error_code error_;
  std::uint64_t frames_{0};
  std::size_t fragments_{0};
  std::size_t checked_{0};  // payload bytes of the unfinished frame at the front
  message_kind kind_{message_kind::text};
  bool fragmented_{false};
  bool closed_{false};
  bool stopped_{false};
};

}  // namespace foxtrot::inline v0
