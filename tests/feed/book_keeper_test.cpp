// tests/feed/book_keeper_test.cpp: the feed's own books, and what consumers are told of them.
#include <foxtrot/feed/book_keeper.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/feed/publisher.hpp>
#include <support/allocation_counter.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

/// A publisher with a keeper, and a consumer of all. In words: "D1-3", "S3 http", "S7 kept 1+2", "gap 4-5 missing".
struct scene {
  explicit scene(book_rule rule = book_rule::spot, overflow policy = overflow::drop_oldest)
      : ticks{out.subscribe({.when_full = policy}).value()},
        keeper{rule,
               {.fetch = [this](symbol_id which) { asked.emplace_back(symbols.name(which)); },
                .wake_after =
                    [this](std::chrono::nanoseconds wait) {
                      CHECK(wait == 1s);
                      ++woken;
                    }}} {
    keeper.add(btc);
    out.show_books_to(&keeper);
  }

  /// A bid at the price of its last id; with `ask` an ask there.
  void diff(std::uint64_t first, std::uint64_t last, std::int64_t ask = 0) {
    const std::vector<raw_level> bid{{static_cast<std::int64_t>(last), 1}};
    send({.kind = tick_kind::depth_update, .where = venue::binance_spot}, first, last, bid,
         ask != 0 ? std::vector<raw_level>{{ask, 1}} : std::vector<raw_level>{});
  }
  void snapshot(std::uint64_t last, source how = source::http, std::int64_t ask = 1'000'000) {
    send({.kind = tick_kind::depth_snapshot, .where = venue::binance_spot, .how = how}, 0, last,
         {{static_cast<std::int64_t>(last), 5}}, {{ask, 5}});
  }
  void send(tick_tag tag, std::uint64_t first, std::uint64_t last, const std::vector<raw_level>& bids,
            const std::vector<raw_level>& asks) {
    publisher::batch batch{out};
    const auto draft = batch.begin(16);
    std::size_t at = 0;
    for (const auto* side : {&bids, &asks})
      for (const raw_level& level : *side) draft.levels[at++] = level;
    auto& record = draft.payload->emplace<depth_record>();
    record = {};
    record.first_id = first;
    record.last_id = last;
    record.bids = static_cast<std::uint16_t>(bids.size());
    record.asks = static_cast<std::uint16_t>(asks.size());
    record.received_ns = now_ns;
    record.symbol = btc;
    batch.publish(tag, btc, at);
  }
  bool want() {
    publisher::batch batch{out};
    return batch.publish_book(venue::binance_spot, btc);
  }

  strings told() { return told_to(ticks); }
  static strings told_to(subscription& queue) {
    strings all;
    queue.poll(1'000, [&](const event& each) {
      each.visit(
          [&](const status& s) {
            all.emplace_back(s.name());
            if (s.code() != status_code::gap) return;
            CHECK(s.gap_kind() == tick_kind::depth_update);
            CHECK(s.symbol() == "BTC");
            all.back() += " " + std::to_string(s.from()) + "-" + std::to_string(s.to()) + " ";
            all.back() += to_string(s.reason());
          },
          [&](const depth_update& d) {
            all.push_back("D" + std::to_string(d.first_id()) + "-" + std::to_string(d.last_id()));
          },
          [&](const depth_snapshot& d) {
            all.push_back("S" + std::to_string(d.last_id()) + " ");
            all.back() += d.is_kept_book() ? "kept" : to_string(d.source());
            if (d.is_kept_book())
              all.back() += " " + std::to_string(d.bids().size()) + "+" + std::to_string(d.asks().size());
          });
    });
    return all;
  }
  strings asked_for() { return std::exchange(asked, {}); }

  symbol_table symbols;
  const symbol_id btc{symbols.intern("BTC").value()};
  publisher out{symbols};
  subscription ticks;
  strings asked;
  int woken{0};
  book_keeper keeper;
  std::int64_t now_ns{1'700'000'000'000'000'000};
};

TEST_CASE(
    "book keeper: the first update asks for a snapshot; a book that was never told as wrong is not told as right") {
  scene s;
  s.diff(10, 12);
  CHECK(s.asked_for() == strings{"BTC"});
  CHECK(s.keeper.live(s.btc) == nullptr);
  s.diff(13, 20);
  s.snapshot(12);
  REQUIRE(s.keeper.live(s.btc) != nullptr);
  CHECK(s.keeper.live(s.btc)->last_id() == 20);
  CHECK(s.told() == strings{"D10-12", "D13-20", "S12 http"});
  CHECK(s.asked_for().empty());
  CHECK(s.woken == 0);
}

