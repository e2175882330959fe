// foxtrot/feed/poll_settings.hpp: how often, and how much, is asked for over HTTP.
#pragma once

#include <chrono>
#include <cstdint>

namespace foxtrot::inline v0 {

struct poll_settings {
  std::chrono::milliseconds interval{1000};  ///< between two requests for the same; longer where the weight asks for it
  /// What the venue allows one address in a minute, in its own units; 0: what the venue's documentation says.
  std::uint32_t weight_per_minute{0};
  double weight_share{0.5};  ///< of that, at most, for polling
};

}  // namespace foxtrot::inline v0
