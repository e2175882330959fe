// bench/websocket/beast.cpp: Boost.Beast, reading message by message with blocking calls and with asynchronous ones.
// peers: libboost1.74-dev+libboost-system1.74-dev|libboost1.81-dev+libboost-system1.81-dev
#include <websocket/clients.hpp>

#if defined(FOXTROT_BENCH_WITH_BOOST)
#include <utility>  // Boost 1.74 uses std::exchange without including it

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <cstddef>
#include <type_traits>

namespace foxtrot_bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

// The concrete executor saves what any_io_executor costs in every operation.
using tcp_socket = asio::basic_stream_socket<tcp, asio::io_context::executor_type>;
using plain_websocket = beast::websocket::stream<tcp_socket>;
using tls_websocket = beast::websocket::stream<beast::ssl_stream<tcp_socket>>;

template <class Websocket>
void upgrade(Websocket& socket, const server_address& server) {
  auto& transport = beast::get_lowest_layer(socket);
  transport.connect(tcp::endpoint{asio::ip::address_v4::loopback(), server.port});
  transport.set_option(tcp::no_delay{true});
  if constexpr (std::is_same_v<Websocket, tls_websocket>) socket.next_layer().handshake(asio::ssl::stream_base::client);
  socket.handshake("localhost", server.target);
  socket.text(true);
  socket.write(asio::buffer(go, 2));
}

struct blocking {
  template <class Websocket>
  static void receive(asio::io_context&, Websocket& socket, frame_meter& meter) {
    beast::flat_buffer buffer;
    buffer.reserve(64 * 1024);
    while (!meter.done()) {
      socket.read(buffer);
      take(buffer, meter);
    }
  }
  static void take(beast::flat_buffer& buffer, frame_meter& meter) {
    const auto message = buffer.cdata();
    meter.on_frame(static_cast<const char*>(message.data()), message.size());
    buffer.consume(message.size());
  }
};

template <class Websocket>
struct message_reader {
  Websocket& socket;
  frame_meter& meter;
  beast::flat_buffer buffer{};

  void read_next() {
    socket.async_read(buffer, [this](beast::error_code error, std::size_t) {
      if (error) throw beast::system_error{error};
      blocking::take(buffer, meter);
      if (!meter.done()) read_next();
    });
  }
};

struct asynchronous {
  template <class Websocket>
  static void receive(asio::io_context& loop, Websocket& socket, frame_meter& meter) {
    message_reader<Websocket> reader{socket, meter};
    reader.buffer.reserve(64 * 1024);
    reader.read_next();
    loop.run();
  }
};

template <class Style>
void receive_by_beast(const server_address& server, frame_meter& meter) {
  static asio::ssl::context context{asio::ssl::context::tls_client};
  asio::io_context loop{1};
  if (server.tls) {
    tls_websocket socket{loop, context};
    upgrade(socket, server);
    Style::receive(loop, socket, meter);
  } else {
    plain_websocket socket{loop};
    upgrade(socket, server);
    Style::receive(loop, socket, meter);
  }
}

}  // namespace

receiver beast_sync() { return receive_by_beast<blocking>; }
receiver beast_async() { return receive_by_beast<asynchronous>; }

}  // namespace foxtrot_bench

#else

#include <cstdio>

namespace foxtrot_bench {

receiver beast_sync() {
  std::fprintf(stderr, "no Boost.Beast here (Debian: libboost-dev and libboost-system-dev)\n");
  return nullptr;
}
receiver beast_async() { return nullptr; }

}  // namespace foxtrot_bench

#endif
