// foxtrot/feed/gap_repair_settings.hpp: whether ticks that are missing are fetched, and when they are told.
#pragma once

#include <chrono>
#include <cstdint>

namespace foxtrot::inline v0 {

/// What becomes of trades and aggregate trades whose ids are missing.
enum class gap_repair : std::uint8_t {
  off,     ///< a gap is told
  before,  ///< they are fetched while the stream waits, and told in order; a gap is told of what could not be had
  after,   ///< a gap is told at once and the stream goes on; they follow as they come, and then status `filled`
};

/// Books are not concerned: they mend themselves by snapshots.
struct gap_repair_settings {
  gap_repair mode{gap_repair::off};
  std::chrono::milliseconds limit{2'000};  ///< so long ticks wait for those before them; gap_repair::before
  std::uint64_t most{5'000};               ///< ids in a hole; of a larger one a gap is told at once, and that is all
  double weight_share{0.5};                ///< of what the venue allows in a minute, at most; polling has its own
};

}  // namespace foxtrot::inline v0
