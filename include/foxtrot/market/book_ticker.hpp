// foxtrot/market/book_ticker.hpp: the best bid and ask of a symbol.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/tick.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

struct book_ticker_record {
  std::uint64_t update_id;
  std::int64_t bid_price;  // mantissas: prices share one exponent, quantities another
  std::int64_t bid_quantity;
  std::int64_t ask_price;
  std::int64_t ask_quantity;
  std::int64_t received_ns;
  time_offset transaction_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t quantity_exponent;
};
static_assert(tick_record<book_ticker_record>);
static_assert(offsetof(book_ticker_record, received_ns) == 40 && offsetof(book_ticker_record, transaction_time) == 48 &&
              offsetof(book_ticker_record, symbol) == 52 && offsetof(book_ticker_record, price_exponent) == 54);

/// The best bid and ask after one update of the book.
class book_ticker : public tick<book_ticker_record> {
 public:
  using tick::tick;

  /// 0 where it was polled from a venue that does not tell: spot.
  [[nodiscard]] std::uint64_t update_id() const noexcept { return record().update_id; }
  [[nodiscard]] decimal bid_price() const noexcept { return {record().bid_price, record().price_exponent}; }
  [[nodiscard]] decimal bid_quantity() const noexcept { return {record().bid_quantity, record().quantity_exponent}; }
  [[nodiscard]] decimal ask_price() const noexcept { return {record().ask_price, record().price_exponent}; }
  [[nodiscard]] decimal ask_quantity() const noexcept { return {record().ask_quantity, record().quantity_exponent}; }

  /// When the matching engine made it. Spot's stream does not say; futures do.
  [[nodiscard]] std::optional<timestamp> transaction_time() const noexcept {
    return record().transaction_time.from(record().received_ns);
  }
};

}  // namespace foxtrot::inline v0
