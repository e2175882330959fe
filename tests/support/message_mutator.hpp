// tests/support/message_mutator.hpp: changes market data messages the way their grammar invites mistakes.
#pragma once

#include <support/fuzzing.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot_test {

/// One change of a message: digits, lengths of numbers, members in another order, bytes that pass for others, ends.
class message_mutator {
 public:
  message_mutator(std::uint64_t seed, std::span<const std::string_view> samples) noexcept
      : state_{seed}, samples_{samples} {}

  FOXTROT_TEST_UNSEEN void change(std::string& text) {
    if (text.empty() || random(64) == 0) text = any_sample();
    switch (random(14)) {
      case 0: replace_digit(text); break;
      case 1: lengthen_number(text); break;
      case 2: shorten_number(text); break;
      case 3: move_point(text); break;
      case 4: swap_members(text); break;
      case 5: place_odd_byte(text); break;
      case 6: shift_byte(text); break;
      case 7: text.resize(random(text.size() + 1)); break;
      case 8: repeat_piece(text); break;
      case 9: wrap(text); break;
      case 10: splice(text); break;
      case 11: erase_piece(text); break;
      case 12: fill_number(text); break;
      default: copy_number(text); break;
    }
  }

  /// From 0 up to below `limit`.
  FOXTROT_TEST_UNSEEN std::size_t random(std::size_t limit) noexcept {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return limit == 0 ? 0 : static_cast<std::size_t>((mixed ^ (mixed >> 31)) % limit);
  }

 private:
  struct piece {
    std::size_t at;
    std::size_t size;
  };

  [[nodiscard]] static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
  FOXTROT_TEST_UNSEEN char digit() noexcept { return static_cast<char>('0' + random(10)); }
  FOXTROT_TEST_UNSEEN std::string any_sample() { return std::string{samples_[random(samples_.size())]}; }

  /// A run of digits; empty, somewhere, where there is none.
  FOXTROT_TEST_UNSEEN piece a_number(const std::string& text) {
    std::size_t at = random(text.size());
    for (std::size_t steps = 0; steps < text.size() && !is_digit(text[at]); ++steps) at = (at + 1) % text.size();
    while (at > 0 && is_digit(text[at]) && is_digit(text[at - 1])) --at;
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end])) ++end;
    return {at, end - at};
  }

  FOXTROT_TEST_UNSEEN void replace_digit(std::string& text) {
    const piece number = a_number(text);
    if (number.size != 0) text[number.at + random(number.size)] = digit();
  }
  FOXTROT_TEST_UNSEEN void lengthen_number(std::string& text) {
    const piece number = a_number(text);
    std::string more(1 + random(random(4) == 0 ? 24 : 3), '0');
    if (random(2) == 0) std::generate(more.begin(), more.end(), [this] { return digit(); });
    text.insert(number.at + random(number.size + 1), more);
  }
  FOXTROT_TEST_UNSEEN void shorten_number(std::string& text) {
    const piece number = a_number(text);
    text.erase(number.at, 1 + random(number.size));
  }
  FOXTROT_TEST_UNSEEN void move_point(std::string& text) {
    const std::size_t point = text.find('.', random(text.size()));
    if (point != std::string::npos && random(4) != 0) text.erase(point, 1);
    if (text.empty()) return;
    const piece number = a_number(text);
    text.insert(number.at + random(number.size + 1), 1, '.');
  }
  /// Numbers at the ends of what their types hold.
  FOXTROT_TEST_UNSEEN void fill_number(std::string& text) {
    static constexpr std::array<std::string_view, 14> edges{"0",
                                                            "00",
                                                            "01",
                                                            "9999999999999",
                                                            "9999999999999999",
                                                            "999999999999999",
                                                            "99999999",
                                                            "9223372036854775807",
                                                            "9223372036854775808",
                                                            "18446744073709551615",
                                                            "18446744073709551616",
                                                            "-1",
                                                            "1e5",
                                                            "92233720368.54775807"};
    const piece number = a_number(text);
    text.replace(number.at, number.size, edges[random(edges.size())]);
  }
  FOXTROT_TEST_UNSEEN void copy_number(std::string& text) {
    const piece from = a_number(text);
    const std::string digits = text.substr(from.at, from.size);
    const piece to = a_number(text);
    text.replace(to.at, to.size, digits);
  }

  /// Members are what commas part; those of arrays count as well.
  FOXTROT_TEST_UNSEEN void swap_members(std::string& text) {
    std::vector<std::size_t> edges{text.find('{') + 1};
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == ',') edges.push_back(i + 1);
    }
    if (edges.size() < 3) return;
    const std::size_t first = random(edges.size() - 2);
    const std::string one = text.substr(edges[first], edges[first + 1] - 1 - edges[first]);
    const std::string other = text.substr(edges[first + 1], edges[first + 2] - 1 - edges[first + 1]);
    if (edges[first] + one.size() + 1 + other.size() > text.size()) return;
    text.replace(edges[first], one.size() + 1 + other.size(), other + ',' + one);
  }

  FOXTROT_TEST_UNSEEN void place_odd_byte(std::string& text) {
    // NUL and what stands beside digits and quotes in the table, or is one of these with its highest bit set
    static constexpr char table[] = "\0/:;.\"\\!#-+ eE\x7f\x80\xb0\xb9\xa2\xff\x10\x1f,[]{}";
    constexpr std::string_view odd{table, sizeof table - 1};
    const char byte = odd[random(odd.size())];
    const std::size_t at = random(2) == 0 ? random(text.size()) : a_number(text).at;
    if (random(2) == 0) {
      text.insert(std::min(at, text.size()), 1, byte);
    } else if (at < text.size()) {
      text[at] = byte;
    }
  }
  FOXTROT_TEST_UNSEEN void shift_byte(std::string& text) {
    char& byte = text[random(text.size())];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random(8)));
  }
  FOXTROT_TEST_UNSEEN void repeat_piece(std::string& text) {
    std::size_t at = text.find('[', random(text.size()));
    std::size_t end = at == std::string::npos ? at : text.find(']', at);
    if (end == std::string::npos || random(4) == 0) {
      at = random(text.size());
      end = at + random(std::min<std::size_t>(text.size() - at, 32));
    }
    const std::string piece = text.substr(at, end - at + 1) + (random(4) == 0 ? "" : ",");
    for (std::size_t times = 1 + random(4); times != 0; --times) text.insert(at, piece);
  }
  FOXTROT_TEST_UNSEEN void wrap(std::string& text) {
    static constexpr std::string_view data{",\"data\":"};
    const std::size_t found = text.find(data);
    if (found == std::string::npos) {
      std::string name(1 + random(40), 'a');
      std::generate(name.begin(), name.end(), [this] { return static_cast<char>('!' + random(94)); });
      text = "{\"stream\":\"" + name + '"' + std::string{data} + text + '}';
    } else {
      text.erase(0, found + data.size());
      if (!text.empty() && random(4) != 0) text.pop_back();
    }
  }
  FOXTROT_TEST_UNSEEN void splice(std::string& text) {
    const std::string other = any_sample();
    text = text.substr(0, random(text.size() + 1)) + other.substr(random(other.size()));
  }
  FOXTROT_TEST_UNSEEN void erase_piece(std::string& text) { text.erase(random(text.size()), 1 + random(12)); }

  std::uint64_t state_;
  std::span<const std::string_view> samples_;
};

}  // namespace foxtrot_test
