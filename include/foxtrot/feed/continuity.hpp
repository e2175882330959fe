// foxtrot/feed/continuity.hpp: sees holes in the venue's numbering of trades and book updates.
#pragma once

#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/market/trade.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace foxtrot::inline v0 {

/// Ids that never came, both ends included.
struct id_gap {
  std::uint64_t from;
  std::uint64_t to;
};

/// Follows the ids of each symbol of one venue, over reconnects. Trades count one by one. Book updates of spot continue
/// where the one before ended (U == previous u + 1); those of the futures name the one before (pu == previous u). Ids
/// that go backwards are no gap. One thread; allocates only for a symbol seen first.
class continuity {
 public:
  /// What is missing before this tick; nothing for the first of its kind and symbol.
  [[nodiscard]] std::optional<id_gap> follow(tick_tag tag, symbol_id symbol, const tick_payload& payload) {
    if (tag.kind == tick_kind::trade) {
      const auto& record = payload.as<trade_record>();
      return step(seen_of(symbol).trade, record.trade_id, record.trade_id);
    }
    if (tag.kind == tick_kind::depth_update) {
      const auto& record = payload.as<depth_record>();
      std::uint64_t& last = seen_of(symbol).depth;
      if ((tag.flags & depth_update::previous_id_flag) == 0) return step(last, record.first_id, record.last_id);
      const std::uint64_t before = last;
      if (record.last_id > last) last = record.last_id;
      if (before == 0 || record.previous_id <= before) return std::nullopt;
      return id_gap{before + 1, record.previous_id};
    }
    return std::nullopt;
  }

 private:
  struct seen {
    std::uint64_t trade{0};
    std::uint64_t depth{0};
  };

  [[nodiscard]] seen& seen_of(symbol_id symbol) {
    const auto index = static_cast<std::size_t>(symbol);
    if (index >= seen_.size()) seen_.resize(index + 1);
    return seen_[index];
  }

  [[nodiscard]] static std::optional<id_gap> step(std::uint64_t& last, std::uint64_t first_id, std::uint64_t last_id) {
    const std::uint64_t before = last;
    if (last_id > last) last = last_id;
    if (before == 0 || first_id <= before + 1) return std::nullopt;
    return id_gap{before + 1, first_id - 1};
  }

  std::vector<seen> seen_;  // by symbol
};

}  // namespace foxtrot::inline v0
