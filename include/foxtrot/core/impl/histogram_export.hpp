// foxtrot/core/impl/histogram_export.hpp: what histogram_export.hpp declares.
#pragma once

#include <foxtrot/core/detail/histogram_buckets.hpp>
#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/histogram_export.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

namespace detail {

/// The shares of the whole that get a line: each half of what is left to the whole takes equally many steps.
class percentile_ladder {
 public:
  explicit percentile_ladder(unsigned ticks) noexcept : steps_{2 * std::max(ticks, 1U)} {}

  [[nodiscard]] double level() const noexcept { return 1 - std::ldexp(part_left(), -halvings_); }
  /// Whether so many of `all` are as large a share. Compares what is left to the whole, where doubles are exact.
  [[nodiscard]] bool reached(std::uint64_t seen, std::uint64_t all) const noexcept {
    const double left = std::ldexp(static_cast<double>(all - seen) * steps_, halvings_);
    return left <= static_cast<double>(all) * (steps_ - step_);
  }
  void climb() noexcept {
    if (++step_ != steps_ / 2) return;
    step_ = 0;
    ++halvings_;
  }

 private:
  [[nodiscard]] double part_left() const noexcept { return static_cast<double>(steps_ - step_) / steps_; }

  unsigned steps_;  // of which half are taken before the distance halves
  unsigned step_{0};
  int halvings_{0};
};

FOXTROT_DECL void write_percentile_distribution(const histogram& times, const distribution_format& format, void* sink,
                                                void (*take)(void* sink, std::string_view piece)) {
  std::array<char, 160> line{};
  const auto say = [&](const char* pattern, auto... values) {
    const int length = std::snprintf(line.data(), line.size(), pattern, values...);
    if (length > 0)
      take(sink, std::string_view{line.data(), std::min(static_cast<std::size_t>(length), line.size() - 1)});
  };
  const int decimals = std::clamp(format.decimals, 0, 9);
  const auto in_unit = [&](auto nanoseconds) { return static_cast<double>(nanoseconds) / format.unit; };

  say("%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  percentile_ladder ladder{format.ticks_per_half_distance};
  std::uint64_t seen = 0;
  times.for_each_bucket([&](std::int64_t, std::int64_t last, std::uint64_t count) {
    seen += count;
    const auto so_many = static_cast<unsigned long long>(seen);
    while (ladder.reached(seen, times.count())) {
      const double level = ladder.level();
      if (level >= 1) break;  // so near that a double cannot tell
      say("%12.*f %2.12f %10llu %14.2f\n", decimals, in_unit(last), level, so_many, 1 / (1 - level));
      ladder.climb();
      if (seen == times.count()) break;
    }
    if (seen == times.count()) say("%12.*f %2.12f %10llu\n", decimals, in_unit(last), 1.0, so_many);
  });
  say("#[Mean    = %12.*f, StdDeviation   = %12.*f]\n", decimals, in_unit(times.mean()), decimals,
      in_unit(times.standard_deviation()));
  say("#[Max     = %12.*f, Total count    = %12llu]\n", decimals, in_unit(times.max()),
      static_cast<unsigned long long>(times.count()));
  using buckets = histogram_buckets;
  say("#[Buckets = %12u, SubBuckets     = %12u]\n", buckets::range_bits - buckets::precision_bits,
      2U << buckets::precision_bits);
}

}  // namespace detail

FOXTROT_DECL std::string percentile_distribution(const histogram& times, const distribution_format& format) {
  std::string text;
  write_percentile_distribution(
      times, [&text](std::string_view piece) { text += piece; }, format);
  return text;
}

}  // namespace foxtrot::inline v0
