#include <foxtrot/market/book_ticker.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <type_traits>

using namespace foxtrot;

TEST_CASE("book_ticker: says what its record holds", "[market]") {
  constexpr std::int64_t received = 1'709'164'800'123'456'789;
  symbol_table table;
  const auto btc = table.intern("BTCUSDT");
  REQUIRE(btc);
  book_ticker_record record{};
  record.update_id = 400900217;
  record.bid_price = 6183763;
  record.bid_quantity = 31210000;
  record.ask_price = 6183764;
  record.ask_quantity = 406600000;
  record.received_ns = received;
  record.symbol = *btc;
  record.price_exponent = -2;
  record.quantity_exponent = -8;
  const tick_tag tag{.kind = tick_kind::book_ticker, .where = venue::binance_usdm, .how = source::http};
  const book_ticker spot{record, tag, table};
  CHECK(spot.update_id() == 400900217);
  CHECK(spot.bid_price() == decimal{6183763, -2});
  CHECK(spot.bid_quantity().str() == "0.3121");
  CHECK(spot.ask_price().str() == "61837.64");
  CHECK(spot.ask_quantity().str() == "4.066");
  CHECK(spot.symbol() == "BTCUSDT");
  CHECK(spot.venue() == venue::binance_usdm);
  CHECK(spot.source() == source::http);
  CHECK(spot.received() == timestamp{std::chrono::nanoseconds{received}});
  CHECK_FALSE(spot.transaction_time());

  record.transaction_time = time_offset::between(received, received / 1000 - 1500);
  const book_ticker futures{record, tag, table};
  CHECK(futures.transaction_time() == timestamp{std::chrono::microseconds{received / 1000 - 1500}});
}

TEST_CASE("book_ticker: a copy keeps what its queue has already forgotten", "[market]") {
  symbol_table table;
  book_ticker_record record{};
  record.update_id = 1;
  const book_ticker kept = [&] {
    const book_ticker passing{record, {.kind = tick_kind::book_ticker}, table};
    return passing;
  }();
  record.update_id = 2;
  CHECK(kept.update_id() == 1);
  CHECK(kept.record().update_id == 1);
  static_assert(sizeof(book_ticker_record) == line_payload_bytes);
  static_assert(std::is_trivially_copyable_v<book_ticker>);
}
