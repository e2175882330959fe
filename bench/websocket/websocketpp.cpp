// bench/websocket/websocketpp.cpp: websocketpp over Boost.Asio, with logging compiled out and no locks.
// peers: libwebsocketpp-dev
#include <websocket/clients.hpp>

#if defined(FOXTROT_BENCH_WITH_BOOST) && __has_include(<websocketpp/client.hpp>)
#include <utility>  // Boost 1.74 uses std::exchange without including it

#include <websocketpp/client.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_client.hpp>
#include <websocketpp/logger/stub.hpp>

#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>

namespace foxtrot_bench {
namespace {

// As its documentation has it for programs of one thread: the base's types again, because its own hold on to theirs.
template <class Base>
struct lean : Base {
  using type = lean;
  using base = Base;
  using concurrency_type = websocketpp::concurrency::none;
  using alog_type = websocketpp::log::stub;
  using elog_type = websocketpp::log::stub;

  struct transport_config : base::transport_config {
    using concurrency_type = lean::concurrency_type;
    using alog_type = lean::alog_type;
    using elog_type = lean::elog_type;
    using request_type = typename base::request_type;
    using response_type = typename base::response_type;
    using socket_type = typename base::transport_config::socket_type;
    static const bool enable_multithreading = false;
  };
  using transport_type = websocketpp::transport::asio::endpoint<transport_config>;
  static const bool enable_multithreading = false;
};

using plain = lean<websocketpp::config::asio_client>;
using tls = lean<websocketpp::config::asio_tls_client>;

template <class Config>
void receive(const server_address& server, frame_meter& meter) {
  using client = websocketpp::client<Config>;
  client endpoint;
  endpoint.init_asio();
  if constexpr (std::is_same_v<Config, tls>) {
    endpoint.set_tls_init_handler([](websocketpp::connection_hdl) {
      static const auto context =
          websocketpp::lib::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_client);
      return context;
    });
  }
  endpoint.set_tcp_post_init_handler([&](websocketpp::connection_hdl handle) {
    endpoint.get_con_from_hdl(handle)->get_raw_socket().set_option(boost::asio::ip::tcp::no_delay{true});
  });
  endpoint.set_open_handler(
      [&](websocketpp::connection_hdl handle) { endpoint.send(handle, go, websocketpp::frame::opcode::text); });
  endpoint.set_message_handler([&](websocketpp::connection_hdl, const typename client::message_ptr& message) {
    const auto& payload = message->get_payload();
    if (meter.on_frame(payload.data(), payload.size())) endpoint.stop();
  });
  std::error_code error;
  const std::string scheme = server.tls ? "wss" : "ws";
  const auto connection =
      endpoint.get_connection(scheme + "://127.0.0.1:" + std::to_string(server.port) + server.target, error);
  if (error) throw std::system_error{error};
  connection->set_fail_handler([](websocketpp::connection_hdl) { throw std::runtime_error{"no connection"}; });
  connection->set_close_handler([](websocketpp::connection_hdl) { throw std::runtime_error{"the server hung up"}; });
  endpoint.connect(connection);
  endpoint.run();
}

void receive_by_websocketpp(const server_address& server, frame_meter& meter) {
  server.tls ? receive<tls>(server, meter) : receive<plain>(server, meter);
}

}  // namespace

receiver websocketpp_client() { return receive_by_websocketpp; }

}  // namespace foxtrot_bench

#else

#include <cstdio>

namespace foxtrot_bench {

receiver websocketpp_client() {
  std::fprintf(stderr, "no websocketpp here (Debian: libwebsocketpp-dev)\n");
  return nullptr;
}

}  // namespace foxtrot_bench

#endif
