// foxtrot/feed/tick_ids.hpp: how the venue numbers its ticks.
#pragma once

#include <foxtrot/market/aggregate_trade.hpp>
#include <foxtrot/market/book_ticker.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/tick.hpp>
#include <foxtrot/market/trade.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace foxtrot::inline v0 {

/// What is numbered, for each symbol by itself.
enum class numbering : std::uint8_t { trades, aggregate_trades, depth, book_tickers };
inline constexpr std::size_t numbering_count = 4;

[[nodiscard]] constexpr std::optional<numbering> numbering_of(tick_kind kind) noexcept {
  switch (kind) {
    case tick_kind::trade: return numbering::trades;
    case tick_kind::aggregate_trade: return numbering::aggregate_trades;
    case tick_kind::depth_update: return numbering::depth;
    case tick_kind::book_ticker: return numbering::book_tickers;
    default: return std::nullopt;
  }
}

/// Whether they go on by one, so that the ids that are missing are known each by itself.
[[nodiscard]] constexpr bool counts_by_one(numbering which) noexcept {
  return which == numbering::trades || which == numbering::aggregate_trades;
}
/// The kind that is numbered so.
[[nodiscard]] constexpr tick_kind numbered_kind(numbering which) noexcept {
  switch (which) {
    case numbering::trades: return tick_kind::trade;
    case numbering::aggregate_trades: return tick_kind::aggregate_trade;
    case numbering::depth: return tick_kind::depth_update;
    case numbering::book_tickers: break;
  }
  return tick_kind::book_ticker;
}

/// Ids, both ends included.
struct id_range {
  std::uint64_t from{0};
  std::uint64_t to{0};
  friend constexpr bool operator==(const id_range&, const id_range&) = default;
};

/// The ids of one tick.
struct tick_ids {
  std::uint64_t before{0};  ///< what it follows; 0 where ids only grow, and nothing is said about it
  std::uint64_t first{0};
  std::uint64_t last{0};
};

/// Trades count one by one, and so do aggregate trades. Book updates of spot continue where the one before ended (U ==
/// previous u + 1); those of the futures name the one before (pu == previous u). Ids of book tickers only grow, and are
/// 0 from REST. Books sent whole follow nothing: one from REST may rightly be older than the updates. All 0 for kinds
/// without a numbering.
[[nodiscard]] inline tick_ids ids_of(tick_tag tag, const tick_payload& payload) noexcept {
  switch (tag.kind) {
    case tick_kind::trade: {
      const std::uint64_t id = payload.as<trade_record>().trade_id;
      return {id - 1, id, id};
    }
    case tick_kind::aggregate_trade: {
      const std::uint64_t id = payload.as<aggregate_trade_record>().aggregate_id;
      return {id - 1, id, id};
    }
    case tick_kind::book_ticker: {
      const std::uint64_t id = payload.as<book_ticker_record>().update_id;
      return {0, id, id};
    }
    case tick_kind::depth_update: {
      const auto& record = payload.as<depth_record>();
      const bool chained = (tag.flags & depth_update::previous_id_flag) != 0;
      return {chained ? record.previous_id : record.first_id - (record.first_id != 0), record.first_id, record.last_id};
    }
    default: return {};
  }
}

/// All records have it in one place.
[[nodiscard]] inline std::int64_t received_ns_of(const tick_payload& payload) noexcept {
  std::int64_t received_ns = 0;
  std::memcpy(&received_ns, payload.bytes + offsetof(trade_record, received_ns), sizeof received_ns);
  return received_ns;
}

}  // namespace foxtrot::inline v0
