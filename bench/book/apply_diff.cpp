// bench/book/apply_diff.cpp: book/apply_diff/SUBJECT: the time one recorded depth diff takes to get into a book, with
// the best bid and ask looked at afterwards.
//
// All diffs of the spot BTCUSDT, spot ETHUSDT and USD-M BTCUSDT captures, from the snapshot on; decoded beforehand.
// ns_per_message and ns_per_level are over all of them: smaller is better. `map` is two std::map from price to
// quantity.
#include <book/recorded_diffs.hpp>
#include <support/bench.hpp>

#include <foxtrot/market/order_book.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace foxtrot_bench;

class foxtrot_book {
 public:
  void assign(const recorded_message& snapshot) { book_.assign(snapshot.changes()); }
  [[nodiscard]] std::int64_t apply(const recorded_message& diff) {
    if (book_.apply(diff.changes()) != foxtrot::errc::none) return 0;
    return book_.best_ask()->price.mantissa() - book_.best_bid()->price.mantissa();
  }

 private:
  foxtrot::order_book book_{{.reserve = 8'192}};
};

class map_book {
 public:
  void assign(const recorded_message& snapshot) {
    bids_.clear();
    asks_.clear();
    (void)apply(snapshot);
  }
  [[nodiscard]] std::int64_t apply(const recorded_message& diff) {
    const foxtrot::level_changes changes = diff.changes();
    for (const foxtrot::raw_level& level : changes.bids) set(bids_, level);
    for (const foxtrot::raw_level& level : changes.asks) set(asks_, level);
    return asks_.begin()->first - bids_.begin()->first;
  }

 private:
  template <class Side>
  static void set(Side& side, const foxtrot::raw_level& level) {
    if (level.quantity == 0) {
      side.erase(level.price);
    } else {
      side[level.price] = level.quantity;
    }
  }

  std::map<std::int64_t, std::int64_t, std::greater<>> bids_;
  std::map<std::int64_t, std::int64_t> asks_;
};

const std::vector<recorded_book>& captures() {
  static const std::vector<recorded_book> all = [] {
    std::vector<recorded_book> made;
    for (const char* name :
         {"spot/btcusdt_20240808.txt.gz", "spot/ethusdt_20240808.txt.gz", "usdm/btcusdt_20240808.txt.gz"}) {
      made.push_back(read_capture(name));
    }
    return made;
  }();
  return all;
}

template <class Book>
void measure(benchmark::State& state) {
  using clock = std::chrono::steady_clock;
  std::size_t messages = 0;
  std::size_t levels = 0;
  clock::duration spent{};
  std::int64_t spreads = 0;
  for (int round = quick ? 3 : 10; round > 0; --round) {
    for (const recorded_book& one : captures()) {
      Book book;
      book.assign(one.snapshot);
      const auto began = clock::now();
      for (const recorded_message& diff : one.diffs) spreads += book.apply(diff);
      spent += clock::now() - began;
      messages += one.diffs.size();
      for (const recorded_message& diff : one.diffs) levels += diff.levels.size();
    }
  }
  if (messages == 0 || spreads <= 0) return state.SkipWithError("FOXTROT_CAPTURES names no folder of captures");
  const auto ns = static_cast<double>(std::chrono::nanoseconds{spent}.count());
  state.counters["ns_per_message"] = ns / static_cast<double>(messages);
  state.counters["ns_per_level"] = ns / static_cast<double>(levels);
  state.SetIterationTime(ns / static_cast<double>(messages) * 1e-9);
}

[[maybe_unused]] const bool added = [] {
  add_row("book/apply_diff/foxtrot", measure<foxtrot_book>);
  add_row("book/apply_diff/map", measure<map_book>);
  return true;
}();

}  // namespace
