// tests/acceptance/continuity_test.cpp: messages that are lost, doubled and swapped, over reconnects: every hole is
// told with its ids, nothing comes twice, each symbol's ticks stay in order.
#include <foxtrot/exchange/binance/codec.hpp>
#include <foxtrot/feed/publisher.hpp>

#include <foxtrot/sim/market_generator.hpp>
#include <foxtrot/sim/market_json.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::repetitions;

/// One message: it leads its stream from id `before` to id `last`.
struct message {
  tick_kind kind{};
  std::size_t symbol{0};
  std::uint64_t before{0};
  std::uint64_t last{0};
  std::string text;
};

/// The messages of a generated market, in the venue's words and order.
class venue_messages {
 public:
  explicit venue_messages(sim_market market)
      : market_{market}, events_{{.market = market, .events_per_second = 2'000, .depth_interval = depth_interval}} {
    for (const symbol_spec& spec : events_.symbols()) json_.emplace_back(market, spec);
  }

  /// Appends those of the next event.
  void next(std::vector<message>& out) {
    using kind = market_event::kind;
    const market_event& event = events_.next();
    const market_json& json = json_[event.symbol];
    const auto add = [&](tick_kind what, std::uint64_t before, std::uint64_t last) -> std::string& {
      out.push_back({what, event.symbol, before, last, {}});
      return out.back().text;
    };
    const auto unit = time_unit::milliseconds;
    if (event.what == kind::book_ticker) {
      json.book_ticker(add(tick_kind::book_ticker, 0, event.update_id), event, unit);
    } else if (event.what == kind::trade) {
      const std::uint64_t id = event.fill.trade_id;
      json.trade(add(tick_kind::trade, id - 1, id), event, unit);
      json.agg_trade(add(tick_kind::aggregate_trade, id - 1, id), event, unit);
    } else if (event.what == kind::depth) {
      const bool spot = market_ == sim_market::spot;
      const std::uint64_t before = spot ? event.diff.first_id - 1 : event.diff.previous_id;
      json.depth(add(tick_kind::depth_update, before, event.diff.last_id), event, unit);
    }
  }
  [[nodiscard]] auto symbols() const { return events_.symbols(); }

 private:
  static constexpr std::chrono::milliseconds depth_interval{20};

  sim_market market_;
  market_generator events_;
  std::vector<market_json> json_;
};

using stream_key = std::pair<tick_kind, std::string>;

/// What became of the messages of one stream on their way to us, and what a consumer was told of it.
struct stream {
  std::map<std::uint64_t, std::uint64_t> missing;  // by `before`, those that did not come in their place: `last`
  bool begun{false};
  std::uint64_t sent_last{0};  // the highest id that came
  std::uint64_t told_to{0};    // ids up to here were delivered or told as missing
  bool told_begun{false};
};

class scene {
 public:
  explicit scene(sim_market market)
      : source_{market}, codec_{market == sim_market::spot ? binance::market::spot : binance::market::usdm} {}

  void run(std::size_t events) {
    std::vector<message> fresh;
    while (taken_ < events) {
      fresh.clear();
      source_.next(fresh);
      for (message& each : fresh) {
        disturbed_ = taken_ < events - events / 20;  // at the end each stream shows its last hole
        pass_on(std::move(each));
        if (++taken_ % 64 == 0) read();
        if (disturbed_ && chance_() % 10'000 == 0) reconnect();
      }
    }
    for (const message& late : std::exchange(late_, {})) send(late);
    read();
    check();
  }

 private:
  static constexpr std::size_t most_history = 64;

  [[nodiscard]] stream& stream_of(const message& of) { return streams_[{of.kind, source_.symbols()[of.symbol].name}]; }

  void pass_on(message&& next) {
    stream& through = stream_of(next);
    const std::size_t fate = disturbed_ && through.begun ? chance_() % 1'000 : 1'000;
    if (fate == 0 || outage_ != 0) {
      if (outage_ != 0) --outage_;
      if (!through.begun) return;
      through.missing[next.before] = next.last;
      ++lost_;
      return;
    }
    if (fate == 1) {  // behind the next one
      through.missing[next.before] = next.last;
      late_.push_back(std::move(next));
      return;
    }
    through.begun = true;
    send(next);
    if (fate == 2) send(next);
    const auto waits = [&](const message& late) { return late.kind == next.kind && late.symbol == next.symbol; };
    for (const message& late : late_) {
      if (waits(late)) send(late);
    }
    std::erase_if(late_, waits);
    if (fate == 3 && !history_.empty()) send(history_[chance_() % history_.size()]);  // much later
    history_.push_back(std::move(next));
    if (history_.size() > most_history) history_.erase(history_.begin(), history_.begin() + most_history / 2);
  }

  void send(const message& what) {
    stream& through = stream_of(what);
    if (what.last <= through.sent_last) {
      ++repeated_;
    } else {
      through.sent_last = what.last;
    }
    ++sent_;
    padded_.assign(what.text).append(64, ' ');
    publisher::batch batch{out_};
    const auto found = codec_.decode({padded_.data(), what.text.size()}, 1'700'000'000'000'000'000, batch);
    if (found != message_type::tick) FAIL("not understood: " << what.text);
  }

  // The next connection begins a little later than the last one ended, or tells the end once more, or neither.
  void reconnect() {
    {
      publisher::batch batch{out_};
      batch.publish_status(make_status(status_code::disconnected, 1, errc::closed), venue::binance_spot);
      batch.publish_status(make_status(status_code::connected, 2), venue::binance_spot);
    }
    late_.clear();  // these never come
    ++reconnects_;
    switch (chance_() % 3) {
      case 0: outage_ = chance_() % 50; break;
      case 1:
        for (const message& again : history_) send(again);
        break;
      default: break;
    }
  }

  void read() {
    const auto seen = [this](tick_kind kind, const symbol& who, std::uint64_t before, std::uint64_t last) {
      stream& of = streams_.at({kind, std::string{who.name()}});
      ++delivered_;
      if (last <= of.told_to) FAIL(to_string(kind) << ' ' << last << " after " << of.told_to);
      if (of.told_begun && kind != tick_kind::book_ticker && before != of.told_to)
        FAIL(to_string(kind) << ' ' << last << " follows " << before << ", told are ids up to " << of.told_to);
      of.told_begun = true;
      of.told_to = last;
    };
    ticks_.poll(100'000, [&](const event& told) {
      told.visit(
          [&](const status& s) { hear(s); },
          [&](const book_ticker& t) { seen(told.kind(), t.symbol(), 0, t.update_id()); },
          [&](const trade& t) { seen(told.kind(), t.symbol(), t.trade_id() - 1, t.trade_id()); },
          [&](const aggregate_trade& t) { seen(told.kind(), t.symbol(), t.aggregate_id() - 1, t.aggregate_id()); },
          [&](const depth_update& d) {
            seen(told.kind(), d.symbol(), d.previous_id().value_or(d.first_id() - 1), d.last_id());
          });
    });
  }

