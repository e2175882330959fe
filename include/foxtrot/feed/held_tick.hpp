// foxtrot/feed/held_tick.hpp: a tick that waits for others to come before it.
#pragma once

#include <foxtrot/feed/line_race.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/symbol.hpp>

#include <cstdint>
#include <vector>

namespace foxtrot::inline v0 {

/// A tick that waits for others to come before it.
struct held_tick {
  tick_tag tag;
  symbol_id symbol;
  tick_payload payload;
  std::vector<raw_level> levels;
  tick_ids ids;
  std::uint64_t after;         ///< to be published when everything up to this id is
  std::uint32_t round;         ///< in which it came
  std::uint32_t confirmed_at;  ///< the stream, to the line that brought it
  line_id from;
};

}  // namespace foxtrot::inline v0
