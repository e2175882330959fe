// foxtrot/queue/line.hpp: the unit of every ring: one cache line, an 8-byte word and 56 bytes of payload.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
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

/// What is called for each item of a ring: with its tag, or without.
template <class Visitor, class T>
concept line_visitor = std::invocable<Visitor&, const T&, line_tag> || std::invocable<Visitor&, const T&>;

namespace detail {

template <class T, line_visitor<T> Visitor>
void show(Visitor& visit, const T& item, line_tag tag) {
  if constexpr (std::invocable<Visitor&, const T&, line_tag>) {
    visit(item, tag);
  } else {
    visit(item);
  }
}

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

/// Which of `mask + 1` lines holds item number `position`. Items that follow each other stand far apart: where they are
/// neighbours, the reader's hardware prefetcher runs ahead of it and takes the lines from the writer just before they
/// are filled, and a writer with the reader at its heels gets a fifth of the speed (bench/queue). The stride is odd, so
/// that every line is used, and leaves several lines between any two of 16 that follow each other, in small rings too.
[[nodiscard]] constexpr std::size_t line_index(std::uint64_t position, std::size_t mask) noexcept {
  constexpr std::uint64_t stride = 331;
  return static_cast<std::size_t>(position * stride) & mask;
}

/// How many items ahead a writer asks for the lines it will fill.
inline constexpr std::uint64_t write_ahead = 8;

/// Where the lines are: each side of a ring keeps a copy of its own.
template <class Line>
struct line_view {
  Line* lines{nullptr};
  std::size_t mask{0};

  [[nodiscard]] Line& operator[](std::uint64_t position) const noexcept { return lines[line_index(position, mask)]; }
  [[nodiscard]] std::size_t count() const noexcept { return mask + 1; }
};

/// The memory of a ring: a power of two of lines, all of them written once here, so that no page is missing later.
template <class Line>
class line_store {
 public:
  line_store(std::size_t minimum, std::pmr::memory_resource& from)
      : from_{&from}, view_{nullptr, std::bit_ceil(std::clamp(minimum, std::size_t{2}, most)) - 1} {
    view_.lines = static_cast<Line*>(from.allocate(bytes(), alignof(Line)));
    std::uninitialized_default_construct_n(view_.lines, view_.count());
  }
  line_store(const line_store&) = delete;
  line_store& operator=(const line_store&) = delete;
  ~line_store() { from_->deallocate(view_.lines, bytes(), alignof(Line)); }

  [[nodiscard]] const line_view<Line>& view() const noexcept { return view_; }

 private:
  static_assert(std::is_trivially_destructible_v<Line>);
  static constexpr std::size_t most = std::size_t{1} << (position_bits - 1);  // more could not be told apart
  [[nodiscard]] std::size_t bytes() const noexcept { return view_.count() * sizeof(Line); }

  std::pmr::memory_resource* from_;
  line_view<Line> view_;
};

}  // namespace detail
}  // namespace foxtrot::inline v0
