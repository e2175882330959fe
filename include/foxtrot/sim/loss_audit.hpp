// foxtrot/sim/loss_audit.hpp: whether a feed has told the truth about what it lost, by the ids that a consumer saw.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/sim/exchange_truth.hpp>
#include <foxtrot/sim/id_ledger.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace foxtrot::inline v0 {

/// Reads every event of one market and keeps the ids of trades and depth updates, which have no holes at the venue. Ids
/// of quotes only grow, so that their order can be judged and nothing else: which of them were lost nobody can know.
/// Shares no code with the feed's own search for gaps. One thread, one market; needs every event from the first on.
class loss_audit : private live_object<loss_audit> {
 public:
  void on(const event& told) {
    told.visit([this](const status& s) { on_status(s); },
               [this](const trade& t) { of(t.record().symbol).trades.receive(t.trade_id(), t.trade_id()); },
               [this](const depth_update& d) {
                 // the futures name the update before, spot goes on by one
                 const std::uint64_t first = d.previous_id() ? *d.previous_id() + 1 : d.first_id();
                 of(d.record().symbol).depth.receive(std::min(first, d.last_id()), d.last_id());
               },
               [this](const book_ticker& q) { on_quote(of(q.record().symbol), q.record().update_id); });
  }

  [[nodiscard]] id_counts trades() const noexcept {
    id_counts sum;
    for (const symbol_ids& each : symbols_) sum += each.trades.counts();
    return sum;
  }
  /// In changes of the book, of which one update carries many.
  [[nodiscard]] id_counts depth() const noexcept {
    id_counts sum;
    for (const symbol_ids& each : symbols_) sum += each.depth.counts();
    return sum;
  }
  /// Quotes that were not newer than the one before: must be 0.
  [[nodiscard]] std::uint64_t disordered_quotes() const noexcept { return disordered_quotes_; }
  /// Gaps told by now, of every kind and for every reason.
  [[nodiscard]] std::uint64_t gaps() const noexcept { return gaps_; }
  /// Times at which the venue was told to count anew: never, against a simulated exchange that lives.
  [[nodiscard]] std::uint64_t renumbered() const noexcept { return renumbered_; }
  /// Events that the consumer itself was too slow for: what follows is no proof of anything where this is not 0.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

  /// Trades that the exchange made after the last that came. Lost without a word, where all has come that will come: a
  /// market that stands still, and a moment to read what is under way.
  [[nodiscard]] std::uint64_t trades_behind(const exchange_truth& truth, const symbol_table& names) const {
    std::uint64_t sum = 0;
    for (const symbol_truth& each : truth.symbols) {
      const auto at = static_cast<std::size_t>(names.find(each.symbol));
      if (at < symbols_.size()) sum += symbols_[at].trades.behind(each.last_trade_id);
    }
    return sum;
  }

 private:
  struct symbol_ids {
    id_ledger trades;
    id_ledger depth;
    std::uint64_t quote{0};
  };

  [[nodiscard]] symbol_ids& of(symbol_id symbol) {
    const auto at = static_cast<std::size_t>(symbol);
    if (at >= symbols_.size()) symbols_.resize(at + 1);
    return symbols_[at];
  }

  void on_quote(symbol_ids& its, std::uint64_t id) noexcept {
    if (id == 0) return;  // polled: has none
    if (id <= its.quote) ++disordered_quotes_;
    its.quote = std::max(its.quote, id);
  }

  void on_status(const status& s) {
    if (s.code() == status_code::dropped) dropped_ += s.count();
    if (s.code() != status_code::gap) return;
    ++gaps_;
    if (s.reason() == gap_reason::renumbered) ++renumbered_;
    if (s.reason() != gap_reason::missing || s.to() == 0) return;  // ids that came, or a gap told again
    symbol_ids& its = of(s.record().symbol);
    if (s.gap_kind() == tick_kind::trade) its.trades.tell(s.from(), s.to());
    if (s.gap_kind() == tick_kind::depth_update) its.depth.tell(s.from(), s.to());
  }

  std::vector<symbol_ids> symbols_;  // by symbol
  std::uint64_t disordered_quotes_{0};
  std::uint64_t gaps_{0};
  std::uint64_t renumbered_{0};
  std::uint64_t dropped_{0};
};

}  // namespace foxtrot::inline v0
