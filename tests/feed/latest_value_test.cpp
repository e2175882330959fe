// tests/feed/latest_value_test.cpp: the latest value of a symbol in one call, beside the reading of events.
#include <foxtrot/feed/publisher.hpp>

#include <catch2/catch.hpp>

#include <support/every_tick.hpp>
#include <support/sanitizer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::repetitions;
using strings = std::vector<std::string>;

struct scene {
  symbol_table symbols;
  publisher out{symbols};

  symbol_id id(const char* name) { return symbols.intern(name).value(); }

  void publish(const foxtrot_test::made_tick& made) {
    publisher::batch batch{out};
    const auto draft = batch.begin(made.body.size());
    *draft.payload = made.line;
    std::copy(made.body.begin(), made.body.end(), draft.levels.begin());
    batch.publish(made.tag, made.symbol, made.body.size());
  }
  void any(tick_kind kind, std::uint64_t number, const char* symbol = "BTC") {
    publish(foxtrot_test::make_tick(kind, number, id(symbol)));
  }
  void candle(std::uint64_t number, kline_interval interval) {
    auto made = foxtrot_test::make_tick(tick_kind::kline, number, id("BTC"));
    auto body = read_body<kline_body>(made.body);
    body.interval = interval;
    write_body(made.body, body);
    publish(made);
  }
  void tell(status_code code, const char* symbol = nullptr) {
    publisher::batch batch{out};
    status_record record = make_status(code, 1);
    if (symbol != nullptr) record.symbol = id(symbol);
    batch.publish_status(record, venue::binance_spot);
  }
  subscription conflating(subscription_settings wanted = {}) {
    wanted.when_full = overflow::conflate;
    return out.subscribe(wanted).value();
  }
};

std::uint64_t quoted(const subscription& from, detail::symbol_key symbol = "BTC") {
  const auto found = from.latest<book_ticker>(symbol);
  return found ? found->update_id() : 0;
}
std::uint64_t in_book(const subscription& from) {
  std::uint64_t last = 0;
  (void)from.latest<depth_snapshot>("BTC", [&last](const depth_snapshot& book) { last = book.last_id(); });
  return last;
}
template <wide_body Body>
std::uint64_t number_of(const std::optional<wide_tick<Body>>& found) {
  std::uint64_t number = 0;
  if (found) std::memcpy(&number, &found->body(), sizeof number);
  return number;
}

strings drain(subscription& from) {
  strings all;
  from.poll(1000, [&](const event& each) { all.push_back(foxtrot_test::told_of_any(each)); });
  return all;
}
/// Ticks between two statuses come in any order.
strings sorted(strings of) {
  std::sort(of.begin(), of.end());
  return of;
}

template <class Tick>
concept can_be_asked_for = requires(const subscription& from) { from.latest<Tick>("BTC"); };
static_assert(can_be_asked_for<book_ticker> && can_be_asked_for<liquidation>);
// klines want an interval, books a handler; the others mean nothing by themselves
static_assert(!can_be_asked_for<kline> && !can_be_asked_for<depth_snapshot> && !can_be_asked_for<depth_update> &&
              !can_be_asked_for<unknown_event> && !can_be_asked_for<status> && !can_be_asked_for<int>);

}  // namespace

TEST_CASE("latest: the newest value of a symbol, by name and by number, as often as asked") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  s.any(tick_kind::book_ticker, 1);
  s.any(tick_kind::book_ticker, 2);
  s.any(tick_kind::book_ticker, 7, "ETH");
  CHECK(quoted(ticks) == 2);
  CHECK(quoted(ticks, s.id("BTC")) == 2);
  CHECK(quoted(ticks, std::string{"ETH"}) == 7);
  CHECK(quoted(ticks) == 2);
  const auto quote = ticks.latest<book_ticker>("BTC").value();
  CHECK((quote.symbol() == "BTC" && quote.venue() == venue::binance_spot));
  s.any(tick_kind::book_ticker, 3);
  CHECK(quoted(ticks) == 3);
  CHECK(quote.update_id() == 2);  // a value
}

