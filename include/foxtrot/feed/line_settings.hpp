// foxtrot/feed/line_settings.hpp: how many connections carry a feed's streams, and when they are replaced.
#pragma once

#include <chrono>
#include <cstddef>

namespace foxtrot::inline v0 {

/// The defaults: one connection, replaced without a break before the venue ends it after 24 hours.
struct line_settings {
  /// Connections that carry the same streams, 1 to 4. With 2 (A/B lines) whoever brings a tick first is heard, and the
  /// loss of one is no loss.
  std::size_t count{1};
  std::chrono::milliseconds rotate_after{std::chrono::hours{23}};     ///< a connection's age; zero: never
  std::chrono::milliseconds rotate_jitter{std::chrono::minutes{30}};  ///< up to so much earlier, at random
  /// When a connection is replaced, both deliver for so long at least, once the new one has all streams. Its half is
  /// the most that the old one may be behind the new one.
  std::chrono::milliseconds overlap{2'000};
  std::chrono::milliseconds handover_limit{30'000};  ///< a new connection that is not ready by then is given up
  /// How long a tick waits for those before it, where another connection can still bring them; up to a quarter more.
  std::chrono::milliseconds hold_limit{500};
  std::size_t max_streams{1'024};  ///< on one connection; more are spread over several. At most what the venue takes.
};

}  // namespace foxtrot::inline v0
