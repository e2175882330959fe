// foxtrot/market/detail/kind_histograms.hpp: one stage's times by kind of tick; one thread records, any thread reads.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/core/shared_histogram.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace foxtrot::inline v0::detail {

/// Has a place for each kind of a set but status, which is no tick; of others nothing is kept.
class kind_histograms {
 public:
  explicit kind_histograms(kind_set kinds);

  void record(tick_kind kind, std::int64_t nanoseconds, std::uint64_t times) noexcept {
    if (auto* of_kind = all_[static_cast<std::size_t>(kind)].get()) of_kind->record(nanoseconds, times);
  }

  /// Any thread.
  void report(latency_stage stage, latency_report& into) const;

 private:
  std::array<std::unique_ptr<shared_histogram>, tick_kind_count> all_{};
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/kind_histograms.hpp>
#endif
