// tests/examples/strategy_parts_test.cpp: what the numbered examples calculate, without a market.
#include <examples/support/arguments.hpp>
#include <examples/support/exact.hpp>
#include <examples/support/imbalance.hpp>
#include <examples/support/micro_price.hpp>
#include <examples/support/paper_trading.hpp>
#include <examples/support/quote_board.hpp>
#include <examples/support/triangle.hpp>

#include <foxtrot/core/decimal_literals.hpp>
#include <foxtrot/market/book_ticker.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/order_book.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace foxtrot::literals;
using example::quote;
using example::side;
using foxtrot::decimal;
using foxtrot::wide_decimal;

/// Quotes and statuses of two symbols, as a feed would tell them.
struct told {
  foxtrot::symbol_table table;
  foxtrot::symbol_id btc{*table.intern("BTCUSDT")};
  foxtrot::symbol_id eth{*table.intern("ETHUSDT")};

  [[nodiscard]] foxtrot::book_ticker tick(foxtrot::symbol_id of, std::int64_t bid, std::int64_t ask_quantity = 1,
                                          foxtrot::source how = foxtrot::source::websocket) const {
    foxtrot::book_ticker_record record{};
    record.bid_price = bid;
    record.bid_quantity = 1;
    record.ask_price = bid + 1;
    record.ask_quantity = ask_quantity;
    record.symbol = of;
    foxtrot::tick_tag tag;
    tag.kind = foxtrot::tick_kind::book_ticker;
    tag.how = how;
    return {record, tag, table};
  }
  [[nodiscard]] foxtrot::status status(const foxtrot::status_record& record) const { return {record, {}, table}; }
  [[nodiscard]] foxtrot::status status(foxtrot::status_code code,
                                       foxtrot::symbol_id of = foxtrot::symbol_id::none) const {
    return status(foxtrot::make_symbol_status(code, 0, of));
  }
};

TEST_CASE("exact: quotients are cut off once, sums that do not fit are no numbers") {
  CHECK(example::quotient("1"_dec, "3"_dec, 4).value() == "0.3333"_wide_dec);
  CHECK(example::quotient("-1"_dec, "3"_dec, 2).value() == "-0.33"_wide_dec);
  CHECK(example::quotient("0.002"_dec, "0.001"_dec, 0).value() == "2"_wide_dec);
  CHECK(example::quotient("5"_dec, "1000"_dec, 2).value().is_zero());
  CHECK_FALSE(example::quotient("1"_dec, "0.0"_dec, 2));
  CHECK(example::middle("0.1"_dec, "0.2"_dec) == "0.15"_wide_dec);
  CHECK(example::shown("1.23456"_dec, 3) == "1.235");
  CHECK(example::shown("-0.0004"_dec, 3) == "0");
  const wide_decimal most{foxtrot::int128_max, 0};
  CHECK_THROWS_AS(example::plus(most, "1"_dec), std::overflow_error);
  CHECK_THROWS_AS(example::quotient(most, "1"_dec, 1), std::overflow_error);
}

TEST_CASE("quote board: what a status puts in doubt is gone until the next tick of that symbol") {
  using foxtrot::status_code;
  const told market;
  example::quote_board board;
  const auto both = [&] {
    board.on(market.tick(market.btc, 100));
    board.on(market.tick(market.eth, 10));
  };
  both();
  REQUIRE(board.find("BTCUSDT") != nullptr);
  CHECK(board.find("BTCUSDT")->ask == "101"_dec);
  CHECK(board.find("SOLUSDT") == nullptr);

  CHECK(board.on(market.status(status_code::stale, market.btc)));
  CHECK(board.find("BTCUSDT") == nullptr);
  CHECK(board.find("ETHUSDT") != nullptr);
  CHECK_FALSE(board.on(market.status(status_code::stale, market.btc)));  // it is gone already
  CHECK_FALSE(board.on(market.status(status_code::fresh, market.btc)));
  CHECK(board.find("BTCUSDT") == nullptr);  // the word is not the price
  board.on(market.tick(market.btc, 200));
  CHECK(board.find("BTCUSDT")->bid == "200"_dec);

  const auto cut = [](bool lost) { return foxtrot::make_disconnected_status(0, {}, lost); };
  CHECK_FALSE(board.on(market.status(cut(false))));  // an attempt that failed says nothing about polled quotes
  CHECK(board.find("BTCUSDT") != nullptr);
  CHECK(board.on(market.status(cut(true))));
  CHECK(board.find("BTCUSDT") == nullptr);
  CHECK(board.find("ETHUSDT") == nullptr);

  both();
  CHECK(board.on(market.status(status_code::dropped)));
  CHECK(board.find("ETHUSDT") == nullptr);

  both();
  for (const auto harmless : {status_code::connected, status_code::fallback_started, status_code::line_changed})
    CHECK_FALSE(board.on(market.status(harmless)));
  board.on(market.tick(market.btc, 100, 0));
  CHECK(board.find("BTCUSDT") == nullptr);  // nobody sells
}

