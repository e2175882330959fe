// tests/feed/continuity_test.cpp: holes in the numbering of trades and book updates.
#include <foxtrot/feed/continuity.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace {

using namespace foxtrot;
using hole = std::optional<std::pair<std::uint64_t, std::uint64_t>>;

struct scene {
  hole trade(std::uint64_t id, symbol_id symbol = symbol_id{1}) {
    payload.emplace<trade_record>() = {};
    payload.as<trade_record>().trade_id = id;
    return seen({.kind = tick_kind::trade}, symbol);
  }
  hole diff(std::uint64_t first, std::uint64_t last, symbol_id symbol = symbol_id{1}) {
    payload.emplace<depth_record>() = {};
    payload.as<depth_record>().first_id = first;
    payload.as<depth_record>().last_id = last;
    return seen({.kind = tick_kind::depth_update}, symbol);
  }
  hole futures(std::uint64_t previous, std::uint64_t first, std::uint64_t last) {
    payload.emplace<depth_record>() = {};
    payload.as<depth_record>().first_id = first;
    payload.as<depth_record>().last_id = last;
    payload.as<depth_record>().previous_id = previous;
    return seen({.kind = tick_kind::depth_update, .flags = depth_update::previous_id_flag}, symbol_id{1});
  }
  hole other(tick_kind kind, std::uint64_t id) {
    payload.emplace<book_ticker_record>() = {};
    payload.as<book_ticker_record>().update_id = id;
    return seen({.kind = kind}, symbol_id{1});
  }

  continuity ids;
  tick_payload payload;

 private:
  hole seen(tick_tag tag, symbol_id symbol) {
    const auto found = ids.follow(tag, symbol, payload);
    return found ? hole{{found->from, found->to}} : std::nullopt;
  }
};

TEST_CASE("continuity: trades count one by one, each symbol for itself") {
  scene s;
  CHECK_FALSE(s.trade(100));
  CHECK_FALSE(s.trade(101));
  CHECK_FALSE(s.trade(500, symbol_id{2}));
  CHECK(s.trade(103) == hole{{102, 102}});
  CHECK(s.trade(110) == hole{{104, 109}});
  CHECK_FALSE(s.trade(111));
  CHECK_FALSE(s.trade(501, symbol_id{2}));
  CHECK(s.trade(9, symbol_id{7}) == hole{});
}

TEST_CASE("continuity: ids that repeat or go backwards are no gap, and hide none") {
  scene s;
  CHECK_FALSE(s.trade(100));
  CHECK_FALSE(s.trade(100));
  CHECK_FALSE(s.trade(90));
  CHECK_FALSE(s.trade(101));
  CHECK_FALSE(s.diff(1, 10));
  CHECK_FALSE(s.diff(5, 8));
  CHECK_FALSE(s.diff(11, 20));
  CHECK(s.diff(22, 25) == hole{{21, 21}});
}

TEST_CASE("continuity: spot's updates continue where the one before ended; overlaps are fine") {
  scene s;
  CHECK_FALSE(s.diff(157, 160));
  CHECK_FALSE(s.diff(161, 161));
  CHECK_FALSE(s.diff(160, 170));
  CHECK(s.diff(175, 180) == hole{{171, 174}});
  CHECK_FALSE(s.trade(1));  // another numbering
  CHECK_FALSE(s.diff(181, 190));
}

TEST_CASE("continuity: the futures name the update before; their own ids have holes by nature") {
  scene s;
  CHECK_FALSE(s.futures(90, 95, 100));
  CHECK_FALSE(s.futures(100, 130, 140));
  CHECK(s.futures(160, 170, 180) == hole{{141, 160}});
  CHECK_FALSE(s.futures(180, 181, 190));
  CHECK_FALSE(s.futures(140, 150, 160));  // old
  CHECK_FALSE(s.futures(190, 191, 200));
}

TEST_CASE("continuity: other kinds have no numbering to follow") {
  scene s;
  CHECK_FALSE(s.other(tick_kind::book_ticker, 1));
  CHECK_FALSE(s.other(tick_kind::book_ticker, 100));
  CHECK_FALSE(s.other(tick_kind::depth_snapshot, 1));
  CHECK_FALSE(s.other(tick_kind::depth_snapshot, 100));
}

}  // namespace
