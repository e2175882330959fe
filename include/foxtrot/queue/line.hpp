// foxtrot/queue/line.hpp: the unit of every ring: one cache line, an 8-byte word and 56 bytes of payload.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

namespace foxtrot::inline v0 {

/// Bytes of a line that carry data; the other eight hold its position and its tag.
inline constexpr std::size_t line_payload_bytes = cache_line - sizeof(std::uint64_t);

/// What fits into one line and may be copied as bytes.
template <class T>
concept line_payload = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> &&
                       sizeof(T) <= line_payload_bytes && alignof(T) <= alignof(std::uint64_t);

/// 24 bits that travel in a line's word beside the position: whatever classifies the payload without touching it.
struct line_tag {
  std::uint32_t bits{0};
  friend constexpr bool operator==(line_tag, line_tag) = default;
};

namespace detail {

inline constexpr unsigned position_bits = 40;  // at 10 million a second, 30 hours; compared within one lap only
inline constexpr std::uint64_t position_mask = (std::uint64_t{1} << position_bits) - 1;
inline constexpr std::uint32_t tag_mask = (std::uint32_t{1} << (64 - position_bits)) - 1;

/// The word of the line that holds item number `position`: never the word a fresh (zeroed) or older line has.
[[nodiscard]] constexpr std::uint64_t word_of(std::uint64_t position, line_tag tag) noexcept {
  return ((position + 1) & position_mask) | (std::uint64_t{tag.bits & tag_mask} << position_bits);
}
[[nodiscard]] constexpr bool word_is_at(std::uint64_t word, std::uint64_t position) noexcept {
  return (word & position_mask) == ((position + 1) & position_mask);
}
[[nodiscard]] constexpr line_tag tag_of(std::uint64_t word) noexcept {
  return {static_cast<std::uint32_t>(word >> position_bits)};
}

/// One line. The word is published last and read first; the payload belongs to whoever the word says.
template <line_payload T>
struct alignas(cache_line) line {
  std::atomic<std::uint64_t> word{0};
  alignas(std::uint64_t) std::byte payload[line_payload_bytes]{};

  [[nodiscard]] T* value() noexcept { return std::launder(reinterpret_cast<T*>(payload)); }
  [[nodiscard]] const T* value() const noexcept { return std::launder(reinterpret_cast<const T*>(payload)); }
};

}  // namespace detail
}  // namespace foxtrot::inline v0
