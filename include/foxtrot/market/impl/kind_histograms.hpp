// foxtrot/market/impl/kind_histograms.hpp: what detail/kind_histograms.hpp declares.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/shared_histogram.hpp>
#include <foxtrot/market/detail/kind_histograms.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>

#include <cstddef>
#include <memory>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL kind_histograms::kind_histograms(kind_set kinds) {
  for (std::size_t i = 1; i < tick_kind_count; ++i)
    if (kinds.contains(static_cast<tick_kind>(i))) all_[i] = std::make_unique<shared_histogram>();
}

FOXTROT_DECL void kind_histograms::report(latency_stage stage, latency_report& into) const {
  for (std::size_t i = 1; i < tick_kind_count; ++i) {
    if (all_[i] == nullptr) continue;
    histogram copy;
    all_[i]->add_to(copy);
    into.add(stage, static_cast<tick_kind>(i), copy);
  }
}

}  // namespace foxtrot::inline v0::detail
