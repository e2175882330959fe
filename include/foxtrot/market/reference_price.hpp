// foxtrot/market/reference_price.hpp: the price that the venue takes for the right one.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/tick.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

struct reference_price_record {
  std::int64_t price;
  std::uint64_t reserved[4];
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t reserved_at_end;
};
static_assert(tick_record<reference_price_record>);
static_assert(offsetof(reference_price_record, received_ns) == 40 &&
              offsetof(reference_price_record, event_time) == 48 && offsetof(reference_price_record, symbol) == 52 &&
              offsetof(reference_price_record, price_exponent) == 54);

/// The reference price of a symbol, or that it has none now.
class reference_price : public tick<reference_price_record> {
 public:
  using tick::tick;

  /// Set in the tag where there is a price.
  static constexpr std::uint8_t has_price_flag = 1;

  [[nodiscard]] std::optional<decimal> price() const noexcept {
    if ((tag().flags & has_price_flag) == 0) return std::nullopt;
    return decimal{record().price, record().price_exponent};
  }
  /// When the venue took it.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
};

}  // namespace foxtrot::inline v0
