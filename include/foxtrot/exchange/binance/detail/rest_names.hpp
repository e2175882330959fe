// foxtrot/exchange/binance/detail/rest_names.hpp: what REST calls the fields that messages name with one letter.
#pragma once

#include <foxtrot/exchange/binance/fields.hpp>
#include <foxtrot/exchange/binance/market.hpp>

#include <array>
#include <span>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

/// A member's name and its key in `fields`.
struct rest_name {
  std::string_view name;
  key which;
};

inline constexpr std::array<rest_name, 7> book_ticker_names{{{"symbol", letter('s')},
                                                             {"bidPrice", letter('b')},
                                                             {"bidQty", letter('B')},
                                                             {"askPrice", letter('a')},
                                                             {"askQty", letter('A')},
                                                             {"time", letter('T')},
                                                             {"lastUpdateId", letter('u')}}};

inline constexpr std::array<rest_name, 5> trade_names{{{"id", letter('t')},
                                                       {"price", letter('p')},
                                                       {"qty", letter('q')},
                                                       {"time", letter('T')},
                                                       {"isBuyerMaker", letter('m')}}};

inline constexpr std::array<rest_name, 7> aggregate_trade_names{{{"a", letter('a')},
                                                                 {"p", letter('p')},
                                                                 {"q", letter('q')},
                                                                 {"f", letter('f')},
                                                                 {"l", letter('l')},
                                                                 {"T", letter('T')},
                                                                 {"m", letter('m')}}};

// What COIN-M counts in the base asset, the others count in the quote asset.
inline constexpr rest_name quote_volume{"quoteVolume", letter('q')};
inline constexpr rest_name base_volume{"baseVolume", letter('q')};

[[nodiscard]] constexpr std::array<rest_name, 21> ticker_names_with(rest_name turnover) noexcept {
  return {{{"symbol", letter('s')},
           {"priceChange", letter('p')},
           {"priceChangePercent", letter('P')},
           {"weightedAvgPrice", letter('w')},
           {"prevClosePrice", letter('x')},
           {"lastPrice", letter('c')},
           {"lastQty", letter('Q')},
           {"bidPrice", letter('b')},
           {"bidQty", letter('B')},
           {"askPrice", letter('a')},
           {"askQty", letter('A')},
           {"openPrice", letter('o')},
           {"highPrice", letter('h')},
           {"lowPrice", letter('l')},
           {"volume", letter('v')},
           turnover,
           {"openTime", letter('O')},
           {"closeTime", letter('C')},
           {"firstId", letter('F')},
           {"lastId", letter('L')},
           {"count", letter('n')}}};
}
inline constexpr auto ticker_names = ticker_names_with(quote_volume);
inline constexpr auto coinm_ticker_names = ticker_names_with(base_volume);
[[nodiscard]] constexpr std::span<const rest_name> ticker_names_of(market which) noexcept {
  return which == market::coinm ? std::span<const rest_name>{coinm_ticker_names}
                                : std::span<const rest_name>{ticker_names};
}

inline constexpr std::array<rest_name, 3> average_price_names{
    {{"mins", letter('i')}, {"price", letter('w')}, {"closeTime", letter('T')}}};

inline constexpr std::array<rest_name, 7> mark_price_names{{{"symbol", letter('s')},
                                                            {"markPrice", letter('p')},
                                                            {"indexPrice", letter('i')},
                                                            {"estimatedSettlePrice", letter('P')},
                                                            {"lastFundingRate", letter('r')},
                                                            {"nextFundingTime", letter('T')},
                                                            {"time", letter('E')}}};

/// Candles are lists: these stand in them, one after the other, before what nobody needs.
inline constexpr std::array<key, 11> kline_columns{letter('t'), letter('o'), letter('h'), letter('l'),
                                                   letter('c'), letter('v'), letter('T'), letter('q'),
                                                   letter('n'), letter('V'), letter('Q')};

}  // namespace foxtrot::inline v0::binance::detail
