#include <foxtrot/queue/line.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

using namespace foxtrot;
using detail::position_bits;
using detail::position_mask;
using detail::tag_of;
using detail::word_is_at;
using detail::word_of;

TEST_CASE("line: one cache line, payload behind the word", "[queue]") {
  using line = detail::line<std::array<std::uint64_t, 7>>;
  static_assert(sizeof(line) == cache_line && alignof(line) == cache_line);
  static_assert(offsetof(line, payload) == sizeof(std::uint64_t));
  static_assert(line_payload_bytes == 56);
  line one;
  CHECK(one.word.load() == 0);
  CHECK(static_cast<void*>(one.value()) == static_cast<void*>(one.payload));
}

TEST_CASE("line: what may be a payload", "[queue]") {
  struct owner {
    ~owner() {}  // NOLINT(modernize-use-equals-default): not trivial is the point
  };
  struct alignas(16) wide {
    std::uint64_t words[2];
  };
  static_assert(line_payload<std::uint64_t>);
  static_assert(line_payload<std::array<std::byte, 56>>);
  static_assert(!line_payload<std::array<std::byte, 57>>);
  static_assert(!line_payload<std::string>);
  static_assert(!line_payload<owner>);
  static_assert(!line_payload<wide>);
  SUCCEED();
}

TEST_CASE("line: a word says position and tag", "[queue]") {
  for (const std::uint64_t position :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1023}, std::uint64_t{1} << 39}) {
    for (const std::uint32_t bits : {0U, 1U, 0xabcdefU, 0xffffffU}) {
      const std::uint64_t word = word_of(position, {bits});
      CHECK(word_is_at(word, position));
      CHECK_FALSE(word_is_at(word, position + 1));
      CHECK(tag_of(word) == line_tag{bits});
    }
  }
  CHECK(tag_of(word_of(5, {0xff123456})) == line_tag{0x123456});  // 24 bits travel
}

TEST_CASE("line: a fresh line holds no item of the first lap", "[queue]") {
  for (std::uint64_t position = 0; position < 100'000; ++position) {
    if (word_is_at(0, position)) FAIL(position);
  }
}

TEST_CASE("line: the position's 40 bits may wrap", "[queue]") {
  constexpr std::uint64_t wrap = std::uint64_t{1} << position_bits;
  for (std::uint64_t position = wrap - 3; position < wrap + 3; ++position) {
    const std::uint64_t word = word_of(position, {0xffffff});
    CHECK(word_is_at(word, position));
    CHECK(tag_of(word) == line_tag{0xffffff});
    CHECK((word & position_mask) == ((position + 1) & position_mask));
    // what a ring of any sensible size may find in that line instead: the item one lap before
    for (const std::uint64_t capacity : {2U, 8U, 1024U, 1U << 20}) {
      CHECK_FALSE(word_is_at(word_of(position - capacity, {0xffffff}), position));
      CHECK_FALSE(word_is_at(word, position - capacity));
      CHECK_FALSE(word_is_at(word, position + capacity));
    }
  }
}
