#include <foxtrot/market/stored_event.hpp>

#include <support/market_events.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>

using namespace foxtrot;
using foxtrot_test::no_symbols;
using foxtrot_test::tag_of;

namespace {

template <class Stored>
std::string told_by(const Stored& stored) {
  std::string text;
  stored.visit([&](const trade& each) { text = "trade " + std::to_string(each.trade_id()); },
               [&](const depth_snapshot& each) {
                 text = "book " + std::to_string(each.bids().size()) + "+" + std::to_string(each.asks().size());
                 for (const auto& level : each.asks().raw()) text += " " + std::to_string(level.price);
               },
               [&](const status& each) { text = each.name(); });
  return text;
}

}  // namespace

TEST_CASE("stored_event: a copy says the same after the event is gone", "[market]") {
  std::optional<stored_event> kept;
  {
    tick_payload line;
    auto& record = line.emplace<trade_record>();
    record = {};
    record.trade_id = 17;
    kept = stored_event::of(event{line, tag_of(tick_kind::trade), {}, no_symbols()});
    record.trade_id = 18;
  }
  REQUIRE(kept);
  CHECK(kept->kind() == tick_kind::trade);
  const stored_event copy = *kept;
  CHECK(told_by(copy) == "trade 17");
}

TEST_CASE("stored_event: nothing stored, nothing visited", "[market]") { CHECK(told_by(stored_event{}).empty()); }

TEST_CASE("stored_event: levels come along where there is room for them", "[market]") {
  tick_payload line;
  auto& record = line.emplace<depth_record>();
  record = {};
  record.bids = 1;
  record.asks = 2;
  std::optional<stored_book_event> kept;
  {
    const std::array<raw_level, 3> body{{{1, 1}, {2, 2}, {3, 3}}};
    const event book{line, tag_of(tick_kind::depth_snapshot), body, no_symbols()};
    CHECK_FALSE(stored_event::of(book));
    CHECK_FALSE(basic_stored_event<2>::of(book));
    CHECK(basic_stored_event<3>::of(book));
    kept = stored_book_event::of(book);
  }
  REQUIRE(kept);
  CHECK(told_by(*kept) == "book 1+2 2 3");
}
