// tests/support/rest_request.hpp: every kind of body that a rest_decoder reads, by number.
#pragma once

#include <foxtrot/exchange/binance/rest_decoder.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace foxtrot_test {

enum class rest_request : std::uint8_t {
  book_tickers,
  trades,
  aggregate_trades,
  tickers,
  mini_tickers,
  both_tickers,
  klines,
  average_price,
  mark_prices
};
inline constexpr std::size_t rest_request_count = 9;

/// Of BTCUSDT, and of candles of one minute, where the request names them.
template <class Wanted>
foxtrot::errc read_rest(foxtrot::binance::rest_decoder& decoder, rest_request what, std::string_view body,
                        std::int64_t received_ns, foxtrot::publisher::batch& out, Wanted wanted,
                        std::string_view symbol = "BTCUSDT") {
  using foxtrot::tick_kind;
  const auto tickers = [&](foxtrot::kind_set kinds) { return decoder.tickers(body, received_ns, out, wanted, kinds); };
  switch (what) {
    case rest_request::book_tickers: return decoder.book_tickers(body, received_ns, out, wanted);
    case rest_request::trades: return decoder.trades(body, symbol, received_ns, out, wanted);
    case rest_request::aggregate_trades: return decoder.aggregate_trades(body, symbol, received_ns, out, wanted);
    case rest_request::tickers: return tickers(tick_kind::ticker);
    case rest_request::mini_tickers: return tickers(tick_kind::mini_ticker);
    case rest_request::both_tickers: return tickers(tick_kind::ticker | tick_kind::mini_ticker);
    case rest_request::klines: return decoder.klines(body, symbol, "1m", received_ns, out, wanted);
    case rest_request::average_price: return decoder.average_price(body, symbol, received_ns, out, wanted);
    case rest_request::mark_prices: return decoder.mark_prices(body, received_ns, out, wanted);
  }
  return foxtrot::errc::bad_argument;
}

}  // namespace foxtrot_test
