// foxtrot/sim/turnover.hpp: what trades are worth, exactly.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/int128.hpp>
#include <foxtrot/sim/sim_book.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <cstdint>

namespace foxtrot::inline v0 {

/// Price times quantity, in the quote asset; of COIN-M, whose quantities are contracts, in the base asset. Sums are in
/// units of the last decimal.
class turnover_rule {
 public:
  turnover_rule(sim_market market, const symbol_spec& spec) noexcept
      : tick_{spec.tick},
        price_decimals_{spec.price_decimals},
        decimals_{market == sim_market::coinm ? base_decimals : spec.price_decimals + spec.quantity_decimals},
        contract_size_{market == sim_market::coinm ? contract_size_of(spec.name) : 0} {}

  /// Digits behind the point of what of() gives.
  [[nodiscard]] int decimals() const noexcept { return decimals_; }

  [[nodiscard]] int128 of(const sim_level& traded) const noexcept {
    const int128 price = int128{traded.price} * tick_;
    if (contract_size_ == 0) return price * traded.quantity;
    return int128{traded.quantity} * contract_size_ * power(base_decimals + price_decimals_) / price;
  }
  [[nodiscard]] wide_decimal value(int128 sum) const noexcept { return {sum, -decimals_}; }

  /// The average price of so many lots, with eight decimals, rounded down.
  [[nodiscard]] wide_decimal average(int128 sum, int128 lots) const noexcept {
    if (contract_size_ == 0) return {sum * power(average_decimals - price_decimals_) / lots, -average_decimals};
    return {lots * contract_size_ * power(base_decimals + average_decimals) / sum, -average_decimals};
  }

 private:
  static constexpr int base_decimals = 8;
  static constexpr int average_decimals = 8;  // no symbol's price has more

  [[nodiscard]] static int128 power(int exponent) noexcept {
    int128 value = 1;
    for (int i = 0; i < exponent; ++i) value *= 10;
    return value;
  }

  std::int64_t tick_;
  int price_decimals_;
  int decimals_;
  std::int64_t contract_size_;
};

}  // namespace foxtrot::inline v0
