// tests/support/conformance/utf8_samples.hpp: what is UTF-8 and what is not, by the table of well-formed sequences in
// the Unicode standard (table 3-7), written out by hand.
#pragma once

#include <support/websocket_frames.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot_test::conformance {

struct utf8_sample {
  static constexpr std::size_t valid = 0;

  std::string what;
  std::string bytes;
  std::size_t proof{valid};  // so many bytes prove that it is none, whatever follows
  bool cut{false};           // only its end makes it wrong
};

inline std::string encoded(std::uint32_t character) {
  const auto tail = [character](unsigned shift) { return static_cast<char>(0x80U | ((character >> shift) & 0x3fU)); };
  if (character < 0x80) return {static_cast<char>(character)};
  if (character < 0x800) return {static_cast<char>(0xc0U | character >> 6U), tail(0)};
  if (character < 0x10000) return {static_cast<char>(0xe0U | character >> 12U), tail(6), tail(0)};
  return {static_cast<char>(0xf0U | character >> 18U), tail(12), tail(6), tail(0)};
}

class utf8_sample_list {
 public:
  void good(const std::string& what, std::string bytes) { list_.push_back({what, std::move(bytes)}); }
  /// In hexadecimal digits.
  void good_hex(const std::string& what, std::string_view digits) {
    good(what + ": " + std::string{digits}, hex(digits));
  }
  void bad_hex(const std::string& what, std::string_view digits, std::size_t proof) {
    list_.push_back({what + ": " + std::string{digits}, hex(digits), proof});
  }
  void cut_hex(const std::string& what, std::string_view digits) {
    const std::string bytes = hex(digits);
    list_.push_back({what + ": " + std::string{digits}, bytes, bytes.size(), true});
  }
  [[nodiscard]] std::vector<utf8_sample> take() { return std::move(list_); }

 private:
  std::vector<utf8_sample> list_;
};

inline void add_good_samples(utf8_sample_list& list) {
  const char* const greek = "Greek";
  for (const char* digits : {"ce ba", "ce ba e1 bd b9", "ce ba e1 bd b9 cf 83", "ce ba e1 bd b9 cf 83 ce bc",
                             "ce ba e1 bd b9 cf 83 ce bc ce b5"})
    list.good_hex(greek, digits);
  for (const char* digits : {"00", "c2 80", "e0 a0 80", "f0 90 80 80"}) list.good_hex("first of its length", digits);
  for (const char* digits : {"7f", "df bf", "ef bf bf", "f4 8f bf bf"}) list.good_hex("last of its length", digits);
  for (const char* digits : {"ed 9f bf", "ee 80 80", "ef bf bd", "f0 bf bf bf", "f1 80 80 80", "f3 bf bf bf",
                             "f4 80 80 80", "e1 80 80", "ec bf bf", "ef 80 80"})
    list.good_hex("at the edge of a range", digits);
  for (std::uint32_t plane = 0; plane <= 16; ++plane) {
    const std::uint32_t last = plane * 0x10000 + 0xffff;
    list.good("noncharacters of plane " + std::to_string(plane), encoded(last - 1) + encoded(last));
  }
  list.good("noncharacters U+FDD0 and U+FDEF", encoded(0xfdd0) + encoded(0xfdef));
  list.good("a byte order mark, which is kept", encoded(0xfeff) + "text");
  list.good("private use", encoded(0xe000) + encoded(0xf8ff) + encoded(0xf0000) + encoded(0x10fffd));
  list.good("control characters", std::string{"\0\x01\x1f\x7f\t\r\n", 7});
}

inline void add_cut_samples(utf8_sample_list& list) {
  for (const char* digits : {"ce", "ce ba e1", "ce ba e1 bd", "ce ba e1 bd b9 cf", "ce ba e1 bd b9 cf 83 ce",
                             "ce ba e1 bd b9 cf 83 ce bc ce"})
    list.cut_hex("Greek, cut", digits);
  for (const char* digits : {"c2", "df", "e0", "e0 a0", "e1", "ed", "ed 9f", "ef bf", "f0", "f0 90", "f0 90 80",
                             "f3 bf bf", "f4", "f4 8f", "f4 8f bf"})
    list.cut_hex("cut", digits);
}

