// foxtrot/exchange/binance/stream_name.hpp: what can be the name of a stream.
#pragma once

#include <string_view>

namespace foxtrot::inline v0::binance {

/// Whether this can be a stream's name: `<symbol>@<what>` or `!<what>`, without what would need escaping in JSON or a
/// URL.
[[nodiscard]] constexpr bool is_stream_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 128) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\\' || c == '/' || c == '?' || c == '#' ||
        c == '\x7f')
      return false;
  }
  if (name.front() == '!') return name.size() > 1;
  return name.find('@') != std::string_view::npos && name.front() != '@' && name.back() != '@';
}

}  // namespace foxtrot::inline v0::binance
