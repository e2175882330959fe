// foxtrot/feed/continuity.hpp: follows the venue's numbering of ticks: sees holes, and what came twice or too late.
#pragma once

#include <foxtrot/market/aggregate_trade.hpp>
#include <foxtrot/market/book_ticker.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/market/trade.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace foxtrot::inline v0 {

/// Ids, both ends included.
struct id_range {
  std::uint64_t from{0};
  std::uint64_t to{0};
};

/// What the id of a tick says about it.
enum class id_verdict : std::uint8_t {
  in_order,    ///< it follows what came before, or its kind has no numbering
  gap,         ///< it is newer, but ids before it never came: range()
  renumbered,  ///< ids have been low for so long that the venue must count anew, from range(), which is its own
  repeated,    ///< it has been seen, or is older: not to be published, for each symbol's ticks have an order
};

/// Follows the ids of each symbol of one market, over reconnects. Trades count one by one, and so do aggregate trades.
/// Book updates of spot continue where the one before ended (U == previous u + 1); those of the futures name the one
/// before (pu == previous u). Ids of book tickers only grow, and are absent (0) from REST. Books sent whole follow
/// nothing: one from REST may rightly be older than the updates. One thread; allocates only for a symbol with a higher
/// number than any before.
class continuity {
 public:
  /// So many low ids in a row, over at least about a second, are a new numbering. A second connection that lags does
  /// not look like one: it takes turns with the first, but for bursts. Neither does a list that is polled again and
  /// again: it ends with the highest id.
  static constexpr std::uint32_t most_repeated = 256;
  /// So are these, over about half a minute: symbols that are hardly traded must not be silent for hours.
  static constexpr std::uint32_t most_repeated_slowly = 8;

  [[nodiscard]] id_verdict follow(tick_tag tag, symbol_id symbol, const tick_payload& payload) {
    switch (tag.kind) {
      case tick_kind::trade: {
        const std::uint64_t id = payload.as<trade_record>().trade_id;
        return step(of(symbol).trade, {id - 1, id, id}, payload);
      }
      case tick_kind::aggregate_trade: {
        const std::uint64_t id = payload.as<aggregate_trade_record>().aggregate_id;
        return step(of(symbol).aggregate_trade, {id - 1, id, id}, payload);
      }
      case tick_kind::book_ticker: {
        const std::uint64_t id = payload.as<book_ticker_record>().update_id;
        return id != 0 ? step(of(symbol).book_ticker, {0, id, id}, payload) : id_verdict::in_order;
      }
      case tick_kind::depth_update: {
        const auto& record = payload.as<depth_record>();
        const bool chained = (tag.flags & depth_update::previous_id_flag) != 0;
        const std::uint64_t before = chained ? record.previous_id : record.first_id - (record.first_id != 0);
        return step(of(symbol).depth, {before, record.first_id, record.last_id}, payload);
      }
      default: return id_verdict::in_order;
    }
  }

  /// What comes next of this kind follows nothing: nobody wanted what was between. Kinds without a numbering: nothing.
  void forget(tick_kind kind, symbol_id symbol) {
    if (static_cast<std::size_t>(symbol) >= ids_.size()) return;
    switch (kind) {
      case tick_kind::trade: of(symbol).trade = {}; return;
      case tick_kind::aggregate_trade: of(symbol).aggregate_trade = {}; return;
      case tick_kind::book_ticker: of(symbol).book_ticker = {}; return;
      case tick_kind::depth_update: of(symbol).depth = {}; return;
      default: return;
    }
  }

  /// After `gap`: the ids that never came. After `renumbered`: those of the tick itself.
  [[nodiscard]] const id_range& range() const noexcept { return range_; }

 private:
  struct numbering {
    std::uint64_t last{0};          // the highest id; 0: none yet
    std::uint32_t repeated{0};      // ticks in a row that were not higher
    std::uint32_t low_since_ms{0};  // when the first of these came, in units of 2^20 ns
  };
  // All that a tick's check touches: one line.
  struct alignas(64) symbol_ids {
    numbering trade;
    numbering aggregate_trade;
    numbering depth;
    numbering book_ticker;
  };
  static_assert(sizeof(symbol_ids) == 64);

  struct tick_ids {
    std::uint64_t before;  // what it follows
    std::uint64_t first;
    std::uint64_t last;
  };

  [[nodiscard]] symbol_ids& of(symbol_id symbol) {
    const auto index = static_cast<std::size_t>(symbol);
    if (index >= ids_.size()) [[unlikely]]
      ids_.resize(index + 1);
    return ids_[index];
  }

  [[nodiscard]] id_verdict step(numbering& seen, const tick_ids& now, const tick_payload& payload) noexcept {
    const std::uint64_t last = seen.last;
    if (now.last <= last) [[unlikely]]
      return repeat(seen, now, payload);
    seen.last = now.last;
    seen.repeated = 0;
    if (now.before <= last || last == 0) [[likely]]
      return id_verdict::in_order;
    range_ = {last + 1, now.before};
    return id_verdict::gap;
  }

  [[nodiscard, gnu::noinline]] id_verdict repeat(numbering& seen, const tick_ids& now,
                                                 const tick_payload& payload) noexcept {
    if (seen.last == 0) return id_verdict::in_order;  // a venue that counts from 0
    if (now.last == seen.last) {  // still the newest, as in the answers about a symbol that is not traded
      seen.repeated = 0;
      return id_verdict::repeated;
    }
    std::int64_t received_ns = 0;                     // all records have it in one place
    std::memcpy(&received_ns, payload.bytes + offsetof(trade_record, received_ns), sizeof received_ns);
    const auto ms = static_cast<std::uint32_t>(received_ns >> 20);
    if (seen.repeated++ == 0) seen.low_since_ms = ms;
    const std::uint32_t passed = ms - seen.low_since_ms;
    const bool is_anew = (seen.repeated >= most_repeated && passed >= 1'000) ||
                         (seen.repeated >= most_repeated_slowly && passed >= 30'000);
    if (!is_anew) return id_verdict::repeated;
    seen = {.last = now.last};
    range_ = {now.first, now.last};
    return id_verdict::renumbered;
  }

  std::vector<symbol_ids> ids_;  // by symbol
  id_range range_;
};

}  // namespace foxtrot::inline v0
