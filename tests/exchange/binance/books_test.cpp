// tests/exchange/binance/books_test.cpp: the feed's own books, and a consumer's made from the same records: from
// recorded messages with and without holes, and from a simulated exchange that loses updates.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/feed/book_keeper.hpp>
#include <foxtrot/market/book_synchroniser.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <support/captured_depth.hpp>
#include <support/captures.hpp>
#include <support/exchange_client.hpp>
#include <support/map_book.hpp>
#include <support/sanitizer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::map_book;
using foxtrot_test::repetitions;
using strings = std::vector<std::string>;

constexpr std::string_view btc = "BTCUSDT";

/// A strategy's own book of one symbol, from nothing but the records that a subscription gives.
struct consumer {
  explicit consumer(book_rule rule) : sync{{.rule = rule, .request_interval = 0s, .request_timeout = 0s}} {}

  void take(const event& told) {
    told.visit(
        [&](const status& s) {
          if (s.code() == status_code::gap) statuses.push_back(text_of(s));
          if (s.code() == status_code::resynchronised) statuses.emplace_back(s.name());
        },
        [&](const depth_update& d) { note(sync.on_diff(d, 0s)); },
        [&](const depth_snapshot& d) {
          ++snapshots;
          note(sync.on_snapshot(d, 0s));
        });
  }

  static std::string text_of(const status& s) {
    return "gap " + std::to_string(s.from()) + "-" + std::to_string(s.to()) + " " + std::string{to_string(s.reason())};
  }

  book_synchroniser sync;
  strings statuses;
  std::size_t losses{0};
  std::size_t snapshots{0};

 private:
  void note(const book_action& action) { losses += action.lost.has_value(); }
};

bool same_books(const order_book& a, const order_book& b) {
  for (const book_side side : {book_side::bids, book_side::asks}) {
    if (a.size(side) != b.size(side)) return false;
    const auto mine = a.top(side, a.size(side));
    const auto theirs = b.top(side, b.size(side));
    for (std::size_t i = 0; i < mine.size(); ++i) {
      if (mine[i] != theirs[i]) return false;
    }
  }
  return true;
}

/// Everything between the socket and the strategy, in one thread.
struct feed {
  explicit feed(binance::market where, book_rule rule, std::string_view name)
      : messages{where}, strategy{rule}, keeper{rule, {[this](symbol_id) { ++asked; }, [this](auto) { ++woken; }}} {
    symbol = symbols.intern(name).value();
    keeper.add(symbol);
    out.show_books_to(&keeper);
  }

  void message(std::string_view text, std::int64_t received_ns) {
    publisher::batch batch{out};
    padded.assign(text).append(64, ' ');
    REQUIRE(messages.decode({padded.data(), text.size()}, received_ns, batch) == message_type::tick);
  }
  void rest(std::string_view text, std::int64_t received_ns) {
    publisher::batch batch{out};
    padded.assign(text).append(64, ' ');
    const auto found = messages.decode_depth({padded.data(), text.size()}, symbols.name(symbol), received_ns, batch);
    REQUIRE(found == message_type::tick);
  }
  void read() {
    ticks.poll(10'000, [this](const event& told) { strategy.take(told); });
  }

  symbol_table symbols;
  publisher out{symbols};
  binance::codec messages;
  symbol_id symbol{};
  subscription ticks{out.subscribe({}).value()};
  consumer strategy;
  std::size_t asked{0};
  std::size_t woken{0};
  book_keeper keeper;
  std::string padded;
};

/// What REST would answer.
std::string rest_body(const map_book& book, std::uint64_t last_id) {
  std::string body = "{\"lastUpdateId\":" + std::to_string(last_id);
  const auto side = [&body](const char* name, const auto& levels) {
    body.append(",\"").append(name).append("\":[");
    for (const auto& [price, quantity] : levels) {
      if (body.back() != '[') body += ',';
      body += "[\"" + decimal{price, -8}.str() + "\",\"" + decimal{quantity, -8}.str() + "\"]";
    }
    body += ']';
  };
  side("bids", book.bids);
  side("asks", book.asks);
  return body + '}';
}

struct capture {
  const char* name;
  const char* symbol;
  binance::market market;
};

constexpr capture captures[] = {{"spot/btcusdt_20240808.txt.gz", "BTCUSDT", binance::market::spot},
                                {"spot/ethusdt_20240808.txt.gz", "ETHUSDT", binance::market::spot},
                                {"usdm/btcusdt_20240808.txt.gz", "BTCUSDT", binance::market::usdm}};

struct line {
  std::string text;
  std::int64_t received_ns;
  std::optional<foxtrot_test::depth_message> depth;  // of a diff
};
struct recording {
  std::vector<line> lines;
  std::string snapshot;
  foxtrot_test::depth_message snapshot_depth;
};

std::optional<recording> recorded(const capture& of) {
  const auto path = foxtrot_test::capture_path(of.name);
  if (!path) return std::nullopt;
  auto reader = capture_reader::open(*path);
  if (!reader && reader.error() == errc::no_gzip_support) {
    foxtrot_test::skip("built without zlib");
    return std::nullopt;
  }
  recording made;
  simdjson::dom::parser parser;
  capture_record record;
  while (reader.value().next(record)) {
    const bool diff = record.payload.find("depthUpdate") != std::string_view::npos;
    const bool snapshot = record.payload.find("lastUpdateId") != std::string_view::npos;
    std::optional<foxtrot_test::depth_message> depth;
    if (diff || snapshot) {
      const auto tick =
          foxtrot_test::read_message(parser.parse(record.payload.data(), record.payload.size()), of.symbol);
      depth = {tick->first_id, tick->id, tick->previous_id, foxtrot_test::detail::raw_side(tick->bids),
               foxtrot_test::detail::raw_side(tick->asks)};
    }
    if (snapshot) {
      made.snapshot = record.payload;
      made.snapshot_depth = std::move(*depth);
    } else {
      made.lines.push_back({std::string{record.payload}, record.received_ns, std::move(depth)});
    }
  }
  if (reader.value().error()) throw std::system_error{reader.value().error()};
  return made;
}

book_rule rule_of(binance::market market) {
  return market == binance::market::spot ? book_rule::spot : book_rule::futures;
}

}  // namespace

