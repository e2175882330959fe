#include <foxtrot/market/order_book.hpp>

#include <support/allocation_counter.hpp>
#include <support/captured_depth.hpp>
#include <support/map_book.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace foxtrot;
using foxtrot_test::map_book;
using foxtrot_test::repetitions;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

using side_changes = std::vector<raw_level>;

level_changes changes(const side_changes& bids, const side_changes& asks, int price_exponent = -2,
                      int quantity_exponent = -3) {
  return {bids, asks, price_exponent, quantity_exponent};
}

/// A market that wanders: most changes near the middle, some far out, some levels that were never there removed.
class random_market {
 public:
  void next(side_changes& bids, side_changes& asks) {
    middle_ += static_cast<std::int64_t>(random_() % 5) - 2;
    side(bids, -1);
    side(asks, 1);
  }
  std::uint64_t operator()() { return random_(); }

 private:
  void side(side_changes& made, std::int64_t sign) {
    made.clear();
    for (std::size_t count = random_() % 24; count > 0; --count) {
      const std::int64_t away = static_cast<std::int64_t>(random_() % (random_() % 8 == 0 ? 2'000 : 40));
      const bool removed = random_() % 3 == 0;
      made.push_back({middle_ + sign * away, removed ? 0 : static_cast<std::int64_t>(1 + random_() % 1'000)});
    }
    // a venue's messages are sorted, one way or the other
    if (const auto order = random_() % 3; order < 2) {
      std::ranges::sort(made, {}, &raw_level::price);
      made.erase(std::ranges::unique(made, {}, &raw_level::price).begin(), made.end());
      if (order == 1) std::ranges::reverse(made);
    }
  }

  std::mt19937_64 random_{20240808};
  std::int64_t middle_{6'183'763};
};

}  // namespace

TEST_CASE("order book: changes set, replace and remove levels", "[market]") {
  order_book book;
  CHECK(book.empty());
  CHECK_FALSE(book.best_bid());
  CHECK_FALSE(book.crossed());
  REQUIRE(book.apply(changes({{100, 5}, {98, 7}, {99, 6}}, {{103, 1}, {101, 2}})) == errc::none);
  CHECK(book.best_bid() == price_level{{100, -2}, {5, -3}});
  CHECK(book.best_ask() == price_level{{101, -2}, {2, -3}});
  CHECK(book.size(book_side::bids) == 3);
  REQUIRE(book.apply(changes({{100, 0}, {99, 9}, {50, 0}}, {{101, 0}, {102, 4}})) == errc::none);
  CHECK(book.best_bid() == price_level{{99, -2}, {9, -3}});
  CHECK(book.best_ask() == price_level{{102, -2}, {4, -3}});
  CHECK(book.bids()[1] == price_level{{98, -2}, {7, -3}});
  CHECK(book.top(book_side::asks, 1).size() == 1);
  CHECK(book.top(book_side::asks, 9).size() == 2);
  CHECK(book.asks()[1].price == decimal{103, -2});
  book.clear();
  CHECK(book.empty());
}

TEST_CASE("order book: a snapshot replaces everything, in whatever order it is", "[market]") {
  order_book book;
  REQUIRE(book.apply(changes({{1, 1}}, {{2, 2}}, -5, -5)) == errc::none);
  for (const side_changes& bids : {side_changes{{100, 5}, {99, 6}, {98, 7}}, side_changes{{98, 7}, {99, 6}, {100, 5}},
                                   side_changes{{99, 6}, {98, 7}, {97, 0}, {100, 5}}}) {
    book.assign(changes(bids, {{101, 1}}));
    CHECK(book.price_exponent() == -2);
    REQUIRE(book.size(book_side::bids) == 3);
    CHECK(book.bids().raw()[0] == raw_level{98, 7});
    CHECK(book.bids().raw()[2] == raw_level{100, 5});
  }
}

TEST_CASE("order book: crossed and locked", "[market]") {
  order_book book;
  book.assign(changes({{100, 1}}, {{101, 1}}));
  CHECK_FALSE(book.crossed());
  REQUIRE(book.apply(changes({{101, 1}}, {})) == errc::none);
  CHECK(book.crossed());
  REQUIRE(book.apply(changes({{101, 0}, {102, 1}}, {})) == errc::none);
  CHECK(book.crossed());
  REQUIRE(book.apply(changes({}, {{101, 0}})) == errc::none);
  CHECK_FALSE(book.crossed());
}

TEST_CASE("order book: depth records", "[market]") {
  symbol_table symbols;
  const std::array<raw_level, 3> body{raw_level{100, 5}, {99, 6}, {101, 7}};
  depth_record record{};
  record.bids = 2;
  record.asks = 1;
  record.price_exponent = -1;
  record.quantity_exponent = -4;
  order_book book;
  book.assign(depth_snapshot{record, body, {}, symbols});
  CHECK(book.best_bid() == price_level{{100, -1}, {5, -4}});
  CHECK(book.size(book_side::asks) == 1);
  const std::array<raw_level, 3> later{raw_level{100, 0}, {99, 1}, {101, 8}};
  REQUIRE(book.apply(depth_update{record, later, {}, symbols}) == errc::none);
  CHECK(book.best_bid() == price_level{{99, -1}, {1, -4}});
  CHECK(book.best_ask() == price_level{{101, -1}, {8, -4}});
}

TEST_CASE("order book: a finer number re-scales all others", "[market]") {
  order_book book;
  book.assign(changes({{100, 5}}, {{101, 7}}, 0, 0));
  REQUIRE(book.apply(changes({{9'999, 3}}, {}, -2, -1)) == errc::none);
  CHECK(book.price_exponent() == -2);
  CHECK(book.quantity_exponent() == -1);
  CHECK(book.bids().raw()[1] == raw_level{10'000, 50});
  CHECK(book.bids().raw()[0] == raw_level{9'999, 3});
  CHECK(book.asks().raw()[0] == raw_level{10'100, 70});
  // a coarser one is brought to the book's exponents
  REQUIRE(book.apply(changes({{100, 0}}, {{102, 1}}, 0, 0)) == errc::none);
  CHECK(book.best_bid() == price_level{{9'999, -2}, {3, -1}});
  CHECK(book.asks()[1] == price_level{{102, 0}, {1, 0}});
}

TEST_CASE("order book: numbers without a common exponent leave it as it was", "[market]") {
  order_book book;
  book.assign(changes({{100, 5}}, {{most, 7}}, 0, 0));
  CHECK(book.apply(changes({{99, 1}, {1, 3}}, {}, -1, 0)) == errc::number_out_of_range);
  CHECK(book.price_exponent() == 0);
  CHECK(book.size(book_side::bids) == 1);
  CHECK(book.asks().raw()[0] == raw_level{most, 7});
  // zeros at the end are no reason
  REQUIRE(book.apply(changes({{990, 10}}, {}, -1, -1)) == errc::none);
  CHECK(book.price_exponent() == 0);
  CHECK(book.bids()[1] == price_level{{99, 0}, {1, 0}});
  CHECK(book.apply(changes({}, {{most, 1}}, 1, 0)) == errc::number_out_of_range);
  CHECK(book.size(book_side::asks) == 1);
}

TEST_CASE("order book: keeps the best levels only if told so", "[market]") {
  order_book book{{.max_levels = 2}};
  book.assign(changes({{100, 1}, {99, 1}, {98, 1}}, {{101, 1}, {102, 1}, {103, 1}}));
  CHECK(book.size(book_side::bids) == 2);
  CHECK(book.asks()[1].price == decimal{102, -2});
  REQUIRE(book.apply(changes({{97, 1}, {101, 1}}, {})) == errc::none);
  CHECK(book.size(book_side::bids) == 2);
  CHECK(book.bids()[0].price == decimal{101, -2});
  CHECK(book.bids()[1].price == decimal{100, -2});
}

TEST_CASE("order book: millions of random changes give the book that std::map gives", "[market][soak]") {
  random_market market;
  order_book book;
  map_book reference{-2, -3};
  side_changes bids;
  side_changes asks;
  const std::size_t messages = repetitions(200'000);
  for (std::size_t i = 0; i < messages; ++i) {
    market.next(bids, asks);
    level_changes made = changes(bids, asks);
    if (i % 50'000 == 40'000) {
      for (side_changes* side : {&bids, &asks}) {  // a snapshot has each price once
        std::ranges::sort(*side, {}, &raw_level::price);
        side->erase(std::ranges::unique(*side, {}, &raw_level::price).begin(), side->end());
      }
      made = changes(bids, asks);
      book.assign(made);
      reference.assign(made);
    } else {
      REQUIRE(book.apply(made) == errc::none);
      reference.apply(made);
    }
    if (!reference.same_top_as(book)) FAIL("after message " << i);
    if (i % 500 == 0 && !reference.same_as(book)) FAIL("after message " << i);
  }
  CHECK(reference.same_as(book));
}

TEST_CASE("order book: random exponents and a cap change nothing but what they say", "[market]") {
  random_market market;
  order_book book;
  order_book capped{{.max_levels = 20}};
  map_book reference{-6, -6};
  map_book shortened{-6, -6};
  side_changes bids;
  side_changes asks;
  for (std::size_t i = 0; i < repetitions(20'000); ++i) {
    market.next(bids, asks);
    const int price = -static_cast<int>(market() % 5);
    const int quantity = -static_cast<int>(market() % 5);
    REQUIRE(book.apply(changes(bids, asks, price, quantity)) == errc::none);
    REQUIRE(capped.apply(changes(bids, asks, price, quantity)) == errc::none);
    for (side_changes* side : {&bids, &asks}) {
      for (raw_level& level : *side) {
        level = {*decimal(level.price, price).mantissa_at(-6), *decimal(level.quantity, quantity).mantissa_at(-6)};
      }
    }
    reference.apply(changes(bids, asks));
    shortened.apply(changes(bids, asks));
    while (shortened.bids.size() > 20) shortened.bids.erase(std::prev(shortened.bids.end()));
    while (shortened.asks.size() > 20) shortened.asks.erase(std::prev(shortened.asks.end()));
    if (!reference.same_top_as(book) || !shortened.same_as(capped)) FAIL("after message " << i);
  }
  CHECK(reference.same_as(book));
}

TEST_CASE("order book: quantities agree with adding up level by level", "[market]") {
  random_market market;
  order_book book;
  map_book reference{-2, -3};
  side_changes bids;
  side_changes asks;
  for (std::size_t i = 0; i < repetitions(4'000); ++i) {
    market.next(bids, asks);
    REQUIRE(book.apply(changes(bids, asks)) == errc::none);
    reference.apply(changes(bids, asks));
    const auto check = [&](book_side side, const auto& levels, auto at_least_as_good) {
      // a price with one more decimal than the book's, now and then one of the book's
      const std::int64_t tenths =
          (6'183'763 + static_cast<std::int64_t>(market() % 200) - 100) * 10 + (i % 2 == 0 ? 0 : 5);
      std::int64_t there = 0;
      std::int64_t depth = 0;
      for (const auto& [price, quantity] : levels) {
        if (price * 10 == tenths) there = quantity;
        if (at_least_as_good(price * 10, tenths)) depth += quantity;
      }
      CHECK(book.quantity_at(side, {tenths, -3}) == decimal{there, -3});
      CHECK(book.depth_to(side, {tenths, -3}) == wide_decimal{depth, -3});

      const auto wanted = static_cast<std::int64_t>(market() % 2'000'000);  // of 10^-4
      int128 left = wanted;
      int128 paid = 0;
      for (const auto& [price, quantity] : levels) {
        const int128 taken = std::min<int128>(left, int128{quantity} * 10);
        paid += price * taken;
        left -= taken;
      }
      const auto cost = book.cost(side, {wanted, -4});
      if (left != 0) {
        CHECK_FALSE(cost);
        CHECK_FALSE(book.vwap(side, {wanted, -4}));
      } else {
        REQUIRE(cost);
        CHECK(*cost == wide_decimal{paid, -6});
        if (wanted != 0) {
          const double average = static_cast<double>(paid) / static_cast<double>(wanted) / 100;
          CHECK(std::abs(book.vwap(side, {wanted, -4}).value() / average - 1) < 1e-14);
        }
      }
    };
    check(book_side::bids, reference.bids, [](std::int64_t a, std::int64_t b) { return a >= b; });
    check(book_side::asks, reference.asks, [](std::int64_t a, std::int64_t b) { return a <= b; });
  }
}

TEST_CASE("order book: costs at the ends", "[market]") {
  order_book book;
  CHECK(book.cost(book_side::bids, {0, 0})->is_zero());
  CHECK_FALSE(book.vwap(book_side::bids, {0, 0}));
  CHECK_FALSE(book.cost(book_side::bids, {1, 0}));
  book.assign(changes({}, {{most, most}, {most - 1, 1}}, 0, 0));
  CHECK_FALSE(book.cost(book_side::asks, {-1, 0}));
  CHECK(book.cost(book_side::asks, {most, 0})->mantissa() == int128{most} * (most - 1) + most - 1);
  CHECK(*book.cost(book_side::asks, {1, -20}) == wide_decimal{most - 1, -20});
  CHECK_FALSE(book.cost(book_side::asks, {1, 25}));
  order_book deep;
  deep.assign(changes({{100, most}}, {}, 0, 0));
  CHECK(*deep.cost(book_side::bids, {1, -20}) == wide_decimal{100, -20});  // what stands there exceeds 128 bits of that
  CHECK(book.depth_to(book_side::asks, {most, 0}) == wide_decimal{int128{most} + 1, 0});
  CHECK(book.vwap(book_side::asks, {1, 0}).value() == static_cast<double>(most - 1));
}

TEST_CASE("order book: allocates nothing once it has its room", "[market]") {
  random_market market;
  order_book book{{.reserve = 4'096}};
  side_changes bids;
  side_changes asks;
  for (std::size_t i = 0; i < 2'000; ++i) {
    market.next(bids, asks);
    const level_changes made = changes(bids, asks);
    const std::size_t before = foxtrot_test::allocations();
    if (i % 100 == 0) book.assign(made);
    const errc failed = book.apply(made);
    const auto cost = book.cost(book_side::asks, {5, -3});
    const std::size_t after = foxtrot_test::allocations();
    REQUIRE(after == before);
    REQUIRE(failed == errc::none);
    REQUIRE((cost || book.size(book_side::asks) == 0));
  }
}

TEST_CASE("order book: recorded diffs give the book that std::map gives, never crossed", "[market][soak]") {
  for (const std::string name :
       {"spot/btcusdt_20240808.txt.gz", "spot/ethusdt_20240808.txt.gz", "usdm/btcusdt_20240808.txt.gz"}) {
    INFO(name);
    const auto messages = foxtrot_test::captured_depth(name);
    if (!messages) return;
    order_book book{{.reserve = 16'384}};
    map_book reference{-8, -8};
    const auto snapshot = std::ranges::find(*messages, 0, &foxtrot_test::depth_message::first);
    REQUIRE(snapshot != messages->end());
    book.assign(snapshot->changes());
    reference.assign(snapshot->changes());
    std::size_t applied = 0;
    for (const auto& message : *messages) {
      if (message.last <= snapshot->last) continue;  // also what came before the snapshot and reaches beyond it
      const std::size_t before = foxtrot_test::allocations();
      const errc failed = book.apply(message.changes());
      REQUIRE(foxtrot_test::allocations() == before);
      REQUIRE(failed == errc::none);
      reference.apply(message.changes());
      ++applied;
      if (!reference.same_top_as(book) || book.crossed()) FAIL("after id " << message.last);
    }
    CHECK(applied > 3'000);
    CHECK(reference.same_as(book));
  }
}
