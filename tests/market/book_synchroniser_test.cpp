#include <foxtrot/market/book_synchroniser.hpp>

#include <support/allocation_counter.hpp>
#include <support/captured_depth.hpp>
#include <support/map_book.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::depth_message;
using foxtrot_test::map_book;
using foxtrot_test::repetitions;

namespace {

using outcome = book_action::outcome;

book_loss gap(std::uint64_t from, std::uint64_t to) { return {gap_reason::missing, from, to}; }

/// A synchroniser with a clock that each input moves on; diffs set the bid at price `first id` to quantity `last id`.
struct fixture {
  explicit fixture(book_rule rule = book_rule::spot, book_synchroniser_settings settings = {})
      : sync{[&] {
          settings.rule = rule;
          return settings;
        }()} {}

  book_action diff(std::uint64_t first, std::uint64_t last, std::optional<std::uint64_t> previous = {}) {
    now += 1s;
    const std::array<raw_level, 1> bid{raw_level{static_cast<std::int64_t>(first), static_cast<std::int64_t>(last)}};
    return sync.on_diff({first, last, previous, {bid, {}, 0, 0}}, now);
  }
  book_action snapshot(std::uint64_t last) {
    now += 1s;
    const std::array<raw_level, 1> ask{raw_level{1'000'000, static_cast<std::int64_t>(last)}};
    return sync.on_snapshot(last, {{}, ask, 0, 0}, now);
  }
  [[nodiscard]] std::size_t bids() const { return sync.book().size(book_side::bids); }
  [[nodiscard]] bool has(std::int64_t first) const {
    return !sync.book().quantity_at(book_side::bids, {first, 0}).is_zero();
  }

  book_synchroniser sync;
  std::chrono::nanoseconds now{0};
};

}  // namespace

TEST_CASE("book synchroniser: spot, from the first diff to a live book", "[market]") {
  fixture on;
  CHECK(on.sync.state() == book_state::waiting);
  const auto first = on.diff(10, 12);
  CHECK(first.request_snapshot);
  CHECK(first.input == outcome::buffered);
  CHECK_FALSE(first.lost);
  CHECK(on.sync.state() == book_state::buffering);
  CHECK_FALSE(on.diff(13, 13).request_snapshot);
  CHECK_FALSE(on.diff(14, 20).request_snapshot);
  CHECK(on.sync.buffered() == 3);
  const auto joined = on.snapshot(13);
  CHECK(joined.resynchronised);
  CHECK(joined.input == outcome::applied);
  CHECK_FALSE(joined.request_snapshot);
  CHECK(on.sync.state() == book_state::live);
  CHECK(on.sync.last_id() == 20);
  CHECK(on.sync.buffered() == 0);
  CHECK(on.bids() == 1);  // u <= lastUpdateId was dropped
  CHECK(on.has(14));
  const auto next = on.diff(21, 22);
  CHECK(next.input == outcome::applied);
  CHECK_FALSE(next.resynchronised);
  CHECK(on.sync.last_id() == 22);
}

TEST_CASE("book synchroniser: spot, a snapshot in the middle of a diff", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  (void)on.diff(21, 30);
  CHECK(on.snapshot(15).resynchronised);
  CHECK(on.bids() == 2);
  CHECK(on.sync.last_id() == 30);
}

TEST_CASE("book synchroniser: spot, a snapshot that ends where the last buffered diff does", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  (void)on.diff(21, 30);
  CHECK(on.snapshot(30).resynchronised);  // all are dropped; the next one has U = lastUpdateId + 1
  CHECK(on.bids() == 0);
  CHECK(on.diff(31, 31).input == outcome::applied);
  CHECK(on.sync.last_id() == 31);
}

TEST_CASE("book synchroniser: spot, a snapshot right before the first diff", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  CHECK(on.snapshot(9).resynchronised);  // U <= lastUpdateId + 1
  CHECK(on.sync.last_id() == 20);
}

