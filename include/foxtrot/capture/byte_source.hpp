// foxtrot/capture/byte_source.hpp: bytes of a file, unpacked if it is gzip and FOXTROT_WITH_ZLIB is defined.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>

#ifdef FOXTROT_WITH_ZLIB
#include <zlib.h>
#endif

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace foxtrot::inline v0::detail {

/// Reads a file from its beginning. What it is shows in its first two bytes, not in its name. Every part of a program
/// must agree on FOXTROT_WITH_ZLIB, as on any definition that selects code. Not thread-safe.
class byte_source {
 public:
  /// The system's error, or errc::no_gzip_support for a compressed file in a program without zlib.
  [[nodiscard]] static result<byte_source> open(const std::string& path) {
    byte_source opened;
    opened.file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);  // NOLINT(*-vararg)
    if (opened.file_ < 0) return system_error();
    unsigned char magic[2] = {};
    const ssize_t got = ::pread(opened.file_, magic, sizeof magic, 0);
    if (got < 0) return system_error();
    const bool packed = got == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
#ifdef FOXTROT_WITH_ZLIB
    if (packed) {
      opened.gzip_ = ::gzdopen(opened.file_, "rb");
      if (opened.gzip_ == nullptr) return std::make_error_code(std::errc::not_enough_memory);
      opened.file_ = -1;  // zlib owns it now
      ::gzbuffer(opened.gzip_, 256U * 1024U);
    }
#else
    if (packed) return errc::no_gzip_support;
#endif
    return opened;
  }

  byte_source(byte_source&& other) noexcept { swap(other); }
  byte_source& operator=(byte_source&& other) noexcept {
    byte_source moved{std::move(other)};
    swap(moved);
    return *this;
  }
  ~byte_source() {
#ifdef FOXTROT_WITH_ZLIB
    if (gzip_ != nullptr) ::gzclose(gzip_);
#endif
    if (file_ >= 0) ::close(file_);
  }

  /// Bytes read into `out`; zero at the end. A damaged or cut gzip file is errc::bad_capture.
  [[nodiscard]] result<std::size_t> read(std::span<char> out) {
#ifdef FOXTROT_WITH_ZLIB
    if (gzip_ != nullptr) {
      const int got = ::gzread(gzip_, out.data(), static_cast<unsigned>(out.size()));
      int state = Z_OK;
      if (got == 0) (void)::gzerror(gzip_, &state);  // the end, or a file that was cut
      if (got < 0 || (state != Z_OK && state != Z_STREAM_END)) return errc::bad_capture;
      return static_cast<std::size_t>(got);
    }
#endif
    for (;;) {
      const ssize_t got = ::read(file_, out.data(), out.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return system_error();
    }
  }

 private:
  byte_source() = default;

  [[nodiscard]] static std::error_code system_error() noexcept { return {errno, std::system_category()}; }

  void swap(byte_source& other) noexcept {
    std::swap(file_, other.file_);
#ifdef FOXTROT_WITH_ZLIB
    std::swap(gzip_, other.gzip_);
#endif
  }

  int file_{-1};
#ifdef FOXTROT_WITH_ZLIB
  gzFile gzip_{nullptr};
#endif
};

}  // namespace foxtrot::inline v0::detail
