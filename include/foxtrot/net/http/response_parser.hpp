// foxtrot/net/http/response_parser.hpp: HTTP/1.1 responses to GET, from pieces of any size.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/http/body_reader.hpp>
#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/net/http/head_reader.hpp>
#include <foxtrot/net/http/status.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

struct http_response {
  int status{0};
  http_fields headers{};
  std::string body{};
  bool keep_alive{false};  ///< the connection may carry another request

  /// The class of the status; zero for 2xx.
  [[nodiscard]] std::error_code error() const noexcept { return error_of_status(status); }
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const noexcept {
    return foxtrot::retry_after(headers);
  }
};

struct http_response_limits {
  http_head_limits head{};
  std::size_t body{16 * 1024 * 1024};
};

/// Reads one response, skipping interim (1xx) ones. Memory stays within the limits, each byte is looked at once. One
/// thread.
class http_response_parser {
 public:
  explicit http_response_parser(http_response_limits limits = {})
      : limits_{limits}, head_{limits.head}, body_{limits.body} {}

  /// Takes bytes and returns how many belonged to the response: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    std::size_t taken = 0;
    started_ = started_ || !bytes.empty();
    while (taken < bytes.size() && !done_ && !error_) {
      if (in_body_) {
        taken += body_.feed(bytes.substr(taken));
        error_ = body_.error();
      } else {
        taken += head_.feed(bytes.substr(taken));
        error_ = head_.error();
        if (!error_ && head_.done()) finish_head();
      }
      if (in_body_ && body_.done()) complete();
    }
    return taken;
  }

  /// The peer closed the connection. Returns zero where that ends the response, errc::http_truncated where it cuts it.
  std::error_code finish() {
    if (done_ || error_) return error_;
    error_ = in_body_ ? body_.finish() : make_error_code(errc::http_truncated);
    if (!error_) complete();
    return error_;
  }

  [[nodiscard]] bool done() const noexcept { return done_; }
  /// errc::http_malformed, http_header_too_large, http_body_too_large or http_truncated; sticky.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  /// True once a byte has arrived, taken or not: a request that was never answered may be sent again.
  [[nodiscard]] bool started() const noexcept { return started_; }
  /// Status and headers from the end of the head on, the body when `done`.
  [[nodiscard]] const http_response& response() const noexcept { return response_; }
  [[nodiscard]] http_response take() noexcept { return std::move(response_); }

  /// Ready for the next response on the same connection.
  void reset() { *this = http_response_parser{limits_}; }

 private:
  static constexpr int max_interim = 8;

  void finish_head() {
    const auto line = parse_status_line(head_.start_line());
    // 101 answers a question that a GET of ours never asks
    if (!line || line->status == 101) {
      error_ = errc::http_malformed;
      return;
    }
    if (line->status < 200) {
      if (++interim_ > max_interim) error_ = errc::http_malformed;
      head_.reset();
      return;
    }
    response_.status = line->status;
    response_.headers = head_.fields();
    error_ = body_.begin(response_.headers, line->status != 204 && line->status != 304);
    if (error_) return;
    in_body_ = true;
    const bool persistent = line->minor_version == 1 ? !response_.headers.has_token("Connection", "close")
                                                     : response_.headers.has_token("Connection", "keep-alive");
    response_.keep_alive = persistent && body_.framing() != http_framing::until_close;
  }

  void complete() {
    response_.body = std::move(body_.body());
    done_ = true;
  }

  http_response_limits limits_;
  http_head_reader head_;
  http_body_reader body_;
  http_response response_;
  std::error_code error_;
  int interim_{0};
  bool started_{false};
  bool in_body_{false};
  bool done_{false};
};

}  // namespace foxtrot::inline v0
