// foxtrot/sim/text_writer.hpp: appends numbers and text to a caller's string without a temporary.
#pragma once

#include <foxtrot/core/decimal.hpp>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// How one kind of number is written: an integer with `decimals` of its digits behind the point, padded with zeros to
/// `shown`.
struct number_format {
  int decimals{0};
  int shown{0};
};

/// Writes behind the end of a string that it enlarges once by `room`, and cuts to what was written when it goes. The
/// caller promises that `room` suffices. One number takes at most `number_room`, a wide one
/// `wide_number_room`.
class text_writer {
 public:
  static constexpr std::size_t number_room = 32;
  static constexpr std::size_t wide_number_room = 64;

  text_writer(std::string& out, std::size_t room) : out_{out} {
    const std::size_t size = out.size();
    if (out.capacity() < size + room) out.reserve(std::max(size + room, 2 * out.capacity()));
    out.resize(size + room);
    at_ = out.data() + size;
  }
  text_writer(const text_writer&) = delete;
  text_writer& operator=(const text_writer&) = delete;
  ~text_writer() {
    assert(at_ <= out_.data() + out_.size());
    out_.resize(static_cast<std::size_t>(at_ - out_.data()));
  }

  text_writer& text(std::string_view piece) noexcept {
    std::memcpy(at_, piece.data(), piece.size());
    at_ += piece.size();
    return *this;
  }

  text_writer& number(std::integral auto value) noexcept {
    at_ = std::to_chars(at_, at_ + number_room, value).ptr;
    return *this;
  }

  /// A mantissa that is not negative, in quotes: `"61837.63000000"`.
  text_writer& quoted(std::int64_t mantissa, number_format format) noexcept {
    *at_++ = '"';
    std::int64_t unit = 1;
    for (int i = 0; i < format.decimals; ++i) unit *= 10;
    number(mantissa / unit);
    if (format.shown > 0) {
      *at_++ = '.';
      std::int64_t fraction = mantissa % unit;
      for (int i = format.decimals; i-- > 0; fraction /= 10) at_[i] = static_cast<char>('0' + fraction % 10);
      at_ += format.decimals;
      for (int i = format.decimals; i < format.shown; ++i) *at_++ = '0';
    }
    *at_++ = '"';
    return *this;
  }

  /// A decimal in quotes, padded to `shown` digits behind the point; more where it needs them.
  text_writer& quoted(const wide_decimal& value, int shown) noexcept {
    *at_++ = '"';
    const int needed = std::max(shown, -value.normalized().exponent());
    at_ = value.to_chars(at_, at_ + wide_number_room - 2, needed).ptr;
    *at_++ = '"';
    return *this;
  }

 private:
  std::string& out_;
  char* at_;
};

}  // namespace foxtrot::inline v0
