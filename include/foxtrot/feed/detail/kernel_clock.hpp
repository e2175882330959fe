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
  /// The stamp as the epoch clock's time, which is `now_ns` just now. Nothing where the wall clock has been set since
  /// the last call: the stamp may be from before. A thread that is taken off its CPU between two clock reads is no
  /// step; a step of less than 100 us cannot be told from that.
  [[nodiscard]] std::optional<std::int64_t> on_epoch_clock(std::int64_t wall_stamp_ns, std::int64_t now_ns,
                                                           const stamp_clocks& clocks) noexcept {
    std::int64_t ahead = clocks.wall_ns() - now_ns;  // too much by as long as the second read came late
    if (ahead_ && !near(ahead)) {
      now_ns = clocks.epoch_ns();
      ahead = clocks.wall_ns() - now_ns;
    }
    if (!ahead_ || !near(ahead)) {
      const bool first = !ahead_;
      ahead_ = ahead;
      if (!first) return {};
    }
    ahead_ = std::min(*ahead_, ahead);
    return wall_stamp_ns - *ahead_;
  }

 private:
  static constexpr std::int64_t tolerance_ns = 100'000;

  [[nodiscard]] bool near(std::int64_t ahead) const noexcept {
    return ahead - *ahead_ <= tolerance_ns && *ahead_ - ahead <= tolerance_ns;
  }

  std::optional<std::int64_t> ahead_;  // how far the wall clock is
};

}  // namespace foxtrot::inline v0::detail
