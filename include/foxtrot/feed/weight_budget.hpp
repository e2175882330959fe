// foxtrot/feed/weight_budget.hpp: how soon a request of some weight may be made.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace foxtrot::inline v0 {

/// Spreads a minute's weight evenly, with two seconds' worth at once at most, so that polling never uses up what the
/// rest of the program needs; and keeps still while the venue says that nearly all of a minute's has been used, by
/// whomever. Time comes from the caller. One thread.
class weight_budget : private live_object<weight_budget> {
 public:
  /// `per_minute` is the venue's limit, `share` what may be used of it here.
  weight_budget(std::uint32_t per_minute, double share) noexcept
      : limit_{std::max(per_minute, 1U)},
        rate_{std::max(static_cast<double>(limit_) * std::clamp(share, 0.001, 1.0) / 60.0, 0.001)} {}

  /// When a request of that weight may be made: `now`, or later.
  [[nodiscard]] steady_time next_allowed(std::uint32_t weight, steady_time now) noexcept {
    refill(now);
    if (closed_until_ > now) return closed_until_;
    // what is heavier than the store ever holds goes when it is full
    const double missing = std::min(static_cast<double>(weight), most()) - stored_;
    if (missing <= 0) return now;
    return now + std::chrono::ceil<steady_time::duration>(std::chrono::duration<double>{missing / rate_});
  }
  void spend(std::uint32_t weight, steady_time now) noexcept {
    refill(now);
    stored_ -= weight;
  }
  /// The venue says that so much of this minute has been used, by everybody at this address; the minute ends in `left`.
  void told(std::uint32_t used, std::chrono::nanoseconds left, steady_time now) noexcept {
    if (static_cast<double>(used) >= 0.9 * limit_) closed_until_ = now + left;
  }
  /// Of this minute: the venue's begin with everybody's.
  [[nodiscard]] static std::chrono::nanoseconds left_of_minute() noexcept {
    constexpr std::int64_t minute = 60'000'000'000;
    return std::chrono::nanoseconds{minute - epoch_clock::now_ns() % minute};
  }

 private:
  [[nodiscard]] double most() const noexcept { return std::max(2 * rate_, 1.0); }

  void refill(steady_time now) noexcept {
    if (!began_) {
      began_ = true;
      stored_ = most();
    } else if (now > filled_) {
      stored_ = std::min(most(), stored_ + std::chrono::duration<double>{now - filled_}.count() * rate_);
    }
    filled_ = now;
  }

  const std::uint32_t limit_;
  const double rate_;  // a second
  double stored_{0};
  steady_time filled_{};
  steady_time closed_until_{};
  bool began_{false};
};

}  // namespace foxtrot::inline v0
