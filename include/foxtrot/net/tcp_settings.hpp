// foxtrot/net/tcp_settings.hpp: options of a socket.
#pragma once

#include <optional>

namespace foxtrot::inline v0 {

struct tcp_settings {
  bool no_delay{true};                ///< requests are small and must not wait for an acknowledgement
  std::optional<int> receive_buffer;  ///< SO_RCVBUF in bytes, set before connecting; the kernel's own tuning otherwise
};

}  // namespace foxtrot::inline v0
