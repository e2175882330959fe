// tests/exchange/binance/detail/stream_names_test.cpp: what a stream's name says, and its symbol in a URL.
#include <foxtrot/exchange/binance/detail/stream_names.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/net/url.hpp>

#include <string>

namespace {

using namespace foxtrot;
using namespace foxtrot::binance::detail;

TEST_CASE("stream_names: a symbol is its name in capital letters; a stream of all has none") {
  CHECK(symbol_of_stream("btcusdt@trade") == "BTCUSDT");
  CHECK(symbol_of_stream("btcusd_perp@kline_1m@+08:00") == "BTCUSD_PERP");
  CHECK(symbol_of_stream("币安人生usdt@trade") == "币安人生USDT");
  CHECK(symbol_of_stream("!miniTicker@arr").empty());
  CHECK(symbol_of_stream("btcusdt").empty());
  CHECK(symbol_of_stream("").empty());
}

TEST_CASE("stream_names: a symbol in a URL is one value, of every byte") {
  CHECK(escaped_symbol("BTCUSDT") == "BTCUSDT");
  CHECK(escaped_symbol("BTCUSD_PERP-.~") == "BTCUSD_PERP-.~");
  CHECK(escaped_symbol("币USDT") == "%E5%B8%81USDT");
  CHECK(escaped_symbol("A&LIMIT=5 +%") == "A%26LIMIT%3D5%20%2B%25");
  CHECK(escaped_symbol("").empty());
  for (int byte = 0; byte < 256; ++byte) {
    const std::string escaped = escaped_symbol(std::string(1, static_cast<char>(byte)));
    CHECK((escaped.size() == 1 || escaped.size() == 3));
    CHECK(is_valid_target("/api/v3/depth?symbol=" + escaped));
  }
}

}  // namespace
