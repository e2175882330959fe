// foxtrot/exchange/binance/exchange_info.hpp: what a market trades, by which rules, and how often it may be asked.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/exchange/binance/detail/exchange_info_content.hpp>
#include <foxtrot/exchange/binance/rate_limit.hpp>
#include <foxtrot/exchange/binance/symbol_rules.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance {

/// The answer to GET exchangeInfo of spot, USD-M or COIN-M. A value that does not change: any number of threads may
/// read it. Its symbols are sorted by name.
class exchange_info {
 public:
  /// Reads a body. The error is errc::malformed_message for what is no JSON, errc::missing_field or errc::wrong_type
  /// for another document, and nothing is left of it; one symbol that cannot be understood is left out and listed in
  /// rejected().
  [[nodiscard]] static result<exchange_info> parse(std::string_view body);

  /// When the venue answered, by its clock.
  [[nodiscard]] std::chrono::sys_time<std::chrono::microseconds> server_time() const noexcept {
    constexpr std::int64_t least_microseconds = 100'000'000'000'000;  // today's milliseconds have 13 digits, these 16
    const std::int64_t at = content_.server_time;
    return std::chrono::sys_time<std::chrono::microseconds>{
        std::chrono::microseconds{at < least_microseconds ? at * 1000 : at}};
  }
  [[nodiscard]] const std::vector<rate_limit>& rate_limits() const noexcept { return content_.rate_limits; }

  [[nodiscard]] const std::vector<symbol_rules>& symbols() const noexcept { return content_.symbols; }
  [[nodiscard]] auto begin() const noexcept { return content_.symbols.begin(); }
  [[nodiscard]] auto end() const noexcept { return content_.symbols.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return content_.symbols.size(); }
  [[nodiscard]] bool empty() const noexcept { return content_.symbols.empty(); }

  /// The symbol of that name, in upper case; null where there is none. Valid as long as this object. Allocates nothing.
  [[nodiscard]] const symbol_rules* find(std::string_view name) const noexcept {
    const auto found = std::lower_bound(
        begin(), end(), name, [](const symbol_rules& one, std::string_view wanted) { return one.name < wanted; });
    return found != end() && found->name == name ? &*found : nullptr;
  }

  /// Those that trade now. Valid as long as this object.
  [[nodiscard]] std::vector<const symbol_rules*> trading_symbols() const {
    std::vector<const symbol_rules*> trading;
    for (const symbol_rules& one : *this) {
      if (one.trading()) trading.push_back(&one);
    }
    return trading;
  }

  /// What the venue listed and this does not hold.
  [[nodiscard]] const std::vector<rejected_symbol>& rejected() const noexcept { return content_.rejected; }

 private:
  exchange_info() = default;

  // Of two symbols with one name neither is to be trusted.
  void sort() {
    std::vector<symbol_rules>& all = content_.symbols;
    std::sort(all.begin(), all.end(), [](const symbol_rules& a, const symbol_rules& b) { return a.name < b.name; });
    std::vector<symbol_rules> unique;
    unique.reserve(all.size());
    for (auto at = all.begin(); at != all.end();) {
      const auto next = std::find_if(at, all.end(), [&at](const symbol_rules& one) { return one.name != at->name; });
      if (next - at == 1) {
        unique.push_back(std::move(*at));
      } else {
        content_.rejected.push_back({at->name, errc::malformed_message});
      }
      at = next;
    }
    all = std::move(unique);
  }

  detail::exchange_info_content content_;
};

}  // namespace foxtrot::inline v0::binance

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/exchange/binance/impl/exchange_info.hpp>
#endif
