// foxtrot/market/detail/symbol_key.hpp: a symbol as callers have it: by name or by number.
#pragma once

#include <foxtrot/market/symbol.hpp>

#include <concepts>
#include <string_view>

namespace foxtrot::inline v0::detail {

/// An argument only: a name must outlive it.
class symbol_key {
 public:
  constexpr symbol_key(symbol_id id) noexcept : id_{id} {}
  template <std::convertible_to<std::string_view> Name>
  constexpr symbol_key(const Name& name) noexcept : name_{name} {}

  /// Its number in a table; none where that does not know the name. Any thread.
  [[nodiscard]] symbol_id in(const symbol_table& table) const noexcept {
    return id_ != symbol_id::none ? id_ : table.find(name_);
  }

 private:
  symbol_id id_{symbol_id::none};
  std::string_view name_;
};

}  // namespace foxtrot::inline v0::detail
