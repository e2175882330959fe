// foxtrot/market/book_synchroniser.hpp: makes a right book out of a stream of diffs and snapshots asked for beside it.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
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

  explicit book_synchroniser(const book_synchroniser_settings& settings = {})
      : settings_{settings}, book_{settings.book}, kept_{settings.max_diffs, settings.max_levels} {}

  [[nodiscard]] book_action on_diff(const book_diff& diff, time now);
  [[nodiscard]] book_action on_diff(const depth_update& update, time now) {
    return on_diff(book_diff::of(update), now);
  }

  /// A snapshot after change `last_id`. One that is too old for the diffs at hand is dropped and another asked for.
  /// While live, one that is newer than the book takes its place, with the levels that it has: after a reconnect the
  /// next diff, which would show a hole, may be long in coming.
  [[nodiscard]] book_action on_snapshot(std::uint64_t last_id, const level_changes& levels, time now);
  [[nodiscard]] book_action on_snapshot(const depth_snapshot& snapshot, time now) {
    return on_snapshot(snapshot.last_id(), level_changes::of(snapshot), now);
  }

  /// The request came to nothing; another is due after the interval.
  [[nodiscard]] book_action on_snapshot_failed(time now) {
    in_flight_ = false;
    return on_time(now);
  }

  /// Call it when due() has come; then a request may have to be made.
  [[nodiscard]] book_action on_time(time now) {
    book_action action;
    ask(action, now);
    return action;
  }
  /// When on_time() has something to do; nothing while no request is pending.
  [[nodiscard]] std::optional<time> due() const noexcept {
    if (!needs_snapshot() || !requested_at_ || waits_for_ever()) return std::nullopt;
    return *requested_at_ + (in_flight_ ? settings_.request_timeout : settings_.request_interval);
  }

  /// Forgets everything, as if new; for a stream that was given up. After a reconnect there is no need: if diffs are
  /// missing the next one shows it.
  void reset() noexcept {
    state_ = book_state::waiting;
    book_.clear();
    forget_diffs();
    holds_snapshot_ = false;
    in_flight_ = false;
    requested_at_.reset();
  }

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

  [[nodiscard]] bool needs_snapshot() const noexcept {
    return state_ == book_state::buffering || state_ == book_state::broken;
  }
  [[nodiscard]] bool waits_for_ever() const noexcept { return in_flight_ && settings_.request_timeout == time{0}; }

  // A snapshot may be of the middle of the diff that leads past it, and a futures' diff that ends at it still counts.
  [[nodiscard]] bool is_stale(std::uint64_t last_id) const noexcept {
    return settings_.rule == book_rule::futures && holds_snapshot_ ? last_id < id_ : last_id <= id_;
  }

  // A stream that is on its way to its snapshot has every right to lag.
  [[nodiscard]] std::size_t most_stale() const noexcept {
    constexpr std::size_t patience = 16;
    return holds_snapshot_ ? settings_.max_stale * patience : settings_.max_stale;
  }

  void forget_diffs() noexcept {
    kept_.clear();
    seen_.reset();
    stale_ = 0;
  }

  void keep(const step& next) {
    kept_.push(next);
    seen_ = next.last;
  }

  void ask(book_action& action, time now) noexcept {
    const auto when = due();
    if (!needs_snapshot() || waits_for_ever() || (when && now < *when)) return;
    action.request_snapshot = true;
    in_flight_ = true;
    requested_at_ = now;
  }

  void lose(book_action& action, gap_reason fault, std::uint64_t from, std::uint64_t to) noexcept {
    action.lost = book_loss{fault, from, to};
    if (state_ == book_state::live) state_ = book_state::broken;
    holds_snapshot_ = false;
  }

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

inline book_action book_synchroniser::on_diff(const book_diff& diff, time now) {
  book_action action;
  const bool chained = settings_.rule == book_rule::futures && diff.previous_id;
  const std::uint64_t before_first = diff.first_id == 0 ? 0 : diff.first_id - 1;
  const step next{chained ? *diff.previous_id : before_first, diff.last_id, diff.changes};
  const bool old = state_ == book_state::live ? is_stale(next.last) : seen_ && next.last <= *seen_;
  if (!old) {
    stale_ = 0;
  } else if (++stale_ < most_stale()) {
    ask(action, now);
    return action;
  } else {
    lose(action, gap_reason::renumbered, diff.first_id, diff.last_id);
    forget_diffs();
  }
  if (state_ == book_state::live) {
    follow(next, action);
  } else {
    buffer(next, action);
  }
  ask(action, now);
  return action;
}

inline void book_synchroniser::buffer(const step& next, book_action& action) {
  if (seen_ && next.before > *seen_) {
    lose(action, gap_reason::missing, *seen_ + 1, next.before);
    kept_.clear();  // no snapshot can lead across the hole
  }
  keep(next);
  action.input = outcome::buffered;
  if (state_ != book_state::waiting) return;
  state_ = book_state::buffering;
  if (!holds_snapshot_) return;
  // the snapshot came first
  if (next.before <= id_) {
    join(action);
  } else {
    holds_snapshot_ = false;
  }
}

inline void book_synchroniser::follow(const step& next, book_action& action) {
  if (next.before > id_) {
    lose(action, gap_reason::missing, id_ + 1, next.before);
    keep(next);
    action.input = outcome::buffered;
  } else if (apply(next, action)) {
    action.input = outcome::applied;
  } else {
    seen_ = next.last;  // the snapshot has to be newer than what does no good
  }
}

inline bool book_synchroniser::apply(const step& next, book_action& action) {
  if (book_.apply(next.changes) != errc::none) {
    lose(action, gap_reason::unusable, next.before + 1, next.last);
    return false;
  }
  if (book_.crossed()) {
    lose(action, gap_reason::crossed, next.before + 1, next.last);
    return false;
  }
  id_ = next.last;
  holds_snapshot_ = false;
  return true;
}

inline book_action book_synchroniser::on_snapshot(std::uint64_t last_id, const level_changes& levels, time now) {
  book_action action;
  in_flight_ = false;
  const bool was_live = state_ == book_state::live;
  if (was_live) {
    if (last_id <= id_) return action;
    seen_ = id_;
  }
  // what the diffs at hand follow; all before it is gone
  const auto earliest = kept_.empty() ? seen_ : std::optional{kept_[0].before};
  if (!earliest || last_id >= *earliest) {
    book_.assign(levels);
    id_ = last_id;
    holds_snapshot_ = true;
    if (book_.crossed()) {
      lose(action, gap_reason::crossed, last_id, last_id);
    } else if (earliest) {
      join(action);
    } else {
      action.input = outcome::buffered;
    }
  }
  action.resynchronised = action.resynchronised && !was_live;
  ask(action, now);
  return action;
}

// The book is that of a snapshot which the first diff at hand leads past, or follows.
inline void book_synchroniser::join(book_action& action) {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const step next = kept_[i];
    if (!is_stale(next.last) && !apply(next, action)) return;
  }
  forget_diffs();
  state_ = book_state::live;
  action.input = outcome::applied;
  action.resynchronised = true;
}

}  // namespace foxtrot::inline v0
