// foxtrot/feed/detail/kernel_clock.hpp: the kernel's stamps, which are of the wall clock, on the clock of receive
// times.
#pragma once

#include <foxtrot/core/detail/stamp_clocks.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0::detail {

/// The epoch clock and the wall clock run at the same pace; what is between them changes only where somebody sets the
/// wall clock, and is looked at for every stamp, so that a step is never taken for a delay. One thread.
class kernel_clock {
 public:
  /// The stamp as the epoch clock's time. Nothing where the wall clock has been set since the last call: the stamp may
  /// be from before. A thread that is taken off its CPU between two clock reads is no step.
  [[nodiscard]] std::optional<std::int64_t> on_epoch_clock(std::int64_t wall_stamp_ns,
                                                           const stamp_clocks& clocks) noexcept {
    std::int64_t ahead = look(clocks);
    if (ahead_ && !near(ahead)) ahead = look(clocks);
    if (!ahead_ || !near(ahead)) {
      const bool first = !ahead_;
      ahead_ = ahead;
      if (!first) return {};
    }
    ahead_ = std::max(*ahead_, ahead);  // an interruption only ever makes it smaller
    return wall_stamp_ns - *ahead_;
  }

 private:
  static constexpr std::int64_t tolerance_ns = 100'000;

  [[nodiscard]] bool near(std::int64_t ahead) const noexcept {
    return ahead - *ahead_ <= tolerance_ns && *ahead_ - ahead <= tolerance_ns;
  }
  // How far the wall clock is ahead; too little by as long as the second read came late.
  [[nodiscard]] static std::int64_t look(const stamp_clocks& clocks) noexcept {
    const std::int64_t wall = clocks.wall_ns();
    return wall - clocks.epoch_ns();
  }

  std::optional<std::int64_t> ahead_;
};

}  // namespace foxtrot::inline v0::detail