TEST_CASE("quote board: polled quotes only for those who want them") {
  const told market;
  const auto polled = market.tick(market.btc, 100, 1, foxtrot::source::http);
  example::quote_board all;
  all.on(polled);
  CHECK(all.find("BTCUSDT") != nullptr);
  example::quote_board streamed{example::quote_board::wanted::streamed};
  streamed.on(market.tick(market.btc, 100));
  streamed.on(polled);
  CHECK(streamed.find("BTCUSDT") == nullptr);
}

TEST_CASE("micro-price: nearer to the side that holds less") {
  const quote even{"10.00"_dec, "2"_dec, "10.02"_dec, "2"_dec};
  CHECK(example::micro_price(even, 4).value() == "10.01"_wide_dec);
  const quote few_asks{"10.00"_dec, "3"_dec, "10.02"_dec, "1"_dec};
  CHECK(example::micro_price(few_asks, 4).value() == "10.015"_wide_dec);
  const quote thirds{"10.00"_dec, "1"_dec, "10.01"_dec, "2"_dec};
  CHECK(example::micro_price(thirds, 4).value() == "10.0033"_wide_dec);
  const quote nobody{"10.00"_dec, "0"_dec, "10.01"_dec, "0"_dec};
  CHECK_FALSE(example::micro_price(nobody, 4));
}

TEST_CASE("micro-price: its record counts moves of the middle alone, and not over a hole") {
  example::micro_price_record record;
  record.on("10"_dec, "10.1"_dec);
  record.on("10"_dec, "10.2"_dec);  // no move
  record.on("11"_dec, "10.9"_dec);  // as foreseen
  CHECK(record.right() == 1);
  record.on("12"_dec, "12"_dec);  // not as foreseen
  CHECK(record.wrong() == 1);
  record.on("13"_dec, "13.1"_dec);  // nothing was foreseen
  record.forget();
  record.on("14"_dec, "14.1"_dec);
  CHECK(record.right() == 1);
  CHECK(record.wrong() == 1);
}

TEST_CASE("imbalance: weighs the best levels only, and compares exactly") {
  const std::array<foxtrot::raw_level, 3> bids{{{100, 6}, {99, 2}, {98, 1000}}};
  const std::array<foxtrot::raw_level, 2> asks{{{101, 1}, {102, 1}}};
  foxtrot::order_book book;
  REQUIRE(book.apply(foxtrot::level_changes{bids, asks, -2, -1}) == foxtrot::errc::none);
  const auto best = example::pressure::of(book, 2);
  CHECK(best.bids == "0.8"_wide_dec);
  CHECK(best.asks == "0.2"_wide_dec);
  CHECK(best.imbalance() == Approx(0.6));
  CHECK(best.leans("0.6"_dec) == example::lean::up);
  CHECK(best.leans("0.6000000001"_dec) == example::lean::none);
  const example::pressure other{best.asks, best.bids};
  CHECK(other.leans("0.6"_dec) == example::lean::down);
  CHECK(other.imbalance() == Approx(-0.6));
  const auto none = example::pressure::of(foxtrot::order_book{}, 5);
  CHECK(none.imbalance() == 0);
  CHECK(none.leans("0.01"_dec) == example::lean::none);
}

