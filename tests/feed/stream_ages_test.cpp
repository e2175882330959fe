// tests/feed/stream_ages_test.cpp: a stream that ought to speak and does not is found, one that may be quiet is not.
#include <foxtrot/feed/stream_ages.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
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

// --- what is polled ---

constexpr auto quotes = tick_kind::book_ticker;

// The symbols that are stale by now, because polling brings nothing.
strings look_at_polled(scene& s, steady_time now) {
  strings all;
  s.ages.look_at_polled(s.limits, now,
                        [&all](symbol_id symbol) { all.push_back(std::to_string(static_cast<int>(symbol))); });
  return all;
}

TEST_CASE("stream_ages: what is polled is stale when polling brings nothing, and fresh when it does again") {
  scene s;
  CHECK_FALSE(s.ages.is_polled(quotes, btc));
  CHECK_FALSE(s.ages.is_polled(quotes, symbol_id::none));
  s.ages.poll(quotes, btc, start);
  CHECK(s.ages.is_polled(quotes, btc));
  CHECK_FALSE(s.ages.is_polled(quotes, eth));
  CHECK_FALSE(s.ages.is_polled(tick_kind::trade, btc));
  CHECK(look_at_polled(s, start + 5s - 1ns).empty());
  CHECK_FALSE(s.ages.note_polled(quotes, btc));
  CHECK(look_at_polled(s, start + 5s).empty());
  CHECK(look_at_polled(s, start + 10s - 1ns).empty());
  CHECK(look_at_polled(s, start + 10s) == strings{"1"});
  CHECK(s.ages.is_stale(btc));
  CHECK(look_at_polled(s, start + 1h).empty());  // once
  s.ages.poll(quotes, btc, start + 1h);          // it is already
  CHECK(s.ages.is_stale(btc));
  CHECK(s.ages.note_polled(quotes, btc));
  CHECK_FALSE(s.ages.note_polled(quotes, btc));
  CHECK_FALSE(s.ages.is_stale(btc));
  CHECK(look_at_polled(s, start + 1h).empty());
  CHECK(look_at_polled(s, start + 1h + 5s) == strings{"1"});
  CHECK(s.ages.unpoll(quotes, btc));  // nobody is left to tell
  CHECK_FALSE(s.ages.is_stale(btc));
  CHECK_FALSE(s.ages.unpoll(quotes, btc));
  CHECK(s.look(start + 2h).empty());
  CHECK(look_at_polled(s, start + 2h).empty());
}

TEST_CASE("stream_ages: the stream's first tick ends polling, and is fresh where the symbol was stale") {
  scene s;
  s.ages.watch(&s, "b", quotes, btc, start);
  s.ages.poll(quotes, btc, start);
  s.ages.watch(&s, "b", quotes, btc, start);
  SECTION("not stale") { CHECK_FALSE(s.ages.note(quotes, btc)); }
  SECTION("stale by polling") {
    CHECK(look_at_polled(s, start + 5s) == strings{"1"});
    CHECK(s.ages.note(quotes, btc));
  }
  CHECK_FALSE(s.ages.is_polled(quotes, btc));
  CHECK_FALSE(s.ages.note_polled(quotes, btc));  // a straggler
  CHECK_FALSE(s.ages.unpoll(quotes, btc));
  CHECK(s.look(start + 6s).empty());
  CHECK(s.look(start + 11s) == strings{"stale 1"});
}

TEST_CASE("stream_ages: while polling brings ticks a silent stream makes nothing stale, but is asked for again") {
  scene s;
  s.ages.watch(&s, "b", quotes, btc, start);
  s.ages.poll(quotes, btc, start);
  CHECK(s.look(start + 3s) == strings{"ask b"});
  CHECK_FALSE(s.ages.note_polled(quotes, btc));
  CHECK(look_at_polled(s, start + 4s).empty());
  CHECK(s.look(start + 6s) == strings{"silent b"});
  CHECK(s.look(start + 7s).empty());
  SECTION("it speaks after all") {
    CHECK_FALSE(s.ages.note(quotes, btc));
    CHECK(s.look(start + 8s) == strings{"heard b"});
  }
  SECTION("polling ends before: from then on nothing comes") {
    CHECK_FALSE(s.ages.unpoll(quotes, btc));
    CHECK(s.look(start + 8s) == strings{"stale 1"});
    CHECK(s.look(start + 9s).empty());
    CHECK(s.ages.note(quotes, btc));
    CHECK(s.look(start + 10s) == strings{"heard b"});
  }
}

