// foxtrot/market/tick.hpp: what every tick has: its record, where it came from and when.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/market/time_offset.hpp>
#include <foxtrot/queue/line.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>

namespace foxtrot::inline v0 {

/// A record: the 56 bytes that cross a ring. It holds at least the receive time and the symbol.
template <class R>
concept tick_record = line_payload<R> && sizeof(R) == line_payload_bytes && requires(const R& record) {
  { record.received_ns } -> std::convertible_to<std::int64_t>;
  { record.symbol } -> std::convertible_to<symbol_id>;
};

/// A tick as strategies see it: a record with its tag and the table of its symbols. A plain value: copy it to keep it.
template <tick_record Record>
class tick {
 public:
  using record_type = Record;

  tick(const Record& record, tick_tag tag, const symbol_table& symbols) noexcept
      : record_{record}, symbols_{&symbols}, tag_{tag} {}

  [[nodiscard]] foxtrot::symbol symbol() const noexcept { return {*symbols_, record_.symbol}; }
  [[nodiscard]] foxtrot::venue venue() const noexcept { return tag_.where; }
  [[nodiscard]] foxtrot::source source() const noexcept { return tag_.how; }

  /// When the read that brought it returned, on epoch_clock; the same for all ticks of one read.
  [[nodiscard]] timestamp received() const noexcept { return timestamp{std::chrono::nanoseconds{record_.received_ns}}; }

  /// The fixed layout, for those who count nanoseconds.
  [[nodiscard]] const Record& record() const noexcept { return record_; }

 protected:
  [[nodiscard]] tick_tag tag() const noexcept { return tag_; }

 private:
  Record record_;
  const symbol_table* symbols_;
  tick_tag tag_;
};

}  // namespace foxtrot::inline v0
