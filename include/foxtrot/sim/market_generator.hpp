// foxtrot/sim/market_generator.hpp: a reproducible market of several symbols, told as events in order of time.
#pragma once

#include <foxtrot/sim/random.hpp>
#include <foxtrot/sim/sim_book.hpp>
#include <foxtrot/sim/symbol_market.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

struct generator_settings {
  sim_market market{sim_market::spot};
  std::vector<symbol_spec> symbols{};   ///< empty: default_symbols(market)
  std::uint64_t seed{1};                ///< the same seed gives the same market, byte for byte
  std::int64_t events_per_second{800};  ///< of all symbols; what the diffs leave goes to quotes and trades
  std::chrono::nanoseconds depth_interval{std::chrono::milliseconds{100}};  ///< one diff per symbol
  std::size_t levels{1000};                                                 ///< per side and symbol
  std::int64_t start_ns{1'700'000'000'000'000'000};                         ///< of the market, since the epoch
};

/// One thing that happened. Spans are valid until the generator's next event.
struct market_event {
  enum class kind : std::uint8_t {
    book_ticker,  ///< the best bid or ask changed
    trade,
    depth,       ///< what changed since the symbol's last diff
    depth_slow,  ///< the same, over ten of those
    mark_price,  ///< USD-M only, every ten diffs
  };
  kind what{kind::book_ticker};
  bool buyer_is_maker{false};  ///< of a trade
  std::size_t symbol{0};
  std::int64_t at_ns{0};
  std::uint64_t update_id{0};  ///< of the book's last change
  sim_level bid, ask;          ///< the top of the book after this event
  symbol_market::fill fill;    ///< of a trade
  sim_diff diff;               ///< of depth and depth_slow
};

