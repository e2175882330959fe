// foxtrot/market/trade.hpp: one trade between two orders.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/tick.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

struct trade_record {
  std::uint64_t trade_id;
  std::int64_t price;
  std::int64_t quantity;
  std::uint64_t reserved;  // zero; keeps the receive time where every tick has it
  time_offset trade_time;
  std::uint32_t reserved_too;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t quantity_exponent;
};
static_assert(tick_record<trade_record>);
static_assert(offsetof(trade_record, received_ns) == 40 && offsetof(trade_record, event_time) == 48 &&
              offsetof(trade_record, symbol) == 52 && offsetof(trade_record, price_exponent) == 54);

/// What trades of the book and block trades share.
class trade_tick : public tick<trade_record> {
 public:
  using tick::tick;

  /// Set in the tag where the buyer's order stood in the book, so that the seller was the aggressor.
  static constexpr std::uint8_t buyer_is_maker_flag = 1;

  [[nodiscard]] std::uint64_t trade_id() const noexcept { return record().trade_id; }
  [[nodiscard]] decimal price() const noexcept { return {record().price, record().price_exponent}; }
  [[nodiscard]] decimal quantity() const noexcept { return {record().quantity, record().quantity_exponent}; }
  [[nodiscard]] bool buyer_is_maker() const noexcept { return (tag().flags & buyer_is_maker_flag) != 0; }

  /// When the venue sent it, and when it happened.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
  [[nodiscard]] std::optional<timestamp> trade_time() const noexcept {
    return record().trade_time.from(record().received_ns);
  }
};

/// One trade, as it happened.
class trade : public trade_tick {
 public:
  using trade_tick::trade_tick;

  /// It did not come when it should have, and was fetched: see gap_repair_settings. Under gap_repair::after it comes
  /// behind later ones.
  [[nodiscard]] bool is_filled() const noexcept { return foxtrot::is_filled(tag()); }
};

}  // namespace foxtrot::inline v0
