// foxtrot/net/websocket/ignore_messages.hpp: a handler for whoever wants nothing of what still arrives.
#pragma once

#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/net/websocket/decoder.hpp>

#include <string_view>

namespace foxtrot::inline v0 {

struct ignore_messages {
  void on_message(message_kind, std::string_view) noexcept {}
  void on_ping(std::string_view) noexcept {}
  void on_pong(std::string_view) noexcept {}
  void on_close(const close_info&) noexcept {}
};

static_assert(message_handler<ignore_messages>);

}  // namespace foxtrot::inline v0
