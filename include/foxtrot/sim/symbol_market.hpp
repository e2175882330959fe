// foxtrot/sim/symbol_market.hpp: how the book of one simulated symbol lives: quotes, trades, deep changes, diffs.
#pragma once

#include <foxtrot/sim/random.hpp>
#include <foxtrot/sim/sim_book.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace foxtrot::inline v0 {

/// What the symbols of one market share: chance, and update ids where those run through all of them.
struct market_chance {
  sim_market market{sim_market::spot};
  sim_random random{1};
  std::uint64_t shared_id{5'000'000'000'000};

  /// Ids of USD-M are the whole market's and have holes; those of spot are each symbol's own.
  [[nodiscard]] std::uint64_t id_after(std::uint64_t last) noexcept {
    if (market == sim_market::spot) return last + 1 + random.below(3);
    return shared_id += 1 + random.below(40);
  }
};

/// What one diff says. The spans are valid until the symbol's next diff.
struct sim_diff {
  std::uint64_t first_id{0};
  std::uint64_t last_id{0};
  std::uint64_t previous_id{0};
  std::span<const sim_level> bids, asks;
};

/// One symbol's book and everything that may happen to it. The book never crosses and no side runs empty. Quantities
/// are never unchanged by a change. Not thread-safe.
class symbol_market {
 public:
  symbol_market(const symbol_spec& spec, std::size_t levels, market_chance& chance) : spec_{&spec} {
    next_trade_id_ = 1'000'000 + chance.random.below(1'000'000'000);
    // sides reach 15 % from the middle, thinning out, but never to zero where one tick is a large step
    const std::int64_t mean_gap = spec.price * 15 / 100 / static_cast<std::int64_t>(levels);
    for (const bool bid : {true, false}) {
      std::int64_t price = spec.price + (bid ? 0 : 1);
      sim_book_side& side = book_.side(bid);
      for (std::size_t rank = 0; rank < levels && price > spec.price / 2; ++rank) {
        side.set(price, draw_quantity(chance));
        const std::int64_t spread_out =
            2 * mean_gap * static_cast<std::int64_t>(rank) / static_cast<std::int64_t>(levels);
        const std::int64_t gap = 1 + chance.random.exponential(spread_out);
        price += bid ? -gap : gap;
      }
      side.forget_changes();
      levels_ = std::max(levels_, side.size());
    }
    book_.update_id = chance.id_after(10'000'000'000 + chance.random.below(1'000'000'000));
    fast_.sent_id = slow_.sent_id = book_.update_id;
    wanted_changes_ = draw_change_count(chance);
  }

  [[nodiscard]] const sim_book& book() const noexcept { return book_; }

  /// The best level of one side gets another size, goes, or is bettered.
  void move_quote(market_chance& chance) {
    sim_random& random = chance.random;
    const std::int64_t spread = book_.asks.best().price - book_.bids.best().price;
    bool bid = random.per_mille(500);
    if (spread > 1 && random.per_mille(600)) {
      // a price that has wandered 10 % away is pulled back: the side that moves it home betters
      const std::int64_t away = book_.bids.best().price - spec_->price;
      if (away > spec_->price / 10 || -away > spec_->price / 10) bid = away < 0;
      const std::int64_t step = 1 + random.exponential(2) % (spread - 1);
      change(chance, bid, book_.side(bid).best().price + (bid ? step : -step), draw_quantity(chance));
    } else if (random.per_mille(60) && can_lose_best(bid)) {
      change(chance, bid, book_.side(bid).best().price, 0);
    } else {
      change_size(chance, bid, book_.side(bid).best());
    }
  }

  struct fill {
    std::uint64_t trade_id{0};
    sim_level traded;
  };

  /// An order takes from the best level of one side: all of it if `sweep`, else mostly a part.
  [[nodiscard]] fill trade(market_chance& chance, bool hits_bid, bool sweep) {
    const sim_level best = book_.side(hits_bid).best();
    const bool whole = can_lose_best(hits_bid) && (sweep || chance.random.per_mille(250));
    const std::int64_t part = 1 + chance.random.exponential(best.quantity / 8) % best.quantity;
    const std::int64_t taken = whole ? best.quantity : part;
    if (taken == best.quantity && !can_lose_best(hits_bid)) {
      change_size(chance, hits_bid, best);  // a hidden order shows its next part
    } else {
      change(chance, hits_bid, best.price, best.quantity - taken);
    }
    return {next_trade_id_++, {best.price, taken}};
  }

  /// Perhaps a change behind the best level: half of those that the next diff is to have come one by one.
  void stir(market_chance& chance) {
    if (deep_changes_ < wanted_changes_ / 2 && chance.random.per_mille(500)) change_deep(chance);
  }

  /// Everything that changed since the last one. Makes the changes that are still wanted first.
  [[nodiscard]] sim_diff take_diff(market_chance& chance) {
    const std::size_t made = book_.bids.change_count() + book_.asks.change_count();
    for (std::size_t i = made; i < wanted_changes_; ++i) change_deep(chance);
    const auto [bids, asks] = changed(chance.market);
    slow_bids_.insert(slow_bids_.end(), bids.begin(), bids.end());
    slow_asks_.insert(slow_asks_.end(), asks.begin(), asks.end());
    if (slow_.first_id == 0) slow_.first_id = fast_.first_id;
    const sim_diff told = tell(chance.market, fast_, bids, asks);
    book_.bids.forget_changes();
    book_.asks.forget_changes();
    deep_changes_ = 0;
    wanted_changes_ = draw_change_count(chance);
    return told;
  }

