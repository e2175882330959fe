// foxtrot/market/impl/status_board.hpp: what detail/status_board.hpp declares.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/market/detail/status_board.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL void status_board::note(const status_record& record) noexcept {
  switch (record.code) {
    case status_code::stale: set(silent_, record.symbol, true); break;
    case status_code::fresh: set(silent_, record.symbol, false); break;
    case status_code::fallback_started: set(silent_, symbol_id::none, true); break;
    case status_code::fallback_ended: set(silent_, symbol_id::none, false); break;
    case status_code::resynchronised: set(broken_, record.symbol, false); break;
    case status_code::gap:
      if (record.gap_kind == tick_kind::depth_update) set(broken_, record.symbol, true);
      break;
    default: break;
  }
}

FOXTROT_DECL void status_board::set(bits& where, symbol_id symbol, bool in) noexcept {
  const auto index = static_cast<std::size_t>(symbol);
  const std::uint64_t bit = std::uint64_t{1} << index % 64;
  const std::uint64_t before = where[index / 64].load(std::memory_order_relaxed);  // nobody else writes
  const std::uint64_t now = in ? before | bit : before & ~bit;
  if (now == before) return;
  where[index / 64].store(now, std::memory_order_relaxed);
  changed_ns_.store(epoch_clock::now_ns(), std::memory_order_relaxed);
}

}  // namespace foxtrot::inline v0::detail