TEST_CASE("triangle: pays where the cross is dearer or cheaper than its two sides say, and to the last digit") {
  using example::trip_of;
  using example::way_round;
  const quote btc{"60000"_dec, "1"_dec, "60001"_dec, "0.5"_dec};
  const quote eth{"3000"_dec, "4"_dec, "3001"_dec, "5"_dec};
  const quote fair{"0.05"_dec, "6"_dec, "0.05001"_dec, "7"_dec};
  CHECK_FALSE(trip_of(way_round::by_btc, btc, eth, fair, "0"_dec).pays());
  CHECK_FALSE(trip_of(way_round::by_eth, btc, eth, fair, "0"_dec).pays());

  const quote cheap{"0.0498"_dec, "6"_dec, "0.0499"_dec, "7"_dec};
  const auto by_btc = trip_of(way_round::by_btc, btc, eth, cheap, "0"_dec);
  CHECK(by_btc.cost == "2994.0499"_wide_dec);  // 0.0499 x 60001
  CHECK(by_btc.edge == "5.9501"_wide_dec);
  CHECK(by_btc.size == "4"_wide_dec);  // what is bid for ETH
  CHECK(by_btc.profit() == "23.8004"_wide_dec);
  CHECK(by_btc.basis_points() == Approx(1e4 * 5.9501 / 2994.0499));
  CHECK_FALSE(trip_of(way_round::by_eth, btc, eth, cheap, "0"_dec).pays());

  const quote dear{"0.0502"_dec, "6"_dec, "0.0503"_dec, "7"_dec};
  const auto by_eth = trip_of(way_round::by_eth, btc, eth, dear, "0"_dec);
  CHECK(by_eth.cost == "3001"_wide_dec);
  CHECK(by_eth.edge == "11"_wide_dec);  // 0.0502 x 60000 - 3001
  CHECK(by_eth.size == "5"_wide_dec);
  const quote little_btc{"60000"_dec, "0.1"_dec, "60001"_dec, "0.1"_dec};
  CHECK(trip_of(way_round::by_eth, little_btc, eth, dear, "0"_dec).size == "1.992"_wide_dec);  // 0.1 / 0.0502, cut off

  // Three fees of 0.1 % take 9 of 3012; then 2 are left.
  const auto with_fees = trip_of(way_round::by_eth, btc, eth, dear, "0.001"_dec);
  CHECK(with_fees.edge == "1.973032988"_wide_dec);  // 3012 x 0.999^3 - 3001
  CHECK_FALSE(trip_of(way_round::by_eth, btc, eth, dear, "0.002"_dec).pays());
  CHECK_FALSE(trip_of(way_round::by_eth, btc, eth, dear, "1"_dec).pays());
}

TEST_CASE("triangle: prices with eight decimals and a fee with six leave room enough") {
  const quote btc{"123456.78000001"_dec, "1.00000001"_dec, "123456.79000001"_dec, "1.00000001"_dec};
  const quote eth{"5432.10000001"_dec, "1.00000001"_dec, "5432.11000001"_dec, "1.00000001"_dec};
  const quote cross{"0.04400001"_dec, "1.00000001"_dec, "0.04410001"_dec, "1.00000001"_dec};
  for (const auto way : {example::way_round::by_btc, example::way_round::by_eth})
    CHECK_NOTHROW(example::trip_of(way, btc, eth, cross, "0.000999"_dec).profit());
}

