// foxtrot/exchange/binance/streams_of.hpp: the names of the streams of every symbol that trades.
#pragma once

#include <foxtrot/exchange/binance/exchange_info.hpp>
#include <foxtrot/exchange/binance/stream_name.hpp>
#include <foxtrot/exchange/binance/symbol_rules.hpp>

#include <algorithm>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance {

/// The stream `what` ("@bookTicker") of each trading symbol that `wanted` says true to, in the order of their names:
/// "btcusdt@bookTicker". One connection carries 1,024 streams at most.
template <std::predicate<const symbol_rules&> Wanted>
[[nodiscard]] std::vector<std::string> streams_of(const exchange_info& info, std::string_view what, Wanted wanted) {
  std::vector<std::string> streams;
  for (const symbol_rules& symbol : info) {
    if (!symbol.trading() || !wanted(symbol)) continue;
    std::string stream = symbol.name;
    std::transform(stream.begin(), stream.end(), stream.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    stream += what;
    if (is_stream_name(stream)) streams.push_back(std::move(stream));
  }
  return streams;
}

/// The same of every trading symbol that is priced in `quote_asset`.
[[nodiscard]] inline std::vector<std::string> streams_of(const exchange_info& info, std::string_view what,
                                                         std::string_view quote_asset) {
  return streams_of(info, what,
                    [quote_asset](const symbol_rules& symbol) { return symbol.quote_asset == quote_asset; });
}

/// The same of every trading symbol.
[[nodiscard]] inline std::vector<std::string> streams_of(const exchange_info& info, std::string_view what) {
  return streams_of(info, what, [](const symbol_rules&) { return true; });
}

}  // namespace foxtrot::inline v0::binance