TEST_CASE("book synchroniser: a snapshot older than the first diff is fetched again", "[market]") {
  for (const book_rule rule : {book_rule::spot, book_rule::futures}) {
    fixture on{rule};
    (void)on.diff(10, 20, 9);
    const auto old = on.snapshot(8);
    CHECK(old.input == outcome::dropped);
    CHECK(old.request_snapshot);
    CHECK_FALSE(old.resynchronised);
    CHECK_FALSE(old.lost);
    CHECK(on.sync.state() == book_state::buffering);
    CHECK(on.snapshot(12).resynchronised);
  }
}

TEST_CASE("book synchroniser: a snapshot ahead of the stream", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  CHECK(on.snapshot(35).resynchronised);
  CHECK(on.diff(21, 30).input == outcome::dropped);
  CHECK(on.diff(31, 35).input == outcome::dropped);
  CHECK(on.sync.state() == book_state::live);
  CHECK(on.diff(36, 36).input == outcome::applied);

  fixture across;
  (void)across.diff(10, 20);
  CHECK(across.snapshot(35).resynchronised);
  CHECK(across.diff(31, 40).input == outcome::applied);  // 21 to 30 never came, nor are they needed
  CHECK(across.sync.last_id() == 40);
}

TEST_CASE("book synchroniser: a snapshot before any diff", "[market]") {
  fixture fits;
  CHECK(fits.snapshot(15).input == outcome::buffered);
  CHECK(fits.sync.state() == book_state::waiting);
  const auto joined = fits.diff(10, 20);
  CHECK(joined.resynchronised);
  CHECK_FALSE(joined.request_snapshot);
  CHECK(fits.sync.last_id() == 20);

  fixture adjacent;
  (void)adjacent.snapshot(9);
  CHECK(adjacent.diff(10, 20).resynchronised);

  fixture ahead;
  (void)ahead.snapshot(25);
  CHECK(ahead.diff(10, 20).resynchronised);
  CHECK(ahead.sync.last_id() == 25);
  CHECK(ahead.diff(21, 25).input == outcome::dropped);
  CHECK(ahead.diff(26, 27).input == outcome::applied);

  fixture old;
  (void)old.snapshot(8);
  const auto refused = old.diff(10, 20);
  CHECK(refused.request_snapshot);
  CHECK(refused.input == outcome::buffered);
  CHECK_FALSE(refused.lost);
  CHECK(old.snapshot(9).resynchronised);
}

TEST_CASE("book synchroniser: a gap breaks the book until a snapshot comes", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  (void)on.snapshot(15);
  const auto torn = on.diff(24, 30);
  REQUIRE(torn.lost);
  CHECK(*torn.lost == gap(21, 23));
  CHECK(torn.request_snapshot);
  CHECK(torn.input == outcome::buffered);
  CHECK(on.sync.state() == book_state::broken);
  CHECK_FALSE(on.diff(31, 40).lost);
  CHECK_FALSE(on.snapshot(22).resynchronised);  // before the hole's end
  CHECK(on.sync.state() == book_state::broken);
  CHECK(on.snapshot(23).resynchronised);
  CHECK(on.sync.state() == book_state::live);
  CHECK(on.sync.last_id() == 40);
  CHECK(on.bids() == 2);
}

TEST_CASE("book synchroniser: a gap among buffered diffs is reported, and what was before it useless", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  const auto torn = on.diff(25, 30);
  REQUIRE(torn.lost);
  CHECK(*torn.lost == gap(21, 24));
  CHECK(on.sync.state() == book_state::buffering);
  CHECK(on.sync.buffered() == 1);
  CHECK_FALSE(on.snapshot(15).resynchronised);
  CHECK(on.snapshot(24).resynchronised);
  CHECK(on.bids() == 1);
}

TEST_CASE("book synchroniser: diffs that come again or late are dropped", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  CHECK(on.diff(10, 20).input == outcome::dropped);
  CHECK(on.diff(5, 9).input == outcome::dropped);
  (void)on.snapshot(15);
  CHECK(on.diff(10, 20).input == outcome::dropped);
  CHECK(on.diff(21, 30).input == outcome::applied);
  CHECK(on.diff(21, 30).input == outcome::dropped);
  CHECK(on.diff(25, 35).input == outcome::applied);  // another line cuts the stream elsewhere
  CHECK(on.sync.last_id() == 35);
  CHECK(on.sync.state() == book_state::live);
}

