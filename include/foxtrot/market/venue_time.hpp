// foxtrot/market/venue_time.hpp: the venue's times in full, where they may be far from the receive time.
#pragma once

#include <foxtrot/market/time_offset.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace foxtrot::inline v0 {

/// Microseconds since the Unix epoch, or absent. For what happened, or will, further away than a time_offset reaches.
class venue_time {
 public:
  constexpr venue_time() noexcept = default;
  constexpr explicit venue_time(std::int64_t microseconds) noexcept : microseconds_{microseconds} {}

  [[nodiscard]] constexpr bool present() const noexcept { return microseconds_ != absent; }
  [[nodiscard]] constexpr std::int64_t microseconds() const noexcept { return microseconds_; }
  /// Nothing also for a time that nanoseconds cannot say: before 1678 or after 2261.
  [[nodiscard]] constexpr std::optional<timestamp> get() const noexcept {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1000;
    if (microseconds_ < -most || microseconds_ > most) return std::nullopt;
    return timestamp{std::chrono::microseconds{microseconds_}};
  }
  friend constexpr bool operator==(const venue_time&, const venue_time&) = default;

 private:
  static constexpr std::int64_t absent = std::numeric_limits<std::int64_t>::min();
  std::int64_t microseconds_{absent};
};

}  // namespace foxtrot::inline v0
