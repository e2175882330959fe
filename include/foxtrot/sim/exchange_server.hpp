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
#include <foxtrot/sim/exchange_clients.hpp>
#include <foxtrot/sim/exchange_connection.hpp>
#include <foxtrot/sim/exchange_parts.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/faults_in_force.hpp>
#include <foxtrot/sim/http_faults.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/rest_api.hpp>
#include <foxtrot/sim/sent_log.hpp>
#include <foxtrot/sim/server_certificates.hpp>
#include <foxtrot/sim/sim_stream.hpp>
#include <foxtrot/sim/stream_hub.hpp>
#include <foxtrot/sim/websocket_census.hpp>

#include <asio/basic_socket_acceptor.hpp>

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
  exchange_server(const exchange_settings& settings, std::optional<server_certificates> certificates,
                  asio::io_context& loop, timer_queue& timers, task_scope& scope, market_source& source, sent_log& log,
                  detail::exchange_counters& counters)
      : settings_{settings},
        certificates_{std::move(certificates)},
        loop_{loop},
        timers_{timers},
        scope_{scope},
        source_{source},
        log_{log},
        counters_{counters},
        hub_{loop},
        api_{settings.market, settings.limits.weight_per_minute, source},
        acceptor_{loop} {
    hub_.resize(source.stream_count());
    faults_.on_change([this] { faults_changed(); });
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
    for (const fault& each : settings_.faults.faults) {
      if (each.at.count() == 0) {
        begin_fault(each);  // before anybody is let in
      } else {
        script_.push_back(timers_.call_after(each.at, [this, &each] { begin_fault(each); }));
      }
    }
    scope_.spawn("sim accept", accept());
    scope_.spawn("sim source", source_.run(timers_, hub_));
  }

  /// Now, whatever its `at` says.
  void begin_fault(const fault& what) {
    counters_.faults_begun.add();
    if (is_condition(what.kind)) return faults_.begin(what);
    if (what.kind == fault_kind::clear) return clear_faults();
    clients_.suffer(what, timers_.now());
  }
  void clear_faults() { faults_.clear(); }

  /// Beside the fault of that name.
  void pause(bool paused) {
    paused_by_hand_ = paused;
    apply_pause();
  }

  void reset_connections() { clients_.reset_all(); }
  void close_connections(close_code code, const std::string& reason) { clients_.close_all(code, reason); }

 private:
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, io_executor>;
  using client_pointer = exchange_clients::pointer;

  /// Counts a connection for as long as it is served.
  struct open_mark {
    explicit open_mark(detail::exchange_counters& all) : counters{all} { counters.open_connections.add(); }
    open_mark(const open_mark&) = delete;
    open_mark& operator=(const open_mark&) = delete;
    ~open_mark() { counters.open_connections.subtract(); }

    detail::exchange_counters& counters;
  };

  void faults_changed() {
    apply_pause();
    clients_.each([](exchange_connection& one) { one.faults_changed(); });
  }
  void apply_pause() {
    const bool pause = paused_by_hand_ || faults_.has(fault_kind::pause);
    if (std::exchange(paused_, pause) != pause) source_.pause(pause);
  }

  [[nodiscard]] const std::optional<tls_context>& tls() {
    static const std::optional<tls_context> none;
    if (!certificates_) return none;
    const auto* other = faults_.find(fault_kind::certificate);
    return other != nullptr ? certificates_->of(other->what.certificate) : certificates_->usual();
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
      if (faults_.has(fault_kind::refuse)) {
        tcp_stream{std::move(socket)}.reset();
        continue;
      }
      const exchange_parts parts{timers_,   hub_,    source_, settings_.limits,
                                 counters_, faults_, log_,    settings_.replay.path.empty()};
      sim_stream stream{tcp_stream{std::move(socket)}, tls(), &faults_};
      auto accepted = std::make_shared<exchange_connection>(std::move(stream), parts);
      clients_.add(accepted);
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
      if (is_upgrade(request)) {
        const auto target = websocket_target::parse(request.target, settings_.market);
        std::string response = upgrade_response(request, target);
        if (faults_.has(fault_kind::upgrade_stall)) {
          counters_.answers_withheld.add();
          co_await client->socket().ignore();
          co_return;
        }
        const bool accepted = response.starts_with("HTTP/1.1 101");
        if (!accepted) counters_.upgrades_refused.add();
        if (const std::error_code error = co_await client->socket().send_all(std::move(response))) break;
        if (!accepted) break;
        client->open(*target, request_target::parse(request.target).path, received);
        detail::take_census(clients_.alive(), *client, counters_);
        scope_.spawn("sim writer", write(client));
        if (const auto* flap = faults_.find(fault_kind::flap)) client->cut(flap->what.wait);
        co_await client->read_messages();
        co_return;
      }
      counters_.rest_requests.add();
      if (const std::error_code error = co_await rest_.answer(client->socket(), request.target)) break;
    }
    client->socket().finish();
  }

  [[nodiscard]] task<std::error_code> shake_hands(client_pointer client) {
    if (const auto wait = faults_.wait_of(fault_kind::accept_delay); wait.count() != 0) {
      if (const std::error_code error = co_await timers_.sleep_for(wait)) co_return error;
    }
    if (faults_.has(fault_kind::handshake_stall)) {
      counters_.answers_withheld.add();
      co_await client->socket().ignore();
      co_return make_error_code(errc::closed);
    }
    const deadline limit{timers_, settings_.limits.handshake_timeout, [raw = client.get()] { raw->socket().drop(); }};
    co_return co_await client->socket().stream().handshake();
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
      const io_result got = client->socket().stream().read_some(buffer);
      received.append(buffer.data(), got.bytes);
      if (!got.error) continue;
      if (got.error != errc::would_block) co_return got.error;
      if (const std::error_code error = co_await client->socket().stream().wait_readable()) co_return error;
    }
  }

  [[nodiscard]] std::string upgrade_response(const http_request& request,
                                             const std::optional<websocket_target>& target) {
    const std::vector<http_field> last{{"Connection", "close"}};
    if (const auto* refused = faults_.find(fault_kind::upgrade)) {
      rest_reply reply = refusal_of(refused->what);
      reply.headers.push_back(last[0]);
      return encode_response(reply.status, reply.reason, reply.body, reply.headers);
    }
    if (!target) return encode_response(404, "Not Found", {}, last);
    if (target->streams.size() > control_session::max_streams) return encode_response(400, "Bad Request", {}, last);
    auto accepted = accept_upgrade(request);
    return accepted ? std::move(*accepted) : encode_response(400, "Bad Request", {}, last);
  }

  const exchange_settings& settings_;
  std::optional<server_certificates> certificates_;
  asio::io_context& loop_;
  timer_queue& timers_;
  task_scope& scope_;
  market_source& source_;
  sent_log& log_;
  detail::exchange_counters& counters_;
  stream_hub hub_;
  faults_in_force faults_{timers_, settings_.seed};
  rest_api api_;
  http_faults rest_{faults_, api_, counters_};
  acceptor acceptor_;
  exchange_clients clients_{settings_.seed};
  std::vector<timer> script_;
  bool paused_by_hand_{false};
  bool paused_{false};
};

}  // namespace foxtrot::inline v0
