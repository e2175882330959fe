// foxtrot/net/websocket/close_code.hpp: why a WebSocket ends, RFC 6455 section 7.4.
#pragma once

#include <cstdint>

namespace foxtrot::inline v0 {

enum class close_code : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  no_status = 1005,  ///< never on the wire: the close frame was empty
  abnormal = 1006,   ///< never on the wire: there was no close frame
  invalid_payload = 1007,
  policy_violation = 1008,
  message_too_big = 1009,
  mandatory_extension = 1010,
  internal_error = 1011,
  service_restart = 1012,
  try_again_later = 1013,
  bad_gateway = 1014,
};

}  // namespace foxtrot::inline v0
