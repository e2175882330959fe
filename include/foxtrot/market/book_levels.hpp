// foxtrot/market/book_levels.hpp: a view of one side of an order book, best price first.
#pragma once

#include <foxtrot/market/levels.hpp>

#include <cstddef>
#include <iterator>
#include <span>

namespace foxtrot::inline v0 {

/// The best levels of one side of a book. Valid until the book changes.
class book_levels {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;  // dereferencing makes a value
    using value_type = price_level;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = price_level;

    iterator() noexcept = default;
    /// Stands before `past`, the level after the one it means.
    iterator(const raw_level* past, int price_exponent, int quantity_exponent) noexcept
        : past_{past}, price_exponent_{price_exponent}, quantity_exponent_{quantity_exponent} {}
    [[nodiscard]] price_level operator*() const noexcept {
      const raw_level& level = *(past_ - 1);
      return {{level.price, price_exponent_}, {level.quantity, quantity_exponent_}};
    }
    iterator& operator++() noexcept {
      --past_;
      return *this;
    }
    iterator operator++(int) noexcept {
      const iterator before = *this;
      --past_;
      return before;
    }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

   private:
    const raw_level* past_{nullptr};
    int price_exponent_{0};
    int quantity_exponent_{0};
  };

  book_levels() noexcept = default;
  /// `raw` has the best level last, as the book keeps them.
  book_levels(std::span<const raw_level> raw, int price_exponent, int quantity_exponent) noexcept
      : raw_{raw}, price_exponent_{price_exponent}, quantity_exponent_{quantity_exponent} {}

  [[nodiscard]] std::size_t size() const noexcept { return raw_.size(); }
  [[nodiscard]] bool empty() const noexcept { return raw_.empty(); }
  /// The index-th best.
  [[nodiscard]] price_level operator[](std::size_t index) const noexcept { return *at(index); }
  [[nodiscard]] iterator begin() const noexcept { return at(0); }
  [[nodiscard]] iterator end() const noexcept { return at(size()); }

  /// The mantissas as they stand in the book, the best level last, and their exponents.
  [[nodiscard]] std::span<const raw_level> raw() const noexcept { return raw_; }
  [[nodiscard]] int price_exponent() const noexcept { return price_exponent_; }
  [[nodiscard]] int quantity_exponent() const noexcept { return quantity_exponent_; }

 private:
  [[nodiscard]] iterator at(std::size_t index) const noexcept {
    return {raw_.data() + (raw_.size() - index), price_exponent_, quantity_exponent_};
  }

  std::span<const raw_level> raw_;
  int price_exponent_{0};
  int quantity_exponent_{0};
};

}  // namespace foxtrot::inline v0
