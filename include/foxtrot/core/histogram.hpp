// foxtrot/core/histogram.hpp: latencies, recorded without allocation, read as percentiles.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

namespace foxtrot::inline v0 {

/// Counts of nanoseconds in buckets whose width grows with the value: every reported value is within 1/128 (0.8 %) of a
/// recorded one, from 1 ns to 2^40 ns (18 minutes); what is longer counts as that, what is negative as 0. 34 KiB,
/// allocated once. Not thread-safe: one per thread, then merge.
class histogram {
 public:
  histogram() : counts_{std::make_unique<std::array<std::uint64_t, bucket_count>>()} {}

  void record(std::int64_t nanoseconds) noexcept {
    const std::int64_t value = std::clamp<std::int64_t>(nanoseconds, 0, largest);
    ++(*counts_)[bucket_of(static_cast<std::uint64_t>(value))];
    ++count_;
    sum_ += static_cast<std::uint64_t>(value);
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
  }

  /// Adds what another one has recorded.
  void merge(const histogram& other) noexcept {
    for (std::size_t i = 0; i < bucket_count; ++i) (*counts_)[i] += (*other.counts_)[i];
    count_ += other.count_;
    sum_ += other.sum_;
    least_ = std::min(least_, other.least_);
    most_ = std::max(most_, other.most_);
  }

  void reset() noexcept {
    counts_->fill(0);
    count_ = sum_ = 0;
    least_ = largest;
    most_ = 0;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// The smallest and largest recorded value, exact; 0 where nothing was recorded.
  [[nodiscard]] std::int64_t min() const noexcept { return empty() ? 0 : least_; }
  [[nodiscard]] std::int64_t max() const noexcept { return most_; }
  [[nodiscard]] double mean() const noexcept {
    return empty() ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

  /// The value that a `fraction` of the recorded ones do not exceed: 0.5 is the median, 0.99 the p99. Rounded up to the
  /// end of its bucket, never above max(). 0 where nothing was recorded.
  [[nodiscard]] std::int64_t percentile(double fraction) const noexcept {
    if (empty()) return 0;
    const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
      seen += (*counts_)[i];
      if (seen >= rank) return std::clamp(static_cast<std::int64_t>(last_value_of(i)), least_, most_);
    }
    return most_;
  }

 private:
  // Values below 2 x 128 have a bucket each; above, every power of two is cut into 128.
  static constexpr unsigned precision_bits = 7;
  static constexpr unsigned range_bits = 40;
  static constexpr std::int64_t largest = (std::int64_t{1} << range_bits) - 1;
  static constexpr std::size_t bucket_count = (range_bits - precision_bits + 1) << precision_bits;

  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const unsigned width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > precision_bits + 1 ? width - (precision_bits + 1) : 0;
    return (std::size_t{shift} << precision_bits) + static_cast<std::size_t>(value >> shift);
  }
  [[nodiscard]] static constexpr std::uint64_t last_value_of(std::size_t bucket) noexcept {
    const std::size_t row = bucket >> precision_bits;
    const std::size_t shift = row > 1 ? row - 1 : 0;
    const std::uint64_t mantissa = bucket - (shift << precision_bits);
    return ((mantissa + 1) << shift) - 1;
  }

  std::unique_ptr<std::array<std::uint64_t, bucket_count>> counts_;
  std::uint64_t count_{0};
  std::uint64_t sum_{0};
  std::int64_t least_{largest};
  std::int64_t most_{0};
};

}  // namespace foxtrot::inline v0
