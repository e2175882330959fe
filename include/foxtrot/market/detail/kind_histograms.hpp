// foxtrot/market/detail/kind_histograms.hpp: one stage's times by kind of tick; one thread records, any thread reads.
#pragma once

#include <foxtrot/core/detail/owner.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>

#include <cstdint>

namespace foxtrot::inline v0::detail {

/// Has a place for each kind of a set but status, which is no tick; of others nothing is kept.
class kind_histograms {
 public:
  explicit kind_histograms(kind_set kinds);
  ~kind_histograms();

  void record(tick_kind kind, std::int64_t nanoseconds, std::uint64_t times) noexcept;

  /// Any thread.
  void report(latency_stage stage, latency_report& into) const;

 private:
  struct places;
  owner<places> all_;
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/kind_histograms.hpp>
#endif
