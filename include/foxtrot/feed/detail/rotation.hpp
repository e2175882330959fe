// foxtrot/feed/detail/rotation.hpp: one connection takes over from another, or fails to in time.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/handover.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/line_settings.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// When a connection that begins now is to be replaced; zero: never.
template <class Random>
[[nodiscard]] std::chrono::milliseconds draw_age(const line_settings& settings, Random& random) {
  const auto most = std::clamp(settings.rotate_jitter, std::chrono::milliseconds{0}, settings.rotate_after / 2);
  return settings.rotate_after -
         std::chrono::milliseconds{std::uniform_int_distribution<std::int64_t>{0, most.count()}(random)};
}

/// Looks at both lines now and then. A Line has an `id`, tells whether its connection is `old`, whether it
/// `is_connected`, whether it `is_whole`: the venue has answered for all that it is to carry, and whether it `has_all`
/// of that. Loop thread only.
template <class Line>
class rotation : private live_object<rotation<Line>> {
 public:
  struct calls {
    std::function<void(Line& from, Line& to)> done;
    std::function<void(Line& from, Line& to)> failed;
  };

  rotation(timer_queue& timers, const line_arbiter& arbiter, const line_settings& settings, calls made)
      : timers_{timers}, arbiter_{arbiter}, settings_{settings}, calls_{std::move(made)} {}
  rotation(const rotation&) = delete;
  rotation& operator=(const rotation&) = delete;

  /// `to` is to take over these streams from `from`. Not while one is under way.
  void begin(Line& from, Line& to, std::vector<handover::stream> streams) {
    from_ = &from;
    to_ = &to;
    limit_ = timers_.now() + steady_time::duration{settings_.handover_limit};
    ready_.emplace(arbiter_, std::move(streams), steady_time::duration{settings_.overlap});
    look_later();
  }
  /// It is others by now.
  void follow(std::vector<handover::stream> streams) {
    if (under_way()) ready_->follow(std::move(streams));
  }
  /// Forgets what is under way.
  void end() noexcept {
    from_ = to_ = nullptr;
    look_.cancel();
  }
  [[nodiscard]] bool under_way() const noexcept { return to_ != nullptr; }
  /// Who is about to take over; null: nobody.
  [[nodiscard]] Line* successor() const noexcept { return to_; }

 private:
  static constexpr std::chrono::milliseconds look_every{20};

  void look_later() {
    look_ = timers_.call_after(steady_time::duration{look_every}, [this] { look(); });
  }
  void look() {
    const bool whole = to_->is_whole();
    const bool ready = ready_->ready(from_->id, to_->id, whole, timers_.now());
    const bool cut_off = !from_->old;  // what it has now is a new connection, or none
    const bool late = timers_.now() >= limit_;
    if (ready || (cut_off && whole)) return finish(calls_.done);
    if (cut_off && from_->has_all()) return finish(calls_.failed);  // two new ones are one too many
    if (!late) return look_later();
    finish(!from_->is_connected() && to_->is_connected() ? calls_.done : calls_.failed);
  }
  void finish(const std::function<void(Line&, Line&)>& how) {
    Line& from = *from_;
    Line& to = *to_;
    end();
    how(from, to);
  }

  timer_queue& timers_;
  const line_arbiter& arbiter_;
  const line_settings& settings_;
  const calls calls_;
  Line* from_{nullptr};
  Line* to_{nullptr};
  std::optional<handover> ready_;
  steady_time limit_{};
  timer look_;
};

}  // namespace foxtrot::inline v0::detail
