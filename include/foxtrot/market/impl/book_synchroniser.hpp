// foxtrot/market/impl/book_synchroniser.hpp: what book_synchroniser.hpp declares.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/market/book_action.hpp>
#include <foxtrot/market/book_synchroniser.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/level_changes.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

FOXTROT_DECL book_action book_synchroniser::on_diff(const book_diff& diff, time now) {
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

FOXTROT_DECL void book_synchroniser::buffer(const step& next, book_action& action) {
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

FOXTROT_DECL void book_synchroniser::follow(const step& next, book_action& action) {
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

FOXTROT_DECL bool book_synchroniser::apply(const step& next, book_action& action) {
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

FOXTROT_DECL book_action book_synchroniser::on_snapshot(std::uint64_t last_id, const level_changes& levels, time now) {
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
FOXTROT_DECL void book_synchroniser::join(book_action& action) {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const step next = kept_[i];
    if (!is_stale(next.last) && !apply(next, action)) return;
  }
  forget_diffs();
  state_ = book_state::live;
  action.input = outcome::applied;
  action.resynchronised = true;
}

FOXTROT_DECL book_synchroniser::book_synchroniser(const book_synchroniser_settings& settings)
    : settings_{settings}, book_{settings.book}, kept_{settings.max_diffs, settings.max_levels} {}

FOXTROT_DECL book_action book_synchroniser::on_diff(const depth_update& update, time now) {
  return on_diff(book_diff::of(update), now);
}

FOXTROT_DECL book_action book_synchroniser::on_snapshot(const depth_snapshot& snapshot, time now) {
  return on_snapshot(snapshot.last_id(), level_changes::of(snapshot), now);
}

FOXTROT_DECL book_action book_synchroniser::on_snapshot_failed(time now) {
  in_flight_ = false;
  return on_time(now);
}

FOXTROT_DECL book_action book_synchroniser::on_time(time now) {
  book_action action;
  ask(action, now);
  return action;
}

FOXTROT_DECL void book_synchroniser::reset() noexcept {
  state_ = book_state::waiting;
  book_.clear();
  forget_diffs();
  holds_snapshot_ = false;
  in_flight_ = false;
  requested_at_.reset();
}

FOXTROT_DECL bool book_synchroniser::needs_snapshot() const noexcept {
  return state_ == book_state::buffering || state_ == book_state::broken;
}

FOXTROT_DECL bool book_synchroniser::waits_for_ever() const noexcept {
  return in_flight_ && settings_.request_timeout == time{0};
}

FOXTROT_DECL bool book_synchroniser::is_stale(std::uint64_t last_id) const noexcept {
  return settings_.rule == book_rule::futures && holds_snapshot_ ? last_id < id_ : last_id <= id_;
}

FOXTROT_DECL std::size_t book_synchroniser::most_stale() const noexcept {
  constexpr std::size_t patience = 16;
  return holds_snapshot_ ? settings_.max_stale * patience : settings_.max_stale;
}

FOXTROT_DECL void book_synchroniser::forget_diffs() noexcept {
  kept_.clear();
  seen_.reset();
  stale_ = 0;
}

FOXTROT_DECL void book_synchroniser::keep(const step& next) {
  kept_.push(next);
  seen_ = next.last;
}

FOXTROT_DECL void book_synchroniser::ask(book_action& action, time now) noexcept {
  const auto when = due();
  if (!needs_snapshot() || waits_for_ever() || (when && now < *when)) return;
  action.request_snapshot = true;
  in_flight_ = true;
  requested_at_ = now;
}

FOXTROT_DECL void book_synchroniser::lose(book_action& action, gap_reason fault, std::uint64_t from,
                                          std::uint64_t to) noexcept {
  action.lost = book_loss{fault, from, to};
  if (state_ == book_state::live) state_ = book_state::broken;
  holds_snapshot_ = false;
}

FOXTROT_DECL std::optional<book_synchroniser::time> book_synchroniser::due() const noexcept {
  if (!needs_snapshot() || !requested_at_ || waits_for_ever()) return std::nullopt;
  return *requested_at_ + (in_flight_ ? settings_.request_timeout : settings_.request_interval);
}

}  // namespace foxtrot::inline v0
