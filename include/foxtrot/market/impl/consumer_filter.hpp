// foxtrot/market/impl/consumer_filter.hpp: what detail/consumer_filter.hpp declares.
#pragma once

#include <foxtrot/core/result.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL result<consumer_filter> consumer_filter::make(const subscription_settings& wanted, symbol_table& symbols) {
  consumer_filter made;
  made.kinds_ = wanted.kinds | tick_kind::status;
  for (const auto& name : wanted.symbols) {
    const auto id = symbols.intern(name);
    if (!id) return id.error();
    const auto index = static_cast<std::size_t>(*id);
    if (made.symbols_.size() <= index / 64) made.symbols_.resize(index / 64 + 1);
    made.symbols_[index / 64] |= std::uint64_t{1} << index % 64;
  }
  return made;
}

}  // namespace foxtrot::inline v0::detail
