// foxtrot/feed/impl/settings_file.hpp: what settings_file.hpp declares.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/detail/settings_reader.hpp>
#include <foxtrot/feed/settings_file.hpp>
#include <foxtrot/thread/detail/descriptor.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace foxtrot::inline v0 {

FOXTROT_DECL result<loaded_settings> parse_settings(std::string_view json) {
  return detail::settings_reader{}.read(json);
}

FOXTROT_DECL result<loaded_settings> load_settings(const std::string& path) {
  constexpr std::size_t most = 4 * 1024 * 1024;
  const detail::descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};  // NOLINT(*-vararg)
  if (file.fd < 0) return std::error_code{errno, std::system_category()};
  std::string text;
  std::array<char, 16 * 1024> piece{};
  for (;;) {
    const ssize_t got = ::read(file.fd, piece.data(), piece.size());
    if (got == 0) return parse_settings(text);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::error_code{errno, std::system_category()};
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > most) return std::error_code{EFBIG, std::system_category()};
  }
}

}  // namespace foxtrot::inline v0
