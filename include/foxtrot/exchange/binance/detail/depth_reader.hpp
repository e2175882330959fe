// foxtrot/exchange/binance/detail/depth_reader.hpp: what a message about an order book says, from fields in any order.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/field_readers.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>
#include <foxtrot/exchange/binance/fields.hpp>
#include <foxtrot/exchange/binance/message_scanner.hpp>

#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0::binance::detail {

/// All but the levels, which stand in the draft already.
[[nodiscard]] inline errc read(const message_scanner::content& found, depth_fields& said) noexcept {
  constexpr std::size_t most_levels = 65'535;  // of a side
  const fields& from = found.scalars;
  if (found.bad_levels != errc::none) return found.bad_levels;
  if (!found.has_bids || !found.has_asks) return errc::missing_field;
  if (found.bids > most_levels || found.asks > most_levels) return errc::number_out_of_range;
  said.bids = static_cast<std::uint32_t>(found.bids);
  said.asks = static_cast<std::uint32_t>(found.asks);
  said.price_exponent = found.levels.price_exponent();
  said.quantity_exponent = found.levels.quantity_exponent();
  said.is_update = from.has(letter('u'));
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  if (said.is_update) {
    if (!(good(from.number(letter('U'), said.first_id)) && good(from.number(letter('u'), said.last_id)))) return bad;
    if (said.first_id > said.last_id) return errc::number_out_of_range;
  } else if (!good(from.number(key::last_update_id, said.last_id))) {
    return bad;
  }
  if (from.has(key::previous_update_id)) {
    std::int64_t previous = 0;  // -1 where there was none
    if (!good(from.number(key::previous_update_id, previous))) return bad;
    said.has_previous_id = previous >= 0;
    said.previous_id = said.has_previous_id ? static_cast<std::uint64_t>(previous) : 0;
  }
  (void)(good(read_symbol(from, said.symbol)) && good(from.optional_time_us(letter('E'), said.event_us)) &&
         good(from.optional_time_us(letter('T'), said.transaction_us)));
  return bad;
}

}  // namespace foxtrot::inline v0::binance::detail
