// foxtrot/feed/line_set.hpp: the connections that carry one set of streams, replaced without a break.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/detail/line_member.hpp>
#include <foxtrot/feed/detail/rotation.hpp>
#include <foxtrot/feed/handover.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/line_group.hpp>
#include <foxtrot/feed/line_settings.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_group.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Owns the lines that carry the same streams, one or several (A/B). Each is a session that reconnects by itself. A
/// line that is old, or whose end the venue announces, gets a successor, and goes when that one has delivered what it
/// had: see handover. If it is lost before, whichever of the two has all streams on a new connection first stays; if
/// the successor is not ready in time, it is given up, and the old line stays. One line leads: its ticks without ids
/// count.
///
/// A Line has a `session`, a websocket_manager, and is made with the place that it has among others. Loop thread only,
/// except tasks().
template <class Line>
class line_set : public line_set_hooks, private live_object<line_set<Line>> {
 public:
  using line_maker = std::function<std::unique_ptr<Line>(const line_place&)>;
  /// Which numbered stream of which symbol that is; nothing for others.
  using stream_finder = std::function<std::optional<handover::stream>(std::string_view)>;

  line_set(async_thread_bridge& bridge, publisher& out, venue where, session_group& feed, const line_settings& settings,
           const diagnostics& log, line_maker make, stream_finder find)
      : timers_{bridge.timers()},
        out_{out},
        where_{where},
        settings_{settings},
        log_{log},
        make_{std::move(make)},
        find_{std::move(find)},
        group_{feed},
        scope_{bridge.context(), "lines", &log} {
    for (std::size_t i = 0; i < settings.count; ++i) add();
    leader_ = lines_.front().get();
    leader_->line->session.lead(true);
  }
  line_set(const line_set&) = delete;
  line_set& operator=(const line_set&) = delete;

  /// Connects, where it was not, even for no stream.
  void subscribe(std::span<const std::string> streams) {
    wanted_.insert(streams.begin(), streams.end());
    for_each_in_use([&](Line& each) {
      each.session.subscribe(streams);
      each.session.start();
    });
    follow();
  }
  void unsubscribe(std::span<const std::string> streams) {
    for (const std::string& stream : streams) wanted_.erase(stream);
    for (const auto& each : lines_) each->line->session.unsubscribe(streams);
    follow();
  }
  /// Disconnects until something is subscribed to.
  void rest() {
    for (const auto& each : lines_) each->old = false;
    if (member* const next = rotation_.successor()) {
      rotation_.end();
      retire(*next);
    }
    resting_ = true;  // whoever is told last does not lead for a moment
    for_each_in_use([](Line& each) { each.rest(); });
    resting_ = false;
  }
  /// As rest(), for good, and not told to consumers where others carry on with all that there is.
  [[nodiscard]] task<> withdraw(steady_time::duration patience) {
    if (group_.withdraw()) publish(status_code::connected);
    return stop(patience);
  }
  [[nodiscard]] task<> stop(steady_time::duration patience) {
    stopping_ = true;
    rest();
    std::vector<Line*> left;  // the others are on their way already
    for_each_in_use([&left](Line& each) { left.push_back(&each); });
    for (Line* const each : left) (void)co_await each->session.stop(patience);
    (void)co_await scope_.wait_idle(timers_, 2 * goodbye_patience);
    (void)co_await scope_.close(timers_, patience);
    cancel();
  }
  void cancel() {
    stopping_ = true;
    rotation_.end();
    for (const auto& each : lines_) each->line->cancel();
    scope_.cancel();
  }
  void drop(std::error_code reason) {
    for (const auto& each : lines_) each->line->session.drop(reason);
  }
  /// Replaces every line that is connected.
  void rotate() {
    for (const auto& each : lines_) each->old = each->old || each->is_connected();
    replace_old();
  }

  [[nodiscard]] const std::set<std::string>& wanted() const noexcept { return wanted_; }
  [[nodiscard]] bool is_up() const noexcept { return group_.up() != 0; }
  [[nodiscard]] std::size_t up() const noexcept { return group_.up(); }
  /// The venue has said that it will send it, on one line at least.
  [[nodiscard]] bool is_confirmed(std::string_view stream) const {
    return any([&](const Line& each) { return each.session.subscriptions().is_confirmed(stream); });
  }
  /// The venue may still send it.
  [[nodiscard]] bool knows(std::string_view stream) const {
    return any([&](const Line& each) { return each.session.subscriptions().contains(stream); });
  }
  template <class Predicate>
  [[nodiscard]] bool any(Predicate holds) const {
    return std::ranges::any_of(lines_, [&holds](const auto& each) { return !each->leaving && holds(*each->line); });
  }
  /// The line that leads.
  [[nodiscard]] line_id leader() const noexcept { return leader_->id; }
  [[nodiscard]] const Line& leading() const noexcept { return *leader_->line; }
  /// Those among these streams that are numbered.
  [[nodiscard]] std::vector<handover::stream> numbered(const std::set<std::string>& streams) const {
    std::vector<handover::stream> found;
    for (const std::string& stream : streams)
      if (const auto one = find_(stream)) found.push_back(*one);
    return found;
  }
  /// Tasks that have not ended, by name. Any thread.
  [[nodiscard]] std::vector<std::string> tasks() const {
    const std::lock_guard lock{structure_};
    std::vector<std::string> names;
    for (const auto& each : lines_)
      for (std::string& name : each->line->session.tasks()) names.push_back(std::move(name));
    return names;
  }

