// foxtrot/observe/signed_histogram.hpp: delays that may be negative, because two clocks disagree.
#pragma once

#include <foxtrot/core/histogram.hpp>

#include <cstdint>

namespace foxtrot::inline v0 {

/// A histogram of nanoseconds on both sides of zero, with the same precision. Not thread-safe.
class signed_histogram {
 public:
  void record(std::int64_t nanoseconds) noexcept {
    if (nanoseconds < 0) {
      below_.record(-nanoseconds);
    } else {
      above_.record(nanoseconds);
    }
  }
  void merge(const signed_histogram& other) noexcept {
    below_.merge(other.below_);
    above_.merge(other.above_);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return below_.count() + above_.count(); }
  [[nodiscard]] std::int64_t min() const noexcept { return below_.empty() ? above_.min() : -below_.max(); }
  [[nodiscard]] std::int64_t max() const noexcept { return above_.empty() ? -below_.min() : above_.max(); }

  /// As histogram::percentile: the most negative values come first.
  [[nodiscard]] std::int64_t percentile(double fraction) const noexcept {
    if (count() == 0) return 0;
    const double rank = fraction * static_cast<double>(count());
    const auto negative = static_cast<double>(below_.count());
    if (rank <= negative && !below_.empty()) return -below_.percentile((negative - rank) / negative);
    return above_.percentile((rank - negative) / static_cast<double>(above_.count()));
  }

 private:
  histogram below_;  // magnitudes
  histogram above_;
};

}  // namespace foxtrot::inline v0
