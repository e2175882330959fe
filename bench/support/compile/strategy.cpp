// bench/support/compile/strategy.cpp: what bench/compile compiles: a strategy's file, which sees ticks and threads.
#include <foxtrot/strategy.hpp>

#include <cstdint>
#include <stop_token>

// Follows the spread and says how often it was wide.
std::uint64_t watch_spread(foxtrot::subscription& ticks, const std::stop_token& stop, double limit);

std::uint64_t watch_spread(foxtrot::subscription& ticks, const std::stop_token& stop, double limit) {
  std::uint64_t wide = 0;
  bool fresh = true;
  for (const auto& event : ticks.until(stop)) {
    event.visit(
        [&](const foxtrot::book_ticker& t) {
          if (fresh && t.ask_price().to_double() - t.bid_price().to_double() > limit) ++wide;
        },
        [&](const foxtrot::status& s) {
          if (s.code() == foxtrot::status_code::stale) fresh = false;
          if (s.code() == foxtrot::status_code::fresh) fresh = true;
        },
        [](const foxtrot::trade&) {});
  }
  return wide;
}