TEST_CASE(
    "book keeper: a hole is told once, before the update behind it; what mends it is followed by resynchronised") {
  for (const overflow policy : {overflow::drop_oldest, overflow::block}) {
    scene s{book_rule::spot, policy};
    s.diff(10, 12);
    s.snapshot(12);
    s.now_ns += 2'000'000'000;
    s.diff(15, 16);
    CHECK(s.asked_for() == strings{"BTC", "BTC"});
    CHECK(s.keeper.live(s.btc) == nullptr);
    s.diff(17, 18);
    auto late = s.out.subscribe({}).value();
    CHECK(scene::told_to(late) == strings{"gap 0-0 missing"});
    s.snapshot(11);  // too old
    s.snapshot(16);
    CHECK(s.told() == strings{"D10-12", "S12 http", "gap 13-14 missing", "D15-16", "D17-18", "S11 http", "S16 http",
                              "resynchronised"});
    CHECK(s.keeper.live(s.btc)->last_id() == 18);
    CHECK(scene::told_to(late).back() == "resynchronised");
    CHECK(s.out.counters().gaps.get() == 1);
  }
}

TEST_CASE("book keeper: a snapshot that is too old is asked for again when its time has come") {
  scene s;
  s.diff(10, 12);
  s.snapshot(5);
  s.snapshot(6);
  s.diff(13, 14);
  CHECK(s.asked_for() == strings{"BTC"});
  CHECK(s.woken == 1);
  s.keeper.on_time();
  CHECK(s.asked_for() == strings{"BTC"});
  s.keeper.on_time();
  CHECK(s.asked_for().empty());
  s.snapshot(9);
  CHECK(s.keeper.live(s.btc) != nullptr);
}

TEST_CASE("book keeper: a crossed book is told before the update that crosses it") {
  for (const overflow policy : {overflow::drop_oldest, overflow::block}) {
    scene s{book_rule::spot, policy};
    s.diff(10, 12);
    s.snapshot(12);
    s.diff(13, 14, 13);  // an ask at 13 under the bid at 14
    CHECK(s.keeper.live(s.btc) == nullptr);
    s.diff(15, 15);
    s.snapshot(15);
    CHECK(s.told() ==
          strings{"D10-12", "S12 http", "gap 13-14 crossed", "D13-14", "D15-15", "S15 http", "resynchronised"});
  }
}

TEST_CASE("book keeper: a snapshot that is crossed is told before it, and another asked for") {
  scene s;
  s.diff(10, 12);
  s.now_ns += 2'000'000'000;
  s.snapshot(12, source::http, 12);
  CHECK(s.asked_for() == strings{"BTC", "BTC"});
  s.snapshot(12);
  CHECK(s.told() == strings{"D10-12", "gap 12-12 crossed", "S12 http", "S12 http", "resynchronised"});
}

TEST_CASE("book keeper: updates that come twice or late reach neither book nor consumer") {
  scene s;
  s.diff(10, 12);
  s.snapshot(12);
  s.diff(13, 14);
  s.diff(13, 14);
  s.diff(10, 12);
  s.diff(15, 16);
  CHECK(s.told() == strings{"D10-12", "S12 http", "D13-14", "D15-16"});
  CHECK(s.out.counters().duplicates.get() == 2);
  CHECK(s.keeper.live(s.btc)->last_id() == 16);
}

