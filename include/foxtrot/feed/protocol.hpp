// foxtrot/feed/protocol.hpp: what a session has to know of a venue.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/net/rate_limiter.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// What a message turned out to be.
enum class message_type : std::uint8_t {
  tick,      ///< published
  answer,    ///< to a request of ours: last_answer()
  shutdown,  ///< the venue is about to close this connection
  unknown,   ///< an event without a tick: last_event()
  rejected,  ///< not understood, nothing published: last_error()
};

/// An answer to a request to subscribe or unsubscribe.
struct control_answer {
  std::int64_t id{-1};  ///< -1: none, or not one of ours
  std::int64_t error_code{0};
  std::string error;  ///< empty: accepted
};

/// Which ticks a stream brings.
struct stream_key {
  tick_kind kind{};
  std::string symbol{};  ///< as ticks have it
};

/// What a venue allows on one connection.
struct session_limits {
  std::size_t max_streams{1024};
  std::size_t streams_per_request{100};
  rate_limit_settings messages{};  ///< of ours, pongs included
  rate_limit_settings attempts{.limit = 300, .window = std::chrono::minutes{5}, .reserve = 0};  ///< to connect
};

/// Turns a venue's messages into events, and our wishes into its messages. Knows no socket; used by one network thread.
template <class P>
concept venue_protocol = requires(P& protocol, std::string_view text, std::int64_t received_ns, publisher::batch& out,
                                  std::span<const std::string> streams, std::int64_t id) {
  { protocol.decode(text, received_ns, out) } -> std::same_as<message_type>;
  { protocol.last_answer() } -> std::same_as<const control_answer&>;
  { protocol.last_error() } -> std::same_as<errc>;
  { protocol.last_event() } -> std::same_as<std::string_view>;
  { protocol.subscribe_request(streams, id) } -> std::same_as<std::string>;
  { protocol.unsubscribe_request(streams, id) } -> std::same_as<std::string>;
  {
    protocol.key_of(text)
  } -> std::same_as<std::optional<stream_key>>;  // of a stream's name; none: its age is nobody's
  { protocol.limits() } -> std::same_as<session_limits>;
  { protocol.where() } -> std::same_as<venue>;
};

}  // namespace foxtrot::inline v0
