// tests/feed/line_arbiter_test.cpp: whatever two lines lose, delay, double and mix up, a stream comes once and in
// order.
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/book_ticker.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/mini_ticker.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/trade.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using foxtrot::line_id;
using foxtrot::tick_kind;

struct numbered_tick {
  std::uint64_t before;
  std::uint64_t first;
  std::uint64_t last;
};

// A publisher, what came out of it, and a way to put ticks in.
struct feed {
  foxtrot::symbol_table symbols;
  foxtrot::publisher out{symbols};
  foxtrot::symbol_id symbol{*symbols.intern("BTCUSDT")};
  std::vector<numbered_tick> came;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
  foxtrot::inline_subscription listener{*out.subscribe_inline({}, [this](const foxtrot::event& told) { on(told); })};

  void on(const foxtrot::event& told) {
    told.visit(
        [this](const foxtrot::status& s) {
          if (s.code() == foxtrot::status_code::gap) gaps.emplace_back(s.from(), s.to());
        },
        [this](const foxtrot::trade& t) {
          came.push_back({0, t.record().trade_id, t.record().trade_id});
        },
        [this](const foxtrot::book_ticker& t) {
          came.push_back({0, t.record().update_id, t.record().update_id});
        },
        [this](const foxtrot::depth_update& t) {
          came.push_back({t.record().first_id - 1, t.record().first_id, t.record().last_id});
        },
        [this](const foxtrot::mini_ticker&) { came.push_back({}); }, [](const auto&) {});
  }

  void put(line_id from, tick_kind kind, const numbered_tick& what, std::int64_t received_ns = 1) {
    foxtrot::publisher::batch batch{out, from};
    put(batch, kind, what, received_ns);
  }
  void put(foxtrot::publisher::batch& batch, tick_kind kind, const numbered_tick& what,
           std::int64_t received_ns) const {
    const auto draft = batch.begin(2);
    switch (kind) {
      case tick_kind::trade: {
        auto& record = draft.payload->emplace<foxtrot::trade_record>();
        record = {};
        record.trade_id = what.last;
        record.received_ns = received_ns;
        record.symbol = symbol;
        break;
      }
      case tick_kind::book_ticker: {
        auto& record = draft.payload->emplace<foxtrot::book_ticker_record>();
        record = {};
        record.update_id = what.last;
        record.received_ns = received_ns;
        record.symbol = symbol;
        break;
      }
      default: {
        auto& record = draft.payload->emplace<foxtrot::depth_record>();
        record = {};
        record.first_id = what.first;
        record.last_id = what.last;
        record.received_ns = received_ns;
        record.symbol = symbol;
        break;
      }
    }
    batch.publish({.kind = kind}, symbol);
  }
  void trade(line_id from, std::uint64_t id, std::int64_t received_ns = 1) {
    put(from, tick_kind::trade, {id - 1, id, id}, received_ns);
  }
  void quote(line_id from, std::uint64_t id) { put(from, tick_kind::book_ticker, {0, id, id}); }

  [[nodiscard]] std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> all;
    for (const numbered_tick& each : came) all.push_back(each.last);
    return all;
  }
  void pass_rounds(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      out.lines().pass_time();
      out.release_held();
    }
  }
};

using ids = std::vector<std::uint64_t>;

