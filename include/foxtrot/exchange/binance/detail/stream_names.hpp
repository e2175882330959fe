// foxtrot/exchange/binance/detail/stream_names.hpp: what the name of a stream says of its ticks.
#pragma once

#include <foxtrot/market/kinds.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

/// The symbol of a stream in upper case, as ticks and REST have it; empty for a stream of all symbols.
[[nodiscard]] inline std::string symbol_of_stream(std::string_view stream) {
  if (stream.starts_with('!') || stream.find('@') == std::string_view::npos) return {};
  std::string symbol{stream.substr(0, stream.find('@'))};
  std::transform(symbol.begin(), symbol.end(), symbol.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return symbol;
}

/// The kind of its ticks, where they are numbered. Partial books (`@depth20`) are not.
[[nodiscard]] constexpr std::optional<tick_kind> numbered_kind_of_stream(std::string_view stream) noexcept {
  const std::size_t at = stream.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view what = stream.substr(at + 1);
  if (what == "trade") return tick_kind::trade;
  if (what == "aggTrade") return tick_kind::aggregate_trade;
  if (what == "bookTicker") return tick_kind::book_ticker;
  if (what == "depth" || what.starts_with("depth@")) return tick_kind::depth_update;
  return std::nullopt;
}

/// The symbol of a stream of depth updates; empty for any other stream.
[[nodiscard]] inline std::string depth_symbol_of(std::string_view stream) {
  return numbered_kind_of_stream(stream) == tick_kind::depth_update ? symbol_of_stream(stream) : std::string{};
}

}  // namespace foxtrot::inline v0::binance::detail
