// foxtrot/net/websocket/sender.hpp: frames on their way out: masked, queued within a bound, written when the stream
// takes them.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/detail/padded_buffer.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/net/websocket/mask.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

/// The sending half of a WebSocket connection. One thread.
template <websocket_role Role>
class frame_sender {
 public:
  explicit frame_sender(std::size_t limit) : limit_{limit}, unsent_{4096} {}

  /// Queues a frame, the last one of its message unless `fin` is false. errc::would_block: no room for it now, or
  /// another message has begun and not ended; errc::bad_argument: no such frame can ever be sent here; errc::closed:
  /// the close was queued before. Nothing of the frame is taken then.
  [[nodiscard]] std::error_code queue(opcode op, std::string_view payload, bool fin = true) {
    if (close_queued_) return errc::closed;
    const std::size_t size = frame_size(payload.size(), masks);
    if (size > limit_ || op == opcode::close) return errc::bad_argument;
    if (is_control(op)) {
      if (!fin || payload.size() > max_control_payload) return errc::bad_argument;
    } else if ((op == opcode::continuation) != mid_message_) {
      return mid_message_ ? errc::would_block : errc::bad_argument;
    }
    if (size > room()) return errc::would_block;
    const std::error_code error = encode(op, payload, fin);
    if (!error && !is_control(op)) mid_message_ = !fin;
    return error;
  }
  /// The largest payload that one frame can have here, in bytes.
  [[nodiscard]] std::size_t max_payload() const noexcept {
    return limit_ > max_frame_header ? limit_ - max_frame_header : 1;
  }

  /// Queues the answer to a ping; with `latest_only`, or where there is no room (a peer that pings without reading),
  /// only the latest one is answered, once there is (RFC 6455 section 5.5.3).
  void queue_pong(std::string_view payload, bool latest_only) {
    if (close_queued_) return;
    if (latest_only || late_pong_ || frame_size(payload.size(), masks) > room()) {
      late_pong_ = payload;
    } else {
      (void)encode(opcode::pong, payload);
    }
  }

  /// While held, a pong that is to wait for others waits.
  void hold_pongs(bool hold) noexcept { held_ = hold; }

  /// Queues the last frame; beyond the limit if it must be.
  void queue_close(close_code code, std::string_view reason) {
    if (std::exchange(close_queued_, true)) return;
    late_pong_.reset();
    (void)encode(opcode::close, encode_close(code, reason));
  }

  /// Queues bytes that are no frame: an upgrade request.
  void queue_raw(std::string_view bytes) { unsent_.append(bytes); }

  /// Gives the stream what it takes. errc::would_block: it did not take everything.
  template <byte_stream Stream>
  std::error_code flush(Stream& stream) {
    do {
      while (unsent_.size() != 0) {
        const io_result went = stream.write_some(unsent_.data());
        if (went.error) return went.error;
        unsent_.consume(went.bytes);
        taken_ += went.bytes;
      }
      unsent_.rewind_if_empty();
    } while (encode_late_pong());
    return stream.flush();
  }

  /// Bytes that the stream has not taken.
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size(); }
  /// Bytes that the stream has taken so far.
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }
  /// True where a message of several frames has begun and not ended.
  [[nodiscard]] bool mid_message() const noexcept { return mid_message_; }
  [[nodiscard]] bool close_queued() const noexcept { return close_queued_; }
  /// Frames queued so far, and the pongs among them.
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::uint64_t pongs() const noexcept { return pongs_; }

 private:
  static constexpr bool masks = Role == websocket_role::client;

  [[nodiscard]] std::size_t room() const noexcept { return limit_ > unsent_.size() ? limit_ - unsent_.size() : 0; }

  [[nodiscard]] std::error_code encode(opcode op, std::string_view payload, bool fin = true) {
    std::optional<mask_key> key;
    if constexpr (masks) {
      if (!keys_.try_next(key.emplace())) return errc::not_permitted;
    }
    const std::span<char> space = unsent_.prepare(frame_size(payload.size(), masks));
    unsent_.commit(encode_frame(space, op, payload, key, fin));
    ++frames_;
    pongs_ += op == opcode::pong;
    return {};
  }

  [[nodiscard]] bool encode_late_pong() {
    if (!late_pong_ || held_) return false;
    const std::string payload = *std::exchange(late_pong_, std::nullopt);
    return !encode(opcode::pong, payload);
  }

  std::size_t limit_;
  detail::padded_buffer unsent_;
  mask_key_source keys_;
  std::optional<std::string> late_pong_;
  std::uint64_t frames_{0};
  std::uint64_t pongs_{0};  // of these
  std::uint64_t taken_{0};
  bool held_{false};
  bool mid_message_{false};
  bool close_queued_{false};
};

}  // namespace foxtrot::inline v0
