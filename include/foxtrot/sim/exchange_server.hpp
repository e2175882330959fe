// foxtrot/sim/exchange_server.hpp: accepts the connections of a simulated exchange and serves each.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/http/request_parser.hpp>
#include <foxtrot/net/http/response.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/websocket/server_handshake.hpp>
#include <foxtrot/sim/control_protocol.hpp>
#include <foxtrot/sim/exchange_connection.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/rest_api.hpp>
#include <foxtrot/sim/sim_stream.hpp>
#include <foxtrot/sim/stream_hub.hpp>

#include <asio/basic_socket_acceptor.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// The loop's side of an exchange. Every task that it starts belongs to `scope`, which has to be closed before it is
/// destroyed. Loop thread only, except the constructor and `listen`.
class exchange_server : private live_object<exchange_server> {
 public:
  exchange_server(const exchange_settings& settings, std::optional<tls_context> tls, asio::io_context& loop,
                  timer_queue& timers, task_scope& scope, market_source& source, detail::exchange_counters& counters)
      : settings_{settings},
        tls_{std::move(tls)},
        loop_{loop},
        timers_{timers},
        scope_{scope},
        source_{source},
        counters_{counters},
        hub_{loop},
        api_{settings.market, settings.limits.weight_per_minute, source},
        acceptor_{loop} {
    hub_.resize(source.stream_count());
  }

  /// The port.
  [[nodiscard]] result<std::uint16_t> listen() {
    const asio::ip::tcp::endpoint here{asio::ip::address_v4::loopback(), settings_.port};
    std::error_code error;
    acceptor_.open(here.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address{true}, error);
    if (!error) acceptor_.bind(here, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return detail::from_asio(error);
    return acceptor_.local_endpoint().port();
  }

  void begin() {
    scope_.spawn("sim accept", accept());
    scope_.spawn("sim source", source_.run(timers_, hub_));
  }

  void reset_connections() {
    for (const auto& connection : alive()) connection->reset();
  }
  void close_connections(close_code code, const std::string& reason) {
    for (const auto& connection : alive()) {
      if (connection->is_websocket()) {
        connection->begin_close(code, reason);
      } else {
        connection->close_now();
      }
    }
  }

 private:
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, io_executor>;
  using client_pointer = std::shared_ptr<exchange_connection>;

  /// Counts a connection for as long as it is served.
  struct open_mark {
    explicit open_mark(detail::exchange_counters& all) : counters{all} { counters.open_connections.add(); }
    open_mark(const open_mark&) = delete;
    open_mark& operator=(const open_mark&) = delete;
    ~open_mark() { counters.open_connections.subtract(); }

    detail::exchange_counters& counters;
  };

  /// Everybody who is being served; the list itself does not keep them.
  [[nodiscard]] std::vector<client_pointer> alive() {
    std::vector<client_pointer> found;
    for (const auto& weak : connections_)
      if (client_pointer strong = weak.lock()) found.push_back(std::move(strong));
    return found;
  }

  [[nodiscard]] task<> accept() {
    while (true) {
      std::error_code error;
      tcp_stream::socket socket{loop_};
      co_await acceptor_.async_accept(socket, asio::redirect_error(use_task, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors, perhaps: somebody may close one
        error = co_await timers_.sleep_for(std::chrono::milliseconds{10});
        if (error) co_return;
        continue;
      }
      counters_.connections.add();
      const exchange_parts parts{timers_, hub_, source_, settings_.limits, counters_, settings_.replay.path.empty()};
      auto accepted = std::make_shared<exchange_connection>(sim_stream{tcp_stream{std::move(socket)}, tls_}, parts);
      std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
      connections_.push_back(accepted);
      scope_.spawn("sim connection", serve(std::move(accepted)));
    }
  }

  [[nodiscard]] task<> serve(client_pointer client) {
    const open_mark counted{counters_};
    if (const std::error_code error = co_await shake_hands(client)) co_return;
    std::string received;  // and not used yet
    bool more = true;
    while (more) {
      http_request_parser parser;
      if (const std::error_code error = co_await read_request(client, parser, received)) break;
      const http_request& request = parser.request();
      more = request.keep_alive;
      std::string response;
      if (is_upgrade(request)) {
        const auto target = websocket_target::parse(request.target, settings_.market);
        response = upgrade_response(request, target);
        const bool accepted = response.starts_with("HTTP/1.1 101");
        if (const std::error_code error = co_await client->send_all(std::move(response))) break;
        if (!accepted) break;
        client->open(*target, received);
        scope_.spawn("sim writer", write(client));
        co_await client->read_messages();
        co_return;
      }
      counters_.rest_requests.add();
      const rest_reply reply = co_await api_.get(timers_, request.target);
      response = encode_response(reply.status, reply.reason, reply.body, reply.headers);
      if (const std::error_code error = co_await client->send_all(std::move(response))) break;
    }
    if (client->stream().is_open()) client->stream().shutdown();
    client->close_now();
  }

  [[nodiscard]] task<std::error_code> shake_hands(client_pointer client) {
    const deadline limit{timers_, settings_.limits.handshake_timeout, [raw = client.get()] { raw->close_now(); }};
    co_return co_await client->stream().handshake();
  }

  /// Holds the connection: the two tasks of a WebSocket end in any order.
  [[nodiscard]] static task<> write(client_pointer client) { co_await client->write_messages(); }

  [[nodiscard]] static task<std::error_code> read_request(client_pointer client, http_request_parser& parser,
                                                          std::string& received) {
    std::array<char, 8192> buffer;
    while (true) {
      received.erase(0, parser.feed(received));
      if (parser.error()) co_return parser.error();
      if (parser.done()) co_return std::error_code{};
      const io_result got = client->stream().read_some(buffer);
      received.append(buffer.data(), got.bytes);
      if (!got.error) continue;
      if (got.error != errc::would_block) co_return got.error;
      if (const std::error_code error = co_await client->stream().wait_readable()) co_return error;
    }
  }

  [[nodiscard]] std::string upgrade_response(const http_request& request,
                                             const std::optional<websocket_target>& target) {
    const std::vector<http_field> last{{"Connection", "close"}};
    if (!target) return encode_response(404, "Not Found", {}, last);
    if (target->streams.size() > control_session::max_streams) return encode_response(400, "Bad Request", {}, last);
    auto accepted = accept_upgrade(request);
    return accepted ? std::move(*accepted) : encode_response(400, "Bad Request", {}, last);
  }

  const exchange_settings& settings_;
  const std::optional<tls_context> tls_;
  asio::io_context& loop_;
  timer_queue& timers_;
  task_scope& scope_;
  market_source& source_;
  detail::exchange_counters& counters_;
  stream_hub hub_;
  rest_api api_;
  acceptor acceptor_;
  std::vector<std::weak_ptr<exchange_connection>> connections_;
};

}  // namespace foxtrot::inline v0
