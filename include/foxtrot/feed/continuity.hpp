// foxtrot/feed/continuity.hpp: follows the venue's numbering of ticks: sees holes, and what came twice or too late.
#pragma once

#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace foxtrot::inline v0 {

/// What the id of a tick says about it.
enum class id_verdict : std::uint8_t {
  in_order,    ///< it follows what came before, or its kind has no numbering
  gap,         ///< it is newer, but ids before it never came: range()
  renumbered,  ///< ids have been low for so long that the venue must count anew, from range(), which is its own
  repeated,    ///< it has been seen, or is older: not to be published, for each symbol's ticks have an order
};

/// Follows the ids of each symbol of one market, as ids_of() has them, over reconnects. One thread; allocates only for
/// a symbol with a higher number than any before.
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
      case tick_kind::trade: return step(of(symbol, numbering::trades), ids_of(tag, payload), payload);
      case tick_kind::aggregate_trade:
        return step(of(symbol, numbering::aggregate_trades), ids_of(tag, payload), payload);
      case tick_kind::book_ticker: {
        const tick_ids ids = ids_of(tag, payload);
        return ids.last != 0 ? step(of(symbol, numbering::book_tickers), ids, payload) : id_verdict::in_order;
      }
      case tick_kind::depth_update: return step(of(symbol, numbering::depth), ids_of(tag, payload), payload);
      default: return id_verdict::in_order;
    }
  }

  /// What comes next of this kind follows nothing: nobody wanted what was between. Kinds without a numbering: nothing.
  void forget(tick_kind kind, symbol_id symbol) {
    const auto which = numbering_of(kind);
    if (which && static_cast<std::size_t>(symbol) < ids_.size()) of(symbol, *which) = {};
  }

  /// The highest id so far; 0: none yet.
  [[nodiscard]] std::uint64_t last(numbering which, symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return index < ids_.size() ? ids_[index].all[static_cast<std::size_t>(which)].last : 0;
  }
  /// Symbols that may have a last id: these, counted from 0.
  [[nodiscard]] std::size_t symbols() const noexcept { return ids_.size(); }

  /// After `gap`: the ids that never came. After `renumbered`: those of the tick itself.
  [[nodiscard]] const id_range& range() const noexcept { return range_; }

 private:
  struct progress {
    std::uint64_t last{0};          // the highest id; 0: none yet
    std::uint32_t repeated{0};      // ticks in a row that were not higher
    std::uint32_t low_since_ms{0};  // when the first of these came, in units of 2^20 ns
  };
  // All that a tick's check touches: one line.
  struct alignas(64) symbol_ids {
    std::array<progress, numbering_count> all;
  };
  static_assert(sizeof(symbol_ids) == 64);

  [[nodiscard]] progress& of(symbol_id symbol, numbering which) {
    const auto index = static_cast<std::size_t>(symbol);
    if (index >= ids_.size()) [[unlikely]]
      ids_.resize(index + 1);
    return ids_[index].all[static_cast<std::size_t>(which)];
  }

  [[nodiscard]] id_verdict step(progress& seen, const tick_ids& now, const tick_payload& payload) noexcept {
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

  [[nodiscard, gnu::noinline]] id_verdict repeat(progress& seen, const tick_ids& now,
                                                 const tick_payload& payload) noexcept {
    if (seen.last == 0) return id_verdict::in_order;  // a venue that counts from 0
    if (now.last == seen.last) {  // still the newest, as in the answers about a symbol that is not traded
      seen.repeated = 0;
      return id_verdict::repeated;
    }
    const auto ms = static_cast<std::uint32_t>(received_ns_of(payload) >> 20);
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
