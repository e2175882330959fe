// foxtrot/market/average_price.hpp: the average of the last few minutes' trades.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/tick.hpp>
#include <foxtrot/market/venue_time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

struct average_price_record {
  std::int64_t price;
  venue_time last_trade;  // in full: it may be hours ago
  std::uint64_t reserved[2];
  std::uint32_t interval_minutes;
  std::uint32_t reserved_too;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t reserved_at_end;
};
static_assert(tick_record<average_price_record>);
static_assert(offsetof(average_price_record, received_ns) == 40 && offsetof(average_price_record, event_time) == 48 &&
              offsetof(average_price_record, symbol) == 52 && offsetof(average_price_record, price_exponent) == 54);

/// The average price over an interval that ends now.
class average_price : public tick<average_price_record> {
 public:
  using tick::tick;

  [[nodiscard]] decimal price() const noexcept { return {record().price, record().price_exponent}; }
  [[nodiscard]] std::chrono::minutes interval() const noexcept {
    return std::chrono::minutes{record().interval_minutes};
  }
  /// When the symbol was traded last.
  [[nodiscard]] std::optional<timestamp> last_trade_time() const noexcept { return record().last_trade.get(); }
  /// When the venue sent it.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
};

}  // namespace foxtrot::inline v0
