// foxtrot/feed/detail/publisher_state.hpp: what a publisher consists of.
#pragma once

#include <foxtrot/feed/book_keeper.hpp>
#include <foxtrot/feed/continuity.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/detail/network_latency.hpp>
#include <foxtrot/feed/inline_consumer.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/outlets.hpp>
#include <foxtrot/feed/stream_ages.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>

#include <functional>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Of one network thread, but for what consumers reach from theirs.
struct publisher_state {
  publisher_state(symbol_table& table, const ring_settings& ring, bool measures)
      : symbols{table}, consumers{table, ring}, latency{measures} {}

  symbol_table& symbols;
  feed_counters counters;
  inline_consumers handlers;
  outlets consumers;
  network_latency latency;
  // the network thread's own
  foxtrot::continuity continuity;
  line_arbiter lines{continuity};
  stream_ages ages;
  book_keeper* books{nullptr};
  std::function<void(tick_kind, symbol_id, const id_range&)> on_gap;
  bool follows_ids{true};
  std::vector<raw_level> scratch_levels;
  tick_payload scratch;
};

}  // namespace foxtrot::inline v0::detail