TEST_CASE("book synchroniser: snapshots of before change nothing while live", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  (void)on.snapshot(15);
  for (const std::uint64_t id : {5U, 18U, 20U}) {
    const auto late = on.snapshot(id);
    CHECK(late.input == outcome::dropped);
    CHECK_FALSE(late.lost);
  }
  CHECK(on.sync.last_id() == 20);
  CHECK(on.bids() == 1);
}

TEST_CASE("book synchroniser: a newer snapshot takes a live book's place, with or without a hole between", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  (void)on.snapshot(15);
  const auto ahead = on.snapshot(35);
  CHECK(ahead.input == outcome::applied);
  CHECK_FALSE(ahead.resynchronised);  // it never was wrong
  CHECK_FALSE(ahead.request_snapshot);
  CHECK_FALSE(ahead.lost);
  CHECK(on.sync.state() == book_state::live);
  CHECK(on.sync.last_id() == 35);
  CHECK(on.bids() == 0);
  CHECK(on.diff(21, 30).input == outcome::dropped);
  CHECK(on.diff(33, 40).input == outcome::applied);  // 31 and 32 never came, nor are they needed
  CHECK(on.sync.last_id() == 40);
}

TEST_CASE("book synchroniser: a newer snapshot that is crossed breaks a live book", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  (void)on.snapshot(15);
  const std::array<raw_level, 1> level{raw_level{100, 1}};
  const auto torn = on.sync.on_snapshot(30, {level, level, 0, 0}, on.now += 5s);
  REQUIRE(torn.lost);
  CHECK(*torn.lost == book_loss{gap_reason::crossed, 30, 30});
  CHECK(torn.request_snapshot);
  CHECK(on.sync.state() == book_state::broken);
  CHECK(on.diff(21, 40).input == outcome::buffered);
  CHECK(on.snapshot(40).resynchronised);
  CHECK(on.sync.last_id() == 40);
}

TEST_CASE("book synchroniser: with a time-out of 0 a request is waited for", "[market]") {
  fixture on{book_rule::spot, {.request_timeout = 0s}};
  CHECK(on.diff(10, 20).request_snapshot);
  on.now += 48h;
  CHECK_FALSE(on.diff(21, 30).request_snapshot);
  CHECK_FALSE(on.sync.due());
  CHECK_FALSE(on.sync.on_time(on.now).request_snapshot);
  CHECK(on.snapshot(5).request_snapshot);  // too old
  CHECK_FALSE(on.sync.on_snapshot(5, {}, on.now).request_snapshot);
  CHECK(on.sync.due() == on.now + 1s);
  CHECK(on.sync.on_time(on.now + 1s).request_snapshot);
}

TEST_CASE("book synchroniser: futures name the diff before", "[market]") {
  fixture on{book_rule::futures};
  (void)on.diff(12, 20, 9);
  (void)on.diff(25, 30, 20);  // U is not the previous u + 1
  (void)on.diff(31, 40, 30);
  CHECK(on.sync.buffered() == 3);
  CHECK(on.snapshot(27).resynchronised);
  CHECK(on.bids() == 2);  // u < lastUpdateId was dropped
  CHECK(on.sync.last_id() == 40);
  CHECK(on.diff(47, 50, 40).input == outcome::applied);
  CHECK(on.diff(47, 50, 40).input == outcome::dropped);
  const auto torn = on.diff(61, 70, 55);
  REQUIRE(torn.lost);
  CHECK(*torn.lost == gap(51, 55));
  CHECK(on.sync.state() == book_state::broken);
}

TEST_CASE("book synchroniser: futures, a snapshot that ends where a diff does", "[market]") {
  fixture on{book_rule::futures};
  (void)on.diff(12, 20, 9);
  (void)on.diff(25, 30, 20);
  CHECK(on.snapshot(20).resynchronised);
  CHECK(on.has(12));  // U <= lastUpdateId <= u: applied again, which does no harm
  CHECK(on.has(25));
  CHECK(on.diff(35, 40, 30).input == outcome::applied);

  // nothing else has come yet: the diff that ends there counts, the next one follows it
  fixture alone{book_rule::futures};
  (void)alone.diff(12, 20, 9);
  CHECK(alone.snapshot(30).resynchronised);
  CHECK(alone.diff(25, 30, 20).input == outcome::applied);
  CHECK(alone.diff(25, 30, 20).input == outcome::dropped);
  CHECK(alone.diff(35, 40, 30).input == outcome::applied);

  // that diff never came: pu says that nothing lies between
  fixture without{book_rule::futures};
  (void)without.diff(25, 30, 20);
  CHECK(without.snapshot(20).resynchronised);
  CHECK(without.sync.last_id() == 30);
}