inline void add_bad_samples(utf8_sample_list& list) {
  list.bad_hex("Greek, then a surrogate", "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64", 13);
  list.bad_hex("beyond U+10FFFF", "f4 90 80 80", 2);
  list.bad_hex("beyond U+10FFFF", "f4 bf bf bf", 2);
  for (const char* digits :
       {"f5 80 80 80", "f7 bf bf bf", "f8 88 80 80 80", "fb bf bf bf bf", "fc 84 80 80 80 80", "fd bf bf bf bf bf",
        "fe", "ff", "fe fe ff ff", "ff fe", "f8 80 80 80 af", "fc 80 80 80 80 af"})
    list.bad_hex("a byte that never occurs", digits, 1);

  std::string digits = "80";
  for (int i = 0; i < 7; ++i, digits += i % 2 == 0 ? " 80" : " bf") list.bad_hex("only continuation bytes", digits, 1);
  list.bad_hex("a continuation byte too many", "c3 a4 80", 3);
  list.bad_hex("a continuation byte too many", "e2 82 ac bf", 4);
  list.bad_hex("a continuation byte too many", "f0 9f 98 80 80", 5);

  for (const char* overlong : {"c0 af", "c1 bf", "c0 80"}) list.bad_hex("overlong", overlong, 1);
  for (const char* overlong : {"e0 80 af", "e0 9f bf", "e0 80 80", "f0 80 80 af", "f0 8f bf bf", "f0 80 80 80"})
    list.bad_hex("overlong", overlong, 2);

  for (const char* single : {"ed a0 80", "ed ad bf", "ed ae 80", "ed af bf", "ed b0 80", "ed be 80", "ed bf bf"})
    list.bad_hex("surrogate", single, 2);
  for (const char* high : {"ed a0 80", "ed ad bf", "ed ae 80", "ed af bf"})
    for (const char* low : {"ed b0 80", "ed bf bf"})
      list.bad_hex("pair of surrogates", high + std::string{" "} + low, 2);

  list.bad_hex("ASCII where a continuation is due", "c3 28", 2);
  list.bad_hex("ASCII where a continuation is due", "e2 28 a1", 2);
  list.bad_hex("ASCII where a continuation is due", "e2 82 28", 3);
  list.bad_hex("ASCII where a continuation is due", "f0 28 8c bc", 2);
  list.bad_hex("ASCII where a continuation is due", "f0 90 28 bc", 3);
  list.bad_hex("ASCII where a continuation is due", "f0 90 8c 28", 4);
  list.bad_hex("a lead byte where a continuation is due", "c3 c3", 2);
  list.bad_hex("a lead byte where a continuation is due", "e2 82 e2", 3);
  list.bad_hex("a lead byte where a continuation is due", "f0 9f 98 f0", 4);
  list.bad_hex("every length cut, one behind the other", "c0 e0 80 f0 80 80 df ef bf", 1);
  list.bad_hex("every length cut, one behind the other", "df ef bf f4 8f bf", 2);
}

inline std::vector<utf8_sample> utf8_samples() {
  utf8_sample_list list;
  add_good_samples(list);
  add_cut_samples(list);
  add_bad_samples(list);
  return list.take();
}

/// Every byte that begins no character, and every one that begins one of several bytes, before a space.
inline std::vector<utf8_sample> utf8_bad_starts() {
  utf8_sample_list list;
  const auto digits = [](unsigned byte) {
    constexpr const char* set = "0123456789abcdef";
    return std::string{set[byte >> 4U], set[byte & 0x0fU]};
  };
  for (unsigned byte = 0x80; byte <= 0xff; ++byte) {
    const bool starts = byte >= 0xc2 && byte <= 0xf4;
    list.bad_hex(starts ? "lead byte, then a space" : "not a lead byte", digits(byte) + " 20", starts ? 2 : 1);
  }
  return list.take();
}

}  // namespace foxtrot_test::conformance
