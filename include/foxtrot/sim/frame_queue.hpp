// foxtrot/sim/frame_queue.hpp: bytes that wait to be sent to one client: frames of a server, or an HTTP response.
#pragma once

#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/websocket/frame.hpp>

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

/// Frames are laid one behind the other, so that all that are due leave in one write. Grows as needed, never shrinks;
/// the owner watches `size`. Not thread-safe.
class frame_queue {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

  /// One unmasked frame whose payload is these pieces.
  void frame(opcode op, std::initializer_list<std::string_view> pieces) {
    std::size_t length = 0;
    for (const std::string_view piece : pieces) length += piece.size();
    char* at = room(max_frame_header + length);
    char head[max_frame_header];
    const std::size_t head_size = encode_frame_header(head, op, true, length, std::nullopt);
    std::memcpy(at, head, head_size);
    at += head_size;
    for (const std::string_view piece : pieces) at = put(at, piece);
    end_ += head_size + length;
  }

  void raw(std::string_view bytes) {
    put(room(bytes.size()), bytes);
    end_ += bytes.size();
  }

  /// Hands the stream what it takes. Zero once everything left, errc::would_block: wait until the stream is writable.
  template <byte_stream Stream>
  std::error_code flush(Stream& stream) noexcept {
    while (!empty()) {
      const io_result went = stream.write_some(std::span<const char>{data_.get() + begin_, size()});
      begin_ += went.bytes;
      if (went.error) return went.error;
    }
    begin_ = end_ = 0;
    return stream.flush();
  }

 private:
  /// An empty piece may have no address at all.
  static char* put(char* at, std::string_view bytes) noexcept {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return at + bytes.size();
  }

  [[nodiscard]] char* room(std::size_t count) {
    if (capacity_ - end_ >= count) return data_.get() + end_;
    if (capacity_ - size() >= count && begin_ >= size()) {  // moving is cheap where little is left
      std::memcpy(data_.get(), data_.get() + begin_, size());
    } else {
      const std::size_t larger = 2 * (size() + count) + 4096;
      std::unique_ptr<char[]> moved{new char[larger]};  // uninitialised on purpose
      if (!empty()) std::memcpy(moved.get(), data_.get() + begin_, size());
      data_ = std::move(moved);
      capacity_ = larger;
    }
    end_ -= std::exchange(begin_, 0);
    return data_.get() + end_;
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_{0};
  std::size_t begin_{0};
  std::size_t end_{0};
};

}  // namespace foxtrot::inline v0
