#include <foxtrot/market/event.hpp>

#include <support/every_tick.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

using namespace foxtrot;

namespace {

struct source_of_events {
  symbol_table table;
  tick_payload payload{};
  std::array<raw_level, 2> body{raw_level{1, 2}, {3, 4}};

  event status_event() {
    payload.emplace<status_record>() = make_status(status_code::connected, 1);
    return {payload, tick_tag{.kind = tick_kind::status}.packed(), {}, table};
  }
  event trade_event() {
    trade_record record{};
    record.trade_id = 7;
    payload.emplace<trade_record>() = record;
    return {payload, tick_tag{.kind = tick_kind::trade, .flags = trade::buyer_is_maker_flag}.packed(), {}, table};
  }
  event ticker_event() {
    book_ticker_record record{};
    record.update_id = 8;
    payload.emplace<book_ticker_record>() = record;
    return {payload, tick_tag{.kind = tick_kind::book_ticker}.packed(), {}, table};
  }
  event depth_event(tick_kind kind) {
    depth_record record{};
    record.last_id = 9;
    record.bids = record.asks = 1;
    payload.emplace<depth_record>() = record;
    return {payload, tick_tag{.kind = kind}.packed(), body, table};
  }
};

std::string visited(const event& event) {
  std::string text;
  event.visit([&](const status& s) { text = std::string{"status "} + s.name(); },
              [&](const trade& t) { text = "trade " + std::to_string(t.trade_id()); },
              [&](const book_ticker& t) { text = "ticker " + std::to_string(t.update_id()); },
              [&](const depth_update& d) { text = "update " + std::to_string(d.bids().size()); },
              [&](const depth_snapshot& d) { text = "snapshot " + std::to_string(d.asks()[0].price.mantissa()); });
  return text;
}

}  // namespace

TEST_CASE("event: visit calls the handler of its kind", "[market]") {
  source_of_events make;
  CHECK(visited(make.status_event()) == "status connected");
  CHECK(visited(make.trade_event()) == "trade 7");
  CHECK(visited(make.ticker_event()) == "ticker 8");
  CHECK(visited(make.depth_event(tick_kind::depth_update)) == "update 1");
  CHECK(visited(make.depth_event(tick_kind::depth_snapshot)) == "snapshot 3");
  CHECK(make.trade_event().kind() == tick_kind::trade);
}

TEST_CASE("event: the first handler that fits is called, and only it", "[market]") {
  source_of_events make;
  std::string called;
  const auto by_name = [&](const trade&) { called += "trade"; };
  const auto anything = [&](const auto&) { called += "any"; };
  make.trade_event().visit(by_name, anything);
  CHECK(called == "trade");
  called.clear();
  make.trade_event().visit(anything, by_name);
  CHECK(called == "any");
  called.clear();
  make.status_event().visit(by_name, anything);
  CHECK(called == "any");
  called.clear();
  // a base of both kinds of depth
  const auto depth = [&](const depth_tick&) { called += "depth"; };
  make.depth_event(tick_kind::depth_update).visit(depth, anything);
  make.depth_event(tick_kind::depth_snapshot).visit(depth, anything);
  CHECK(called == "depthdepth");
}

TEST_CASE("event: a kind without a handler is passed over", "[market]") {
  source_of_events make;
  int calls = 0;
  make.trade_event().visit([&](const status&) { ++calls; });
  make.ticker_event().visit([&](const status&) { ++calls; }, [&](const trade&) { ++calls; });
  CHECK(calls == 0);
  make.status_event().visit([&](const status&) { ++calls; });
  CHECK(calls == 1);
}

TEST_CASE("event: a kind that this version does not know is passed over", "[market]") {
  source_of_events make;
  int calls = 0;
  const event unknown{make.payload, line_tag{0xfe}, {}, make.table};
  unknown.visit([&](const auto&) { ++calls; });
  CHECK(calls == 0);
}

TEST_CASE("event: handlers may have state and be called again", "[market]") {
  struct counter {
    int trades{0};
    int statuses{0};
    void operator()(const trade&) { ++trades; }
    void operator()(const status&) { ++statuses; }
  };
  source_of_events make;
  counter count;
  make.trade_event().visit(count);
  make.trade_event().visit(count);
  make.status_event().visit(count);
  CHECK(count.trades == 2);
  CHECK(count.statuses == 1);
}

TEST_CASE("event: what visit hands out may be copied and kept", "[market]") {
  source_of_events make;
  std::optional<trade> kept;
  make.trade_event().visit([&](const trade& t) { kept = t; }, [](const status&) {});
  make.payload = {};
  REQUIRE(kept);
  CHECK(kept->trade_id() == 7);
  CHECK(kept->buyer_is_maker());
}

TEST_CASE("event: itself is a view and cannot be kept", "[market]") {
  static_assert(!std::is_copy_constructible_v<event> && !std::is_copy_assignable_v<event>);
  static_assert(!std::is_move_constructible_v<event> && !std::is_move_assignable_v<event>);
  static_assert(event_handler<void (*)(const event&)>);
  SUCCEED();
}

TEST_CASE("event: every kind is visited as what it is", "[market]") {
  symbol_table table;
  const symbol_id btc = table.intern("BTC").value();
  for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
    INFO(to_string(kind));
    const auto made = foxtrot_test::make_tick(kind, 41, btc);
    const event passing{made.line, made.tag.packed(), made.body, table};
    CHECK(passing.kind() == kind);
    CHECK(foxtrot_test::told_of_any(passing) == foxtrot_test::told_of_made(kind, 41));
    std::string symbol;
    passing.visit([](const status&) {}, [&](const auto& any) { symbol = any.symbol().name(); });
    CHECK(symbol == (kind == tick_kind::unknown_event ? "" : "BTC"));
  }
}
