// foxtrot/market/detail/consumer_filter.hpp: which events a consumer wants.
#pragma once

#include <foxtrot/core/result.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// By kind and symbol; status events always pass, and unknown events, which name no symbol, where their kind is wanted.
class consumer_filter {
 public:
  [[nodiscard]] static result<consumer_filter> make(const subscription_settings& wanted, symbol_table& symbols);

  [[nodiscard]] bool wants(tick_kind kind, symbol_id symbol) const noexcept {
    return kinds_.contains(kind) && (wants(symbol) || kind == tick_kind::status || kind == tick_kind::unknown_event);
  }
  /// Of some symbol at least.
  [[nodiscard]] bool wants(tick_kind kind) const noexcept { return kinds_.contains(kind); }
  [[nodiscard]] bool wants(symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return symbols_.empty() || (index / 64 < symbols_.size() && (symbols_[index / 64] >> index % 64 & 1U) != 0);
  }

 private:
  kind_set kinds_;
  std::vector<std::uint64_t> symbols_;  // a bit for each id; empty: all
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/consumer_filter.hpp>
#endif