TEST_CASE("paper quotes: filled by trades beyond the price, and by no more than was traded") {
  example::paper_quotes quotes;
  CHECK_FALSE(quotes.working());
  quotes.set(side::buy, example::order{"100"_dec, "2"_dec});
  quotes.set(side::sell, example::order{"101"_dec, "1"_dec});
  CHECK_FALSE(quotes.on_trade("100"_dec, "50"_dec));  // we may stand last in the queue
  CHECK_FALSE(quotes.on_trade("101"_dec, "50"_dec));
  const auto part = quotes.on_trade("99.99"_dec, "0.5"_dec);
  REQUIRE(part);
  CHECK(part->what == side::buy);
  CHECK(part->price == "100"_dec);  // ours, not theirs
  CHECK(part->quantity == "0.5"_dec);
  CHECK(quotes.bid()->quantity == "1.5"_dec);
  const auto rest = quotes.on_trade("99"_dec, "10"_dec);
  REQUIRE(rest);
  CHECK(rest->quantity == "1.5"_dec);
  CHECK_FALSE(quotes.bid());
  CHECK_FALSE(quotes.on_trade("98"_dec, "10"_dec));
  const auto sold = quotes.on_trade("101.01"_dec, "1"_dec);
  REQUIRE(sold);
  CHECK(sold->what == side::sell);
  CHECK_FALSE(quotes.working());

  quotes.set(side::buy, example::order{"100"_dec, "0"_dec});  // nothing to quote
  CHECK_FALSE(quotes.working());
  quotes.set(side::sell, example::order{"101"_dec, "1"_dec});
  quotes.cancel();
  CHECK_FALSE(quotes.on_trade("200"_dec, "1"_dec));
}

TEST_CASE("paper account: first in first out, through zero and back, and nothing gets lost") {
  example::paper_account account;
  const decimal fee = "0.001"_dec;
  account.trade(side::buy, "100"_dec, "2"_dec, fee);
  account.trade(side::buy, "110"_dec, "1"_dec, fee);
  CHECK(account.position() == "3"_wide_dec);
  CHECK(account.realised().is_zero());
  CHECK(account.unrealised("105"_dec) == "5"_wide_dec);  // 2 x 5 - 1 x 5
  CHECK(account.fees() == "0.31"_wide_dec);

  account.trade(side::sell, "120"_dec, "2.5"_dec, fee);
  CHECK(account.realised() == "45"_wide_dec);  // 2 x 20 + 0.5 x 10
  CHECK(account.position() == "0.5"_wide_dec);

  account.trade(side::sell, "90"_dec, "1.5"_dec, fee);  // closes half a coin and is short one
  CHECK(account.realised() == "35"_wide_dec);
  CHECK(account.position() == "-1"_wide_dec);
  CHECK(account.unrealised("80"_dec) == "10"_wide_dec);

  account.trade(side::buy, "95"_dec, "1"_dec, fee);
  CHECK(account.position().is_zero());
  CHECK(account.realised() == "30"_wide_dec);
  // Cash in less cash out: 300 + 135 - 200 - 110 - 95, and a thousandth of all that changed hands.
  CHECK(account.fees() == "0.84"_wide_dec);
  CHECK(account.profit("1"_dec) == "29.16"_wide_dec);
}

TEST_CASE("arguments: a fault is a line of a script, numbers are whole words") {
  example::description what{.name = "name", .about = "about"};
  decimal amount;
  what.options = {{"--amount", "BTC", "help", [&amount](std::string_view text) {
                     return example::read_decimal(text, "0.5"_dec, "2"_dec, amount);
                   }}};
  const auto read = [&what](const std::vector<const char*>& words, example::arguments& to) {
    return example::read(words, what, to);
  };
  example::arguments given;
  CHECK(read({"--seconds", "2.5", "--fault", "1s reset", "--amount", "1.5", "--fault", "2s freeze for 1s"}, given)
            .empty());
  CHECK(given.seconds == 2.5);
  CHECK(given.faults.size() == 2);
  CHECK(given.faults[1].kind == foxtrot::fault_kind::freeze);
  CHECK(amount == "1.5"_dec);
  example::arguments unused;
  CHECK(read({"--amount", "2.01"}, unused) == "not a value for --amount: 2.01");
  CHECK(amount == "1.5"_dec);
  CHECK(read({"--amount"}, unused) == "--amount needs a value: BTC");
  CHECK(read({"--amout", "1"}, unused) == "no such option: --amout");
  CHECK(read({"--venue", "binance"}, unused).empty());
  CHECK_FALSE(read({"--venue", "binance", "--fault", "1s reset"}, unused).empty());
  CHECK(example::usage(what).find("  --amount BTC          help\n") != std::string::npos);
  what.real_venue = false;
  CHECK(read({"--venue", "binance"}, unused) == "no such option: --venue");
  CHECK(example::usage(what).find("--venue") == std::string::npos);
}

}  // namespace
