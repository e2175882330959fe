// foxtrot/core/histogram.hpp: latencies, recorded without allocation, read as percentiles.
#pragma once

#include <foxtrot/core/detail/histogram_buckets.hpp>
#include <foxtrot/core/detail/owner.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0 {

class shared_histogram;

/// Counts of nanoseconds in buckets whose width grows with the value: every reported value is within 1/128 (0.8 %) of a
/// recorded one, from 1 ns to 2^40 ns (18 minutes); what is longer counts as that, what is negative as 0. 34 KiB,
/// allocated once. Not thread-safe: one per thread, then merge.
class histogram {
 public:
  histogram();

  void record(std::int64_t nanoseconds, std::uint64_t times = 1) noexcept {
    if (times == 0) return;
    const std::int64_t value = std::clamp<std::int64_t>(nanoseconds, 0, largest);
    (*counts_)[buckets::bucket_of(static_cast<std::uint64_t>(value))] += times;
    count_ += times;
    sum_ += times * static_cast<std::uint64_t>(value);
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
  }

  /// Adds what another one has recorded.
  void merge(const histogram& other) noexcept;

  void reset() noexcept;

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
  [[nodiscard]] std::int64_t percentile(double fraction) const noexcept;

  /// How far values lie from the mean, to a bucket's precision.
  [[nodiscard]] double standard_deviation() const noexcept;

  /// Calls `action(first value, last value, count)` for every bucket that is not empty, in order. Of what lies at the
  /// ends, the values that were really recorded.
  template <class Action>
  void for_each_bucket(Action&& action) const {
    for (std::size_t i = 0; i < bucket_count; ++i) {
      if ((*counts_)[i] == 0) continue;
      action(std::max(static_cast<std::int64_t>(buckets::first_value_of(i)), least_),
             std::min(static_cast<std::int64_t>(buckets::last_value_of(i)), most_), (*counts_)[i]);
    }
  }

 private:
  friend class shared_histogram;
  using buckets = detail::histogram_buckets;
  static constexpr std::int64_t largest = buckets::largest;
  static constexpr std::size_t bucket_count = buckets::count;

  detail::owner<std::array<std::uint64_t, bucket_count>> counts_;
  std::uint64_t count_{0};
  std::uint64_t sum_{0};
  std::int64_t least_{largest};
  std::int64_t most_{0};
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/core/impl/histogram.hpp>
#endif
