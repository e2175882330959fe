// foxtrot/market/book_synchroniser.hpp: makes a right book out of a stream of diffs and snapshots asked for beside it.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/book_action.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/detail/diff_buffer.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/order_book.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

struct book_synchroniser_settings {
  book_rule rule{book_rule::spot};
  order_book_settings book{};
  std::size_t max_diffs{4'096};                   ///< to keep while waiting for a snapshot; past it the oldest go
  std::size_t max_levels{std::size_t{1} << 17U};  ///< likewise, in all of them
  std::size_t max_stale{256};                     ///< old ids in a row that mean a new numbering
  std::chrono::nanoseconds request_interval{std::chrono::seconds{1}};  ///< between two requests at least
  /// A request without answer is made again; 0: never, whoever fetches sees to it that there is one.
  std::chrono::nanoseconds request_timeout{std::chrono::seconds{10}};
};

/// Pure logic for one symbol: knows no socket and no clock. Give it every diff and every snapshot in the order they
/// come and do what the action says; `now` is any clock that does not go back. While the state is live the book equals
/// one made from all diffs up to last_id(), and is not crossed. Diffs that came twice, late or early cost a resync at
/// worst. Allocates only while it is not live. One thread.
class book_synchroniser : private live_object<book_synchroniser> {
 public:
  using time = std::chrono::nanoseconds;

  explicit book_synchroniser(const book_synchroniser_settings& settings = {});

  [[nodiscard]] book_action on_diff(const book_diff& diff, time now);
  [[nodiscard]] book_action on_diff(const depth_update& update, time now);

  /// A snapshot after change `last_id`. One that is too old for the diffs at hand is dropped and another asked for.
  /// While live, one that is newer than the book takes its place, with the levels that it has: after a reconnect the
  /// next diff, which would show a hole, may be long in coming.
  [[nodiscard]] book_action on_snapshot(std::uint64_t last_id, const level_changes& levels, time now);
  [[nodiscard]] book_action on_snapshot(const depth_snapshot& snapshot, time now);

  /// The request came to nothing; another is due after the interval.
  [[nodiscard]] book_action on_snapshot_failed(time now);

  /// Call it when due() has come; then a request may have to be made.
  [[nodiscard]] book_action on_time(time now);
  /// When on_time() has something to do; nothing while no request is pending.
  [[nodiscard]] std::optional<time> due() const noexcept;

  /// Forgets everything, as if new; for a stream that was given up. After a reconnect there is no need: if diffs are
  /// missing the next one shows it.
  void reset() noexcept;

  [[nodiscard]] book_state state() const noexcept { return state_; }
  /// Trust it while the state is live, only.
  [[nodiscard]] const order_book& book() const noexcept { return book_; }
  /// The last change in the book.
  [[nodiscard]] std::uint64_t last_id() const noexcept { return id_; }
  /// Diffs kept until a snapshot comes.
  [[nodiscard]] std::size_t buffered() const noexcept { return kept_.size(); }

 private:
  using outcome = book_action::outcome;
  using step = detail::book_step;

  [[nodiscard]] bool needs_snapshot() const noexcept;
  [[nodiscard]] bool waits_for_ever() const noexcept;

  // A snapshot may be of the middle of the diff that leads past it, and a futures' diff that ends at it still counts.
  [[nodiscard]] bool is_stale(std::uint64_t last_id) const noexcept;

  // A stream that is on its way to its snapshot has every right to lag.
  [[nodiscard]] std::size_t most_stale() const noexcept;

  void forget_diffs() noexcept;

  void keep(const step& next);

  void ask(book_action& action, time now) noexcept;

  void lose(book_action& action, gap_reason fault, std::uint64_t from, std::uint64_t to) noexcept;

  void buffer(const step& next, book_action& action);
  void follow(const step& next, book_action& action);
  [[nodiscard]] bool apply(const step& next, book_action& action);
  void join(book_action& action);

  book_synchroniser_settings settings_;
  order_book book_;
  detail::diff_buffer kept_;           // each one follows the one before it
  std::optional<std::uint64_t> seen_;  // the last id of the stream while not live, whether kept or not
  std::uint64_t id_{0};
  std::size_t stale_{0};  // in a row
  std::optional<time> requested_at_;
  bool in_flight_{false};
  bool holds_snapshot_{false};  // the book is that of a snapshot, and no diff has followed it yet
  book_state state_{book_state::waiting};
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/book_synchroniser.hpp>
#endif
