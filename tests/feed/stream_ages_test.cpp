// tests/feed/stream_ages_test.cpp: a stream that ought to speak and does not is found, one that may be quiet is not.
#include <foxtrot/feed/stream_ages.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

constexpr steady_time start{1h};
const symbol_id btc{1};
const symbol_id eth{7};

struct scene {
  scene() {
    limits.stale_after(tick_kind::book_ticker) = 5s;
    limits.first_after(tick_kind::book_ticker) = 3s;
    limits.stale_after(tick_kind::depth_update) = 8s;
    limits.first_after(tick_kind::depth_update) = 8s;
    limits.first_after(tick_kind::trade) = 60s;
  }
  /// What a look at that time finds: "stale 1", "ask_again s".
  strings look(steady_time now, steady_time::duration late = {}) {
    strings all;
    ages.look(this, limits, now, late, [&all](const age_finding& finding) {
      using what = age_finding::what;
      const auto symbol = std::to_string(static_cast<int>(finding.symbol));
      if (finding.found == what::stale) all.push_back("stale " + symbol);
      const char* name = finding.found == what::ask_again ? "ask "
                         : finding.found == what::silent  ? "silent "
                                                          : "heard ";
      if (finding.found == what::stale) return;
      for (const std::string& stream : *finding.streams) all.push_back(name + stream);
    });
    return all;
  }
  data_age_limits limits;
  stream_ages ages;
};

TEST_CASE("stream_ages: a book ticker that falls silent makes its symbol stale, its next tick fresh") {
  scene s;
  s.ages.watch(&s, "b", tick_kind::book_ticker, btc, start);
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, btc));
  CHECK(s.look(start + 1s).empty());
  CHECK(s.look(start + 6s - 1ns).empty());
  CHECK(s.look(start + 6s) == strings{"stale 1"});
  CHECK(s.ages.is_stale(btc));
  CHECK(s.look(start + 600s).empty());  // once
  CHECK(s.ages.note(tick_kind::book_ticker, btc));
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, btc));
  CHECK_FALSE(s.ages.is_stale(btc));
  CHECK(s.look(start + 601s).empty());
}

TEST_CASE("stream_ages: trades may be rare, but the first one is expected some time") {
  scene s;
  s.ages.watch(&s, "t", tick_kind::trade, btc, start);
  CHECK_FALSE(s.ages.note(tick_kind::trade, btc));
  CHECK(s.look(start + 1s).empty());
  CHECK(s.look(start + 100h).empty());
  scene never;
  never.ages.watch(&never, "t", tick_kind::trade, btc, start);
  CHECK(never.look(start + 59s).empty());
  CHECK(never.look(start + 60s) == strings{"ask t"});
}

TEST_CASE("stream_ages: what never speaks is asked for again, then given up, and heard when it speaks after all") {
  scene s;
  s.ages.watch(&s, "b", tick_kind::book_ticker, btc, start);
  CHECK(s.look(start + 3s) == strings{"ask b"});
  s.ages.watch(&s, "b", tick_kind::book_ticker, btc, start + 4s);  // confirmed again
  CHECK(s.look(start + 7s - 1ns).empty());
  CHECK(s.look(start + 7s) == strings{"silent b", "stale 1"});
  CHECK(s.look(start + 70s).empty());
  CHECK(s.ages.note(tick_kind::book_ticker, btc));
  CHECK(s.look(start + 71s) == strings{"heard b"});
  CHECK(s.look(start + 72s).empty());
}

TEST_CASE("stream_ages: a symbol is stale while one of its streams is") {
  scene s;
  s.ages.watch(&s, "b", tick_kind::book_ticker, btc, start);
  s.ages.watch(&s, "d", tick_kind::depth_update, btc, start);
  s.ages.watch(&s, "e", tick_kind::book_ticker, eth, start);
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, btc));
  CHECK_FALSE(s.ages.note(tick_kind::depth_update, btc));
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, eth));
  CHECK(s.look(start).empty());
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, eth));
  CHECK(s.look(start + 5s) == strings{"stale 1"});
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, eth));
  CHECK(s.look(start + 8s).empty());  // two streams, told once
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, btc));
  CHECK(s.ages.is_stale(btc));
  CHECK(s.ages.note(tick_kind::depth_update, btc));
  CHECK_FALSE(s.ages.is_stale(eth));
}

TEST_CASE("stream_ages: without a connection nothing ages; on the next one the first tick is due again") {
  scene s;
  s.ages.watch(&s, "b", tick_kind::book_ticker, btc, start);
  s.ages.watch(&s, "e", tick_kind::book_ticker, eth, start);
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, btc));
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, eth));
  CHECK(s.look(start + 1s).empty());
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, eth));
  CHECK(s.look(start + 6s) == strings{"stale 1"});
  s.ages.pause(&s);
  CHECK(s.look(start + 1h).empty());
  CHECK(s.ages.is_stale(btc));
  s.ages.watch(&s, "b", tick_kind::book_ticker, btc, start + 1h);
  s.ages.watch(&s, "e", tick_kind::book_ticker, eth, start + 1h);
  CHECK(s.look(start + 1h + 2s).empty());
  CHECK(s.ages.note(tick_kind::book_ticker, btc));  // stale before, fresh now
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, eth));
}

TEST_CASE("stream_ages: a stale symbol stays so from one owner to the next") {
  scene s;
  s.ages.watch(&s, "b", tick_kind::book_ticker, btc, start);
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, btc));
  CHECK(s.look(start).empty());
  CHECK(s.look(start + 5s) == strings{"stale 1"});
  s.ages.leave(&s);
  const int other = 0;
  s.ages.watch(&other, "b", tick_kind::book_ticker, btc, start + 1h);
  CHECK(s.look(start + 2h).empty());  // not ours any more
  CHECK(s.ages.note(tick_kind::book_ticker, btc));
}

TEST_CASE("stream_ages: a stream that nobody wants is not missed, and a late look blames nobody") {
  scene s;
  s.ages.watch(&s, "b", tick_kind::book_ticker, btc, start);
  s.ages.watch(&s, "b2", tick_kind::book_ticker, btc, start);
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, btc));
  CHECK(s.look(start).empty());
  CHECK_FALSE(s.ages.forget(&s, "b2"));
  CHECK(s.look(start + 10s, 6s).empty());
  CHECK(s.look(start + 11s) == strings{"stale 1"});
  CHECK(s.ages.forget(&s, "b"));
  CHECK_FALSE(s.ages.is_stale(btc));
  CHECK_FALSE(s.ages.forget(&s, "b"));
  CHECK(s.look(start + 1h).empty());
  CHECK_FALSE(s.ages.note(tick_kind::book_ticker, symbol_id{60'000}));  // unheard of
}

}  // namespace
