// tests/feed/gap_repairer_test.cpp: what a stream lacks is fetched, told once, and told as missing where it is not had.
#include <foxtrot/feed/gap_repairer.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/market/subscription.hpp>
#include <support/loop_fixture.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

void publish_trade(publisher::batch& out, tick_kind kind, symbol_id symbol, std::uint64_t id, source how) {
  const auto draft = out.begin();
  if (kind == tick_kind::trade) {
    auto& record = draft.payload->emplace<trade_record>();
    record = {};
    record.trade_id = id;
    record.symbol = symbol;
  } else {
    auto& record = draft.payload->emplace<aggregate_trade_record>();
    record = {};
    record.aggregate_id = id;
    record.symbol = symbol;
  }
  out.publish({.kind = kind, .how = how}, symbol);
}

/// A venue that has had every trade but these, and answers what the test wants.
class archive {
 public:
  explicit archive(timer_queue& timers, symbol_table& symbols) : timers_{timers}, symbols_{symbols} {}

  [[nodiscard]] bool has(tick_kind kind) const { return kind != tick_kind::aggregate_trade || aggregates; }
  [[nodiscard]] std::size_t most_ids() const { return page; }
  [[nodiscard]] venue where() const { return venue::binance_spot; }
  [[nodiscard]] std::uint32_t weight_per_minute() const { return per_minute; }
  [[nodiscard]] repair_request plan(tick_kind kind, std::string_view symbol, std::uint64_t first,
                                    std::size_t count) const {
    std::string target{symbol.substr(0, 3)};
    target += ':' + std::to_string(first) + '+' + std::to_string(count);
    return {kind, std::string{symbol}, first, count, target, weight};
  }
  [[nodiscard]] task<repair_answer> ask(const repair_request& request) {
    asked.emplace_back(timers_.now(), request.target);
    ++under_way;
    const struct leave {
      int& count;
      ~leave() { --count; }
    } always{under_way};
    repair_answer made;
    if (takes > 0s) {
      if (const std::error_code error = co_await timers_.sleep_for(takes)) {
        made.how.error.code = error;
        co_return made;
      }
    }
    if (!failures.empty()) {
      made.how.error = failures.front();
      if (failures.size() > 1 || !for_ever) failures.pop_front();
      co_return made;
    }
    // as the venue does: from that id on, or the latest
    const std::uint64_t first = latest_only ? known_to - std::min<std::uint64_t>(known_to, page) + 1 : request.first;
    const std::uint64_t last = latest_only ? known_to : std::min(known_to, first + request.count - 1);
    for (std::uint64_t id = first; id <= last; ++id)
      if (!lacks.contains(id)) made.body += std::to_string(id) + ' ';
    co_return made;
  }
  [[nodiscard]] errc decode(const repair_request& request, std::string_view body, publisher::batch& out) {
    if (body == "nonsense") return errc::malformed_message;
    const std::string text{body};
    for (std::size_t at = 0; at < text.size(); at = text.find(' ', at) + 1)
      publish_trade(out, request.kind, symbols_.find(request.symbol), std::stoull(text.substr(at)), source::http);
    return errc::none;
  }

