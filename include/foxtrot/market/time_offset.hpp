// foxtrot/market/time_offset.hpp: the venue's times as 32-bit microsecond offsets from the receive time.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace foxtrot::inline v0 {

/// Nanoseconds since the Unix epoch.
using timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

/// A venue's time, exact to the microsecond, within 35 minutes of the receive time; or absent.
class time_offset {
 public:
  constexpr time_offset() noexcept = default;

  /// Absent where the distance does not fit.
  [[nodiscard]] static constexpr time_offset between(std::int64_t received_ns, std::int64_t venue_us) noexcept {
    time_offset made;
    std::int64_t distance = 0;
    if (!__builtin_sub_overflow(venue_us, received_ns / 1000, &distance) &&
        distance > std::numeric_limits<std::int32_t>::min() && distance <= std::numeric_limits<std::int32_t>::max()) {
      made.microseconds_ = static_cast<std::int32_t>(distance);
    }
    return made;
  }

  [[nodiscard]] constexpr bool present() const noexcept { return microseconds_ != absent; }
  [[nodiscard]] constexpr std::optional<timestamp> from(std::int64_t received_ns) const noexcept {
    if (!present()) return std::nullopt;
    return timestamp{std::chrono::microseconds{received_ns / 1000 + microseconds_}};
  }
  friend constexpr bool operator==(const time_offset&, const time_offset&) = default;

 private:
  static constexpr std::int32_t absent = std::numeric_limits<std::int32_t>::min();
  std::int32_t microseconds_{absent};
};

}  // namespace foxtrot::inline v0
