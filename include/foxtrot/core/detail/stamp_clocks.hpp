// foxtrot/core/detail/stamp_clocks.hpp: the two clocks of latency stamps, as a seam for tests.
#pragma once

#include <foxtrot/core/clock.hpp>

#include <chrono>
#include <cstdint>

namespace foxtrot::inline v0::detail {

[[nodiscard]] inline std::int64_t wall_clock_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// Nanoseconds since the Unix epoch, both.
struct stamp_clocks {
  std::int64_t (*epoch_ns)() noexcept = &epoch_clock::now_ns;  ///< what receive times are in
  std::int64_t (*wall_ns)() noexcept = &wall_clock_ns;         ///< what the kernel stamps packets with
  std::int64_t receive_shift_ns{0};                            ///< what a replay adds to the receive times in ticks
};

}  // namespace foxtrot::inline v0::detail
