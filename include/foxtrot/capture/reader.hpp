// foxtrot/capture/reader.hpp: reads a capture file line by line: `<receive time, ns since epoch> <payload>`.
#pragma once

#include <foxtrot/capture/byte_source.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// One captured message. The payload is a view into the reader, valid until its next call.
struct capture_record {
  std::int64_t received_ns{0};
  std::string_view payload;
};

/// Streams a capture, plain or gzip, through one buffer: memory does not grow with the file. Not thread-safe.
class capture_reader : private live_object<capture_reader> {
 public:
  /// Longer lines are refused: the largest known payload, a full book snapshot, is under half a megabyte.
  static constexpr std::size_t max_line = std::size_t{16} << 20U;

  [[nodiscard]] static result<capture_reader> open(const std::string& path) {
    auto source = detail::byte_source::open(path);
    if (!source) return source.error();
    return capture_reader{std::move(source).value()};
  }

  /// The next record; false at the end and on failure, which `error()` tells apart. A failure is final.
  [[nodiscard]] bool next(capture_record& record) {
    if (error_) return false;
    std::string_view line;
    if (!next_line(line)) return false;
    ++line_;
    const char* const end = line.data() + line.size();
    const auto [stop, problem] = std::from_chars(line.data(), end, record.received_ns);
    // at least one byte of payload has to follow the space
    if (problem != std::errc{} || end - stop < 2 || *stop != ' ') return fail(errc::bad_capture);
    record.payload = {stop + 1, static_cast<std::size_t>(end - stop - 1)};
    return true;
  }

  /// Zero until something failed: errc::bad_capture for a malformed line, the one that `line()` names.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }

  /// Number of the line read last, counted from one.
  [[nodiscard]] std::uint64_t line() const noexcept { return line_; }

 private:
  explicit capture_reader(detail::byte_source source) : source_{std::move(source)}, buffer_(std::size_t{256} << 10U) {}

  bool fail(std::error_code error) noexcept {
    error_ = error;
    return false;
  }

  [[nodiscard]] bool next_line(std::string_view& line) {
    std::size_t searched = 0;  // bytes of the unfinished line already known to hold no line end
    for (;;) {
      const char* const from = buffer_.data() + begin_;
      if (const void* found = std::memchr(from + searched, '\n', end_ - begin_ - searched); found != nullptr) {
        line = {from, static_cast<std::size_t>(static_cast<const char*>(found) - from)};
        begin_ += line.size() + 1;
        return true;
      }
      searched = end_ - begin_;
      if (at_end_) {
        if (searched == 0) return false;
        line = {from, searched};  // the last line may lack its end
        begin_ = end_;
        return true;
      }
      if (!refill()) return false;
    }
  }

  [[nodiscard]] bool refill() {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == buffer_.size()) {
      if (buffer_.size() >= max_line) {
        ++line_;
        return fail(errc::bad_capture);
      }
      buffer_.resize(buffer_.size() * 2);
    }
    const auto got = source_.read(std::span{buffer_}.subspan(end_));
    if (!got) {
      ++line_;
      return fail(got.error());
    }
    at_end_ = *got == 0;
    end_ += *got;
    return true;
  }

  detail::byte_source source_;
  std::vector<char> buffer_;
  std::size_t begin_{0};
  std::size_t end_{0};
  bool at_end_{false};
  std::uint64_t line_{0};
  std::error_code error_;
};

}  // namespace foxtrot::inline v0
