// foxtrot/market/book_action.hpp: what goes into a book synchroniser and what it answers.
#pragma once

#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/status.hpp>

#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

/// How a venue says that diffs follow each other. Spot counts on: U == previous u + 1. The futures name the one before:
/// pu == previous u.
enum class book_rule : std::uint8_t { spot, futures };

enum class book_state : std::uint8_t {
  waiting,    ///< no diff has come yet
  buffering,  ///< diffs are kept until a snapshot fits them
  live,       ///< the book is right, up to the last diff
  broken,     ///< it was live and lost its way: kept as it was, wrong, until a snapshot comes
};

/// Why a book was lost, or could not be made from a snapshot, and the ids in doubt, both ends included: those that
/// never came where they are missing, else those of the diff or the snapshot.
struct book_loss {
  gap_reason fault{};
  std::uint64_t from{0};
  std::uint64_t to{0};
  friend constexpr bool operator==(const book_loss&, const book_loss&) = default;
};

/// What became of an input, and what its giver has to do.
struct book_action {
  enum class outcome : std::uint8_t { dropped, buffered, applied };

  outcome input{outcome::dropped};
  bool request_snapshot{false};   ///< fetch one now, in the background
  bool resynchronised{false};     ///< tell consumers: the book is right, for the first time or again
  std::optional<book_loss> lost;  ///< tell consumers, before `resynchronised`: do not trust the book
};

/// A diff and the ids it covers, as the venue numbers them.
struct book_diff {
  std::uint64_t first_id{0};
  std::uint64_t last_id{0};
  std::optional<std::uint64_t> previous_id;
  level_changes changes;

  [[nodiscard]] static book_diff of(const depth_update& update) noexcept {
    return {update.first_id(), update.last_id(), update.previous_id(), level_changes::of(update)};
  }
};

}  // namespace foxtrot::inline v0