TEST_CASE("latest: of each kind, of klines of each interval, of books all levels") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  for (std::uint64_t number = 1; number <= 3; ++number) {
    for (const tick_kind kind : foxtrot_test::every_tick_kind()) s.any(kind, number * 10);
    s.candle(number * 100, kline_interval::h1);
  }
  CHECK(ticks.latest<trade>("BTC")->trade_id() == 30);
  CHECK(ticks.latest<block_trade>("BTC")->trade_id() == 30);
  CHECK(ticks.latest<aggregate_trade>("BTC")->aggregate_id() == 30);
  CHECK(ticks.latest<average_price>("BTC")->price().mantissa() == 30);
  CHECK(ticks.latest<reference_price>("BTC")->price()->mantissa() == 30);
  CHECK(number_of<mini_ticker_body>(ticks.latest<mini_ticker>("BTC")) == 30);
  CHECK(number_of<ticker_body>(ticks.latest<ticker>("BTC")) == 30);
  CHECK(number_of<mark_price_body>(ticks.latest<mark_price>("BTC")) == 30);
  CHECK(number_of<liquidation_body>(ticks.latest<liquidation>("BTC")) == 30);
  CHECK(number_of<kline_body>(ticks.latest<kline>("BTC", kline_interval::m1)) == 30);
  CHECK(number_of<kline_body>(ticks.latest<kline>("BTC", kline_interval::h1)) == 300);
  CHECK_FALSE(ticks.latest<kline>("BTC", kline_interval::d1));
  std::size_t levels = 0;
  CHECK(ticks.latest<depth_snapshot>("BTC", [&](const depth_snapshot& book) {
    CHECK(book.last_id() == 30);
    CHECK(book.bids().size() == 1);
    for (const auto& side : {book.bids(), book.asks()}) {
      for (const raw_level& level : side.raw()) CHECK(level == foxtrot_test::levels_made_from(30, 3)[levels++]);
    }
  }));
  CHECK(levels == 3);
}

TEST_CASE("latest: takes nothing from who reads the events") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  s.any(tick_kind::book_ticker, 1);
  s.any(tick_kind::depth_snapshot, 1);
  CHECK((quoted(ticks) == 1 && in_book(ticks) == 1));
  CHECK(sorted(drain(ticks)) == strings{"book_ticker 1", "depth_snapshot 1", "status connected"});
  CHECK((quoted(ticks) == 1 && in_book(ticks) == 1));  // nor the other way round
  CHECK(drain(ticks).empty());
}

TEST_CASE("latest: from within a handler too, where it may be newer than the event at hand") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  s.any(tick_kind::book_ticker, 1);
  std::vector<std::uint64_t> seen;
  CHECK(ticks.poll(1, [&](const event&) { seen.push_back(quoted(ticks)); }) == 1);
  for (const auto& each : ticks.until({})) {
    s.any(tick_kind::book_ticker, 2);
    CHECK(foxtrot_test::told_of_any(each) == "book_ticker 1");
    seen.push_back(quoted(ticks));
    break;
  }
  CHECK(seen == std::vector<std::uint64_t>{1, 2});
  CHECK(drain(ticks) == strings{"book_ticker 2"});
}

