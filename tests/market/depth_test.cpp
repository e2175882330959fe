#include <foxtrot/market/depth.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>

using namespace foxtrot;

namespace {

constexpr std::int64_t received = 1'709'164'800'123'456'789;

depth_record example() {
  depth_record record{};
  record.first_id = 157;
  record.last_id = 160;
  record.previous_id = 149;
  record.bids = 2;
  record.asks = 1;
  record.received_ns = received;
  record.price_exponent = -4;
  record.quantity_exponent = 0;
  return record;
}

const std::array<raw_level, 3> body{raw_level{24, 10}, {22, 0}, {26, 100}};

}  // namespace

TEST_CASE("depth: levels are bids, then asks", "[market]") {
  symbol_table table;
  const depth_update update{example(), body, {.kind = tick_kind::depth_update}, table};
  REQUIRE(update.bids().size() == 2);
  REQUIRE(update.asks().size() == 1);
  CHECK(update.bids()[0] == price_level{decimal{24, -4}, decimal{10, 0}});
  CHECK(update.bids()[1].quantity.is_zero());
  CHECK(update.asks()[0].price.str() == "0.0026");
  CHECK(update.record().level_count() == 3);
}

TEST_CASE("depth: one side may be empty", "[market]") {
  symbol_table table;
  depth_record record = example();
  record.bids = 0;
  record.asks = 3;
  const depth_snapshot asks_only{record, body, {.kind = tick_kind::depth_snapshot}, table};
  CHECK(asks_only.bids().empty());
  CHECK(asks_only.asks().size() == 3);
  CHECK(asks_only.last_id() == 160);
}

TEST_CASE("depth: the previous id is there only where the venue sends it", "[market]") {
  symbol_table table;
  const depth_update spot{example(), body, {.kind = tick_kind::depth_update}, table};
  CHECK(spot.first_id() == 157);
  CHECK(spot.last_id() == 160);
  CHECK_FALSE(spot.previous_id());
  const tick_tag futures{.kind = tick_kind::depth_update, .flags = depth_update::previous_id_flag};
  CHECK(depth_update{example(), body, futures, table}.previous_id() == 149U);
}

TEST_CASE("depth: times are there only where the venue says them", "[market]") {
  symbol_table table;
  depth_record record = example();
  const depth_update silent{record, body, {.kind = tick_kind::depth_update}, table};
  CHECK_FALSE(silent.event_time());
  CHECK_FALSE(silent.transaction_time());
  record.event_time = time_offset::between(received, received / 1000 - 5);
  record.transaction_time = time_offset::between(received, received / 1000 - 9);
  const depth_update timed{record, body, {.kind = tick_kind::depth_update}, table};
  CHECK(timed.event_time() == timestamp{std::chrono::microseconds{received / 1000 - 5}});
  CHECK(timed.transaction_time() == timestamp{std::chrono::microseconds{received / 1000 - 9}});
}