  void hear(const status& s) {
    if (s.code() != status_code::gap) {
      states_ += s.code() == status_code::connected;
      if (s.code() != status_code::connected && s.code() != status_code::disconnected) FAIL(s.name());
      return;
    }
    ++gaps_;
    stream& of = streams_.at({s.gap_kind(), std::string{s.symbol().name()}});
    if (s.reason() != gap_reason::missing || s.from() != of.told_to + 1 || s.to() < s.from())
      FAIL("gap " << s.from() << ".." << s.to() << " after " << of.told_to);
    for (std::uint64_t at = of.told_to; at != s.to();) {  // it has to be made of what did not come
      const auto hole = of.missing.find(at);
      if (hole == of.missing.end() || hole->second > s.to()) FAIL("false gap " << s.from() << ".." << s.to());
      at = hole->second;
      ++holes_told_;
      of.missing.erase(hole);
    }
    of.told_to = s.to();
  }

  void check() {
    std::size_t untold = 0;
    for (const auto& [key, of] : streams_) {
      CHECK(of.told_to == of.sent_last);
      if (key.first != tick_kind::book_ticker) untold += of.missing.size();
    }
    CHECK(untold == 0);
    CHECK(streams_.size() == 4 * source_.symbols().size());
    CHECK(gaps_ == out_.counters().gaps.get());
    CHECK(repeated_ == out_.counters().duplicates.get());
    CHECK(delivered_ == sent_ - repeated_);
    CHECK(out_.counters().renumbered.get() == 0);
    CHECK(out_.counters().rejected.get() == 0);
    CHECK(states_ == reconnects_);
    CHECK(ticks_.dropped() == 0);
    // there was something to see
    CHECK(gaps_ > taken_ / 10'000);
    CHECK(holes_told_ >= gaps_);
    CHECK(lost_ > taken_ / 2'000);
    CHECK(repeated_ > taken_ / 1'000);
    CHECK(reconnects_ > taken_ / 30'000);
  }

  venue_messages source_;
  std::mt19937_64 chance_{45};
  symbol_table symbols_;
  publisher out_{symbols_};
  binance::codec codec_;
  subscription ticks_{out_.subscribe({}).value()};
  std::map<stream_key, stream> streams_;
  std::vector<message> late_;
  std::vector<message> history_;
  std::string padded_;
  std::size_t outage_{0};  // so many messages yet are lost
  bool disturbed_{false};
  std::uint64_t taken_{0}, sent_{0}, repeated_{0}, lost_{0}, delivered_{0}, gaps_{0}, holes_told_{0}, reconnects_{0},
      states_{0};
};

TEST_CASE("continuity: of 1,000,000 messages disturbed at 1 in 1,000 every hole is told, and no other",
          "[acceptance][soak]") {
  for (const sim_market market : {sim_market::spot, sim_market::usdm}) {
    INFO((market == sim_market::spot ? "spot" : "usdm"));
    scene s{market};
    s.run(repetitions(1'000'000));
  }
}

}  // namespace
