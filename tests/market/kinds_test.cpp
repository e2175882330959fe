#include <foxtrot/market/kinds.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

using namespace foxtrot;

TEST_CASE("kinds: everything has a name of its own", "[market]") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < tick_kind_count; ++i) names.insert(to_string(static_cast<tick_kind>(i)));
  for (const venue where : {venue::none, venue::binance_spot, venue::binance_usdm, venue::binance_coinm}) {
    names.insert(to_string(where));
  }
  names.insert(to_string(source::websocket));
  names.insert(to_string(source::http));
  CHECK(names.size() == tick_kind_count + 4 + 2);
  CHECK(names.count("?") == 0);
  CHECK(to_string(static_cast<tick_kind>(200)) == "?");
  CHECK(to_string(static_cast<venue>(200)) == "?");
}

TEST_CASE("kinds: sets", "[market]") {
  constexpr kind_set none;
  constexpr kind_set some = tick_kind::trade | tick_kind::book_ticker;
  for (std::size_t i = 0; i < tick_kind_count; ++i) {
    const auto kind = static_cast<tick_kind>(i);
    CHECK_FALSE(none.contains(kind));
    CHECK(kind_set::all().contains(kind) == (kind != tick_kind::unknown_event));
    CHECK(kind_set{kind}.contains(kind));
    CHECK(some.contains(kind) == (kind == tick_kind::trade || kind == tick_kind::book_ticker));
  }
  CHECK((some | tick_kind::trade) == some);
  CHECK((some | kind_set::all()) == kind_set::all());
}

TEST_CASE("kinds: every tag survives its 24 bits", "[market]") {
  for (std::size_t kind = 0; kind < tick_kind_count; ++kind) {
    for (std::uint8_t where = 0; where < 32; ++where) {
      for (const source how : {source::websocket, source::http}) {
        for (const unsigned flags : {0U, 1U, 128U, 255U}) {
          const tick_tag tag{static_cast<tick_kind>(kind), static_cast<venue>(where), how,
                             static_cast<std::uint8_t>(flags)};
          CHECK(tick_tag::unpack(tag.packed()) == tag);
          CHECK(tag.packed().bits < (1U << 24));
        }
      }
    }
  }
}
