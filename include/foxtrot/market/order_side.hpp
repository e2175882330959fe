// foxtrot/market/order_side.hpp: which way an order goes.
#pragma once

#include <cstdint>
#include <string_view>

namespace foxtrot::inline v0 {

enum class order_side : std::uint8_t { buy, sell };

[[nodiscard]] constexpr std::string_view to_string(order_side side) noexcept {
  return side == order_side::sell ? "sell" : "buy";
}

}  // namespace foxtrot::inline v0
