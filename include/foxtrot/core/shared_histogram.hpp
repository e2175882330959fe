// foxtrot/core/shared_histogram.hpp: a histogram that one thread records into while others read.
#pragma once

#include <foxtrot/core/detail/histogram_buckets.hpp>
#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0 {

/// Values, precision and size are histogram's. Recording takes no lock and no locked instruction, allocates nothing,
/// and belongs to one thread at a time. Where there was no memory for it, it stays empty.
class shared_histogram {
 public:
  /// 34 KiB of zeros; what comes fresh from the system takes memory only where something is recorded.
  shared_histogram() noexcept;
  ~shared_histogram();

  void record(std::int64_t nanoseconds, std::uint64_t times = 1) noexcept {
    if (counts_ == nullptr || times == 0) return;
    const std::int64_t value = std::clamp<std::int64_t>(nanoseconds, 0, buckets::largest);
    // relaxed: one writer, and `add_to` takes its order from the count
    sum_.store(sum_.load(std::memory_order_relaxed) + times * static_cast<std::uint64_t>(value),
               std::memory_order_relaxed);
    if (value < least_.load(std::memory_order_relaxed)) least_.store(value, std::memory_order_relaxed);
    if (value > most_.load(std::memory_order_relaxed)) most_.store(value, std::memory_order_relaxed);
    const std::atomic_ref<std::uint64_t> count{counts_[buckets::bucket_of(static_cast<std::uint64_t>(value))]};
    // release: who sees it counted sees the extremes that go with it
    count.store(count.load(std::memory_order_relaxed) + times, std::memory_order_release);
  }

  /// Adds what was recorded so far. Any thread. What is recorded meanwhile may be in the mean and not in the counts.
  void add_to(histogram& into) const noexcept;

 private:
  using buckets = detail::histogram_buckets;

  std::uint64_t* const counts_;
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::int64_t> least_{buckets::largest};
  std::atomic<std::int64_t> most_{0};
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/core/impl/shared_histogram.hpp>
#endif
