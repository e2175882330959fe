// tests/support/long_arithmetic.hpp: integers of any length, digit by digit as at school, to check fast arithmetic
// with.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/int128.hpp>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>

namespace foxtrot_test {

/// A sign and decimal digits, the last one first. Slow and plain.
class long_integer {
 public:
  long_integer() = default;
  explicit long_integer(foxtrot::int128 value) : negative_{value < 0} {
    auto rest =
        value < 0 ? foxtrot::uint128{0} - static_cast<foxtrot::uint128>(value) : static_cast<foxtrot::uint128>(value);
    for (; rest != 0; rest /= 10) digits_ += static_cast<char>(rest % 10);
  }

  [[nodiscard]] bool is_zero() const { return digits_.empty(); }
  [[nodiscard]] bool is_negative() const { return negative_ && !is_zero(); }
  [[nodiscard]] bool ends_in_zero() const { return !is_zero() && digits_.front() == 0; }

  [[nodiscard]] long_integer times_ten(int times = 1) const {
    long_integer made = *this;
    if (!is_zero()) made.digits_.insert(0, static_cast<std::size_t>(times), '\0');
    return made;
  }
  [[nodiscard]] long_integer tenth() const {
    long_integer made = *this;
    made.digits_.erase(0, 1);
    return made;
  }
  [[nodiscard]] long_integer operator-() const {
    long_integer made = *this;
    made.negative_ = !negative_;
    return made;
  }
  [[nodiscard]] long_integer magnitude() const { return is_negative() ? -*this : *this; }

  friend long_integer operator+(const long_integer& a, const long_integer& b) {
    if (a.negative_ != b.negative_) {
      const bool larger = compare(a.digits_, b.digits_) >= 0;
      return larger ? less(a, b) : less(b, a);
    }
    long_integer made;
    made.negative_ = a.negative_;
    int carry = 0;
    for (std::size_t i = 0; i < std::max(a.digits_.size(), b.digits_.size()) || carry != 0; ++i, carry /= 10) {
      carry += a.at(i) + b.at(i);
      made.digits_ += static_cast<char>(carry % 10);
    }
    return made;
  }
  friend long_integer operator-(const long_integer& a, const long_integer& b) { return a + -b; }
  friend long_integer operator*(const long_integer& a, const long_integer& b) {
    long_integer made;
    for (std::size_t i = 0; i < b.digits_.size(); ++i) {
      for (int times = 0; times < b.at(i); ++times) made = made + a.magnitude().times_ten(static_cast<int>(i));
    }
    made.negative_ = a.negative_ != b.negative_;
    return made;
  }
  /// What is left of the magnitudes' division.
  friend long_integer operator%(const long_integer& a, const long_integer& b) {
    const long_integer of = b.magnitude();
    long_integer rest;
    for (std::size_t i = a.digits_.size(); i-- > 0;) {
      rest = rest.times_ten() + long_integer{a.at(i)};
      while (compare(rest.digits_, of.digits_) >= 0) rest = rest - of;
    }
    return rest;
  }
  friend bool operator==(const long_integer& a, const long_integer& b) { return (a <=> b) == 0; }
  friend std::strong_ordering operator<=>(const long_integer& a, const long_integer& b) {
    if (a.is_negative() != b.is_negative())
      return a.is_negative() ? std::strong_ordering::less : std::strong_ordering::greater;
    const int order = a.is_negative() ? compare(b.digits_, a.digits_) : compare(a.digits_, b.digits_);
    return order <=> 0;
  }

 private:
  [[nodiscard]] int at(std::size_t place) const { return place < digits_.size() ? digits_[place] : 0; }

  [[nodiscard]] static int compare(const std::string& a, const std::string& b) {
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    for (std::size_t i = a.size(); i-- > 0;) {
      if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    }
    return 0;
  }
  // |a| - |b| with a's sign, for |a| >= |b|
  [[nodiscard]] static long_integer less(const long_integer& a, const long_integer& b) {
    long_integer made;
    made.negative_ = a.negative_;
    int borrowed = 0;
    for (std::size_t i = 0; i < a.digits_.size(); ++i) {
      const int digit = a.at(i) - b.at(i) - borrowed;
      borrowed = digit < 0 ? 1 : 0;
      made.digits_ += static_cast<char>(digit + 10 * borrowed);
    }
    while (!made.digits_.empty() && made.digits_.back() == 0) made.digits_.pop_back();
    return made;
  }

  bool negative_{false};
  std::string digits_;
};

/// mantissa x 10^exponent, without limits.
struct long_decimal {
  long_integer mantissa;
  int exponent{0};

  template <class Mantissa>
  static long_decimal of(const foxtrot::basic_decimal<Mantissa>& value) {
    return {long_integer{value.mantissa()}, value.exponent()};
  }
  [[nodiscard]] long_integer at(int finer) const { return mantissa.times_ten(exponent - finer); }

  friend long_decimal operator+(const long_decimal& a, const long_decimal& b) {
    const int finer = std::min(a.exponent, b.exponent);
    return {a.at(finer) + b.at(finer), finer};
  }
  friend long_decimal operator-(const long_decimal& a, const long_decimal& b) {
    return a + long_decimal{-b.mantissa, b.exponent};
  }
  friend long_decimal operator*(const long_decimal& a, const long_decimal& b) {
    return {a.mantissa * b.mantissa, a.exponent + b.exponent};
  }
  friend bool operator==(const long_decimal& a, const long_decimal& b) { return (a <=> b) == 0; }
  friend std::strong_ordering operator<=>(const long_decimal& a, const long_decimal& b) {
    const int finer = std::min(a.exponent, b.exponent);
    return a.at(finer) <=> b.at(finer);
  }

  /// Whether some mantissa of that width with some exponent means this number.
  template <class Mantissa>
  [[nodiscard]] bool fits() const {
    long_decimal shortest = *this;
    if (mantissa.is_zero()) return true;
    while (shortest.mantissa.ends_in_zero()) shortest = {shortest.mantissa.tenth(), shortest.exponent + 1};
    if (shortest.exponent < -128) return false;
    if (shortest.exponent > 127) shortest = {shortest.at(127), 127};
    const auto top = foxtrot::int128{1} << (8 * sizeof(Mantissa) - 2);
    const foxtrot::int128 most = top - 1 + top;
    return shortest.mantissa <= long_integer{most} && shortest.mantissa >= long_integer{-most - 1};
  }
};

/// Random decimals: mantissas of every length, both signs, often round ones; and exponents nearby or far apart.
class decimal_source {
 public:
  template <class Mantissa>
  foxtrot::basic_decimal<Mantissa> next() {
    const auto bits = static_cast<unsigned>(random_() % (8 * sizeof(Mantissa)));
    auto wide = static_cast<foxtrot::int128>((foxtrot::uint128{random_()} << 64) | random_());
    if (sizeof(Mantissa) == sizeof(std::int64_t)) wide >>= 64;
    auto mantissa = static_cast<Mantissa>(wide >> bits);
    if (random_() % 4 == 0) mantissa = static_cast<Mantissa>(mantissa / 1'000 * 1'000);
    if (random_() % 64 == 0) mantissa = static_cast<Mantissa>(foxtrot::int128{1} << (8 * sizeof(Mantissa) - 1));
    const int range = random_() % 8 == 0 ? 127 : 12;
    return {mantissa, std::uniform_int_distribution<int>{-range, range}(random_)};
  }
  std::uint64_t operator()() { return random_(); }

 private:
  std::mt19937_64 random_{20240301};
};

}  // namespace foxtrot_test