  /// Everything that the diffs since the last slow one told.
  [[nodiscard]] sim_diff take_slow_diff(const market_chance& chance) {
    const auto tidy = [](std::vector<std::int64_t>& prices, bool descending) {
      std::sort(prices.begin(), prices.end());
      prices.erase(std::unique(prices.begin(), prices.end()), prices.end());
      if (descending) std::reverse(prices.begin(), prices.end());
    };
    tidy(slow_bids_, chance.market == sim_market::spot);
    tidy(slow_asks_, false);
    const sim_diff told = tell(chance.market, slow_, slow_bids_, slow_asks_);
    slow_bids_.clear();
    slow_asks_.clear();
    return told;
  }

 private:
  /// What one kind of diff has told so far.
  struct chain {
    std::uint64_t first_id{0};  // of the first change not told yet; 0: there is none
    std::uint64_t sent_id{0};
  };
  struct changed_prices {
    std::span<const std::int64_t> bids, asks;
  };

  [[nodiscard]] std::int64_t draw_quantity(market_chance& chance) const noexcept {
    return 1 + chance.random.exponential(spec_->typical_quantity);
  }

  /// Median 20, 99th percentile near 390, never over 1,076: as recorded.
  [[nodiscard]] static std::size_t draw_change_count(market_chance& chance) noexcept {
    constexpr std::uint64_t median = 20;
    constexpr std::uint64_t largest = 1'076;
    const bool above = chance.random.per_mille(500);
    const auto octaves = static_cast<std::uint64_t>(chance.random.exponential(above ? 1'126 : 900));  // in 1/1024
    const std::uint64_t factor = (1'024 + (octaves & 1'023U)) << std::min<std::uint64_t>(octaves >> 10U, 8);
    const std::uint64_t count = above ? median * factor / 1'024 : median * 1'024 / factor;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(count, 1, largest));
  }

  [[nodiscard]] bool can_lose_best(bool bid) const noexcept { return book_.side(bid).size() > levels_ / 2 + 1; }

  void change(market_chance& chance, bool bid, std::int64_t price, std::int64_t quantity) {
    book_.side(bid).set(price, quantity);
    book_.update_id = chance.id_after(book_.update_id);
    if (fast_.first_id == 0) fast_.first_id = book_.update_id;
  }

  void change_size(market_chance& chance, bool bid, sim_level level) {
    const std::int64_t quantity = draw_quantity(chance);
    change(chance, bid, level.price, quantity != level.quantity ? quantity : quantity + 1);
  }

  /// Behind the best level, more often near it than far away.
  void change_deep(market_chance& chance) {
    sim_random& random = chance.random;
    const bool bid = random.per_mille(500);
    const sim_book_side& side = book_.side(bid);
    const auto rank = static_cast<std::size_t>(1 + (random.below(side.size() - 1) >> random.below(7)));
    const sim_level level = side.at(rank);
    const std::int64_t gap = side.at(rank - 1).price - level.price;  // to the next better level; negative among asks
    const std::int64_t room = (gap > 0 ? gap : -gap) - 1;
    const std::uint64_t roll = random.below(100);
    ++deep_changes_;
    if (roll < 55 || side.size() < 4) return change_size(chance, bid, level);
    if (roll < 77 && side.size() >= levels_ * 3 / 4) return change(chance, bid, level.price, 0);
    if (room == 0 || side.size() > levels_ * 5 / 4) return change_size(chance, bid, level);
    const std::int64_t step = random.between(1, room);
    change(chance, bid, level.price + (gap > 0 ? step : -step), draw_quantity(chance));
  }

  /// Spot lists bids from the best, USD-M from the lowest; asks rise everywhere.
  [[nodiscard]] changed_prices changed(sim_market market) {
    const auto bids =
        market == sim_market::spot ? book_.bids.changes(std::greater<>{}) : book_.bids.changes(std::less<>{});
    return {bids, book_.asks.changes(std::less<>{})};
  }

  [[nodiscard]] sim_diff tell(sim_market market, chain& told, std::span<const std::int64_t> bids,
                              std::span<const std::int64_t> asks) {
    sim_diff diff;
    diff.first_id = market == sim_market::spot ? told.sent_id + 1 : told.first_id;
    diff.last_id = book_.update_id;
    diff.previous_id = told.sent_id;
    diff.bids = collect(book_.bids, bids, bids_);
    diff.asks = collect(book_.asks, asks, asks_);
    told = {0, book_.update_id};
    return diff;
  }

  [[nodiscard]] static std::span<const sim_level> collect(const sim_book_side& side,
                                                          std::span<const std::int64_t> prices,
                                                          std::vector<sim_level>& out) {
    out.clear();
    for (const std::int64_t price : prices) out.push_back({price, side.quantity_at(price)});
    return out;
  }

  const symbol_spec* spec_;
  sim_book book_;
  chain fast_, slow_;
  std::vector<std::int64_t> slow_bids_, slow_asks_;  // prices changed since the last slow diff
  std::vector<sim_level> bids_, asks_;               // of the diff told last
  std::uint64_t next_trade_id_{0};
  std::size_t levels_{0};          // each side stays near it
  std::size_t wanted_changes_{0};  // levels that the next diff shall have
  std::size_t deep_changes_{0};    // of which made already
};

}  // namespace foxtrot::inline v0
