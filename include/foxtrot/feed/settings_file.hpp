// foxtrot/feed/settings_file.hpp: settings as the user keeps them: a JSON file with dotted names.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/detail/settings_reader.hpp>
#include <foxtrot/feed/file_settings.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace foxtrot::inline v0 {

/// Reads a document. What names may be nested, dotted, or both: {"websocket": {"reconnect.base_delay": 2.5}}. The error
/// is errc::malformed_message for what is no JSON (a number beyond a double's range included), errc::wrong_type for
/// JSON that is no object; whatever is wrong with one setting is listed, and that setting keeps its default.
[[nodiscard]] inline result<loaded_settings> parse_settings(std::string_view json) {
  return detail::settings_reader{}.read(json);
}

/// The same from a file of at most 4 MiB; otherwise the system's error.
[[nodiscard]] inline result<loaded_settings> load_settings(const std::string& path) {
  constexpr std::size_t most = 4 * 1024 * 1024;
  struct closing_file {
    int number;
    explicit closing_file(int opened) noexcept : number{opened} {}
    closing_file(const closing_file&) = delete;
    closing_file& operator=(const closing_file&) = delete;
    ~closing_file() {
      if (number >= 0) ::close(number);
    }
  };
  const closing_file file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};  // NOLINT(*-vararg)
  if (file.number < 0) return std::error_code{errno, std::system_category()};
  std::string text;
  std::array<char, 16 * 1024> piece{};
  for (;;) {
    const ssize_t got = ::read(file.number, piece.data(), piece.size());
    if (got == 0) return parse_settings(text);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::error_code{errno, std::system_category()};
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > most) return std::error_code{EFBIG, std::system_category()};
  }
}

}  // namespace foxtrot::inline v0
