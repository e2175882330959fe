// foxtrot/exchange/binance/impl/exchange_info.hpp: what exchange_info.hpp declares.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/detail/exchange_info_reader.hpp>
#include <foxtrot/exchange/binance/exchange_info.hpp>

#include <string_view>

namespace foxtrot::inline v0::binance {

FOXTROT_DECL result<exchange_info> exchange_info::parse(std::string_view body) {
  exchange_info made;
  detail::exchange_info_reader reader;
  if (const errc bad = reader.read(body, made.content_); bad != errc::none) return bad;
  made.sort();
  return made;
}

}  // namespace foxtrot::inline v0::binance
