// tests/feed/continuity_test.cpp: holes in the venue's numbering, and ticks that come twice or too late.
#include <foxtrot/feed/continuity.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>

namespace {

using namespace foxtrot;

/// Verdicts in words: "ok", "again", "gap 6-8", "new 1-1".
struct scene {
  std::string trade(std::uint64_t id, symbol_id symbol = symbol_id{1}) {
    auto& record = payload.emplace<trade_record>();
    record = {};
    record.trade_id = id;
    record.received_ns = now_ns;
    return seen({.kind = tick_kind::trade}, symbol);
  }
  std::string aggregate(std::uint64_t id) {
    auto& record = payload.emplace<aggregate_trade_record>();
    record = {};
    record.aggregate_id = id;
    return seen({.kind = tick_kind::aggregate_trade}, symbol_id{1});
  }
  std::string quote(std::uint64_t id) {
    auto& record = payload.emplace<book_ticker_record>();
    record = {};
    record.update_id = id;
    record.received_ns = now_ns;
    return seen({.kind = tick_kind::book_ticker}, symbol_id{1});
  }
  std::string diff(std::uint64_t first, std::uint64_t last, symbol_id symbol = symbol_id{1}) {
    return depth({.kind = tick_kind::depth_update}, 0, first, last, symbol);
  }
  std::string futures(std::uint64_t previous, std::uint64_t first, std::uint64_t last) {
    return depth({.kind = tick_kind::depth_update, .flags = depth_update::previous_id_flag}, previous, first, last,
                 symbol_id{1});
  }
  std::string book(std::uint64_t last, source how) {
    return depth({.kind = tick_kind::depth_snapshot, .how = how}, 0, 0, last, symbol_id{1});
  }

  continuity ids;
  tick_payload payload;
  std::int64_t now_ns{1'700'000'000'000'000'000};

