// foxtrot/market/detail/diff_buffer.hpp: book changes kept until the snapshot comes that they belong to.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/levels.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

/// A diff as the synchroniser sees it: it leads from the book after change `before` to the book after change `last`.
struct book_step {
  std::uint64_t before{0};
  std::uint64_t last{0};
  level_changes changes;
};

/// A queue of copies with bounds on diffs and levels; past them the oldest go, which only makes a newer snapshot
/// necessary. Holds up to twice the levels that are in it. One thread.
class diff_buffer {
 public:
  diff_buffer(std::size_t max_diffs, std::size_t max_levels) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size() - head_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// Valid until the next push.
  [[nodiscard]] book_step operator[](std::size_t index) const noexcept;

  void clear() noexcept;

  /// Keeps a copy, at the price of the oldest if need be. A diff that is larger than the whole buffer empties it.
  void push(const book_step& step);

 private:
  struct entry {
    std::uint64_t before;
    std::uint64_t last;
    std::size_t offset;
    std::size_t bids;
    std::size_t asks;
    int price_exponent;
    int quantity_exponent;
  };

  [[nodiscard]] std::size_t levels_in_use() const noexcept;

  void compact();

  std::vector<entry> entries_;
  std::vector<raw_level> levels_;
  std::size_t head_{0};
  std::size_t max_diffs_;
  std::size_t max_levels_;
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/diff_buffer.hpp>
#endif
