// bench/queue/item.hpp: what the queues carry: a number, in every one of its words.
#pragma once

#include <cstddef>
#include <cstdint>

namespace foxtrot_bench {

template <std::size_t Size>
struct item {
  static_assert(Size % sizeof(std::uint64_t) == 0);
  std::uint64_t words[Size / sizeof(std::uint64_t)];

  void set(std::uint64_t number) noexcept {
    for (std::uint64_t& word : words) word = number;
  }
  [[nodiscard]] std::uint64_t number() const noexcept { return words[0]; }
  /// First and last word: as much as a consumer looks at, and enough to notice a torn or lost item.
  [[nodiscard]] std::uint64_t digest() const noexcept { return words[0] + words[Size / sizeof(std::uint64_t) - 1]; }
};

/// The sum of the digests of the items `first` to `end`, without `end`.
[[nodiscard]] constexpr std::uint64_t digest_of(std::uint64_t first, std::uint64_t end) noexcept {
  return end * (end - 1) - (first == 0 ? 0 : first * (first - 1));
}

}  // namespace foxtrot_bench