/// Quotes, trades and diffs: bursts with silence between them, four fifths quotes, heavy-tailed diffs. Everything is
/// integers and consistent: no book crosses, a quote is the top of its book, ids have no holes beyond the venue's own,
/// and a book copied at any moment plus the diffs after it stays equal to `book`. No allocation once its buffers have
/// grown. Not thread-safe.
class market_generator {
 public:
  explicit market_generator(generator_settings settings = {}) : settings_{std::move(settings)} {
    if (settings_.symbols.empty()) settings_.symbols = default_symbols(settings_.market);
    chance_.market = settings_.market;
    chance_.random = sim_random{settings_.seed};
    books_.reserve(settings_.symbols.size());
    for (const symbol_spec& spec : settings_.symbols) {
      books_.emplace_back(spec, settings_.levels, chance_);
      total_weight_ += weight(books_.size());
    }
    const std::int64_t rate = std::max<std::int64_t>(settings_.events_per_second, 1);
    // one diff in ten is followed by a slow one
    const std::int64_t diffs =
        static_cast<std::int64_t>(books_.size()) * 1'100'000'000 / settings_.depth_interval.count();
    event_ns_ = std::max<std::int64_t>(1'000'000'000 / std::max<std::int64_t>(rate - diffs, (rate + 3) / 4), 1);
    activity_at_ = settings_.start_ns;
  }

  /// The specs have to stay where they are: books refer to them.
  market_generator(const market_generator&) = delete;
  market_generator& operator=(const market_generator&) = delete;
  ~market_generator() = default;

  [[nodiscard]] std::span<const symbol_spec> symbols() const noexcept { return settings_.symbols; }
  [[nodiscard]] sim_market market() const noexcept { return settings_.market; }
  [[nodiscard]] const sim_book& book(std::size_t symbol) const noexcept { return books_[symbol].book(); }

  /// When the next event happens, since the epoch.
  [[nodiscard]] std::int64_t next_at() const noexcept {
    return next_ != follow_up::none ? event_.at_ns : std::min(activity_at_, diff_at());
  }

  /// The market slept: everything to come comes later by `pause`. Ids go on without a hole.
  void sleep(std::chrono::nanoseconds pause) noexcept {
    settings_.start_ns += pause.count();
    activity_at_ += pause.count();
    burst_began_ += pause.count();
    if (next_ != follow_up::none) event_.at_ns += pause.count();
  }

  /// Lets the next event happen. The reference is valid until the next call.
  const market_event& next() {
    using kind = market_event::kind;
    symbol_market& book = books_[event_.symbol];  // of the event before
    switch (std::exchange(next_, follow_up::none)) {
      case follow_up::none: return diff_at() <= activity_at_ ? diff() : activity();
      case follow_up::trade: return trade();
      case follow_up::quote: return emit(kind::book_ticker);
      case follow_up::slow_diff:
        event_.diff = book.take_slow_diff(chance_);
        if (settings_.market != sim_market::spot) next_ = follow_up::mark_price;
        return emit(kind::depth_slow);
      case follow_up::mark_price: return emit(kind::mark_price);
    }
    return event_;
  }

 private:
  /// What must come right after the last event, at the same time.
  enum class follow_up : std::uint8_t { none, trade, quote, slow_diff, mark_price };

  static constexpr std::int64_t diffs_per_slow_diff = 10;

  /// The first symbols are the busy ones.
  [[nodiscard]] static constexpr std::uint64_t weight(std::size_t number) noexcept { return 1'000 / number + 20; }

  [[nodiscard]] std::size_t pick_symbol() noexcept {
    std::uint64_t point = chance_.random.below(total_weight_);
    std::size_t number = 1;
    for (; point >= weight(number); ++number) point -= weight(number);
    return number - 1;
  }

  /// Diffs come at fixed times, the symbols' evenly staggered.
  [[nodiscard]] std::int64_t diff_at() const noexcept {
    const auto symbols = static_cast<std::int64_t>(books_.size());
    const std::int64_t interval = settings_.depth_interval.count();
    return settings_.start_ns + (diff_number_ / symbols + 1) * interval + diff_number_ % symbols * interval / symbols;
  }

  const market_event& emit(market_event::kind what) noexcept {
    const sim_book& book = books_[event_.symbol].book();
    event_.what = what;
    event_.bid = book.bids.best();
    event_.ask = book.asks.best();
    event_.update_id = book.update_id;
    return event_;
  }

  const market_event& diff() {
    const auto symbols = static_cast<std::int64_t>(books_.size());
    event_.at_ns = diff_at();
    event_.symbol = static_cast<std::size_t>(diff_number_ % symbols);
    event_.diff = books_[event_.symbol].take_diff(chance_);
    if (diff_number_ / symbols % diffs_per_slow_diff == diffs_per_slow_diff - 1) next_ = follow_up::slow_diff;
    ++diff_number_;
    return emit(market_event::kind::depth);
  }

  /// A quote or trades. A burst is many of them within microseconds; the pause after it is, on average, what its actual
  /// size needs to keep the rate.
  const market_event& activity() {
    sim_random& random = chance_.random;
    if (burst_left_ == 0) {
      burst_left_ = 1 + random.exponential(4 * 16) / 16 + (random.per_mille(20) ? random.between(40, 120) : 0);
      burst_events_ = 0;
      burst_began_ = activity_at_;
      burst_symbol_ = pick_symbol();
    }
    event_.at_ns = activity_at_;
    event_.symbol = random.per_mille(850) ? burst_symbol_ : pick_symbol();
    symbol_market& book = books_[event_.symbol];
    book.stir(chance_);
    const bool trades = random.per_mille(147);
    trades_left_ = trades ? 1 + (random.per_mille(330) ? 1 : 0) + (random.per_mille(170) ? 1 : 0) : 0;
    burst_events_ += trades_left_ + 1;  // the quote
    if (--burst_left_ > 0) {
      activity_at_ += 1 + random.exponential(std::min<std::int64_t>(4'000, event_ns_ / 4));
    } else {
      const std::int64_t owed = burst_events_ * event_ns_ - (activity_at_ - burst_began_);
      activity_at_ += 1 + random.exponential(std::max<std::int64_t>(owed, 0));
    }
    if (trades) {
      event_.buyer_is_maker = random.per_mille(500);
      return trade();
    }
    book.move_quote(chance_);
    return emit(market_event::kind::book_ticker);
  }

  const market_event& trade() {
    --trades_left_;
    event_.fill = books_[event_.symbol].trade(chance_, event_.buyer_is_maker, trades_left_ > 0);
    next_ = trades_left_ > 0 ? follow_up::trade : follow_up::quote;
    return emit(market_event::kind::trade);
  }

  generator_settings settings_;
  market_chance chance_;
  std::vector<symbol_market> books_;
  std::uint64_t total_weight_{0};
  std::int64_t event_ns_{0};     // mean distance of quotes and trades
  std::int64_t activity_at_{0};  // when the next of them happens
  std::int64_t diff_number_{0};  // of all symbols, in turn
  std::size_t burst_symbol_{0};
  std::int64_t burst_left_{0};
  std::int64_t burst_events_{0};
  std::int64_t burst_began_{0};
  std::int64_t trades_left_{0};
  follow_up next_{follow_up::none};
  market_event event_;
};

}  // namespace foxtrot::inline v0
