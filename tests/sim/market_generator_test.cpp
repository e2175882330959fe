// tests/sim/market_generator_test.cpp: the simulated market against its promises, over long runs.
#include <foxtrot/sim/market_generator.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <vector>

namespace {

using namespace foxtrot;
using kind = market_event::kind;

/// A book as a client keeps it: a copy at some moment, then diffs.
struct replica {
  std::map<std::int64_t, std::int64_t> bids, asks;
  std::uint64_t id{0};

  explicit replica(const sim_book& book) : id{book.update_id} {
    for (std::size_t i = 0; i < book.bids.size(); ++i) bids[book.bids.at(i).price] = book.bids.at(i).quantity;
    for (std::size_t i = 0; i < book.asks.size(); ++i) asks[book.asks.at(i).price] = book.asks.at(i).quantity;
  }

  void apply(const sim_diff& diff) {
    const auto side = [](auto& levels, std::span<const sim_level> changed) {
      for (const sim_level& level : changed) {
        if (level.quantity == 0) {
          levels.erase(level.price);
        } else {
          levels[level.price] = level.quantity;
        }
      }
    };
    side(bids, diff.bids);
    side(asks, diff.asks);
    id = diff.last_id;
  }

  friend bool operator==(const replica&, const replica&) = default;
};

generator_settings settings_for(sim_market market, std::uint64_t seed, std::int64_t rate = 2'000) {
  generator_settings settings;
  settings.market = market;
  settings.seed = seed;
  settings.events_per_second = rate;
  return settings;
}

TEST_CASE("market_generator: books never cross, quotes are their top, ids and times only rise") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm);
  market_generator generator{settings_for(market, 7)};
  const std::size_t symbols = generator.symbols().size();
  REQUIRE(symbols == 4);
  std::vector<std::uint64_t> trade_ids(symbols), quote_ids(symbols), diff_ids(symbols), slow_ids(symbols);
  std::int64_t last_at = 0;
  std::size_t wrong = 0;
  for (int i = 0; i < 150'000; ++i) {
    const std::int64_t announced = generator.next_at();
    const market_event& event = generator.next();
    const sim_book& book = generator.book(event.symbol);
    wrong += event.at_ns != announced || event.at_ns < last_at;
    last_at = event.at_ns;
    wrong += book.crossed() || event.bid != book.bids.best() || event.ask != book.asks.best();
    wrong += event.bid.quantity <= 0 || event.ask.quantity <= 0 || event.bid.price <= 0;
    if (event.what == kind::book_ticker) {
      wrong += event.update_id <= quote_ids[event.symbol];
      quote_ids[event.symbol] = event.update_id;
    } else if (event.what == kind::trade) {
      std::uint64_t& last = trade_ids[event.symbol];
      wrong += (last != 0 && event.fill.trade_id != last + 1) || event.fill.traded.quantity <= 0;
      last = event.fill.trade_id;
    } else if (event.what == kind::depth || event.what == kind::depth_slow) {
      std::uint64_t& last = event.what == kind::depth ? diff_ids[event.symbol] : slow_ids[event.symbol];
      const sim_diff& diff = event.diff;
      wrong += diff.first_id > diff.last_id || diff.first_id <= diff.previous_id;
      wrong += last != 0 && diff.previous_id != last;
      wrong += market == sim_market::spot && diff.first_id != diff.previous_id + 1;
      wrong += diff.bids.empty() && diff.asks.empty();
      const auto descending = [](const sim_level& a, const sim_level& b) { return a.price > b.price; };
      const auto ascending = [](const sim_level& a, const sim_level& b) { return a.price < b.price; };
      wrong += market == sim_market::spot ? !std::is_sorted(diff.bids.begin(), diff.bids.end(), descending)
                                          : !std::is_sorted(diff.bids.begin(), diff.bids.end(), ascending);
      wrong += !std::is_sorted(diff.asks.begin(), diff.asks.end(), ascending);
      last = diff.last_id;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("market_generator: a copy of a book plus the diffs after it stays equal to the book") {
  const sim_market market = GENERATE(sim_market::spot, sim_market::usdm);
  const kind followed = GENERATE(kind::depth, kind::depth_slow);
  market_generator generator{settings_for(market, 11)};
  for (int i = 0; i < 777; ++i) (void)generator.next();  // somewhere between two diffs
  std::vector<replica> copies;
  for (std::size_t i = 0; i < generator.symbols().size(); ++i) copies.emplace_back(generator.book(i));
  std::size_t diffs = 0;
  bool equal = true;
  for (int i = 0; i < 120'000; ++i) {
    const market_event& event = generator.next();
    if (event.what != followed) continue;
    replica& copy = copies[event.symbol];
    if (event.diff.last_id <= copy.id) continue;
    equal = equal && event.diff.first_id <= copy.id + 1 + (market == sim_market::usdm ? 1'000'000U : 0U);
    copy.apply(event.diff);
    equal = equal && copy == replica{generator.book(event.symbol)};
    ++diffs;
  }
  CHECK(equal);
  CHECK(diffs > (followed == kind::depth ? 1'000U : 100U));
}

TEST_CASE("market_generator: the same seed gives the same market, another seed another one") {
  market_generator first{settings_for(sim_market::spot, 3)};
  market_generator second{settings_for(sim_market::spot, 3)};
  market_generator other{settings_for(sim_market::spot, 4)};
  std::size_t differences = 0;
  std::size_t same_as_other = 0;
  for (int i = 0; i < 50'000; ++i) {
    const market_event& a = first.next();
    const market_event& b = second.next();
    const market_event& c = other.next();
    differences += a.at_ns != b.at_ns || a.what != b.what || a.symbol != b.symbol || a.update_id != b.update_id ||
                   a.bid != b.bid || a.ask != b.ask || a.fill.trade_id != b.fill.trade_id;
    same_as_other += a.at_ns == c.at_ns;
  }
  CHECK(differences == 0);
  CHECK(same_as_other < 50);
}

TEST_CASE("market_generator: rate, mix, bursts and sizes of diffs are those of a busy stream") {
  market_generator generator{settings_for(sim_market::spot, 5, 800)};
  std::map<kind, double> counts;
  std::vector<std::size_t> levels;
  constexpr int events = 200'000;
  std::int64_t first = 0, last = 0;
  int close = 0;
  for (int i = 0; i < events; ++i) {
    const market_event& event = generator.next();
    ++counts[event.what];
    if (first == 0) first = event.at_ns;
    close += i > 0 && event.at_ns - last < 50'000;
    last = event.at_ns;
    if (event.what == kind::depth) levels.push_back(event.diff.bids.size() + event.diff.asks.size());
  }
  const double seconds = static_cast<double>(last - first) / 1e9;
  CHECK(events / seconds == Approx(800).epsilon(0.1));
  CHECK(counts[kind::book_ticker] / events == Approx(0.77).margin(0.03));
  CHECK(counts[kind::trade] / events == Approx(0.17).margin(0.03));
  CHECK(counts[kind::depth] / events == Approx(0.05).margin(0.01));
  CHECK(close > events / 2);  // at an even rate it would be one in twenty
  std::sort(levels.begin(), levels.end());
  const std::size_t median = levels[levels.size() / 2];
  CHECK(median >= 14);
  CHECK(median <= 34);
  CHECK(levels[levels.size() * 99 / 100] > 150);
  CHECK(levels.back() <= 1'200);
}

TEST_CASE("market_generator: many symbols and a high rate keep every promise of time") {
  generator_settings settings = settings_for(sim_market::usdm, 9, 1'000'000);
  settings.symbols = default_symbols(sim_market::usdm, 64);
  market_generator generator{settings};
  std::vector<std::size_t> seen(64);
  const std::int64_t first = generator.next().at_ns;
  std::int64_t last = first;
  bool ordered = true;
  for (int i = 0; i < 300'000; ++i) {
    const market_event& event = generator.next();
    ordered = ordered && event.at_ns >= last;
    last = event.at_ns;
    ++seen[event.symbol];
  }
  CHECK(ordered);
  CHECK(300'000.0 / (static_cast<double>(last - first) / 1e9) == Approx(1'000'000).epsilon(0.15));
  CHECK(std::count(seen.begin(), seen.end(), 0U) == 0);
  CHECK(seen[0] > 10 * seen[63]);
}

}  // namespace
