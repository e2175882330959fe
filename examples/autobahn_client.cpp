// examples/autobahn_client.cpp: echoes what a WebSocket test suite sends, case by case, so that the suite can judge it.
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/url.hpp>
#include <foxtrot/net/websocket/stream.hpp>
#include <foxtrot/thread/signal_guard.hpp>

#include <charconv>
#include <cstdio>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

constexpr const char* usage =
    R"(autobahn_client: runs the cases of a fuzzing server, such as the Autobahn test suite's.

  autobahn_client URL AGENT [--ca FILE]

  URL         where the server listens: ws://HOST:PORT or wss://HOST:PORT
  AGENT       the name of this client in the server's reports
  --ca FILE   trusts the authorities in this PEM file  [the system's]
  --help      prints this

Ctrl-C ends it at any time. Exit status: 0 where every case was run, whatever the server thinks of it, 2 for wrong
arguments, 1 otherwise.
)";

struct options {
  foxtrot::url server;
  std::string agent;
  std::string ca;
  bool help{false};
};

// What is wrong with the command line; empty if nothing.
std::string read_arguments(const std::vector<std::string>& arguments, options& to) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& each = arguments[i];
    if (each == "--help" || each == "-h") return to.help = true, "";
    if (each == "--ca") {
      if (++i == arguments.size()) return "--ca needs a value";
      to.ca = arguments[i];
    } else if (each.starts_with("--")) {
      return "unknown option " + each;
    } else {
      names.push_back(each);
    }
  }
  if (names.size() != 2 || names[1].empty()) return "wants a URL and the name of an agent";
  const auto server = foxtrot::url::parse(names[0]);
  if (!server || !names[0].starts_with("ws") || server->target != "/") return "not ws://HOST:PORT: " + names[0];
  to.server = *server;
  to.agent = names[1];
  return {};
}

// For the query of a request.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += plain.find(c) != plain.npos ? std::string{c} : std::string{'%', digits[byte >> 4U], digits[byte & 15U]};
  }
  return encoded;
}

// Sends every message back from within `drain`, so that the echo precedes whatever arrived behind the message. One that
// is too large for that waits until `write` can send it in pieces.
template <class Socket>
struct echo {
  Socket& socket;
  std::deque<std::pair<foxtrot::opcode, std::string>> large{};

  void on_message(foxtrot::message_kind kind, std::string_view payload) {
    const auto op = kind == foxtrot::message_kind::text ? foxtrot::opcode::text : foxtrot::opcode::binary;
    if (!large.empty() || socket.send(op, payload)) large.emplace_back(op, payload);
  }
  void on_ping(std::string_view) {}  // answered already
  void on_pong(std::string_view) {}
  void on_close(const foxtrot::close_info&) {}

  foxtrot::task<> finish() {
    for (; !large.empty(); large.pop_front()) {
      if (const std::error_code gone = co_await socket.write(large.front().first, large.front().second)) break;
    }
  }
};

// Keeps the last message.
template <class Socket>
struct listener {
  Socket& socket;
  std::string message{};

  void on_message(foxtrot::message_kind, std::string_view payload) { message = payload; }
  void on_ping(std::string_view) {}
  void on_pong(std::string_view) {}
  void on_close(const foxtrot::close_info&) {}

  foxtrot::task<> finish() { co_return; }
};

class suite {
 public:
  suite(options wanted, std::optional<foxtrot::tls_context> tls, asio::io_context& loop)
      : options_{std::move(wanted)}, tls_{std::move(tls)}, timers_{loop} {}

  // Every case, then the reports. Ends early where the server cannot be reached.
  foxtrot::task<> run() {
    std::string answer;
    error_ = co_await connect("/getCaseCount", &answer);
    unsigned cases = 0;
    std::from_chars(answer.data(), answer.data() + answer.size(), cases);
    if (!error_) std::printf("%u cases\n", cases);
    const std::string agent = "agent=" + percent_encoded(options_.agent);
    for (unsigned i = 1; i <= cases && !error_; ++i) {
      std::string target = "/runCase?case=" + std::to_string(i) + "&" + agent;
      error_ = co_await connect(std::move(target), nullptr);
      if (!error_) std::printf("case %u of %u: %s\n", i, cases, end_.c_str());
    }
    std::string target = "/updateReports?" + agent;
    if (!error_) error_ = co_await connect(std::move(target), nullptr);
    complete_ = !error_ && cases != 0;
  }