TEST_CASE("stream_ages: what was stale stays so when polling begins, until it brings something") {
  scene s;
  s.ages.watch(&s, "b", quotes, btc, start);
  CHECK_FALSE(s.ages.note(quotes, btc));
  CHECK(s.look(start).empty());
  CHECK(s.look(start + 5s) == strings{"stale 1"});
  s.ages.pause(&s);
  s.ages.poll(quotes, btc, start + 6s);
  CHECK(s.ages.is_stale(btc));
  CHECK(look_at_polled(s, start + 1h).empty());
  SECTION("polling brings it") {
    CHECK(s.ages.note_polled(quotes, btc));
    CHECK_FALSE(s.ages.unpoll(quotes, btc));
    CHECK_FALSE(s.ages.is_stale(btc));
  }
  SECTION("the stream brings it") { CHECK(s.ages.note(quotes, btc)); }
  SECTION("polling ends without") {
    CHECK_FALSE(s.ages.unpoll(quotes, btc));  // its owner may still tell
    CHECK(s.ages.is_stale(btc));
    CHECK(s.ages.note(quotes, btc));
  }
  SECTION("nobody wants the stream, then nobody the polling") {
    CHECK_FALSE(s.ages.forget(&s, "b"));
    CHECK(s.ages.is_stale(btc));
    CHECK(s.ages.unpoll(quotes, btc));
  }
}

TEST_CASE("stream_ages: a whole book stands in for updates") {
  scene s;
  s.ages.poll(tick_kind::depth_update, btc, start);
  CHECK(look_at_polled(s, start + 8s) == strings{"1"});
  CHECK(s.ages.note_polled(tick_kind::depth_snapshot, btc));
  CHECK(look_at_polled(s, start + 9s).empty());
  CHECK(look_at_polled(s, start + 17s) == strings{"1"});
  s.ages.poll(quotes, btc, start);
  CHECK(look_at_polled(s, start + 17s).empty());  // stale already
  CHECK_FALSE(s.ages.note_polled(tick_kind::depth_snapshot, btc));
  CHECK(s.ages.note_polled(quotes, btc));
}

// The rules in plain words, without the marks: what a key knows is held apart, and looked through each time.
class model {
 public:
  struct key_state {
    bool watched{false}, running{false}, spoken{false}, silent{false}, ticked{false};
    bool polled{false}, answered_since{false}, stale{false};
    unsigned asked{0};
    std::set<std::string> streams;
    steady_time last{}, answered{};
  };
  using key = std::pair<tick_kind, symbol_id>;

  explicit model(const data_age_limits& limits) : limits_{limits} {}

  [[nodiscard]] bool is_stale(symbol_id symbol) const {
    for (const auto& [which, state] : keys_) {
      if (which.second == symbol && state.stale) return true;
    }
    return false;
  }
  [[nodiscard]] bool is_polled(key which) const { return keys_.contains(which) && keys_.at(which).polled; }

  bool note(key which) {
    const auto at = keys_.find(which);
    if (at == keys_.end()) return false;
    at->second.ticked = true;
    at->second.polled = false;
    return mend(at->second, which.second);
  }
  void watch(key which, const std::string& stream, steady_time now) {
    key_state& state = keys_[which];
    if (!state.watched) {
      state.spoken = state.silent = state.running = false;
      state.asked = 0;
      state.streams.clear();
    }
    // a tick that came while nobody waited for it is none of the stream's
    if (!state.spoken) state.ticked = false;
    state.watched = state.running = true;
    state.streams.insert(stream);
    state.last = now;
  }
  bool forget(key which, const std::string& stream) {
    const auto at = keys_.find(which);
    if (at == keys_.end() || !at->second.watched || at->second.streams.erase(stream) == 0) return false;
    if (!at->second.streams.empty()) return false;
    at->second.watched = at->second.running = false;
    return !at->second.polled && drop(which);
  }
  void pause() {
    for (auto& [which, state] : keys_) {
      if (!state.watched) continue;
      state.running = state.spoken = state.ticked = false;
      state.asked = 0;
    }
  }
  void poll(key which, steady_time now) {
    key_state& state = keys_[which];
    if (state.polled) return;
    state.polled = true;
    state.answered_since = false;
    state.ticked = false;
    state.answered = now;
  }
  bool unpoll(key which) {
    const auto at = keys_.find(which);
    if (at == keys_.end() || !at->second.polled) return false;
    at->second.polled = false;
    return !at->second.watched && drop(which);
  }
  bool note_polled(key which) {
    const auto at = keys_.find(which);
    if (at == keys_.end() || !at->second.polled) return false;
    at->second.answered_since = true;
    return mend(at->second, which.second);
  }
  std::multiset<std::string> look(steady_time now) {
    std::multiset<std::string> all;
    for (auto& [which, state] : keys_) {
      if (!state.watched || !state.running) continue;
      if (state.ticked) {
        state.ticked = false;
        state.spoken = true;
        state.last = now;
        if (std::exchange(state.silent, false)) add(all, "heard ", state);
        continue;
      }
      const auto kind = static_cast<std::size_t>(which.first);
      const steady_time::duration limit = state.spoken ? limits_.stale[kind] : limits_.first[kind];
      if (limit == 0s || now - state.last < limit) continue;
      if (!state.spoken && !state.silent) {
        if (++state.asked < limits_.first_attempts) {
          state.last = now;
          add(all, "ask ", state);
          continue;
        }
        state.silent = true;
        add(all, "silent ", state);
      }
      if (!state.polled && !state.stale) break_it(all, state, which.second);
    }
    return all;
  }
  std::multiset<std::string> look_at_polled(steady_time now) {
    std::multiset<std::string> all;
    for (auto& [which, state] : keys_) {
      if (std::exchange(state.answered_since, false)) state.answered = now;
      const steady_time::duration limit = limits_.stale[static_cast<std::size_t>(which.first)];
      if (!state.polled || state.stale || limit == 0s || now - state.answered < limit) continue;
      break_it(all, state, which.second);
    }
    return all;
  }