TEST_CASE("book synchroniser: a crossed book is lost", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  (void)on.snapshot(15);
  const std::array<raw_level, 1> bid{raw_level{1'000'000, 1}};
  const auto crossed = on.sync.on_diff({21, 22, {}, {bid, {}, 0, 0}}, on.now += 1s);
  REQUIRE(crossed.lost);
  CHECK(*crossed.lost == book_loss{gap_reason::crossed, 21, 22});
  CHECK(crossed.request_snapshot);
  CHECK(on.sync.state() == book_state::broken);
  CHECK_FALSE(on.snapshot(21).resynchronised);  // would be crossed again
  CHECK(on.snapshot(22).resynchronised);
  CHECK(on.diff(23, 23).input == outcome::applied);
}

TEST_CASE("book synchroniser: a crossed or unusable snapshot is fetched again", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  const std::array<raw_level, 1> both{raw_level{7, 1}};
  const auto crossed = on.sync.on_snapshot(15, {both, both, 0, 0}, on.now += 1s);
  REQUIRE(crossed.lost);
  CHECK(*crossed.lost == book_loss{gap_reason::crossed, 15, 15});
  CHECK(crossed.request_snapshot);
  CHECK(on.sync.state() == book_state::buffering);

  const std::array<raw_level, 1> finest{raw_level{1, 1}};
  const auto unusable = on.sync.on_snapshot(15, {finest, {}, -100, 0}, on.now += 1s);
  REQUIRE(unusable.lost);
  CHECK(*unusable.lost == book_loss{gap_reason::unusable, 10, 20});
  CHECK(unusable.request_snapshot);
  CHECK(on.snapshot(15).resynchronised);
  CHECK(on.sync.last_id() == 20);
}

TEST_CASE("book synchroniser: requests keep their distance and are made again", "[market]") {
  book_synchroniser sync{{.request_interval = 2s, .request_timeout = 10s}};
  const auto diff = [&](std::uint64_t id, std::chrono::nanoseconds now) {
    return sync.on_diff({id, id, {}, {}}, now).request_snapshot;
  };
  CHECK_FALSE(sync.due());
  CHECK_FALSE(sync.on_time(0s).request_snapshot);
  CHECK(diff(10, 0s));
  CHECK(sync.due() == 10s);
  CHECK_FALSE(diff(11, 9s));
  CHECK_FALSE(sync.on_time(9s).request_snapshot);
  CHECK(sync.on_time(10s).request_snapshot);                   // no answer
  CHECK_FALSE(sync.on_snapshot(1, {}, 11s).request_snapshot);  // too old, too soon
  CHECK(sync.due() == 12s);
  CHECK_FALSE(diff(12, 11s));
  CHECK(diff(13, 12s));
  CHECK_FALSE(sync.on_snapshot_failed(12s).request_snapshot);
  CHECK(sync.on_time(14s).request_snapshot);
  CHECK(sync.on_snapshot(13, {}, 15s).resynchronised);
  CHECK_FALSE(sync.due());
  CHECK_FALSE(sync.on_time(99s).request_snapshot);
}

TEST_CASE("book synchroniser: a full buffer lets the oldest go", "[market]") {
  fixture few{book_rule::spot, {.max_diffs = 3}};
  for (std::uint64_t id = 10; id < 20; ++id) CHECK(few.diff(id, id).input == outcome::buffered);
  CHECK(few.sync.buffered() == 3);
  CHECK_FALSE(few.snapshot(15).resynchronised);  // 16 is gone
  CHECK(few.snapshot(16).resynchronised);
  CHECK(few.bids() == 3);

  fixture small{book_rule::spot, {.max_levels = 2}};
  for (std::uint64_t id = 10; id < 20; ++id) (void)small.diff(id, id);
  CHECK(small.sync.buffered() == 2);
  const std::vector<raw_level> many(3, raw_level{5, 5});
  (void)small.sync.on_diff({20, 20, {}, {many, {}, 0, 0}}, small.now);
  CHECK(small.sync.buffered() == 0);  // larger than the buffer
  CHECK_FALSE(small.diff(21, 21).lost);
  CHECK_FALSE(small.snapshot(19).resynchronised);
  CHECK(small.snapshot(20).resynchronised);
  CHECK(small.sync.last_id() == 21);
}

