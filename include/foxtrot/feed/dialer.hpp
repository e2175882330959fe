// foxtrot/feed/dialer.hpp: what makes a session's connections.
#pragma once

#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <concepts>

namespace foxtrot::inline v0 {

/// Makes the connection that a session runs over: TLS in production, memory in a test. Limits its own time.
template <class D>
concept dialer = requires(D& dial, timer_queue& timers) {
  typename D::stream_type;
  { dial.connect(timers) } -> std::same_as<task<result<typename D::stream_type>>>;
};

}  // namespace foxtrot::inline v0