TEST_CASE("line_arbiter: whoever is first is heard") {
  feed f;
  const line_id a = f.out.lines().add_line(true);
  const line_id b = f.out.lines().add_line(false);
  f.trade(a, 1, 1'000);
  f.trade(b, 1, 4'000);
  f.trade(b, 2, 5'000);
  f.trade(b, 3, 6'000);
  f.trade(a, 2, 7'000);
  f.trade(a, 3, 7'000);
  f.trade(a, 4, 8'000);
  CHECK(f.ids() == ids{1, 2, 3, 4});
  CHECK(f.gaps.empty());
  CHECK(f.out.counters().line_duplicates.get() == 3);
  CHECK(f.out.counters().duplicates.get() == 0);
  const foxtrot::line_statistics race = f.out.lines().statistics();
  CHECK(race.wins == ids{1, 2});
  CHECK(race.margins.count() == 3);
  CHECK(race.margins.max() == 3'000);
  CHECK(race.margins.min() == 1'000);
}

TEST_CASE("line_arbiter: what follows a hole waits for the line that can fill it") {
  feed f;
  const line_id a = f.out.lines().add_line(true);
  const line_id b = f.out.lines().add_line(false);
  f.trade(a, 1);
  f.trade(b, 1);
  f.trade(a, 3);
  f.trade(a, 4);
  CHECK(f.ids() == ids{1});
  CHECK(f.out.lines().held() == 2);

  SECTION("it comes") {
    f.trade(b, 2);
    CHECK(f.ids() == ids{1, 2, 3, 4});
    CHECK(f.gaps.empty());
    f.trade(b, 3);
    f.trade(b, 4);
    f.trade(b, 5);
    CHECK(f.ids() == ids{1, 2, 3, 4, 5});
  }
  SECTION("the other lacks it, too: told at once") {
    f.trade(b, 3);
    CHECK(f.ids() == ids{1, 3, 4});
    CHECK(f.gaps == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{2, 2}});
  }
  SECTION("the other is lost") {
    f.out.line_lost(b);
    CHECK(f.ids() == ids{1, 3, 4});
    CHECK(f.gaps.size() == 1);
    f.trade(b, 6);  // on its next connection: it cannot have what is missing now
    f.trade(a, 5);
    CHECK(f.ids() == ids{1, 3, 4, 5, 6});
    CHECK(f.gaps.size() == 1);
  }
  SECTION("the other is removed, and one line is left") {
    f.out.line_lost(b);
    f.out.lines().remove_line(b);
    CHECK_FALSE(f.out.lines().engaged(a));
    CHECK(f.ids() == ids{1, 3, 4});
    CHECK_FALSE(f.out.lines().holds());
  }
  SECTION("it takes too long") {
    f.pass_rounds(foxtrot::line_arbiter::rounds_to_wait - 1);
    CHECK(f.ids() == ids{1});
    f.pass_rounds(1);
    CHECK(f.ids() == ids{1, 3, 4});
    CHECK(f.gaps.size() == 1);
    f.trade(b, 2);  // told as missing: it stays so
    CHECK(f.ids() == ids{1, 3, 4});
  }
  SECTION("the line itself brings it late") {
    f.trade(a, 2);
    CHECK(f.ids() == ids{1, 2, 3, 4});
    CHECK(f.gaps.empty());
  }
  SECTION("it is not wanted any more") {
    f.out.forget_ids(tick_kind::trade, f.symbol);
    CHECK_FALSE(f.out.lines().holds());
    f.trade(a, 9);
    CHECK(f.ids() == ids{1, 9});
    CHECK(f.gaps.empty());
  }
  SECTION("rounds are asked for once") { CHECK(f.out.counters().held_ticks.get() == 2); }
}

TEST_CASE("line_arbiter: a line that is ahead does not make the one behind lose quotes") {
  feed f;
  const line_id a = f.out.lines().add_line(true);
  f.out.lines().confirmed(a, tick_kind::book_ticker, f.symbol);
  f.quote(a, 10);
  f.quote(a, 17);  // alone: not arbitrated
  const line_id b = f.out.lines().add_line(false);
  f.quote(b, 40);  // what a has still under way between 17 and 40 is not known
  f.quote(b, 44);
  CHECK(f.ids() == ids{10, 17});
  f.quote(a, 23);
  f.quote(a, 31);
  CHECK(f.ids() == ids{10, 17, 23, 31});
  f.quote(a, 40);
  CHECK(f.ids() == ids{10, 17, 23, 31, 40, 44});
  f.quote(b, 50);  // from here on each is complete by itself
  f.quote(a, 44);
  f.quote(a, 50);
  f.quote(a, 52);
  CHECK(f.ids() == ids{10, 17, 23, 31, 40, 44, 50, 52});

  SECTION("one that joins anew is behind again, or ahead") {
    f.out.line_lost(b);
    f.quote(b, 60);
    CHECK(f.ids().back() == 52);
    f.quote(a, 58);
    f.quote(a, 61);  // a does not have 60, but has passed it
    CHECK(f.ids() == ids{10, 17, 23, 31, 40, 44, 50, 52, 58, 60, 61});
  }
}

TEST_CASE("line_arbiter: kinds without ids come from the line that leads") {
  feed f;
  const line_id a = f.out.lines().add_line(true);
  const line_id b = f.out.lines().add_line(false);
  const auto put = [&f](line_id from) {
    foxtrot::publisher::batch batch{f.out, from};
    const auto draft = batch.begin(foxtrot::units_of<foxtrot::mini_ticker_body>);
    draft.payload->emplace<foxtrot::wide_record>() =
        foxtrot::make_wide_record<foxtrot::mini_ticker_body>(1, {}, f.symbol);
    batch.publish({.kind = tick_kind::mini_ticker}, f.symbol, foxtrot::units_of<foxtrot::mini_ticker_body>);
  };
  put(a);
  put(b);
  CHECK(f.came.size() == 1);
  f.out.lines().lead(a, false);
  f.out.lines().lead(b, true);
  put(a);
  put(b);
  put(b);
  CHECK(f.came.size() == 3);
}

TEST_CASE("line_arbiter: places are used again") {
  feed f;
  std::vector<line_id> all;
  for (int i = 0; i < 255; ++i) all.push_back(f.out.lines().add_line(false));
  CHECK(f.out.lines().add_line(false) == foxtrot::no_line);
  f.out.lines().remove_line(all[7]);
  CHECK(f.out.lines().add_line(true) == all[7]);
}

TEST_CASE("line_arbiter: a venue that counts anew after both lines were lost is heard again") {
  feed f;
  const line_id lines[2]{f.out.lines().add_line(true), f.out.lines().add_line(false)};
  for (std::uint64_t id = 1'000'000; id < 1'000'010; ++id)
    for (const line_id each : lines) f.trade(each, id);
  for (const line_id each : lines) f.out.line_lost(each);
  f.came.clear();
  std::int64_t ns = 1;
  for (std::uint64_t id = 1; id <= 1'000; ++id)
    for (const line_id each : lines) f.trade(each, id, ns += 10'000'000);
  REQUIRE_FALSE(f.came.empty());
  CHECK(f.came.back().last == 1'000);
  CHECK(f.out.counters().renumbered.get() == 1);
  CHECK(std::ranges::adjacent_find(f.came, [](const auto& x, const auto& y) { return x.last + 1 != y.last; }) ==
        f.came.end());
}

TEST_CASE("line_arbiter: a line that is far behind when the other is lost counts as it did") {
  feed f;
  const line_id a = f.out.lines().add_line(true);
  const line_id b = f.out.lines().add_line(false);
  for (std::uint64_t id = 1; id <= 2'000; ++id) f.trade(a, id);
  f.trade(b, 1);
  f.out.line_lost(a);
  std::int64_t ns = 1;
  for (std::uint64_t id = 2; id <= 2'010; ++id) f.trade(b, id, ns += 10'000'000);
  CHECK(f.came.size() == 2'010);
  CHECK(f.out.counters().renumbered.get() == 0);
}

TEST_CASE("line_arbiter: a line is not waited for with streams that it never had") {
  feed f;
  const line_id a = f.out.lines().add_line(true);
  f.trade(a, 5);  // of an earlier connection of the feed, say
  const line_id b = f.out.lines().add_line(true);
  f.out.lines().confirmed(b, tick_kind::trade, f.symbol);
  f.trade(b, 9);
  CHECK(f.ids() == ids{5, 9});
  CHECK(f.gaps.size() == 1);
}

// --- any accident ---

struct accidents {
  double loss{0};       // on one line or the other, never both
  double loss_both{0};  // on both
  double twice{0};
  double swapped{0};
  double cut{0};  // of one line, while the other lives; for each tick
};

// The ticks that one line carries, connection by connection.
struct carried {
  struct message {
    int at;
    std::optional<numbered_tick> tick;  // nothing: the connection ends here, and the next one begins
  };
  std::deque<message> ticks;
  int read_to{0};
};

struct run_result {
  std::size_t sent{0};
  std::size_t came{0};
  std::size_t gaps{0};
};

run_result run(tick_kind kind, const accidents& what, std::uint64_t seed, int count = 3000) {
  std::mt19937_64 random{seed};
  const auto happens = [&random](double share) { return std::uniform_real_distribution<>{}(random) < share; };
  const auto below = [&random](std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>{0, n - 1}(random);
  };
  std::vector<numbered_tick> sent;
  carried lines[2];
  std::uint64_t id = 100;
  std::uint64_t away = 2;  // this line, for so many ticks
  std::uint64_t away_for = 0;
  int since_both = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t step = kind == tick_kind::trade ? 1 : 1 + below(5);
    const numbered_tick made{id, kind == tick_kind::depth_update ? id + 1 : id + step, id + step};
    id += step;
    sent.push_back(made);
    const bool both = happens(what.loss_both);
    const bool one = i > 60 && happens(what.loss);  // both have spoken
    const std::uint64_t loser = below(2);
    if (away != 2 && away_for-- == 0) away = 2;
    if (away == 2) ++since_both;
    if (since_both > 60 && happens(what.cut)) {  // whoever has come back is whole before the other goes
      since_both = 0;
      away = below(2);
      away_for = below(40);
      lines[away].ticks.push_back({i, std::nullopt});
    }
    for (std::uint64_t l = 0; l < 2; ++l) {
      if (away == l) continue;
      if (both || (one && loser == l)) continue;
      lines[l].ticks.push_back({i, made});
      if (happens(what.twice)) lines[l].ticks.push_back({i, made});
      auto& all = lines[l].ticks;
      if (all.size() > 1 && happens(what.swapped) && all[all.size() - 1].tick && all[all.size() - 2].tick)
        std::swap(all[all.size() - 1].tick, all[all.size() - 2].tick);
    }
  }

  feed f;
  const line_id of[2]{f.out.lines().add_line(true), f.out.lines().add_line(false)};
  // either is behind, but less than losses are apart
  while (!lines[0].ticks.empty() || !lines[1].ticks.empty()) {
    const int ahead = lines[0].read_to - lines[1].read_to;
    const std::uint64_t l = lines[0].ticks.empty()   ? 1
                            : lines[1].ticks.empty() ? 0
                            : ahead > 30             ? 1
                            : ahead < -30            ? 0
                                                     : below(2);
    for (std::uint64_t burst = 1 + below(20); burst > 0 && !lines[l].ticks.empty(); --burst) {
      const auto next = lines[l].ticks.front();
      lines[l].ticks.pop_front();
      lines[l].read_to = next.at;
      if (next.tick) {
        f.put(of[l], kind, *next.tick);
      } else {
        f.out.line_lost(of[l]);
        f.out.lines().confirmed(of[l], kind, f.symbol);
      }
    }
  }
  for (const line_id each : of) {
    f.out.line_lost(each);
    f.out.lines().remove_line(each);
  }
  CHECK_FALSE(f.out.lines().holds());
  CHECK(f.out.lines().held() == 0);

  // once and in order
  CAPTURE(seed);
  REQUIRE_FALSE(f.came.empty());
  CHECK(std::ranges::adjacent_find(f.came, [](const auto& x, const auto& y) { return x.last >= y.last; }) ==
        f.came.end());
  // each tick came, or was told as missing, and never both
  std::set<std::uint64_t> got;
  for (const numbered_tick& each : f.came) got.insert(each.last);
  std::size_t wrong = 0;
  for (const numbered_tick& each : sent) {
    if (each.last < f.came.front().last) continue;
    const bool told = std::ranges::any_of(
        f.gaps, [&each](const auto& gap) { return gap.first <= each.first && each.last <= gap.second; });
    const bool last_missed = each.last > f.came.back().last;  // nothing came after it that could show it
    if (kind != tick_kind::book_ticker && !last_missed && got.contains(each.last) == told) ++wrong;
  }
  CHECK(wrong == 0);
  return {sent.size(), f.came.size(), f.gaps.size()};
}

TEST_CASE("line_arbiter: property: what one line has comes") {
  for (const tick_kind kind : {tick_kind::trade, tick_kind::depth_update, tick_kind::book_ticker}) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      CAPTURE(static_cast<int>(kind));
      // quotes that a line loses without a break cannot be known to be missing
      const accidents what{.loss = kind == tick_kind::book_ticker ? 0.0 : 0.05, .twice = 0.02};
      const run_result all = run(kind, what, seed);
      CHECK(all.gaps == 0);
      CHECK(all.sent - all.came <= 20);  // before both had begun
    }
  }
}

TEST_CASE("line_arbiter: property: the loss of one of two connections is no loss") {
  for (const tick_kind kind : {tick_kind::trade, tick_kind::depth_update, tick_kind::book_ticker}) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      CAPTURE(static_cast<int>(kind));
      const run_result all = run(kind, {.twice = 0.02, .cut = 0.02}, seed);
      CHECK(all.gaps == 0);
      CHECK(all.sent == all.came);
    }
  }
}

TEST_CASE("line_arbiter: property: each tick comes once and in order or is told as missing") {
  for (const tick_kind kind : {tick_kind::trade, tick_kind::depth_update, tick_kind::book_ticker}) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      CAPTURE(static_cast<int>(kind));
      (void)run(kind, {.loss = 0.05, .loss_both = 0.01, .twice = 0.02, .swapped = 0.03, .cut = 0.01}, seed);
    }
  }
}

}  // namespace