TEST_CASE("book synchroniser: a venue that numbers anew is noticed", "[market]") {
  fixture on{book_rule::spot, {.max_stale = 5}};
  (void)on.diff(1'000, 1'000);
  (void)on.snapshot(1'000);
  (void)on.diff(1'001, 1'001);
  for (std::uint64_t id = 1; id < 5; ++id) CHECK_FALSE(on.diff(id, id).lost);
  const auto noticed = on.diff(5, 5);
  REQUIRE(noticed.lost);
  CHECK(*noticed.lost == book_loss{gap_reason::renumbered, 5, 5});
  CHECK(noticed.request_snapshot);
  CHECK(on.sync.state() == book_state::broken);
  CHECK(on.diff(6, 6).input == outcome::buffered);
  CHECK(on.snapshot(5).resynchronised);
  CHECK(on.sync.last_id() == 6);
}

TEST_CASE("book synchroniser: reset forgets everything", "[market]") {
  fixture on;
  (void)on.diff(10, 20);
  (void)on.snapshot(15);
  on.sync.reset();
  CHECK(on.sync.state() == book_state::waiting);
  CHECK(on.sync.book().empty());
  CHECK(on.diff(1, 2).request_snapshot);
  CHECK(on.snapshot(1).resynchronised);
}

TEST_CASE("book synchroniser: depth records", "[market]") {
  symbol_table symbols;
  const std::array<raw_level, 2> body{raw_level{100, 5}, {101, 7}};
  depth_record record{};
  record.first_id = 10;
  record.last_id = 12;
  record.previous_id = 5;
  record.bids = 1;
  record.asks = 1;
  book_synchroniser sync{{.rule = book_rule::futures}};
  tick_tag tag;
  tag.flags = depth_update::previous_id_flag;
  CHECK(sync.on_diff(depth_update{record, body, tag, symbols}, 0s).request_snapshot);
  record.last_id = 5;
  CHECK(sync.on_snapshot(depth_snapshot{record, body, {}, symbols}, 1s).resynchronised);
  CHECK(sync.last_id() == 12);
  CHECK(sync.book().best_ask() == price_level{{101, 0}, {7, 0}});
}

namespace {

/// A venue whose book changes one level with every id, and cuts its diffs where it likes. Futures skip ids.
class venue {
 public:
  explicit venue(book_rule rule, std::uint64_t seed) : rule_{rule}, random_{seed} {}

  depth_message next_diff() {
    depth_message diff;
    diff.previous = last_;
    if (rule_ == book_rule::futures) id_ += random_() % 3;
    diff.first = id_ + 1;
    for (std::size_t count = 1 + random_() % 6; count > 0; --count) change(diff);
    diff.last = last_ = id_;
    if (rule_ == book_rule::spot) diff.previous.reset();
    return diff;
  }
  /// The book after any id so far.
  map_book book_at(std::uint64_t id) {
    map_book made;
    for (const auto& [at, bid, level] : history_) {
      if (at > id) break;
      if (bid) {
        map_book::set(made.bids, level);
      } else {
        map_book::set(made.asks, level);
      }
    }
    return made;
  }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  std::uint64_t operator()() { return random_(); }

  /// Moves a book on to that id.
  void advance(map_book& book, std::size_t& position, std::uint64_t id) const {
    for (; position < history_.size() && history_[position].id <= id; ++position) {
      if (history_[position].bid) {
        map_book::set(book.bids, history_[position].level);
      } else {
        map_book::set(book.asks, history_[position].level);
      }
    }
  }

 private:
  struct one_change {
    std::uint64_t id;
    bool bid;
    raw_level level;
  };

  void change(depth_message& diff) {
    const bool bid = random_() % 2 == 0;
    const auto away = static_cast<std::int64_t>(random_() % 30);
    const raw_level level{bid ? 1'000 - away : 1'001 + away, static_cast<std::int64_t>(random_() % 3)};
    history_.push_back({++id_, bid, level});
    auto& side = bid ? diff.bids : diff.asks;
    std::erase_if(side, [&](const raw_level& each) { return each.price == level.price; });
    side.push_back(level);
  }

  book_rule rule_;
  std::mt19937_64 random_;
  std::vector<one_change> history_;
  std::uint64_t id_{1'000};
  std::uint64_t last_{1'000};
};

struct snapshot_message {
  std::uint64_t last;
  std::vector<raw_level> bids;
  std::vector<raw_level> asks;
};

snapshot_message snapshot_of(const map_book& book, std::uint64_t id) {
  return {id, map_book::best(book.bids, 1'000), map_book::best(book.asks, 1'000)};
}

struct trouble {
  unsigned lost;       // of 1,000 diffs
  unsigned doubled;    // likewise
  unsigned swapped;    // likewise
  unsigned unasked;    // snapshots, likewise
  std::size_t lag;     // messages that a diff may be late
  std::size_t answer;  // messages that a snapshot may take
};

struct tally {
  std::size_t live{0};
  std::size_t resynchronised{0};
  std::size_t gaps{0};
  std::size_t holes{0};
};

/// Runs a venue's stream through the synchroniser and compares with std::map after every input.
tally run(book_rule rule, const trouble& with, std::uint64_t seed, std::size_t messages) {
  venue source{rule, seed};
  book_synchroniser sync{{.rule = rule, .max_diffs = 50, .request_interval = 3ns, .request_timeout = 40ns}};
  tally seen;
  std::deque<depth_message> on_the_way;
  std::deque<std::pair<std::size_t, snapshot_message>> answers;  // due at that message
  map_book reference;
  std::size_t position = 0;
  std::uint64_t reference_id = 0;
  std::uint64_t delivered = 0;
  bool was_live = false;
  std::size_t at = 0;
  const auto now = [&] { return std::chrono::nanoseconds{at}; };
  const auto take = [&](std::size_t due) {
    // not always of the venue's last change
    const std::uint64_t id = source.id() - std::min<std::uint64_t>(source() % 8, source.id() - 1'000);
    answers.emplace_back(due, snapshot_of(source.book_at(id), id));
  };
  std::optional<std::size_t> requested_at;
  const auto check = [&](const book_action& action) {
    if (action.request_snapshot) {
      if (requested_at && at - *requested_at < 3) FAIL("asks too often");
      requested_at = at;
      take(at + source() % with.answer);
    }
    // nothing is waited for in vain
    if (sync.due().has_value() != (sync.state() == book_state::buffering || sync.state() == book_state::broken)) {
      FAIL("message " << at << ": nobody will ask for a snapshot, or in vain");
    }
    if (action.lost && action.lost->fault != gap_reason::missing)
      FAIL("fault " << static_cast<int>(action.lost->fault));
    if (action.lost) ++seen.gaps;
    const bool live = sync.state() == book_state::live;
    // consumers know: every way out of live is a loss, every way into it told
    if (was_live && !live && !action.lost) FAIL("lost without a word");
    if (live && !was_live && !action.resynchronised) FAIL("live without a word");
    if (action.resynchronised) ++seen.resynchronised;
    was_live = live;
    if (!live) return;
    ++seen.live;
    if (sync.last_id() < reference_id) FAIL("went back");
    reference_id = sync.last_id();
    source.advance(reference, position, reference_id);
    if (!reference.same_as(sync.book())) FAIL("seed " << seed << ", message " << at << ", id " << reference_id);
  };
  const auto deliver = [&](const depth_message& diff) {
    const std::uint64_t before = diff.previous.value_or(diff.first - 1);
    const bool hole =
        delivered != 0 && before > delivered && !(sync.state() == book_state::live && before <= sync.last_id());
    delivered = std::max(delivered, diff.last);
    const auto action = sync.on_diff({diff.first, diff.last, diff.previous, {diff.bids, diff.asks, 0, 0}}, now());
    if (hole) {
      ++seen.holes;
      if (!action.lost) FAIL("a hole without a word, seed " << seed << ", message " << at);
      if (action.lost->to != before) FAIL("another hole");
    } else if (action.lost && with.lost + with.swapped == 0) {
      FAIL("no hole, seed " << seed << ", message " << at);
    }
    check(action);
  };

  for (; at < messages; ++at) {
    on_the_way.push_back(source.next_diff());
    if (source() % 1'000 < with.doubled) on_the_way.push_back(on_the_way.back());
    if (source() % 1'000 < with.lost) on_the_way.pop_back();
    if (on_the_way.size() > 1 && source() % 1'000 < with.swapped)
      std::swap(on_the_way.back(), on_the_way[on_the_way.size() - 2]);
    while (on_the_way.size() > source() % (with.lag + 1)) {
      deliver(on_the_way.front());
      on_the_way.pop_front();
    }
    if (source() % 1'000 < with.unasked) take(at + source() % with.answer);
    for (std::size_t i = 0; i < answers.size();) {
      if (answers[i].first > at) {
        ++i;
        continue;
      }
      const snapshot_message snapshot = answers[i].second;
      answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(i));
      if (source() % 10 == 0) {
        check(sync.on_snapshot_failed(now()));
      } else {
        check(sync.on_snapshot(snapshot.last, {snapshot.bids, snapshot.asks, 0, 0}, now()));
      }
    }
    check(sync.on_time(now()));
  }
  return seen;
}

void torture(book_rule rule, const trouble& with, std::size_t least_resyncs) {
  const std::size_t rounds = repetitions(60);
  tally all;
  for (std::size_t seed = 1; seed <= rounds; ++seed) {
    const tally seen = run(rule, with, seed, 1'000);
    all.live += seen.live;
    all.resynchronised += seen.resynchronised;
    all.holes += seen.holes;
  }
  CHECK(all.live > rounds * 200);
  CHECK(all.resynchronised >= rounds * least_resyncs);
  if (with.lost != 0) CHECK(all.holes > rounds);
}

}  // namespace

TEST_CASE("book synchroniser: an undisturbed stream is live after one snapshot", "[market]") {
  for (const book_rule rule : {book_rule::spot, book_rule::futures}) {
    const tally seen =
        run(rule, {.lost = 0, .doubled = 0, .swapped = 0, .unasked = 0, .lag = 0, .answer = 5}, 1, 2'000);
    CHECK(seen.resynchronised == 1);
    CHECK(seen.gaps == 0);
  }
}

TEST_CASE("book synchroniser: a live book equals std::map's whatever the stream does", "[market][soak]") {
  const auto rule = GENERATE(book_rule::spot, book_rule::futures);
  torture(rule, {.lost = 10, .doubled = 0, .swapped = 0, .unasked = 0, .lag = 0, .answer = 10}, 5);
  torture(rule, {.lost = 0, .doubled = 200, .swapped = 0, .unasked = 0, .lag = 8, .answer = 20}, 1);
  torture(rule, {.lost = 0, .doubled = 0, .swapped = 20, .unasked = 0, .lag = 8, .answer = 10}, 5);
  torture(rule, {.lost = 0, .doubled = 0, .swapped = 0, .unasked = 50, .lag = 20, .answer = 60}, 1);
  torture(rule, {.lost = 10, .doubled = 50, .swapped = 10, .unasked = 20, .lag = 10, .answer = 30}, 3);
}

namespace {

/// The diffs of a capture and a snapshot taken among them.
struct recording {
  std::vector<depth_message> diffs;
  depth_message snapshot;
};

std::optional<recording> recorded(const std::string& name) {
  auto messages = foxtrot_test::captured_depth(name);
  if (!messages) return std::nullopt;
  recording made;
  for (auto& message : *messages) {
    if (message.first == 0) {
      made.snapshot = std::move(message);
    } else {
      made.diffs.push_back(std::move(message));
    }
  }
  return made;
}

book_diff diff_of(const depth_message& message) {
  return {message.first, message.last, message.previous, message.changes()};
}

struct capture {
  const char* name;
  book_rule rule;
};

constexpr capture captures[] = {{"spot/btcusdt_20240808.txt.gz", book_rule::spot},
                                {"spot/ethusdt_20240808.txt.gz", book_rule::spot},
                                {"usdm/btcusdt_20240808.txt.gz", book_rule::futures}};

}  // namespace

TEST_CASE("book synchroniser: recorded diffs have no gap and never cross", "[market][soak]") {
  for (const auto& [name, rule] : captures) {
    INFO(name);
    const auto of = recorded(name);
    if (!of) return;
    // the snapshot comes at once, late, and much later than its time
    for (const std::size_t when : {std::size_t{0}, std::size_t{7}, std::size_t{500}}) {
      book_synchroniser sync{{.rule = rule, .book = {.reserve = 16'384}}};
      map_book reference{-8, -8};
      reference.assign(of->snapshot.changes());
      std::size_t live = 0;
      for (std::size_t i = 0; i < of->diffs.size(); ++i) {
        const depth_message& diff = of->diffs[i];
        const std::size_t before = foxtrot_test::allocations();
        const bool was_live = sync.state() == book_state::live;
        const auto action = sync.on_diff(diff_of(diff), 0s);
        if (was_live) REQUIRE(foxtrot_test::allocations() == before);
        REQUIRE_FALSE(action.lost);
        REQUIRE(action.request_snapshot == (i == 0));
        if (i == when) REQUIRE(sync.on_snapshot(of->snapshot.last, of->snapshot.changes(), 0s).resynchronised);
        if (diff.last > of->snapshot.last) reference.apply(diff.changes());
        if (sync.state() != book_state::live || sync.last_id() != diff.last) continue;
        ++live;
        if (!reference.same_top_as(sync.book()) || sync.book().crossed()) FAIL("after id " << diff.last);
      }
      CHECK(live + when + 10 > of->diffs.size());
      CHECK(reference.same_as(sync.book()));
    }
  }
}

TEST_CASE("book synchroniser: with one diff in a thousand missing every hole is told, and mended", "[market][soak]") {
  for (const auto& [name, rule] : captures) {
    INFO(name);
    const auto of = recorded(name);
    if (!of) return;
    std::mt19937 random{1'000};
    book_synchroniser sync{{.rule = rule, .book = {.reserve = 16'384}}};
    map_book reference{-8, -8};
    reference.assign(of->snapshot.changes());
    std::size_t holes = 0;
    std::size_t told = 0;
    std::size_t mended = 0;
    bool missing = false;
    std::size_t answer_at = 0;
    for (std::size_t i = 0; i < of->diffs.size(); ++i) {
      const depth_message& diff = of->diffs[i];
      if (diff.last > of->snapshot.last) reference.apply(diff.changes());
      const auto answer = [&] {
        const auto bids = map_book::best(reference.bids, reference.bids.size());
        const auto asks = map_book::best(reference.asks, reference.asks.size());
        if (diff.last > of->snapshot.last &&
            sync.on_snapshot(diff.last, {bids, asks, -8, -8}, i * 100ms).resynchronised)
          ++mended;
      };
      if (i > 100 && i + 100 < of->diffs.size() && random() % 1'000 == 0) {
        missing = true;
        continue;
      }
      const auto action = sync.on_diff(diff_of(diff), i * 100ms);
      if (std::exchange(missing, false)) {
        ++holes;
        REQUIRE(action.lost);
        CHECK(action.lost->fault == gap_reason::missing);
        CHECK(action.lost->from == of->diffs[i - 2].last + 1);
        CHECK(action.lost->to == diff.previous.value_or(diff.first - 1));
      } else {
        REQUIRE_FALSE(action.lost);
      }
      if (action.lost) ++told;
      if (action.request_snapshot) answer_at = i + 10 + random() % 20;
      if (i == answer_at) answer();
      if (sync.state() == book_state::live && !reference.same_top_as(sync.book())) FAIL("after id " << diff.last);
    }
    CHECK(holes > 0);
    CHECK(told == holes);
    CHECK(mended >= 1);
    CHECK(mended <= holes + 1);
    CHECK(sync.state() == book_state::live);
    CHECK(reference.same_as(sync.book()));
  }
}
