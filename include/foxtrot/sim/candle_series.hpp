// foxtrot/sim/candle_series.hpp: the candles of one simulated symbol and interval, the last few of them.
#pragma once

#include <foxtrot/core/int128.hpp>
#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/sim/sim_book.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace foxtrot::inline v0 {

namespace detail {

/// Of all but months.
[[nodiscard]] constexpr std::int64_t length_ns_of(kline_interval interval) noexcept {
  constexpr std::array<std::int64_t, kline_interval_count - 1> seconds{
      1, 60, 180, 300, 900, 1'800, 3'600, 7'200, 14'400, 21'600, 28'800, 43'200, 86'400, 259'200, 604'800};
  return seconds[static_cast<std::size_t>(interval)] * 1'000'000'000;
}

}  // namespace detail

/// When the interval begins that holds this moment, since the epoch, in UTC. Weeks begin on Mondays.
[[nodiscard]] inline std::int64_t open_of(kline_interval interval, std::int64_t at_ns) noexcept {
  using namespace std::chrono;
  if (interval == kline_interval::mo1) {
    const year_month_day day{floor<days>(sys_time<nanoseconds>{nanoseconds{at_ns}})};
    return nanoseconds{sys_days{day.year() / day.month() / 1}.time_since_epoch()}.count();
  }
  constexpr std::int64_t first_monday_ns = nanoseconds{days{4}}.count();
  const std::int64_t shift = interval == kline_interval::w1 ? first_monday_ns : 0;
  return at_ns - (at_ns - shift) % detail::length_ns_of(interval);
}

/// When the interval after the one that begins here begins.
[[nodiscard]] inline std::int64_t next_open_of(kline_interval interval, std::int64_t open_ns) noexcept {
  using namespace std::chrono;
  if (interval == kline_interval::mo1) return open_of(interval, open_ns + nanoseconds{days{31}}.count());
  return open_ns + detail::length_ns_of(interval);
}

/// Prices in ticks, volumes in lots, turnovers as turnover_rule counts them.
struct sim_candle {
  std::int64_t open_ns{0};
  std::int64_t open{0}, high{0}, low{0}, close{0};
  int128 volume{0}, turnover{0};
  int128 taker_buy_volume{0}, taker_buy_turnover{0};
  std::uint64_t trades{0};
};

/// The last `most` candles; allocates nothing after its constructor. An interval without a trade has a candle, too: it stays
/// where the one before closed.
class candle_series {
 public:
  static constexpr std::size_t most = 32;

  candle_series(kline_interval interval, std::int64_t price) : interval_{interval}, price_{price} {
    candles_.reserve(most);
  }

  void add(std::int64_t at_ns, const sim_level& traded, int128 turnover, bool buyer_is_maker) {
    advance(at_ns);
    sim_candle& now = candles_[newest_];
    if (now.trades++ == 0) now.open = now.high = now.low = traded.price;
    now.high = std::max(now.high, traded.price);
    now.low = std::min(now.low, traded.price);
    now.close = price_ = traded.price;
    now.volume += traded.quantity;
    now.turnover += turnover;
    if (buyer_is_maker) return;
    now.taker_buy_volume += traded.quantity;
    now.taker_buy_turnover += turnover;
  }

  /// Begins the candle of this moment, and those that are missing before it.
  void advance(std::int64_t now_ns) {
    if (candles_.empty()) return push(open_of(interval_, now_ns));
    while (now_ns >= next_open_ns_) push(next_open_ns_);
  }

  [[nodiscard]] std::size_t size() const noexcept { return candles_.size(); }
  /// Rank 0 is the newest.
  [[nodiscard]] const sim_candle& at(std::size_t rank) const noexcept {
    return candles_[(newest_ + candles_.size() - rank) % candles_.size()];
  }
  [[nodiscard]] kline_interval interval() const noexcept { return interval_; }

 private:
  void push(std::int64_t open_ns) {
    const sim_candle fresh{.open_ns = open_ns, .open = price_, .high = price_, .low = price_, .close = price_};
    if (candles_.size() < most) {
      newest_ = candles_.size();
      candles_.push_back(fresh);
    } else {
      newest_ = (newest_ + 1) % most;
      candles_[newest_] = fresh;
    }
    next_open_ns_ = next_open_of(interval_, open_ns);
  }

  kline_interval interval_;
  std::int64_t price_;  // the last one
  std::vector<sim_candle> candles_;
  std::size_t newest_{0};
  std::int64_t next_open_ns_{0};
};

}  // namespace foxtrot::inline v0
