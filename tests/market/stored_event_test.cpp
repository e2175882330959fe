#include <foxtrot/market/stored_event.hpp>

#include <support/every_tick.hpp>
#include <support/market_events.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

TEST_CASE("stored_event: what is wide comes along in a wide one, and survives its event", "[market]") {
  for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
    INFO(to_string(kind));
    std::optional<stored_event> narrow;
    std::optional<stored_wide_event> wide;
    std::optional<stored_book_event> book;
    {
      const auto made = foxtrot_test::make_tick(kind, 12, symbol_id{1});
      const event passing{made.line, made.tag.packed(), made.body, no_symbols()};
      narrow = stored_event::of(passing);
      wide = stored_wide_event::of(passing);
      book = stored_book_event::of(passing);
      CHECK(narrow.has_value() == made.body.empty());
    }
    const auto told_of_copy = [](const auto& stored) {
      std::string text;
      stored.visit([](const status&) {},
                   [&]<class Body>(const wide_tick<Body>& each) {
                     std::uint64_t number = 0;
                     std::memcpy(&number, &each.body(), sizeof number);
                     const Body expected = foxtrot_test::body_made_from<Body>(number);
                     if (std::memcmp(&expected, &each.body(), sizeof expected) == 0) text = std::to_string(number);
                   },
                   [&](const depth_tick& each) { text = std::to_string(each.asks()[1].quantity.mantissa() - 2); },
                   [&](const unknown_event& each) { text = each.text(); }, [&](const auto&) { text = "12"; });
      return text;
    };
    const std::string expected = kind == tick_kind::unknown_event ? foxtrot_test::text_made_from(12) : "12";
    REQUIRE(wide);
    REQUIRE(book);
    CHECK(told_of_copy(*wide) == expected);
    CHECK(told_of_copy(*book) == expected);
    if (narrow) CHECK(told_of_copy(*narrow) == expected);
  }
  const auto ticker_made = foxtrot_test::make_tick(tick_kind::ticker, 1, symbol_id{1});
  const event passing{ticker_made.line, ticker_made.tag.packed(), ticker_made.body, no_symbols()};
  CHECK_FALSE(basic_stored_event<units_of<ticker_body> - 1>::of(passing));
}
