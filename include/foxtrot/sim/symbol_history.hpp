// foxtrot/sim/symbol_history.hpp: what has been traded of one simulated symbol.
#pragma once

#include <foxtrot/core/int128.hpp>
#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/sim/candle_series.hpp>
#include <foxtrot/sim/market_generator.hpp>
#include <foxtrot/sim/market_json.hpp>
#include <foxtrot/sim/symbol_spec.hpp>
#include <foxtrot/sim/turnover.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace foxtrot::inline v0 {

/// The last trades with the ids that streams tell, sums over all of them, and candles. Allocates nothing after its
/// constructor.
class symbol_history {
 public:
  static constexpr std::size_t most_trades = 10'000;

  struct trade {
    std::uint64_t id{0};
    std::int64_t matched_ns{0};
    sim_level traded;
    bool buyer_is_maker{false};
  };
  /// Since the market began. Its price was there before: prices are never none.
  struct totals {
    std::int64_t open{0}, high{0}, low{0};
    sim_level last;
    int128 volume{0}, turnover{0};
    std::uint64_t first_id{0}, last_id{0};  // mean something where there were trades
    std::uint64_t trades{0};
  };

  symbol_history(sim_market market, const symbol_spec& spec) : worth_{market, spec} {
    sums_.open = sums_.high = sums_.low = sums_.last.price = spec.price;
    for (std::size_t i = 0; i < kline_interval_count; ++i)
      candles_.emplace_back(static_cast<kline_interval>(i), spec.price);
    trades_.reserve(most_trades);
  }

  /// Takes what is a trade.
  void add(const market_event& event) {
    if (event.what != market_event::kind::trade) return;
    const trade one{event.fill.trade_id, matched_ns(event.at_ns), event.fill.traded, event.buyer_is_maker};
    const int128 worth = worth_.of(one.traded);
    if (trades_.size() < most_trades) {
      trades_.push_back(one);
    } else {
      trades_[oldest_] = one;
      oldest_ = (oldest_ + 1) % most_trades;
    }
    if (sums_.trades++ == 0) sums_.first_id = one.id;
    sums_.last_id = one.id;
    sums_.last = one.traded;
    sums_.high = std::max(sums_.high, one.traded.price);
    sums_.low = std::min(sums_.low, one.traded.price);
    sums_.volume += one.traded.quantity;
    sums_.turnover += worth;
    for (candle_series& each : candles_) each.add(one.matched_ns, one.traded, worth, one.buyer_is_maker);
  }

  /// How many trades are kept; number 0 is the oldest.
  [[nodiscard]] std::size_t size() const noexcept { return trades_.size(); }
  [[nodiscard]] const trade& at(std::size_t number) const noexcept {
    return trades_[(oldest_ + number) % trades_.size()];
  }
  [[nodiscard]] const totals& sums() const noexcept { return sums_; }
  [[nodiscard]] const turnover_rule& worth() const noexcept { return worth_; }

  /// Up to the one that is open now.
  [[nodiscard]] const candle_series& candles(kline_interval interval, std::int64_t now_ns) {
    candle_series& series = candles_[static_cast<std::size_t>(interval)];
    series.advance(now_ns);
    return series;
  }

 private:
  turnover_rule worth_;
  std::vector<trade> trades_;  // a ring once it is full
  std::size_t oldest_{0};
  totals sums_;
  std::vector<candle_series> candles_;  // by interval
};

}  // namespace foxtrot::inline v0
