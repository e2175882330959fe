// foxtrot/feed/gap_fill.hpp: what a batch of fetched ticks is for.
#pragma once

#include <foxtrot/feed/open_holes.hpp>

#include <algorithm>
#include <cstdint>

namespace foxtrot::inline v0 {

/// The holes of one stream that fetched ticks may fill.
struct gap_fill {
  open_holes& holes;
  bool in_order;             ///< the stream waits for them: they are told in their place, or not at all
  std::uint64_t seen_to{0};  ///< the highest id among what was fetched

  /// Whether this tick is looked for; then it is so no longer.
  [[nodiscard]] bool take(std::uint64_t id) {
    seen_to = std::max(seen_to, id);
    return holes.take(id);
  }
};

}  // namespace foxtrot::inline v0
