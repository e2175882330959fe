// foxtrot/queue/detail/mpmc_cell.hpp: a place for an item in a block of moodycamel's, and the ways out of it.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace foxtrot::inline v0 {

/// What may travel through an mpmc_queue: moving it never fails. Copying is not asked for.
template <class T>
concept mpmc_item = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                    std::is_nothrow_destructible_v<T>;

namespace detail {

/// In a block it holds an item, or nothing; as an argument it says where the item is to come from, so that the item
/// stays untouched where there is no block for it. The ways out below end the item, the destructor does not.
template <mpmc_item T>
union mpmc_cell {
  explicit mpmc_cell(T* from) noexcept : source{from} {}
  explicit mpmc_cell(T&& item) noexcept : value{std::move(item)} {}
  mpmc_cell(mpmc_cell&& from) noexcept {
    if (from.source != nullptr) std::construct_at(&value, std::move(*from.source));
  }
  ~mpmc_cell() {}

  T value;
  T* source;
};

// What an item taken out of a block is assigned to.

/// To a living item.
template <mpmc_item T>
struct mpmc_assign {
  T& to;
  void operator=(mpmc_cell<T>&& from) noexcept {
    to = std::move(from.value);
    std::destroy_at(&from.value);
  }
};

/// To raw memory: an output iterator.
template <mpmc_item T>
struct mpmc_construct {
  T* to;
  mpmc_construct& operator*() noexcept { return *this; }
  mpmc_construct& operator++() noexcept { return ++to, *this; }
  mpmc_construct operator++(int) noexcept { return {to++}; }
  void operator=(mpmc_cell<T>&& from) noexcept {
    std::construct_at(to, std::move(from.value));
    std::destroy_at(&from.value);
  }
};

/// Nowhere.
struct mpmc_destroy {
  template <mpmc_item T>
  void operator=(mpmc_cell<T>&& from) noexcept {
    std::destroy_at(&from.value);
  }
};

/// Nowhere, where the cell holds nothing.
struct mpmc_ignore {
  template <mpmc_item T>
  void operator=(mpmc_cell<T>&&) noexcept {}
};

}  // namespace detail
}  // namespace foxtrot::inline v0
