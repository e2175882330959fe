// foxtrot/exchange/binance/detail/exchange_info_content.hpp: what GET exchangeInfo says.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/rate_limit.hpp>
#include <foxtrot/exchange/binance/symbol_rules.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace foxtrot::inline v0::binance {

/// A symbol that was left out, and why.
struct rejected_symbol {
  std::string name;  ///< empty where even that could not be read
  errc error{errc::none};
};

namespace detail {

/// What a body held, in its order.
struct exchange_info_content {
  std::int64_t server_time{0};  ///< as the venue wrote it
  std::vector<rate_limit> rate_limits;
  std::vector<symbol_rules> symbols;
  std::vector<rejected_symbol> rejected;
};

}  // namespace detail
}  // namespace foxtrot::inline v0::binance
