#include <foxtrot/market/block_trade.hpp>

#include <catch2/catch.hpp>

#include <concepts>

using namespace foxtrot;

static_assert(!std::derived_from<block_trade, trade>);  // a strategy's handler for trades takes none of these
static_assert(std::derived_from<block_trade, trade_tick> && std::derived_from<trade, trade_tick>);

TEST_CASE("block_trade: says what a trade's record holds", "[market]") {
  symbol_table table;
  trade_record record{};
  record.trade_id = 44;
  record.price = 2001;
  record.quantity = 500;
  record.price_exponent = -1;
  const block_trade sold{record, {.kind = tick_kind::block_trade, .flags = block_trade::buyer_is_maker_flag}, table};
  CHECK(sold.trade_id() == 44);
  CHECK(sold.price().str() == "200.1");
  CHECK(sold.quantity() == decimal{500, 0});
  CHECK(sold.buyer_is_maker());
  CHECK_FALSE(sold.trade_time());
}
