// foxtrot/market/levels.hpp: one side of a book or of a change to it: price levels with common exponents.
#pragma once

#include <foxtrot/core/decimal.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

namespace foxtrot::inline v0 {

/// Mantissas of one level; the exponents are the record's.
struct raw_level {
  std::int64_t price;
  std::int64_t quantity;
  friend constexpr bool operator==(const raw_level&, const raw_level&) = default;
};

/// A price and the quantity there. In a depth update the quantity is absolute and 0 removes the level.
struct price_level {
  decimal price;
  decimal quantity;
  friend constexpr bool operator==(const price_level&, const price_level&) = default;
};

/// A view of levels in the venue's order. Valid as long as the event it came from.
class levels {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;  // dereferencing makes a value
    using value_type = price_level;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = price_level;

    iterator() noexcept = default;
    iterator(const raw_level* at, int price_exponent, int quantity_exponent) noexcept
        : at_{at}, price_exponent_{price_exponent}, quantity_exponent_{quantity_exponent} {}
    [[nodiscard]] price_level operator*() const noexcept {
      return {{at_->price, price_exponent_}, {at_->quantity, quantity_exponent_}};
    }
    iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    iterator operator++(int) noexcept {
      const iterator before = *this;
      ++at_;
      return before;
    }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

   private:
    const raw_level* at_{nullptr};
    int price_exponent_{0};
    int quantity_exponent_{0};
  };

  levels() noexcept = default;
  levels(std::span<const raw_level> raw, int price_exponent, int quantity_exponent) noexcept
      : raw_{raw}, price_exponent_{price_exponent}, quantity_exponent_{quantity_exponent} {}

  [[nodiscard]] std::size_t size() const noexcept { return raw_.size(); }
  [[nodiscard]] bool empty() const noexcept { return raw_.empty(); }
  [[nodiscard]] price_level operator[](std::size_t index) const noexcept { return *at(index); }
  [[nodiscard]] iterator begin() const noexcept { return at(0); }
  [[nodiscard]] iterator end() const noexcept { return at(size()); }

  /// The mantissas, for those who count nanoseconds.
  [[nodiscard]] std::span<const raw_level> raw() const noexcept { return raw_; }

 private:
  [[nodiscard]] iterator at(std::size_t index) const noexcept {
    return {raw_.data() + index, price_exponent_, quantity_exponent_};
  }

  std::span<const raw_level> raw_;
  int price_exponent_{0};
  int quantity_exponent_{0};
};

}  // namespace foxtrot::inline v0
