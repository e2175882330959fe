// tests/exchange/binance/detail/stream_shares_test.cpp: symbols and their network threads.
#include <foxtrot/exchange/binance/detail/stream_shares.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace {

using foxtrot::binance::detail::stream_shares;
using strings = std::vector<std::string>;

TEST_CASE("stream_shares: one thread has all", "[binance]") {
  stream_shares one{1};
  one.add(strings{"btcusdt@trade", "!ticker@arr"});
  CHECK(one.split(strings{"btcusdt@trade"}) == stream_shares::shares{{"btcusdt@trade"}});
  CHECK(one.thread_of("nosuch@trade") == 0);
  CHECK(one.in_use() == 1);
  CHECK(one.load(0) == 2);
}

TEST_CASE("stream_shares: a symbol has one thread, the one with the fewest streams when it came", "[binance]") {
  stream_shares three{3};
  CHECK(three.in_use() == 1);
  three.add(strings{"!ticker@arr", "a@trade", "b@trade", "a@depth", "c@trade", "a@bookTicker", "d@trade"});
  CHECK(three.thread_of("!ticker@arr") == 0);
  CHECK(three.thread_of("a@trade") == 1);
  CHECK(three.thread_of("a@kline_1m") == 1);
  CHECK(three.thread_of_symbol("A") == 1);
  CHECK(three.thread_of("b@trade") == 2);
  CHECK(three.thread_of("c@trade") == 0);
  CHECK(three.thread_of("d@trade") == 2);
  CHECK(three.in_use() == 7);
  const strings wanted{"d@trade", "a@trade", "b@trade"};
  CHECK(three.split(wanted) == stream_shares::shares{{}, {"a@trade"}, {"d@trade", "b@trade"}});
}

TEST_CASE("stream_shares: who goes makes room, and comes back to the same thread", "[binance]") {
  stream_shares two{2};
  two.add(strings{"a@trade", "b@trade", "b@depth"});
  CHECK(two.thread_of("b@trade") == 1);
  two.remove(strings{"b@trade", "b@depth"});
  CHECK(two.in_use() == 1);
  two.add(strings{"c@trade"});
  CHECK(two.thread_of("c@trade") == 1);
  two.add(strings{"b@trade"});
  CHECK(two.thread_of("b@trade") == 1);
  CHECK(two.load(1) == 2);
}

}  // namespace
