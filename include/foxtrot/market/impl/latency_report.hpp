// foxtrot/market/impl/latency_report.hpp: what latency_report.hpp declares.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <tuple>
#include <vector>

namespace foxtrot::inline v0 {

FOXTROT_DECL latency_figures latency_figures::of(const histogram& times) noexcept {
  const auto at = [&times](double fraction) { return std::chrono::nanoseconds{times.percentile(fraction)}; };
  return {times.count(), at(0.5), at(0.9), at(0.99), at(0.999), std::chrono::nanoseconds{times.max()}};
}

FOXTROT_DECL const histogram* latency_report::find(latency_stage stage, tick_kind kind) const noexcept {
  const auto at = place_of(stage, kind);
  return at != entries_.end() && at->stage == stage && at->kind == kind ? &at->times : nullptr;
}

FOXTROT_DECL histogram latency_report::times(latency_stage stage) const {
  histogram all;
  for (const entry& each : entries_)
    if (each.stage == stage) all.merge(each.times);
  return all;
}

FOXTROT_DECL void latency_report::add(latency_stage stage, tick_kind kind, const histogram& more) {
  if (more.empty()) return;
  auto at = entries_.begin() + (place_of(stage, kind) - entries_.cbegin());
  if (at == entries_.end() || at->stage != stage || at->kind != kind)
    at = entries_.insert(at, entry{stage, kind, histogram{}});
  at->times.merge(more);
}

FOXTROT_DECL void latency_report::merge(const latency_report& other) {
  for (const entry& each : other.entries_) add(each.stage, each.kind, each.times);
}

FOXTROT_DECL latency_figures latency_report::figures(latency_stage stage, tick_kind kind) const noexcept {
  const histogram* found = find(stage, kind);
  return found != nullptr ? latency_figures::of(*found) : latency_figures{};
}

FOXTROT_DECL latency_figures latency_report::figures(latency_stage stage) const {
  return latency_figures::of(times(stage));
}

FOXTROT_DECL std::vector<latency_report::entry>::const_iterator latency_report::place_of(
    latency_stage stage, tick_kind kind) const noexcept {
  return std::partition_point(entries_.begin(), entries_.end(), [&](const entry& each) {
    return std::tie(each.stage, each.kind) < std::tie(stage, kind);
  });
}

}  // namespace foxtrot::inline v0
