#include <foxtrot/market/reference_price.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>

using namespace foxtrot;

TEST_CASE("reference_price: a price only where the tag says so", "[market]") {
  constexpr std::int64_t received = 1'787'000'000'123'456'789;
  symbol_table table;
  reference_price_record record{};
  record.price = 100;
  record.price_exponent = -1;
  record.received_ns = received;
  record.event_time = time_offset::between(received, received / 1000 - 250'000);
  const reference_price known{
      record, {.kind = tick_kind::reference_price, .flags = reference_price::has_price_flag}, table};
  REQUIRE(known.price());
  CHECK(known.price()->str() == "10");
  CHECK(known.event_time() == timestamp{std::chrono::microseconds{received / 1000 - 250'000}});
  const reference_price none{record, {.kind = tick_kind::reference_price}, table};
  CHECK_FALSE(none.price());
  record.price = 0;
  const reference_price zero{
      record, {.kind = tick_kind::reference_price, .flags = reference_price::has_price_flag}, table};
  CHECK(zero.price() == decimal{});
}
