// foxtrot/net/http/head_reader.hpp: the head of an HTTP message, from pieces of any size to its start line and fields.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/http/fields.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

struct http_head_limits {
  std::size_t bytes{16 * 1024};
  std::size_t fields{100};
};

/// Reads up to and including the empty line. Each byte is looked at once, whatever the pieces; memory stays within the
/// limits. Strict: lines end with CR LF, no folding, no space before the colon. One thread.
class http_head_reader {
 public:
  explicit http_head_reader(http_head_limits limits = {}) : limits_{limits} {}

  /// Takes bytes and returns how many belonged to the head: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !done_ && !error_) {
      const std::string_view rest = bytes.substr(taken);
      const std::size_t line_end = rest.find('\n');
      const std::size_t size = line_end == rest.npos ? rest.size() : line_end + 1;
      if (size > limits_.bytes - bytes_) {
        fail(errc::http_header_too_large);
        break;
      }
      bytes_ += size;
      taken += size;
      line_.append(rest.substr(0, size));
      if (line_end != rest.npos) finish_line();
    }
    return taken;
  }

  [[nodiscard]] bool done() const noexcept { return done_; }
  /// errc::http_malformed or errc::http_header_too_large; sticky.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  /// Bytes taken so far.
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  /// Without its line end; empty until it has arrived.
  [[nodiscard]] const std::string& start_line() const noexcept { return start_line_; }
  [[nodiscard]] const http_fields& fields() const noexcept { return fields_; }

  void reset() { *this = http_head_reader{limits_}; }

 private:
  void fail(errc code) noexcept { error_ = code; }

  void finish_line() {
    if (!line_.ends_with("\r\n")) return fail(errc::http_malformed);
    line_.resize(line_.size() - 2);
    if (start_line_.empty()) {
      if (line_.empty() || !detail::is_field_value(line_)) return fail(errc::http_malformed);
      start_line_.swap(line_);
    } else if (line_.empty()) {
      done_ = true;
    } else {
      add_field();
    }
    line_.clear();
  }

  void add_field() {
    if (fields_.size() == limits_.fields) return fail(errc::http_header_too_large);
    const std::string_view line = line_;
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !detail::is_http_token(line.substr(0, colon))) return fail(errc::http_malformed);
    const std::string_view value = detail::trim(line.substr(colon + 1));
    if (!detail::is_field_value(value)) return fail(errc::http_malformed);
    fields_.add(line.substr(0, colon), value);
  }

  http_head_limits limits_;
  std::size_t bytes_{0};
  std::string line_;
  std::string start_line_;
  http_fields fields_;
  std::error_code error_;
  bool done_{false};
};

}  // namespace foxtrot::inline v0
