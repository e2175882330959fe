// tests/support/conformance_server.hpp: a server on loopback that examines WebSocket clients the way public test suites
// do: the client asks how many cases there are, takes one after the other, and asks for the reports at the end.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/http/request_parser.hpp>
#include <foxtrot/net/http/response.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/websocket/server_handshake.hpp>
#include <foxtrot/sim/sim_stream.hpp>

#include <support/conformance/delivery.hpp>
#include <support/conformance/session.hpp>

#include <asio/basic_socket_acceptor.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace foxtrot_test {

/// Serves one connection at a time, on a thread of its own. What it has seen may be asked for after `stop`.
class conformance_server {
 public:
  struct report {
    std::vector<std::size_t> judged;    // for each run, how often
    std::vector<std::string> failures;  // "6.4.3 (...): said ..."
    std::vector<std::string> agents;    // of every request that named one
    std::size_t counted{0};             // requests for the number of cases
    std::size_t updated{0};             // requests for the reports
    std::vector<std::string> unknown;   // other targets
  };

  explicit conformance_server(std::vector<conformance_run> runs, std::optional<foxtrot::tls_context> tls = {},
                              const asio::ip::address& where = asio::ip::address_v4::loopback())
      : runs_{std::move(runs)}, tls_{std::move(tls)}, acceptor_{loop_, asio::ip::tcp::endpoint{where, 0}, false} {
    seen_.judged.resize(runs_.size());
    acceptor_.listen(16);
    port_ = acceptor_.local_endpoint().port();
    scope_.spawn("conformance server", accept());
    thread_ = std::thread{[this] {
      while (scope_.live() != 0) loop_.run_one();
    }};
  }
  conformance_server(const conformance_server&) = delete;
  conformance_server& operator=(const conformance_server&) = delete;
  ~conformance_server() { (void)stop(); }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::vector<conformance_run>& runs() const noexcept { return runs_; }

  const report& stop() {
    if (thread_.joinable()) {
      asio::post(loop_, [this] { scope_.cancel(); });
      thread_.join();
    }
    return seen_;
  }

 private:
  [[nodiscard]] foxtrot::task<> accept() {
    while (true) {
      std::error_code error;
      foxtrot::tcp_stream::socket socket{loop_};
      co_await acceptor_.async_accept(socket, asio::redirect_error(foxtrot::use_task, error));
      if (error) co_return;
      foxtrot::sim_stream stream{foxtrot::tcp_stream{std::move(socket)}, tls_};
      co_await serve(stream);
      stream.close();
    }
  }

  [[nodiscard]] foxtrot::task<> serve(foxtrot::sim_stream& stream) {
    const foxtrot::deadline limit{timers_, bound(std::chrono::milliseconds{60'000}), [&stream] { stream.close(); }};
    if (const std::error_code error = co_await stream.handshake()) co_return;
    foxtrot::http_request_parser parser;
    if (const std::error_code error = co_await read_request(stream, parser)) co_return;
    const auto accepted = foxtrot::accept_upgrade(parser.request());
    const std::string answer = accepted ? *accepted : foxtrot::encode_response(400, "Bad Request", {}, {});
    if (stream.write_some(answer).bytes != answer.size() || stream.flush() || !accepted) co_return;
    co_await serve_target(stream, parser.request().target);
  }

  [[nodiscard]] foxtrot::task<> serve_target(foxtrot::sim_stream& stream, std::string target) {
    conformance_session session{timers_, stream};
    const std::string_view path = std::string_view{target}.substr(0, target.find('?'));
    if (const auto agent = parameter(target, "agent")) seen_.agents.push_back(*agent);
    script words;
    if (path == "/getCaseCount") {
      ++seen_.counted;
      words.frame(0x81, std::to_string(runs_.size())).close(close_payload(1000));
    } else if (path == "/runCase") {
      co_await judge(session, parameter(target, "case").value_or(""));
      co_return;
    } else if (path == "/updateReports") {
      ++seen_.updated;
      words.close(close_payload(1000));
    } else {
      seen_.unknown.push_back(target);
      words.close(close_payload(1008));
    }
    const std::string wrong = co_await session.play(words, delivery::whole);
    if (!wrong.empty()) seen_.failures.push_back(target + ": " + wrong);
  }

  [[nodiscard]] foxtrot::task<> judge(conformance_session& session, std::string number) {
    std::size_t which = 0;  // counted from one
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), which);
    if (failed != std::errc{} || *end != '\0' || which == 0 || which > runs_.size()) {
      seen_.unknown.push_back("case " + number);
      co_return;
    }
    const conformance_run& run = runs_[which - 1];
    const script what = run.which->make();
    ++seen_.judged[which - 1];
    const std::string wrong = co_await session.play(what, run.way);
    if (!wrong.empty()) seen_.failures.push_back(run.name() + ": " + wrong);
  }

  [[nodiscard]] static foxtrot::task<std::error_code> read_request(foxtrot::sim_stream& stream,
                                                                   foxtrot::http_request_parser& parser) {
    while (!parser.done() && !parser.error()) {
      char next = 0;  // no byte more than the request: what follows is WebSocket
      const foxtrot::io_result got = stream.read_some({&next, 1});
      (void)parser.feed({&next, got.bytes});
      if (!got.error) continue;
      if (got.error != foxtrot::errc::would_block) co_return got.error;
      if (const std::error_code error = co_await stream.wait_readable()) co_return error;
    }
    co_return parser.error();
  }

  /// A value of the query, without its percent signs.
  [[nodiscard]] static std::optional<std::string> parameter(std::string_view target, std::string_view name) {
    std::string_view left = target.substr(std::min(target.find('?'), target.size() - 1) + 1);
    while (!left.empty()) {
      const std::string_view field = left.substr(0, left.find('&'));
      left.remove_prefix(std::min(left.size(), field.size() + 1));
      if (field.substr(0, field.find('=')) != name) continue;
      std::string value;
      for (std::size_t i = std::min(field.size(), name.size() + 1); i < field.size(); ++i) {
        const bool coded = field[i] == '%' && i + 2 < field.size();
        int code = 0;
        if (coded) std::from_chars(field.data() + i + 1, field.data() + i + 3, code, 16);
        value += coded ? static_cast<char>(code) : field[i];
        if (coded) i += 2;
      }
      return value;
    }
    return std::nullopt;
  }

  const std::vector<conformance_run> runs_;
  const std::optional<foxtrot::tls_context> tls_;
  asio::io_context loop_{1};
  foxtrot::timer_queue timers_{loop_};
  foxtrot::task_scope scope_{loop_, "conformance server"};
  asio::basic_socket_acceptor<asio::ip::tcp, foxtrot::io_executor> acceptor_;
  std::uint16_t port_{0};
  report seen_;
  std::thread thread_;
};

}  // namespace foxtrot_test
