// foxtrot/market/impl/consumer_latency.hpp: what detail/consumer_latency.hpp declares.
#pragma once

#include <foxtrot/market/detail/consumer_latency.hpp>
#include <foxtrot/market/latency_report.hpp>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL latency_report consumer_latency::report() const {
  latency_report made;
  times_.report(latency_stage::read_to_strategy, made);
  return made;
}

}  // namespace foxtrot::inline v0::detail
