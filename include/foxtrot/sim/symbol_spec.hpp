// foxtrot/sim/symbol_spec.hpp: what a simulated exchange trades: symbols, their numbers' formats, their habits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Which market is simulated: they differ in keys, number formats, update ids and paths.
enum class sim_market : std::uint8_t { spot, usdm, coinm };

/// One symbol. Prices are integers in units of its tick, quantities in units of its lot.
struct symbol_spec {
  std::string name;                  ///< upper case
  std::int64_t price{0};             ///< where it starts, in ticks
  std::int64_t tick{1};              ///< in units of the price's last decimal
  int price_decimals{2};             ///< spot pads to eight when it writes
  int quantity_decimals{5};          ///< likewise; the lot is one unit of the last decimal
  std::int64_t typical_quantity{1};  ///< what one level holds, in lots
  std::string status{"TRADING"};     ///< what exchangeInfo says; it trades whatever that is

  /// As in the names of its streams.
  [[nodiscard]] std::string lower_name() const {
    std::string lower = name;
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lower;
  }
};

namespace detail {

struct known_symbol {
  std::string_view name;
  std::int64_t price;
  std::int64_t tick;
  int price_decimals;
  int quantity_decimals;
  std::int64_t typical_quantity;
};

inline constexpr std::array<known_symbol, 10> spot_symbols{{
    {"BTCUSDT", 6183763, 1, 2, 5, 20000},
    {"ETHUSDT", 268380, 1, 2, 4, 8000},
    {"BNBUSDT", 51020, 1, 2, 3, 4000},
    {"SOLUSDT", 15387, 1, 2, 3, 25000},
    {"XRPUSDT", 61250, 1, 5, 1, 20000},
    {"DOGEUSDT", 10431, 1, 5, 0, 18000},
    {"ADAUSDT", 3390, 1, 4, 1, 90000},
    {"AVAXUSDT", 2214, 1, 2, 2, 30000},
    {"LINKUSDT", 1052, 1, 2, 2, 40000},
    {"PEPEUSDT", 785, 1, 8, 0, 900000000},
}};

inline constexpr std::array<known_symbol, 10> usdm_symbols{{
    {"BTCUSDT", 618002, 10, 2, 3, 800},
    {"ETHUSDT", 268377, 1, 2, 3, 9000},
    {"BNBUSDT", 51018, 10, 3, 2, 3000},
    {"SOLUSDT", 15385, 100, 4, 0, 40},
    {"XRPUSDT", 6124, 1, 4, 1, 60000},
    {"DOGEUSDT", 10429, 10, 6, 0, 30000},
    {"ADAUSDT", 3389, 10, 5, 0, 12000},
    {"AVAXUSDT", 22131, 10, 4, 0, 60},
    {"LINKUSDT", 10516, 1, 3, 2, 9000},
    {"1000PEPEUSDT", 78490, 1, 7, 0, 900000},
}};

// Quantities are contracts.
inline constexpr std::array<known_symbol, 10> coinm_symbols{{
    {"BTCUSD_PERP", 618002, 1, 1, 0, 8000},
    {"ETHUSD_PERP", 268377, 1, 2, 0, 20000},
    {"BNBUSD_PERP", 51018, 10, 2, 0, 3000},
    {"SOLUSD_PERP", 153850, 1, 3, 0, 4000},
    {"XRPUSD_PERP", 6124, 1, 4, 0, 6000},
    {"DOGEUSD_PERP", 104290, 10, 6, 0, 3000},
    {"ADAUSD_PERP", 33890, 10, 5, 0, 1200},
    {"AVAXUSD_PERP", 22131, 1, 3, 0, 600},
    {"LINKUSD_PERP", 10516, 1, 3, 0, 900},
    {"LTCUSD_PERP", 6120, 1, 2, 0, 900},
}};

[[nodiscard]] constexpr const std::array<known_symbol, 10>& known_symbols(sim_market market) noexcept {
  switch (market) {
    case sim_market::usdm: return usdm_symbols;
    case sim_market::coinm: return coinm_symbols;
    default: return spot_symbols;
  }
}

}  // namespace detail

/// What one contract of COIN-M is worth, in US dollars.
[[nodiscard]] constexpr std::int64_t contract_size_of(std::string_view name) noexcept {
  return name.starts_with("BTCUSD_") ? 100 : 10;
}

/// The first `count` symbols of a market: well-known ones with sensible prices, then invented ones.
[[nodiscard]] inline std::vector<symbol_spec> default_symbols(sim_market market, std::size_t count = 4) {
  const auto& known = detail::known_symbols(market);
  const std::string quote = market == sim_market::coinm ? "USD_PERP" : "USDT";
  std::vector<symbol_spec> specs;
  specs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const detail::known_symbol& model = known[i % known.size()];
    std::string name = i < known.size() ? std::string{model.name} : "SIM" + std::to_string(i) + quote;
    specs.push_back({std::move(name), model.price, model.tick, model.price_decimals, model.quantity_decimals,
                     model.typical_quantity, "TRADING"});
  }
  return specs;
}

}  // namespace foxtrot::inline v0