  [[nodiscard]] bool complete() const { return complete_; }
  // Why not.
  [[nodiscard]] std::string failure() const { return error_ ? error_.message() : "the server has no cases"; }

 private:
  // One connection from its beginning to its end. With an answer nothing is echoed.
  foxtrot::task<std::error_code> connect(std::string target, std::string* answer) {
    const foxtrot::url& to = options_.server;
    const foxtrot::dial_settings settings;
    if (tls_) {
      auto dialled = co_await foxtrot::dial_tls(timers_, *tls_, to.host, to.port, settings);
      if (!dialled) co_return dialled.error();
      co_return co_await talk(std::move(*dialled), std::move(target), answer);
    }
    auto dialled = co_await foxtrot::dial_tcp(timers_, to.host, to.port, settings);
    if (!dialled) co_return dialled.error();
    co_return co_await talk(std::move(*dialled), std::move(target), answer);
  }

  template <class Stream>
  foxtrot::task<std::error_code> talk(Stream connected, std::string target, std::string* answer) {
    foxtrot::websocket_stream<Stream> socket{timers_, std::move(connected)};
    foxtrot::upgrade_request request;
    request.host = options_.server.host;
    request.port = options_.server.port;
    request.secure = options_.server.secure;
    request.target = std::move(target);
    const std::error_code error = co_await socket.upgrade(std::move(request));
    if (error) co_return error;
    if (answer == nullptr) {
      echo<decltype(socket)> events{socket};
      co_await drain_until_closed(socket, events);
    } else {
      listener<decltype(socket)> events{socket};
      co_await drain_until_closed(socket, events);
      *answer = std::move(events.message);
    }
    co_return std::error_code{};  // however it ended: that is for the server to judge
  }

  template <class Socket, class Handler>
  foxtrot::task<> drain_until_closed(Socket& socket, Handler& events) {
    foxtrot::drain_result got;
    while (!got.error) {
      got = socket.drain(events);
      co_await events.finish();
      if (!got.error) (void)co_await socket.wait_readable();
    }
    end_ = got.error.message();
    (void)co_await socket.close();
  }

  options options_;
  std::optional<foxtrot::tls_context> tls_;
  foxtrot::timer_queue timers_;
  std::string end_;  // of the last connection
  std::error_code error_;
  bool complete_{false};
};

int run(const options& wanted, const foxtrot::signal_guard& signals) {
  std::optional<foxtrot::tls_context> tls;
  if (wanted.server.secure) {
    foxtrot::tls_settings settings;
    settings.ca_file = wanted.ca;
    auto made = foxtrot::tls_context::make(settings);
    if (!made) {
      std::fprintf(stderr, "autobahn_client: %s: %s\n", wanted.ca.c_str(), made.error().message().c_str());
      return 2;
    }
    tls = *made;
  }
  asio::io_context loop{1};
  suite cases{wanted, tls, loop};
  foxtrot::task_scope scope{loop, "autobahn_client"};
  scope.spawn("cases", cases.run());
  const std::stop_callback on_signal{signals.stop_token(), [&] { asio::post(loop, [&scope] { scope.cancel(); }); }};
  loop.run();
  if (!cases.complete() && signals.signal() == 0)
    std::fprintf(stderr, "autobahn_client: %s\n", cases.failure().c_str());
  return cases.complete() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const foxtrot::signal_guard signals;       // before any other thread
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // whoever reads a pipe sees the progress, too
  options wanted;
  const std::string wrong = read_arguments({argv + 1, argv + argc}, wanted);
  if (!wrong.empty()) {
    std::fprintf(stderr, "autobahn_client: %s (try --help)\n", wrong.c_str());
    return 2;
  }
  if (wanted.help) {
    std::fputs(usage, stdout);
    return 0;
  }
  return run(wanted, signals);
}
