// foxtrot/net/websocket/utf8.hpp: exact UTF-8 validation (Unicode table 3-7), in pieces of any size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace foxtrot::inline v0 {
namespace detail {

inline constexpr std::size_t ascii_block = 16;

/// Whether these 16 or 64 bytes have no high bit set. Written out: -O2 unrolls no loop.
#ifdef __SSE2__
[[nodiscard]] inline __m128i load_block(const char* at) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
[[nodiscard]] inline bool is_ascii_16(const char* at) noexcept { return _mm_movemask_epi8(load_block(at)) == 0; }
[[nodiscard]] inline bool is_ascii_64(const char* at) noexcept {
  const __m128i one = _mm_or_si128(load_block(at), load_block(at + ascii_block));
  const __m128i other = _mm_or_si128(load_block(at + 2 * ascii_block), load_block(at + 3 * ascii_block));
  return _mm_movemask_epi8(_mm_or_si128(one, other)) == 0;
}
#else
[[nodiscard]] inline bool is_ascii_16(const char* at) noexcept {
  std::uint64_t words[2];
  std::memcpy(words, at, sizeof words);
  return ((words[0] | words[1]) & 0x8080808080808080U) == 0;
}
[[nodiscard]] inline bool is_ascii_64(const char* at) noexcept {
  return is_ascii_16(at) && is_ascii_16(at + ascii_block) && is_ascii_16(at + 2 * ascii_block) &&
         is_ascii_16(at + 3 * ascii_block);
}
#endif

/// Length of the ASCII prefix, or less: where something else follows, only the whole blocks before it. The last block
/// overlaps the one before, so that no rest has to be looked at byte by byte.
[[nodiscard]] inline std::size_t ascii_prefix(const char* at, std::size_t size) noexcept {
  std::size_t done = 0;
  for (; size - done >= 4 * ascii_block && is_ascii_64(at + done); done += 4 * ascii_block) {
  }
  if (size >= 4 * ascii_block && size - done < 4 * ascii_block && is_ascii_64(at + size - 4 * ascii_block)) return size;
  for (; size - done >= ascii_block && is_ascii_16(at + done); done += ascii_block) {
  }
  if (size >= ascii_block) {
    return size - done < ascii_block && is_ascii_16(at + size - ascii_block) ? size : done;
  }
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
      const char* const stop = at + std::min<std::ptrdiff_t>(end - at, detail::ascii_block);
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
  if (detail::ascii_prefix(text.data(), text.size()) == text.size()) return true;
  utf8_validator validator;
  return validator.feed(text) && validator.complete();
}

}  // namespace foxtrot::inline v0
