// foxtrot/net/http/client.hpp: GET over HTTP/1.1, plain or TLS, on a connection that is kept between requests.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/net/http/request.hpp>
#include <foxtrot/net/http/response_parser.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/tls_stream.hpp>
#include <foxtrot/net/url.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace foxtrot::inline v0 {

/// Sends `request` and reads until `parser` has its response; the caller limits the time by closing the stream. A body
/// that ends with the connection must end it in an orderly way: a cut is never taken for its end.
template <byte_stream Stream>
[[nodiscard]] task<std::error_code> http_exchange(Stream& stream, std::string request, http_response_parser& parser) {
  std::span<const char> unsent{request};
  while (true) {
    const io_result went = unsent.empty() ? io_result{0, stream.flush()} : stream.write_some(unsent);
    unsent = unsent.subspan(went.bytes);
    if (!went.error && unsent.empty() && went.bytes == 0) break;
    if (!went.error) continue;
    if (went.error != errc::would_block) co_return went.error;
    if (const std::error_code error = co_await stream.wait_writable()) co_return error;
  }
  std::vector<char> buffer(64 * 1024);
  while (!parser.done()) {
    const io_result got = stream.read_some(buffer);
    if (got.error == errc::would_block) {
      if (const std::error_code error = co_await stream.wait_readable()) co_return error;
    } else if (got.error) {
      co_return got.error == errc::closed ? parser.finish() : got.error;
    } else {
      const std::size_t taken = parser.feed({buffer.data(), got.bytes});
      if (parser.error()) co_return parser.error();
      if (taken != got.bytes) stream.close();  // bytes nobody asked for: nothing more can be trusted on this connection
    }
  }
  co_return std::error_code{};
}

struct http_client_settings {
  dial_settings dial;
  http_response_limits limits;
  std::vector<http_field> headers;  ///< sent with every request
};

/// One connection, one request at a time. A response of any status is a result; `http_response::error` classifies it.
/// The client must outlive the request under way. One thread: the loop's.
class http_client : private live_object<http_client> {
 public:
  /// simdjson reads so far behind a document: that much may be read behind every body.
  static constexpr std::size_t body_padding = 64;

  http_client(timer_queue& timers, tls_context context, http_client_settings settings)
      : timers_{timers}, context_{std::move(context)}, settings_{std::move(settings)} {}
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  ~http_client() = default;

  /// The whole request, connecting included, ends within `limit` (errc::timeout). A kept connection that turns out to
  /// be dead before it answered is replaced once. errc::would_block while another request is under way.
  [[nodiscard]] task<result<http_response>> get(url where, steady_time::duration limit) {
    if (busy_) co_return errc::would_block;
    const busy_guard guard{busy_};
    http_get wanted{where.host, where.port, where.secure, where.target, settings_.headers};
    const auto request = encode_get(wanted);
    if (!request) co_return request.error();
    const deadline until{timers_, limit, [this] { close(); }};
    bool reused = can_reuse(where);
    while (true) {
      if (!reused) {
        const std::error_code error = co_await connect(where, until.when());
        if (error) co_return until.map(error);
      }
      http_response_parser parser{settings_.limits};
      std::error_code error = co_await exchange(*request, parser);
      error = until.map(error);
      if (error || !parser.response().keep_alive) close();
      if (!error) {
        http_response response = parser.take();
        response.body.reserve(response.body.size() + body_padding);
        ++answered_;
        co_return std::move(response);
      }
      const bool final = error == errc::timeout || error == errc::cancelled;
      if (!reused || parser.started() || final) co_return error;
      reused = false;
    }
  }

  /// Drops the connection; a request that waits on it ends with errc::cancelled. One that still connects does not:
  /// cancel its task.
  void close() noexcept {
    if (auto* tcp = std::get_if<tcp_stream>(&connection_)) tcp->close();
    if (auto* tls = std::get_if<tls_stream>(&connection_)) tls->close();
  }

  /// Connections made so far.
  [[nodiscard]] std::uint64_t connections() const noexcept { return connections_; }
  /// Responses received so far, of any status.
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }

 private:
  struct busy_guard {
    explicit busy_guard(bool& flag) : busy{flag} { busy = true; }
    busy_guard(const busy_guard&) = delete;
    busy_guard& operator=(const busy_guard&) = delete;
    ~busy_guard() { busy = false; }

    bool& busy;
  };

  // Same place, still open, and silent: what a server says unasked is its goodbye.
  [[nodiscard]] bool can_reuse(const url& where) noexcept {
    if (!peer_ || peer_->secure != where.secure || peer_->host != where.host || peer_->port != where.port) return false;
    std::array<char, 64> probe;
    if (auto* tcp = std::get_if<tcp_stream>(&connection_)) return tcp->read_some(probe).error == errc::would_block;
    if (auto* tls = std::get_if<tls_stream>(&connection_)) return tls->read_some(probe).error == errc::would_block;
    return false;
  }

  task<std::error_code> connect(url where, steady_time until) {
    connection_.emplace<std::monostate>();
    peer_.reset();
    dial_settings settings = settings_.dial;
    settings.give_up = std::min(settings.give_up, until);
    if (where.secure) {
      auto made = co_await dial_tls(timers_, context_, where.host, where.port, settings);
      if (!made) co_return made.error();
      connection_.emplace<tls_stream>(std::move(*made));
    } else {
      auto made = co_await dial_tcp(timers_, where.host, where.port, settings);
      if (!made) co_return made.error();
      connection_.emplace<tcp_stream>(std::move(*made));
    }
    ++connections_;
    peer_ = std::move(where);
    co_return std::error_code{};
  }

  task<std::error_code> exchange(const std::string& request, http_response_parser& parser) {
    if (auto* tls = std::get_if<tls_stream>(&connection_)) co_return co_await http_exchange(*tls, request, parser);
    if (auto* tcp = std::get_if<tcp_stream>(&connection_)) co_return co_await http_exchange(*tcp, request, parser);
    co_return make_error_code(errc::closed);
  }

  timer_queue& timers_;
  tls_context context_;
  http_client_settings settings_;
  std::variant<std::monostate, tcp_stream, tls_stream> connection_;
  std::optional<url> peer_;
  std::uint64_t connections_{0};
  std::uint64_t answered_{0};
  bool busy_{false};
};

}  // namespace foxtrot::inline v0
