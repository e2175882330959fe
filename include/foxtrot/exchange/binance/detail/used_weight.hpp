// foxtrot/exchange/binance/detail/used_weight.hpp: what an answer says of the weight that has been used.
#pragma once

#include <foxtrot/net/http/fields.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>

namespace foxtrot::inline v0::binance::detail {

/// X-MBX-USED-WEIGHT-1M, or without the interval: rest-api.md, "IP Limits".
[[nodiscard]] inline std::optional<std::uint32_t> used_weight(const http_fields& headers) {
  for (const char* const name : {"X-MBX-USED-WEIGHT-1M", "X-MBX-USED-WEIGHT"}) {
    const auto text = headers.find(name);
    std::uint32_t used = 0;
    if (text && std::from_chars(text->data(), text->data() + text->size(), used).ec == std::errc{}) return used;
  }
  return std::nullopt;
}

}  // namespace foxtrot::inline v0::binance::detail
