// foxtrot/net/websocket/decoder_settings.hpp: the limits of what is received.
#pragma once

#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0 {

struct decoder_settings {
  std::size_t buffer{256 * 1024};               ///< of the receive buffer at the start, in bytes
  std::uint64_t max_message{16 * 1024 * 1024};  ///< payload of one message, all fragments together, in bytes
  std::size_t max_fragments{0};                 ///< of one message; 0 sets no limit
};

}  // namespace foxtrot::inline v0
