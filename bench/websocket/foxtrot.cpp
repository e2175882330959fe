// bench/websocket/foxtrot.cpp: foxtrot's client in its default configuration, driven as its documentation says.
#include <websocket/clients.hpp>

#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/tls_stream.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <exception>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot_bench {
namespace {

void check(std::error_code error) {
  if (error) throw std::system_error{error};
}

struct frame_counter {
  frame_meter& meter;

  void on_message(foxtrot::message_kind, std::string_view payload) { meter.on_frame(payload.data(), payload.size()); }
  void on_ping(std::string_view) noexcept {}
  void on_pong(std::string_view) noexcept {}
  void on_close(const foxtrot::close_info&) noexcept {}
};

template <class Stream>
foxtrot::task<> receive_messages(asio::io_context& loop, Stream connected, const server_address& server,
                                 frame_meter& meter) {
  foxtrot::timer_queue timers{loop};
  foxtrot::websocket_stream<Stream> socket{timers, std::move(connected)};
  foxtrot::upgrade_request wanted;
  wanted.host = "localhost";
  wanted.port = server.port;
  wanted.secure = server.tls;
  wanted.target = server.target;
  check(co_await socket.upgrade(std::move(wanted)));
  check(socket.send(foxtrot::opcode::text, go));

  frame_counter handler{meter};
  while (true) {
    check(socket.drain(handler).error);
    if (meter.done()) break;
    check(co_await socket.wait_readable());
  }
}

foxtrot::task<> connect_and_receive(asio::io_context& loop, const server_address& server, frame_meter& meter) {
  foxtrot::tcp_stream transport{loop};
  const asio::ip::tcp::endpoint where{asio::ip::address_v4::loopback(), server.port};
  check(co_await transport.connect(where));
  if (!server.tls) {
    co_await receive_messages(loop, std::move(transport), server, meter);
    co_return;
  }
  static const auto context = foxtrot::tls_context::make({.verify = false}).value();
  foxtrot::tls_stream stream{std::move(transport), context};
  check(co_await stream.handshake());
  co_await receive_messages(loop, std::move(stream), server, meter);
}

}  // namespace

void receive_by_foxtrot(const server_address& server, frame_meter& meter) {
  asio::io_context loop{1};
  std::exception_ptr failure;
  asio::co_spawn(loop, connect_and_receive(loop, server, meter), [&](std::exception_ptr thrown) { failure = thrown; });
  loop.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace foxtrot_bench
