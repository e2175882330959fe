// foxtrot/market/detail/waiting_event.hpp: the event at the head of a consumer's queue, whatever kind of queue it is.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/queue/line.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace foxtrot::inline v0::detail {

/// In place, until it is given back.
struct waiting_event {
  const tick_payload* payload{nullptr};  // nullptr: nothing there
  line_tag tag{};
  std::span<const raw_level> body{};
};

/// The same, member by member. What a call returned in memory and is copied as a whole is read again in wider pieces
/// than it was written in, for which the processor waits until the writes are through.
[[nodiscard, gnu::always_inline]] inline waiting_event by_members(const waiting_event& whole) noexcept {
  return {whole.payload, whole.tag, whole.body};
}

/// All records have their symbol in one place.
[[nodiscard]] inline symbol_id symbol_of(const tick_payload& payload) noexcept {
  symbol_id symbol;
  std::memcpy(&symbol, payload.bytes + offsetof(status_record, symbol), sizeof symbol);
  return symbol;
}

inline constexpr line_tag status_tag = tick_tag{.kind = tick_kind::status}.packed();

/// "You lost so many".
[[nodiscard]] inline status_record told_of(std::uint64_t lost) noexcept {
  status_record record = make_status(status_code::dropped, epoch_clock::now_ns());
  record.first = lost;
  return record;
}

}  // namespace foxtrot::inline v0::detail
