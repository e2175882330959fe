// foxtrot/core/detail/histogram_buckets.hpp: which values share a count in a histogram.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0::detail {

/// Values below 2 x 128 have a bucket each; above, every power of two is cut into 128.
struct histogram_buckets {
  static constexpr unsigned precision_bits = 7;
  static constexpr unsigned range_bits = 40;
  static constexpr std::int64_t largest = (std::int64_t{1} << range_bits) - 1;
  static constexpr std::size_t count = (range_bits - precision_bits + 1) << precision_bits;

  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const unsigned width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > precision_bits + 1 ? width - (precision_bits + 1) : 0;
    return (std::size_t{shift} << precision_bits) + static_cast<std::size_t>(value >> shift);
  }
  [[nodiscard]] static constexpr std::uint64_t first_value_of(std::size_t bucket) noexcept {
    return mantissa_of(bucket) << shift_of(bucket);
  }
  [[nodiscard]] static constexpr std::uint64_t last_value_of(std::size_t bucket) noexcept {
    return ((mantissa_of(bucket) + 1) << shift_of(bucket)) - 1;
  }

 private:
  [[nodiscard]] static constexpr std::size_t shift_of(std::size_t bucket) noexcept {
    const std::size_t row = bucket >> precision_bits;
    return row > 1 ? row - 1 : 0;
  }
  [[nodiscard]] static constexpr std::uint64_t mantissa_of(std::size_t bucket) noexcept {
    return bucket - (shift_of(bucket) << precision_bits);
  }
};

}  // namespace foxtrot::inline v0::detail