 private:
  std::string depth(tick_tag tag, std::uint64_t previous, std::uint64_t first, std::uint64_t last, symbol_id symbol) {
    auto& record = payload.emplace<depth_record>();
    record = {};
    record.previous_id = previous;
    record.first_id = first;
    record.last_id = last;
    record.received_ns = now_ns;
    return seen(tag, symbol);
  }
  std::string seen(tick_tag tag, symbol_id symbol) {
    const auto range = [this] { return std::to_string(ids.range().from) + "-" + std::to_string(ids.range().to); };
    switch (ids.follow(tag, symbol, payload)) {
      case id_verdict::in_order: return "ok";
      case id_verdict::repeated: return "again";
      case id_verdict::gap: return "gap " + range();
      case id_verdict::renumbered: return "new " + range();
    }
    return "?";
  }
};

TEST_CASE("continuity: trades count one by one, each symbol for itself") {
  scene s;
  CHECK(s.trade(100) == "ok");
  CHECK(s.trade(101) == "ok");
  CHECK(s.trade(500, symbol_id{2}) == "ok");
  CHECK(s.trade(103) == "gap 102-102");
  CHECK(s.trade(110) == "gap 104-109");
  CHECK(s.trade(111) == "ok");
  CHECK(s.trade(501, symbol_id{2}) == "ok");
  CHECK(s.trade(9, symbol_id{7}) == "ok");
}

TEST_CASE("continuity: aggregate trades have a numbering of their own") {
  scene s;
  CHECK(s.trade(100) == "ok");
  CHECK(s.aggregate(40) == "ok");
  CHECK(s.aggregate(41) == "ok");
  CHECK(s.aggregate(44) == "gap 42-43");
  CHECK(s.aggregate(43) == "again");
  CHECK(s.trade(101) == "ok");
}

TEST_CASE("continuity: a market may count from nothing") {
  scene s;
  CHECK(s.trade(0) == "ok");
  CHECK(s.trade(1) == "ok");
  CHECK(s.trade(2) == "ok");
  CHECK(s.diff(0, 5) == "ok");
  CHECK(s.diff(6, 6) == "ok");
}

TEST_CASE("continuity: what comes again or late is nobody's any more, and hides no hole") {
  scene s;
  CHECK(s.trade(100) == "ok");
  CHECK(s.trade(100) == "again");
  CHECK(s.trade(90) == "again");
  CHECK(s.trade(101) == "ok");
  CHECK(s.trade(103) == "gap 102-102");
  CHECK(s.trade(102) == "again");
  CHECK(s.trade(104) == "ok");
  CHECK(s.diff(1, 10) == "ok");
  CHECK(s.diff(5, 8) == "again");
  CHECK(s.diff(1, 10) == "again");
  CHECK(s.diff(11, 20) == "ok");
  CHECK(s.diff(22, 25) == "gap 21-21");
}

TEST_CASE("continuity: what nobody wanted is no hole") {
  scene s;
  CHECK(s.trade(100) == "ok");
  CHECK(s.aggregate(40) == "ok");
  CHECK(s.diff(1, 10) == "ok");
  s.ids.forget(tick_kind::trade, symbol_id{1});
  s.ids.forget(tick_kind::kline, symbol_id{1});
  s.ids.forget(tick_kind::trade, symbol_id{1'000});
  CHECK(s.trade(200) == "ok");
  CHECK(s.trade(202) == "gap 201-201");
  CHECK(s.aggregate(42) == "gap 41-41");
  s.ids.forget(tick_kind::depth_update, symbol_id{1});
  CHECK(s.diff(50, 60) == "ok");
  CHECK(s.diff(62, 70) == "gap 61-61");
}

TEST_CASE("continuity: spot's updates continue where the one before ended; overlaps are fine") {
  scene s;
  CHECK(s.diff(157, 160) == "ok");
  CHECK(s.diff(161, 161) == "ok");
  CHECK(s.diff(160, 170) == "ok");
  CHECK(s.diff(175, 180) == "gap 171-174");
  CHECK(s.trade(1) == "ok");  // another numbering
  CHECK(s.diff(181, 190) == "ok");
}

TEST_CASE("continuity: the futures name the update before; their own ids have holes by nature") {
  scene s;
  CHECK(s.futures(90, 95, 100) == "ok");
  CHECK(s.futures(100, 130, 140) == "ok");
  CHECK(s.futures(160, 170, 180) == "gap 141-160");
  CHECK(s.futures(180, 181, 190) == "ok");
  CHECK(s.futures(140, 150, 160) == "again");
  CHECK(s.futures(190, 191, 200) == "ok");
}

TEST_CASE("continuity: ids of book tickers grow, by any step; those of REST have none") {
  scene s;
  CHECK(s.quote(10) == "ok");
  CHECK(s.quote(500) == "ok");
  CHECK(s.quote(0) == "ok");
  CHECK(s.quote(500) == "again");
  CHECK(s.quote(499) == "again");
  CHECK(s.quote(501) == "ok");
}

TEST_CASE("continuity: whole books follow nothing") {
  scene s;
  CHECK(s.diff(1, 100) == "ok");
  for (const source how : {source::http, source::websocket}) {
    CHECK(s.book(200, how) == "ok");
    CHECK(s.book(50, how) == "ok");
    CHECK(s.book(50, how) == "ok");
  }
  CHECK(s.diff(101, 110) == "ok");
}

TEST_CASE("continuity: ids that stay low are a new numbering, so that no symbol falls silent") {
  scene s;
  CHECK(s.trade(1'000'000) == "ok");
  std::uint64_t id = 0;
  for (std::uint32_t i = 1; i < continuity::most_repeated; ++i) {
    REQUIRE(s.trade(++id) == "again");
    s.now_ns += 10'000'000;
  }
  CHECK(s.trade(256) == "new 256-256");
  CHECK(s.trade(257) == "ok");
  CHECK(s.trade(260) == "gap 258-259");
  CHECK(s.trade(1'000'000) == "gap 261-999999");
}

TEST_CASE("continuity: a symbol that is hardly traded is not silent for hours after a new numbering") {
  scene s;
  CHECK(s.trade(1'000'000) == "ok");
  std::uint64_t id = 0;
  for (std::uint32_t i = 1; i < continuity::most_repeated_slowly; ++i) {
    CHECK(s.trade(++id) == "again");
    s.now_ns += 60'000'000'000;
  }
  CHECK(s.trade(8) == "new 8-8");
  CHECK(s.trade(9) == "ok");
}

TEST_CASE("continuity: the same for book updates, with all their ids") {
  scene s;
  CHECK(s.diff(1'000'000, 1'000'010) == "ok");
  for (std::uint32_t i = 1; i < continuity::most_repeated; ++i) {
    REQUIRE(s.diff(i * 10, i * 10 + 9) == "again");
    s.now_ns += 10'000'000;
  }
  CHECK(s.diff(2'560, 2'569) == "new 2560-2569");
  CHECK(s.diff(2'570, 2'579) == "ok");
}

TEST_CASE("continuity: a burst from behind, or one that takes turns with what is new, is no new numbering") {
  scene s;
  CHECK(s.trade(10'000) == "ok");
  for (std::uint64_t id = 9'000; id < 10'000; ++id) REQUIRE(s.trade(id) == "again");  // within a moment
  CHECK(s.trade(10'001) == "ok");
  for (std::uint64_t id = 10'002; id < 12'000; ++id) {
    s.now_ns += 10'000'000;
    for (std::uint64_t lag = 200; lag > 0; lag -= 50) REQUIRE(s.trade(id - lag) == "again");
    REQUIRE(s.trade(id) == "ok");
  }
}

TEST_CASE("continuity: what is asked for again and again, and is still the newest, is no new numbering") {
  scene s;
  for (std::uint64_t id = 1; id <= 300; ++id) REQUIRE(s.trade(id) == "ok");
  CHECK(s.quote(70) == "ok");
  for (int poll = 0; poll < 100; ++poll) {  // nothing is traded for minutes
    s.now_ns += 2'000'000'000;
    for (std::uint64_t id = 1; id <= 300; ++id) REQUIRE(s.trade(id) == "again");
    REQUIRE(s.quote(70) == "again");
  }
  CHECK(s.trade(301) == "ok");
  // a venue that counts anew does not send the newest
  for (std::uint64_t id = 1; id <= 300; ++id) REQUIRE(s.trade(id) == "again");
  s.now_ns += 2'000'000'000;
  CHECK(s.trade(1) == "new 1-1");
}

}  // namespace
