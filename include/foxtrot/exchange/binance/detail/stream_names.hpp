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

/// A symbol as the value of a URL's parameter, RFC 3986 section 2.3: there are names in other alphabets, and none may
/// become another parameter.
[[nodiscard]] inline std::string escaped_symbol(std::string_view symbol) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (const char c : symbol) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      text += c;
    } else {
      text.append(1, '%').append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    }
  }
  return text;
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

/// The kind of its ticks; nothing for a stream of all symbols, whose ticks are of whoever has changed, and for names
/// that are not known.
[[nodiscard]] constexpr std::optional<tick_kind> kind_of_stream(std::string_view stream) noexcept {
  if (stream.starts_with('!')) return std::nullopt;
  if (const auto numbered = numbered_kind_of_stream(stream)) return numbered;
  const std::size_t at = stream.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view what = stream.substr(at + 1);
  if (what.starts_with("depth")) return tick_kind::depth_snapshot;
  if (what.starts_with("kline_")) return tick_kind::kline;
  if (what == "miniTicker") return tick_kind::mini_ticker;
  if (what == "ticker" || what.starts_with("ticker_")) return tick_kind::ticker;
  if (what == "avgPrice") return tick_kind::average_price;
  if (what == "referencePrice") return tick_kind::reference_price;
  if (what == "markPrice" || what.starts_with("markPrice@")) return tick_kind::mark_price;
  if (what == "blockTrade") return tick_kind::block_trade;
  if (what == "forceOrder") return tick_kind::liquidation;
  return std::nullopt;
}

/// The symbol of a stream of depth updates; empty for any other stream.
[[nodiscard]] inline std::string depth_symbol_of(std::string_view stream) {
  return numbered_kind_of_stream(stream) == tick_kind::depth_update ? symbol_of_stream(stream) : std::string{};
}

}  // namespace foxtrot::inline v0::binance::detail