 private:
  static void add(std::multiset<std::string>& to, const char* what, const key_state& state) {
    for (const std::string& stream : state.streams) to.insert(what + stream);
  }
  void break_it(std::multiset<std::string>& all, key_state& state, symbol_id symbol) {
    const bool before = is_stale(symbol);
    state.stale = true;
    if (!before) all.insert("stale " + std::to_string(static_cast<int>(symbol)));
  }
  bool mend(key_state& state, symbol_id symbol) { return std::exchange(state.stale, false) && !is_stale(symbol); }
  bool drop(key which) {
    const bool was = keys_.at(which).stale;
    keys_.erase(which);
    return was && !is_stale(which.second);
  }

  const data_age_limits& limits_;
  std::map<key, key_state> keys_;
};

TEST_CASE("stream_ages: in every order of events stale and fresh are told once each, and as the rules have it") {
  std::mt19937 random{5};
  for (int round = 0; round < 300; ++round) {
    scene s;
    s.limits.first_attempts = 1 + static_cast<std::uint32_t>(random() % 3);
    model rules{s.limits};
    std::set<symbol_id> told;  // as stale
    steady_time now = start;
    const auto fresh = [&](bool said, bool expected, symbol_id symbol) {
      REQUIRE(said == expected);
      if (said) REQUIRE(told.erase(symbol) == 1);
    };
    for (int step = 0; step < 400; ++step) {
      const symbol_id symbol = random() % 2 == 0 ? btc : eth;
      const tick_kind kind = std::array{quotes, tick_kind::depth_update, tick_kind::trade}[random() % 3];
      const model::key which{kind, symbol};
      const std::string stream = std::to_string(static_cast<int>(kind)) + "/" +
                                 std::to_string(static_cast<int>(symbol)) + "/" + std::to_string(random() % 2);
      const unsigned action = static_cast<unsigned>(random() % 12);
      INFO("round " << round << ", step " << step << ": " << action << " " << stream);
      switch (action) {
        case 0:
          s.ages.watch(&s, stream, kind, symbol, now);
          rules.watch(which, stream, now);
          break;
        case 1: fresh(s.ages.forget(&s, stream), rules.forget(which, stream), symbol); break;
        case 2:
          if (random() % 4 != 0) break;
          s.ages.pause(&s);
          rules.pause();
          break;
        case 3:
          s.ages.poll(kind, symbol, now);
          rules.poll(which, now);
          break;
        case 4: fresh(s.ages.unpoll(kind, symbol), rules.unpoll(which), symbol); break;
        case 5: fresh(s.ages.note(kind, symbol), rules.note(which), symbol); break;
        case 6: fresh(s.ages.note_polled(kind, symbol), rules.note_polled(which), symbol); break;
        case 7:
        case 8: {
          std::multiset<std::string> polled;
          for (const std::string& each : look_at_polled(s, now)) polled.insert("stale " + each);
          REQUIRE(polled == rules.look_at_polled(now));
          for (const symbol_id each : {btc, eth}) {
            if (polled.contains("stale " + std::to_string(static_cast<int>(each)))) REQUIRE(told.insert(each).second);
          }
          break;
        }
        case 9:
        case 10: {
          const strings found = s.look(now);
          const std::multiset<std::string> all{found.begin(), found.end()};
          REQUIRE(all == rules.look(now));
          for (const symbol_id each : {btc, eth}) {
            if (all.contains("stale " + std::to_string(static_cast<int>(each)))) REQUIRE(told.insert(each).second);
          }
          break;
        }
        default: now += std::chrono::milliseconds{random() % 4'000}; break;
      }
      for (const symbol_id each : {btc, eth}) {
        REQUIRE(s.ages.is_stale(each) == told.contains(each));
        REQUIRE(s.ages.is_stale(each) == rules.is_stale(each));
        for (const tick_kind of : {quotes, tick_kind::depth_update, tick_kind::trade}) {
          REQUIRE(s.ages.is_polled(of, each) == rules.is_polled({of, each}));
        }
      }
    }
  }
}

}  // namespace
