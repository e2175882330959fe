// tests/net/websocket/utf8_test.cpp: against the definition, for every character and every split.
#include <foxtrot/net/websocket/utf8.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace foxtrot;

/// What the bit patterns alone give: also overlong forms, surrogates and numbers that are no characters.
std::string encode(std::uint32_t value, int length) {
  if (length == 1) return {static_cast<char>(value)};
  std::string bytes;
  for (int i = length - 1; i > 0; --i) {
    bytes.insert(bytes.begin(), static_cast<char>(0x80U | (value & 0x3fU)));
    value >>= 6U;
  }
  const unsigned marks[] = {0xc0, 0xe0, 0xf0};
  bytes.insert(bytes.begin(), static_cast<char>(marks[length - 2] | value));
  return bytes;
}

TEST_CASE("utf8: every value in every length is valid only as its shortest form", "[utf8]") {
  const std::uint32_t limits[] = {0x80, 0x800, 0x10000, 0x200000};
  for (int length = 1; length <= 4; ++length) {
    for (std::uint32_t value = 0; value < limits[length - 1]; value += length == 4 ? 7 : 1) {
      const bool shortest = length == 1 || value >= limits[length - 2];
      const bool character = value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
      if (is_valid_utf8(encode(value, length)) != (shortest && character)) {
        FAIL_CHECK("value " << value << " in " << length << " bytes");
      }
    }
  }
  CHECK(is_valid_utf8(encode(0x10ffff, 4)));
  CHECK_FALSE(is_valid_utf8(encode(0x110000, 4)));
}

TEST_CASE("utf8: all pairs and triples of bytes agree with table 3-7", "[utf8]") {
  const auto in = [](unsigned v, unsigned low, unsigned high) { return v >= low && v <= high; };
  std::size_t wrong = 0;
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const char two[] = {static_cast<char>(a), static_cast<char>(b)};
      const bool good2 = (a < 0x80 && b < 0x80) || (in(a, 0xc2, 0xdf) && in(b, 0x80, 0xbf));
      wrong += is_valid_utf8({two, 2}) != good2;
      for (unsigned c = 0x7e; c < 0xc2; ++c) {
        const char three[] = {two[0], two[1], static_cast<char>(c)};
        const bool second = a == 0xe0   ? in(b, 0xa0, 0xbf)
                            : a == 0xed ? in(b, 0x80, 0x9f)
                                        : in(a, 0xe1, 0xef) && in(b, 0x80, 0xbf);
        const bool good3 = (good2 && c < 0x80) || (second && in(c, 0x80, 0xbf)) ||
                           (a < 0x80 && in(b, 0xc2, 0xdf) && in(c, 0x80, 0xbf));
        wrong += is_valid_utf8({three, 3}) != good3;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("utf8: known bad texts, each refused at the byte that proves it", "[utf8]") {
  struct row {
    std::string_view text;
    std::size_t bad_at;  // index of the first byte that nothing can follow up
  };
  const row table[] = {{"\x80", 0},          {"a\xbf", 1},
                       {"\xc0\xaf", 0},      {"\xc1\xbf", 0},
                       {"\xe0\x9f\xbf", 1},  {"\xed\xa0\x80", 1},
                       {"\xed\xbf\xbf", 1},  {"\xf0\x8f\xbf\xbf", 1},
                       {"\xf4\x90\x80", 1},  {"\xf5\x80", 0},
                       {"\xff", 0},          {"\xfe", 0},
                       {"\xc3(", 1},         {"\xe2\x82(", 2},
                       {"\xf0\x9f\x98(", 3}, {"\xe2\x82\xac\xe2(", 4},
                       {"\xf8\x88\x80", 0},  {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80", 12}};
  for (const row& r : table) {
    utf8_validator drip;
    for (std::size_t i = 0; i < r.text.size(); ++i) {
      INFO(r.bad_at << " of " << r.text.size() << " at " << i);
      REQUIRE(drip.feed(r.text.substr(i, 1)) == (i < r.bad_at));
    }
    CHECK_FALSE(drip.complete());
    CHECK_FALSE(is_valid_utf8(r.text));
    CHECK_FALSE(is_valid_utf8("0123456789abcdef0123456789abcdef01" + std::string{r.text}));
    CHECK_FALSE(drip.feed("later"));
    drip.reset();
    CHECK(drip.feed("later"));
  }
}

TEST_CASE("utf8: a text split anywhere is the same text, and half a character is not complete", "[utf8]") {
  const std::string text = "plain ascii for more than thirty-two bytes \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 z";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    utf8_validator validator;
    REQUIRE(validator.feed(std::string_view{text}.substr(0, cut)));
    const bool boundary = cut == text.size() || (static_cast<std::uint8_t>(text[cut]) & 0xc0U) != 0x80;
    CHECK(validator.complete() == boundary);
    REQUIRE(validator.feed(std::string_view{text}.substr(cut)));
    REQUIRE(validator.complete());
  }
}

TEST_CASE("utf8: the fast path for ASCII misses no byte", "[utf8]") {
  for (std::size_t size = 1; size <= 100; ++size) {
    std::string text(size, 'a');
    REQUIRE(is_valid_utf8(text));
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      REQUIRE_FALSE(is_valid_utf8(text));
      text[at] = '\x7f';
      REQUIRE(is_valid_utf8(text));
    }
  }
}

}  // namespace
