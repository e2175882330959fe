// foxtrot/net/http/body_reader.hpp: the body of an HTTP/1.1 message, RFC 9112 sections 6 and 7.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/http/fields.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

/// How the end of a body is found.
enum class http_framing : std::uint8_t { none, length, chunked, until_close };

/// Reads a body in pieces of any size, never more than its limit into memory. Trailers and chunk extensions are read
/// past. One thread.
class http_body_reader {
 public:
  explicit http_body_reader(std::size_t max_body) : max_body_{max_body} {}

  /// Decides from the fields how the body ends. Returns errc::http_malformed where they contradict each other (the way
  /// requests are smuggled), errc::http_body_too_large where the announced length is over the limit.
  [[nodiscard]] std::error_code begin(const http_fields& fields, bool has_body) {
    body_.clear();
    framing_ = http_framing::none;
    stage_ = stage::done;
    if (!has_body) return {};
    const bool encoded = fields.count("Transfer-Encoding") != 0;
    if (encoded && fields.count("Content-Length") != 0) return errc::http_malformed;
    if (encoded) {
      if (fields.count("Transfer-Encoding") != 1 || !fields.has_token("Transfer-Encoding", "chunked") ||
          fields.find("Transfer-Encoding")->find(',') != std::string_view::npos) {
        return errc::http_malformed;
      }
      return enter(http_framing::chunked, stage::chunk_size);
    }
    if (fields.count("Content-Length") == 0) return enter(http_framing::until_close, stage::data);
    const auto length = agreed_length(fields);
    if (!length) return errc::http_malformed;
    if (*length > max_body_) return errc::http_body_too_large;
    left_ = static_cast<std::size_t>(*length);
    return enter(http_framing::length, left_ == 0 ? stage::done : stage::data);
  }

  /// Takes bytes and returns how many belonged to the body: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && stage_ != stage::done && !error_) {
      const std::string_view rest = bytes.substr(taken);
      taken += stage_ == stage::data ? take_data(rest) : take_framing(rest.front());
    }
    return taken;
  }

  /// The peer closed: the right end of one kind of body, errc::http_truncated for the others.
  [[nodiscard]] std::error_code finish() noexcept {
    if (error_ || done()) return error_;
    if (framing_ == http_framing::until_close) {
      stage_ = stage::done;
    } else {
      error_ = errc::http_truncated;
    }
    return error_;
  }

  [[nodiscard]] bool done() const noexcept { return stage_ == stage::done && !error_; }
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  [[nodiscard]] http_framing framing() const noexcept { return framing_; }
  [[nodiscard]] std::string& body() noexcept { return body_; }
  [[nodiscard]] const std::string& body() const noexcept { return body_; }

 private:
  enum class stage : std::uint8_t {
    data,
    chunk_size,
    chunk_extension,
    chunk_size_lf,
    data_cr,
    data_lf,
    trailer_start,
    trailer,
    trailer_lf,
    last_lf,
    done,
  };
  // Extensions and trailers carry nothing we read: a body may spend so many bytes on them and no more.
  static constexpr std::size_t max_overhead = 16 * 1024;

  std::error_code enter(http_framing framing, stage first) noexcept {
    framing_ = framing;
    stage_ = first;
    return {};
  }

  /// The one value of Content-Length; repeated ones must agree.
  [[nodiscard]] static std::optional<std::uint64_t> agreed_length(const http_fields& fields) noexcept {
    std::optional<std::uint64_t> agreed;
    for (const http_field& field : fields) {
      if (!detail::equal_ignoring_case(field.name, "Content-Length")) continue;
      const auto value = detail::parse_decimal(field.value);
      if (!value || (agreed && *agreed != *value)) return std::nullopt;
      agreed = value;
    }
    return agreed;
  }

  std::size_t take_data(std::string_view bytes) {
    if (framing_ == http_framing::until_close) {
      if (bytes.size() > max_body_ - body_.size()) return fail(errc::http_body_too_large);
      body_.append(bytes);
      return bytes.size();
    }
    const std::size_t size = std::min(bytes.size(), left_);
    body_.append(bytes.substr(0, size));
    left_ -= size;
    if (left_ == 0) stage_ = framing_ == http_framing::chunked ? stage::data_cr : stage::done;
    return size;
  }

  std::size_t take_framing(char c) noexcept {
    switch (stage_) {
      case stage::chunk_size: return take_size(c);
      case stage::chunk_extension: return c == '\r' ? go(stage::chunk_size_lf) : skip(c, stage::chunk_extension);
      case stage::chunk_size_lf: return c == '\n' ? begin_chunk() : fail(errc::http_malformed);
      case stage::data_cr: return c == '\r' ? go(stage::data_lf) : fail(errc::http_malformed);
      case stage::data_lf: return c == '\n' ? go(stage::chunk_size) : fail(errc::http_malformed);
      case stage::trailer_start: return c == '\r' ? go(stage::last_lf) : skip(c, stage::trailer);
      case stage::trailer: return c == '\r' ? go(stage::trailer_lf) : skip(c, stage::trailer);
      case stage::trailer_lf: return c == '\n' ? go(stage::trailer_start) : fail(errc::http_malformed);
      case stage::last_lf: return c == '\n' ? go(stage::done) : fail(errc::http_malformed);
      case stage::data:
      case stage::done: break;
    }
    return 0;
  }

  std::size_t take_size(char c) noexcept {
    const char lower = detail::ascii_lower(c);
    const int digit = detail::is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    if (digit >= 0) {
      // checked at every digit, so the number can neither wrap nor be waited for
      const auto add = static_cast<std::size_t>(digit);
      const std::size_t room = max_body_ - body_.size();
      if (add > room || left_ > (room - add) / 16) return fail(errc::http_body_too_large);
      left_ = left_ * 16 + add;
      size_digits_ = true;
      return skip(c, stage::chunk_size);
    }
    if (!size_digits_) return fail(errc::http_malformed);
    if (c == '\r') return go(stage::chunk_size_lf);
    return c == ';' || c == ' ' || c == '\t' ? skip(c, stage::chunk_extension) : fail(errc::http_malformed);
  }

  std::size_t begin_chunk() noexcept {
    size_digits_ = false;
    return go(left_ == 0 ? stage::trailer_start : stage::data);
  }

  std::size_t go(stage next) noexcept {
    stage_ = next;
    return 1;
  }

  std::size_t skip(char c, stage next) noexcept {
    if (c == '\n') return fail(errc::http_malformed);
    return ++overhead_ > max_overhead ? fail(errc::http_header_too_large) : go(next);
  }

  std::size_t fail(errc code) noexcept {
    error_ = code;
    return 0;
  }

  std::size_t max_body_;
  std::string body_;
  std::error_code error_;
  std::size_t left_{0};      // of the body or the chunk under way
  std::size_t overhead_{0};  // bytes spent on sizes, extensions and trailers
  http_framing framing_{http_framing::none};
  stage stage_{stage::done};
  bool size_digits_{false};
};

}  // namespace foxtrot::inline v0
