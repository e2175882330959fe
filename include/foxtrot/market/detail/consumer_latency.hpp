// foxtrot/market/detail/consumer_latency.hpp: how old ticks are when a consumer gets them.
#pragma once

#include <foxtrot/core/detail/stamp_clocks.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/detail/kind_histograms.hpp>
#include <foxtrot/market/detail/look_sampler.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/status.hpp>

#include <cstdint>

namespace foxtrot::inline v0::detail {

/// Of one consumer. The reading thread, but for report().
class consumer_latency {
 public:
  consumer_latency(kind_set kinds, stamp_clocks clocks) : times_{kinds}, clocks_{clocks} {}

  /// The consumer is about to get it.
  void see(const waiting_event& next) noexcept {
    const tick_tag tag = tick_tag::unpack(next.tag);
    if (tag.kind == tick_kind::status) return;
    // A book that was asked for is as old as its last change.
    if (tag.kind == tick_kind::depth_snapshot && (tag.flags & depth_snapshot::kept_book_flag) != 0) return;
    const std::int64_t received_ns = next.payload->as<status_record>().received_ns;  // all have it there
    if (const std::uint64_t times = sampler_.due(received_ns)) [[unlikely]]
      look(tag, received_ns, times);
  }

  /// Any thread.
  [[nodiscard]] latency_report report() const;

 private:
  void look(tick_tag tag, std::int64_t received_ns, std::uint64_t times) noexcept;
  static constexpr std::int64_t oldest_ns = 60LL * 60 * 1'000'000'000;

  kind_histograms times_;
  look_sampler sampler_;
  stamp_clocks clocks_;
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/consumer_latency.hpp>
#endif
