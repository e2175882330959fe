// foxtrot/market/impl/consumer_latency.hpp: what detail/consumer_latency.hpp declares.
#pragma once

#include <foxtrot/market/detail/consumer_latency.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>

#include <cstdint>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL latency_report consumer_latency::report() const {
  latency_report made;
  times_.report(latency_stage::read_to_strategy, made);
  return made;
}

[[gnu::noinline]] FOXTROT_DECL void consumer_latency::look(tick_tag tag, std::int64_t received_ns,
                                                           std::uint64_t times) noexcept {
  const std::int64_t now = clocks_.epoch_ns() + clocks_.receive_shift_ns;
  sampler_.looked(now);
  // Whoever publishes by hand may have receive times of another day.
  if (const std::int64_t age = now - received_ns; age >= 0 && age <= oldest_ns) times_.record(tag.kind, age, times);
}

}  // namespace foxtrot::inline v0::detail
