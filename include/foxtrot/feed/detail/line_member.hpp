// foxtrot/feed/detail/line_member.hpp: one of the lines of a set.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_hooks.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

namespace foxtrot::inline v0 {

/// What a set of lines tells its owner, on the loop.
struct line_set_hooks {
  std::function<void()> on_change{[] {}};                 ///< a state, a breaker, or which line leads
  std::function<void(bool)> on_connected{[](bool) {}};    ///< a line has; whether it is the only one
  confirmation_handler on_confirmed{[](const auto&) {}};  ///< streams that no other line had; none after other answers
};

namespace detail {

/// A line and its place at the arbiter, which it has as long as it lives.
template <class Line>
struct line_member : private live_object<line_member<Line>> {
  explicit line_member(publisher& to) : out{to}, id{to.lines().add_line(false)} {}
  line_member(const line_member&) = delete;
  line_member& operator=(const line_member&) = delete;
  ~line_member() {
    due.cancel();
    line.reset();
    if (id == no_line) return;
    out.line_lost(id);
    out.lines().remove_line(id);
  }
  [[nodiscard]] bool is_connected() const noexcept { return line->session.state() == session_state::connected; }

  /// The venue has answered for all that it is to carry.
  [[nodiscard]] bool is_whole() const { return is_connected() && line->session.subscriptions().settled(); }
  /// And has refused nothing.
  [[nodiscard]] bool has_all() const { return is_whole() && line->session.subscriptions().rejected() == 0; }

  publisher& out;
  const line_id id;
  std::unique_ptr<Line> line;
  timer due{};          // when it will be old
  bool old{false};      // its present connection is to be replaced
  bool leaving{false};  // it has been
};

/// Who is to lead: the one that leads as long as it is connected; then any that is; then any that stays.
template <class Line>
[[nodiscard]] line_member<Line>& leader_among(const std::vector<std::unique_ptr<line_member<Line>>>& all,
                                              line_member<Line>& now) {
  const auto stays = [](const auto& each) { return !each->leaving; };
  const auto serves = [](const auto& each) { return !each->leaving && each->is_connected(); };
  if (serves(&now)) return now;
  auto better = std::ranges::find_if(all, serves);
  if (better == all.end() && now.leaving) better = std::ranges::find_if(all, stays);
  return better != all.end() ? **better : now;
}

}  // namespace detail
}  // namespace foxtrot::inline v0
