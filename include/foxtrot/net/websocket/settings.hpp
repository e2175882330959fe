// foxtrot/net/websocket/settings.hpp: how a WebSocket connection behaves, and what it counts.
#pragma once

#include <foxtrot/net/websocket/decoder_settings.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace foxtrot::inline v0 {

/// Who answers which pings.
enum class ping_answers : std::uint8_t {
  every,       ///< the stream, each of them
  latest,      ///< the stream, the latest of a drain (RFC 6455 section 5.5.3)
  by_handler,  ///< nobody but the handler, with `send`: where a venue counts what it is sent
};

/// The defaults are RFC 6455's: every ping is answered, messages are limited by their bytes.
struct websocket_settings {
  decoder_settings decoder{};
  ping_answers pongs{ping_answers::every};
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
