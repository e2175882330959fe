// tests/support/fuzzing.hpp: what the fuzz targets share: choices out of the input, a trap, a running hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <source_location>
#include <string_view>
#include <system_error>

// What it marks belongs to the test: steering by its branches would only waste inputs, and counting them time.
#if defined(__clang__)
#define FOXTROT_TEST_UNSEEN __attribute__((no_sanitize("coverage")))
#else
#define FOXTROT_TEST_UNSEEN
#endif

namespace foxtrot_test {

/// Ends the program where an invariant does not hold, and says which: compilers merge traps, stacks do not show them.
FOXTROT_TEST_UNSEEN inline void insist(bool holds,
                                       std::source_location where = std::source_location::current()) noexcept {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: ERROR: an invariant does not hold\n", where.file_name(), unsigned{where.line()});
  __builtin_trap();
}

/// An input: its first bytes make the choices, the others are what came over the wire.
class fuzz_input {
 public:
  fuzz_input(const std::uint8_t* data, std::size_t size) : bytes_{reinterpret_cast<const char*>(data), size} {}

  /// The next byte, zero where there is none.
  [[nodiscard]] FOXTROT_TEST_UNSEEN std::uint8_t choice() noexcept {
    if (bytes_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  [[nodiscard]] std::string_view rest() const noexcept { return bytes_; }

 private:
  std::string_view bytes_;
};

/// The size of the pieces: from 1 byte up, and never so small that a long input costs a hundred times a short one.
[[nodiscard]] FOXTROT_TEST_UNSEEN inline std::size_t piece_size(std::uint8_t choice, std::size_t size) noexcept {
  const std::size_t least = size / 64 + 1;
  const std::size_t wanted = std::size_t{choice} % 64 + 1;
  return wanted < least ? least : wanted;
}

/// A hash of everything added so far, in its order: what is compared instead of the things themselves.
class running_hash {
 public:
  FOXTROT_TEST_UNSEEN void add(std::uint64_t value) noexcept {
    value_ = (value_ ^ value) * 0x9e3779b97f4a7c15U;
    value_ ^= value_ >> 32U;
  }
  FOXTROT_TEST_UNSEEN void add(std::string_view bytes) noexcept {
    add(bytes.size());
    std::uint64_t word = 0;
    while (bytes.size() >= sizeof word) {
      std::memcpy(&word, bytes.data(), sizeof word);
      add(word);
      bytes.remove_prefix(sizeof word);
    }
    word = 0;
    if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
    add(word);
  }

  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }
  bool operator==(const running_hash&) const = default;

 private:
  std::uint64_t value_{0};
};

}  // namespace foxtrot_test
