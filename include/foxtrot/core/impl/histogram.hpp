// foxtrot/core/impl/histogram.hpp: what histogram.hpp declares.
#pragma once

#include <foxtrot/core/histogram.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0 {

FOXTROT_DECL histogram::histogram() : counts_{new std::array<std::uint64_t, bucket_count>{}} {}

FOXTROT_DECL void histogram::merge(const histogram& other) noexcept {
  for (std::size_t i = 0; i < bucket_count; ++i) (*counts_)[i] += (*other.counts_)[i];
  count_ += other.count_;
  sum_ += other.sum_;
  least_ = std::min(least_, other.least_);
  most_ = std::max(most_, other.most_);
}

FOXTROT_DECL void histogram::reset() noexcept {
  counts_->fill(0);
  count_ = sum_ = 0;
  least_ = largest;
  most_ = 0;
}

FOXTROT_DECL std::int64_t histogram::percentile(double fraction) const noexcept {
  if (empty()) return 0;
  const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += (*counts_)[i];
    if (seen >= rank) return std::clamp(static_cast<std::int64_t>(buckets::last_value_of(i)), least_, most_);
  }
  return most_;
}

FOXTROT_DECL double histogram::standard_deviation() const noexcept {
  if (empty()) return 0.0;
  double squares = 0;
  for_each_bucket([&, middle = mean()](std::int64_t first, std::int64_t last, std::uint64_t count) {
    const double off = static_cast<double>(first + last) / 2 - middle;
    squares += off * off * static_cast<double>(count);
  });
  return std::sqrt(squares / static_cast<double>(count_));
}

}  // namespace foxtrot::inline v0
