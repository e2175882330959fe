// foxtrot/net/websocket/utf8.hpp: exact UTF-8 validation (Unicode table 3-7), in pieces of any size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace foxtrot::inline v0 {
namespace detail {

using byte_block = std::uint64_t __attribute__((vector_size(16)));  // one register of SSE2 or NEON

[[nodiscard]] inline bool is_ascii(byte_block block) noexcept {
  return ((block[0] | block[1]) & 0x8080808080808080U) == 0;
}

template <class T>
[[nodiscard]] inline T load(const char* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Length of the ASCII prefix, or less where what follows is not ASCII: a multiple of 16 at least. Looks at 64 bytes at
/// a time, then 16; the last 16 overlap those before them, so that no rest is left to be looked at byte by byte.
[[nodiscard]] inline std::size_t ascii_prefix(const char* at, std::size_t size) noexcept {
  constexpr std::size_t step = sizeof(byte_block);
  const auto block = [at](std::size_t offset) { return load<byte_block>(at + offset); };
  std::size_t done = 0;
  for (; size - done >= 4 * step; done += 4 * step)
    if (!is_ascii(block(done) | block(done + step) | block(done + 2 * step) | block(done + 3 * step))) break;
  for (; size - done >= step; done += step)
    if (!is_ascii(block(done))) return done;
  if (size >= step) return is_ascii(block(size - step)) ? size : done;
  while (done < size && (static_cast<std::uint8_t>(at[done]) & 0x80U) == 0) ++done;
  return done;
}

}  // namespace detail

/// Checks a text that arrives in pieces and fails at the first byte that no continuation can make valid. A plain value,
/// one thread.
class utf8_validator {
 public:
  /// False once anything fed so far is wrong; stays false until `reset`.
  [[nodiscard]] bool feed(std::string_view bytes) noexcept {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end && !failed_) {
      if (missing_ == 0) at += detail::ascii_prefix(at, static_cast<std::size_t>(end - at));
      const char* const stop = at + std::min<std::ptrdiff_t>(end - at, sizeof(detail::byte_block));
      for (; at != stop && !failed_; ++at) {
        const auto byte = static_cast<std::uint8_t>(*at);
        missing_ == 0 ? begin(byte) : next(byte);
      }
    }
    return !failed_;
  }

  /// True where the text may end here: nothing wrong, no character left half read.
  [[nodiscard]] bool complete() const noexcept { return !failed_ && missing_ == 0; }

  void reset() noexcept { *this = {}; }

 private:
  void expect(std::uint8_t bytes, std::uint8_t low, std::uint8_t high) noexcept {
    missing_ = bytes;
    low_ = low;
    high_ = high;
  }

  // Only the second byte has limits of its own: they exclude overlong forms, surrogates and what is above U+10FFFF.
  void begin(std::uint8_t lead) noexcept {
    if (lead < 0x80) return;
    if (lead >= 0xc2 && lead <= 0xdf) return expect(1, 0x80, 0xbf);
    if (lead == 0xe0) return expect(2, 0xa0, 0xbf);
    if (lead == 0xed) return expect(2, 0x80, 0x9f);
    if (lead >= 0xe1 && lead <= 0xef) return expect(2, 0x80, 0xbf);
    if (lead == 0xf0) return expect(3, 0x90, 0xbf);
    if (lead >= 0xf1 && lead <= 0xf3) return expect(3, 0x80, 0xbf);
    if (lead == 0xf4) return expect(3, 0x80, 0x8f);
    failed_ = true;
  }

  void next(std::uint8_t byte) noexcept {
    failed_ = byte < low_ || byte > high_;
    expect(static_cast<std::uint8_t>(missing_ - 1), 0x80, 0xbf);
  }

  std::uint8_t missing_{0};
  std::uint8_t low_{0x80};
  std::uint8_t high_{0xbf};
  bool failed_{false};
};

/// True where the whole text is valid UTF-8.
[[nodiscard]] inline bool is_valid_utf8(std::string_view text) noexcept {
  utf8_validator validator;
  return validator.feed(text) && validator.complete();
}

}  // namespace foxtrot::inline v0