  bool aggregates{true};
  bool latest_only{false};
  bool for_ever{false};
  std::size_t page{1'000};
  std::uint32_t weight{1};
  std::uint32_t per_minute{600'000};
  std::uint64_t known_to{1'000'000'000};
  std::set<std::uint64_t> lacks;
  steady_time::duration takes{0};
  std::deque<session_error> failures;
  std::vector<std::pair<steady_time, std::string>> asked;
  int under_way{0};

 private:
  timer_queue& timers_;
  symbol_table& symbols_;
};
static_assert(repair_venue<archive>);

const session_error overloaded{.code = errc::http_server_error, .http_status = 503};

struct scene : foxtrot_test::loop_fixture {
  explicit scene(gap_repair_settings wanted, std::uint32_t per_minute = 600'000) {
    venue.per_minute = per_minute;
    repairer.emplace(timers, out, venue, errors, wanted, log);
    repairer->start();
    running.emplace(start([](gap_repairer<archive>& of) -> task<int> {
      co_await of.run();
      co_return 0;
    }(*repairer)));
    poll();
  }
  explicit scene(gap_repair mode) : scene{gap_repair_settings{.mode = mode}} {}
  scene(const scene&) = delete;
  scene& operator=(const scene&) = delete;
  ~scene() { stop(); }
  void stop() {
    running->cancel();
    poll();
    repairer->end();
  }

  void live(std::initializer_list<std::uint64_t> ids, tick_kind kind = tick_kind::trade, line_id from = no_line) {
    publisher::batch batch{out, from};
    for (const std::uint64_t id : ids) publish_trade(batch, kind, symbol, id, source::websocket);
  }
  void live_range(std::uint64_t from, std::uint64_t to) {
    publisher::batch batch{out};
    for (std::uint64_t id = from; id <= to; ++id) publish_trade(batch, tick_kind::trade, symbol, id, source::websocket);
  }

  /// Told since the last look: "5" live, "f5" filled, "gap 3-4", "filled 3-4".
  std::string told() {
    std::string all;
    for (const std::string& each : std::exchange(events, {})) all += (all.empty() ? "" : " ") + each;
    return all;
  }
  /// Asked since the last look.
  strings asked(bool times = false) {
    strings all;
    for (const auto& [when, target] : std::exchange(venue.asked, {})) {
      const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(when - origin).count();
      all.push_back(times ? target + "@" + std::to_string(since) : target);
    }
    return all;
  }
  void on(const event& told) {
    const auto tick = [this](const auto& t, std::uint64_t id) {
      CHECK(t.is_filled() == (t.source() == source::http));
      events.push_back((t.is_filled() ? "f" : "") + std::to_string(id));
    };
    told.visit(
        [this](const status& s) {
          if (s.code() != status_code::gap && s.code() != status_code::filled) return;
          CHECK(s.symbol().name() == "BTCUSDT");
          events.push_back(s.name() + (" " + std::to_string(s.from())) + "-" + std::to_string(s.to()));
        },
        [&](const trade& t) { tick(t, t.trade_id()); }, [&](const aggregate_trade& t) { tick(t, t.aggregate_id()); });
  }
  [[nodiscard]] std::uint64_t repaired() const { return out.counters().repaired_ticks.get(); }
  [[nodiscard]] std::uint64_t failed() const { return out.counters().failed_repairs.get(); }

  steady_time origin{time.now()};
  symbol_table symbols;
  publisher out{symbols};
  symbol_id symbol{*symbols.intern("BTCUSDT")};
  strings events;
  inline_subscription listener{*out.subscribe_inline({}, [this](const event& told) { on(told); })};
  websocket_error_handler errors{{.rules = {{error_origin::venue, -1199, -1100, error_kind::symbol}}}};
  diagnostics log;
  archive venue{timers, symbols};
  std::optional<gap_repairer<archive>> repairer;
  std::optional<running<int>> running;
};

// --- before the live ones ---

TEST_CASE("gap_repairer: before: what is missing comes in its place, and no gap is told") {
  scene s{gap_repair::before};
  const tick_kind kind = GENERATE(tick_kind::trade, tick_kind::aggregate_trade);
  s.live({1, 2, 5, 6}, kind);
  CHECK(s.told() == "1 2");
  s.live({7}, kind);
  CHECK(s.told().empty());
  s.poll();
  CHECK(s.told() == "f3 f4 5 6 7");
  s.live({8}, kind);
  CHECK(s.told() == "8");
  CHECK(s.asked() == strings{"BTC:3+3"});
  CHECK(s.repaired() == 2);
  CHECK(s.failed() == 0);
  CHECK(s.out.counters().gaps.get() == 0);
  CHECK(s.out.counters().held_ticks.get() == 3);
  CHECK(s.repairer->holes() == 0);
  CHECK_FALSE(s.out.lines().holds());
  s.advance(10s);
  CHECK(s.told().empty());
  CHECK(s.asked().empty());
}

TEST_CASE("gap_repairer: before: what comes too late is told as missing, and never comes") {
  scene s{gap_repair::before};
  s.venue.takes = 3s;
  s.live({1, 4});
  s.advance(1999ms);
  s.live({5});
  CHECK(s.told() == "1");
  s.advance(1ms);
  CHECK(s.told() == "gap 2-3 4 5");
  s.live({6});
  CHECK(s.told() == "6");
  s.advance(10s);
  CHECK(s.told().empty());
  CHECK(s.repaired() == 0);
  CHECK(s.failed() == 1);
  CHECK(s.out.counters().gaps.get() == 1);
  s.venue.takes = 100ms;
  s.live({8});
  s.advance(100ms);
  CHECK(s.told() == "f7 8");
}

TEST_CASE("gap_repairer: before: exactly what the venue does not have is told as missing") {
  scene s{gap_repair::before};
  s.venue.lacks = {12, 15, 16};
  s.live({9, 20});
  s.poll();
  CHECK(s.told() == "9 f10 f11 gap 12-12 f13 f14 gap 15-16 f17 f18 f19 20");
  CHECK(s.asked() == strings{"BTC:10+11"});
  CHECK(s.failed() == 1);
  SECTION("at the end") {
    s.venue.lacks = {23};
    s.live({24});
    s.poll();
    CHECK(s.told() == "f21 f22 gap 23-23 24");
  }
  SECTION("at the end, and what comes behind is not known there yet") {
    s.venue.known_to = 22;
    s.live({24});
    s.advance(1s);
    CHECK(s.told() == "f21 f22");
    s.advance(1s);  // it could still have come
    CHECK(s.told() == "gap 23-23 24");
  }
  SECTION("at the beginning") {
    s.venue.lacks = {21};
    s.live({24});
    s.poll();
    CHECK(s.told() == "gap 21-21 f22 f23 24");
  }
}

TEST_CASE("gap_repairer: before: what is not known there yet is asked for again") {
  scene s{gap_repair::before};
  s.venue.known_to = 3;
  s.live({1, 6});
  s.poll();
  CHECK(s.told() == "1 f2 f3");
  s.venue.known_to = 100;
  s.advance(1s);
  CHECK(s.told() == "f4 f5 6");
  CHECK(s.failed() == 0);
}

TEST_CASE("gap_repairer: before: a venue in trouble is asked again, until it is too late") {
  scene s{gap_repair::before};
  s.venue.failures = {overloaded, overloaded};
  s.live({1, 3});
  s.advance(1s);
  CHECK(s.told() == "1 f2 3");
  CHECK(s.asked().size() == 3);
  s.venue.failures = {overloaded};
  s.venue.for_ever = true;
  s.live({5});
  s.live({6});
  s.advance(2s);  // or sooner, where the next request would be too late
  CHECK(s.told() == "gap 4-4 5 6");
  CHECK(s.asked().size() < 100);
  CHECK(s.out.counters().errors[static_cast<std::size_t>(error_kind::exchange)].get() >= 3);
}

TEST_CASE("gap_repairer: before: a server that names a time keeps nobody waiting") {
  scene s{gap_repair::before};
  s.venue.failures = {{.code = errc::http_rate_limited, .http_status = 429, .retry_after = 60s}};
  s.live({1, 3});
  s.poll();
  CHECK(s.told() == "1 gap 2-2 3");
  s.live({5});
  CHECK(s.told() == "gap 4-4 5");  // within the minute nobody even asks
  CHECK(s.asked().size() == 1);
  s.advance(59s);
  s.live({7});
  s.advance(1s);
  CHECK(s.told() == "f6 7");
  CHECK(s.failed() == 2);
}

TEST_CASE("gap_repairer: before: a symbol that the venue does not know is not asked for again") {
  scene s{gap_repair::before};
  s.venue.failures = {{.code = errc::http_client_error, .http_status = 400, .venue_code = -1121}};
  s.live({1, 3});
  s.poll();
  CHECK(s.told() == "1 gap 2-2 3");
  CHECK(s.asked().size() == 1);
}

TEST_CASE("gap_repairer: a hole that is too large is told at once") {
  const gap_repair mode = GENERATE(gap_repair::before, gap_repair::after);
  scene s{gap_repair_settings{.mode = mode, .most = 10}};
  s.live({1, 13});
  CHECK(s.told() == "1 gap 2-12 13");
  s.live({24});
  CHECK(s.told() == (mode == gap_repair::before ? "" : "gap 14-23 24"));
  s.poll();
  CHECK(s.asked() == strings{"BTC:14+11"});
  CHECK(s.failed() == 1);
  CHECK(s.repaired() == 10);
}

TEST_CASE("gap_repairer: one request serves what lies close together, and a large hole takes several") {
  scene s{gap_repair::before};
  s.venue.page = 10;
  s.live({1, 3, 4, 6, 9, 30});
  s.poll();
  CHECK(s.told() ==
        "1 f2 3 4 f5 6 f7 f8 9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 "
        "f29 30");
  CHECK(s.asked() == strings{"BTC:2+10", "BTC:12+10", "BTC:22+9"});
  CHECK(s.failed() == 0);
}

TEST_CASE("gap_repairer: before: of those latest alone that a venue gives, what lies in them is had") {
  scene s{gap_repair::before};
  s.venue.latest_only = true;
  s.venue.page = 5;
  s.venue.known_to = 10;
  s.live({1, 9, 10});
  s.poll();
  CHECK(s.told() == "1 gap 2-5 f6 f7 f8 9 10");
  CHECK(s.asked() == strings{"BTC:2+5"});
}

TEST_CASE("gap_repairer: before: what arrives meanwhile does not come twice") {
  scene s{gap_repair::before};
  s.venue.takes = 1s;
  s.live({1, 2, 6});
  s.advance(500ms);
  s.live({4});  // late
  CHECK(s.told() == "1 2");
  SECTION("a part") {
    s.advance(500ms);
    CHECK(s.told() == "f3 4 f5 6");
    CHECK(s.repaired() == 2);
    s.live({4});
    CHECK(s.told().empty());
  }
  SECTION("all") {
    s.live({3});
    CHECK(s.told() == "3 4");
    s.live({5});
    CHECK(s.told() == "5 6");
    s.advance(500ms);
    CHECK(s.told().empty());
    CHECK(s.repaired() == 0);
    CHECK(s.failed() == 0);
    s.live({7});
    CHECK(s.told() == "7");
  }
}

TEST_CASE("gap_repairer: before: streams do not wait for each other's holes, but are asked for in turn") {
  scene s{gap_repair::before};
  s.venue.takes = 100ms;
  s.live({1, 3});
  s.live({1, 3}, tick_kind::aggregate_trade);
  s.live({5});
  s.live({5}, tick_kind::aggregate_trade);
  CHECK(s.told() == "1 1");
  s.advance(100ms);
  CHECK(s.told() == "f2 3 f4 5");
  CHECK(s.venue.under_way == 1);
  s.advance(100ms);
  CHECK(s.told() == "f2 3 f4 5");
  CHECK(s.asked().size() == 2);
}

TEST_CASE("gap_repairer: a kind that the venue does not give is told as before") {
  scene s{gap_repair::before};
  s.venue.aggregates = false;
  s.live({1, 3}, tick_kind::aggregate_trade);
  CHECK(s.told() == "1 gap 2-2 3");
}

TEST_CASE("gap_repairer: before: lines come first") {
  scene s{gap_repair::before};
  const line_id a = s.out.lines().add_line(true);
  const line_id b = s.out.lines().add_line(false);
  const auto live = [&s](line_id from, std::initializer_list<std::uint64_t> ids) {
    s.live(ids, tick_kind::trade, from);
  };
  live(a, {1});
  live(b, {1});
  live(a, {3, 4});
  s.poll();
  CHECK(s.asked().empty());
  CHECK(s.told() == "1");
  SECTION("one has it") {
    live(b, {2});
    CHECK(s.told() == "2 3 4");
    s.poll();
    CHECK(s.asked().empty());
  }
  SECTION("none has it") {
    live(b, {3});
    CHECK(s.told().empty());
    s.poll();
    CHECK(s.told() == "f2 3 4");
    CHECK(s.asked().size() == 1);
    live(b, {4, 5});
    live(a, {5});
    CHECK(s.told() == "5");
  }
  SECTION("the other is lost meanwhile") {
    s.venue.takes = 1s;
    s.out.line_lost(b);
    CHECK(s.told().empty());
    s.advance(1s);
    CHECK(s.told() == "f2 3 4");
  }
}

TEST_CASE("gap_repairer: before: a line that is alone and counts anew is no hole") {
  scene s{gap_repair::before};
  const line_id a = s.out.lines().add_line(true);
  s.live({1'000, 1'001}, tick_kind::trade, a);
  s.out.line_lost(a);
  for (std::uint64_t id = 1; id <= continuity::most_repeated + 1; ++id) s.live({id}, tick_kind::trade, a);
  CHECK(s.out.counters().duplicates.get() == continuity::most_repeated + 1);  // continuity decides, as ever
  CHECK(s.out.counters().line_duplicates.get() == 0);
}

TEST_CASE("gap_repairer: before: nobody wants it any more") {
  scene s{gap_repair::before};
  s.venue.takes = 1s;
  s.live({1, 3});
  s.advance(500ms);
  SECTION("what waited is told") {
    s.repairer->forget(tick_kind::trade, s.symbol);
    CHECK(s.told() == "1 gap 2-2 3");
  }
  SECTION("nothing was between") {
    s.repairer->forget(tick_kind::trade, s.symbol);
    s.out.forget_ids(tick_kind::trade, s.symbol);
    s.told();
    s.live({9});
    CHECK(s.told() == "9");
  }
  s.advance(2s);
  CHECK(s.told().empty());
  CHECK(s.repairer->holes() == 0);
}

TEST_CASE("gap_repairer: the end comes at once, and nothing that waited is lost") {
  const gap_repair mode = GENERATE(gap_repair::before, gap_repair::after);
  scene s{mode};
  s.venue.takes = 1s;
  s.live({1, 3});
  s.advance(500ms);
  s.stop();
  CHECK(s.running->done());
  CHECK(s.told() == "1 gap 2-2 3");
  CHECK(s.timers.size() == 0);
  CHECK(s.repairer->holes() == 0);
  s.live({5});
  CHECK(s.told() == "gap 4-4 5");
  s.advance(2s);
  CHECK(s.told().empty());
  CHECK(s.failed() == 1);
}

TEST_CASE("gap_repairer: requests keep to their share of the weight") {
  scene s{{.mode = gap_repair::after, .weight_share = 0.5}, 1'200};  // ten a second
  s.venue.weight = 10;
  for (std::uint64_t id = 1; id < 20'000; id += 2'000) s.live({id, id + 2});
  s.told();
  s.advance(60s);
  const strings all = s.asked(true);
  CHECK(all.size() >= 10);
  // a store of two seconds, then one a second
  for (std::size_t i = 2; i < all.size(); ++i)
    CHECK(std::stoi(all[i].substr(all[i].find('@') + 1)) >= static_cast<int>(i - 1) * 1'000);
}

// --- after ---

TEST_CASE("gap_repairer: after: the stream goes on, what was missing follows, and what has been filled is told") {
  scene s{gap_repair::after};
  s.venue.takes = 1s;
  s.live({1, 2, 5, 6});
  CHECK(s.told() == "1 2 gap 3-4 5 6");
  s.advance(500ms);
  s.live({7, 3});  // 3 is late: told as missing, so it comes once, with its like
  CHECK(s.told() == "7");
  s.advance(500ms);
  CHECK(s.told() == "f3 f4 filled 3-4");
  CHECK(s.repaired() == 2);
  CHECK(s.failed() == 0);
  s.live({8, 4});
  CHECK(s.told() == "8");
  s.advance(10s);
  CHECK(s.told().empty());
}

TEST_CASE("gap_repairer: after: what was filled is told exactly") {
  scene s{gap_repair::after};
  s.venue.lacks = {12, 15, 16};
  s.live({9, 20});
  CHECK(s.told() == "9 gap 10-19 20");
  s.poll();
  CHECK(s.told() == "f10 f11 f13 f14 f17 f18 f19 filled 10-11 filled 13-14 filled 17-19");
  CHECK(s.failed() == 1);
}

TEST_CASE("gap_repairer: after: a venue that does not answer is left alone in the end") {
  scene s{gap_repair::after};
  s.venue.failures = {overloaded};
  s.venue.for_ever = true;
  s.live({1, 3});
  s.advance(1h);
  CHECK(s.told() == "1 gap 2-2 3");
  CHECK(s.asked().size() == gap_repairer<archive>::most_attempts);
  CHECK(s.failed() == 1);
  s.venue.failures.clear();
  s.live({5});
  s.advance(1min);
  CHECK(s.told() == "gap 4-4 5 f4 filled 4-4");
}

TEST_CASE("gap_repairer: after: what could be had before it failed is told as filled") {
  scene s{gap_repair::after};
  s.venue.page = 2;
  s.venue.takes = 1ms;
  s.live({1, 7});
  s.advance(1ms);
  s.venue.failures = {overloaded};
  s.venue.for_ever = true;
  s.advance(1h);
  CHECK(s.told() == "1 gap 2-6 7 f2 f3 filled 2-3");
  CHECK(s.failed() == 1);
}

TEST_CASE("gap_repairer: holes are no more than there is room for") {
  const gap_repair mode = GENERATE(gap_repair::before, gap_repair::after);
  scene s{mode};
  s.venue.failures = {overloaded};
  s.venue.for_ever = true;
  for (std::uint64_t i = 0; i < 2'000; ++i) s.live({1 + 2 * i});
  CHECK(s.repairer->holes() == gap_repairer<archive>::most_holes);
  CHECK(s.failed() == 1'999 - gap_repairer<archive>::most_holes);
  s.advance(1h);
  CHECK(s.repairer->holes() == 0);
  CHECK(s.failed() == 1'999);
  CHECK(s.out.counters().gaps.get() == 1'999);
}

TEST_CASE("gap_repairer: who wants the latest alone is not told of older ones") {
  scene s{gap_repair::after};
  auto latest = s.out.subscribe({.when_full = overflow::conflate, .capacity = 16}).value();
  s.live({1, 4});
  s.poll();
  std::uint64_t last = 0;
  latest.poll(100, [&last](const event& told) {
    told.visit([](const status&) {}, [&last](const trade& t) { last = t.trade_id(); });
  });
  CHECK(last == 4);
}

// --- any accident ---

TEST_CASE("gap_repairer: property: each trade comes once, or is told as missing") {
  const gap_repair mode = GENERATE(gap_repair::before, gap_repair::after);
  std::uint64_t repaired = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed, static_cast<int>(mode));
    std::mt19937_64 random{seed};
    const auto below = [&random](std::uint64_t n) {
      return std::uniform_int_distribution<std::uint64_t>{0, n - 1}(random);
    };
    scene s{gap_repair_settings{.mode = mode, .most = 40}};
    s.venue.page = 1 + below(20);
    s.venue.latest_only = below(4) == 0;
    std::uint64_t last = 1;
    s.live({last});
    std::optional<std::uint64_t> late;
    for (int i = 0; i < 600; ++i) {
      s.venue.takes = std::chrono::milliseconds{below(3) == 0 ? below(3'000) : below(20)};
      if (below(20) == 0) s.venue.failures = {overloaded};
      if (below(100) == 0)
        s.venue.failures = {{.code = errc::http_rate_limited, .http_status = 429, .retry_after = 5s}};
      if (below(30) == 0) s.venue.lacks.insert(last + below(10));
      s.venue.known_to = last - std::min(last - 1, below(3));
      ++last;
      const std::uint64_t fate = below(20);
      if (fate == 0) last += below(60);
      if (fate == 1) late = last++;
      s.live({last});
      if (fate == 2) s.live({last});
      if (late && below(3) == 0) s.live({*std::exchange(late, std::nullopt)});
      s.advance(std::chrono::milliseconds{below(100)});
    }
    s.venue.known_to = last;
    s.venue.failures.clear();
    s.advance(1h);
    CHECK(s.repairer->holes() == 0);
    CHECK_FALSE(s.out.lines().holds());
    std::map<std::uint64_t, int> came;
    std::set<std::uint64_t> missing;
    std::set<std::uint64_t> filled;
    std::uint64_t before = 0;
    int wrong = 0;
    for (const std::string& each : s.events) {
      const auto gap = each.starts_with("gap");
      if (gap || each.starts_with("filled")) {
        const std::size_t dash = each.find('-');
        const std::size_t from = std::stoull(each.substr(gap ? 4 : 7));
        for (std::uint64_t id = from; id <= std::stoull(each.substr(dash + 1)); ++id) {
          if (gap ? !missing.insert(id).second : !filled.insert(id).second || !came.contains(id)) ++wrong;
        }
        continue;
      }
      const bool is_filled = each.front() == 'f';
      const std::uint64_t id = std::stoull(each.substr(is_filled ? 1 : 0));
      if (++came[id] > 1) ++wrong;
      if (mode == gap_repair::after && is_filled) {
        if (!missing.contains(id)) ++wrong;
        continue;
      }
      if (id <= before || missing.contains(id)) ++wrong;
      before = id;
    }
    for (std::uint64_t id = 1; id <= last; ++id) {
      const bool told = missing.contains(id) && !filled.contains(id);
      if ((came[id] == 1) == told) ++wrong;
    }
    CHECK(wrong == 0);
    repaired += s.repaired();
  }
  CHECK(repaired > 1'000);
}

TEST_CASE("gap_repairer: property: what two lines lack and the venue has comes in its place") {
  std::uint64_t repaired = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    const auto below = [&random](std::uint64_t n) {
      return std::uniform_int_distribution<std::uint64_t>{0, n - 1}(random);
    };
    scene s{gap_repair::before};
    const line_id lines[2]{s.out.lines().add_line(true), s.out.lines().add_line(false)};
    std::deque<std::uint64_t> carried[2];
    constexpr std::uint64_t last = 1'500;
    for (std::uint64_t id = 1; id <= last; ++id) {
      const bool both = id > 1 && id < last && below(50) == 0;
      for (auto& each : carried)
        if (!both && (id == 1 || id == last || below(20) != 0)) each.push_back(id);
    }
    while (!carried[0].empty() || !carried[1].empty()) {
      const std::size_t l = carried[0].empty() ? 1 : carried[1].empty() ? 0 : below(2);
      for (std::uint64_t burst = 1 + below(10); burst > 0 && !carried[l].empty(); --burst) {
        s.live({carried[l].front()}, tick_kind::trade, lines[l]);
        carried[l].pop_front();
      }
      if (below(40) == 0) s.out.line_lost(lines[l]);
      s.venue.takes = std::chrono::milliseconds{below(30)};
      s.advance(std::chrono::milliseconds{below(20)});
    }
    for (const line_id each : lines) s.out.line_lost(each);
    s.advance(3s);
    std::uint64_t before = 0;
    std::size_t wrong = 0;
    for (const std::string& each : s.events)
      if (each != std::to_string(++before) && each != "f" + std::to_string(before)) ++wrong;
    CHECK(wrong == 0);
    CHECK(before == last);
    CHECK(s.repaired() > 0);
    repaired += s.repaired();
  }
  CHECK(repaired < 30 * 150);  // lines come first
}

}  // namespace