TEST_CASE("book keeper: ids that start anew make a new book") {
  scene s;
  s.diff(1'000, 1'002);
  s.snapshot(1'002);
  (void)s.told();
  for (std::uint64_t i = 1; i < 256; ++i) {
    s.now_ns += 100'000'000;
    s.diff(i, i);
  }
  CHECK(s.told().empty());
  s.diff(256, 256);
  CHECK(s.keeper.live(s.btc) == nullptr);
  CHECK(s.asked_for() == strings{"BTC", "BTC"});
  s.diff(257, 257);
  s.snapshot(256);
  CHECK(s.told() == strings{"gap 256-256 renumbered", "D256-256", "D257-257", "S256 http", "resynchronised"});
  CHECK(s.keeper.live(s.btc)->last_id() == 257);
  CHECK(s.out.counters().renumbered.get() == 1);
  CHECK(s.out.counters().duplicates.get() == 255);
}

TEST_CASE("book keeper: the whole book comes when wanted, in its place, at once or when it is right") {
  for (const overflow policy : {overflow::drop_oldest, overflow::block}) {
    scene s{book_rule::spot, policy};
    CHECK(s.want());
    s.diff(10, 12);
    CHECK(s.want());
    s.snapshot(12);
    s.diff(13, 14);
    CHECK(s.want());
    s.diff(17, 18);
    CHECK(s.want());
    s.snapshot(18);
    CHECK(s.told() == strings{"D10-12", "S12 http", "S12 kept 1+1", "D13-14", "S14 kept 2+1", "gap 15-16 missing",
                              "D17-18", "S18 http", "resynchronised", "S18 kept 1+1"});
  }
}

TEST_CASE("book keeper: on a new connection a book is given out once it has been heard of there") {
  scene s;
  s.diff(10, 12);
  s.snapshot(12);
  s.keeper.doubt_all();
  (void)s.told();
  CHECK(s.want());
  CHECK(s.told().empty());
  s.diff(13, 14);
  CHECK(s.told() == strings{"D13-14", "S14 kept 2+1"});
  s.keeper.doubt_all();
  CHECK(s.want());
  s.snapshot(20);
  CHECK(s.told() == strings{"S20 http", "S20 kept 1+1"});
}

TEST_CASE("book keeper: the best levels of a whole book come first") {
  scene s;
  s.diff(10, 12);
  s.snapshot(12);
  s.diff(13, 20, 900'000);
  s.diff(21, 21, 800'000);
  (void)s.told();
  REQUIRE(s.want());
  std::vector<std::int64_t> prices;
  s.ticks.poll(10, [&](const event& each) {
    each.visit([](const status&) {},
               [&](const depth_snapshot& d) {
                 for (const levels& side : {d.bids(), d.asks()})
                   for (const raw_level& level : side.raw()) prices.push_back(level.price);
               });
  });
  CHECK(prices == std::vector<std::int64_t>{21, 20, 12, 800'000, 900'000, 1'000'000});
}

TEST_CASE("book keeper: partial books are whole by themselves") {
  scene s;
  s.diff(10, 12);
  s.snapshot(12, source::websocket);
  CHECK(s.keeper.live(s.btc) == nullptr);
  s.snapshot(12);
  CHECK(s.keeper.live(s.btc) != nullptr);
  s.snapshot(30, source::websocket);
  CHECK(s.keeper.live(s.btc)->last_id() == 12);
}

TEST_CASE("book keeper: what was removed is forgotten, and wanted in vain") {
  scene s;
  s.diff(10, 12);
  s.snapshot(5);
  CHECK(s.told() == strings{"D10-12", "S5 http"});
  s.keeper.remove(s.btc);
  s.keeper.remove(s.btc);
  s.keeper.on_time();
  CHECK(s.asked_for() == strings{"BTC"});
  CHECK_FALSE(s.want());
  s.diff(13, 14);
  s.diff(17, 18);
  CHECK(s.asked_for().empty());
  CHECK(s.told() == strings{"D13-14", "gap 15-16 missing", "D17-18"});
  s.keeper.add(s.btc);
  s.diff(19, 19);
  CHECK(s.asked_for() == strings{"BTC"});
  s.snapshot(19);
  CHECK(s.told().back() == "resynchronised");

  s.out.show_books_to(nullptr);
  CHECK_FALSE(s.want());
  s.diff(22, 23);
  CHECK(s.told() == strings{"gap 20-21 missing", "D22-23"});
}

TEST_CASE("book keeper: a live book follows without allocating") {
  scene s;
  s.diff(10, 12);
  s.snapshot(12);
  std::uint64_t id = 13;
  const auto follow = [&] {
    publisher::batch batch{s.out};
    for (int i = 0; i < 100; ++i, ++id) {
      const auto draft = batch.begin(1);
      draft.levels[0] = {12, static_cast<std::int64_t>(id)};
      auto& record = draft.payload->emplace<depth_record>();
      record = {};
      record.first_id = record.last_id = id;
      record.bids = 1;
      record.symbol = s.btc;
      batch.publish({.kind = tick_kind::depth_update}, s.btc, 1);
    }
  };
  follow();
  const std::size_t before = foxtrot_test::allocations();
  follow();
  CHECK(foxtrot_test::allocations() == before);
  CHECK(s.keeper.live(s.btc)->last_id() == 212);
}

}  // namespace