TEST_CASE("latest: nothing where there is nothing, and nothing is made up") {
  scene s;
  auto ticks = s.conflating({.kinds = tick_kind::book_ticker | tick_kind::trade, .symbols = {"BTC", "ETH"}});
  CHECK(quoted(ticks) == 0);
  s.tell(status_code::connected);
  CHECK(quoted(ticks) == 0);
  for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
    s.any(kind, 1);
    s.any(kind, 1, "SOL");
  }
  CHECK(quoted(ticks) == 1);
  CHECK(quoted(ticks, "ETH") == 0);  // nothing came
  CHECK_FALSE(ticks.latest<trade>("ETH"));
  CHECK(quoted(ticks, "SOL") == 0);  // not asked for
  CHECK_FALSE(ticks.latest<aggregate_trade>("BTC"));
  CHECK_FALSE(ticks.latest<ticker>("BTC"));
  CHECK_FALSE(ticks.latest<kline>("BTC", kline_interval::m1));
  CHECK(in_book(ticks) == 0);
  const std::size_t names = s.symbols.size();
  CHECK(quoted(ticks, "nobody's name") == 0);
  CHECK(quoted(ticks, "") == 0);
  CHECK(quoted(ticks, symbol_id::none) == 0);
  CHECK(quoted(ticks, symbol_id{65'535}) == 0);
  CHECK(s.symbols.size() == names);  // asking makes no symbol known
}

TEST_CASE("latest: tickers of each window by themselves, read as well as asked for") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  std::uint64_t number = 0;
  for (const ticker_window window : {ticker_window::h24, ticker_window::h1, ticker_window::h4}) {
    auto made = foxtrot_test::make_tick(tick_kind::ticker, ++number, s.id("BTC"));
    auto body = read_body<ticker_body>(made.body);
    body.window = window;
    write_body(made.body, body);
    s.publish(made);
  }
  CHECK(number_of<ticker_body>(ticks.latest<ticker>("BTC")) == 1);
  CHECK(number_of<ticker_body>(ticks.latest<ticker>("BTC", ticker_window::h1)) == 2);
  CHECK(number_of<ticker_body>(ticks.latest<ticker>("BTC", ticker_window::h4)) == 3);
  CHECK_FALSE(ticks.latest<ticker>("BTC", ticker_window::d1));
  CHECK(drain(ticks).size() == 4);
}

TEST_CASE("latest: symbols without books take no room of those with") {
  scene s;
  auto ticks = s.conflating({.level_capacity = 40});  // one book
  s.tell(status_code::connected);
  for (const char* symbol : {"ETH", "SOL", "XRP"}) s.any(tick_kind::book_ticker, 1, symbol);
  s.any(tick_kind::depth_snapshot, 5);
  CHECK(in_book(ticks) == 5);
  CHECK(ticks.dropped() == 0);
}

TEST_CASE("latest: nothing of what had no room") {
  scene s;
  auto ticks = s.conflating({.capacity = 2, .level_capacity = 40});
  s.tell(status_code::connected);
  for (const char* symbol : {"BTC", "ETH", "SOL"}) s.any(tick_kind::book_ticker, 1, symbol);
  s.any(tick_kind::ticker, 1);
  s.any(tick_kind::ticker, 2, "ETH");
  s.any(tick_kind::ticker, 3, "SOL");
  CHECK(ticks.dropped() == 2);
  CHECK((quoted(ticks) == 1 && quoted(ticks, "ETH") == 1 && quoted(ticks, "SOL") == 0));
  CHECK((ticks.latest<ticker>("ETH") && !ticks.latest<ticker>("SOL")));
}

TEST_CASE("latest: nothing under policies that keep no latest values, and nothing once cancelled") {
  scene s;
  for (const overflow policy : {overflow::drop_oldest, overflow::drop_newest, overflow::block}) {
    auto other = s.out.subscribe({.when_full = policy, .capacity = 64}).value();
    s.any(tick_kind::book_ticker, 1);
    CHECK(quoted(other) == 0);
    CHECK(in_book(other) == 0);
  }
  CHECK(quoted(subscription{}) == 0);
  auto ticks = s.conflating();
  s.any(tick_kind::book_ticker, 2);
  auto moved = std::move(ticks);
  CHECK(quoted(moved) == 2);
  CHECK(quoted(ticks) == 0);
  moved.cancel();
  CHECK(quoted(moved) == 0);
}

TEST_CASE("latest: a value from before the connection was lost is not given, whatever the consumer has heard") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  for (const tick_kind kind : {tick_kind::book_ticker, tick_kind::depth_snapshot, tick_kind::ticker}) s.any(kind, 1);
  s.any(tick_kind::book_ticker, 1, "ETH");
  s.tell(status_code::disconnected);
  CHECK((quoted(ticks) == 0 && quoted(ticks, "ETH") == 0 && in_book(ticks) == 0 && !ticks.latest<ticker>("BTC")));
  s.tell(status_code::reconnecting);
  s.tell(status_code::connected);
  CHECK(quoted(ticks) == 0);  // what it is now nobody knows
  s.any(tick_kind::book_ticker, 2);
  CHECK((quoted(ticks) == 2 && quoted(ticks, "ETH") == 0));
  s.tell(status_code::reconnecting);  // a second connection, in time: nothing is lost
  s.tell(status_code::connected);
  CHECK(quoted(ticks) == 2);
  strings all = drain(ticks);  // all is still to be read, but for BTC's first quote
  REQUIRE(all.size() == 10);
  std::sort(all.begin() + 1, all.begin() + 4);
  CHECK(all == strings{"status connected", "book_ticker 1", "depth_snapshot 1", "ticker 1", "status disconnected",
                       "status reconnecting", "status connected", "book_ticker 2", "status reconnecting",
                       "status connected"});
}

TEST_CASE("latest: what comes by another way meanwhile stays though attempts to connect fail") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  s.tell(status_code::disconnected);
  s.tell(status_code::fallback_started);
  s.any(tick_kind::book_ticker, 3);
  s.tell(status_code::reconnecting);
  {
    publisher::batch batch{s.out};
    batch.publish_status(make_disconnected_status(1, errc::timeout, false), venue::binance_spot);
  }
  CHECK(quoted(ticks) == 3);
  s.tell(status_code::connected);
  CHECK(quoted(ticks) == 3);
  s.tell(status_code::disconnected);
  CHECK(quoted(ticks) == 0);
}

TEST_CASE("latest: nothing of a symbol while it is stale, and of that symbol alone") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  s.any(tick_kind::book_ticker, 1);
  s.any(tick_kind::book_ticker, 2, "ETH");
  s.tell(status_code::stale, "BTC");
  CHECK((quoted(ticks) == 0 && quoted(ticks, "ETH") == 2));
  s.tell(status_code::fresh, "BTC");
  s.any(tick_kind::book_ticker, 3);
  CHECK(quoted(ticks) == 3);
}

