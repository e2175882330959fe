// foxtrot/sim/exchange_parts.hpp: what the connections of a simulated exchange share.
#pragma once

#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/faults_in_force.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/sent_log.hpp>
#include <foxtrot/sim/stream_hub.hpp>

namespace foxtrot::inline v0 {

/// All of it outlives them. Loop thread only.
struct exchange_parts {
  timer_queue& timers;
  stream_hub& hub;
  const market_source& source;
  const exchange_limits& limits;
  detail::exchange_counters& counters;
  const faults_in_force& faults;
  sent_log& log;
  bool drop_slow{true};  ///< a replay waits for slow readers instead
};

}  // namespace foxtrot::inline v0
