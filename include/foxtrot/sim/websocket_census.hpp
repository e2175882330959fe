// foxtrot/sim/websocket_census.hpp: how many WebSockets are open at once, from where the client stands.
#pragma once

#include <foxtrot/sim/exchange_settings.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <poll.h>

namespace foxtrot::inline v0::detail {

/// Whether the peer of this socket has ended its direction, or the connection is gone, whatever has been read of it.
[[nodiscard]] inline bool peer_hung_up(int socket) noexcept {
  pollfd asked{socket, POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) != 0;  // POLLHUP and POLLERR are told unasked
}

/// Counts `opened` and those of `all` that are open beside it, and keeps the most.
template <class Connection>
void take_census(const std::vector<std::shared_ptr<Connection>>& all, Connection& opened, exchange_counters& counters) {
  std::uint64_t at_once = 1;
  std::uint64_t on_path = 1;
  for (const auto& other : all) {
    if (other.get() == &opened || !other->is_open_websocket()) continue;
    if (peer_hung_up(other->socket().stream().transport().native_handle())) continue;
    ++at_once;
    if (other->path() == opened.path()) ++on_path;
  }
  counters.most_websockets_at_once.raise_to(at_once);
  counters.most_websockets_per_path.raise_to(on_path);
}

}  // namespace foxtrot::inline v0::detail