TEST_CASE("latest: a feed that closed keeps its last values") {
  scene s;
  auto ticks = s.conflating();
  s.tell(status_code::connected);
  s.any(tick_kind::book_ticker, 1);
  s.out.close();
  CHECK(quoted(ticks) == 1);
}

TEST_CASE("latest: whole and never older than before, in any thread, while ticks come and are read", "[stress]") {
  const std::uint64_t count = repetitions(30'000);
  constexpr std::array<const char*, 8> names{"A", "B", "C", "D", "E", "F", "G", "H"};
  scene s;
  auto ticks = s.conflating({.capacity = 8, .waiting = idle::adaptive});
  std::atomic<std::uint64_t> faults{0};
  std::atomic<bool> done{false};

  const auto look = [&ticks, &faults](std::string_view name, std::array<std::uint64_t, 3>& last) {
    std::array<std::uint64_t, 3> now = last;
    if (const auto quote = ticks.latest<book_ticker>(name)) now[0] = quote->update_id();
    if (const auto wide = ticks.latest<ticker>(name)) {
      now[1] = number_of<ticker_body>(wide);
      const auto right = foxtrot_test::body_made_from<ticker_body>(now[1]);
      if (std::memcmp(&right, &wide->body(), sizeof right) != 0) ++faults;
    }
    (void)ticks.latest<depth_snapshot>(name, [&](const depth_snapshot& book) {
      now[2] = book.last_id();
      if (book.bids().size() != 1 || book.asks().size() != 2) ++faults;
      const auto right = foxtrot_test::levels_made_from(now[2], 3);
      if (book.bids().raw()[0] != right[0] || book.asks().raw()[1] != right[2]) ++faults;
    });
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (now[i] < last[i]) ++faults;
    }
    last = now;
  };
  std::array<std::array<std::uint64_t, 3>, names.size()> seen{};
  std::jthread looker{[&] {
    while (!done.load(std::memory_order_acquire)) {
      for (std::size_t i = 0; i < names.size(); ++i) look(names[i], seen[i]);
    }
  }};
  std::uint64_t read = 0;
  std::jthread reader{[&] {
    std::array<std::uint64_t, 3> last{};
    for (const auto& each : ticks.until({})) {
      if (foxtrot_test::told_of_any(each).find("wrong") != std::string::npos) ++faults;
      if (++read % 16 == 0) look("A", last);
    }
  }};
  s.tell(status_code::connected);
  for (std::uint64_t number = 1; number <= count; ++number) {
    const char* name = names[number * names.size() / (count + 1)];  // symbols come up one after the other
    for (const tick_kind kind : {tick_kind::book_ticker, tick_kind::ticker, tick_kind::depth_snapshot}) {
      s.any(kind, number, name);
    }
  }
  s.out.close();
  reader.join();
  done.store(true, std::memory_order_release);
  looker.join();
  for (std::size_t i = 0; i < names.size(); ++i) look(names[i], seen[i]);
  CHECK(faults == 0);
  CHECK(read > names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::uint64_t newest = ((i + 1) * (count + 1) - 1) / names.size();
    CHECK(seen[i] == std::array<std::uint64_t, 3>{newest, newest, newest});
  }
}

TEST_CASE("latest: never from before a loss that was told, two threads", "[stress]") {
  const std::uint64_t count = repetitions(50'000);
  scene s;
  auto ticks = s.conflating({.waiting = idle::adaptive});
  std::uint64_t too_late = 0;
  std::jthread reader{[&] {
    for (const auto& each : ticks.until({})) {
      each.visit(
          [&](const status& told) {
            if (told.code() != status_code::disconnected) return;
            if (const auto quote = ticks.latest<book_ticker>("BTC"); quote && quote->update_id() <= told.from()) {
              ++too_late;
            }
          },
          [](const auto&) {});
    }
  }};
  const auto made = s.id("BTC");
  for (std::uint64_t number = 1; number <= count; ++number) {
    publisher::batch batch{s.out};
    batch.publish_status(make_status(status_code::connected, 1), venue::binance_spot);
    *batch.begin().payload = foxtrot_test::make_tick(tick_kind::book_ticker, number, made).line;
    batch.publish({.kind = tick_kind::book_ticker, .where = venue::binance_spot}, made);
    status_record record = make_status(status_code::disconnected, 1);
    record.first = number;
    batch.publish_status(record, venue::binance_spot);
  }
  s.out.close();
  reader.join();
  CHECK(too_late == 0);
}
