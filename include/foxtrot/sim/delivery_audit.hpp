// foxtrot/sim/delivery_audit.hpp: what a consumer was told, stream by stream, against what the exchange has sent.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/sim/sent_log.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// One tick, or one gap, in its place among those of its stream.
struct delivered_tick {
  std::uint64_t id{0};    ///< the last one, of a gap as well
  std::uint64_t from{0};  ///< of a gap the first one that is missing; 0: a tick
  std::int64_t at_ns{0};  ///< when the consumer had it, by epoch_clock
  bool polled{false};     ///< came by HTTP
};

/// Ids of one stream, or the sums of several.
struct delivery_verdict {
  std::uint64_t delivered{0};   ///< each once
  std::uint64_t told{0};        ///< sent to somebody, not delivered, and a gap said so
  std::uint64_t missing{0};     ///< sent, not delivered, and no gap said so: must be 0
  std::uint64_t repeated{0};    ///< delivered again: must be 0
  std::uint64_t disordered{0};  ///< delivered after a later one: must be 0
  std::uint64_t mistold{0};     ///< delivered, but told to be missing: must be 0
  std::uint64_t invented{0};    ///< delivered by WebSocket, but never sent: must be 0

  [[nodiscard]] bool clean() const noexcept { return missing + repeated + disordered + mistold + invented == 0; }
  delivery_verdict& operator+=(const delivery_verdict& other) noexcept {
    delivered += other.delivered;
    told += other.told;
    missing += other.missing;
    repeated += other.repeated;
    disordered += other.disordered;
    mistold += other.mistold;
    invented += other.invented;
    return *this;
  }
  [[nodiscard]] friend bool operator==(const delivery_verdict&, const delivery_verdict&) = default;
};

/// Keeps every id of quotes, trades and depth updates, and every gap among them, as one consumer sees them. Unlike
/// loss_audit it judges quotes, whose numbering has holes, and knows whether what was told to be missing had been sent.
/// Needs every event from the first on. One thread.
class delivery_audit : private live_object<delivery_audit> {
 public:
  void on(const event& told) {
    told.visit([this](const status& s) { on_status(s); },
               [this](const book_ticker& t) { add(tick_kind::book_ticker, t, t.record().update_id); },
               [this](const trade& t) { add(tick_kind::trade, t, t.trade_id()); },
               [this](const aggregate_trade& t) { add(tick_kind::aggregate_trade, t, t.aggregate_id()); },
               [this](const depth_update& t) { add(tick_kind::depth_update, t, t.last_id()); });
  }

  /// In the order in which it was told.
  [[nodiscard]] const std::vector<delivered_tick>& of(tick_kind kind, symbol_id symbol) const noexcept {
    static const std::vector<delivered_tick> nothing;
    const auto found = streams_.find({kind, symbol});
    return found == streams_.end() ? nothing : found->second;
  }

  /// Ids that count are those of `sent`, ascending, after the first that was delivered. What came last may still be
  /// under way: let the market stand still first.
  [[nodiscard]] delivery_verdict judge(tick_kind kind, symbol_id symbol, const std::vector<std::uint64_t>& sent) const {
    delivery_verdict made;
    std::vector<std::uint64_t> had;
    std::vector<delivered_tick> gaps;
    std::uint64_t last = 0;
    for (const delivered_tick& each : of(kind, symbol)) {
      if (each.from != 0) {
        if (!had.empty()) gaps.push_back(each);
      } else if (each.id > last) {
        had.push_back(last = each.id);
        made.invented += !each.polled && !std::binary_search(sent.begin(), sent.end(), each.id);
      } else {
        std::binary_search(had.begin(), had.end(), each.id) ? ++made.repeated : ++made.disordered;
      }
    }
    made.delivered = had.size();
    if (had.empty()) return made;
    const auto told = [&gaps](std::uint64_t id) {
      return std::any_of(gaps.begin(), gaps.end(), [id](const auto& gap) { return gap.from <= id && id <= gap.id; });
    };
    for (const std::uint64_t id : had) made.mistold += told(id);
    for (auto id = std::upper_bound(sent.begin(), sent.end(), had.front()); id != sent.end(); ++id) {
      if (std::binary_search(had.begin(), had.end(), *id)) continue;
      told(*id) ? ++made.told : ++made.missing;
    }
    return made;
  }

  [[nodiscard]] std::uint64_t ticks() const noexcept { return ticks_; }
  /// Gaps told, whatever of and why.
  [[nodiscard]] std::uint64_t gaps() const noexcept { return gaps_; }
  /// Events that the consumer itself was too slow for: nothing is proved where this is not 0.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  template <class Tick>
  void add(tick_kind kind, const Tick& one, std::uint64_t id) {
    if (id == 0) return;  // polled: has none
    ++ticks_;
    streams_[{kind, one.record().symbol}].push_back({id, 0, epoch_clock::now_ns(), one.source() == source::http});
  }

  void on_status(const status& s) {
    if (s.code() == status_code::dropped) dropped_ += s.count();
    if (s.code() != status_code::gap) return;
    ++gaps_;
    if (s.reason() != gap_reason::missing || s.to() == 0) return;  // ids that came, or a gap told again
    streams_[{s.gap_kind(), s.record().symbol}].push_back({s.to(), s.from(), epoch_clock::now_ns(), false});
  }

  std::map<std::pair<tick_kind, symbol_id>, std::vector<delivered_tick>> streams_;
  std::uint64_t ticks_{0};
  std::uint64_t gaps_{0};
  std::uint64_t dropped_{0};
};

}  // namespace foxtrot::inline v0
