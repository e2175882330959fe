// foxtrot/net/websocket/settings.hpp: how a WebSocket connection behaves, and what it counts.
#pragma once

#include <foxtrot/net/websocket/decoder.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace foxtrot::inline v0 {

/// The defaults are RFC 6455's: every ping is answered, messages are limited by their bytes.
struct websocket_settings {
  decoder_settings decoder{};
  bool answer_latest_ping_only{false};                ///< one pong for all pings of a drain, as some venues ask
  std::chrono::milliseconds pong_interval{0};         ///< and then at least so long between two of them; 0: any
  std::size_t max_unsent{47 * 1024};                  ///< bytes of frames; with one TLS record below: 64 KiB
  std::chrono::milliseconds upgrade_timeout{10'000};  ///< for the whole answer to the upgrade, however it drips
  std::chrono::milliseconds write_timeout{10'000};    ///< while frames wait, without the socket taking any; 0: no limit
  std::chrono::milliseconds idle_timeout{0};          ///< without a message; pings do not count; 0: no limit
  std::chrono::milliseconds close_timeout{1'000};     ///< for our close, the peer's, and the end of TLS
};

struct websocket_counters {
  std::uint64_t reads{0};  ///< times the stream had something
  std::uint64_t bytes{0};  ///< received after the upgrade
  std::uint64_t messages{0};
  std::uint64_t pings{0};  ///< received
  std::uint64_t pongs{0};  ///< received
};

struct drain_result {
  std::error_code error;  ///< zero: still open
  bool more{false};       ///< the socket may hold more already: whoever polls need not wait
};

}  // namespace foxtrot::inline v0