 private:
  using member = detail::line_member<Line>;
  static constexpr std::chrono::milliseconds goodbye_patience{500};
  template <class Action>
  void for_each_in_use(Action action) {
    for (std::size_t i = 0; i < lines_.size(); ++i)
      if (!lines_[i]->leaving) action(*lines_[i]->line);
  }
  member& add() {
    auto made = std::make_unique<member>(out_);
    member& added = *made;
    added.line = make_({.group = &group_, .line = added.id, .leads = false});
    auto& session = added.line->session;
    session.on_state = [this, &added](session_state now, std::error_code) { state_changed(added, now); };
    session.on_breaker = [this](breaker_state) { on_change(); };
    session.on_connected = [this] { on_connected(group_.up() == 1); };
    session.on_confirmed = [this, &added](const auto& streams) { confirmed(added, streams); };
    session.on_shutdown = [this, &added] { replace(added); };
    const std::lock_guard lock{structure_};
    lines_.push_back(std::move(made));
    return added;
  }

  void state_changed(member& which, session_state now) {
    which.due.cancel();
    const auto age = detail::draw_age(settings_, random_);
    if (now != session_state::connected)
      which.old = which.old && now == session_state::closing;  // the next connection is a new one
    else if (age > age.zero())
      grow_old(which, age);
    if (now == session_state::error && !which.leaving) which.line->gave_up();
    choose_leader();
    leader_served_ = leader_served_ || leader_->is_connected();
    on_change();
  }
  void confirmed(const member& by, const std::vector<std::string>& streams) {
    std::vector<std::string> fresh;
    std::ranges::copy_if(streams, std::back_inserter(fresh), [&](const std::string& stream) {
      return std::ranges::none_of(lines_, [&](const auto& each) {
        return each.get() != &by && each->line->session.subscriptions().is_confirmed(stream);
      });
    });
    on_confirmed(fresh);
  }
  void grow_old(member& which, std::chrono::milliseconds wait) {
    which.due = timers_.call_after(steady_time::duration{wait}, [this, &which] { replace(which); });
  }
  void replace(member& which) {
    if (!which.is_connected()) return;  // it says goodbye already
    which.old = true;
    replace_old();
  }
  // One at a time of those that stand in for each other.
  void replace_old() {
    if (stopping_ || rotation_.under_way()) return;
    const auto old = std::ranges::find_if(lines_, [](const auto& each) { return each->old && !each->leaving; });
    if (old == lines_.end()) return;
    member& from = **old;
    member& to = add();
    if (to.id == no_line) return remove(to);  // it lives as long as the venue lets it, and reconnects
    rotation_.begin(from, to, numbered(wanted_));
    to.line->session.subscribe(std::vector<std::string>{wanted_.begin(), wanted_.end()});
    to.line->session.start();
  }
  void finish(member& from, member&) {
    out_.counters().rotations.add();
    retire(from);
    replace_old();
  }
  // The old one stays, and is replaced before long. Was it cut off, it goes on by itself, or has done so already.
  void give_up(member& from, member& to) {
    out_.counters().failed_rotations.add();
    retire(to);
    if (from.old || !from.has_all())
      log_.report(severity::warning, "line_set", "a new connection is not ready in time", errc::timeout);
    if (std::exchange(from.old, false) && from.is_connected()) grow_old(from, settings_.handover_limit);
    replace_old();
  }
  void retire(member& which) {
    which.leaving = true;
    which.due.cancel();
    choose_leader();
    (void)scope_.spawn("goodbye", goodbye(which));
  }
  [[nodiscard]] task<> goodbye(member& which) {
    (void)co_await which.line->session.stop(goodbye_patience);
    remove(which);
  }
  void remove(member& which) {
    const auto at = std::ranges::find(lines_, &which, &std::unique_ptr<member>::get);
    std::unique_lock lock{structure_};
    const std::unique_ptr<member> gone = std::move(*at);
    lines_.erase(at);
    lock.unlock();
    on_change();
  }

  void choose_leader() {
    member& better = detail::leader_among(lines_, *leader_);
    if (resting_ || &better == leader_) return;
    leader_->line->session.lead(false);
    leader_ = &better;
    leader_->line->session.lead(true);
    if (std::exchange(leader_served_, leader_->is_connected()) && numbered(wanted_).size() != wanted_.size())
      publish(status_code::line_changed);
  }
  void publish(status_code what) {
    publisher::batch{out_}.publish_status(make_status(what, epoch_clock::now_ns()), where_);
  }
  void follow() {
    if (rotation_.under_way()) rotation_.follow(numbered(wanted_));
  }

  timer_queue& timers_;
  publisher& out_;
  const venue where_;
  const line_settings& settings_;
  const diagnostics& log_;
  const line_maker make_;
  const stream_finder find_;
  line_group group_;
  std::minstd_rand random_{std::random_device{}()};
  std::set<std::string> wanted_;
  mutable std::mutex structure_;  // held while lines_ changes, and by who reads it on another thread
  std::vector<std::unique_ptr<member>> lines_;
  member* leader_{nullptr};
  bool leader_served_{false};  // it has been connected while it led: ticks without ids may have come by it
  detail::rotation<member> rotation_{
      timers_,
      out_.lines(),
      settings_,
      {std::bind_front(&line_set::finish, this), std::bind_front(&line_set::give_up, this)}};
  bool resting_{false}, stopping_{false};
  task_scope scope_;  // last: its tasks refer to the rest
};

}  // namespace foxtrot::inline v0
