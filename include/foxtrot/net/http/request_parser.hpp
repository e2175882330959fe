// foxtrot/net/http/request_parser.hpp: requests without a body, from pieces of any size: the server's end of a GET.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/net/http/head_reader.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

struct http_request {
  std::string method;
  std::string target;
  http_fields headers;
  bool keep_alive{true};
};

/// Reads one request. A body is refused as errc::http_malformed: no GET carries one. One thread.
class http_request_parser {
 public:
  explicit http_request_parser(http_head_limits limits = {}) : limits_{limits}, head_{limits} {}

  /// Takes bytes and returns how many belonged to the request: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    if (done_ || error_) return 0;
    const std::size_t taken = head_.feed(bytes);
    error_ = head_.error();
    if (!error_ && head_.done()) {
      done_ = read_request_line(head_.start_line()) && read_headers();
      if (!done_) error_ = errc::http_malformed;
    }
    return taken;
  }

  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  [[nodiscard]] const http_request& request() const noexcept { return request_; }

  /// Ready for the next request on the same connection.
  void reset() { *this = http_request_parser{limits_}; }

 private:
  [[nodiscard]] bool read_request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == line.npos || first == last) return false;
    request_.method = line.substr(0, first);
    request_.target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    request_.keep_alive = version == "HTTP/1.1";
    return detail::is_http_token(request_.method) && is_valid_target(request_.target) &&
           (version == "HTTP/1.1" || version == "HTTP/1.0");
  }

  [[nodiscard]] bool read_headers() {
    request_.headers = head_.fields();
    const http_fields& got = request_.headers;
    if (got.has_token("Connection", "close")) request_.keep_alive = false;
    const bool body_free = got.count("Transfer-Encoding") == 0 && got.find("Content-Length").value_or("0") == "0";
    return body_free && got.count("Host") == 1;
  }

  http_head_limits limits_;
  http_head_reader head_;
  http_request request_;
  std::error_code error_;
  bool done_{false};
};

}  // namespace foxtrot::inline v0
