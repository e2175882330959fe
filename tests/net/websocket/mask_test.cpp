// tests/net/websocket/mask_test.cpp: against a loop over bytes, and the keys' quality.
#include <foxtrot/net/websocket/mask.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;

std::uint32_t number(mask_key key) {
  std::uint32_t value = 0;
  std::memcpy(&value, key.data(), key.size());
  return value;
}

TEST_CASE("mask: every length, alignment and offset equals the loop of the RFC", "[mask]") {
  const mask_key key{0x37, 0xfa, 0x00, 0xff};
  std::string original(200, '\0');
  for (std::size_t i = 0; i < original.size(); ++i) original[i] = static_cast<char>(i * 7);
  for (std::size_t start = 0; start < 9; ++start) {
    for (std::size_t size = 0; size <= 130; ++size) {
      for (const std::size_t offset : {0U, 1U, 2U, 3U, 4U, 5U, 11U, 4095U}) {
        std::string expected = original;
        for (std::size_t i = 0; i < size; ++i) {
          expected[start + i] =
              static_cast<char>(static_cast<std::uint8_t>(expected[start + i]) ^ key[(i + offset) % 4]);
        }
        std::string got = original;
        apply_mask({got.data() + start, size}, key, offset);
        REQUIRE(got == expected);
      }
    }
  }
}

TEST_CASE("mask: a payload in pieces equals the payload at once, and twice is the original", "[mask]") {
  const mask_key key{1, 2, 3, 250};
  const std::string original = "The quick brown fox jumps over the lazy dog, then trots home.";
  std::string at_once = original;
  apply_mask(at_once, key);
  CHECK(at_once != original);
  for (std::size_t cut = 0; cut <= original.size(); ++cut) {
    std::string pieces = original;
    apply_mask(std::span{pieces}.first(cut), key);
    apply_mask(std::span{pieces}.subspan(cut), key, cut);
    REQUIRE(pieces == at_once);
  }
  apply_mask(at_once, key);
  CHECK(at_once == original);
}

TEST_CASE("mask: a million keys are fresh and uniform", "[mask]") {
  constexpr std::size_t count = 1'000'000;
  mask_key_source source;
  std::array<std::array<std::size_t, 256>, 4> seen{};
  std::vector<std::uint32_t> sequence;
  sequence.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    mask_key key{};
    if (!source.try_next(key)) FAIL("no random bytes");
    for (std::size_t byte = 0; byte < 4; ++byte) ++seen[byte][key[byte]];
    sequence.push_back(number(key));
  }
  // chi-square with 255 degrees of freedom: p < 1e-9 is above 405 (Wilson-Hilferty)
  for (const auto& histogram : seen) {
    double chi2 = 0;
    const double expected = static_cast<double>(count) / 256;
    for (const std::size_t n : histogram) chi2 += std::pow(static_cast<double>(n) - expected, 2) / expected;
    CHECK(chi2 < 405);
  }
  // No batch comes twice: a repeated pair of neighbours has a chance of 1e12 / 2^65, about 3e-8.
  std::unordered_set<std::uint64_t> pairs;
  for (std::size_t i = 1; i < count; ++i) pairs.insert((std::uint64_t{sequence[i - 1]} << 32U) | sequence[i]);
  CHECK(pairs.size() == count - 1);
}

TEST_CASE("mask: a moved source never repeats a key of its origin", "[mask]") {
  mask_key_source first;
  mask_key key{};
  REQUIRE(first.try_next(key));
  mask_key_source second = std::move(first);
  std::vector<std::uint32_t> from_first;
  std::vector<std::uint32_t> from_second;
  for (int i = 0; i < 8; ++i) {
    REQUIRE(first.try_next(key));  // moved from: a fresh batch
    from_first.push_back(number(key));
    REQUIRE(second.try_next(key));
    from_second.push_back(number(key));
  }
  CHECK(from_first != from_second);
}

}  // namespace
