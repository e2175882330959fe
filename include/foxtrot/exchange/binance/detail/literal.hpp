// foxtrot/exchange/binance/detail/literal.hpp: fixed text, compared a word at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace foxtrot::inline v0::binance::detail {

static_assert(std::endian::native == std::endian::little, "the first character is the lowest byte of a word");

template <class Word>
[[nodiscard, gnu::always_inline]] inline Word load(const char* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// A string literal as a template argument.
template <std::size_t Size>
struct literal {
  // NOLINTNEXTLINE(google-explicit-constructor): that is its purpose
  consteval literal(const char (&from)[Size]) noexcept {
    for (std::size_t i = 0; i < Size; ++i) text[i] = from[i];
  }

  [[nodiscard]] static consteval std::size_t size() noexcept { return Size - 1; }

  /// The characters from `offset` on as `Word` holds them.
  template <class Word>
  [[nodiscard]] consteval Word word(std::size_t offset, std::size_t count = sizeof(Word)) const noexcept {
    Word value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      value = static_cast<Word>(value | static_cast<Word>(Word{static_cast<unsigned char>(text[offset + i])} << 8 * i));
    }
    return value;
  }

  char text[Size]{};
};

/// Whether `at` begins with the text. Reads no more than max(4, its length) bytes.
template <literal Text>
[[nodiscard, gnu::always_inline]] inline bool begins_with(const char* at) noexcept {
  constexpr std::size_t size = Text.size();
  const auto same = [at]<class Word, std::size_t Offset>(Word, std::integral_constant<std::size_t, Offset>)
                        __attribute__((always_inline)) {
                          constexpr Word wanted = Text.template word<Word>(Offset);
                          return load<Word>(at + Offset) == wanted;
                        };
  if constexpr (size >= sizeof(std::uint64_t)) {
    // whole words, and one that overlaps them at the end
    const auto words = [&]<std::size_t... Index>(std::index_sequence<Index...>) __attribute__((always_inline)) {
      return (same(std::uint64_t{}, std::integral_constant<std::size_t, 8 * Index>{}) && ...);
    };
    if constexpr (size % 8 == 0) return words(std::make_index_sequence<size / 8>{});
    return words(std::make_index_sequence<size / 8>{}) &&
           same(std::uint64_t{}, std::integral_constant<std::size_t, size - 8>{});
  } else if constexpr (size >= sizeof(std::uint32_t)) {
    return same(std::uint32_t{}, std::integral_constant<std::size_t, 0>{}) &&
           (size == 4 || same(std::uint32_t{}, std::integral_constant<std::size_t, size - 4>{}));
  } else if constexpr (size == 3) {
    constexpr auto wanted = Text.template word<std::uint32_t>(0, 3);
    return (load<std::uint32_t>(at) & 0xff'ffffU) == wanted;
  } else if constexpr (size == 2) {
    return same(std::uint16_t{}, std::integral_constant<std::size_t, 0>{});
  } else {
    static_assert(size == 1);
    return *at == Text.text[0];
  }
}

}  // namespace foxtrot::inline v0::binance::detail