TEST_CASE("books: recorded messages make a right book, with no gap, here and at the consumer", "[soak]") {
  for (const capture& each : captures) {
    INFO(each.name);
    const auto of = recorded(each);
    if (!of) return;
    feed f{each.market, rule_of(each.market), each.symbol};
    map_book reference{-8, -8};
    reference.assign(of->snapshot_depth.changes());
    std::size_t compared = 0;
    for (const line& next : of->lines) {
      const std::size_t asked = f.asked;
      f.message(next.text, next.received_ns);
      if (f.asked != asked) f.rest(of->snapshot, next.received_ns);
      f.read();
      if (!next.depth) continue;
      if (next.depth->last > of->snapshot_depth.last) reference.apply(next.depth->changes());
      const book_synchroniser* const live = f.keeper.live(f.symbol);
      if (live == nullptr || live->last_id() != next.depth->last) continue;
      ++compared;
      if (!reference.same_top_as(live->book()) || live->book().crossed()) FAIL("after id " << next.depth->last);
      if (f.strategy.sync.state() != book_state::live) FAIL("the consumer's book at id " << next.depth->last);
    }
    REQUIRE(f.keeper.live(f.symbol) != nullptr);
    CHECK(reference.same_as(f.keeper.live(f.symbol)->book()));
    CHECK(reference.same_as(f.strategy.sync.book()));
    CHECK(compared > 3'000);
    CHECK(f.asked == 1);
    CHECK(f.strategy.statuses.empty());
    CHECK(f.out.counters().gaps.get() == 0);
    CHECK(f.out.counters().duplicates.get() == 0);
    CHECK(f.ticks.dropped() == 0);
  }
}

TEST_CASE("books: with one update in a thousand missing every hole is told, and mended, here and at the consumer",
          "[soak]") {
  for (const capture& each : captures) {
    INFO(each.name);
    const auto of = recorded(each);
    if (!of) return;
    feed f{each.market, rule_of(each.market), each.symbol};
    map_book reference{-8, -8};
    reference.assign(of->snapshot_depth.changes());
    std::mt19937 random{1'000};
    strings expected;
    std::uint64_t last_sent = 0;
    bool missing = false;
    std::size_t answer_in = 0;  // diffs
    std::size_t diffs = 0;
    std::size_t holes = 0;
    for (const line& next : of->lines) {
      if (!next.depth) {
        f.message(next.text, next.received_ns);
        continue;
      }
      if (next.depth->last > of->snapshot_depth.last) reference.apply(next.depth->changes());
      ++diffs;
      if (diffs > 100 && random() % 1'000 == 0) {
        missing = true;
        continue;
      }
      const std::size_t asked = f.asked;
      f.message(next.text, next.received_ns);
      f.read();
      if (std::exchange(missing, false)) {
        ++holes;
        const std::uint64_t to = next.depth->previous.value_or(next.depth->first - 1);
        REQUIRE_FALSE(f.strategy.statuses.empty());
        CHECK(f.strategy.statuses.back() ==
              "gap " + std::to_string(last_sent + 1) + "-" + std::to_string(to) + " missing");
        CHECK(f.keeper.live(f.symbol) == nullptr);
        CHECK(f.strategy.sync.state() == book_state::broken);
      }
      last_sent = next.depth->last;
      if (f.asked != asked) answer_in = 2 + random() % 20;
      if (answer_in != 0 && --answer_in == 0) {
        f.rest(rest_body(reference, next.depth->last), next.received_ns);
        f.read();
      }
      // after a loss right after a snapshot the next one may only be asked for later
      if (f.woken != 0 && random() % 10 == 0) {
        f.woken = 0;
        const std::size_t before = f.asked;
        f.keeper.on_time();
        if (f.asked != before) answer_in = 5;
      }
      const book_synchroniser* const live = f.keeper.live(f.symbol);
      CHECK((live != nullptr) == (f.strategy.sync.state() == book_state::live));
      if (live != nullptr && live->last_id() == next.depth->last && !reference.same_top_as(live->book()))
        FAIL("after id " << next.depth->last);
    }
    std::size_t gaps = 0;
    std::size_t mended = 0;
    for (const std::string& word : f.strategy.statuses) word == "resynchronised" ? ++mended : ++gaps;
    CHECK(holes > 0);
    CHECK(gaps == holes);
    CHECK(f.out.counters().gaps.get() == holes);
    CHECK(mended > 0);
    CHECK(mended <= holes);
    CHECK(f.strategy.statuses.back() == "resynchronised");
    REQUIRE(f.keeper.live(f.symbol) != nullptr);
    CHECK(reference.same_as(f.keeper.live(f.symbol)->book()));
    CHECK(reference.same_as(f.strategy.sync.book()));
  }
}

namespace {

binance::market_data_settings of(const exchange& venue, strings streams) {
  binance::market_data_settings settings;
  settings.streams = std::move(streams);
  settings.websocket_url = "wss://127.0.0.1:" + std::to_string(venue.port());
  settings.rest_url = "https://127.0.0.1:" + std::to_string(venue.port());
  settings.ca_pem = venue.ca_pem();
  settings.session.stable_after = 0ms;
  settings.session.retry = {.base = 20ms, .cap = 200ms};
  settings.snapshot_levels = 5'000;
  return settings;
}

template <class Done>
bool read_until(subscription& ticks, consumer& strategy, Done done) {
  const std::stop_token never;
  const auto end = std::chrono::steady_clock::now() + foxtrot_test::bound(20s);
  for (const event& told : ticks.until(never, 20s)) {
    strategy.take(told);
    if (done(told)) return true;
    if (std::chrono::steady_clock::now() > end) return false;
  }
  return false;
}

bool is_kept_book(const event& told) {
  bool found = false;
  told.visit([](const status&) {}, [&](const depth_snapshot& d) { found = d.is_kept_book(); });
  return found;
}

}  // namespace

TEST_CASE(
    "books: an update that the venue loses is told, and the book mended over REST; a strategy's own is the same") {
  exchange_settings simulated;
  simulated.events_per_second = 1;  // so that most of the time the book is what the last update says
  simulated.levels = 200;
  simulated.market = GENERATE(sim_market::spot, sim_market::usdm);
  const bool spot = simulated.market == sim_market::spot;
  exchange venue{simulated};
  REQUIRE(venue.start());
  auto settings = of(venue, {"btcusdt@depth@100ms"});
  settings.market = spot ? binance::market::spot : binance::market::usdm;
  settings.snapshot_levels = 1'000;
  binance::market_data feed{settings};
  auto ticks = feed.subscribe();
  consumer strategy{rule_of(settings.market)};
  REQUIRE_FALSE(feed.connect());
  REQUIRE(read_until(ticks, strategy, [&](const event&) { return strategy.sync.state() == book_state::live; }));
  CHECK(strategy.statuses.empty());
  for (int round = 1; round <= 3; ++round) {
    strategy.statuses.clear();
    const std::size_t snapshots = strategy.snapshots;
    venue.lose_depth_update(std::string{btc});
    REQUIRE(read_until(ticks, strategy, [&](const event&) {
      return !strategy.statuses.empty() && strategy.statuses.back() == "resynchronised";
    }));
    CHECK(strategy.statuses.size() == 2);
    CHECK(strategy.statuses.front().ends_with(" missing"));
    CHECK(strategy.snapshots > snapshots);
    CHECK(strategy.sync.state() == book_state::live);
    CHECK(strategy.losses == static_cast<std::size_t>(round));
  }
  // the venue's book, when it stands still where ours does
  std::optional<foxtrot_test::plain_tick> theirs;
  for (int attempt = 0; attempt < 50 && !theirs; ++attempt) {
    REQUIRE(read_until(ticks, strategy, [](const event& told) { return told.kind() == tick_kind::depth_update; }));
    foxtrot_test::rest_client rest{venue};
    const auto answer =
        rest.get(spot ? "/api/v3/depth?symbol=BTCUSDT&limit=5000" : "/fapi/v1/depth?symbol=BTCUSDT&limit=1000");
    simdjson::dom::parser parser;
    auto tick = foxtrot_test::read_message(parser.parse(answer.body), btc);
    REQUIRE(tick);
    if (tick->id == strategy.sync.last_id()) theirs = std::move(tick);
  }
  REQUIRE(theirs);
  map_book reference{-8, -8};
  const auto bids = foxtrot_test::detail::raw_side(theirs->bids);
  const auto asks = foxtrot_test::detail::raw_side(theirs->asks);
  reference.assign({bids, asks, -8, -8});
  CHECK(reference.same_as(strategy.sync.book()));
  CHECK_FALSE(feed.disconnect());
  CHECK(feed.counters().gaps.get() == 3);
  CHECK(feed.counters().duplicates.get() == 0);
}

TEST_CASE("books: who lost updates, or comes late, asks for the whole book and is right from there on") {
  exchange_settings simulated;
  simulated.events_per_second = 1'000;
  simulated.levels = 200;
  exchange venue{simulated};
  REQUIRE(venue.start());
  binance::market_data feed{of(venue, {"btcusdt@depth@100ms", "ethusdt@trade"})};
  CHECK(feed.request_snapshot(btc) == errc::closed);
  CHECK(feed.request_snapshot("ETHUSDT") == errc::bad_argument);
  auto ticks = feed.subscribe();
  consumer first{book_rule::spot};
  REQUIRE_FALSE(feed.connect());
  REQUIRE_FALSE(feed.request_snapshot(btc));  // before there is a book
  REQUIRE(read_until(ticks, first, is_kept_book));
  CHECK(first.sync.state() == book_state::live);

  auto more = feed.subscribe();
  consumer late{book_rule::spot};
  REQUIRE(read_until(more, late, [&](const event&) { return late.sync.buffered() == 3; }));
  REQUIRE_FALSE(feed.request_snapshot(btc));
  REQUIRE(read_until(more, late, is_kept_book));
  CHECK(late.sync.state() == book_state::live);
  const std::uint64_t there = late.sync.last_id();
  REQUIRE(read_until(ticks, first, is_kept_book));
  CHECK(first.sync.last_id() == there);
  CHECK(same_books(first.sync.book(), late.sync.book()));
  for (int i = 0; i < 5; ++i) {
    for (auto [queue, strategy] : {std::pair{&ticks, &first}, std::pair{&more, &late}})
      REQUIRE(read_until(*queue, *strategy, [](const event& told) { return told.kind() == tick_kind::depth_update; }));
  }
  CHECK(first.sync.last_id() == late.sync.last_id());
  CHECK(same_books(first.sync.book(), late.sync.book()));
  CHECK(late.losses + first.losses == 0);

  feed.unsubscribe_streams({"btcusdt@depth@100ms"});
  CHECK(feed.request_snapshot(btc) == errc::bad_argument);
}

TEST_CASE("books: over reconnects a strategy's own book is as right as the feed's") {
  exchange_settings simulated;
  simulated.events_per_second = 1'000;
  simulated.levels = 200;
  exchange venue{simulated};
  REQUIRE(venue.start());
  binance::market_data feed{of(venue, {"btcusdt@depth@100ms", "ethusdt@depth@100ms"})};
  auto ticks = feed.subscribe({.symbols = {std::string{btc}}}).value();
  consumer strategy{book_rule::spot};
  REQUIRE_FALSE(feed.connect());
  for (int round = 0; round < 4; ++round) {
    REQUIRE(read_until(ticks, strategy, [&](const event&) { return strategy.sync.state() == book_state::live; }));
    REQUIRE_FALSE(feed.request_snapshot(btc));
    std::uint64_t id = 0;
    std::vector<price_level> bids, asks;
    REQUIRE(read_until(ticks, strategy, [&](const event& told) {
      told.visit([](const status&) {},
                 [&](const depth_snapshot& d) {
                   if (!d.is_kept_book()) return;
                   id = d.last_id();
                   for (const price_level& level : d.bids()) bids.push_back(level);
                   for (const price_level& level : d.asks()) asks.push_back(level);
                 });
      return id != 0;
    }));
    CHECK(strategy.sync.state() == book_state::live);
    CHECK(strategy.sync.last_id() == id);
    const auto mine = strategy.sync.book().bids();
    REQUIRE(mine.size() == bids.size());
    for (std::size_t i = 0; i < bids.size(); ++i) CHECK(mine[i] == bids[i]);
    REQUIRE(strategy.sync.book().asks().size() == asks.size());
    venue.reset_connections();
    REQUIRE(read_until(ticks, strategy, [&](const event& told) {
      bool back = false;
      told.visit([&](const status& s) { back = s.code() == status_code::connected; });
      return back;
    }));
    REQUIRE(read_until(ticks, strategy, [](const event& told) { return told.kind() == tick_kind::depth_update; }));
  }
}
