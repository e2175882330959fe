// foxtrot/market/aggregate_trade.hpp: the trades of one taker order at one price, as one.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/tick.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

struct aggregate_trade_record {
  std::uint64_t aggregate_id;
  std::int64_t price;
  std::int64_t quantity;
  std::uint64_t first_trade_id;
  time_offset trade_time;
  std::uint32_t trade_count;  // one or more
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t quantity_exponent;
};
static_assert(tick_record<aggregate_trade_record>);
static_assert(offsetof(aggregate_trade_record, received_ns) == 40 &&
              offsetof(aggregate_trade_record, event_time) == 48 && offsetof(aggregate_trade_record, symbol) == 52 &&
              offsetof(aggregate_trade_record, price_exponent) == 54);

/// Several trades that one order made at one price. What the futures count apart, their "normal quantity" without
/// orders of retail price improvement, has no room here.
class aggregate_trade : public tick<aggregate_trade_record> {
 public:
  using tick::tick;

  /// Set in the tag where the buyer's orders stood in the book, so that the seller was the aggressor.
  static constexpr std::uint8_t buyer_is_maker_flag = 1;

  [[nodiscard]] std::uint64_t aggregate_id() const noexcept { return record().aggregate_id; }
  [[nodiscard]] decimal price() const noexcept { return {record().price, record().price_exponent}; }
  [[nodiscard]] decimal quantity() const noexcept { return {record().quantity, record().quantity_exponent}; }
  /// The trades in it, both ends included.
  [[nodiscard]] std::uint64_t first_trade_id() const noexcept { return record().first_trade_id; }
  [[nodiscard]] std::uint64_t last_trade_id() const noexcept {
    return record().first_trade_id + record().trade_count - 1;
  }
  [[nodiscard]] std::uint32_t trade_count() const noexcept { return record().trade_count; }
  [[nodiscard]] bool buyer_is_maker() const noexcept { return (tag().flags & buyer_is_maker_flag) != 0; }
  /// It did not come when it should have, and was fetched: see gap_repair_settings. Under gap_repair::after it comes
  /// behind later ones.
  [[nodiscard]] bool is_filled() const noexcept { return foxtrot::is_filled(tag()); }

  /// When the venue sent it, and when it happened.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
  [[nodiscard]] std::optional<timestamp> trade_time() const noexcept {
    return record().trade_time.from(record().received_ns);
  }
};

}  // namespace foxtrot::inline v0
