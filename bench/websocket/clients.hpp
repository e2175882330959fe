// bench/websocket/clients.hpp: the clients that are compared, each behind one function. C++17: the peers need that.
#pragma once

#include <websocket/meter.hpp>

#include <support/server_address.hpp>

namespace foxtrot_bench {

/// Connects (TCP_NODELAY; with TLS, no certificate checked), upgrades, sends `go` as a text frame, and tells the meter
/// of every message until it has seen the last. All in the calling thread; throws where anything goes wrong.
using receiver = void (*)(const server_address& server, frame_meter& meter);

/// The server starts sending then: so no frame arrives together with its answer to the upgrade.
inline constexpr const char* go = "go";

void receive_by_limit(const server_address& server, frame_meter& meter);
void receive_by_prototype(const server_address& server, frame_meter& meter);
void receive_by_foxtrot(const server_address& server, frame_meter& meter);

// Null where the peer is not installed.
[[nodiscard]] receiver beast_sync();
[[nodiscard]] receiver beast_async();
[[nodiscard]] receiver websocketpp_client();

}  // namespace foxtrot_bench
