// foxtrot/sim/rest_weights.hpp: what REST requests count against the limit per minute.
#pragma once

#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace foxtrot::inline v0 {

/// The parameter `limit` where it is a number, else `usual`.
[[nodiscard]] inline std::size_t limit_in(const request_target& target, std::size_t usual) noexcept {
  std::size_t limit = usual;
  const std::string_view text = target.parameter("limit").value_or("");
  (void)std::from_chars(text.data(), text.data() + text.size(), limit);
  return limit;
}

/// The weight of a request by the name that follows the market's prefix. Spot: rest-api.md of binance-spot-api-docs;
/// the futures: the pages "Market Data" of their documentation. 1 for what is not known.
class rest_weights {
 public:
  explicit constexpr rest_weights(sim_market market) noexcept : market_{market} {}

  [[nodiscard]] std::uint32_t of(std::string_view name, const request_target& target) const noexcept {
    return market_ == sim_market::spot ? of_spot(name, target) : of_futures(name, target);
  }

 private:
  [[nodiscard]] static std::uint32_t of_spot(std::string_view name, const request_target& target) noexcept {
    if (name == "depth") {
      const std::size_t limit = limit_in(target, 100);
      return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1'000 ? 50 : 250;
    }
    if (name == "exchangeInfo") return 20;
    if (name == "ticker/bookTicker") return target.parameter("symbol") ? 2 : 4;
    if (name == "ticker/24hr") return of_spot_tickers(target);
    if (name == "trades" || name == "historicalTrades") return 25;
    if (name == "aggTrades") return 4;
    return name == "klines" || name == "avgPrice" ? 2 : 1;
  }
  [[nodiscard]] static std::uint32_t of_spot_tickers(const request_target& target) noexcept {
    if (target.parameter("symbol")) return 2;
    const auto list = target.parameter("symbols");
    if (!list) return 80;
    const auto count = std::count(list->begin(), list->end(), ',') + 1;
    return count <= 20 ? 2 : count <= 100 ? 40 : 80;
  }

  [[nodiscard]] std::uint32_t of_futures(std::string_view name, const request_target& target) const noexcept {
    const std::size_t limit = limit_in(target, 500);
    if (name == "depth") return limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20;
    if (name == "klines") return limit < 100 ? 1 : limit < 500 ? 2 : limit <= 1'000 ? 5 : 10;
    if (name == "ticker/bookTicker") return target.parameter("symbol") ? 2 : 5;
    if (name == "ticker/24hr") return target.parameter("symbol") ? 1 : 40;
    if (name == "trades") return 5;
    if (name == "aggTrades" || name == "historicalTrades") return 20;
    return name == "premiumIndex" && market_ == sim_market::coinm ? 10 : 1;
  }

  sim_market market_;
};

}  // namespace foxtrot::inline v0
