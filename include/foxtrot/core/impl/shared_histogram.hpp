// foxtrot/core/impl/shared_histogram.hpp: what shared_histogram.hpp declares.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/shared_histogram.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace foxtrot::inline v0 {

FOXTROT_DECL shared_histogram::shared_histogram() noexcept
    : counts_{static_cast<std::uint64_t*>(std::calloc(buckets::count, sizeof(std::uint64_t)))} {}
FOXTROT_DECL shared_histogram::~shared_histogram() { std::free(counts_); }

FOXTROT_DECL void shared_histogram::add_to(histogram& into) const noexcept {
  if (counts_ == nullptr) return;
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < buckets::count; ++i) {
    const std::uint64_t count = std::atomic_ref<std::uint64_t>{counts_[i]}.load(std::memory_order_acquire);
    (*into.counts_)[i] += count;
    all += count;
  }
  if (all == 0) return;
  into.count_ += all;
  into.sum_ += sum_.load(std::memory_order_relaxed);
  into.least_ = std::min(into.least_, least_.load(std::memory_order_relaxed));
  into.most_ = std::max(into.most_, most_.load(std::memory_order_relaxed));
}

}  // namespace foxtrot::inline v0
