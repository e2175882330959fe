// tests/exchange/binance/websocket_choice_test.cpp: all, none, or some, in whatever letters they are named.
#include <foxtrot/exchange/binance/websocket_choice.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace {

using foxtrot::binance::websocket_choice;
using strings = std::vector<std::string>;

TEST_CASE("websocket_choice: everything comes by WebSocket unless somebody says otherwise") {
  for (const websocket_choice& choice : {websocket_choice{}, websocket_choice::all()}) {
    CHECK(choice.is_all());
    CHECK_FALSE(choice.is_none());
    CHECK(choice.includes("BTCUSDT"));
    CHECK(choice.includes(""));
    CHECK(choice.symbols().empty());
  }
}

TEST_CASE("websocket_choice: none, and nobody chosen, are the same") {
  for (const websocket_choice& choice : {websocket_choice::none(), websocket_choice::of({})}) {
    CHECK_FALSE(choice.is_all());
    CHECK(choice.is_none());
    CHECK_FALSE(choice.includes("BTCUSDT"));
    CHECK_FALSE(choice.includes(""));
  }
}

TEST_CASE("websocket_choice: who is chosen, in capital letters or not, and nobody else") {
  const auto choice = websocket_choice::of({"ethusdt", "BtcUsdt", "XRPUSDT", "币安人生usdt", "btcusd_perp"});
  CHECK_FALSE(choice.is_all());
  CHECK_FALSE(choice.is_none());
  for (const char* const chosen : {"BTCUSDT", "ETHUSDT", "XRPUSDT", "币安人生USDT", "BTCUSD_PERP"}) {
    CHECK(choice.includes(chosen));
  }
  for (const char* const other : {"BTCUSD", "BTCUSDTX", "ADAUSDT", "ZZZ", "A", "btcusdt"}) {
    CHECK_FALSE(choice.includes(other));
  }
  CHECK(choice.includes(""));  // streams of all symbols
  CHECK(choice.symbols() == strings{"BTCUSDT", "BTCUSD_PERP", "ETHUSDT", "XRPUSDT", "币安人生USDT"});
}

TEST_CASE("websocket_choice: each of a thousand is found") {
  strings many;
  for (int i = 0; i < 1024; ++i) many.push_back("s" + std::to_string(i * 7919 % 1024) + "usdt");
  const auto choice = websocket_choice::of(many);
  for (int i = 0; i < 1024; ++i) {
    CHECK(choice.includes("S" + std::to_string(i) + "USDT"));
    CHECK_FALSE(choice.includes("S" + std::to_string(i) + "USDC"));
  }
}

}  // namespace
