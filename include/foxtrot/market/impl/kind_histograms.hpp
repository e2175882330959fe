// foxtrot/market/impl/kind_histograms.hpp: what detail/kind_histograms.hpp declares.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/shared_histogram.hpp>
#include <foxtrot/market/detail/kind_histograms.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace foxtrot::inline v0::detail {

struct kind_histograms::places {
  std::array<std::unique_ptr<shared_histogram>, tick_kind_count> of{};
};

FOXTROT_DECL kind_histograms::kind_histograms(kind_set kinds) : all_{new places} {
  for (std::size_t i = 1; i < tick_kind_count; ++i)
    if (kinds.contains(static_cast<tick_kind>(i))) all_->of[i] = std::make_unique<shared_histogram>();
}
FOXTROT_DECL kind_histograms::~kind_histograms() = default;

FOXTROT_DECL void kind_histograms::record(tick_kind kind, std::int64_t nanoseconds, std::uint64_t times) noexcept {
  if (auto* of_kind = all_->of[static_cast<std::size_t>(kind)].get()) of_kind->record(nanoseconds, times);
}

FOXTROT_DECL void kind_histograms::report(latency_stage stage, latency_report& into) const {
  for (std::size_t i = 1; i < tick_kind_count; ++i) {
    if (all_->of[i] == nullptr) continue;
    histogram copy;
    all_->of[i]->add_to(copy);
    into.add(stage, static_cast<tick_kind>(i), copy);
  }
}

}  // namespace foxtrot::inline v0::detail
