// foxtrot/market/detail/sorted_levels.hpp: one side of a book in one array, the best price at its end.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/levels.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

/// A level that comes, or goes (quantity 0), at an index of the array as it was before.
struct level_edit {
  std::size_t at;
  raw_level level;
};

/// Most changes are near the best price, so they move and touch the last lines of the array only. Bids ascend, asks
/// descend. One thread.
template <bool Bids>
class sorted_levels {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return levels_.size(); }
  [[nodiscard]] bool empty() const noexcept { return levels_.empty(); }
  [[nodiscard]] const raw_level& best() const noexcept { return levels_.back(); }
  [[nodiscard]] std::span<const raw_level> all() const noexcept { return {levels_.data(), levels_.size()}; }
  [[nodiscard]] std::span<raw_level> all() noexcept { return {levels_.data(), levels_.size()}; }

  void reserve(std::size_t count);
  void clear() noexcept;

  /// Makes all the changes; `scratch` is room that is kept from call to call. Venues send them sorted: then what lies
  /// between a level that comes and one that goes moves by one, and what lies beyond both stays where it is.
  void apply(std::span<const raw_level> changes, std::vector<level_edit>& scratch);

  /// Makes the quantity at that price what it says, 0 for none.
  void set(const raw_level& level);

  /// Forgets all but the best `count`.
  void keep(std::size_t count);

  /// The first index whose price is not worse. Without a branch: which half it is in cannot be predicted.
  [[nodiscard]] std::size_t find(std::int64_t price) const noexcept;

 private:
  // Between two places where as many levels have come as gone nothing else matters, so each such run is moved by
  // itself: upwards from its upper end, downwards from its lower one.
  void rearrange(std::span<const level_edit> all);

  // `shift` more levels come than go in the run; if none, its last edit is the one that makes room.
  void move_up(std::span<const level_edit> run, std::size_t shift, std::size_t end) noexcept;

  void move_down(std::span<const level_edit> run, std::size_t old_size) noexcept;

  [[nodiscard]] static bool worse(std::int64_t a, std::int64_t b) noexcept { return Bids ? a < b : a > b; }

  std::vector<raw_level> levels_;
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/sorted_levels.hpp>
#endif
