// foxtrot/feed/tls_dialer.hpp: how a session gets its connection in production.
#pragma once

#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/tls_stream.hpp>

#include <cstdint>
#include <string>

namespace foxtrot::inline v0 {

/// Looks the host up, connects, shakes hands; see dial_tls.
struct tls_dialer {
  using stream_type = tls_stream;

  tls_context context;
  std::string host;
  std::uint16_t port{443};
  dial_settings settings{};

  [[nodiscard]] task<result<tls_stream>> connect(timer_queue& timers) const {
    return dial_tls(timers, context, host, port, settings);
  }
};

}  // namespace foxtrot::inline v0
